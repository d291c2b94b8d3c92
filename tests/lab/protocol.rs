//! What harness and agent say to each other.
//!
//! Bulk goes through files on the share, one folder per run: `request`, `stdout`, `stderr`, `dmesg`. The serial line
//! only carries `ready`, `run N` and `done N …`; whatever becomes of the guest, all a test has written is on the host's
//! disk already.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

/// Where the guest sees the share.
pub const SHARE_IN_GUEST: &str = "/run/usermedia-lab";
/// The folder on the share that belongs to the tests.
pub const FILES: &str = "files";
/// Names the tests' folder on the share to every program run in the lab.
pub const SHARE_VARIABLE: &str = "USERMEDIA_LAB_SHARE";
/// What `USERMEDIA_LAB` says to a program in QEMU's guest.
pub const STOCK_GUEST: &str = "guest";
/// What it says where time is virtual.
pub const VIRTUAL_TIME_GUEST: &str = "virtual-time";
/// The agent's line once the drivers are loaded.
pub const READY: &str = "ready";
/// What `mode` on the share says when the guest is to give a shell in place of an agent.
pub const SHELL_MODE: &str = "shell";

/// A program to run in the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// How long it may take, by the guest's clock, before it is killed.
    pub timeout: Duration,
    /// Its working directory; `/` where the guest has no such folder.
    pub directory: PathBuf,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The program and its arguments.
    pub command: Vec<OsString>,
}

impl Request {
    /// As bytes for the file `request`: fields end with a NUL, which none of them can contain.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut field = |value: &OsStr| {
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(0);
        };
        field(OsStr::new(&self.timeout.as_millis().to_string()));
        field(self.directory.as_os_str());
        field(OsStr::new(&self.environment.len().to_string()));
        for (name, value) in &self.environment {
            field(name);
            field(value);
        }
        for word in &self.command {
            field(word);
        }
        bytes
    }

    /// The reverse of [`Request::encode`].
    pub fn decode(bytes: &[u8]) -> io::Result<Request> {
        let bad = || io::Error::new(io::ErrorKind::InvalidData, "malformed request");
        let mut fields = bytes.strip_suffix(&[0]).ok_or_else(bad)?.split(|byte| *byte == 0);
        let mut field = || fields.next().map(|field| OsString::from_vec(field.to_vec())).ok_or_else(bad);
        let number = |field: OsString| field.to_str().and_then(|text| text.parse::<u64>().ok()).ok_or_else(bad);

        let timeout = Duration::from_millis(number(field()?)?);
        let directory = PathBuf::from(field()?);
        let mut environment = Vec::new();
        for _ in 0..number(field()?)? {
            environment.push((field()?, field()?));
        }
        let mut command = vec![field()?];
        while let Ok(word) = field() {
            command.push(word);
        }
        Ok(Request { timeout, directory, environment, command })
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this status.
    Exited(i32),
    /// This signal killed it.
    Signalled(i32),
    /// It was still running at its timeout and was killed.
    TimedOut,
    /// It could not be started; stderr says why.
    NotStarted,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Exited(status) => write!(f, "exited with status {status}"),
            Ending::Signalled(signal) => write!(f, "was killed by signal {signal}"),
            Ending::TimedOut => write!(f, "did not end within its timeout and was killed"),
            Ending::NotStarted => write!(f, "could not be started"),
        }
    }
}

/// The agent's answer to `run N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// The N of the run.
    pub run: u32,
    /// How it ended.
    pub ending: Ending,
    /// Processes it started survived SIGKILL: something hangs in the kernel, and the guest is to be given up.
    pub stuck: bool,
}

impl Done {
    /// As the line the agent writes.
    pub fn line(&self) -> String {
        let ending = match self.ending {
            Ending::Exited(status) => format!("exited {status}"),
            Ending::Signalled(signal) => format!("signalled {signal}"),
            Ending::TimedOut => "timed-out 0".to_owned(),
            Ending::NotStarted => "not-started 0".to_owned(),
        };
        format!("done {} {ending} {}", self.run, if self.stuck { "stuck" } else { "clean" })
    }

    /// Reads such a line; `None` for any other.
    pub fn parse(line: &str) -> Option<Done> {
        let mut words = line.split_whitespace();
        if words.next() != Some("done") {
            return None;
        }
        let run = words.next()?.parse().ok()?;
        let (kind, number) = (words.next()?, words.next()?.parse().ok()?);
        let ending = match kind {
            "exited" => Ending::Exited(number),
            "signalled" => Ending::Signalled(number),
            "timed-out" => Ending::TimedOut,
            "not-started" => Ending::NotStarted,
            _ => return None,
        };
        let stuck = match words.next()? {
            "stuck" => true,
            "clean" => false,
            _ => return None,
        };
        Some(Done { run, ending, stuck })
    }
}
