//! Every operation behind the gateway.

use web::{Access, RouteInfo, Routes};

use crate::{code, table};

const INTRODUCTION: &str = "\
# Routes

Every operation that clients reach through the gateway, with the service that answers it. Its name is that of its span, its
metrics and its file, `src/http/<operation>.rs`. `{id}` of an account is an id or `@username`. Whoever may `GET` may ask for
`HEAD`. What an operation takes and answers is in the README of its service.

";

fn for_whom(access: Access) -> &'static str {
    match access {
        Access::Public => "everybody",
        Access::Account => "accounts",
        Access::Moderator => "moderators",
    }
}

pub(crate) fn page() -> String {
    let services: [(&str, Routes); 2] = [("auth", auth::routes()), ("posts", posts::routes())];
    let mut operations: Vec<(&str, &RouteInfo)> = Vec::new();
    for (service, routes) in &services {
        operations.extend(routes.iter().map(|route| (*service, route)));
    }
    operations.sort_by_key(|(_, route)| (route.path, route.method.to_string()));
    let rows = operations.into_iter().map(|(service, route)| {
        [
            route.method.to_string(),
            code(route.path),
            for_whom(route.access).to_owned(),
            code(route.name),
            service.to_owned(),
        ]
    });
    let head = ["method", "path", "for", "operation", "service"];
    format!("{INTRODUCTION}{}", table(head, rows))
}
