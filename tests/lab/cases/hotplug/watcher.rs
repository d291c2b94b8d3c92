//! `usermedia watch --json` as a child: what it has said, and what it says next.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::devices::usermedia;

/// How long a watcher may take for what it tells at once: the lab's machine is slow.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A `usermedia watch --json` that has said what is there.
pub struct Watcher {
    child: Child,
    lines: Receiver<Value>,
    pub present: Vec<Value>,
    complaints: &'static str,
}

impl Watcher {
    /// As the user who runs the tests.
    #[track_caller]
    pub fn start() -> Watcher {
        Watcher::with(&mut usermedia())
    }

    /// What runs `usermedia` in the place of the last arguments, with these before them.
    #[track_caller]
    pub fn with(command: &mut Command) -> Watcher {
        let complaints = "/tmp/watch.stderr";
        command.args(["watch", "--json"]).stdout(Stdio::piped()).stderr(File::create(complaints).unwrap());
        let mut child = command.spawn().expect("the watcher starts");
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).expect("one document a line"));
            }
        });
        let mut watcher = Watcher { child, lines, present: Vec::new(), complaints };
        watcher.present =
            std::iter::from_fn(|| Some(watcher.next()).filter(|line| line["event"] != "watching")).collect();
        assert!(watcher.present.iter().all(|line| line["event"] == "present"), "{:?}", watcher.present);
        watcher
    }

    #[track_caller]
    pub fn next(&self) -> Value {
        self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            panic!("nothing more is told; stderr: {}", fs::read_to_string(self.complaints).unwrap_or_default())
        })
    }

    /// The next event about the device with this path. Others may come first, about other devices.
    #[track_caller]
    pub fn next_of(&self, path: impl AsRef<OsStr>) -> Value {
        loop {
            let line = self.next();
            if line["device"]["path"].as_str().map(OsStr::new) == Some(path.as_ref()) {
                return line;
            }
        }
    }

    /// What is told in this time.
    pub fn told_in(&self, time: Duration) -> Vec<Value> {
        let end = Instant::now() + time;
        let next = || self.lines.recv_timeout(end.saturating_duration_since(Instant::now())).ok();
        std::iter::from_fn(next).collect()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    pub fn said(&self) -> String {
        fs::read_to_string(self.complaints).unwrap()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
