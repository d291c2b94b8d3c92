//! Tracks of one camera: what they share, and what each has of its own.

use super::bench::{Bench, drain, eventually, sequences};
use crate::MediaStreamConstraints;
use crate::constraints::LegacyTrackConstraints;
use crate::seam::scripted::{Call, JPEG, ScriptedCamera, mark};
use crate::stream::MediaStreamTrackState;

#[test]
fn many_tracks_of_a_camera_share_one_set_of_buffers() {
    let bench = Bench::yuyv();
    let (one, other) = (bench.stream(), bench.stream());
    let clone = other.clone();
    let tracks = [&one, &other, &clone].map(|stream| stream.video_tracks().remove(0));
    let processors = [0, 1, 2].map(|index| tracks[index].processor(4));
    assert_eq!(bench.camera.open_count(), 1);
    assert_eq!([Call::RequestBuffers, Call::StreamOn].map(|call| bench.camera.calls(call)), [1, 1]);
    bench.camera.run(2);
    let frames = [0, 1, 2].map(|index| drain(&processors[index]));
    let addresses = [0, 1, 2].map(|index| frames[index][1].address_range(0).unwrap());
    assert!(addresses.iter().all(|range| *range == addresses[0]), "the same bytes for all");
    assert!(frames.iter().all(|frames| sequences(frames) == [0, 1] && frames[1].memory(0).unwrap()[0] == mark(1)));
    let ids: std::collections::BTreeSet<_> = tracks.iter().map(|track| track.id().to_owned()).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn stopping_one_track_leaves_the_others_and_the_last_one_closes_the_camera() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    let other = track.as_ref().clone();
    let (mine, theirs) = (track.processor(9), other.processor(9));
    bench.camera.run(1);
    track.stop();
    assert_eq!((track.ready_state(), other.ready_state()), (MediaStreamTrackState::Ended, MediaStreamTrackState::Live));
    bench.camera.run(2);
    assert_eq!((drain(&mine).len(), drain(&theirs).len()), (1, 3));
    assert_eq!(bench.camera.open_count(), 1);
    other.stop();
    bench.assert_closed();
}

#[test]
fn frames_dropped_after_their_track_and_after_the_other_one_stopped_go_where_they_belong() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    let other = track.as_ref().clone();
    let processor = track.processor(2);
    // It has had a consumer, so that nothing is kept for its first.
    drop(other.processor(1));
    let all = bench.camera.queued();
    bench.camera.run(2);
    let mut frames = drain(&processor);
    track.stop();
    assert_eq!(bench.camera.queued(), all - 2);
    frames.pop();
    assert_eq!(bench.camera.queued(), all - 1, "the camera still runs for the other track");
    other.stop();
    bench.assert_closed();
    assert_eq!(frames[0].memory(0).unwrap()[0], mark(0));
    let queued = bench.camera.calls(Call::QueueBuffer);
    drop(frames);
    assert_eq!(bench.camera.calls(Call::QueueBuffer), queued);
    eventually(|| bench.camera.mappings() == 0);
}

#[test]
fn stopping_with_frames_held_closes_the_camera_and_it_opens_again() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let processor = stream.video_tracks()[0].processor(4);
    bench.camera.run(4);
    let held = drain(&processor);
    stream.stop();
    bench.assert_closed();
    let again = bench.stream();
    let processor = again.video_tracks()[0].processor(4);
    assert_eq!(bench.camera.run(3), 3);
    assert_eq!(sequences(&drain(&processor)), [0, 1, 2]);
    assert_eq!(held[3].memory(0).unwrap()[0], mark(3));
}

#[test]
fn a_disabled_track_shows_black_and_its_clones_show_what_they_like() {
    for fourcc in [b"YUYV", b"UYVY", b"NV12", b"YU12", b"NM12", b"RGB3", b"GREY"] {
        let mut camera = ScriptedCamera::new(fourcc, 64, 48);
        camera.multiplanar = fourcc == b"NM12";
        let bench = Bench::new(camera);
        let stream = bench.stream();
        let track = stream.video_tracks().remove(0);
        track.set_enabled(false);
        let clone = track.as_ref().clone();
        assert!(!clone.enabled(), "a clone begins as its original is");
        clone.set_enabled(true);
        let (black, picture) = (track.processor(3), clone.processor(3));
        bench.camera.run(3);
        let (black, picture) = (drain(&black), drain(&picture));
        for (number, (black, picture)) in (0..).zip(black.iter().zip(&picture)) {
            assert_eq!((black.sequence(), black.timestamp()), (picture.sequence(), picture.timestamp()));
            assert_eq!(black.plane_count(), picture.plane_count());
            for plane in 0..black.plane_count() {
                let (dark, bright) = (black.plane(plane).unwrap(), picture.plane(plane).unwrap());
                assert_eq!((dark.stride, dark.rows, dark.data.len()), (bright.stride, bright.rows, bright.data.len()));
                assert!(bright.data.iter().all(|&byte| byte == mark(number)));
                let expected: &[u8] = match (fourcc, plane) {
                    (b"YUYV", _) => &[16, 128],
                    (b"UYVY", _) => &[128, 16],
                    (b"RGB3" | b"GREY", _) => &[0],
                    (_, 0) => &[16],
                    _ => &[128],
                };
                for (at, &byte) in dark.data.iter().enumerate() {
                    assert_eq!(byte, expected[at % expected.len()], "{} at {at}", black.fourcc());
                }
            }
        }
        assert_eq!(black.len(), 3);
    }
}

