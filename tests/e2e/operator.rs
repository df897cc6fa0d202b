//! What operators do, as they do it: with the real `anufy`.

use std::time::Duration;

use testkit::Process;

/// What a run of `anufy` came to: its exit status and what it wrote.
pub(crate) async fn anufy(
    arguments: &[&str],
    environment: Vec<(&str, String)>,
) -> (Option<i32>, String) {
    let mut process = Process::service("anufy", arguments, environment);
    let status = process.wait_exit(Duration::from_mins(1)).await;
    (status.code(), process.output().join("\n"))
}
