//! The device lab: tests that run on real kernel drivers, in a guest where this machine has none.
//!
//! One binary, several parts, told apart by the first argument: without any of its own it is the test harness on this
//! machine; `--agent` makes it process 1 of the guest; `--guest-test NAME` runs one test; `--guest PROGRAM …` runs a
//! program in a fresh guest; `--guest-shell` opens a shell there; `--usb-device TEXT` makes it a USB device; `--power PART`
//! is the guest's part of a power cut; `--read-dma-buf START END` another process that reads a frame. README.md tells the rest.

mod agent;
mod cases;
mod devices;
mod guest;
mod harness;
mod heap;
mod layout;
mod machine;
mod protocol;
mod uml;
mod usb;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use harness::Place;
use machine::{Leg, Machine};
use protocol::{Ending, Request};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next().unwrap_or_default();
    let result = match first.to_str() {
        Some("--agent") => agent::main().map(|()| ExitCode::SUCCESS).map_err(|error| error.to_string()),
        Some("--guest-test") => {
            let name = arguments.next().unwrap_or_default();
            harness::run_here(&name.to_string_lossy()).map(|()| ExitCode::SUCCESS)
        }
        Some("--usb-device") => {
            let text = arguments.next().unwrap_or_default();
            usb::main(&text.to_string_lossy()).map(|()| ExitCode::SUCCESS).map_err(|error| format!("USB: {error}"))
        }
        Some("--guest") => run_in_guest(arguments.collect()),
        Some("--guest-shell") => leg().and_then(|leg| Machine::prepare(leg)?.shell()).map(|_| ExitCode::SUCCESS),
        Some("--power") => {
            let part = arguments.next().unwrap_or_default();
            cases::power::in_the_guest(&part.to_string_lossy()).map(|()| ExitCode::SUCCESS)
        }
        Some(cases::planes::READER) => {
            let [start, end] = [arguments.next(), arguments.next()].map(Option::unwrap_or_default);
            cases::planes::read_dma_buf(&start.to_string_lossy(), &end.to_string_lossy()).map(|()| ExitCode::SUCCESS)
        }
        Some("--modprobe") => {
            for (module, parameters) in layout::MODULES.iter().chain(layout::USB_MODULES) {
                println!("modprobe {module} {}", parameters.join(" "));
            }
            Ok(ExitCode::SUCCESS)
        }
        _ => harness::main(),
    };
    result.unwrap_or_else(|error| {
        eprintln!("lab: {error}");
        ExitCode::from(125)
    })
}

/// Which guest a program or a shell gets: that of the tests, and QEMU's where they are to run elsewhere.
fn leg() -> Result<Leg, String> {
    Ok(match Place::from_environment()? {
        Place::Guest(leg) => leg,
        Place::Host | Place::Off => Leg::Stock,
    })
}

/// Boots a guest, runs one program in it and ends as that program ended: with its status, 128 + its signal, or 124 at the
/// timeout. 125 is the lab's own failure.
fn run_in_guest(command: Vec<OsString>) -> Result<ExitCode, String> {
    if command.is_empty() {
        return Err("which program?".to_owned());
    }
    let seconds = std::env::var("USERMEDIA_LAB_TIMEOUT").ok().and_then(|text| text.parse().ok()).unwrap_or(600);
    let leg = leg()?;
    let machine = Arc::new(Machine::prepare(leg)?);
    let mut guest = machine.boot()?;
    let request = Request {
        timeout: Duration::from_secs(seconds),
        directory: std::env::current_dir().map_err(|error: io::Error| error.to_string())?,
        environment: guest::environment(leg),
        command,
    };
    let report = guest.run(&request, request.timeout, true).map_err(|error| error.to_string())?;
    let done = report.done.map_err(|lost| format!("{lost}\n{}", report.dmesg))?;
    let status = match done.ending {
        Ending::Exited(status) => status,
        Ending::Signalled(signal) => 128 + signal,
        Ending::TimedOut => 124,
        Ending::NotStarted => 127,
    };
    Ok(ExitCode::from(u8::try_from(status).unwrap_or(125)))
}
