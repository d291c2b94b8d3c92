//! A screen that nobody sees, and an eye on it: what a person would see and when, without a question to the browser that shows
//! it. To read a `<video>` back in its page costs as much as to show it, and then measures itself.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{env, fs, process};

use nix::time::{ClockId, clock_gettime};

use crate::engine::{Process, program};

/// In pixels: larger than a picture of 1280x720 and what a browser has around it.
pub const SIZE: (usize, usize) = (1400, 1000);
/// Bytes of a pixel, of which the second is green in either byte order that Xvfb has at 24 bits.
const PIXEL: usize = 4;
/// The cells in which a picture has its number (src/capture/synthetic/pattern.rs).
const CELLS: usize = 40;

/// An X server's, in memory.
pub struct Screen {
    _process: Process,
    pub name: String,
    folder: PathBuf,
}

impl Screen {
    pub fn start() -> Self {
        // Where there is a file system in memory, nothing is written to a disk meanwhile.
        let shared = Path::new("/dev/shm");
        let folder = if shared.is_dir() { shared.to_owned() } else { env::temp_dir() };
        let folder = folder.join(format!("usermedia-screen-{}-{:?}", process::id(), thread::current().id()));
        fs::create_dir_all(&folder).expect("a folder");
        let mut child = Command::new(program("Xvfb").expect("Xvfb is installed"))
            .args([
                "-displayfd",
                "1",
                "-nolisten",
                "tcp",
                "-screen",
                "0",
                &format!("{}x{}x24", SIZE.0, SIZE.1),
                "-fbdir",
            ])
            .arg(&folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb starts");
        let mut number = String::new();
        // It says which display was free when it is ready.
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut number).expect("a number");
        Self { _process: Process(child), name: format!(":{}", number.trim()), folder }
    }

    /// Looks at a picture of that width, in which a number of `plausible` can be read now.
    pub fn eye(&self, width: usize, plausible: std::ops::Range<u32>) -> Eye {
        let image = Image::open(&self.folder.join("Xvfb_screen0"));
        let all = image.rows(0, SIZE.1);
        let line = |y: usize| &all[y * image.pitch..(y + 1) * image.pitch];
        // Where it is: in the middle of the places at which it can be read.
        let mut places = Vec::new();
        for y in 0..SIZE.1 {
            for left in 0..=SIZE.0 - width {
                if number_in(&line(y)[left * PIXEL..], width).is_some_and(|number| plausible.contains(&number)) {
                    places.push((y, left));
                }
            }
        }
        assert!(!places.is_empty(), "no picture of that width is on the screen");
        let (y, _) = places[places.len() / 2];
        let lefts: Vec<_> = places.iter().filter(|place| place.0 == y).map(|place| place.1).collect();
        let left = lefts[lefts.len() / 2];
        let end = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&end);
        let watcher = thread::spawn(move || {
            let mut seen = Vec::new();
            let mut last = None;
            while !ended.load(Ordering::Relaxed) {
                let row = image.rows(y, 1);
                if let Some(number) = number_in(&row[left * PIXEL..], width)
                    && last != Some(number)
                {
                    last = Some(number);
                    seen.push((number, now()));
                }
                thread::sleep(Duration::from_millis(1));
            }
            seen
        });
        Eye { end, watcher }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Looks until it is asked what it saw.
pub struct Eye {
    end: Arc<AtomicBool>,
    watcher: JoinHandle<Vec<(u32, f64)>>,
}

impl Eye {
    /// The numbers of the pictures it saw, and when each was on the screen: milliseconds of CLOCK_MONOTONIC.
    pub fn seen(self) -> Vec<(u32, f64)> {
        self.end.store(true, Ordering::Relaxed);
        self.watcher.join().expect("it only looks")
    }
}

/// Milliseconds of the clock on which the service stamps pictures and sound.
pub fn now() -> f64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("it is always there");
    Duration::from(now).as_secs_f64() * 1000.0
}

/// The screen's memory: a file in the format of xwd (X11/XWDFile.h), 32-bit words with the highest byte first, then a table
/// of colours, then rows.
struct Image {
    file: File,
    pixels: u64,
    pitch: usize,
}

impl Image {
    fn open(path: &Path) -> Self {
        let file = File::open(path).expect("Xvfb has its screen there");
        let word = |at: u64| {
            let mut bytes = [0; 4];
            file.read_exact_at(&mut bytes, 4 * at).expect("a header");
            u32::from_be_bytes(bytes)
        };
        let (header, bits, pitch, colours) = (word(0), word(11), word(12), word(19));
        assert_eq!(bits, 32, "pixels of the screen");
        Self { pixels: u64::from(header) + 12 * u64::from(colours), pitch: pitch as usize, file }
    }

    fn rows(&self, first: usize, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count * self.pitch];
        self.file.read_exact_at(&mut bytes, self.pixels + (first * self.pitch) as u64).expect("rows of the screen");
        bytes
    }
}

/// The number that stands in a row of a picture of that width: 32 bits and 8 of checksum, black or white.
fn number_in(row: &[u8], width: usize) -> Option<u32> {
    let mut bits = 0u64;
    for cell in 0..CELLS {
        let centre = (2 * cell + 1) * width / (2 * CELLS);
        bits = bits << 1 | u64::from(row[centre * PIXEL + 1] >= 128);
    }
    let (number, sum) = ((bits >> 8) as u32, bits as u8);
    let wanted = number.to_be_bytes().iter().fold(0x5a_u8, |sum, byte| sum.rotate_left(1) ^ byte);
    (sum == wanted).then_some(number)
}
