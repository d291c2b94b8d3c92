//! Tracks that give less than their camera: a part of its pictures, a smaller size, fewer of its frames.

use std::sync::mpsc;

use super::bench::{Bench, assert_sum, drain, eventually, sequences};
use crate::capture::RecoveryStep;
use crate::constraints::{ConstrainDouble, ConstrainULong, MediaTrackConstraints};
use crate::error::ErrorName;
use crate::format::{Fourcc, FrameRate, Rect};
use crate::resolve::ResizeMode;
use crate::seam::scripted::{Call, Frame, ScriptedCamera};
use crate::stream::{Flow, LocalMediaStream, Sink, TrackMetadata, TrackSettings, VideoFrame, VideoTrack};
use crate::{MediaStreamConstraints, RecoveryPolicy};

fn exactly(width: u32, height: u32) -> MediaTrackConstraints {
    MediaTrackConstraints::new().width(ConstrainULong::new().exact(width)).height(ConstrainULong::new().exact(height))
}

fn stream(bench: &Bench, track: MediaTrackConstraints) -> LocalMediaStream {
    bench.request(&MediaStreamConstraints::new().video(track)).unwrap()
}

/// Bytes that tell where they are.
fn picture(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(31) ^ (at >> 8)) as u8).collect()
}

/// The rows that a frame's plane shows.
fn rows(frame: &VideoFrame, plane: usize, row_bytes: usize) -> Vec<u8> {
    let plane = frame.plane(plane).unwrap();
    (0..plane.rows).flat_map(|row| plane.data[row * plane.stride..][..row_bytes].to_vec()).collect()
}

/// `row_bytes` from byte `x` on of so many rows of a picture, from row `y` on.
fn part(picture: &[u8], stride: usize, (x, y): (usize, usize), row_bytes: usize, rows: usize) -> Vec<u8> {
    (y..y + rows).flat_map(|row| picture[row * stride + x..][..row_bytes].to_vec()).collect()
}

#[test]
fn a_part_is_the_middle_of_the_driver_s_own_buffer() {
    let bench = Bench::yuyv();
    let (part_of_it, whole) = (stream(&bench, exactly(64, 36)), bench.stream());
    let (track, whole) = (part_of_it.video_tracks().remove(0), whole.video_tracks().remove(0));
    let settings = track.settings();
    assert_eq!((settings.width, settings.height, settings.fourcc), (64, 36, Some(Fourcc::YUYV)));
    assert_eq!((settings.native_width, settings.native_height), (64, 48));
    assert_eq!((settings.resize_mode, settings.is_resized()), (ResizeMode::CropAndScale, true));
    let (shown, all) = (track.processor(2), whole.processor(2));
    let bytes = picture(64 * 48 * 2);
    bench.camera.next(Frame::good().bytes(&bytes));
    let (shown, all) = (drain(&shown).remove(0), drain(&all).remove(0));
    assert_eq!((shown.width(), shown.height(), shown.plane(0).unwrap().stride), (64, 36, 128));
    assert_eq!((shown.coded_width(), shown.coded_height()), (64, 48));
    assert_eq!(shown.visible_rect(), Rect::new(0, 6, 64, 36));
    assert_eq!(all.visible_rect(), Rect::new(0, 0, 64, 48));
    assert_eq!(rows(&shown, 0, 128), part(&bytes, 128, (0, 6), 128, 36));
    // The same memory, and no copy.
    assert_eq!(shown.address_range(0), all.address_range(0));
    assert_eq!(shown.memory(0), all.memory(0));
    assert!(!shown.is_copied() && shown.dma_buf().is_ok());
    assert_eq!(bench.camera.calls(Call::StreamOn), 1);
}

