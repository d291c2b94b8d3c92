//! What a USB camera does wrong, what uvcvideo makes of it, and what is counted.
//!
//! The picture carries its frame's number, counted by the camera, sent or not: that is the truth which a frame's
//! sequence number and the statistics are held against. uvcvideo drops damaged frames, or hands them over flagged where
//! its parameter `nodrop` says so.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use usermedia::constraints::{ConstrainDomString, MediaTrackConstraints};
use usermedia::devices::{MediaDeviceInfo, enumerate_devices};
use usermedia::{
    Fourcc, FrameCallback, LocalMediaStream, MediaDevices, MediaStreamConstraints, SourceStatistics, VideoFrame,
};

use super::capture::{check_sums, exactly, format};
use crate::harness::{LabTest, lab_test};
use crate::usb::faults::{Fault, Injection};
use crate::usb::models::webcam;
use crate::usb::{Plugged, UsbDevice, jpeg};

pub const TESTS: &[LabTest] = &[
    lab_test!(the_error_bit_spoils_one_frame),
    lab_test!(a_short_frame_is_told_by_its_size_or_its_missing_end),
    lab_test!(a_lost_packet_is_told_where_a_frames_size_is_known),
    lab_test!(a_failed_packet_spoils_one_frame),
    lab_test!(an_empty_header_is_told_where_a_frames_size_is_known),
    lab_test!(a_frame_without_an_end_comes_with_the_next),
    lab_test!(a_frame_whose_identifier_did_not_change_is_missed_by_the_clock),
    lab_test!(frames_that_are_not_sent_are_missed_by_the_clock),
    lab_test!(a_stall_is_missed_by_the_clock),
];

/// The module's parameter, which it reads when a camera is plugged in.
const NODROP: &str = "/sys/module/uvcvideo/parameters/nodrop";

/// What uvcvideo does with damaged frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damaged {
    Dropped,
    Flagged,
}

/// Plugs in a device whose camera's damaged frames are treated in this way.
fn plug(device: &UsbDevice, damaged: Damaged) -> Plugged {
    crate::usb::load_drivers();
    fs::write(NODROP, if damaged == Damaged::Dropped { "0" } else { "1" }).unwrap();
    let plugged = device.plug(0);
    fs::write(NODROP, "0").unwrap();
    plugged
}

/// A frame as it came out of the track.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// In the picture.
    number: u32,
    sequence: u64,
}

fn number_of(frame: &VideoFrame) -> Option<u32> {
    if frame.fourcc() == Fourcc::MJPG { jpeg::number(frame.memory(0)?) } else { frame.synthetic_frame_number() }
}

/// A camera that streams, and its frames as they come.
struct Watched {
    stream: LocalMediaStream,
    frames: Receiver<Seen>,
    _callback: FrameCallback,
}

impl Watched {
    fn open(node: &Path, listing: &[MediaDeviceInfo], code: Fourcc) -> Watched {
        let device = listing.iter().find(|device| Path::new(&device.path) == node).expect("the camera is listed");
        let track = MediaTrackConstraints::new()
            .device_id(ConstrainDomString::new().exact(&*device.device_id))
            .pixel_format(format(code))
            .width(exactly(320))
            .height(exactly(240))
            .frame_rate(30.0);
        let devices = MediaDevices::new().with_listing(listing.to_vec());
        let stream = devices.get_user_media(&MediaStreamConstraints::new().video(track)).expect("a stream");
        let (sender, frames) = mpsc::channel();
        // Inline: no queue that the test could be too slow for.
        let callback = stream.video_tracks()[0].on_frame(move |frame| {
            let number = number_of(frame).expect("a number in the picture");
            let _ = sender.send(Seen { number, sequence: frame.sequence() });
        });
        Watched { stream, frames, _callback: callback }
    }

    fn next(&self) -> Seen {
        self.frames.recv_timeout(Duration::from_secs(5)).expect("a frame within five seconds")
    }

    /// The frames up to the one with this number, or the first beyond it.
    fn until(&self, number: u32) -> Vec<Seen> {
        let mut seen = vec![self.next()];
        while seen.last().is_some_and(|last| last.number < number) {
            seen.push(self.next());
        }
        seen
    }

    fn statistics(&self) -> SourceStatistics {
        self.stream.video_tracks()[0].statistics()
    }
}

/// What came of frames after some had been struck.
#[derive(Debug)]
struct Outcome {
    /// The number of the first frame that was struck.
    struck: u32,
    seen: Vec<Seen>,
    counted: SourceStatistics,
}

impl Outcome {
    /// Whether a struck frame came all the same, by its number from the first struck one.
    fn came(&self, index: u32) -> bool {
        self.seen.iter().any(|seen| seen.number == self.struck + index)
    }

    /// That so many frames from the first struck one were missed, in the count and in the numbers of those after them.
    #[track_caller]
    fn assert_missed(&self, frames: u32) {
        let after = self.seen.iter().position(|seen| seen.number >= self.struck).expect("frames after the fault");
        let (before, after) = (self.seen[after - 1], self.seen[after]);
        assert_eq!((before.number, after.number), (self.struck - 1, self.struck + frames), "{self:?}");
        assert_eq!(after.sequence - before.sequence, u64::from(frames) + 1, "{self:?}");
    }
}

