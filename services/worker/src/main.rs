//! The `worker` process.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main(worker::execute)
}
