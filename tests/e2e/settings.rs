//! Settings that cannot be used are all reported, and nothing is started.

use std::{net::TcpListener, time::Duration};

use testkit::Process;

const SOON: Duration = Duration::from_secs(20);

/// Runs `name serve` with `environment`; its exit status and what it said.
async fn serve(name: &str, environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut process = Process::service(name, &["serve"], environment.iter().copied());
    let status = process.wait_exit(SOON).await;
    (status.code(), process.output().join("\n"))
}

#[tokio::test]
async fn every_fault_is_reported_at_once_and_no_port_is_opened() {
    // Held by the test: trying to open them would be another error and exit status.
    let held: Vec<_> = (0..3)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let address = |n: usize| held[n].local_addr().unwrap().to_string();
    let (http, grpc, admin) = (address(0), address(1), address(2));
    let addresses = [
        ("HTTP_ADDR", http.as_str()),
        ("GRPC_ADDR", grpc.as_str()),
        ("ADMIN_ADDR", admin.as_str()),
    ];

    let faults = [
        ("SERVICE_CREDENTIAL", "hunter2"),
        ("DRAIN_GRACE", "soon"),
        ("LOG_FORMAT", "xml"),
    ];
    let auth = [
        ("TOKEN_SIGNING_KEY", "-----BEGIN NONSENSE-----"),
        ("MONGODB_URI", "postgres://x"),
        ("REDIS_URL", "http://nowhere"),
        ("MAIL_URL", "gopher://somebody:secret@nowhere"),
        ("MAIL_FROM", "nobody"),
        ("APP_URL", "somewhere"),
        ("POSTS_GRPC_URL", "posts:8101"),
        ("DELETION_GRACE", "a while"),
        ("REPORT_LIMIT", "0"),
    ];
    let posts = [
        ("MONGODB_URI", "postgres://x"),
        ("REDIS_URL", "http://nowhere"),
    ];
    let worker = [
        ("QUEUES", "likes-queue,dislikes-queue"),
        ("POSTS_GRPC_URL", "posts:8101"),
        ("BATCH_JOBS", "0"),
        ("FEED_UPDATES_AT_ONCE", "0"),
        ("REDIS_URL", "http://nowhere"),
    ];
    let realtime = [
        ("AUTH_GRPC_URL", "auth:8091"),
        ("REDIS_URL", "http://nowhere"),
        ("MAX_SESSIONS", "0"),
        ("EVENT_RATE", "0"),
        ("PING_INTERVAL", "often"),
    ];
    let gateway = [
        ("AUTH_URL", "auth:8090"),
        ("REDIS_URL", "http://nowhere"),
        ("POSTS_URL", ","),
        ("REALTIME_URL", "realtime:8120"),
        ("RATE_LIMIT_POLICY", "none"),
        ("TRUSTED_PROXIES", "everyone"),
    ];
    for (name, own) in [
        ("auth", &auth[..]),
        ("posts", &posts),
        ("worker", &worker),
        ("realtime", &realtime),
        ("gateway", &gateway),
    ] {
        let environment: Vec<_> = addresses
            .into_iter()
            .chain(faults)
            .chain(own.iter().copied())
            .collect();
        let (status, said) = serve(name, &environment).await;
        assert_eq!(status, Some(64), "{name}: {said}");
        for (variable, value) in faults.iter().chain(own) {
            assert!(
                said.contains(variable),
                "{name} does not mention {variable}: {said}"
            );
            let is_secret = matches!(
                *variable,
                "SERVICE_CREDENTIAL"
                    | "REDIS_URL"
                    | "TOKEN_SIGNING_KEY"
                    | "MONGODB_URI"
                    | "MAIL_URL"
            );
            assert!(
                !is_secret || !said.contains(value),
                "{name} repeats {variable}: {said}"
            );
        }
        assert!(
            said.contains("AUTH_GRPC_URL") == matches!(name, "posts" | "gateway" | "realtime"),
            "{name}: {said}"
        );
    }
}

