//! What a USB camera does wrong, what uvcvideo makes of it, and what is counted.
//!
//! The picture carries its frame's number, counted by the camera, sent or not: that is the truth which a frame's
//! sequence number and the statistics are held against. uvcvideo drops damaged frames, or hands them over flagged where
//! its parameter `nodrop` says so.

use std::time::Duration;

use usermedia::devices::{MediaDeviceInfo, enumerate_devices};
use usermedia::{Fourcc, SourceStatistics};

use super::watched::{Damaged, Seen, Watched, is_calm, only, plug, resumed, tell};
use crate::harness::{LabTest, lab_test};
use crate::usb::Plugged;
use crate::usb::faults::{Fault, Injection};
use crate::usb::models::webcam_camera;
use crate::usb::video_descriptors::PACKET_SIZES;

pub const TESTS: &[LabTest] = &[
    lab_test!(the_error_bit_spoils_one_frame).timeout_secs(120),
    lab_test!(a_short_frame_is_told_by_its_size_or_its_missing_end).timeout_secs(120),
    lab_test!(a_lost_packet_is_told_where_a_frames_size_is_known).timeout_secs(120),
    lab_test!(a_failed_packet_spoils_one_frame).timeout_secs(120),
    lab_test!(an_empty_header_is_told_where_a_frames_size_is_known).timeout_secs(120),
    lab_test!(a_frame_without_an_end_comes_with_the_next).timeout_secs(120),
    lab_test!(a_frame_whose_identifier_did_not_change_is_missed_by_the_clock).timeout_secs(120),
    lab_test!(frames_that_are_not_sent_are_missed_by_the_clock).timeout_secs(120),
    lab_test!(a_stall_is_missed_by_the_clock).timeout_secs(120),
    lab_test!(a_silence_on_the_bus_is_missed_by_the_clock).timeout_secs(120),
    lab_test!(frames_damaged_by_chance_are_all_accounted_for).timeout_secs(120),
    lab_test!(an_empty_frame_is_missed_by_the_clock).timeout_secs(120),
    lab_test!(damaged_frames_without_end_start_the_camera_anew).timeout_secs(120),
    lab_test!(a_failed_transfer_gives_back_every_buffer_flagged).timeout_secs(120),
];

/// What came of frames after some had been struck.
#[derive(Debug)]
struct Outcome {
    /// The number of the first frame that was struck.
    struck: u32,
    seen: Vec<Seen>,
    counted: SourceStatistics,
    /// The machine did not pause meanwhile.
    calm: bool,
}

impl Outcome {
    /// That so many frames from the first struck one were missed, in the count and in the numbers of those after them.
    #[track_caller]
    fn assert_missed(&self, frames: u32) {
        let after = self.seen.iter().position(|seen| seen.number >= self.struck).expect("frames after the fault");
        let (before, after) = (self.seen[after - 1], self.seen[after]);
        if !self.calm {
            // A device that had no processor itself was late, and its bus moved on.
            return assert!(after.number > self.struck && after.sequence > before.sequence + 1, "{self:?}");
        }
        assert_eq!((before.number, after.number), (self.struck - 1, self.struck + frames), "{self:?}");
        assert_eq!(after.sequence - before.sequence, u64::from(frames) + 1, "{self:?}");
    }
}

/// Streams in this coding, has the camera do wrong, and goes on for some frames. Again, where the machine did wrong too.
fn strike(plugged: &mut Plugged, listing: &[MediaDeviceInfo], code: Fourcc, fault: Injection, last: u32) -> Outcome {
    let mut attempts = 1..=ATTEMPTS;
    loop {
        let watched = Watched::open(&plugged.camera(), listing, code);
        let mut seen: Vec<_> = (0..3).map(|_| watched.next()).collect();
        let struck = plugged.inject(fault);
        seen.extend(watched.until(struck + last + 2));
        let counted = watched.stop();
        let calm = is_calm(&seen);
        if calm || attempts.next().is_none() {
            return Outcome { struck, seen, counted, calm };
        }
    }
}

/// How often the machine may pause before it is taken as it is.
const ATTEMPTS: u32 = 4;

/// Both ways of the driver, with these codings.
const ALL: [(Damaged, &[Fourcc]); 2] =
    [(Damaged::Dropped, &[Fourcc::YUYV, Fourcc::MJPG]), (Damaged::Flagged, &[Fourcc::YUYV, Fourcc::MJPG])];
