//! The command: arguments in; tables, JSON and progress out. No logic of its own.

mod args;
mod capture;
mod check;
mod devices;
mod print;
mod progress;
mod report;
mod request;
mod resolve;
mod signals;
mod snapshot;

use std::process::ExitCode;

use clap::Parser;

use crate::error::Error;
use args::{Arguments, Command};

/// How a subcommand failed.
enum Failure {
    /// A media error: exit status 1, and `error` in the JSON.
    Media(Error),
    /// Wrong usage: exit status 2.
    Usage(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Media(error)
    }
}

/// Runs the command with this process's arguments.
pub fn main() -> ExitCode {
    let (json, outcome) = match Arguments::parse().command {
        Command::Devices(arguments) => (arguments.common.json, devices::run(&arguments)),
        Command::Resolve(arguments) => (arguments.common.json, resolve::run(&arguments)),
        Command::Capture(arguments) => (arguments.common.json, capture::run(&arguments)),
        Command::Snapshot(arguments) => (arguments.common.json, snapshot::run(&arguments)),
        Command::Check(arguments) => (arguments.common.json, check::run(&arguments)),
    };
    match outcome {
        Ok(code) => code,
        Err(Failure::Media(error)) => {
            if json {
                print::document(&error.to_json());
            }
            print::error(&error);
            ExitCode::from(1)
        }
        Err(Failure::Usage(message)) => {
            eprintln!("error: {message}\n\nFor more information, try '--help'.");
            ExitCode::from(2)
        }
    }
}
