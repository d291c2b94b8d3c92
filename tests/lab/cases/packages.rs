//! The Debian packages of what was built for the tests: docs/packaging/deb makes them, deb-check installs, uses, boots and
//! removes them.

use std::path::Path;
use std::process::Command;

use libtest_mimic::{Completion, Failed, Trial};

use crate::cases::misbehaving;
use crate::harness::Place;
use crate::machine::Leg;

/// What deb-check ends with where this machine cannot make a clean Debian.
const CANNOT: i32 = 77;

/// Where the lab's stock kernel is at hand, which deb-check boots. It runs on this machine, beside the guests.
pub fn trial(place: Place) -> Option<Trial> {
    let wanted = matches!(place, Place::Guest(Leg::Stock) | Place::Off) && !misbehaving::wanted();
    let name = "packages::in_a_clean_debian_they_install_serve_and_leave_no_trace";
    wanted.then(|| Trial::ignorable_test(name, check).with_ignored_flag(place == Place::Off))
}

fn check() -> Result<Completion, Failed> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = project.join("target/debian-tests");
    let run = |script: &str| {
        let mut command = Command::new(project.join("docs/packaging").join(script));
        command.arg(&packages).env("COMMAND", env!("CARGO_BIN_EXE_usermedia")).output()
    };
    for script in ["deb", "deb-check"] {
        let output = run(script).map_err(|error| format!("{script}: {error}"))?;
        let [said, complained] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        match output.status.code() {
            Some(0) => {}
            Some(CANNOT) => return Ok(Completion::ignored_with(complained.lines().last().unwrap_or_default())),
            _ => return Err(format!("{script}: {}\n{said}{complained}", output.status).into()),
        }
    }
    Ok(Completion::Completed)
}
