use std::collections::HashMap;

use bson::oid::ObjectId;
use contracts::{
    auth::v1::{
        GetRelationsRequest, RelatedUser, Relation, ResolveMentionsRequest,
        StreamFolloweeIdsRequest, StreamFolloweesRequest, StreamFolloweesResponse,
        StreamFollowersRequest, StreamFollowersResponse, UserRole, UserStatus,
        relations_service_client::RelationsServiceClient,
    },
    rpc::CallerChannel,
};
use testkit::{Stack, User};
use tonic::Code;

use crate::{auth, channel, crowd, plant, user};

fn relations(stack: &Stack) -> RelationsServiceClient<CallerChannel> {
    RelationsServiceClient::new(channel(stack))
}

async fn relation(stack: &Stack, viewer: &User, other: &User) -> RelatedUser {
    let request = GetRelationsRequest {
        viewer_id: viewer.id.clone(),
        user_ids: vec![other.id.clone(), ObjectId::new().to_hex()],
    };
    let answer = relations(stack).get_relations(request).await.unwrap();
    let [related] = answer.into_inner().users.try_into().unwrap();
    related
}

#[tokio::test]
async fn what_stands_between_two_accounts_is_told_as_each_stands_to_the_other() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let (cy, di) = (user(&stack, "cy").await, user(&stack, "di").await);
    ana.follow(&di).await;
    cy.make_private().await;
    ana.follow(&cy).await;
    ana.mute(&bo).await;
    bo.block(&ana).await;
    cy.block(&bo).await;
    let seen = relation(&stack, &ana, &bo).await;
    let expected = Relation {
        muting: true,
        blocked_by: true,
        ..Relation::default()
    };
    assert_eq!(seen.relation, Some(expected));
    let account = seen.user.unwrap();
    assert_eq!(
        (account.id, account.username),
        (bo.id.clone(), bo.username.clone())
    );
    // A mute is nobody else's business.
    let expected = Relation {
        blocking: true,
        ..Relation::default()
    };
    assert_eq!(relation(&stack, &bo, &ana).await.relation, Some(expected));
    let expected = Relation {
        following: true,
        ..Relation::default()
    };
    assert_eq!(relation(&stack, &ana, &di).await.relation, Some(expected));
    let expected = Relation {
        followed_by: true,
        ..Relation::default()
    };
    assert_eq!(relation(&stack, &di, &ana).await.relation, Some(expected));
    let seen = relation(&stack, &ana, &cy).await;
    let expected = Relation {
        requested: true,
        ..Relation::default()
    };
    assert_eq!(seen.relation, Some(expected));
    assert!(seen.user.unwrap().is_private);
    let nothing = Some(Relation::default());
    assert_eq!(relation(&stack, &cy, &ana).await.relation, nothing);
}

#[tokio::test]
async fn the_viewer_is_told_of_too_and_may_be_among_the_others() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    ana.follow(&bo).await;
    stack.make_moderator(&ana).await;
    stack.suspend(&ana).await;
    let request = GetRelationsRequest {
        viewer_id: ana.id.clone(),
        user_ids: vec![ana.id.clone(), bo.id.clone(), bo.id.clone()],
    };
    let answer = relations(&stack).get_relations(request).await.unwrap();
    let answer = answer.into_inner();
    let viewer = answer.viewer.unwrap();
    assert_eq!(viewer.role(), UserRole::Moderator);
    assert_eq!(viewer.status(), UserStatus::Suspended);
    let mut ids: Vec<_> = answer
        .users
        .into_iter()
        .map(|it| it.user.unwrap())
        .collect();
    ids.sort_by(|one, other| one.id.cmp(&other.id));
    let mut expected = vec![(ana.id.clone(), 1, 0), (bo.id.clone(), 0, 1)];
    expected.sort();
    let seen = ids
        .into_iter()
        .map(|it| (it.id, it.following_count, it.followers_count));
    assert_eq!(seen.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn nobody_in_particular_is_not_found_and_nonsense_is_refused() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let unknown = ObjectId::new().to_hex();
    for (viewer_id, user_ids, code) in [
        (unknown.clone(), vec![ana.id.clone()], Code::NotFound),
        ("ana".to_owned(), vec![], Code::InvalidArgument),
        (ana.id.clone(), vec!["bo".to_owned()], Code::InvalidArgument),
        (ana.id.clone(), vec![unknown; 1_001], Code::InvalidArgument),
    ] {
        let request = GetRelationsRequest {
            viewer_id,
            user_ids,
        };
        let refused = relations(&stack).get_relations(request).await;
        assert_eq!(refused.unwrap_err().code(), code);
    }
}

async fn followees(stack: &Stack, user_id: &str) -> Vec<StreamFolloweesResponse> {
    let request = StreamFolloweesRequest {
        user_id: user_id.to_owned(),
    };
    let answer = relations(stack).stream_followees(request).await.unwrap();
    let (mut stream, mut messages) = (answer.into_inner(), Vec::new());
    while let Some(message) = stream.message().await.unwrap() {
        messages.push(message);
    }
    messages
}

#[tokio::test]
async fn everybody_whom_an_account_follows_is_streamed_in_the_order_of_the_follows() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let others = crowd(&stack, 1_203).await;
    let (followed, asked) = others.split_at(1_200);
    let from_ana = |id: &str| (ana.id.clone(), id.to_owned());
    // Not in the order of the accounts.
    let order: Vec<&str> = followed.iter().rev().map(|it| it.id.as_str()).collect();
    plant(&stack, order.iter().map(|id| from_ana(id)), "accepted").await;
    plant(&stack, asked.iter().map(|it| from_ana(&it.id)), "pending").await;
    let messages = followees(&stack, &ana.id).await;
    let sizes: Vec<usize> = messages.iter().map(|it| it.users.len()).collect();
    assert_eq!(sizes, [500, 500, 200]);
    let users: Vec<_> = messages.into_iter().flat_map(|it| it.users).collect();
    assert!(users.iter().all(|it| it.relation.unwrap().following));
    let ids = users.into_iter().map(|it| it.user.unwrap().id);
    assert_eq!(ids.collect::<Vec<_>>(), order);
    assert_eq!(followees(&stack, &others[0].id).await, []);
}

