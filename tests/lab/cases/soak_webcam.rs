//! A USB webcam and ALSA's loopback, as ten minutes of real time have them: what goes wrong, and flash and tick in step.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use usermedia::constraints::{ConstrainDouble, MediaStreamConstraints};
use usermedia::{Fourcc, Recorder, RecordingProgress, VideoTrack};

use super::capture::{exactly, format, on};
use super::soak_day::{CLAPS, Scene};
use super::soak_ledger::Dice;
use super::soak_microphone::{self, RATE, Ticker};
use super::usb_stream::sync;
use super::watched::only;
use crate::devices::{share, succeed};
use crate::usb::faults::Fault;
use crate::usb::models::webcam_camera;
use crate::usb::{Plugged, SECOND, UsbDevice, now};

pub struct Webcam {
    device: UsbDevice,
    plugged: Option<Plugged>,
    /// All of it: what the clocks are apart adds up.
    file: PathBuf,
}

impl Webcam {
    pub fn new() -> Webcam {
        soak_microphone::slow_down();
        let device = only(webcam_camera().with_flash());
        let plugged = Some(device.plug(0));
        Webcam { device, plugged, file: share().join("webcam-soak.mkv") }
    }

    fn plugged(&mut self) -> &mut Plugged {
        self.plugged.as_mut().expect("it is plugged in between two faults")
    }

    /// Out, and in again somewhere else.
    fn replug(&mut self, pull: fn(Plugged) -> u64, dice: &mut Dice) {
        self.plugged.take().map(pull);
        thread::sleep(Duration::from_millis(dice.below(5_000)));
        self.plugged = Some(self.device.plug(dice.below(4) as u8));
    }
}

impl Scene for Webcam {
    const FAULTS: &'static [&'static str] = &[
        "frames with the error bit, by chance",
        "short frames",
        "a packet that failed in frames by chance",
        "frames that are not sent",
        "a frame whose identifier did not change",
        "no frame for a second or so",
        "five failed transfers: frozen",
        "unplugged for some seconds",
        "yanked, and away for some seconds",
        "the microphone away for some seconds",
    ];

    /// An emulated machine pauses, and stamps what came meanwhile a tenth of a second late: three frames are in the next
    /// second then, and two numbers are left out until the next gap.
    const SLACK: f64 = 5.0;
    /// A device that had to wait for its processor was late itself, which no stamp can know: not each clap counts.
    const COUNTED: f64 = 0.5;
    /// A dozen faults, each kind for the second time, reach pages of stacks that were not touched before.
    const RESIDENT: f64 = 256.0;

    fn constraints(&self) -> MediaStreamConstraints {
        let camera = self.plugged.as_ref().expect("plugged in").camera();
        let video = on(&camera).width(exactly(320)).height(exactly(240)).pixel_format(format(Fourcc::MJPG));
        let video = video.frame_rate(ConstrainDouble::new().exact(30.0));
        MediaStreamConstraints::new().video(video).audio(soak_microphone::constraints())
    }

    fn recorder(&self) -> Recorder {
        Recorder::create(&self.file).expect("a recorder")
    }

    fn strike(&mut self, fault: usize, dice: &mut Dice) {
        let seed = dice.below(1 << 32) as u32;
        let some = |most| 1 + (seed % most);
        match fault {
            0 => drop(self.plugged().inject(Fault::ErrorBit.one_in(3, seed).times(some(20)))),
            1 => drop(self.plugged().inject(Fault::ShortFrame(100).times(some(5)))),
            2 => drop(self.plugged().inject(Fault::FailedPacket.one_in(3, seed).times(some(20)))),
            3 => drop(self.plugged().inject(Fault::SkippedFrame.times(some(30)))),
            4 => drop(self.plugged().inject(Fault::StuckFrameId)),
            5 => drop(self.plugged().inject(Fault::Stall(Duration::from_millis(200 + u64::from(some(1_300)))))),
            6 => drop(self.plugged().inject(Fault::FailedTransfer.times(5))),
            8 if Plugged::may_be_yanked() => self.replug(Plugged::yank, dice),
            7 | 8 => self.replug(Plugged::unplug, dice),
            _ => soak_microphone::replug(dice),
        }
    }

    /// The camera's flash begins with each second of CLOCK_MONOTONIC, and so does the tick.
    fn clap(&mut self, _: &VideoTrack) {
        let ticker = Ticker::start();
        for _ in 0..CLAPS {
            ticker.tick((now() / SECOND + 2) * SECOND);
            thread::sleep(Duration::from_secs(1));
        }
        thread::sleep(Duration::from_secs(2));
        ticker.stop();
    }

    /// The file's end, cut off without touching its times.
    fn skews(&self) -> Vec<f64> {
        let end = self.file.with_extension("end.mkv");
        let mut cut = Command::new("ffmpeg");
        cut.args(["-v", "error", "-y", "-sseof", &format!("-{CLAPS}"), "-copyts", "-i"]).arg(&self.file);
        succeed(cut.args(["-map", "0", "-c", "copy", "-copyts"]).arg(&end));
        sync::skews(&end, RATE)
    }

    /// The file's index: 24 bytes in a second, in a list that doubles.
    fn remembered(&self, progress: &RecordingProgress) -> usize {
        progress.duration().map_or(0, |duration| 48 * (duration / SECOND) as usize)
    }
}
