//! Faults that vivid can be told to have: errors of calls and of the stream, disconnection, odd stamps, lost signals.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use usermedia::{
    Error, ErrorName, LocalMediaStream, MediaStreamConstraints, MediaStreamTrackProcessor, TimestampSource, VideoTrack,
    get_user_media,
};

use super::capture::{check_sums, descriptors_of, next, on, open, vga};
use super::watched::{Gathered, cycles, resumed, story, tell, tell_in_words};
use crate::agent;
use crate::devices::{eventually, in_guest, succeed, v4l2_ctl, vivid_hdmi, vivid_webcam};
use crate::harness::{LabTest, lab_test};
use crate::usb::faults::scatter;

pub const TESTS: &[LabTest] = &[
    lab_test!(a_fatal_error_while_streaming_is_recovered_from).timeout_secs(90),
    lab_test!(a_fatal_error_and_a_start_that_fails_are_recovered_from).timeout_secs(90),
    lab_test!(one_damaged_buffer_is_counted_and_no_more).timeout_secs(90),
    lab_test!(a_camera_that_drops_everything_goes_on_when_it_does_not).timeout_secs(90),
    lab_test!(a_call_that_fails_once_fails_one_start).timeout_secs(90),
    lab_test!(a_buffer_that_is_not_taken_back_is_given_again).timeout_secs(90),
    lab_test!(a_disconnected_camera_goes_on_when_it_is_back).timeout_secs(90),
    lab_test!(a_driver_that_comes_and_goes_leaves_nothing_behind).timeout_secs(180),
    lab_test!(sequence_numbers_that_wrap_lose_nothing).timeout_secs(90),
    lab_test!(stamps_that_wrap_are_the_hosts).timeout_secs(90),
    lab_test!(stamps_of_the_exposures_beginning_are_the_drivers).timeout_secs(90),
    lab_test!(a_source_that_changes_is_opened_anew).timeout_secs(90),
];

fn set(node: &Path, control: &str) {
    succeed(&mut v4l2_ctl(node, &[&format!("--set-ctrl={control}")]));
}

/// Puts a control back, however the test ends.
struct Reset<'a>(&'a Path, &'static str);

impl Drop for Reset<'_> {
    fn drop(&mut self) {
        let _ = v4l2_ctl(self.0, &[&format!("--set-ctrl={}", self.1)]).status();
    }
}

fn streaming() -> (LocalMediaStream, std::sync::Arc<VideoTrack>, MediaStreamTrackProcessor) {
    let stream = open(vga(&vivid_webcam()));
    let track = stream.video_tracks().remove(0);
    let mut processor = track.processor(4);
    for _ in 0..3 {
        next(&mut processor);
    }
    (stream, track, processor)
}

#[track_caller]
fn assert_goes_on(stream: &LocalMediaStream, track: &VideoTrack, processor: &mut MediaStreamTrackProcessor) {
    let sequences: Vec<_> = (0..5).map(|_| next(processor).sequence()).collect();
    assert!(sequences.windows(2).all(|pair| pair[0] < pair[1]), "{sequences:?}");
    stream.stop();
    check_sums(&track.statistics());
}

fn a_fatal_error_while_streaming_is_recovered_from() {
    let (stream, track, mut processor) = streaming();
    set(&vivid_webcam(), "inject_fatal_streaming_error=1");
    let story = resumed(&track, 1);
    assert_eq!(story, ["failing", "restarting", "resumed"]);
    tell("vivid: fatal error while streaming (EIO)", &track);
    assert_goes_on(&stream, &track, &mut processor);
}

fn a_fatal_error_and_a_start_that_fails_are_recovered_from() {
    let (stream, track, mut processor) = streaming();
    set(&vivid_webcam(), "inject_vidioc_streamon_error=1");
    set(&vivid_webcam(), "inject_fatal_streaming_error=1");
    let story = resumed(&track, 1);
    assert_eq!(story, ["failing", "restarting", "failed", "reopening", "resumed"]);
    tell("vivid: fatal error, and STREAMON fails once", &track);
    assert_goes_on(&stream, &track, &mut processor);
}

