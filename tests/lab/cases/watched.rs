//! A camera of the lab that is watched: its frames by the numbers in their pictures.

use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use usermedia::constraints::{ConstrainDomString, MediaTrackConstraints};
use usermedia::devices::MediaDeviceInfo;
use usermedia::{
    Error, Fourcc, FrameCallback, LocalMediaStream, MediaDevices, MediaStreamConstraints, MediaStreamTrack, Medium,
    RecoveryStep, SourceStatistics, VideoFrame, VideoTrack,
};

use super::capture::{check_sums, exactly, format, told};
use crate::devices::share;
use crate::usb::models::webcam;
use crate::usb::specification::CameraSpec;
use crate::usb::{Plugged, SECOND, UsbDevice, jpeg, now};

/// A device with this camera and nothing else.
pub fn only(camera: CameraSpec) -> UsbDevice {
    UsbDevice::new(webcam().identity).with_camera(camera)
}

/// The module's parameter, which it reads when a camera is plugged in.
const NODROP: &str = "/sys/module/uvcvideo/parameters/nodrop";

/// What uvcvideo does with damaged frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damaged {
    Dropped,
    Flagged,
}

/// Plugs in a device whose camera's damaged frames are treated in this way.
pub fn plug(device: &UsbDevice, damaged: Damaged) -> Plugged {
    crate::usb::load_drivers();
    fs::write(NODROP, if damaged == Damaged::Dropped { "0" } else { "1" }).unwrap();
    let plugged = device.plug(0);
    fs::write(NODROP, "0").unwrap();
    plugged
}

/// A frame as it came out of the track.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// In the picture.
    pub number: u32,
    pub sequence: u64,
    pub bytes: usize,
    pub timestamp: u64,
    /// How long after its timestamp it came.
    pub age: Duration,
}

/// Whether nothing but the camera moved these frames' timestamps: an emulated machine pauses now and then, and what a
/// driver stamps meanwhile is stamped late. The camera begins a frame every thirtieth of a second, sent or not.
pub fn is_calm(seen: &[Seen]) -> bool {
    let lateness = |seen: &Seen| seen.timestamp as i64 - i64::from(seen.number) * (SECOND as i64 / 30);
    let (least, most) = (seen.iter().map(lateness).min(), seen.iter().map(lateness).max());
    // A transfer, which is told of as a whole, takes 4 ms.
    most.zip(least).is_some_and(|(most, least)| most - least < 8_000_000)
}

fn number_of(frame: &VideoFrame) -> Option<u32> {
    if frame.fourcc() == Fourcc::MJPG { jpeg::number(frame.memory(0)?) } else { frame.synthetic_frame_number() }
}

/// Opens a camera at 320x240 in this coding.
pub fn try_open(node: &Path, listing: &[MediaDeviceInfo], code: Fourcc) -> Result<LocalMediaStream, Error> {
    let device = listing.iter().find(|device| Path::new(&device.path) == node).expect("the camera is listed");
    let track = MediaTrackConstraints::new()
        .device_id(ConstrainDomString::new().exact(&*device.device_id))
        .pixel_format(format(code))
        .width(exactly(320))
        .height(exactly(240))
        .frame_rate(30.0);
    let devices = MediaDevices::new().with_listing(listing.to_vec());
    devices.get_user_media(&MediaStreamConstraints::new().video(track))
}

/// A camera that streams, and its frames as they come.
pub struct Watched {
    pub stream: LocalMediaStream,
    frames: Receiver<Seen>,
    _callback: FrameCallback,
}

impl Watched {
    /// Streams this coding at 320x240.
    #[track_caller]
    pub fn open(node: &Path, listing: &[MediaDeviceInfo], code: Fourcc) -> Watched {
        Watched::of(try_open(node, listing, code).unwrap_or_else(|error| panic!("{error}: {error:?}")))
    }

    /// Watches the camera of a stream.
    pub fn of(stream: LocalMediaStream) -> Watched {
        let (sender, frames) = mpsc::channel();
        // Inline: no queue that the test could be too slow for.
        let callback = stream.video_tracks()[0].on_frame(move |frame| {
            let number = number_of(frame).expect("a number in the picture");
            let _ = sender.send(Seen {
                number,
                sequence: frame.sequence(),
                bytes: frame.memory(0).map_or(0, <[u8]>::len),
                timestamp: frame.timestamp(),
                age: Duration::from_nanos(now().saturating_sub(frame.timestamp())),
            });
        });
        Watched { stream, frames, _callback: callback }
    }

