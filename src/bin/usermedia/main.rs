//! The command `usermedia`.

mod libasound;

use std::process::ExitCode;

fn main() -> ExitCode {
    usermedia::cli::main()
}
