//! The `posts` process.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main(posts::execute)
}
