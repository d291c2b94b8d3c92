//! The command `usermedia`.

use std::process::ExitCode;

fn main() -> ExitCode {
    usermedia::cli::main()
}
