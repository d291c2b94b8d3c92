//! The virtual-time leg: User-Mode Linux, a kernel that is a process here, whose clock stands still while anything
//! computes and jumps to the next timer when nothing does.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What its memory may grow to: a sparse file in /dev/shm that has no name.
const MEMORY: &str = "mem=1024M";

/// The clock of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// This machine's.
    Real,
    /// Its own.
    Virtual,
}

/// Where a guest finds its things, as absolute paths.
#[derive(Debug)]
pub struct Places<'a> {
    /// What uml/prepare made.
    pub kernel: &'a Path,
    /// The first program.
    pub init: &'a Path,
    /// The folder the harness and the agent share.
    pub share: &'a Path,
    /// The tests' part of it.
    pub files: &'a Path,
    /// For the kernel's socket and process number; in the home directory unless it is told.
    pub own: &'a Path,
}

/// The command that starts the guest, its agent's line on stdin and stdout, its kernel's messages on stderr.
pub fn command(places: &Places<'_>, clock: Clock) -> Command {
    // A guest must not outlive the harness; on one processor it is four times as fast as when it wanders.
    let mut linux = Command::new("setpriv");
    linux.args(["--pdeathsig", "KILL", "taskset", "--cpu-list"]).arg(last_processor());
    linux.arg(places.kernel.join("linux")).arg(MEMORY);
    linux.args(["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet", "panic=-1"]);
    linux.args(["con=null", "con0=null,fd:2", "ssl=null", "ssl1=fd:0,fd:1"]);
    linux.arg(argument("init=", places.init)).arg(argument("uml_dir=", places.own));
    // What the kernel does not know becomes init's environment.
    linux.arg(argument("share=", places.share)).arg(argument("files=", places.files));
    if clock == Clock::Virtual {
        linux.arg("time-travel=inf-cpu");
    }
    linux
}

fn argument(name: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(name);
    argument.push(path);
    argument
}

/// The last processor this process may run on: the first is where most machines take their interrupts.
fn last_processor() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or("0");
    allowed.rsplit([',', '-']).next().unwrap_or_default().trim().to_owned()
}
