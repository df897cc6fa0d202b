//! The `realtime` process.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main(realtime::execute)
}
