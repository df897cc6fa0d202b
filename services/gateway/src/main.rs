//! The gateway: the only public door of Anufy.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main(gateway::execute)
}
