//! What is done about accounts and content as a whole, for auth.

use std::time::Duration;

use bson::Document;
use bus::{AmqpSettings, Message, Publisher};
use contracts::{
    events::v1::{ContentRemoved, ContentType, Event, event::Fact},
    posts::v1::{
        ExportAccountRequest, FindContentRequest, FindContentResponse,
        accounts_service_client::AccountsServiceClient,
    },
    rpc::{Caller, CallerChannel},
};
use domain::Timestamp;
use serde_json::{Value, json};
use testkit::{Stack, User, eventually};
use tonic::{Code, Status};

use crate::{SOON, applied, id, ids, path, patient, planted};

fn accounts(stack: &Stack) -> AccountsServiceClient<CallerChannel> {
    let (url, credential) = (stack.posts_grpc_url(), stack.credential());
    let channel = Caller::channel(&url, credential, Duration::from_secs(5));
    AccountsServiceClient::new(channel.unwrap())
}

/// What posts is told, as if a service had published it.
pub(crate) async fn tell(stack: &Stack, fact: Fact) {
    let settings = AmqpSettings {
        amqp_url: stack.sandbox().direct_amqp_url().await.into(),
    };
    let publisher = Publisher::new(&settings, "test");
    let (id, key) = (bson::oid::ObjectId::new(), fact.routing_key());
    let event = Event::new(id, Timestamp::from_millis(1), fact);
    let message = Message {
        id: id.to_hex(),
        exchange: contracts::topology::EVENTS.to_owned(),
        key: key.to_owned(),
        headers: Vec::new(),
        payload: event.to_bytes(),
    };
    publisher.publish(&message).await.unwrap();
}

async fn find(
    stack: &Stack,
    viewer: &User,
    content_type: ContentType,
    content_id: &str,
) -> Result<FindContentResponse, Status> {
    let request = FindContentRequest {
        viewer_id: viewer.id.clone(),
        content_type: content_type.into(),
        content_id: content_id.to_owned(),
    };
    let found = accounts(stack).find_content(request).await;
    found.map(tonic::Response::into_inner)
}

/// The sections of an export in their order, each with its items.
async fn export(stack: &Stack, user: &User) -> Vec<(String, Vec<Value>)> {
    let request = ExportAccountRequest {
        user_id: user.id.clone(),
    };
    let answer = accounts(stack).export_account(request).await.unwrap();
    let mut messages = answer.into_inner();
    let mut sections: Vec<(String, Vec<Value>)> = Vec::new();
    while let Some(message) = messages.message().await.unwrap() {
        let items = message.items.iter();
        let mut items = items.map(|it| serde_json::from_str(it).unwrap()).collect();
        match sections.last_mut() {
            Some((section, so_far)) if *section == message.section => so_far.append(&mut items),
            _ => sections.push((message.section, items)),
        }
    }
    sections
}

#[tokio::test]
async fn content_is_found_by_whoever_may_see_it() {
    let stack = patient().await;
    let (ana, bo, cleo) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cleo").await,
    );
    let body = json!({ "content": "look", "media_urls": ["/media/1"] });
    let post = ana.post("/api/posts", &body).await.expect(201);
    let comment = bo.comment(&post, "I do").await;
    let found = find(&stack, &cleo, ContentType::Post, &id(&post)).await;
    let expected = FindContentResponse {
        author_id: ana.id.clone(),
        text: "look".to_owned(),
        media_urls: vec!["/media/1".to_owned()],
    };
    assert_eq!(found.unwrap(), expected);
    let found = find(&stack, &cleo, ContentType::Comment, &id(&comment)).await;
    let found = found.unwrap();
    assert_eq!(
        (found.author_id, found.text),
        (bo.id.clone(), "I do".into())
    );

    let code = async |viewer: &User, kind, id: &str| {
        let found = find(&stack, viewer, kind, id).await;
        found.map(drop).map_err(|status| status.code())
    };
    bo.block(&cleo).await;
    let (post_id, comment_id) = (id(&post), id(&comment));
    for (viewer, kind, content_id, expected) in [
        (&cleo, ContentType::Comment, &*comment_id, Code::NotFound),
        (&ana, ContentType::Comment, &*post_id, Code::NotFound),
        (&ana, ContentType::Post, &*comment_id, Code::NotFound),
        (&ana, ContentType::Post, "nonsense", Code::InvalidArgument),
        (&ana, ContentType::Reel, &*post_id, Code::InvalidArgument),
    ] {
        let found = code(viewer, kind, content_id).await;
        assert_eq!(found, Err(expected), "{kind:?} {content_id}");
    }
    ana.make_private().await;
    let hidden = code(&cleo, ContentType::Post, &post_id).await;
    assert_eq!(hidden, Err(Code::NotFound));
    ana.delete(&path(&post)).await.expect(204);
    let gone = code(&ana, ContentType::Post, &post_id).await;
    assert_eq!(gone, Err(Code::NotFound));
}

