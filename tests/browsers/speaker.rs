//! A loudspeaker that nobody hears, and an ear at it: when the built-in microphone's ticks come out of the browser.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs, process};

use crate::engine::{Process, program};
use crate::screen::now;

/// Frames a second of what the ear takes.
const RATE: f64 = 48_000.0;
/// A tick is louder than the tone between two of them (src/capture/synthetic/microphone.rs).
const LOUD: u16 = 9_000;

/// PulseAudio with a device that only keeps the time.
pub struct Speaker {
    _process: Process,
    folder: PathBuf,
}

impl Speaker {
    pub fn start() -> Self {
        // Several tests may run at once, in one process or in several.
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("usermedia-speaker-{}-{number}", process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("its owner's");
        let socket = folder.join("native");
        let child = Command::new(program("pulseaudio").expect("PulseAudio is installed"))
            .args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=true", "--use-pid-file=no"])
            .args(["-L", &format!("module-native-protocol-unix auth-anonymous=1 socket={}", socket.display())])
            .args(["-L", "module-null-sink sink_name=ear rate=48000 channels=1"])
            .env("HOME", &folder)
            .env("XDG_RUNTIME_DIR", &folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let speaker = Self { _process: Process(child), folder };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !socket.exists() {
            assert!(Instant::now() < deadline, "PulseAudio does not start");
            thread::sleep(Duration::from_millis(50));
        }
        speaker
    }

    /// What a program needs in its environment to find it.
    pub fn environment(&self) -> (&'static str, String) {
        ("PULSE_SERVER", format!("unix:{}", self.folder.join("native").display()))
    }

    /// Listens from now on.
    pub fn ear(&self) -> Ear {
        let mut child = Command::new("parec")
            .args(["-d", "ear.monitor", "--latency-msec=5", "--raw", "--format=s16le", "--rate=48000", "--channels=1"])
            .envs([self.environment()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("parec starts");
        let (tell, ticks) = mpsc::channel();
        let mut sound = child.stdout.take().expect("a pipe");
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            let mut last = f64::NEG_INFINITY;
            while let Ok(read @ 1..) = sound.read(&mut chunk) {
                let end = now();
                let samples: Vec<_> =
                    chunk[..read].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
                let Some(at) = samples.iter().position(|sample| sample.unsigned_abs() > LOUD) else { continue };
                let time = end - (samples.len() - at) as f64 * 1000.0 / RATE;
                // One tick is in several pieces.
                if time - last > 500.0 {
                    last = time;
                    if tell.send(time).is_err() {
                        return;
                    }
                }
            }
        });
        Ear { recorder: Process(child), ticks }
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Listens for as long as it is there.
pub struct Ear {
    recorder: Process,
    ticks: Receiver<f64>,
}

impl Ear {
    /// Whether a tick is heard within that time. Those before it are forgotten.
    pub fn hears(&self, patience: Duration) -> bool {
        self.ticks.try_iter().for_each(drop);
        self.ticks.recv_timeout(patience).is_ok()
    }

    /// When ticks were heard: milliseconds of CLOCK_MONOTONIC.
    pub fn heard(self) -> Vec<f64> {
        drop(self.recorder);
        self.ticks.iter().collect()
    }
}
