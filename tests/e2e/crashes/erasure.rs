//! An account is erased, with everything that hangs on it, while those who
//! erase it are killed at commits all the way.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use serde_json::json;
use testkit::{Method, Moment, User};
use tokio::{
    select,
    time::{sleep, timeout},
};

use super::rig::{Point, Rig};

/// Longest that any step of it may take to come.
const ARRIVAL: Duration = Duration::from_mins(1);
const ERASING: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(50);
/// What is kept: who moderated, and which accounts are not to come back.
const KEPT: [&str; 2] = ["audit_log", "posts_erasures"];

/// Every other commit: all of them take five minutes.
const STRIDE: usize = 2;

#[tokio::test]
async fn an_account_is_erased_to_its_end_whoever_is_killed() {
    let mut rig = Rig::start_with(&[("deletion-grace", "0s")]).await;
    for victim in 0..rig.victims.len() {
        let mut kills = 0;
        while kill_at(&mut rig, victim, kills).await {
            kills += STRIDE;
        }
        assert!(kills > STRIDE, "nothing was erased by {victim}");
    }
}

/// Erases an account, with a kill after so many commits of the victim; false if
/// it came to its end before.
async fn kill_at(rig: &mut Rig, victim: usize, commits: usize) -> bool {
    let ana = somebody(rig).await;
    rig.settled("before the kill").await;
    // By turns, so that each kind of step meets one or the other.
    let moment = [Moment::Before, Moment::After][commits / STRIDE % 2];
    let point = Point::of_mongodb(moment, "commitTransaction", commits + 1);
    let mut hold = rig.victims[victim].hold(&point);
    let leaving = tokio::spawn(leave(ana.clone()));
    let is_reached = select! {
        () = hold.reached(ARRIVAL) => true,
        () = erased(rig, &ana, "undisturbed") => false,
    };
    if is_reached {
        rig.kill(victim, vec![hold]).await;
    }
    timeout(ARRIVAL, leaving).await.expect("an answer").unwrap();
    let point = format!("{point:?} of {victim}");
    erased(rig, &ana, &point).await;
    rig.settled(&point).await;
    is_reached
}

/// Who has left traces everywhere.
async fn somebody(rig: &Rig) -> User {
    let (ana, bo, cy) = tokio::join!(rig.user("ana"), rig.user("bo"), rig.user("cy"));
    let [own, others] = [ana.publish("mine").await, bo.publish("not mine").await];
    ana.publish("mine, too").await;
    for (by, of) in [(&ana, &bo), (&bo, &ana), (&cy, &ana)] {
        by.follow(of).await;
    }
    cy.make_private().await;
    ana.follow(&cy).await;
    ana.block(&rig.user("dee").await).await;
    let comment = ana.comment(&others, "I say").await;
    bo.reply(&comment, "you say").await;
    ana.reply(&bo.comment(&others, "well?").await, "well!")
        .await;
    bo.comment(&own, "indeed").await;
    ana.save(&others).await;
    bo.save(&own).await;
    for (by, of) in [(&ana, &others), (&bo, &own)] {
        let report = json!({ "target_type": "post", "target_id": of["_id"], "reason": "spam" });
        by.post("/api/reports", &report).await.expect(202);
    }
    let oid = |text: &serde_json::Value| text.as_str().unwrap().parse::<ObjectId>().unwrap();
    for (user, post) in [(&ana, &others), (&bo, &own)] {
        plant_like(rig, user.id.parse().unwrap(), oid(&post["_id"])).await;
    }
    ana
}

/// Nobody works on the queue of likes here.
async fn plant_like(rig: &Rig, user: ObjectId, post: ObjectId) {
    let like = doc! {
        "user_id": user, "post_id": post, "type": "post", "reaction": "❤️", "version": 1_i64,
        "created_at": DateTime::now(),
    };
    let likes = rig.mongodb().collection::<Document>("likes");
    likes.insert_one(like).await.unwrap();
    let posts = rig.mongodb().collection::<Document>("posts");
    let counted = doc! { "$inc": { "likes_count": 1_i64 } };
    posts
        .update_one(doc! { "_id": post }, counted)
        .await
        .unwrap();
}

/// Asks until there is an answer.
async fn leave(ana: User) {
    let password = json!({ "password": ana.password });
    loop {
        let request = ana.request(Method::DELETE, "/api/auth/me").json(&password);
        match ana.try_send(request).await {
            // Whose login has ended has left.
            Ok(answer) if matches!(answer.status, 202 | 401) => return,
            _ => sleep(PAUSE).await,
        }
    }
}

/// Waits until nothing in the database names them any more.
async fn erased(rig: &Rig, ana: &User, point: &str) {
    let began = Instant::now();
    loop {
        let traces = traces(rig, ana).await;
        if traces.is_empty() {
            return;
        }
        assert!(began.elapsed() < ERASING, "{point}: {}", traces.join("\n"));
        sleep(PAUSE).await;
    }
}

async fn traces(rig: &Rig, ana: &User) -> Vec<String> {
    let names = [&ana.id, &ana.username, &ana.email];
    let mut traces = Vec::new();
    for collection in rig.mongodb().list_collection_names().await.unwrap() {
        if KEPT.contains(&collection.as_str()) {
            continue;
        }
        let documents = rig.mongodb().collection::<Document>(&collection);
        let documents = documents.find(doc! {}).await.unwrap();
        let documents: Vec<Document> = documents.try_collect().await.unwrap();
        for document in documents {
            let text = document.to_string();
            if names.iter().any(|name| text.contains(name.as_str())) {
                traces.push(format!("{collection}: {text}"));
            }
        }
    }
    traces
}