fn one_damaged_buffer_is_counted_and_no_more() {
    let (stream, track, mut processor) = streaming();
    set(&vivid_webcam(), "inject_v4l2_buf_flag_error=1");
    eventually("it counted", || (track.statistics().error == 1).then_some(()));
    assert_eq!(story(&track), [""; 0]);
    tell_in_words("vivid: V4L2_BUF_FLAG_ERROR", "nothing: counted as error | no mute");
    assert_goes_on(&stream, &track, &mut processor);
    assert_eq!(track.statistics().error, 1);
}

fn a_camera_that_drops_everything_goes_on_when_it_does_not() {
    let camera = vivid_webcam();
    let (stream, track, mut processor) = streaming();
    let reset = Reset(&camera, "percentage_of_dropped_buffers=0");
    set(&camera, "percentage_of_dropped_buffers=100");
    eventually("it restarted", || story(&track).contains(&"restarting").then_some(()));
    drop(reset);
    let story = resumed(&track, 1);
    assert_eq!(story[..2], ["stalled", "restarting"], "{story:?}");
    tell("vivid: drops every buffer for 2 s", &track);
    assert_goes_on(&stream, &track, &mut processor);
}

fn a_call_that_fails_once_fails_one_start() {
    let camera = vivid_webcam();
    for call in ["reqbufs", "qbuf", "streamon"] {
        let constraints = MediaStreamConstraints::new().video(vga(&camera));
        set(&camera, &format!("inject_vidioc_{call}_error=1"));
        let error: Error = get_user_media(&constraints).expect_err("this start fails");
        println!("{error:?}");
        assert_eq!((error.name(), error.errno()), (ErrorName::NotReadableError, Some(Errno::EINVAL as i32)), "{call}");
        assert!(error.message().contains(&call.to_uppercase()), "{error}");
        let stream = get_user_media(&constraints).expect("the next one does not");
        next(&mut stream.video_tracks()[0].processor(1));
        tell_in_words(
            format_args!("vivid: VIDIOC_{} fails once", call.to_uppercase()),
            "NotReadableError (EINVAL); the next start works | -",
        );
    }
}

fn a_buffer_that_is_not_taken_back_is_given_again() {
    let (stream, track, mut processor) = streaming();
    set(&vivid_webcam(), "inject_vidioc_qbuf_error=1");
    for _ in 0..20 {
        next(&mut processor);
    }
    println!("{:?}", story(&track));
    tell("vivid: VIDIOC_QBUF fails while streaming", &track);
    assert_goes_on(&stream, &track, &mut processor);
    assert_eq!(track.statistics().starved, 0);
}

fn a_disconnected_camera_goes_on_when_it_is_back() {
    let (stream, track, processor) = streaming();
    // vivid comes back when its last user closes it, which is to be this one, and not now. A frame that waits in a
    // processor would be a user too: its mapping is.
    drop(processor);
    let last = fs::File::open(vivid_webcam()).unwrap();
    set(&vivid_webcam(), "disconnect=1");
    eventually("it muted, and closed", || (track.muted() && descriptors_of(&vivid_webcam()) == 1).then_some(()));
    drop(last);
    let story = resumed(&track, 1);
    assert_eq!((story[0], story[story.len() - 1]), ("unplugged", "resumed"), "{story:?}");
    tell("vivid: disconnected, back at once", &track);
    let mut processor = track.processor(4);
    assert_goes_on(&stream, &track, &mut processor);
}

