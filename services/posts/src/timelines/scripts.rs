//! What happens to timelines in Redis, each in one step.

use std::sync::LazyLock;

use cache::redis::Script;

pub(super) static ADD: LazyLock<Script> = LazyLock::new(|| script(include_str!("add.lua")));
pub(super) static REMOVE: LazyLock<Script> = LazyLock::new(|| script(include_str!("remove.lua")));
pub(super) static BEGIN: LazyLock<Script> = LazyLock::new(|| script(include_str!("begin.lua")));
pub(super) static FINISH: LazyLock<Script> = LazyLock::new(|| script(include_str!("finish.lua")));
pub(super) static READ: LazyLock<Script> = LazyLock::new(|| script(include_str!("read.lua")));

fn script(body: &str) -> Script {
    Script::new(&[include_str!("entries.lua"), body].concat())
}