#[test]
fn a_part_of_planes_begins_where_their_chroma_does() {
    for (fourcc, multiplanar) in [(b"NV12", false), (b"NM12", true)] {
        let mut camera = ScriptedCamera::new(fourcc, 64, 48);
        camera.multiplanar = multiplanar;
        let bench = Bench::new(camera);
        let stream = stream(&bench, exactly(50, 48));
        let track = stream.video_tracks().remove(0);
        let processor = track.processor(2);
        bench.camera.run(1);
        let frame = drain(&processor).remove(0);
        // (64 - 50) / 2 = 7 columns, one less so that chroma is whole.
        assert_eq!(frame.visible_rect(), Rect::new(6, 0, 50, 48));
        let start = |plane: usize| frame.plane(plane).unwrap().data.as_ptr() as usize;
        let memory = |index: usize| frame.memory(index).unwrap().as_ptr() as usize;
        let chroma = if multiplanar { memory(1) } else { memory(0) + 64 * 48 };
        assert_eq!((start(0), start(1)), (memory(0) + 6, chroma + 6));
        assert_eq!((frame.plane(0).unwrap().rows, frame.plane(1).unwrap().rows), (48, 24));
        assert_eq!((rows(&frame, 0, 50).len(), rows(&frame, 1, 50).len()), (50 * 48, 50 * 24));
    }
}

#[test]
fn a_lower_rate_is_evenly_spaced_and_settings_say_so() {
    let bench = Bench::yuyv();
    let rate = MediaTrackConstraints::new().frame_rate(ConstrainDouble::new().exact(20.0));
    let stream = stream(&bench, rate);
    let track = stream.video_tracks().remove(0);
    let settings = track.settings();
    assert_eq!(settings.frame_rate, Some(FrameRate::whole(20)));
    assert_eq!(settings.native_frame_rate, Some(FrameRate::whole(30)));
    assert_eq!(settings.resize_mode, ResizeMode::CropAndScale);
    let processor = track.processor(20);
    bench.camera.run(9);
    // Of each three two.
    assert_eq!(sequences(&drain(&processor)), [0, 2, 3, 5, 6, 8]);
}

#[test]
fn what_the_camera_cannot_make_smaller_is_refused() {
    let bench = Bench::new(ScriptedCamera::new(b"H264", 64, 48));
    let error = bench.request(&MediaStreamConstraints::new().video(exactly(32, 24))).map(drop).unwrap_err();
    assert_eq!((error.name(), error.constraint()), (ErrorName::OverconstrainedError, Some("width")));
    let bench = Bench::yuyv();
    let error = bench.request(&MediaStreamConstraints::new().video(exactly(128, 96))).map(drop).unwrap_err();
    assert_eq!((error.name(), error.constraint()), (ErrorName::OverconstrainedError, Some("width")));
}

