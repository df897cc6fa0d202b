//! Lists, page by page, while they grow and shrink: what was there all the time
//! comes once, in its place.

mod list;
mod lists;

use futures_util::{StreamExt, stream};
use testkit::Stack;

use list::List;

/// Lists that change at a time.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_there_all_the_time_comes_once_in_its_place() {
    let stack = Stack::builder()
        .patient()
        .setting("report-limit", "1000000")
        .start()
        .await;
    let lists = lists::all(&stack).await;
    let readings = lists.into_iter().map(List::read_while_it_changes);
    let faults: Vec<_> = stream::iter(readings).buffered(AT_ONCE).collect().await;
    assert!(faults.concat().is_empty(), "{}", faults.concat().join("\n"));
}
