//! The writer against a scripted v4l2loopback: what is written, when, and what is said where it cannot be.

use nix::errno::Errno;

use super::*;
use crate::capture::{CapturedFrame, FrameInfo, LeaseMut, Payload, TimestampSource};
use crate::devices::synthetic_devices;
use crate::format::layout::layout;
use crate::resolve::VideoSettings;
use crate::seam::MAX_PLANES;
use crate::seam::scripted::{Call, CameraScript, ScriptedCamera, ScriptedKernel, pixels};

const NODE: &str = "/dev/video9";
const MS: u64 = 1_000_000;
const PERIOD: u64 = 33_333_333;

fn machine(camera: ScriptedCamera) -> (Arc<ScriptedKernel>, CameraScript) {
    let kernel = ScriptedKernel::new();
    let node = kernel.plug(NODE, camera);
    (kernel, node)
}

fn open(kernel: &Arc<ScriptedKernel>) -> Result<LoopbackWriter> {
    LoopbackWriter::open_on(kernel.clone(), NODE.as_ref())
}

/// A track at 30 fps, of which a driver said these pixels.
fn track(pixels: &PixelFormat) -> (Arc<VideoFormat>, TrackMetadata) {
    let rate = FrameRate::whole(30);
    let format = Arc::new(VideoFormat::from_driver(pixels, Some(rate)).unwrap());
    let size = (format.width, format.height);
    let settings = VideoSettings::new(&synthetic_devices()[0], Some(format.fourcc), size, Some(rate));
    let metadata = TrackMetadata {
        label: "A camera".to_owned(),
        settings: TrackSettings::Video(settings),
        format: TrackFormat::Video(format.clone()),
    };
    (format, metadata)
}

/// A frame of which every byte is `value`, or that begins with `bytes`.
fn frame(format: &Arc<VideoFormat>, timestamp: u64, value: u8, bytes: &[u8]) -> VideoFrame {
    let sizes: Vec<usize> = format.sizeimage[..format.memory_count].iter().map(|&size| size as usize).collect();
    let mut lease = LeaseMut::allocate(&sizes, format.clone()).unwrap();
    let mut payloads = [Payload::default(); MAX_PLANES];
    for (memory, &size) in sizes.iter().enumerate() {
        let length = if bytes.is_empty() { size } else { bytes.len() };
        lease.memory_mut(memory)[..length].fill(value + memory as u8);
        lease.memory_mut(memory)[..bytes.len()].copy_from_slice(bytes);
        payloads[memory] = Payload { offset: 0, length: length as u32 };
    }
    let info = FrameInfo {
        sequence: 0,
        timestamp,
        timestamp_source: TimestampSource::Driver,
        payloads,
        copied: false,
        raw: None,
    };
    VideoFrame::new(CapturedFrame { lease: lease.into_lease(), info }, None)
}

fn failure(outcome: Result<impl Sized>) -> Error {
    outcome.err().expect("it fails")
}

#[test]
fn each_frame_is_written_at_its_moment_and_stamped_right_before() {
    let (kernel, node) = machine(ScriptedCamera::loopback());
    let (format, metadata) = track(&pixels(Fourcc::YUYV, 320, 240));
    let mut writer = open(&kernel).unwrap().with_stamps(true);
    writer.loaded_metadata(&[metadata]).unwrap();
    let start = kernel.now();
    for number in 0..100 {
        writer.video_frame(0, &frame(&format, start + number * PERIOD, 7, &[])).unwrap();
    }
    let written = node.frames_written();
    assert_eq!(written.len(), 100);
    for (number, written) in (0u32..).zip(&written) {
        let due = start + u64::from(number) * PERIOD + 8 * MS;
        assert_eq!(written.time, due);
        let stamp = FrameStamp::read_from(Fourcc::YUYV, 320, 240, 0, &written.bytes);
        assert_eq!(stamp, Some(FrameStamp::new(number, due)));
        // The picture is there besides the stamp.
        assert!(written.bytes[64 * 640..].iter().all(|&byte| byte == 7));
    }
    let statistics = writer.progress().statistics();
    assert_eq!((statistics.frames, statistics.late, statistics.bytes), (100, 0, 100 * 320 * 240 * 2));
    assert_eq!(statistics.worst_lateness, Duration::ZERO);
    assert!((statistics.frame_rate.unwrap() - 30.0).abs() < 1e-6);
    // Two ioctls a frame, and nothing else.
    assert_eq!((node.calls(Call::DequeueBuffer), node.calls(Call::QueueBuffer)), (100, 100));
    writer.ended().unwrap();
    drop(writer);
    assert_eq!((node.open_count(), node.mappings(), kernel.misuse()), (0, 0, Vec::<String>::new()));
}