fn a_driver_that_comes_and_goes_leaves_nothing_behind() {
    // On a real machine other programs may be using it.
    if !in_guest() {
        return;
    }
    let driver = Path::new("/sys/bus/platform/drivers/vivid");
    let stream = open(vga(&vivid_webcam()));
    let track = stream.video_tracks().remove(0);
    let (frames, came) = mpsc::channel();
    let _callback = track.on_frame(move |_| {
        let _ = frames.send(());
    });
    let times = cycles(3);
    let mut before = None;
    for cycle in 0..times {
        came.recv_timeout(Duration::from_secs(10)).expect("frames");
        thread::sleep(Duration::from_millis(scatter(4, cycle) % 300));
        before.get_or_insert_with(Gathered::now);
        fs::write(driver.join("unbind"), "vivid.0").unwrap();
        thread::sleep(Duration::from_millis(scatter(5, cycle) % 500));
        fs::write(driver.join("bind"), "vivid.0").unwrap();
        agent::as_udev_would();
        eventually("the track going on", || (track.statistics().recoveries > u64::from(cycle)).then_some(()));
        while came.try_recv().is_ok() {}
    }
    came.recv_timeout(Duration::from_secs(10)).expect("frames");
    assert_eq!(Some(Gathered::now()), before);
    let counted = track.statistics();
    assert_eq!(counted.recoveries, u64::from(times), "{counted:?}");
    tell_in_words(
        format_args!("vivid: driver unbound and bound again, {times} times"),
        format_args!(
            "resumed each time, nothing gathered | {:.2} s on average",
            counted.muted as f64 / 1e9 / f64::from(times)
        ),
    );
    stream.stop();
    check_sums(&track.statistics());
}

fn sequence_numbers_that_wrap_lose_nothing() {
    let camera = vivid_webcam();
    let _reset = Reset(&camera, "wrap_sequence_number=0");
    set(&camera, "wrap_sequence_number=1");
    let stream = open(vga(&camera));
    let track = stream.video_tracks().remove(0);
    let mut processor = track.processor(8);
    // It begins 64 frames before the wrap.
    let sequences: Vec<_> = (0..80).map(|_| next(&mut processor).sequence()).collect();
    assert!(sequences.windows(2).all(|pair| pair[0] < pair[1]), "{sequences:?}");
    stream.stop();
    let counted = track.statistics();
    check_sums(&counted);
    assert!(counted.lost_in_driver < 80, "4,294,967,295 would be a wrap that was not seen: {counted:?}");
    tell_in_words("vivid: sequence numbers wrap", "nothing: numbers go on | no mute");
}

fn stamps_that_wrap_are_the_hosts() {
    let camera = vivid_webcam();
    let _reset = Reset(&camera, "wrap_timestamp=0");
    set(&camera, "wrap_timestamp=1");
    let stream = open(vga(&camera));
    let track = stream.video_tracks().remove(0);
    let mut processor = track.processor(8);
    let frames: Vec<_> = (0..10).map(|_| next(&mut processor)).map(|f| (f.timestamp(), f.timestamp_source())).collect();
    assert!(frames.windows(2).all(|pair| pair[0].0 < pair[1].0), "{frames:?}");
    assert!(frames.iter().all(|(_, source)| *source == TimestampSource::Host), "{frames:?}");
    stream.stop();
    assert!(track.statistics().host_stamped >= 10);
    tell_in_words(
        "vivid: timestamps of another clock that wraps",
        "frames carry the time of arrival, and say so | no mute",
    );
}

fn stamps_of_the_exposures_beginning_are_the_drivers() {
    let camera = vivid_webcam();
    let _reset = Reset(&camera, "timestamp_source=0");
    for source in ["timestamp_source=1", "timestamp_source=0"] {
        set(&camera, source);
        let stream = open(vga(&camera));
        let track = stream.video_tracks().remove(0);
        let mut processor = track.processor(8);
        for _ in 0..5 {
            assert_eq!(next(&mut processor).timestamp_source(), TimestampSource::Driver, "{source}");
        }
    }
}

/// vivid's HDMI input tells of each change, and streams noise where there is no signal.
fn a_source_that_changes_is_opened_anew() {
    let camera = vivid_hdmi();
    let stream = open(on(&camera));
    let track = stream.video_tracks().remove(0);
    let mut processor = track.processor(4);
    next(&mut processor);
    let _reset = Reset(&camera, "dv_timings_signal_mode=0");
    for (times, mode) in (1..).zip([1, 2, 3, 0]) {
        set(&camera, &format!("dv_timings_signal_mode={mode}"));
        let story = resumed(&track, times);
        println!("mode {mode}: {story:?}");
        next(&mut processor);
    }
    tell("vivid: HDMI without signal, without lock, out of range, back", &track);
    stream.stop();
    check_sums(&track.statistics());
}