#[test]
fn a_disabled_jpeg_camera_shows_another_jpeg() {
    let bench = Bench::new(ScriptedCamera::new(b"MJPG", 64, 48));
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    let processor = track.processor(1);
    bench.camera.run(1);
    assert_eq!(drain(&processor)[0].memory(0).unwrap(), JPEG);
    track.set_enabled(false);
    bench.camera.run(1);
    let frame = drain(&processor).remove(0);
    let black = frame.memory(0).unwrap();
    assert_ne!(black, JPEG);
    assert!(black.starts_with(&[0xff, 0xd8]) && black.ends_with(&[0xff, 0xd9]));
    track.set_enabled(true);
    bench.camera.run(1);
    assert_eq!(drain(&processor)[0].memory(0).unwrap(), JPEG);
}

#[test]
fn a_disabled_track_without_a_black_of_its_format_shows_nothing() {
    let bench = Bench::new(ScriptedCamera::new(b"H264", 64, 48));
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    let processor = track.processor(3);
    track.set_enabled(false);
    bench.camera.run(2);
    assert!(drain(&processor).is_empty());
    track.set_enabled(true);
    bench.camera.run(1);
    assert_eq!(sequences(&drain(&processor)), [2]);
}

#[test]
fn a_lower_rate_is_every_second_frame_for_that_track_alone() {
    let bench = Bench::yuyv();
    let slow = LegacyTrackConstraints::new().mandatory("maxFrameRate", 15);
    let slow = bench.request(&MediaStreamConstraints::new().video(slow)).unwrap();
    let fast = bench.stream();
    let (slow, fast) = (slow.video_tracks().remove(0), fast.video_tracks().remove(0));
    assert_eq!(slow.settings().frame_rate, Some(crate::FrameRate::whole(15)));
    let (few, all) = (slow.processor(20), fast.processor(20));
    bench.camera.run(8);
    assert_eq!(sequences(&drain(&few)), [0, 2, 4, 6]);
    assert_eq!(sequences(&drain(&all)), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(bench.camera.open_count(), 1);
}

#[test]
fn a_stopped_track_says_what_it_was() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    bench.camera.run(7);
    track.stop();
    assert_eq!(track.statistics().accepted, 7);
    assert_eq!((track.settings().width, track.settings().height), (64, 48));
    assert_eq!((track.label(), track.kind(), track.error()), ("Scripted camera", "video", None));
    let clone = track.as_ref().clone();
    assert_eq!((clone.ready_state(), clone.statistics().accepted), (MediaStreamTrackState::Ended, 7));
    assert!(track.processor(1).next().is_none());
}

#[test]
fn dropping_the_stream_closes_the_camera_unless_a_track_is_kept() {
    let bench = Bench::yuyv();
    drop(bench.stream());
    bench.assert_closed();
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    drop(stream);
    assert_eq!(track.ready_state(), MediaStreamTrackState::Live);
    drop(track);
    bench.assert_closed();
}

#[test]
fn a_stream_is_a_set_of_tracks() {
    let bench = Bench::yuyv();
    let (one, other) = (bench.stream(), bench.stream());
    let track = other.video_tracks().remove(0);
    one.add_track(track.clone());
    one.add_track(track.clone());
    assert_eq!(one.video_tracks().len(), 2);
    let clone = one.clone();
    assert_ne!(clone.id(), one.id());
    assert!(clone.video_tracks().iter().all(|cloned| one.video_tracks().iter().all(|track| track.id() != cloned.id())));
    one.remove_track(&track);
    assert_eq!(one.video_tracks().len(), 1);
    assert_eq!(track.ready_state(), MediaStreamTrackState::Live);
    one.stop();
    assert_eq!((one.active(), other.active(), clone.active()), (false, true, true));
    other.stop();
    clone.stop();
    bench.assert_closed();
}
