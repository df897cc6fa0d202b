use bson::{Document, doc};
use contracts::{
    auth::v1::{GetUsersRequest, users_service_client::UsersServiceClient},
    rpc::CallerChannel,
};
use testkit::Stack;
use tonic::Code;

use crate::{auth, channel, user};

fn users(stack: &Stack) -> UsersServiceClient<CallerChannel> {
    UsersServiceClient::new(channel(stack))
}

#[tokio::test]
async fn accounts_are_found_by_id_and_unknown_ones_left_out() {
    let stack = auth().await;
    let (ana, bo) = (user(&stack, "ana").await, user(&stack, "bo").await);
    let filter = doc! { "username_lower": &bo.username };
    let users_collection = stack.mongodb().collection::<Document>("users");
    users_collection
        .update_one(
            filter,
            doc! { "$set": { "status": "suspended", "isShadowBanned": true } },
        )
        .await
        .unwrap();
    let user_ids = vec![
        ana.id.clone(),
        bo.id.clone(),
        "000000000000000000000000".to_owned(),
    ];
    let mut found = users(&stack)
        .get_users(GetUsersRequest { user_ids })
        .await
        .unwrap()
        .into_inner()
        .users;
    found.sort_by(|a, b| a.id.cmp(&b.id));
    let [a, b] = found.try_into().unwrap();
    assert_eq!(
        (a.id, a.username, a.is_shadow_banned),
        (ana.id.clone(), ana.username.clone(), false)
    );
    assert_eq!(
        (b.id, b.status, b.is_shadow_banned),
        (bo.id.clone(), 2, true)
    );
}

#[tokio::test]
async fn a_list_without_bounds_or_with_other_things_is_refused() {
    let stack = auth().await;
    for user_ids in [vec!["0".repeat(24); 1_001], vec!["ana".to_owned()]] {
        let refused = users(&stack)
            .get_users(GetUsersRequest { user_ids })
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}
