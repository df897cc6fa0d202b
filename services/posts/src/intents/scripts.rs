//! What happens to intents in Redis, each in one step.

use std::sync::LazyLock;

use cache::redis::Script;

pub(super) static PUT: LazyLock<Script> = LazyLock::new(|| script(include_str!("put.lua")));
pub(super) static CONFIRM: LazyLock<Script> = LazyLock::new(|| script(include_str!("confirm.lua")));
pub(super) static TAKE_BACK: LazyLock<Script> =
    LazyLock::new(|| script(include_str!("take_back.lua")));
pub(super) static SETTLE: LazyLock<Script> = LazyLock::new(|| script(include_str!("settle.lua")));
pub(super) static DUE: LazyLock<Script> = LazyLock::new(|| script(include_str!("due.lua")));

fn script(body: &str) -> Script {
    Script::new(&[include_str!("layers.lua"), body].concat())
}
