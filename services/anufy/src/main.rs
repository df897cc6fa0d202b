//! The `anufy` process.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main(anufy::execute)
}
