//! Capture from real drivers: the same bytes as v4l2-ctl, every format, held frames and counters.

mod formats;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use usermedia::constraints::{ConstrainDomString, ConstrainULong, MediaStreamConstraints, MediaTrackConstraints};
use usermedia::devices::enumerate_devices;
use usermedia::{
    Error, ErrorName, Fourcc, LocalMediaStream, MediaDevices, MediaStreamTrack, MediaStreamTrackProcessor,
    MediaStreamTrackState, Medium, RecoveryPolicy, SourceStatistics, VideoFrame, get_user_media,
};

use crate::devices::{
    Background, eventually, loopback_open, succeed, usermedia, v4l2_ctl, vivid_hdmi, vivid_webcam,
    vivid_webcam_multi_planar,
};
use crate::harness::{LabTest, lab_test};
use formats::{
    common_formats_stream_at_several_sizes, every_format_of_several_memories_streams,
    every_format_of_the_webcam_streams,
};

pub const TESTS: &[LabTest] = &[
    lab_test!(the_command_gives_the_same_bytes_as_v4l2_ctl),
    lab_test!(every_format_of_the_webcam_streams).timeout_secs(180),
    lab_test!(every_format_of_several_memories_streams).timeout_secs(180),
    lab_test!(common_formats_stream_at_several_sizes).timeout_secs(120),
    lab_test!(a_frame_lies_in_the_drivers_mapping),
    lab_test!(frames_may_be_held_while_others_flow),
    lab_test!(frames_outlive_the_stream_and_the_device_opens_again),
    lab_test!(one_camera_serves_many_tracks_from_one_set_of_buffers),
    lab_test!(three_cameras_share_one_capture_thread),
    lab_test!(frames_the_driver_drops_are_counted),
    lab_test!(an_unplugged_camera_ends_its_track_with_the_reason),
    lab_test!(a_rate_below_the_cameras_own_is_evenly_spaced),
    lab_test!(a_busy_camera_names_its_holder),
    lab_test!(an_hdmi_input_streams),
    lab_test!(a_loopback_delivers_copies_whose_counter_reads_back).timeout_secs(60),
];

pub(super) fn on(node: &Path) -> MediaTrackConstraints {
    let device = enumerate_devices()
        .into_iter()
        .find(|device| Path::new(&device.path) == node)
        .unwrap_or_else(|| panic!("{} is not listed", node.display()));
    MediaTrackConstraints::new().device_id(ConstrainDomString::new().exact(device.device_id))
}

pub(super) fn exactly(value: u32) -> ConstrainULong {
    ConstrainULong::new().exact(value)
}

pub(super) fn format(code: Fourcc) -> ConstrainDomString {
    ConstrainDomString::new().exact(code.to_string())
}

