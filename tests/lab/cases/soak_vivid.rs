//! vivid and ALSA's loopback, as the day has them: what goes wrong, and claps at the end of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use usermedia::constraints::{ConstrainDouble, MediaStreamConstraints};
use usermedia::{Fourcc, Recorder, RecordingProgress, Segments, VideoTrack};

use super::capture::{exactly, format, on};
use super::soak_day::{CLAPS, Scene};
use super::soak_ledger::Dice;
use super::soak_microphone::{self, RATE, Ticker};
use super::usb_stream::sync;
use crate::devices::{eventually, find_node, succeed, v4l2_ctl, vivid_webcam};
use crate::usb::SECOND;
use crate::{agent, layout};

/// vivid's test patterns of these colours.
const BLACK: u32 = 5;
const WHITE: u32 = 6;
/// Frames between two claps, and how many of them are white.
const INTERVAL: u64 = 30;
const WHITE_FRAMES: u64 = 3;
/// Where the recording goes: the guest's memory.
const FOLDER: &str = "/tmp";

pub struct Vivid;

fn set(control: &str) {
    succeed(&mut v4l2_ctl(&vivid_webcam(), &[&format!("--set-ctrl={control}")]));
}

fn show(pattern: u32) {
    set(&format!("test_pattern={pattern}"));
}

/// Black, and without the text that takes longer than everything else about a picture.
fn prepare_the_camera() {
    set("osd_text_mode=2");
    show(BLACK);
}

impl Vivid {
    pub fn new() -> Vivid {
        soak_microphone::slow_down();
        prepare_the_camera();
        Vivid
    }
}

impl Scene for Vivid {
    const FAULTS: &'static [&'static str] = &[
        "a third of the frames dropped for some seconds",
        "a damaged buffer",
        "EIO until the stream is started anew",
        "unplugged, and there again when nobody holds it",
        "away for some seconds",
        "the microphone away for some seconds",
    ];

    const SLACK: f64 = 1.0;
    const COUNTED: f64 = 1.0;
    /// malloc's caches grow and shrink by tens of KiB; what is allocated is known to the byte.
    const RESIDENT: f64 = 128.0;

    fn constraints(&self) -> MediaStreamConstraints {
        let video = on(&vivid_webcam()).width(exactly(320)).height(exactly(180)).pixel_format(format(Fourcc::YUYV));
        let video = video.frame_rate(ConstrainDouble::new().exact(30.0));
        MediaStreamConstraints::new().video(video).audio(soak_microphone::constraints())
    }

    /// A ring of the last half minute.
    fn recorder(&self) -> Recorder {
        let segments = Segments::of_length(Duration::from_secs(10)).keep(110 << 20);
        let recorder = Recorder::create(Path::new(FOLDER).join("day.mkv"));
        recorder.and_then(|recorder| recorder.with_segments(segments)).expect("a recorder")
    }

    fn strike(&mut self, fault: usize, dice: &mut Dice) {
        match fault {
            0 => {
                set("percentage_of_dropped_buffers=30");
                thread::sleep(Duration::from_millis(dice.below(9_000) + 1_000));
                set("percentage_of_dropped_buffers=0");
            }
            1 => set("inject_v4l2_buf_flag_error=1"),
            2 => set("inject_fatal_streaming_error=1"),
            3 => {
                set("disconnect=1");
                eventually("the camera's node", || find_node(layout::WEBCAM).filter(|node| node.exists()));
                agent::as_udev_would();
            }
            4 => {
                soak_microphone::rebind("vivid", "vivid.0", dice);
                prepare_the_camera();
                agent::as_udev_would();
            }
            _ => soak_microphone::replug(dice),
        }
    }

    /// White is the frame that bears the time at which the tick is heard.
    fn clap(&mut self, track: &VideoTrack) {
        let ticker = Ticker::start();
        let mut processor = track.processor(8);
        for n in 0..(CLAPS + 1) * INTERVAL {
            let frame = processor.next().expect("frames").expect("no error");
            let (place, last) = (n % INTERVAL, n / INTERVAL == CLAPS);
            // The next frame is made a thirtieth of a second from now, however long it takes to say so.
            if place == INTERVAL - 1 && !last {
                show(WHITE);
            } else if place == WHITE_FRAMES - 1 && n > INTERVAL {
                show(BLACK);
            } else if place == 0 && !last {
                ticker.tick(frame.timestamp() + SECOND * INTERVAL / 30);
            }
        }
        ticker.stop();
    }

    /// The segments that are left are the last half minute.
    fn skews(&self) -> Vec<f64> {
        let is_segment = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "mkv");
        let files = fs::read_dir(FOLDER).expect("the folder").flatten().map(|entry| entry.path());
        let mut segments: Vec<PathBuf> = files.filter(is_segment).collect();
        segments.sort();
        segments.iter().flat_map(|segment| sync::skews(segment, RATE)).collect()
    }

    /// A thousand files by name; from then on it grows no more.
    fn remembered(&self, progress: &RecordingProgress) -> usize {
        let files = progress.files().len();
        if files < 1_000 { 128 * files } else { 0 }
    }
}