/// Tells what it is told.
struct Diary(mpsc::Sender<(&'static str, u32, u32)>);

impl Sink for Diary {
    fn name(&self) -> &str {
        "diary"
    }

    fn loaded_metadata(&mut self, tracks: &[TrackMetadata]) -> crate::error::Result<()> {
        let TrackSettings::Video(settings) = &tracks[0].settings else { panic!("it is a camera's") };
        self.0.send(("metadata", settings.width, settings.height)).unwrap();
        Ok(())
    }

    fn reconfigured(&mut self, _track: usize, metadata: &TrackMetadata) -> crate::error::Result<()> {
        let TrackSettings::Video(settings) = &metadata.settings else { panic!("it is a camera's") };
        self.0.send(("reconfigured", settings.width, settings.height)).unwrap();
        Ok(())
    }

    fn video_frame(&mut self, _track: usize, frame: &VideoFrame) -> crate::error::Result<Flow> {
        self.0.send(("frame", frame.width(), frame.height())).unwrap();
        Ok(Flow::Continue)
    }

    fn ended(&mut self) -> crate::error::Result<()> {
        Ok(())
    }
}

#[test]
fn another_size_of_the_same_pictures_restarts_nothing_and_sinks_are_told() {
    let mut bench = Bench::yuyv();
    bench.devices = bench.devices.with_recovery(RecoveryPolicy::new());
    let stream = stream(&bench, exactly(64, 36));
    let track = stream.video_tracks().remove(0);
    let (tell, told) = mpsc::channel();
    let attachment = stream.attach(Diary(tell)).unwrap();
    bench.camera.run(1);
    assert_eq!([told.recv().unwrap(), told.recv().unwrap()], [("metadata", 64, 36), ("frame", 64, 36)]);
    track.apply_constraints(exactly(40, 48)).unwrap();
    assert_eq!((track.settings().width, track.settings().height), (40, 48));
    bench.camera.run(1);
    assert_eq!([told.recv().unwrap(), told.recv().unwrap()], [("reconfigured", 40, 48), ("frame", 40, 48)]);
    track.apply_constraints(MediaTrackConstraints::new()).unwrap();
    bench.camera.run(1);
    assert_eq!([told.recv().unwrap(), told.recv().unwrap()], [("reconfigured", 64, 48), ("frame", 64, 48)]);
    assert!(!track.settings().is_resized());
    assert_eq!((bench.camera.calls(Call::StreamOn), bench.camera.calls(Call::StreamOff)), (1, 0));
    assert!(track.recovery_events().is_empty(), "no mute");
    drop(attachment);
}

#[test]
fn tracks_of_one_camera_have_each_their_own_size_and_rate() {
    let bench = Bench::yuyv();
    let whole = bench.stream();
    // A second request for a camera that runs.
    let low = stream(&bench, exactly(64, 36));
    let narrow = low.video_tracks().remove(0).as_ref().clone();
    let rate = ConstrainDouble::new().exact(10.0);
    narrow.apply_constraints(exactly(32, 48).frame_rate(rate)).unwrap();
    let tracks = [whole.video_tracks().remove(0), low.video_tracks().remove(0), narrow.into()];
    let processors = [0, 1, 2].map(|index: usize| VideoTrack::processor(&tracks[index], 8));
    bench.camera.run(6);
    let sizes = processors.each_ref().map(|processor| {
        drain(processor).iter().map(|frame| (frame.sequence(), frame.width(), frame.height())).collect::<Vec<_>>()
    });
    assert_eq!(sizes[0], (0..6).map(|number| (number, 64, 48)).collect::<Vec<_>>());
    assert_eq!(sizes[1], (0..6).map(|number| (number, 64, 36)).collect::<Vec<_>>());
    assert_eq!(sizes[2], [(0, 32, 48), (3, 32, 48)]);
    assert_eq!((bench.camera.calls(Call::StreamOn), bench.camera.open_count()), (1, 1));
    processors.iter().for_each(|processor| assert_sum(&processor.statistics()));
}

#[test]
fn what_another_track_requires_stays_and_this_one_has_it_made() {
    let mut camera = ScriptedCamera::new(b"YUYV", 64, 48);
    camera.modes.push((Fourcc::YUYV, 64, 36));
    let mut bench = Bench::new(camera);
    bench.devices = bench.devices.with_recovery(RecoveryPolicy::new());
    let stream = stream(&bench, exactly(64, 48));
    let track = stream.video_tracks().remove(0);
    let other = VideoTrack::clone(&track);
    // The camera has that mode, and for this track alone would change to it.
    other.apply_constraints(exactly(64, 36)).unwrap();
    assert_eq!((other.settings().height, other.settings().native_height), (36, 48));
    assert_eq!(bench.camera.calls(Call::StreamOff), 0);
    // Alone it does.
    stream.stop();
    track.stop();
    other.apply_constraints(exactly(64, 36).advanced(crate::constraints::MediaTrackConstraintSet::new())).unwrap();
    assert_eq!((other.settings().height, other.settings().native_height), (36, 36));
    assert_eq!(bench.camera.calls(Call::StreamOff), 1);
    assert!(other.recovery_events().iter().any(|event| matches!(event.step, RecoveryStep::Muted(_))));
}

#[test]
fn a_disabled_part_is_black() {
    let bench = Bench::yuyv();
    let stream = stream(&bench, exactly(64, 36));
    let track = stream.video_tracks().remove(0);
    track.set_enabled(false);
    let processor = track.processor(2);
    bench.camera.run(1);
    let frame = drain(&processor).remove(0);
    assert_eq!((frame.width(), frame.height(), frame.plane(0).unwrap().rows), (64, 36, 36));
    assert!(rows(&frame, 0, 128).chunks(2).all(|pixel| pixel == [16, 128]));
}

#[test]
fn frames_of_a_part_go_back_to_the_driver_when_the_last_is_dropped() {
    let bench = Bench::yuyv();
    let stream = stream(&bench, exactly(64, 36));
    let processor = stream.video_tracks()[0].processor(4);
    let all = bench.camera.queued();
    bench.camera.run(2);
    let frames = drain(&processor);
    let clone = frames[0].clone();
    assert_eq!(bench.camera.queued(), all - 2);
    drop(frames);
    assert_eq!(bench.camera.queued(), all - 1);
    drop(clone);
    assert_eq!(bench.camera.queued(), all);
    stream.stop();
    drop(processor);
    eventually(|| bench.camera.mappings() == 0);
    bench.assert_closed();
}