#[track_caller]
pub(super) fn open(track: MediaTrackConstraints) -> LocalMediaStream {
    get_user_media(&MediaStreamConstraints::new().video(track)).unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

/// As [`open`], with a track that ends when its device does.
#[track_caller]
pub(super) fn open_to_the_end(track: MediaTrackConstraints) -> LocalMediaStream {
    let devices = MediaDevices::new().with_recovery(RecoveryPolicy::none());
    let constraints = MediaStreamConstraints::new().video(track);
    devices.get_user_media(&constraints).unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

/// The sums of the counters, which hold when nothing is on its way.
#[track_caller]
pub(super) fn check_sums(source: &SourceStatistics) {
    assert_eq!(source.expected, source.captured + source.lost_in_driver, "{source:?}");
    assert_eq!(source.captured, told(source), "{source:?}");
}

/// The frames of whom it is said what became of them.
pub(super) fn told(source: &SourceStatistics) -> u64 {
    source.accepted + source.error + source.short + source.bad_jpeg + source.duplicate + source.starved
}

/// No text over the picture, which tells the time, and no motion: every frame is the same.
fn still_picture(node: &Path) {
    succeed(&mut v4l2_ctl(node, &["--set-ctrl=osd_text_mode=2"]));
}

fn the_command_gives_the_same_bytes_as_v4l2_ctl() {
    let camera = vivid_webcam();
    still_picture(&camera);
    let theirs = "/tmp/theirs.raw";
    succeed(&mut v4l2_ctl(
        &camera,
        &[
            "--set-fmt-video=width=640,height=480,pixelformat=YUYV",
            "--set-parm=30",
            "--stream-mmap",
            "--stream-count=60",
            &format!("--stream-to={theirs}"),
        ],
    ));
    let ours = succeed(
        usermedia()
            .args(["capture", "--width", "640", "--height", "480", "--fourcc", "YUYV", "--fps", "30"])
            .args(["--frames", "60", "-o", "-", "--device"])
            .arg(&camera),
    );
    let theirs = fs::read(theirs).unwrap();
    assert_eq!(ours.stdout.len(), 60 * 640 * 480 * 2);
    assert_eq!(theirs.len(), ours.stdout.len());
    assert!(theirs == ours.stdout, "the bytes differ");
    assert!(ours.stdout.windows(2).take(4000).any(|pair| pair[0] != pair[1]), "a picture, not a blank");
}

pub(super) fn vga(node: &Path) -> MediaTrackConstraints {
    on(node).pixel_format(format(Fourcc::YUYV)).width(exactly(640)).height(exactly(480)).frame_rate(30.0)
}

#[track_caller]
pub(super) fn next(processor: &mut usermedia::MediaStreamTrackProcessor) -> VideoFrame {
    processor.next().expect("the track goes on").unwrap_or_else(|error| panic!("{error}"))
}

fn a_frame_lies_in_the_drivers_mapping() {
    let stream = open(vga(&vivid_webcam()));
    let track = &stream.video_tracks()[0];
    let frame = next(&mut track.processor(1));
    let range = frame.address_range(0).unwrap();
    let data = frame.plane(0).unwrap().data;
    assert!(range.contains(&(data.as_ptr() as usize)) && data.as_ptr() as usize + data.len() <= range.end);
    assert!(!frame.is_copied());
    // The mapping is of the video node, as the kernel tells it.
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| line.starts_with(&format!("{:x}-", range.start))).unwrap_or_default();
    assert!(line.contains(&*vivid_webcam().to_string_lossy()), "{line:?}");
}

fn frames_may_be_held_while_others_flow() {
    let devices = MediaDevices::new().with_buffers(Some(8));
    let stream = devices.get_user_media(&MediaStreamConstraints::new().video(vga(&vivid_webcam()))).unwrap();
    let track = &stream.video_tracks()[0];
    let mut holder = track.processor(4);
    let held: Vec<_> = (0..4).map(|_| next(&mut holder)).collect();
    let contents: Vec<_> = held.iter().map(|frame| frame.memory(0).unwrap().to_vec()).collect();
    let mut other = track.processor(2);
    let sequences: Vec<_> = (0..30).map(|_| next(&mut other).sequence()).collect();
    assert!(sequences.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(held.iter().zip(&contents).all(|(frame, bytes)| frame.memory(0) == Some(bytes)), "a held frame changed");
    let distinct: BTreeSet<_> = held.iter().map(|frame| frame.address_range(0).unwrap().start).collect();
    assert_eq!(distinct.len(), 4);
    let statistics = other.statistics();
    assert_eq!(statistics.accepted, statistics.delivered + statistics.behind + statistics.holding + statistics.queued);
    drop(held);
    stream.stop();
    check_sums(&track.statistics());
}

fn frames_outlive_the_stream_and_the_device_opens_again() {
    let camera = vivid_webcam();
    still_picture(&camera);
    let stream = open(vga(&camera));
    let track = stream.video_tracks()[0].clone();
    let other = usermedia::VideoTrack::clone(&track);
    let mut processor = track.processor(2);
    let (first, second) = (next(&mut processor), next(&mut processor));
    let bytes = first.memory(0).unwrap().to_vec();
    let begun = Instant::now();
    track.stop();
    assert_eq!(other.ready_state(), MediaStreamTrackState::Live, "the other track goes on");
    drop(second);
    next(&mut other.processor(1));
    other.stop();
    assert!(begun.elapsed() < Duration::from_secs(2));
    // The device is free for others although a frame is held: in another size, too.
    succeed(&mut v4l2_ctl(
        &camera,
        &["--set-fmt-video=width=320,height=180,pixelformat=NV12", "--stream-mmap", "--stream-count=2", "--silent"],
    ));
    let again = open(vga(&camera));
    next(&mut again.video_tracks()[0].processor(1));
    assert_eq!(first.memory(0), Some(&*bytes), "a frame outlives its stream");
    drop(stream);
    drop(first);
    next(&mut again.video_tracks()[0].processor(1));
}

pub(super) fn descriptors_of(node: &Path) -> usize {
    let links = fs::read_dir("/proc/self/fd").unwrap().flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    links.filter(|target| target == node).count()
}

fn one_camera_serves_many_tracks_from_one_set_of_buffers() {
    let camera = vivid_webcam();
    let first = open(vga(&camera));
    let second = open(on(&camera));
    assert_eq!(descriptors_of(&camera), 1);
    let settings = second.video_tracks()[0].settings().clone();
    assert_eq!((settings.width, settings.height), (640, 480), "the mode it runs in is the one there is");
    let other_size = MediaStreamConstraints::new().video(on(&camera).width(exactly(1280)));
    assert_eq!(get_user_media(&other_size).unwrap_err().name(), ErrorName::OverconstrainedError);
    let (mut one, mut two) = (first.video_tracks()[0].processor(4), second.video_tracks()[0].processor(4));
    let one: BTreeSet<_> = (0..10).map(|_| next(&mut one).address_range(0).unwrap().start).collect();
    let two: BTreeSet<_> = (0..10).map(|_| next(&mut two).address_range(0).unwrap().start).collect();
    assert!(!one.is_disjoint(&two));
    first.stop();
    next(&mut second.video_tracks()[0].processor(1));
    second.stop();
    assert_eq!(descriptors_of(&camera), 0, "the last track closed it");
}

fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    let mut names: Vec<_> = names.map(|name| name.trim_end().to_owned()).collect();
    names.sort();
    names
}

fn three_cameras_share_one_capture_thread() {
    let before = threads().len();
    let nodes = [vivid_webcam(), vivid_webcam_multi_planar(), vivid_hdmi()];
    let streams: Vec<_> = nodes.iter().map(|node| open(on(node))).collect();
    let tracks: Vec<_> = streams.iter().map(|stream| stream.video_tracks()[0].clone()).collect();
    let (frames, got) = std::sync::mpsc::channel();
    for (index, track) in tracks.iter().enumerate() {
        let frames = frames.clone();
        track.on_frame(move |_| {
            let _ = frames.send((index, std::thread::current().id()));
        });
    }
    let mut from = [0; 3];
    let mut ids = BTreeSet::new();
    while from.iter().any(|&count| count < 5) {
        let (index, id) = got.recv_timeout(Duration::from_secs(5)).expect("frames from every camera");
        from[index] += 1;
        ids.insert(format!("{id:?}"));
    }
    assert_eq!(ids.len(), 1, "one capture thread");
    let ours: Vec<_> = threads().into_iter().filter(|name| name.starts_with("usermedia")).collect();
    assert_eq!(ours, ["usermedia-contr", "usermedia-react"]);
    streams.iter().for_each(LocalMediaStream::stop);
    drop((streams, tracks));
    eventually("the threads gone", || (threads().len() == before).then_some(()));
}

fn frames_the_driver_drops_are_counted() {
    let camera = vivid_webcam();
    succeed(&mut v4l2_ctl(&camera, &["--set-ctrl=percentage_of_dropped_buffers=30"]));
    let stream = open(vga(&camera));
    let track = &stream.video_tracks()[0];
    let mut processor = track.processor(8);
    for _ in 0..40 {
        next(&mut processor);
    }
    succeed(&mut v4l2_ctl(&camera, &["--set-ctrl=percentage_of_dropped_buffers=0"]));
    stream.stop();
    let source = track.statistics();
    check_sums(&source);
    assert!(source.lost_in_driver >= 4, "a third was dropped: {source:?}");
}

/// A track whose device has gone: one error in its processor, the same told to `on_ended`, and the end.
#[track_caller]
pub(super) fn assert_ends_unplugged<M: Medium>(
    track: &MediaStreamTrack<M>,
    processor: &mut MediaStreamTrackProcessor<M>,
    told: &Receiver<Option<Error>>,
) {
    let error = loop {
        match processor.next() {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("it ended without a reason"),
        }
    };
    assert_eq!((error.name(), error.errno()), (ErrorName::NotReadableError, Some(nix::errno::Errno::ENODEV as i32)));
    assert!(processor.next().is_none(), "one error, then the end");
    assert_eq!(told.recv_timeout(Duration::from_secs(2)).unwrap(), Some(error));
    assert_eq!(track.ready_state(), MediaStreamTrackState::Ended);
}

fn an_unplugged_camera_ends_its_track_with_the_reason() {
    let camera = vivid_webcam();
    let stream = open_to_the_end(vga(&camera));
    let track = &stream.video_tracks()[0];
    let (ended, told) = std::sync::mpsc::channel();
    track.on_ended(move |error| drop(ended.send(error)));
    let mut processor = track.processor(2);
    next(&mut processor);
    succeed(&mut v4l2_ctl(&camera, &["--set-ctrl=disconnect=1"]));
    assert_ends_unplugged(track, &mut processor, &told);
    // vivid comes back with its last user gone.
    let again =
        eventually("the camera back", || get_user_media(&MediaStreamConstraints::new().video(vga(&camera))).ok());
    next(&mut again.video_tracks()[0].processor(1));
}

fn a_rate_below_the_cameras_own_is_evenly_spaced() {
    let json = format!(
        r#"{{"video": {{"mandatory": {{"maxFrameRate": 7, "minWidth": 640, "maxWidth": 640, "sourceId": "{}"}}}}}}"#,
        enumerate_devices().into_iter().find(|d| Path::new(&d.path) == vivid_webcam()).unwrap().device_id,
    );
    let stream = get_user_media(&MediaStreamConstraints::from_json(&json).unwrap()).unwrap();
    let track = &stream.video_tracks()[0];
    let native = track.settings().native_frame_rate.unwrap().as_f64();
    assert_eq!(track.settings().frame_rate.unwrap().to_string(), "7/1");
    assert!(native > 7.0);
    let mut processor = track.processor(8);
    let sequences: Vec<_> = (0..15).map(|_| next(&mut processor).sequence()).collect();
    let (least, most) = ((native / 7.0).floor() as u64, (native / 7.0).ceil() as u64 + 1);
    for pair in sequences.windows(2) {
        assert!((least..=most).contains(&(pair[1] - pair[0])), "{sequences:?} of {native}");
    }
}

fn a_busy_camera_names_its_holder() {
    let camera = vivid_webcam();
    let mut other = v4l2_ctl(&camera, &["--stream-mmap", "--stream-count=1000"]);
    let _other = Background::start(other.stdout(Stdio::null()).stderr(Stdio::null()));
    let error =
        eventually("the camera busy", || get_user_media(&MediaStreamConstraints::new().video(vga(&camera))).err());
    assert_eq!(error.name(), ErrorName::NotReadableError);
    assert_eq!(error.holder().map(|holder| holder.process.as_str()), Some("v4l2-ctl"), "{error:?}");
    assert!(error.message().contains("v4l2-ctl"), "{error}");
}

fn an_hdmi_input_streams() {
    let stream = open(on(&vivid_hdmi()));
    let track = &stream.video_tracks()[0];
    let mut processor = track.processor(4);
    for _ in 0..5 {
        next(&mut processor);
    }
    stream.stop();
    check_sums(&track.statistics());
}

/// The built-in camera, through the command and FFmpeg, into a loopback: what a user who benchmarks would do.
pub(super) fn feed(loopback: &Path) -> (Background, Background) {
    let mut camera = usermedia();
    camera.args(["capture", "--synthetic", "--width", "320", "--height", "240", "--fourcc", "YUYV", "--fps", "10"]);
    let mut camera = camera.args(["-o", "-"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut writer = std::process::Command::new("ffmpeg");
    writer.args(["-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "yuyv422", "-video_size", "320x240"]);
    writer.args(["-framerate", "10", "-i", "-", "-f", "v4l2"]).arg(loopback);
    writer.stdin(camera.stdout.take().unwrap()).stdout(Stdio::null()).stderr(Stdio::null());
    (Background::start(&mut writer), Background::of(camera))
}

fn a_loopback_delivers_copies_whose_counter_reads_back() {
    let loopback = loopback_open();
    let _writers = feed(&loopback);
    let stream = eventually("a writer", || {
        let stream = get_user_media(&MediaStreamConstraints::new().video(on(&loopback))).ok()?;
        (stream.video_tracks()[0].settings().width == 320).then_some(stream)
    });
    let track = &stream.video_tracks()[0];
    let mut processor = track.processor(2);
    let mut numbers = Vec::new();
    for _ in 0..8 {
        let frame = next(&mut processor);
        assert!(frame.is_copied(), "another process may write to the buffer");
        assert_eq!(frame.memory(0).map(<[u8]>::len), Some(320 * 240 * 2));
        numbers.push(frame.synthetic_frame_number().expect("the number is in the picture"));
    }
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    stream.stop();
    let source = track.statistics();
    assert_eq!(source.copied, source.accepted);
    check_sums(&source);
}
