//! Whatever body a client sends, it gets the documented refusal: never a 500,
//! never silence, and the next client notices nothing.

use std::time::Duration;

use contracts::rpc::CREDENTIAL_HEADER;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use testkit::{Client, Method, Response, Stack, User, eventually, raw_request, registration};

/// A post is counted within this.
const SOON: Duration = Duration::from_secs(10);

/// A body that is refused, and how.
struct Refused {
    what: &'static str,
    body: Vec<u8>,
    content_type: Option<&'static str>,
    status: u16,
    code: &'static str,
}

fn refused(
    what: &'static str,
    body: impl Into<Vec<u8>>,
    status: u16,
    code: &'static str,
) -> Refused {
    Refused {
        what,
        body: body.into(),
        content_type: Some("application/json"),
        status,
        code,
    }
}

/// An operation that reads a body, and a body that it takes.
struct Operation {
    name: &'static str,
    method: Method,
    /// `{post}` and `{comment}` are of whoever asks, `{user}` is somebody else, and
    /// `{report}` one about them.
    path: &'static str,
    /// The members that must be text.
    required: &'static [&'static str],
    /// The members that are text, `null` or absent.
    optional: &'static [&'static str],
    valid: Value,
}

impl Operation {
    fn texts(&self) -> impl Iterator<Item = &'static str> {
        self.required.iter().chain(self.optional).copied()
    }

    /// A member that is text.
    fn text(&self) -> &'static str {
        self.texts().next().unwrap()
    }
}

fn operations() -> Vec<Operation> {
    let mut all = of_auth();
    all.extend(of_posts());
    all
}

fn of_auth() -> Vec<Operation> {
    vec![
        Operation {
            name: "register",
            method: Method::POST,
            path: "/api/auth/register",
            required: &["email", "password", "username", "full_name", "dob"],
            optional: &[],
            valid: registration("ana"),
        },
        Operation {
            name: "login",
            method: Method::POST,
            path: "/api/auth/login",
            required: &["email", "password"],
            optional: &[],
            valid: json!({ "email": "ana@example.org", "password": "correct horse battery" }),
        },
        Operation {
            name: "verify_email",
            method: Method::POST,
            path: "/api/auth/email/verify",
            required: &["token"],
            optional: &[],
            valid: json!({ "token": "x" }),
        },
        Operation {
            name: "forgot_password",
            method: Method::POST,
            path: "/api/auth/password/forgot",
            required: &["email"],
            optional: &[],
            valid: json!({ "email": "ana@example.org" }),
        },
        Operation {
            name: "reset_password",
            method: Method::POST,
            path: "/api/auth/password/reset",
            required: &["token", "new_password"],
            optional: &[],
            valid: json!({ "token": "x", "new_password": "another horse battery" }),
        },
        Operation {
            name: "change_password",
            method: Method::POST,
            path: "/api/auth/password",
            required: &["current_password", "new_password"],
            optional: &[],
            valid: json!({ "current_password": "no horse battery", "new_password": "another horse battery" }),
        },
        Operation {
            name: "delete_me",
            method: Method::DELETE,
            path: "/api/auth/me",
            required: &["password"],
            optional: &[],
            valid: json!({ "password": "no horse battery" }),
        },
        Operation {
            name: "update_me",
            method: Method::PATCH,
            path: "/api/users/me",
            required: &[],
            optional: &["full_name", "bio", "avatar_url", "username"],
            valid: json!({ "full_name": "Ana", "bio": "hi" }),
        },
        Operation {
            name: "create_report",
            method: Method::POST,
            path: "/api/reports",
            required: &["target_type", "target_id", "reason"],
            optional: &["details"],
            valid: json!({ "target_type": "user", "target_id": "65f0c0ffee65f0c0ffee65f0", "reason": "spam", "details": "so it is" }),
        },
        Operation {
            name: "moderate_user",
            method: Method::PATCH,
            path: "/api/admin/users/{user}",
            required: &[],
            optional: &["status", "role", "reason"],
            valid: json!({ "status": "active", "reason": "none" }),
        },
        Operation {
            name: "resolve_report",
            method: Method::POST,
            path: "/api/admin/reports/{report}/resolve",
            required: &["action"],
            optional: &["note"],
            valid: json!({ "action": "dismiss", "note": "nothing" }),
        },
    ]
}

