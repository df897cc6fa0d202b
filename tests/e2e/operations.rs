//! Every operation of every service, for tests that must know them all.

use testkit::{Client, Method, Response, Stack};
use web::Access;

/// An operation, and a path by which it can be asked for something that is not there.
pub(crate) struct Operation {
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) is_public: bool,
}

impl Operation {
    pub(crate) async fn ask(&self, client: &Client) -> Response {
        let request = client.request(self.method.clone(), &self.path);
        client.send(request).await
    }
}

pub(crate) fn operations() -> Vec<Operation> {
    let of = |service, routes: web::Routes| {
        let operations = routes.iter().map(|route| Operation {
            service,
            name: route.name,
            method: route.method.as_str().parse().unwrap(),
            path: concrete(route.path),
            is_public: route.access == Access::Public,
        });
        operations.collect::<Vec<_>>()
    };
    let mut all = of("auth", auth::routes());
    all.extend(of("posts", posts::routes()));
    all
}

/// `/api/users/{id}` with an id that nothing has; hashtags may be called so, too.
pub(crate) fn concrete(pattern: &str) -> String {
    let parts = pattern.split('/').map(|part| {
        let is_parameter = part.starts_with('{');
        if is_parameter {
            "65f0c0ffee65f0c0ffee65f0"
        } else {
            part
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

/// A service as others of the deployment reach it.
pub(crate) fn inside(stack: &Stack, service: &str) -> Client {
    match service {
        "auth" => stack.insider(),
        "posts" => stack.posts_insider(),
        other => panic!("there is no {other}"),
    }
}