#[tokio::test]
async fn what_a_moderator_removes_is_gone_as_if_its_author_had_deleted_it() {
    let stack = patient().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    let (post, other) = (ana.publish("bad").await, ana.publish("good").await);
    let comment = bo.comment(&other, "bad").await;
    bo.comment(&other, "good").await;
    let removed = |kind: ContentType, document: &Value| {
        Fact::ContentRemoved(ContentRemoved {
            content_type: kind.into(),
            content_id: id(document),
        })
    };
    // Twice, and what belongs to others or to nobody.
    for fact in [
        removed(ContentType::Post, &post),
        removed(ContentType::Post, &post),
        removed(ContentType::Comment, &comment),
        removed(ContentType::Comment, &comment),
        removed(ContentType::Reel, &other),
        removed(ContentType::Post, &comment),
    ] {
        tell(&stack, fact).await;
    }
    eventually(SOON, async || {
        ana.get(&path(&post)).await.status == 404
            && ana.get(&path(&other)).await.expect(200)["comments_count"] == 1
    })
    .await;
    assert_eq!(planted::count(&stack, &ana).await, Some((1, 3)));
    eventually(SOON, async || ana.me().await["posts_count"] == 1).await;
    let feed = ana.list("/api/posts/feed").await;
    assert_eq!(ids(&feed), [id(&other)]);
}

#[tokio::test]
async fn an_export_has_everything_oldest_first_and_nothing_of_others() {
    let stack = patient().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    assert_eq!(export(&stack, &ana).await, []);

    let mut expected = Vec::new();
    for n in 0..3 {
        expected.push(id(&ana
            .publish(&format!("number {n} #tag @{}", bo.username))
            .await));
    }
    // As many as several pages have, some of one moment.
    let older: Vec<Document> = (0..120)
        .map(|n| planted::post(planted::oid(&ana), n / 3))
        .collect();
    planted::posts(&stack).insert_many(&older).await.unwrap();
    let mut planted: Vec<_> = older
        .iter()
        .map(|post| {
            (
                post.get_datetime("created_at").unwrap(),
                post.get_object_id("_id").unwrap(),
            )
        })
        .collect();
    planted.sort();
    let planted = planted.iter().map(|(_, id)| id.to_hex());
    let expected: Vec<String> = planted.chain(expected).collect();
    let deleted = expected.last().unwrap();
    ana.delete(&format!("/api/posts/{deleted}"))
        .await
        .expect(204);

    let theirs = bo.publish("bo's").await;
    let comment = ana.comment(&theirs, "nice").await;
    let reply = bo.reply(&comment, "thanks").await;
    ana.like(&theirs).await;
    ana.like_comment(&reply).await;
    ana.save(&theirs).await;
    applied(&stack).await;

    let sections = export(&stack, &ana).await;
    let names: Vec<&str> = sections.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["posts", "comments", "likes", "saved_posts"]);
    let [posts, comments, likes, saves] = sections
        .into_iter()
        .map(|(_, items)| items)
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    assert_eq!(ids(&posts), expected);
    let last = posts.last().unwrap();
    assert!(last["deleted_at"].is_string(), "{last}");
    assert_eq!(
        (&last["hashtags"], &last["caption"]),
        (
            &json!(["tag"]),
            &json!(format!("number 2 #tag @{}", bo.username))
        )
    );
    assert!(last.get("user").is_none() && last.get("user_id").is_none());
    assert_eq!(comments.len(), 1);
    assert_eq!(
        (&comments[0]["content"], &comments[0]["replies_count"]),
        (&json!("nice"), &json!(1))
    );
    assert_eq!(likes.len(), 2);
    assert_eq!(
        (&likes[0]["type"], &likes[0]["post_id"]),
        (&json!("post"), &theirs["_id"])
    );
    assert_eq!(
        (&likes[1]["type"], &likes[1]["comment_id"]),
        (&json!("comment"), &reply["_id"])
    );
    assert_eq!((saves.len(), &saves[0]["post_id"]), (1, &theirs["_id"]));
}