fn of_posts() -> Vec<Operation> {
    vec![
        Operation {
            name: "create_post",
            method: Method::POST,
            path: "/api/posts",
            required: &[],
            optional: &["content", "location"],
            valid: json!({ "content": "hi", "location": "here" }),
        },
        Operation {
            name: "edit_post",
            method: Method::PATCH,
            path: "/api/posts/{post}",
            required: &[],
            optional: &["caption", "location"],
            valid: json!({ "caption": "hi", "location": "here" }),
        },
        Operation {
            name: "like_post",
            method: Method::POST,
            path: "/api/posts/{post}/like",
            required: &[],
            optional: &["reaction"],
            valid: json!({ "reaction": "❤️" }),
        },
        Operation {
            name: "create_comment",
            method: Method::POST,
            path: "/api/posts/{post}/comments",
            required: &["content"],
            optional: &["parent_id"],
            valid: json!({ "content": "hi", "parent_id": null }),
        },
        Operation {
            name: "like_comment",
            method: Method::POST,
            path: "/api/comments/{comment}/like",
            required: &[],
            optional: &["reaction"],
            valid: json!({ "reaction": "❤️" }),
        },
    ]
}

/// A moderator with things of all kinds.
struct Scene {
    stack: Stack,
    ana: User,
    post: String,
    comment: String,
    user: String,
    report: String,
}

impl Scene {
    async fn set() -> Self {
        let stack = Box::pin(Stack::builder().patient().start()).await;
        let (ana, bo) = (stack.user("ana").await, stack.user("bo").await);
        stack.make_moderator(&ana).await;
        let post = ana.publish("a post").await;
        let comment = ana.comment(&post, "a comment").await;
        let report = json!({ "target_type": "user", "target_id": bo.id, "reason": "spam" });
        let report = ana.post("/api/reports", &report).await.expect(202);
        eventually(SOON, async || ana.me().await["posts_count"] == 1).await;
        let id = |it: &Value| it["_id"].as_str().unwrap().to_owned();
        Self {
            post: id(&post),
            comment: id(&comment),
            user: bo.id,
            report: id(&report),
            stack,
            ana,
        }
    }

    /// What nothing of this may change.
    async fn state(&self) -> Vec<Value> {
        let comments = format!("/api/posts/{}/comments", self.post);
        let mut state = Vec::new();
        for path in [
            "/api/auth/me",
            "/api/posts/feed",
            &comments,
            "/api/admin/reports",
        ] {
            state.push(self.ana.get(path).await.expect(200));
        }
        state
    }

    async fn send(&self, door: &Client, operation: &Operation, body: &Refused) -> Response {
        let path = operation
            .path
            .replace("{post}", &self.post)
            .replace("{comment}", &self.comment)
            .replace("{user}", &self.user)
            .replace("{report}", &self.report);
        let request = door.request(operation.method.clone(), &path);
        let mut request = request.body(body.body.clone());
        if let Some(content_type) = body.content_type {
            request = request.header("content-type", content_type);
        }
        door.send(request).await
    }
}

