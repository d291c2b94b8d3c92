//! The command: arguments in; tables, JSON and progress out. No logic of its own.

mod args;
mod bench;
mod capture;
mod check;
mod devices;
mod document;
mod event;
mod loopback;
mod manager;
mod metrics;
mod permission;
mod print;
mod progress;
mod report;
mod request;
mod resolve;
mod scheduling;
mod serve;
mod signals;
mod snapshot;
mod text;
mod watch;
mod work;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use nix::sys::signal::Signal;

use crate::error::{Error, ErrorName};
use crate::seam::heap;
use args::{Arguments, Command};

/// How a subcommand failed.
enum Failure {
    /// A media error: exit status 1, and `error` in the JSON.
    Media(Error),
    /// Wrong usage, seen before anything was touched: exit status 2, nothing on stdout.
    Usage(String),
    /// A signal came before there was anything to finish: exit status 128 + signal.
    Interrupted(Signal),
    /// The result could not be written to stdout: exit status 1.
    Output(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Media(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    /// An argument that cannot be, as the library told it.
    fn usage(error: &Error) -> Self {
        let hint = error.remedy().map(|remedy| format!("\n{}", text::sentence("  hint: ", remedy, text::width())));
        Self::Usage(format!("{}{}", error.message(), hint.unwrap_or_default()))
    }
}

/// The command as its man pages and completions have it.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the command with this process's arguments.
pub fn main() -> ExitCode {
    heap::share_one();
    let (json, outcome) = match Arguments::parse().command {
        Command::Devices(arguments) => (arguments.common.json, devices::run(&arguments)),
        Command::Resolve(arguments) => (arguments.common.json, resolve::run(&arguments)),
        Command::Capture(arguments) => (arguments.common.json, capture::run(&arguments)),
        Command::Snapshot(arguments) => (arguments.common.json, snapshot::run(&arguments)),
        Command::Loopback(arguments) => (arguments.common.json, loopback::run(&arguments)),
        Command::Check(arguments) => (arguments.common.json, check::run(&arguments)),
        Command::Bench(arguments) => (arguments.common.json, bench::run(&arguments)),
        Command::Serve(arguments) => (arguments.common.json, serve::run(&arguments)),
        Command::Watch(arguments) => (arguments.common.json, watch::run(&arguments)),
    };
    outcome.or_else(|failure| report(failure, json)).unwrap_or_else(|error| {
        print::note(&format!("error: cannot write to standard output: {error}"));
        ExitCode::from(1)
    })
}

/// Says what went wrong; an error of its own where stdout does not take it.
fn report(failure: Failure, json: bool) -> io::Result<ExitCode> {
    match failure {
        Failure::Media(error) => {
            print::error(&error);
            if json {
                print::result(&error.to_json())?;
            }
            Ok(ExitCode::from(1))
        }
        Failure::Usage(message) => {
            print::note(&format!("error: {message}\n\nFor more information, try '--help'."));
            Ok(ExitCode::from(2))
        }
        Failure::Interrupted(signal) => {
            let error = Error::new(ErrorName::AbortError, format!("stopped by {signal} before it started"));
            print::error(&error);
            if json {
                print::result(&document::interrupted(&error, signal))?;
            }
            Ok(ExitCode::from(signals::exit_code(signal)))
        }
        Failure::Output(error) => Err(error),
    }
}
