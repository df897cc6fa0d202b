use runtime::Clock;
use tokens::Verifier;

use crate::{auth, user};

#[tokio::test]
async fn the_published_keys_verify_issued_tokens() {
    let stack = auth().await;
    let ana = user(&stack, "ana").await;
    let answer = stack.insider().get("/.well-known/jwks.json").await;
    answer.expect(200);
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let verifier = Verifier::new(1);
    verifier.set_keys(&answer.text()).unwrap();
    let access = verifier.verify(&ana.token, stack.clock().now()).unwrap();
    assert_eq!(access.user_id.to_string(), ana.id);
}

#[tokio::test]
async fn the_private_key_is_not_among_them() {
    let stack = auth().await;
    let keys = stack
        .insider()
        .get("/.well-known/jwks.json")
        .await
        .expect(200);
    for key in keys["keys"].as_array().unwrap() {
        assert!(key.get("d").is_none());
    }
}