/// The gateway with a token, and the service behind it with a token: the second
/// must not rely on the first.
pub(crate) fn doors(stack: &Stack, user: &User, path: &str) -> [(&'static str, Client); 2] {
    let is_of_posts = ["/api/posts", "/api/comments"];
    let is_of_posts = is_of_posts.iter().any(|prefix| path.starts_with(prefix));
    let (name, insider) = if is_of_posts {
        ("posts", stack.posts_insider())
    } else {
        ("auth", stack.insider())
    };
    [
        ("gateway", user.at(&stack.anonymous())),
        (name, user.at(&insider)),
    ]
}

/// Every operation at both doors answers every body as it says, and everything
/// is as before.
async fn all_refused(bodies: impl Fn(&Operation) -> Vec<Refused>) {
    let scene = Scene::set().await;
    let before = scene.state().await;
    let mut wrong = Vec::new();
    for operation in operations() {
        for body in bodies(&operation) {
            for (door, client) in doors(&scene.stack, &scene.ana, operation.path) {
                let answer = scene.send(&client, &operation, &body).await;
                if (answer.status, answer.problem_code().as_str()) == (body.status, body.code) {
                    let _ = answer.problem();
                } else {
                    let Refused {
                        what, status, code, ..
                    } = body;
                    let name = operation.name;
                    wrong.push(format!(
                        "{door} {name}, {what}: not {status} {code} but {answer:?}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(scene.state().await, before);
}

#[tokio::test]
async fn what_is_not_json_is_malformed() {
    all_refused(|operation| {
        let valid = operation.valid.to_string();
        let malformed = |what, body: Vec<u8>| refused(what, body, 400, "malformed_json");
        let invalid_utf8 = {
            let field = operation.text();
            [
                format!("{{\"{field}\":\"").as_bytes(),
                b"\xff\xfe\xc3\x28",
                b"\"}",
            ]
            .concat()
        };
        let lone_surrogate = format!("{{\"{}\":\"\\ud800\"}}", operation.text());
        let raw_control = format!("{{\"{}\":\"a\nb\"}}", operation.text());
        let mut bodies = vec![
            malformed("spaces", b"  \n".to_vec()),
            malformed("a word", b"hello".to_vec()),
            malformed("a form", b"email=a%40b.co&password=x".to_vec()),
            malformed("cut off", valid.as_bytes()[..valid.len() - 3].to_vec()),
            malformed("something after it", format!("{valid} {{}}").into_bytes()),
            malformed("a comma too many", valid.replace('}', ",}").into_bytes()),
            malformed("single quotes", valid.replace('"', "'").into_bytes()),
            malformed("a byte order mark", format!("\u{feff}{valid}").into_bytes()),
            malformed("invalid UTF-8", invalid_utf8),
            malformed("half a surrogate pair", lone_surrogate.into_bytes()),
            malformed("a raw control character", raw_control.into_bytes()),
            malformed("a NUL byte", b"\0".to_vec()),
            malformed(
                "UTF-16",
                valid.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            ),
        ];
        // Whoever likes something need not say with what.
        if !operation.name.starts_with("like_") {
            bodies.push(malformed("nothing", b"".to_vec()));
        }
        bodies
    })
    .await;
}

#[tokio::test]
async fn json_of_another_shape_breaks_the_rules() {
    all_refused(|operation| {
        let broken = |what, body: String| refused(what, body, 422, "validation_failed");
        let with = |member: &str, value: Value| {
            let mut body = operation.valid.clone();
            body[member] = value;
            body.to_string()
        };
        let mut bodies = vec![
            broken("a number", "7".to_owned()),
            broken("text", "\"hello\"".to_owned()),
            broken("null", "null".to_owned()),
            broken("true", "true".to_owned()),
            broken("a list of objects", format!("[{}]", operation.valid)),
            broken("an unknown member", with("is_admin", json!(true))),
            broken(
                "an unknown member with an operator's name",
                with("$set", json!({ "role": "admin" })),
            ),
            broken("a member with another case", with("Email", json!("a@b.co"))),
            broken("__proto__", with("__proto__", json!({ "role": "admin" }))),
        ];
        // Moderators have a role to give.
        if !operation.optional.contains(&"role") {
            let body = with("role", json!("admin"));
            bodies.push(broken("a member that only we may set", body));
        }
        for member in operation.texts() {
            for value in [
                json!(7),
                json!(true),
                json!([]),
                json!(["a@b.co"]),
                json!({}),
                json!(1e300),
            ] {
                bodies.push(broken("another type", with(member, value)));
            }
            for operator in ["$ne", "$gt", "$regex", "$where", "$exists"] {
                bodies.push(broken("an operator", with(member, json!({ operator: "" }))));
            }
            if operation.required.contains(&member) {
                bodies.push(broken("null for text", with(member, Value::Null)));
                let mut body = operation.valid.clone();
                body.as_object_mut().unwrap().remove(member);
                bodies.push(broken("a missing member", body.to_string()));
            }
            let twice =
                operation
                    .valid
                    .to_string()
                    .replacen('{', &format!("{{\"{member}\":\"x\","), 1);
            if operation.valid.get(member).is_some() {
                bodies.push(broken("a member twice", twice));
            }
        }
        bodies
    })
    .await;
}

#[tokio::test]
async fn a_list_of_the_right_values_is_not_an_object() {
    all_refused(|operation| {
        let values: Vec<_> = match operation.name {
            "register" => operation
                .texts()
                .map(|text| operation.valid[text].clone())
                .collect(),
            "login" => operation
                .valid
                .as_object()
                .unwrap()
                .values()
                .cloned()
                .collect(),
            _ => vec![
                json!("Ana"),
                json!("hi"),
                Value::Null,
                Value::Null,
                json!(true),
                json!({}),
            ],
        };
        vec![refused(
            "values without names",
            json!(values).to_string(),
            422,
            "validation_failed",
        )]
    })
    .await;
}

#[tokio::test]
async fn the_field_that_is_wrong_is_named() {
    let scene = Scene::set().await;
    for operation in operations() {
        for member in operation.texts() {
            let mut body = operation.valid.clone();
            body[member] = json!({ "$ne": null });
            let body = refused("", body.to_string(), 422, "");
            let answer = scene.send(&scene.ana, &operation, &body).await;
            let fields = answer.expect_problem(422, "validation_failed").fields;
            assert_eq!(fields, [member], "{}", operation.name);
        }
    }
    let negative = json!({ "settings": { "limits": { "daily_minutes": -1 } } });
    let answer = scene.ana.patch("/api/users/me", &negative).await;
    let fields = answer.expect_problem(422, "validation_failed").fields;
    assert_eq!(fields, ["settings.limits.daily_minutes"]);
}

#[tokio::test]
async fn settings_are_as_strict_as_the_rest() {
    all_refused(|operation| {
        if operation.name != "update_me" {
            return Vec::new();
        }
        let settings = [
            json!([]),
            json!("all"),
            json!({ "theme": "dark" }),
            json!({ "privacy": { "show_online": "yes", "allow_messages": true } }),
            json!({ "privacy": { "show_online": true } }),
            json!({ "privacy": { "show_online": true, "allow_messages": true, "x": 1 } }),
            json!({ "limits": { "daily_minutes": 4_294_967_296_u64 } }),
            json!({ "limits": { "daily_minutes": 1.5 } }),
            json!({ "notifications": { "likes": { "$set": true } } }),
        ];
        let body = |settings| json!({ "settings": settings }).to_string();
        settings
            .into_iter()
            .map(|settings| refused("settings", body(settings), 422, "validation_failed"))
            .chain([true, false].map(|_| {
                refused(
                    "is_private as text",
                    json!({ "is_private": "true" }).to_string(),
                    422,
                    "validation_failed",
                )
            }))
            .collect()
    })
    .await;
}

#[tokio::test]
async fn values_out_of_bounds_break_the_rules() {
    all_refused(|operation| {
        let with = |member: &str, value: &str| {
            let mut body = operation.valid.clone();
            body[member] = value.into();
            refused(
                "a value out of bounds",
                body.to_string(),
                422,
                "validation_failed",
            )
        };
        let long = "x".repeat(90 * 1024);
        let mut bodies: Vec<_> = operation
            .texts()
            .map(|member| with(member, &long))
            .collect();
        if ["register", "update_me"].contains(&operation.name) {
            for name in [
                "", "ab", "Ana", "a b c", "ana\0", "../etc", "аna", "@ana", "a$b", "ana\n",
            ] {
                bodies.push(with("username", name));
            }
            bodies.extend(["", " ", "a\0b", "a\u{7f}b"].map(|name| with("full_name", name)));
        }
        if operation.name == "register" {
            let emails = [
                "",
                "a",
                "a@b",
                "@b.co",
                "a@b.co\0",
                "a b@c.de",
                "a@b.co\r\nBcc: c@d.ee",
            ];
            bodies.extend(emails.map(|email| with("email", email)));
            bodies.extend(["", "short", "password", "12345678"].map(|word| with("password", word)));
            bodies.extend(
                [
                    "",
                    "0000-00-00",
                    "1990-02-30",
                    "9999-01-01",
                    "1990-1-1",
                    "yesterday",
                ]
                .map(|dob| with("dob", dob)),
            );
        }
        if operation.name == "update_me" {
            bodies.extend(["a\0b", &"b".repeat(501)].map(|bio| with("bio", bio)));
            bodies.extend(
                ["", "javascript:alert(1)", "//evil.example", "https://a b"]
                    .map(|url| with("avatar_url", url)),
            );
        }
        bodies
    })
    .await;
}

#[tokio::test]
async fn a_body_that_is_not_declared_as_json_is_not_read() {
    let unsupported = |operation: &Operation, content_type| Refused {
        content_type,
        ..refused(
            "another content type",
            operation.valid.to_string(),
            415,
            "unsupported_media_type",
        )
    };
    all_refused(|operation| {
        [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("multipart/form-data; boundary=x"),
            Some("application/jsonp"),
            Some("application/problem+json"),
            Some("text/json"),
            Some("json"),
            Some(""),
            Some(";"),
        ]
        .map(|content_type| unsupported(operation, content_type))
        .into()
    })
    .await;
}

#[tokio::test]
async fn a_charset_does_not_hurt() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let request = ana.request(Method::PATCH, "/api/users/me").body("{}");
    let request = request.header("content-type", "Application/JSON; charset=UTF-8");
    ana.send(request).await.expect(200);
}

#[tokio::test]
async fn a_body_over_the_limit_is_too_large() {
    all_refused(|operation| {
        let padded = |length: usize| {
            let mut body = operation.valid.to_string();
            body.extend(std::iter::repeat_n(' ', length - body.len()));
            body
        };
        [
            100 * 1024 + 1,
            1024 * 1024,
            1024 * 1024 + 1,
            8 * 1024 * 1024,
        ]
        .map(|length| refused("a long body", padded(length), 413, "payload_too_large"))
        .into()
    })
    .await;
}

#[tokio::test]
async fn a_body_without_a_length_is_counted_as_it_comes() {
    let stack = Stack::start().await;
    let ana = stack.user("ana").await;
    let head = format!(
        "PATCH /api/users/me HTTP/1.1\r\nHost: x\r\nX-Request-Id: r\r\nAuthorization: Bearer {}\r\n\
         {CREDENTIAL_HEADER}: {}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\
         Connection: close\r\n\r\n",
        ana.token,
        stack.credential().expose_secret()
    );
    let chunk = format!("{:x}\r\n{}\r\n", 64 * 1024, " ".repeat(64 * 1024));
    for (chunks, door) in [
        (2, stack.gateway_addr()),
        (64, stack.gateway_addr()),
        (64, stack.auth_addr()),
    ] {
        let body = format!("{}0\r\n\r\n", chunk.repeat(chunks));
        let answer = raw_request(door, format!("{head}{body}").as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 413 "),
            "{chunks} chunks at {door}: {answer}"
        );
        assert!(answer.contains("payload_too_large"), "{answer}");
    }
}

#[tokio::test]
async fn a_deep_body_does_not_exhaust_the_stack() {
    all_refused(|operation| {
        let deep = 10_000;
        let nested =
            |open: &str, close: &str| format!("{}{}", open.repeat(deep), close.repeat(deep));
        let lists = nested("[", "]");
        let objects = format!("{}1{}", "{\"a\":".repeat(deep), "}".repeat(deep));
        let inside = format!("{{\"{}\":{lists}}}", operation.text());
        let mut bodies = vec![
            refused("deep lists", lists.clone(), 422, "validation_failed"),
            refused("deep objects", objects, 422, "validation_failed"),
            refused("deep lists in a member", inside, 422, "validation_failed"),
            refused(
                "deep lists that never end",
                "[".repeat(deep),
                422,
                "validation_failed",
            ),
        ];
        if operation.name == "update_me" {
            let body = format!("{{\"settings\":{{\"privacy\":{{\"show_online\":{lists}}}}}}}");
            bodies.push(refused(
                "deep lists in the settings",
                body,
                422,
                "validation_failed",
            ));
        }
        bodies
    })
    .await;
}

#[tokio::test]
async fn operations_without_a_body_do_not_mind_one() {
    let stack = Stack::start().await;
    for body in [&b"{\"a\":"[..], b"\xff\0", &[b'['; 10_000]] {
        let ana = stack.user("ana").await;
        for (method, path, status) in [
            (Method::GET, "/api/auth/me", 200),
            (Method::GET, "/.well-known/jwks.json", 200),
            (Method::POST, "/api/auth/logout", 204),
        ] {
            let request = ana
                .request(method, path)
                .header("content-type", "application/json");
            let answer = ana.send(request.body(body.to_vec())).await;
            assert_eq!(answer.status, status, "{answer:?}");
        }
        let bo = stack.user("bo").await;
        let request = bo
            .request(Method::POST, "/api/auth/logout-all")
            .body(body.to_vec());
        assert_eq!(bo.send(request).await.status, 204);
    }
}

/// The tables of the services and the tables above know the same operations.
#[test]
fn every_operation_with_a_body_is_in_the_table() {
    let with_a_body = [Method::POST, Method::PATCH, Method::PUT];
    let tested: Vec<_> = operations()
        .iter()
        .map(|operation| operation.name)
        .collect();
    for route in auth::routes().iter().chain(posts::routes().iter()) {
        let method: Method = route.method.as_str().parse().unwrap();
        let has_none = !with_a_body.contains(&method) || WITHOUT_A_BODY.contains(&route.name);
        assert!(
            tested.contains(&route.name) || has_none,
            "{} has no test of bad input",
            route.name
        );
    }
}

/// Operations whose path says everything.
const WITHOUT_A_BODY: [&str; 9] = [
    "logout",
    "logout_all",
    "resend_verification",
    "follow",
    "accept_follow_request",
    "decline_follow_request",
    "block",
    "mute",
    "save_post",
];
