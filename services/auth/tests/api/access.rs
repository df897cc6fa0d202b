use testkit::Method;
use web::Access;

use crate::auth;

#[tokio::test]
async fn every_operation_for_accounts_refuses_whoever_shows_no_token() {
    let stack = auth().await;
    for route in auth::routes().iter() {
        let method: Method = route.method.as_str().parse().unwrap();
        let path = route.path.replace("{id}", "000000000000000000000000");
        let door = stack.insider();
        let answer = door.send(door.request(method, &path)).await;
        match route.access {
            Access::Account => {
                answer.expect_problem(401, "missing_token");
            }
            Access::Public => assert_ne!(answer.status, 401, "{}", route.name),
        }
    }
}
