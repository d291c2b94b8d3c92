//! v4l2loopback, whose writer comes and goes.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use usermedia::{ErrorName, LocalMediaStream, MediaStreamConstraints, VideoTrack, get_user_media};

use super::capture::{check_sums, next, on};
use super::watched::{resumed, story, tell, tell_in_words};
use crate::devices::{Background, eventually, loopback_exclusive, loopback_open, succeed, v4l2_ctl};
use crate::harness::{LabTest, lab_test};

pub const TESTS: &[LabTest] = &[
    lab_test!(a_writer_that_leaves_and_returns_is_followed).timeout_secs(90),
    lab_test!(a_writer_that_returns_with_another_size_is_followed).timeout_secs(90),
    lab_test!(an_exclusive_loopback_goes_on_with_its_writer).timeout_secs(90),
    lab_test!(a_loopback_that_streams_elsewhere_is_busy).timeout_secs(90),
];

/// A program that writes to a loopback ten times a second; dropped, it leaves.
pub(super) struct Writer {
    leaves: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

pub(super) fn write(loopback: &Path, width: u32, height: u32) -> Writer {
    // Open before the format is set: the last one to close a loopback takes its format along.
    let mut node = OpenOptions::new().write(true).open(loopback).unwrap();
    let format = format!("--set-fmt-video-out=width={width},height={height},pixelformat=YUYV");
    succeed(&mut v4l2_ctl(loopback, &[&format]));
    let picture = vec![128; (width * height * 2) as usize];
    let (leaves, left) = mpsc::channel();
    let thread = thread::spawn(move || {
        while left.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
            let _ = node.write(&picture);
        }
    });
    Writer { leaves, thread: Some(thread) }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.leaves = mpsc::channel().0;
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn read(loopback: &Path, width: u32) -> (LocalMediaStream, std::sync::Arc<VideoTrack>) {
    let stream = eventually("a writer", || {
        let stream = get_user_media(&MediaStreamConstraints::new().video(on(loopback))).ok()?;
        (stream.video_tracks()[0].settings().width == width).then_some(stream)
    });
    let track = stream.video_tracks().remove(0);
    (stream, track)
}

fn a_writer_that_leaves_and_returns_is_followed() {
    let loopback = loopback_open();
    let writer = write(&loopback, 320, 240);
    let (stream, track) = read(&loopback, 320);
    let mut frames = track.processor(2);
    next(&mut frames);
    drop(writer);
    eventually("it muted", || track.muted().then_some(()));
    let _writer = write(&loopback, 320, 240);
    let story = resumed(&track, 1);
    println!("{story:?}");
    for _ in 0..5 {
        assert_eq!(next(&mut frames).width(), 320);
    }
    tell("v4l2loopback: the writer leaves and returns", &track);
    stream.stop();
    check_sums(&track.statistics());
}

fn a_writer_that_returns_with_another_size_is_followed() {
    let loopback = loopback_open();
    let writer = write(&loopback, 320, 240);
    let (stream, track) = read(&loopback, 320);
    let mut frames = track.processor(2);
    next(&mut frames);
    drop(writer);
    eventually("it muted", || track.muted().then_some(()));
    let _writer = write(&loopback, 160, 120);
    let begun = std::time::Instant::now();
    loop {
        match frames.next_timeout(Duration::from_secs(1)) {
            std::task::Poll::Ready(Some(Ok(frame))) if frame.width() == 160 => break,
            std::task::Poll::Ready(Some(Ok(_))) | std::task::Poll::Pending => {}
            ended => panic!("{ended:?}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "no frame of the new size: {:#?}", track.recovery_events());
    }
    println!("{:?}", story(&track));
    assert_eq!((track.settings().width, track.settings().height), (160, 120));
    tell("v4l2loopback: the writer returns with another size", &track);
    stream.stop();
    check_sums(&track.statistics());
}

fn an_exclusive_loopback_goes_on_with_its_writer() {
    let loopback = loopback_exclusive();
    let writer = write(&loopback, 320, 240);
    eventually("a camera", || {
        let camera = usermedia::devices::enumerate_devices();
        camera.iter().any(|device| Path::new(&device.path) == loopback).then_some(())
    });
    let (stream, track) = read(&loopback, 320);
    let mut frames = track.processor(2);
    next(&mut frames);
    drop(writer);
    eventually("it muted", || track.muted().then_some(()));
    let _writer = write(&loopback, 320, 240);
    let story = resumed(&track, 1);
    println!("{story:?}");
    next(&mut frames);
    tell("v4l2loopback (exclusive_caps=1): the writer leaves and returns", &track);
    stream.stop();
    check_sums(&track.statistics());
}

fn a_loopback_that_streams_elsewhere_is_busy() {
    let loopback = loopback_open();
    let _writer = write(&loopback, 320, 240);
    let (stream, _) = read(&loopback, 320);
    stream.stop();
    // It has it open to read and to write as a reader has, before the reader, and does nothing: it is not the reason.
    let mut idle = Command::new("sh");
    let _idle = Background::start(idle.args(["-c", "exec sleep 1000 3<>\"$0\""]).arg(&loopback));
    let mut other = v4l2_ctl(&loopback, &["--stream-mmap", "--stream-count=1000"]);
    let _other = Background::start(other.stdout(Stdio::null()).stderr(Stdio::null()));
    let constraints = MediaStreamConstraints::new().video(on(&loopback));
    let error = eventually("the loopback busy", || get_user_media(&constraints).err());
    println!("{error:?}");
    assert_eq!(error.name(), ErrorName::NotReadableError, "{error:?}");
    assert_eq!(error.holder().map(|holder| holder.process.as_str()), Some("v4l2-ctl"), "{error:?}");
    assert!(error.message().contains("; sleep (pid "), "{error}");
    tell_in_words("v4l2loopback: another program streams from it", format_args!("{error} | -"));
}