    /// The next frame.
    #[track_caller]
    pub fn next(&self) -> Seen {
        self.frames.recv_timeout(Duration::from_secs(5)).expect("a frame within five seconds")
    }

    /// The frames up to the one with this number, or the first beyond it.
    pub fn until(&self, number: u32) -> Vec<Seen> {
        let mut seen = vec![self.next()];
        while seen.last().is_some_and(|last| last.number < number) {
            seen.push(self.next());
        }
        seen
    }

    /// The camera's track.
    pub fn track(&self) -> Arc<VideoTrack> {
        self.stream.video_tracks().remove(0)
    }

    /// Stops, and returns what was counted, whose sums hold. A stop waits a tenth of a second, on a slow machine the last
    /// frame may be counted after that.
    #[track_caller]
    pub fn stop(&self) -> SourceStatistics {
        self.stream.stop();
        // By turns, not by the clock, which goes on while an emulated machine does not.
        let is_settled = |_: &i32| self.statistics().captured == told(&self.statistics());
        let _ = (0..200).inspect(|_| thread::sleep(Duration::from_millis(10))).find(is_settled);
        let counted = self.statistics();
        check_sums(&counted);
        counted
    }

    /// What was counted.
    pub fn statistics(&self) -> SourceStatistics {
        self.stream.video_tracks()[0].statistics()
    }
}

/// What happened to a track: why it was muted, and what was done about it.
pub fn story<M: Medium>(track: &MediaStreamTrack<M>) -> Vec<&'static str> {
    let events = track.recovery_events();
    let words = events.iter().map(|event| match &event.step {
        RecoveryStep::Muted(reason) | RecoveryStep::ReasonChanged(reason) => reason.as_str(),
        step => step.as_str(),
    });
    words.collect()
}

/// Waits until a track has gone on so many times, and returns its story.
#[track_caller]
pub fn resumed<M: Medium>(track: &MediaStreamTrack<M>, times: usize) -> Vec<&'static str> {
    // As long as a track is patient.
    let begun = now();
    loop {
        let story = story(track);
        if story.iter().filter(|word| **word == "resumed").count() >= times {
            return story;
        }
        assert!(now() < begun + 30 * SECOND, "it does not go on: {story:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Adds a line to faults.md on the share: what a track did about a fault, and how long frames were missing for it.
pub fn tell<M: Medium>(fault: impl Display, track: &MediaStreamTrack<M>) {
    let events = track.recovery_events();
    let mutes = events.iter().filter_map(|event| match event.step {
        RecoveryStep::Resumed { after } => Some(format!("{:.2} s", after.as_secs_f64())),
        _ => None,
    });
    let mutes: Vec<_> = mutes.collect();
    let muted = if mutes.is_empty() { "no gap".to_owned() } else { mutes.join(", ") };
    tell_in_words(fault, format!("{} | {muted}", story(track).join(", ")));
}

/// The same in other words: what is done | how long it takes.
pub fn tell_in_words(fault: impl Display, what: impl Display) {
    let test = std::env::args().next_back().unwrap_or_default();
    let file = OpenOptions::new().create(true).append(true).open(share().join("faults.md"));
    writeln!(file.expect("the share takes files"), "{fault} | {what} | {test}").expect("the share takes text");
}

/// What a process must not gather: descriptors and mappings of devices, threads.
#[derive(Debug, PartialEq, Eq)]
pub struct Gathered {
    open: usize,
    mapped: usize,
    threads: usize,
}

impl Gathered {
    /// What this process has now.
    pub fn now() -> Gathered {
        let list = |folder: &str| fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
        let open = list("/proc/self/fd").filter_map(|link| fs::read_link(link).ok());
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        Gathered {
            open: open.filter(|target| target.starts_with("/dev")).count(),
            mapped: maps.lines().filter(|line| line.contains("/dev/video") || line.contains("/dev/snd")).count(),
            threads: list("/proc/self/task").count(),
        }
    }
}

/// How often something is repeated: as often as USERMEDIA_LAB_CYCLES says, or so many times.
pub fn cycles(usually: u32) -> u32 {
    std::env::var("USERMEDIA_LAB_CYCLES").ok().and_then(|text| text.parse().ok()).unwrap_or(usually)
}
