//! The `auth` process.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main(auth::execute)
}
