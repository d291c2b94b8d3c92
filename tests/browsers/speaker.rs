//! A loudspeaker that nobody hears, and an ear at it: when the built-in microphone's ticks come out of the browser, and how smooth
//! its tone is.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
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

/// How far a sample lies off the line through its neighbours at most: the tone's by its curve is 11, and some are rounded twice.
const SMOOTH: i32 = 40;

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

    /// What comes out, as samples of 16 bits.
    fn recorder(&self) -> Child {
        Command::new("parec")
            .args(["-d", "ear.monitor", "--latency-msec=5", "--raw", "--format=s16le", "--rate=48000", "--channels=1"])
            .envs([self.environment()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("parec starts")
    }

    /// Whether the tone is heard without a click for a second, but for the tick, within that time.
    pub fn is_smooth_within(&self, patience: Duration) -> bool {
        let mut recorder = Process(self.recorder());
        let mut sound = recorder.0.stdout.take().expect("a pipe");
        let deadline = Instant::now() + patience;
        let mut second = vec![0; RATE as usize * 2];
        while Instant::now() < deadline {
            sound.read_exact(&mut second).expect("it goes on");
            let samples: Vec<_> = samples(&second).map(i32::from).collect();
            let ticks: Vec<_> = (0..samples.len()).filter(|at| samples[*at].abs() > i32::from(LOUD)).collect();
            let is_near = |at: usize| ticks.iter().any(|tick| tick.abs_diff(at) < RATE as usize / 100);
            let clicks = (2..samples.len())
                .filter(|at| (samples[*at] - 2 * samples[at - 1] + samples[at - 2]).abs() > SMOOTH && !is_near(*at));
            if samples.iter().any(|sample| sample.abs() > 1_000) && clicks.count() == 0 {
                return true;
            }
        }
        false
    }

    /// Listens from now on.
    pub fn ear(&self) -> Ear {
        let mut child = self.recorder();
        let (tell, ticks) = mpsc::channel();
        let mut sound = child.stdout.take().expect("a pipe");
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            let mut last = f64::NEG_INFINITY;
            while let Ok(read @ 1..) = sound.read(&mut chunk) {
                let end = now();
                let samples: Vec<_> = samples(&chunk[..read]).collect();
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

fn samples(bytes: &[u8]) -> impl Iterator<Item = i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
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