/// The same for faults that the driver does not see.
const EACH: [(Damaged, &[Fourcc]); 2] = [(Damaged::Dropped, &[Fourcc::YUYV]), (Damaged::Flagged, &[Fourcc::MJPG])];

/// Strikes one camera after another in these codings, and has each outcome judged.
fn strike_each(
    fault: impl Into<Injection>,
    last: u32,
    ways: [(Damaged, &[Fourcc]); 2],
    judge: impl Fn(Damaged, Fourcc, &Outcome),
) {
    let fault = fault.into();
    for (damaged, codings) in ways {
        let mut plugged = plug(&only(webcam_camera()), damaged);
        let listing = enumerate_devices();
        for &code in codings {
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

/// One frame, damaged where nobody can see it: it came, with all those about it. Returns it and the one before it.
#[track_caller]
fn assert_unseen(outcome: &Outcome) -> (Seen, Seen) {
    assert_eq!(rejected(&outcome.counted), [0, 0, 0], "{outcome:?}");
    let at = outcome.seen.iter().position(|seen| seen.number == outcome.struck).expect("the struck frame");
    let (before, struck) = (outcome.seen[at - 1], outcome.seen[at]);
    assert_eq!(before.number, struck.number - 1, "{outcome:?}");
    assert!(before.sequence == struck.sequence - 1 || !outcome.calm, "{outcome:?}");
    (before, struck)
}

/// A JPEG without one of its packets, which nobody can see.
#[track_caller]
fn assert_a_packet_is_missing(outcome: &Outcome) {
    let (before, struck) = assert_unseen(outcome);
    // The comment with the number may have a digit more.
    assert!(before.bytes.abs_diff(struck.bytes + PACKET_SIZES[0] - 2) <= 1, "{outcome:?}");
}

fn the_error_bit_spoils_one_frame() {
    strike_each(Fault::ErrorBit, 0, ALL, |damaged, _, outcome| assert_seen_by_the_driver(damaged, outcome));
}

fn a_failed_packet_spoils_one_frame() {
    strike_each(Fault::FailedPacket, 0, ALL, |damaged, _, outcome| assert_seen_by_the_driver(damaged, outcome));
}

/// Half a frame of YUYV has the wrong size. Half a JPEG is as good as a whole one to the driver, but has no end.
fn a_short_frame_is_told_by_its_size_or_its_missing_end() {
    strike_each(Fault::ShortFrame(3_000), 0, ALL, |damaged, code, outcome| {
        if code == Fourcc::YUYV {
            assert_seen_by_the_driver(damaged, outcome);
        } else {
            outcome.assert_missed(1);
            assert_eq!(rejected(&outcome.counted), [0, 0, 1], "{outcome:?}");
        }
    });
}

fn a_lost_packet_is_told_where_a_frames_size_is_known() {
    strike_each(Fault::LostPacket, 0, ALL, |damaged, code, outcome| {
        if code == Fourcc::YUYV {
            assert_seen_by_the_driver(damaged, outcome);
        } else {
            assert_a_packet_is_missing(outcome);
        }
    });
}

fn an_empty_header_is_told_where_a_frames_size_is_known() {
    strike_each(Fault::EmptyHeader, 0, ALL, |damaged, code, outcome| {
        if code == Fourcc::YUYV {
            assert_seen_by_the_driver(damaged, outcome);
        } else {
            assert_a_packet_is_missing(outcome);
        }
    });
}

fn a_frame_without_an_end_comes_with_the_next() {
    strike_each(Fault::NoEndOfFrame, 0, EACH, |_, _, outcome| {
        let (_, struck) = assert_unseen(outcome);
        // The next one begins a thirtieth of a second after it; transfers, and stamps with them, are 4 ms apart.
        assert!(struck.age > Duration::from_millis(20) || !outcome.calm, "{outcome:?}");
    });
}

fn a_frame_whose_identifier_did_not_change_is_missed_by_the_clock() {
    strike_each(Fault::StuckFrameId, 0, EACH, |_, _, outcome| {
        outcome.assert_missed(1);
        assert_eq!(rejected(&outcome.counted), [0, 0, 0], "{outcome:?}");
    });
}

fn frames_that_are_not_sent_are_missed_by_the_clock() {
    strike_each(Fault::SkippedFrame.times(4), 3, EACH, |_, _, outcome| {
        outcome.assert_missed(4);
        assert_eq!(rejected(&outcome.counted), [0, 0, 0], "{outcome:?}");
    });
}

fn a_stall_is_missed_by_the_clock() {
    strike_each(Fault::Stall(Duration::from_millis(490)), 14, EACH, |_, _, outcome| {
        outcome.assert_missed(15);
        assert_eq!(rejected(&outcome.counted), [0, 0, 0], "{outcome:?}");
    });
}

/// As a stall, but the bus is silent too: the driver hears nothing at all.
fn a_silence_on_the_bus_is_missed_by_the_clock() {
    let mut plugged = plug(&only(webcam_camera()), Damaged::Dropped);
    let watched = Watched::open(&plugged.camera(), &enumerate_devices(), Fourcc::YUYV);
    let before = watched.next();
    plugged.inject(Fault::Silence(Duration::from_millis(500)));
    let seen = watched.until(before.number + 8);
    let counted = watched.stop();
    // Half a second at 30 frames each, and what an emulated machine adds.
    assert!(counted.lost_in_driver >= 13, "{counted:?}");
    assert_eq!(rejected(&counted), [0, 0, 0], "{counted:?}");
    assert!(seen.windows(2).all(|pair| pair[0].number < pair[1].number), "{seen:?}");
}

/// One frame in five, by chance. The same chance says here which they were.
fn frames_damaged_by_chance_are_all_accounted_for() {
    for damaged in [Damaged::Dropped, Damaged::Flagged] {
        let fault = Fault::ErrorBit.one_in(5, 2026);
        let plugged = plug(&only(webcam_camera().with_fault(fault)), damaged);
        let watched = Watched::open(&plugged.camera(), &enumerate_devices(), Fourcc::YUYV);
        let first = watched.next();
        let seen = watched.until(first.number + 60);
        let (counted, last) = (watched.stop(), seen[seen.len() - 1]);
        let struck = (first.number..last.number).filter(|&number| fault.strikes(number)).count();
        assert!(struck >= 5, "{struck} by chance");
        let missing = (last.number - first.number) as usize - seen.len();
        assert_eq!(missing, struck, "{damaged:?}: {seen:?}");
        let gone_on = (last.sequence - first.sequence).checked_sub(u64::from(last.number - first.number));
        // A frame stamped late looks as if one were missing before it.
        assert!(gone_on.is_some_and(|more| more == 0 || !is_calm(&seen)), "{damaged:?}: {seen:?}");
        // Those before the first and after the last may have been struck too.
        let counted = if damaged == Damaged::Dropped { counted.lost_in_driver } else { counted.error };
        assert!(counted >= struck as u64, "{damaged:?}: {counted} of {struck}");
    }
}

/// Each costs the driver one of its five transfers; four, and it goes on with the last.
fn a_failed_transfer_gives_back_every_buffer_flagged() {
    let mut plugged = plug(&only(webcam_camera()), Damaged::Dropped);
    for code in [Fourcc::YUYV, Fourcc::MJPG] {
        let watched = Watched::open(&plugged.camera(), &enumerate_devices(), code);
        for failed in 1..=4 {
            let before = watched.statistics();
            assert_eq!(before.error == 0, failed == 1);
            let struck = plugged.inject(Fault::FailedTransfer);
            let seen = watched.until(struck + 3);
            let errors = watched.statistics().error - before.error;
            assert!((2..=8).contains(&errors), "{code}, {failed} failed: {errors} buffers came back flagged");
            assert!(seen.iter().all(|seen| seen.number != struck), "{code}: {seen:?}");
        }
        let counted = watched.stop();
        println!("{code}: {counted:?}");
    }
}

/// A header that says end of frame, and nothing before it.
fn an_empty_frame_is_missed_by_the_clock() {
    strike_each(Fault::ShortFrame(0), 0, EACH, |_, _, outcome| {
        outcome.assert_missed(1);
        println!("{:?}", outcome.counted);
    });
}

/// One is an accident; two seconds of them are a camera in trouble.
fn damaged_frames_without_end_start_the_camera_anew() {
    let mut plugged = plug(&only(webcam_camera()), Damaged::Flagged);
    let watched = Watched::open(&plugged.camera(), &enumerate_devices(), Fourcc::YUYV);
    watched.next();
    plugged.inject(Fault::ErrorBit.times(75));
    let story = resumed(&watched.track(), 1);
    // At this rate the two seconds are over before 64 frames are.
    assert_eq!(story, ["failing", "restarting", "resumed"]);
    tell("USB camera: nothing but frames flagged as damaged", &watched.track());
    watched.next();
    let counted = watched.stop();
    assert!((50..=75).contains(&counted.error), "{counted:?}");
}