#[test]
fn a_late_frame_is_written_at_once_and_counted() {
    let (kernel, node) = machine(ScriptedCamera::loopback());
    let (format, metadata) = track(&pixels(Fourcc::YUYV, 64, 48));
    let mut writer = open(&kernel).unwrap().with_delay(Duration::from_millis(2));
    writer.loaded_metadata(&[metadata]).unwrap();
    let start = kernel.now();
    writer.video_frame(0, &frame(&format, start, 1, &[])).unwrap();
    kernel.pass_time(Duration::from_millis(50));
    writer.video_frame(0, &frame(&format, start + PERIOD, 2, &[])).unwrap();
    // A stamp that is no moment is not waited for.
    writer.video_frame(0, &frame(&format, u64::MAX, 3, &[])).unwrap();
    let times: Vec<u64> = node.frames_written().iter().map(|written| written.time - start).collect();
    assert_eq!(times, [2 * MS, 52 * MS, 52 * MS]);
    let statistics = writer.progress().statistics();
    assert_eq!((statistics.late, statistics.worst_lateness), (1, Duration::from_nanos(52 * MS - PERIOD - 2 * MS)));
}

#[test]
fn padded_rows_and_planes_of_their_own_memory_arrive_in_one_piece() {
    let (kernel, node) = machine(ScriptedCamera::loopback());
    // Rows of 80 bytes in place of 64.
    let mut padded = pixels(Fourcc::NV12, 64, 48);
    padded.planes[0].bytesperline = 80;
    padded.planes[0].sizeimage = 80 * 48 * 3 / 2;
    let (format, metadata) = track(&padded);
    let picture: Vec<u8> = (0..80 * 72).map(|at| if at % 80 < 64 { (at / 80) as u8 } else { 0xee }).collect();
    let mut writer = open(&kernel).unwrap();
    writer.loaded_metadata(&[metadata]).unwrap();
    writer.video_frame(0, &frame(&format, 0, 0, &picture)).unwrap();
    let rows: Vec<u8> = (0..64 * 72).map(|at| (at / 64) as u8).collect();
    assert_eq!(node.frames_written()[0].bytes, rows);

    let (format, metadata) = track(&pixels(Fourcc(*b"YM12"), 64, 48));
    writer.reconfigured(0, &metadata).unwrap();
    writer.video_frame(0, &frame(&format, 0, 40, &[])).unwrap();
    let planes = [vec![40; 64 * 48], vec![41; 32 * 24], vec![42; 32 * 24]].concat();
    assert_eq!(node.frames_written()[1].bytes, planes);
    assert_eq!(kernel.misuse(), Vec::<String>::new());
}

#[test]
fn a_jpeg_passes_as_it_came_and_with_its_length() {
    let (kernel, node) = machine(ScriptedCamera::loopback());
    let (format, metadata) = track(&pixels(Fourcc::MJPG, 64, 48));
    let mut writer = open(&kernel).unwrap();
    writer.loaded_metadata(&[metadata]).unwrap();
    writer.video_frame(0, &frame(&format, 0, 0, &[0xff, 0xd8, 1, 2, 3, 0xff, 0xd9])).unwrap();
    assert_eq!(node.frames_written()[0].bytes, [0xff, 0xd8, 1, 2, 3, 0xff, 0xd9]);
    assert_eq!(writer.progress().statistics().bytes, 7);
}

#[cfg(feature = "picture")]
#[test]
fn a_picture_that_is_encoded_carries_its_stamp() {
    let (kernel, node) = machine(ScriptedCamera::loopback());
    let (format, metadata) = track(&pixels(Fourcc::YU12, 320, 240));
    let mut writer = open(&kernel).unwrap().with_stamps(true).with_fourcc(Fourcc::MJPG);
    writer.loaded_metadata(&[metadata]).unwrap();
    let time = kernel.now();
    for number in 0..3 {
        writer.video_frame(0, &frame(&format, time, 90 + number, &[])).unwrap();
    }
    for (number, written) in (0..).zip(node.frames_written()) {
        let stamp = crate::sink::stamp::read_jpeg(&written.bytes).expect("a stamp");
        assert_eq!((stamp.number, stamp.monotonic >= time), (number, true));
    }
    assert_eq!(node.frames_written().len(), 3);
}

#[test]
fn it_ends_after_as_many_frames_as_it_was_told_and_leaves_other_tracks_alone() {
    let (kernel, node) = machine(ScriptedCamera::loopback());
    let (format, metadata) = track(&pixels(Fourcc::YUYV, 64, 48));
    let mut writer = open(&kernel).unwrap().with_frame_limit(2);
    writer.loaded_metadata(&[metadata.clone(), metadata]).unwrap();
    let frame = frame(&format, 0, 0, &[]);
    assert_eq!(writer.video_frame(1, &frame), Ok(Flow::Continue));
    assert_eq!(writer.video_frame(0, &frame), Ok(Flow::Continue));
    assert_eq!(writer.video_frame(0, &frame), Ok(Flow::Done));
    assert_eq!(node.frames_written().len(), 2);
}

