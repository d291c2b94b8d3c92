//! The guest as the harness sees it: booted, asked to run programs one after another, ended.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::agent::run_folder;
use crate::machine::{Engine, Leg, Machine};
use crate::protocol::{Done, FILES, READY, Request, SHARE_IN_GUEST, SHARE_VARIABLE};

/// What the agent may need on top of a program's own time before the guest counts as wedged.
const GRACE: Duration = Duration::from_secs(15);
/// Replaces those 15 seconds, for the harness's tests of itself.
pub const GRACE_VARIABLE: &str = "USERMEDIA_LAB_GRACE";
/// How much of each output is kept for a report.
const REPORTED: u64 = 256 * 1024;

/// A booted guest. Dropping it ends it.
#[derive(Debug)]
pub struct Guest {
    machine: Arc<Machine>,
    process: Child,
    line: ChildStdin,
    answers: Receiver<String>,
    runs: u32,
}

/// How a guest is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// It ended by itself: its kernel panicked.
    Ended,
    /// It is there, and does not answer.
    Silent,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lost::Ended => "the guest went down",
            Lost::Silent => "the guest did not answer any more",
        })
    }
}

/// What a run left behind.
#[derive(Debug)]
pub struct Report {
    /// How it ended, or how the guest was lost meanwhile.
    pub done: Result<Done, Lost>,
    /// The last of what it wrote to stdout.
    pub stdout: String,
    /// The last of what it wrote to stderr.
    pub stderr: String,
    /// What the kernel logged meanwhile; the console's last lines when the guest is lost.
    pub dmesg: String,
}

impl Guest {
    /// Starts the guest and waits for the agent's first word.
    pub fn boot(machine: &Arc<Machine>, engine: Engine, patience: Duration) -> Result<Guest, String> {
        for left in fs::read_dir(machine.share()).into_iter().flatten().flatten() {
            if left.file_name().to_string_lossy().starts_with("run-") {
                let _ = fs::remove_dir_all(left.path());
            }
        }
        let spawn = || {
            let mut command = machine.command(engine);
            command.stderr(File::create(machine.stderr())?).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
        };
        let mut process = spawn().map_err(|error| format!("the guest: {error}"))?;
        let (Some(line), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("the guest was started without its pipes".to_owned());
        };
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n') {
                let Ok(line) = line else { break };
                if sender.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                    break;
                }
            }
        });
        let mut guest = Guest { machine: Arc::clone(machine), process, line, answers, runs: 0 };
        if guest.wait(patience, |line| (line == READY).then_some(()), || ()).is_ok() {
            return Ok(guest);
        }
        let _ = guest.process.kill();
        let mut said = vec![machine.stderr(), machine.console()];
        said.dedup();
        let said: String = said.iter().map(|file| tail(file)).collect();
        Err(format!("the guest did not come up within {patience:?}\n{said}"))
    }

    /// QEMU's process.
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// Waits for an answer, calling `meanwhile` every few milliseconds.
    fn wait<T>(
        &self,
        patience: Duration,
        wanted: impl Fn(&str) -> Option<T>,
        mut meanwhile: impl FnMut(),
    ) -> Result<T, Lost> {
        let begun = Instant::now();
        loop {
            match self.answers.recv_timeout(Duration::from_millis(10)) {
                Ok(line) => {
                    if let Some(answer) = wanted(&line) {
                        return Ok(answer);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Err(Lost::Ended),
                Err(RecvTimeoutError::Timeout) if begun.elapsed() > patience => return Err(Lost::Silent),
                Err(RecvTimeoutError::Timeout) => meanwhile(),
            }
        }
    }

    /// Runs a program to its end; a guest that has not answered after `patience` of this machine's time is lost. With
    /// `follow`, the program's output appears here while it runs.
    pub fn run(&mut self, request: &Request, patience: Duration, follow: bool) -> io::Result<Report> {
        self.runs += 1;
        let run = self.runs;
        let folder = self.machine.share().join(run_folder(run));
        fs::create_dir(&folder)?;
        fs::write(folder.join("request"), request.encode())?;
        let mut outputs = [Followed::new(folder.join("stdout")), Followed::new(folder.join("stderr"))];
        // A failing write means the guest is gone, which the wait finds out too.
        let _ = writeln!(self.line, "run {run}").and_then(|()| self.line.flush());
        let mut show = || {
            let [out, err] = &mut outputs;
            if follow {
                out.copy_news(&mut io::stdout());
                err.copy_news(&mut io::stderr());
            }
        };
        let is_answer = |line: &str| Done::parse(line).filter(|done| done.run == run);
        let grace = std::env::var(GRACE_VARIABLE).ok().and_then(|seconds| seconds.parse().ok());
        let grace = grace.map_or(GRACE, Duration::from_secs);
        let done = self.wait(patience.saturating_add(grace), is_answer, &mut show);
        show();
        let dmesg = if done.is_ok() { folder.join("dmesg") } else { self.machine.console() };
        let report = Report {
            done,
            stdout: tail(&folder.join("stdout")),
            stderr: tail(&folder.join("stderr")),
            dmesg: tail(&dmesg),
        };
        let _ = fs::remove_dir_all(&folder);
        Ok(report)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The environment a program in the guest gets: the caller's, with the guest's own places.
pub fn environment(leg: Leg) -> Vec<(OsString, OsString)> {
    let share = Path::new(SHARE_IN_GUEST).join(FILES);
    let own = [
        (SHARE_VARIABLE, share.as_os_str()),
        ("TMPDIR", OsStr::new("/tmp")),
        // What programs keep in this machine's (a policy, PulseAudio's traces) is nothing to a test.
        ("HOME", OsStr::new("/tmp")),
        ("USERMEDIA_LAB", OsStr::new(leg.name())),
    ];
    let inherited = std::env::vars_os().filter(|(name, _)| !own.iter().any(|(ours, _)| name == ours));
    inherited.chain(own.iter().map(|(name, value)| ((*name).into(), (*value).into()))).collect()
}

/// A file of output that is still growing.
struct Followed {
    path: PathBuf,
    shown: u64,
}

impl Followed {
    fn new(path: PathBuf) -> Followed {
        Followed { path, shown: 0 }
    }

    fn copy_news(&mut self, to: &mut impl Write) {
        let mut copy = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.shown))?;
            let copied = io::copy(&mut file, to)?;
            to.flush()?;
            io::Result::Ok(copied)
        };
        // Not there yet, or our reader has gone: neither is a reason to stop waiting for the program.
        self.shown += copy().unwrap_or(0);
    }
}

/// The last of a file, as text.
fn tail(path: &Path) -> String {
    let read = || {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(REPORTED)))?;
        let mut bytes = Vec::new();
        file.take(REPORTED).read_to_end(&mut bytes)?;
        io::Result::Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_default()
}
