//! Running the real command, on whatever machine the tests are on: the built-in camera, saved devices, or none at all.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// The command, without what the caller's environment would change.
pub fn usermedia() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usermedia"));
    command
        .env_remove("USERMEDIA_SYNTHETIC")
        .env_remove("USERMEDIA_PERMISSION")
        .env_remove("COLUMNS")
        .stdin(Stdio::null());
    command
}

/// What one run came to.
pub struct Run {
    /// `None` where a signal ended it.
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Self { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Run {
    /// The one JSON document on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.stdout.matches('\n').count(), 1, "one line: {:?}; stderr: {}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// The document of a success.
    #[track_caller]
    pub fn done(&self) -> Value {
        assert_eq!(self.status, Some(0), "{}{}", self.stdout, self.stderr);
        let document = self.json();
        assert_eq!(document["ok"], true, "{document}");
        document
    }

    /// The `error` of a failure, which stderr tells too.
    #[track_caller]
    pub fn error(&self) -> Value {
        assert_eq!(self.status, Some(1), "{}{}", self.stdout, self.stderr);
        let document = self.json();
        assert_eq!(document["ok"], false, "{document}");
        assert!(self.stderr.contains("error: "), "{}", self.stderr);
        document["error"].clone()
    }

    /// Wrong usage: nothing on stdout, the reason on stderr.
    #[track_caller]
    pub fn usage(&self, reason: &str) {
        assert_eq!(self.status, Some(2), "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        assert!(self.stderr.contains(reason), "{}", self.stderr);
    }
}

/// Runs the command to its end.
pub fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
    usermedia().args(arguments).output().expect("the command runs").into()
}

/// Runs the command with `input` on its stdin.
pub fn run_with_input(arguments: &[&str], input: &[u8]) -> Run {
    let mut child = start(usermedia().args(arguments).stdin(Stdio::piped()));
    // It may stop reading early.
    let _ = child.stdin.take().expect("stdin is a pipe").write_all(input);
    child.wait_with_output().expect("the command ends").into()
}

/// Starts the command with its output in pipes.
pub fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts")
}

pub fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().expect("a process id")), signal).expect("the command still runs");
}

/// Waits until something has come about; a test that waits for what never does fails.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A directory of one test's own, gone with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("usermedia-cli-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("the folder is new");
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file with these contents, by its name as an argument.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, contents).expect("the folder takes files");
        argument(&path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn argument(path: &Path) -> String {
    path.to_str().expect("paths of tests are UTF-8").to_owned()
}

/// What ffprobe says of a recording: its first stream, with the frames counted, and the format.
pub fn ffprobe(path: &Path) -> Value {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-show_streams", "-show_format", "-of", "json"])
        .arg(path)
        .output()
        .expect("ffprobe is installed (make lab does it)");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("ffprobe writes JSON")
}

/// How many frames ffprobe counts in a recording.
pub fn frames_in(path: &Path) -> u64 {
    ffprobe(path)["streams"][0]["nb_read_frames"].as_str().expect("a count").parse().expect("a number")
}

/// A devices document with one camera.
pub const ONE_CAMERA: &str = r#"{"devices": [{"kind": "videoinput", "deviceId": "usb-1", "groupId": "usb", "label": "Desk",
    "path": "/dev/video7", "driver": "uvcvideo", "facingMode": null, "modes": [
    {"fourcc": "YUYV", "width": 640, "height": 480, "frameRates": ["30/1", "15/2"]},
    {"fourcc": "MJPG", "width": 1280, "height": 720, "frameRates": ["30000/1001"]}]}]}"#;