async fn followee_ids(stack: &Stack, user_id: &str) -> Vec<Vec<String>> {
    let request = StreamFolloweeIdsRequest {
        user_id: user_id.to_owned(),
    };
    let answer = relations(stack).stream_followee_ids(request).await.unwrap();
    let (mut stream, mut pages) = (answer.into_inner(), Vec::new());
    while let Some(message) = stream.message().await.unwrap() {
        pages.push(message.user_ids);
    }
    pages
}

#[tokio::test]
async fn the_ids_of_everybody_followed_are_streamed_without_a_look_at_the_accounts() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    // Nobody has these accounts.
    let order: Vec<String> = (0..1_001).map(|_| ObjectId::new().to_hex()).collect();
    let from_ana = |id: &String| (ana.id.clone(), id.clone());
    plant(&stack, order.iter().map(from_ana), "accepted").await;
    let asked = [ObjectId::new().to_hex()];
    plant(&stack, asked.iter().map(from_ana), "pending").await;
    let [first, second] = followee_ids(&stack, &ana.id).await.try_into().unwrap();
    assert_eq!(first, order[..1_000]);
    assert_eq!(second, order[1_000..]);
    assert!(followee_ids(&stack, &order[0]).await.is_empty());
    let request = StreamFolloweeIdsRequest {
        user_id: "nobody".to_owned(),
    };
    let refused = relations(&stack).stream_followee_ids(request).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
}

async fn followers(stack: &Stack, owner: &User, after: &str) -> Vec<StreamFollowersResponse> {
    messages(stack, owner, after, false).await
}

async fn messages(
    stack: &Stack,
    owner: &User,
    after: &str,
    one_message: bool,
) -> Vec<StreamFollowersResponse> {
    let request = StreamFollowersRequest {
        user_id: owner.id.clone(),
        after_position: after.to_owned(),
        one_message,
    };
    let answer = relations(stack).stream_followers(request).await.unwrap();
    let (mut stream, mut messages) = (answer.into_inner(), Vec::new());
    while let Some(message) = stream.message().await.unwrap() {
        messages.push(message);
    }
    messages
}

#[tokio::test]
async fn everybody_who_follows_an_account_is_streamed_and_a_broken_stream_goes_on() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let order: Vec<String> = (0..2_000).map(|_| ObjectId::new().to_hex()).collect();
    let to_ana = |id: &String| (id.clone(), ana.id.clone());
    plant(&stack, order.iter().map(to_ana), "accepted").await;
    let asking = [ObjectId::new().to_hex()];
    plant(&stack, asking.iter().map(to_ana), "pending").await;
    let [first, second] = followers(&stack, &ana, "").await.try_into().unwrap();
    assert_eq!(first.user_ids, order[..1_000]);
    assert_eq!(second.user_ids, order[1_000..]);
    let one = messages(&stack, &ana, "", true).await;
    assert_eq!(one, std::slice::from_ref(&first));
    let rest = followers(&stack, &ana, &first.position).await;
    assert_eq!(rest, std::slice::from_ref(&second));
    assert_eq!(followers(&stack, &ana, &second.position).await, []);
    let request = StreamFollowersRequest {
        user_id: ana.id.clone(),
        after_position: "nowhere".to_owned(),
        one_message: false,
    };
    let refused = relations(&stack).stream_followers(request).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn the_accounts_that_a_text_mentions_are_resolved_as_its_author_stands_to_them() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let (cy, di) = (user(&stack, "cy").await, user(&stack, "di").await);
    ana.follow(&bo).await;
    cy.block(&ana).await;
    let resolve = async |author_id: &str, usernames: Vec<String>| {
        let request = ResolveMentionsRequest {
            author_id: author_id.to_owned(),
            usernames,
        };
        relations(&stack).resolve_mentions(request).await
    };
    let names = vec![
        bo.username.to_uppercase(),
        cy.username.clone(),
        "nobody_at_all".to_owned(),
        format!("@{}", di.username),
        ana.username.clone(),
    ];
    let resolved = resolve(&ana.id, names).await.unwrap().into_inner().users;
    let resolved: HashMap<String, Relation> = resolved
        .into_iter()
        .map(|it| (it.user.unwrap().id, it.relation.unwrap()))
        .collect();
    let following = Relation {
        following: true,
        ..Relation::default()
    };
    let blocked_by = Relation {
        blocked_by: true,
        ..Relation::default()
    };
    let nothing = Relation::default();
    let expected = [
        (bo.id.clone(), following),
        (cy.id.clone(), blocked_by),
        (ana.id.clone(), nothing),
    ];
    assert_eq!(resolved, HashMap::from(expected));
    let none = resolve(&ana.id, Vec::new()).await.unwrap().into_inner();
    assert_eq!(none.users, []);
    let many = resolve(&ana.id, vec!["ana".to_owned(); 101]).await;
    assert_eq!(many.unwrap_err().code(), Code::InvalidArgument);
    let nonsense = resolve("ana", Vec::new()).await;
    assert_eq!(nonsense.unwrap_err().code(), Code::InvalidArgument);
}