/// Streams in this coding, has the camera do wrong, and goes on for some frames.
fn strike(plugged: &mut Plugged, listing: &[MediaDeviceInfo], code: Fourcc, fault: Injection, last: u32) -> Outcome {
    let watched = Watched::open(&plugged.camera(), listing, code);
    let mut seen: Vec<_> = (0..3).map(|_| watched.next()).collect();
    let struck = plugged.inject(fault);
    seen.extend(watched.until(struck + last + 2));
    watched.stream.stop();
    let counted = watched.statistics();
    check_sums(&counted);
    Outcome { struck, seen, counted }
}

/// Strikes one camera after another in each of its codings, and has each outcome judged.
fn strike_each(fault: impl Into<Injection>, last: u32, judge: impl Fn(Damaged, Fourcc, &Outcome)) {
    let fault = fault.into();
    for damaged in [Damaged::Dropped, Damaged::Flagged] {
        let mut plugged = plug(&webcam(), damaged);
        let listing = enumerate_devices();
        for code in [Fourcc::YUYV, Fourcc::MJPG] {
            let outcome = strike(&mut plugged, &listing, code, fault, last);
            println!("{damaged:?} {code}: {outcome:?}");
            judge(damaged, code, &outcome);
        }
    }
}

/// How many frames were rejected, and why: `error`, `short`, `badJpeg`.
fn rejected(counted: &SourceStatistics) -> [u64; 3] {
    [counted.error, counted.short, counted.bad_jpeg]
}

/// One frame, damaged where the driver can see it.
#[track_caller]
fn assert_seen_by_the_driver(damaged: Damaged, outcome: &Outcome) {
    // Dropped or rejected, its number is missing either way.
    outcome.assert_missed(1);
    let errors = if damaged == Damaged::Dropped { 0 } else { 1 };
    assert_eq!(rejected(&outcome.counted), [errors, 0, 0], "{outcome:?}");
}

/// One frame, damaged where nobody can see it.
#[track_caller]
fn assert_unseen(outcome: &Outcome) {
    assert!(outcome.came(0), "{outcome:?}");
    assert_eq!(rejected(&outcome.counted), [0, 0, 0], "{outcome:?}");
}

fn the_error_bit_spoils_one_frame() {
    strike_each(Fault::ErrorBit, 0, |damaged, _, outcome| assert_seen_by_the_driver(damaged, outcome));
}

fn a_failed_packet_spoils_one_frame() {
    strike_each(Fault::FailedPacket, 0, |damaged, _, outcome| assert_seen_by_the_driver(damaged, outcome));
}

/// Half a frame of YUYV has the wrong size. Half a JPEG is as good as a whole one to the driver, but has no end.
fn a_short_frame_is_told_by_its_size_or_its_missing_end() {
    strike_each(Fault::ShortFrame(3_000), 0, |damaged, code, outcome| {
        if code == Fourcc::YUYV {
            assert_seen_by_the_driver(damaged, outcome);
        } else {
            outcome.assert_missed(1);
            assert_eq!(rejected(&outcome.counted), [0, 0, 1], "{outcome:?}");
        }
    });
}

fn a_lost_packet_is_told_where_a_frames_size_is_known() {
    strike_each(Fault::LostPacket, 0, |damaged, code, outcome| {
        if code == Fourcc::YUYV { assert_seen_by_the_driver(damaged, outcome) } else { assert_unseen(outcome) }
    });
}

fn an_empty_header_is_told_where_a_frames_size_is_known() {
    strike_each(Fault::EmptyHeader, 0, |damaged, code, outcome| {
        if code == Fourcc::YUYV { assert_seen_by_the_driver(damaged, outcome) } else { assert_unseen(outcome) }
    });
}

fn a_frame_without_an_end_comes_with_the_next() {
    strike_each(Fault::NoEndOfFrame, 0, |_, _, outcome| assert_unseen(outcome));
}

fn a_frame_whose_identifier_did_not_change_is_missed_by_the_clock() {
    strike_each(Fault::StuckFrameId, 0, |_, _, outcome| {
        outcome.assert_missed(1);
        assert_eq!(rejected(&outcome.counted), [0, 0, 0], "{outcome:?}");
    });
}

fn frames_that_are_not_sent_are_missed_by_the_clock() {
    strike_each(Fault::SkippedFrame.times(4), 3, |_, _, outcome| {
        outcome.assert_missed(4);
        assert_eq!(rejected(&outcome.counted), [0, 0, 0], "{outcome:?}");
    });
}

fn a_stall_is_missed_by_the_clock() {
    strike_each(Fault::Stall(Duration::from_millis(490)), 14, |_, _, outcome| {
        outcome.assert_missed(15);
        assert_eq!(rejected(&outcome.counted), [0, 0, 0], "{outcome:?}");
    });
}