#[tokio::test]
async fn what_is_missing_is_named() {
    for (name, required) in [
        (
            "auth",
            &[
                "MONGODB_URI",
                "AMQP_URL",
                "REDIS_URL",
                "SERVICE_CREDENTIAL",
                "TOKEN_SIGNING_KEY",
                "MAIL_URL",
                "MAIL_FROM",
                "APP_URL",
                "POSTS_GRPC_URL",
            ][..],
        ),
        (
            "posts",
            &[
                "MONGODB_URI",
                "AMQP_URL",
                "REDIS_URL",
                "AUTH_GRPC_URL",
                "SERVICE_CREDENTIAL",
            ],
        ),
        (
            "worker",
            &[
                "POSTS_GRPC_URL",
                "AMQP_URL",
                "REDIS_URL",
                "SERVICE_CREDENTIAL",
            ],
        ),
        (
            "realtime",
            &["AUTH_GRPC_URL", "REDIS_URL", "SERVICE_CREDENTIAL"],
        ),
        (
            "gateway",
            &[
                "AUTH_URL",
                "AUTH_GRPC_URL",
                "POSTS_URL",
                "REALTIME_URL",
                "REDIS_URL",
                "SERVICE_CREDENTIAL",
            ],
        ),
    ] {
        let (status, said) = serve(name, &[]).await;
        assert_eq!(status, Some(64), "{name}: {said}");
        for variable in required {
            assert!(
                said.contains(variable),
                "{name} does not mention {variable}: {said}"
            );
        }
    }
}

#[tokio::test]
async fn an_unknown_flag_or_command_is_a_fault() {
    for name in ["auth", "posts", "worker", "realtime", "gateway"] {
        for arguments in [&["serve", "--prot", "1"][..], &["sreve"], &["--prot"]] {
            let mut process = Process::service::<&str, &str>(name, arguments, []);
            let status = process.wait_exit(SOON).await;
            assert_eq!(
                status.code(),
                Some(64),
                "{name} {arguments:?}: {:?}",
                process.output()
            );
        }
    }
}

#[tokio::test]
async fn a_queue_that_nobody_knows_is_a_fault_that_names_those_there_are() {
    let environment = [
        ("QUEUES", "likes-queue,dislikes-queue"),
        ("POSTS_GRPC_URL", "http://127.0.0.1:1"),
        ("AMQP_URL", "amqp://127.0.0.1:1"),
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("SERVICE_CREDENTIAL", "0123456789abcdef0123456789abcdef"),
    ];
    let (status, said) = serve("worker", &environment).await;
    assert_eq!(status, Some(64), "{said}");
    for part in ["QUEUES", "\"dislikes-queue\"", "must be one of likes-queue"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn help_lists_every_setting_with_its_variable() {
    for name in ["auth", "posts", "worker", "realtime", "gateway"] {
        let mut process = Process::service::<&str, &str>(name, &["serve", "--help"], []);
        assert_eq!(process.wait_exit(SOON).await.code(), Some(0));
        let said = process.output().join("\n");
        let own = if name == "worker" {
            "QUEUES"
        } else {
            "HTTP_ADDR"
        };
        for variable in [
            own,
            "ADMIN_ADDR",
            "DRAIN_DELAY",
            "SERVICE_CREDENTIAL",
            "LOG",
        ] {
            assert!(
                said.contains(&format!("[env: {variable}")),
                "{name}: {variable}: {said}"
            );
        }
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_a_failure_that_names_it() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    let environment = [
        ("HTTP_ADDR", address.as_str()),
        ("ADMIN_ADDR", "127.0.0.1:0"),
        ("AUTH_URL", "http://127.0.0.1:1"),
        ("AUTH_GRPC_URL", "http://127.0.0.1:1"),
        ("POSTS_URL", "http://127.0.0.1:1"),
        ("REALTIME_URL", "http://127.0.0.1:1"),
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("SERVICE_CREDENTIAL", "0123456789abcdef0123456789abcdef"),
    ];
    let (status, said) = serve("gateway", &environment).await;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains(&address), "{said}");
}