#[test]
fn a_node_that_takes_no_frames_is_refused_with_what_to_do() {
    let kernel = ScriptedKernel::new();
    let missing = failure(open(&kernel));
    assert_eq!(missing.name(), ErrorName::NotFoundError);
    assert!(missing.remedy().unwrap().contains("modprobe v4l2loopback"));

    let (kernel, node) = machine(ScriptedCamera::new(b"YUYV", 64, 48));
    let webcam = failure(open(&kernel));
    assert!(webcam.message().contains("Scripted camera of the driver scripted"), "{webcam}");
    assert!(webcam.remedy().unwrap().contains("modprobe v4l2loopback"));
    assert_eq!(node.open_count(), 0);

    // What exclusive_caps=1 shows while somebody writes.
    let (kernel, node) = machine(ScriptedCamera { output: false, ..ScriptedCamera::loopback() });
    let busy = failure(open(&kernel));
    assert_eq!((busy.name(), busy.errno()), (ErrorName::NotReadableError, Some(Errno::EBUSY as i32)));
    assert!(busy.message().contains("another program writes to /dev/video9"), "{busy}");
    assert_eq!(node.open_count(), 0);

    let (kernel, node) = machine(ScriptedCamera::loopback());
    node.fail(Call::Open, Errno::EACCES, 1);
    assert_eq!(failure(open(&kernel)).name(), ErrorName::NotAllowedError);
    node.fail(Call::QueryCapability, Errno::ENOTTY, 1);
    assert!(failure(open(&kernel)).message().contains("no video device"));
}

#[test]
fn a_second_writer_hears_of_the_first_at_whichever_call_that_shows() {
    for call in [Call::SetFormat, Call::RequestBuffers, Call::StreamOn] {
        let (kernel, node) = machine(ScriptedCamera::loopback());
        node.fail(call, Errno::EBUSY, 1);
        let (_, metadata) = track(&pixels(Fourcc::YUYV, 64, 48));
        let mut writer = open(&kernel).unwrap();
        let error = failure(writer.loaded_metadata(std::slice::from_ref(&metadata)));
        assert!(error.message().contains("another program writes"), "{call:?}: {error}");
        // And when that has gone, nothing is in the way.
        writer.loaded_metadata(&[metadata]).unwrap();
        drop(writer);
        assert_eq!((node.open_count(), node.mappings()), (0, 0));
    }
}

#[test]
fn a_node_that_keeps_another_format_for_its_readers_is_told() {
    let (kernel, node) = machine(ScriptedCamera::loopback());
    node.change(|camera| camera.answers = Some(pixels(Fourcc::YUYV, 640, 480)));
    let (_, metadata) = track(&pixels(Fourcc::YUYV, 64, 48));
    let error = failure(open(&kernel).unwrap().loaded_metadata(&[metadata]));
    assert!(error.message().contains("stays at YUYV 640x480"), "{error}");
    assert!(error.remedy().unwrap().contains("keep_format"));
}

#[test]
fn what_cannot_be_stamped_or_written_is_said_before_it_begins() {
    let (kernel, node) = machine(ScriptedCamera::loopback());
    for (fourcc, width) in [(Fourcc::MJPG, 640), (Fourcc::YUYV, 64)] {
        let (_, metadata) = track(&pixels(fourcc, width, 480));
        let error = failure(open(&kernel).unwrap().with_stamps(true).loaded_metadata(&[metadata]));
        assert_eq!(error.name(), ErrorName::NotSupportedError);
        assert!(error.remedy().unwrap().contains("YUYV"));
    }
    for wanted in [Fourcc::NV12, Fourcc(*b"H264")] {
        let (_, metadata) = track(&pixels(Fourcc::YUYV, 320, 240));
        let error = failure(open(&kernel).unwrap().with_fourcc(wanted).loaded_metadata(&[metadata]));
        assert!(error.message().contains("cannot be written as"), "{error}");
    }
    assert_eq!(node.calls(Call::SetFormat), 0);
    let error = failure(open(&kernel).unwrap().loaded_metadata(&[]));
    assert_eq!(error.name(), ErrorName::NotSupportedError);
}

#[test]
fn a_frame_that_is_shorter_than_its_format_is_no_panic() {
    let (kernel, _) = machine(ScriptedCamera::loopback());
    let (format, metadata) = track(&pixels(Fourcc::YU12, 64, 48));
    let mut writer = open(&kernel).unwrap();
    writer.loaded_metadata(&[metadata]).unwrap();
    let whole = layout(Fourcc::YU12, 64, 48, &[]).unwrap().memory_size(0);
    for length in [0, 1, 64 * 48, whole - 1] {
        let bytes = vec![5; length.max(1)];
        assert!(writer.video_frame(0, &frame(&format, 0, 0, &bytes)).is_err(), "{length}");
    }
}

#[test]
fn a_node_that_is_gone_ends_the_sink() {
    let (kernel, node) = machine(ScriptedCamera::loopback());
    let (format, metadata) = track(&pixels(Fourcc::YUYV, 64, 48));
    let mut writer = open(&kernel).unwrap();
    writer.loaded_metadata(&[metadata]).unwrap();
    node.unplug();
    let error = failure(writer.video_frame(0, &frame(&format, 0, 0, &[])));
    assert_eq!(error.errno(), Some(Errno::ENODEV as i32));
    assert!(writer.ended().is_ok());
}
