//! What services ask MongoDB is written down, and explained when a test ends:
//! see `testkit::Sandbox`. Here, that nothing is missing there and nothing too much.

use std::{fs, time::Duration};

use testkit::{Stack, eventually};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn every_service_writes_down_its_commands_and_nobodys_data() {
    let stack = Stack::start().await;
    let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
    ana.follow(&bo).await;
    let post = bo.publish("a text that is nobody's business").await;
    assert_eq!(ana.feed().await.len(), 1);
    ana.log_in_again().await;
    let path = format!("/api/posts/{}", post["_id"].as_str().unwrap());
    ana.post_empty(&format!("{path}/like")).await.expect(200);
    eventually(SOON, async || {
        bo.get(&path).await.expect(200)["likes_count"] == 1
    })
    .await;

    let written = fs::read_to_string(stack.sandbox().command_log()).unwrap();
    for command in [
        r#""createIndexes":"users""#,
        r#""find":"users""#,
        r#""insert":"follows""#,
        r#""createIndexes":"posts""#,
        r#""find":"posts""#,
        r#""insert":"likes""#,
        r#""findAndModify":"posts_slots""#,
        r#""commitTransaction":1"#,
    ] {
        assert!(written.contains(command), "{command}: {written}");
    }
    for datum in [
        &ana.id,
        &ana.username,
        &ana.email,
        &bo.id,
        &post["_id"].as_str().unwrap().to_owned(),
        &"nobody's business".to_owned(),
    ] {
        assert!(!written.contains(datum), "{datum}: {written}");
    }
}
