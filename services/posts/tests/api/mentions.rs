//! Who is told that a text names them, or is an answer to them.

use contracts::jobs::v1::{NotificationKind, Notify};
use serde_json::{Value, json};
use testkit::{Notifications, User, eventually};

use crate::{SOON, id, path, patient};

/// What `user` was told of this kind: who did it, and the ids of post and comment.
fn told(read: &Notifications, user: &User, kind: NotificationKind) -> Vec<[String; 3]> {
    let fields = |notify: Notify| {
        let [actor] = notify.actors.try_into().unwrap();
        [actor.user_id, notify.post_id, notify.comment_id]
    };
    let told = read.told(user, kind).into_iter().map(fields);
    told.collect()
}

/// Waits until everything that was told before is read: the last of it names `witness`.
async fn all_read(read: &Notifications, author: &User, witness: &User) {
    let before = read.told(witness, NotificationKind::Mention).len();
    author.publish(&format!("@{}", witness.username)).await;
    eventually(SOON, async || {
        read.told(witness, NotificationKind::Mention).len() > before
    })
    .await;
}

#[tokio::test]
async fn whoever_a_post_names_is_told_once() {
    let stack = patient().await;
    let read = Notifications::of(stack.sandbox()).await;
    let (ana, bo, cleo) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cleo").await,
    );
    let text = format!(
        "@{} and @{}, with @{}, @nobody.knows.me and @{} again",
        bo.username,
        cleo.username.to_uppercase(),
        ana.username,
        bo.username
    );
    let post = ana.publish(&text).await;
    all_read(&read, &cleo, &ana).await;
    let expected = vec![[ana.id.clone(), id(&post), String::new()]];
    assert_eq!(told(&read, &bo, NotificationKind::Mention), expected);
    assert_eq!(told(&read, &cleo, NotificationKind::Mention), expected);
    let to_ana = told(&read, &ana, NotificationKind::Mention);
    assert_eq!(to_ana.len(), 1, "but not of what she wrote herself");

    // Whoever is named in an edit and was not before.
    let edit = json!({ "caption": format!("@{} @{}", bo.username, cleo.username) });
    ana.patch(&path(&post), &edit).await.expect(200);
    let edit = json!({ "caption": format!("nobody at {}", bo.username) });
    ana.patch(&path(&post), &edit).await.expect(200);
    all_read(&read, &cleo, &ana).await;
    assert_eq!(told(&read, &bo, NotificationKind::Mention), expected);
    let edit = json!({ "caption": format!("@{}", bo.username) });
    ana.patch(&path(&post), &edit).await.expect(200);
    all_read(&read, &cleo, &ana).await;
    assert_eq!(told(&read, &bo, NotificationKind::Mention).len(), 2);
    assert_eq!(told(&read, &cleo, NotificationKind::Mention), expected);
}

#[tokio::test]
async fn whoever_may_not_see_a_post_is_not_told_of_it() {
    let stack = patient().await;
    let read = Notifications::of(stack.sandbox()).await;
    let (ana, bo, cleo) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cleo").await,
    );
    let (dan, eve, fay) = (
        stack.user("dan").await,
        stack.user("eve").await,
        stack.user("fay").await,
    );
    let all = [&bo, &cleo, &dan, &eve];
    let names: Vec<String> = all.iter().map(|it| format!("@{}", it.username)).collect();
    let names = names.join(" ");
    ana.block(&bo).await;
    cleo.block(&ana).await;
    stack.suspend(&dan).await;
    eve.follow(&ana).await;
    let heard = |user| told(&read, user, NotificationKind::Mention).len();

    ana.publish(&names).await;
    all_read(&read, &fay, &ana).await;
    assert_eq!(all.map(heard), [0, 0, 0, 1]);

    // Behind a private account there are its followers.
    ana.make_private().await;
    cleo.unblock(&ana).await;
    ana.publish(&names).await;
    all_read(&read, &fay, &ana).await;
    assert_eq!(all.map(heard), [0, 0, 0, 2]);

    ana.make_public().await;
    stack.shadow_ban(&ana).await;
    let hidden = ana.publish(&names).await;
    assert_eq!(hidden["mentions"].as_array().unwrap().len(), 4);
    all_read(&read, &fay, &ana).await;
    assert_eq!(all.map(heard), [0, 0, 0, 2]);
}

#[tokio::test]
async fn a_comment_tells_each_person_once_and_the_nearest_reason() {
    let stack = patient().await;
    let read = Notifications::of(stack.sandbox()).await;
    let (ana, bo, cleo) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cleo").await,
    );
    let post = ana.publish("hi").await;
    let names = format!("@{} @{} @{}", ana.username, bo.username, cleo.username);
    let comment = bo.comment(&post, &names).await;
    let reply = cleo.reply(&comment, &names).await;
    // An answer to oneself, on one's own post.
    let own = ana.publish("ho").await;
    let own_comment = ana.comment(&own, &format!("@{}", ana.username)).await;
    ana.reply(&own_comment, "so true").await;
    all_read(&read, &bo, &cleo).await;

    let of = |who: &User, what: &Value| [who.id.clone(), id(&post), id(what)];
    let heard = |user: &User| {
        use NotificationKind::{Comment, Mention, Reply};
        [Comment, Reply, Mention].map(|kind| told(&read, user, kind))
    };
    let to_ana = vec![of(&bo, &comment), of(&cleo, &reply)];
    assert_eq!(heard(&ana), [to_ana, vec![], vec![]]);
    assert_eq!(heard(&bo), [vec![], vec![of(&cleo, &reply)], vec![]]);
    let [_, _, to_cleo] = heard(&cleo);
    assert_eq!(to_cleo[0], of(&bo, &comment));
    assert_eq!(to_cleo.len(), 2);
}

#[tokio::test]
async fn a_comment_is_told_to_nobody_who_may_not_see_where_it_is() {
    let stack = patient().await;
    let read = Notifications::of(stack.sandbox()).await;
    let (ana, bo, cleo, dan) = (
        stack.user("ana").await,
        stack.user("bo").await,
        stack.user("cleo").await,
        stack.user("dan").await,
    );
    ana.make_private().await;
    for friend in [&bo, &dan] {
        friend.follow(&ana).await;
        ana.accept(friend).await;
    }
    let post = ana.publish("for friends").await;
    dan.block(&bo).await;
    bo.comment(&post, &format!("@{} @{}", cleo.username, dan.username))
        .await;
    all_read(&read, &cleo, &dan).await;
    let commented = told(&read, &ana, NotificationKind::Comment);
    assert_eq!(commented.len(), 1);
    let mentioned = |user| told(&read, user, NotificationKind::Mention).len();
    // By cleo, in what was waited for.
    assert_eq!([&cleo, &dan].map(mentioned), [0, 1]);
}
