use std::sync::{Arc, Mutex};

use bson::{Document, doc, oid::ObjectId};
use bus::{AmqpSettings, Consumer, Handler, Message, NotHandled, Publisher};
use contracts::{
    events::v1::{Event, FollowState, PostsCounted, UserChanged, event::Fact},
    topology::{DEAD_LETTERS, EVENTS, POSTS_COUNTED},
};
use domain::UserId;
use runtime::{Clock, Shutdown};
use serde_json::json;
use testkit::{Stack, User, eventually};

use crate::{SOON, auth, auth_with_outages, documents, user};

async fn broker(stack: &Stack) -> AmqpSettings {
    AmqpSettings {
        amqp_url: stack.sandbox().direct_amqp_url().await.into(),
    }
}

fn counted(stack: &Stack, author: &str, count: i64, version: i64) -> Vec<u8> {
    let fact = Fact::PostsCounted(PostsCounted {
        author_id: author.to_owned(),
        count,
        version,
    });
    Event::new(ObjectId::new(), stack.clock().now(), fact).to_bytes()
}

/// Sends auth what posts would send it.
async fn tell(stack: &Stack, payloads: Vec<Vec<u8>>) {
    let publisher = Publisher::new(&broker(stack).await, "test");
    let message = |payload| Message {
        id: ObjectId::new().to_hex(),
        exchange: EVENTS.to_owned(),
        key: POSTS_COUNTED.to_owned(),
        headers: Vec::new(),
        payload,
    };
    let messages: Vec<Message> = payloads.into_iter().map(message).collect();
    for outcome in publisher.publish_all(&messages).await {
        outcome.unwrap();
    }
}

async fn posts_count_becomes(user: &User, count: i64) {
    eventually(SOON, async || user.me().await["posts_count"] == count).await;
}

#[tokio::test]
async fn the_newest_count_of_posts_holds_in_whatever_order_they_come() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let of_ana = |count, version| counted(&stack, &ana.id, count, version);
    let again = of_ana(7, 5);
    let told = vec![
        of_ana(2, 2),
        again.clone(),
        again,
        of_ana(6, 4),
        of_ana(1, 1),
        counted(&stack, "000000000000000000000000", 1, 1),
        counted(&stack, &bo.id, 1, 1),
    ];
    tell(&stack, told).await;
    // They are handled in turn, so with the last one all are.
    posts_count_becomes(&bo, 1).await;
    assert_eq!(ana.me().await["posts_count"], 7);
    tell(&stack, vec![of_ana(0, 6)]).await;
    posts_count_becomes(&ana, 0).await;
}

#[tokio::test]
async fn the_count_of_an_old_account_is_replaced_by_the_first_that_comes() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let users = stack.mongodb().collection::<Document>("users");
    let old = doc! { "$set": { "posts_count": 3.0 }, "$unset": { "posts_count_version": "" } };
    users.update_one(doc! {}, old).await.unwrap();
    tell(&stack, vec![counted(&stack, &ana.id, 4, 1)]).await;
    posts_count_becomes(&ana, 4).await;
}

/// Notes what it is given.
struct Notes(Arc<Mutex<Vec<Vec<u8>>>>);

impl Handler for Notes {
    async fn handle(&self, payload: &[u8]) -> Result<(), NotHandled> {
        self.0.lock().unwrap().push(payload.to_vec());
        Ok(())
    }
}

#[tokio::test]
async fn what_cannot_be_understood_is_put_aside_and_what_is_unknown_is_passed_over() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let stranger = Event {
        id: ObjectId::new().to_hex(),
        occurred_at: None,
        fact: None,
    };
    let other = Fact::UserChanged(UserChanged {
        user_id: ana.id.clone(),
        standing_changed: false,
    });
    let other = Event::new(ObjectId::new(), stack.clock().now(), other);
    let poison = [b"\xff\xff".to_vec(), counted(&stack, "nobody", 1, 1)];
    let [first, second] = poison.clone();
    let told = vec![
        first,
        stranger.to_bytes(),
        second,
        other.to_bytes(),
        counted(&stack, &ana.id, 2, 1),
    ];
    tell(&stack, told).await;
    posts_count_becomes(&ana, 2).await;
    let (dead, shutdown) = (Arc::<Mutex<Vec<_>>>::default(), Shutdown::new());
    let consumer = Consumer::new(&broker(&stack).await, DEAD_LETTERS, 16);
    let reading = tokio::spawn(consumer.run(shutdown.clone(), Notes(Arc::clone(&dead))));
    eventually(SOON, async || *dead.lock().unwrap() == poison).await;
    shutdown.begin_drain();
    reading.await.unwrap();
}

/// Which events wait for the broker, oldest first.
async fn waiting(stack: &Stack) -> Vec<Fact> {
    let rows = documents(stack, "auth_outbox", doc! { "exchange": EVENTS }).await;
    let fact = |row: &Document| {
        let payload = row.get_binary_generic("payload").unwrap();
        let fact = Event::from_bytes(payload).unwrap().fact.unwrap();
        assert_eq!(row.get_str("key").unwrap(), fact.routing_key());
        fact
    };
    rows.iter().map(fact).collect()
}

#[tokio::test]
async fn while_the_broker_is_down_everything_works_and_what_happened_is_told_later() {
    let stack = auth_with_outages().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let cy = user(&stack, "cy").await;
    cy.make_private().await;
    eventually(SOON, async || waiting(&stack).await.is_empty()).await;
    stack.sandbox().amqp_proxy().cut();
    ana.follow(&bo).await;
    ana.follow(&bo).await;
    ana.follow(&cy).await;
    ana.unfollow(&bo).await;
    ana.unfollow(&bo).await;
    ana.patch("/api/users/me", &json!({ "bio": "new" }))
        .await
        .expect(200);
    ana.patch("/api/users/me", &json!({})).await.expect(200);
    let change = |other: &User, state: FollowState| {
        Fact::FollowChanged(contracts::events::v1::FollowChanged {
            follower_id: ana.id.clone(),
            followee_id: other.id.clone(),
            state: state.into(),
        })
    };
    let expected = [
        change(&bo, FollowState::Following),
        change(&cy, FollowState::Requested),
        change(&bo, FollowState::None),
        Fact::UserChanged(UserChanged {
            user_id: ana.id.clone(),
            standing_changed: false,
        }),
    ];
    assert_eq!(waiting(&stack).await, expected);
    tell(&stack, vec![counted(&stack, &ana.id, 3, 1)]).await;

    stack.sandbox().amqp_proxy().restore();
    eventually(SOON, async || waiting(&stack).await.is_empty()).await;
    posts_count_becomes(&ana, 3).await;
}

#[tokio::test]
async fn a_change_that_fails_tells_nothing() {
    let stack = auth_with_outages().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    stack.sandbox().amqp_proxy().cut();
    let taken = json!({ "username": bo.username });
    let refused = ana.patch("/api/users/me", &taken).await;
    refused.expect_problem(409, "username_taken");
    let id: UserId = bo.id.parse().unwrap();
    let users = stack.mongodb().collection::<Document>("users");
    users.delete_one(doc! { "_id": id }).await.unwrap();
    let path = format!("/api/users/{}/follow", bo.id);
    let refused = ana.post_empty(&path).await;
    refused.expect_problem(404, "user_not_found");
    assert_eq!(waiting(&stack).await, []);
}
