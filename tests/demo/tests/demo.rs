//! The demo fills a stack, and believes only what it sees.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::{path::Path, time::Duration};

use testkit::{Process, Stack};

/// A demo takes seconds; on a busy machine more.
const LIMIT: Duration = Duration::from_secs(90);

/// Runs the demo to its end: its exit status, and what it has written.
async fn demo(gateway: &str, settings: &[(&str, &str)]) -> (Option<i32>, String) {
    let small = [
        ("GATEWAY_URL", gateway),
        ("PEOPLE", "8"),
        ("FOLLOWEES", "3"),
        ("SETTLE", "45s"),
    ];
    let environment = small.iter().chain(settings).copied();
    let program = Path::new(env!("CARGO_BIN_EXE_demo"));
    let mut process = Process::spawn(program, &[], environment);
    let status = process.wait_exit(LIMIT).await;
    (status.code(), process.output().join("\n"))
}

#[tokio::test]
async fn a_stack_is_filled_and_everything_in_it_is_right() {
    let stack = Stack::start().await;
    let (status, output) = demo(&stack.gateway_url(), &[]).await;
    assert_eq!(status, Some(0), "{output}");
    for line in [
        "8 of 8 feeds right",
        "24 of 24 counts of likes and comments right",
        "1 of 1 list of likers right",
    ] {
        assert!(output.contains(line), "{line}: {output}");
    }
}

#[tokio::test]
async fn an_edge_list_is_brought_to_life_as_often_as_one_likes() {
    let stack = Stack::start().await;
    let file = std::env::temp_dir().join(format!("triangle-{}.edges", std::process::id()));
    std::fs::write(&file, "10 20\n20 30\n30 10\n").unwrap();
    let graph = ("GRAPH", file.to_str().unwrap());
    let gateway = stack.gateway_url();
    let outcomes = [
        demo(&gateway, &[graph]).await,
        demo(&gateway, &[graph]).await,
    ];
    std::fs::remove_file(&file).unwrap();
    for (status, output) in outcomes {
        assert_eq!(status, Some(0), "{output}");
        assert!(output.contains("3 people, 6 follows;"), "{output}");
        assert!(output.contains("3 of 3 feeds right"), "{output}");
    }
}

#[tokio::test]
async fn likes_that_nobody_counts_are_noticed() {
    let stack = Stack::builder().without_worker().start().await;
    let (status, output) = demo(&stack.gateway_url(), &[("SETTLE", "1s")]).await;
    assert_eq!(status, Some(1), "{output}");
    assert!(output.contains("counts (0, "), "{output}");
    assert!(output.contains("0 of 1 list of likers right"), "{output}");
}

#[tokio::test]
async fn the_limits_of_production_are_named() {
    let stack = Stack::builder().with_production_limits().start().await;
    let (status, output) = demo(&stack.gateway_url(), &[]).await;
    assert_eq!(status, Some(1), "{output}");
    assert!(output.contains("RATE_LIMIT_POLICY=local"), "{output}");
}

#[tokio::test]
async fn without_a_stack_the_way_to_one_is_named() {
    let nobody = testkit::reserve_port().await;
    let (status, output) = demo(&format!("http://127.0.0.1:{nobody}"), &[]).await;
    assert_eq!(status, Some(1), "{output}");
    assert!(output.contains("`make up`"), "{output}");
}
