//! `applyConstraints()`: controls without a gap, other modes with a mute, and nothing at all where it cannot be.

use std::sync::Arc;
use std::sync::mpsc;

use nix::errno::Errno;

use super::bench::{Bench, drain, eventually, sequences};
use crate::constraints::{ConstrainDomString, ConstrainDouble, ConstrainULong, MediaTrackConstraints};
use crate::devices::{ControlName, ControlValue, MeteringMode};
use crate::error::{Error, ErrorName};
use crate::format::Fourcc;
use crate::seam::abi::cid;
use crate::seam::scripted::{Call, ScriptedCamera, pixels};
use crate::stream::{LocalMediaStream, VideoTrack};
use crate::{MediaStreamConstraints, RecoveryPolicy, RecoveryStep};

/// A webcam that gives YUYV at 64x48 and at 32x24.
fn webcam() -> ScriptedCamera {
    let mut camera = ScriptedCamera::new(b"YUYV", 64, 48).with_webcam_controls();
    camera.modes.push((Fourcc::YUYV, 32, 24));
    camera
}

fn bench() -> Bench {
    let mut bench = Bench::new(webcam());
    bench.devices = bench.devices.with_recovery(RecoveryPolicy::new());
    bench
}

fn any() -> MediaTrackConstraints {
    MediaTrackConstraints::new()
}

/// That width, of the camera's own.
fn wide(width: u32) -> MediaTrackConstraints {
    any().width(ConstrainULong::new().exact(width)).resize_mode(ConstrainDomString::new().exact("none"))
}

fn exactly(number: f64) -> ConstrainDouble {
    ConstrainDouble::new().exact(number)
}

fn stream(bench: &Bench, track: MediaTrackConstraints) -> LocalMediaStream {
    bench.request(&MediaStreamConstraints::new().video(track)).unwrap()
}

fn number(track: &VideoTrack, name: ControlName) -> Option<f64> {
    match track.settings().controls.get(name) {
        Some(ControlValue::Number(number)) => Some(number),
        _ => None,
    }
}

fn refused(track: &VideoTrack, constraints: MediaTrackConstraints) -> Error {
    let (settings, asked) = (track.settings(), track.constraints());
    let error = track.apply_constraints(constraints).unwrap_err();
    assert_eq!((track.settings(), track.constraints()), (settings, asked), "nothing changes");
    error
}

fn steps(track: &VideoTrack) -> Vec<String> {
    let events = track.recovery_events();
    let steps = events.iter().map(|event| match &event.step {
        RecoveryStep::Muted(reason) => reason.to_string(),
        step => step.as_str().to_owned(),
    });
    steps.collect()
}

#[test]
fn a_request_sets_what_it_asks_for_and_settings_say_what_there_is() {
    let bench = bench();
    let stream = stream(&bench, any().brightness(exactly(200.0)).exposure_time(100.0));
    let track = &stream.video_tracks()[0];
    let written =
        [(cid::V4L2_CID_EXPOSURE_AUTO, 1), (cid::V4L2_CID_EXPOSURE_ABSOLUTE, 100), (cid::V4L2_CID_BRIGHTNESS, 200)];
    assert_eq!(bench.camera.written(), written);
    assert_eq!(number(track, ControlName::Brightness), Some(200.0));
    assert_eq!(number(track, ControlName::Contrast), Some(40.0), "what nobody asked for is known, too");
    assert_eq!(track.capabilities().controls.len(), 7);
    stream.stop();
    bench.assert_closed();
}

#[test]
fn controls_are_set_while_frames_flow_on() {
    let bench = bench();
    let stream = stream(&bench, wide(64));
    let track = stream.video_tracks()[0].clone();
    let processor = track.processor(16);
    bench.camera.run(3);
    track.apply_constraints(any().brightness(7.0).exposure_mode("manual")).unwrap();
    bench.camera.run(3);
    assert_eq!(sequences(&drain(&processor)), [0, 1, 2, 3, 4, 5]);
    assert_eq!(number(&track, ControlName::Brightness), Some(7.0));
    let manual = ControlValue::Mode(MeteringMode::Manual);
    assert_eq!(track.settings().controls.get(ControlName::ExposureMode), Some(manual));
    assert_eq!((bench.camera.calls(Call::StreamOn), bench.camera.calls(Call::StreamOff)), (1, 0));
    assert_eq!(steps(&track), Vec::<String>::new(), "no mute");
    assert_eq!(
        *track.constraints(),
        MediaStreamConstraints::new().video(any().brightness(7.0).exposure_mode("manual"))
    );
}

#[test]
fn the_mode_stays_where_another_would_be_no_better() {
    let bench = bench();
    let stream = stream(&bench, wide(32));
    let track = &stream.video_tracks()[0];
    for constraints in [
        any().brightness(7.0),
        any(),
        any().advanced(crate::constraints::MediaTrackConstraintSet::new().brightness(9.0)),
        any().width(ConstrainULong::new().max(48)),
    ] {
        track.apply_constraints(constraints).unwrap();
        assert_eq!(track.settings().width, 32);
    }
    assert_eq!(bench.camera.calls(Call::StreamOff), 0);
    // An advanced set that another mode meets is worth a change.
    let other = crate::constraints::MediaTrackConstraintSet::new().width(64);
    track.apply_constraints(any().advanced(other)).unwrap();
    assert_eq!(track.settings().width, 64);
}

#[test]
fn another_mode_mutes_until_its_first_frame() {
    let bench = bench();
    let stream = stream(&bench, wide(64));
    let track = stream.video_tracks()[0].clone();
    let (tell, told) = mpsc::channel();
    let unmuted = tell.clone();
    track.on_mute(move |reason| tell.send(reason.to_string()).unwrap());
    track.on_unmute(move || unmuted.send("unmuted".to_owned()).unwrap());
    let processor = track.processor(16);
    bench.camera.run(2);
    track.apply_constraints(wide(32).brightness(exactly(9.0))).unwrap();
    assert!(track.muted());
    assert_eq!((track.settings().width, track.settings().height), (32, 24));
    assert_eq!(bench.camera.control(cid::V4L2_CID_BRIGHTNESS), 9);
    bench.camera.run(2);
    assert!(!track.muted());
    let frames = drain(&processor);
    let sizes: Vec<_> = frames.iter().map(|frame| frame.width()).collect();
    assert_eq!((sequences(&frames), sizes), (vec![0, 1, 2, 3], vec![64, 64, 32, 32]));
    assert_eq!(told.recv().unwrap(), "reconfiguring");
    assert_eq!(told.recv().unwrap(), "unmuted");
    assert_eq!(steps(&track), ["reconfiguring", "resumed"]);
    drop(frames);
    stream.stop();
    track.stop();
    bench.assert_closed();
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let bench = bench();
    let stream = stream(&bench, wide(64));
    let track = &stream.video_tracks()[0];
    for (constraints, name) in [
        (wide(999), "width"),
        (any().brightness(exactly(256.0)), "brightness"),
        (any().torch(crate::constraints::ConstrainBoolean::new().exact(true)), "torch"),
    ] {
        let error = refused(track, constraints);
        assert_eq!((error.name(), error.constraint()), (ErrorName::OverconstrainedError, Some(name)));
    }
    bench.camera.change(|camera| camera.controls[1].refusal = Some(Errno::EBUSY));
    let error = refused(track, any().brightness(exactly(9.0)).contrast(exactly(60.0)));
    assert_eq!((error.name(), error.constraint()), (ErrorName::OverconstrainedError, Some("contrast")));
    assert_eq!(bench.camera.control(cid::V4L2_CID_BRIGHTNESS), 128, "put back");
    assert_eq!(bench.camera.calls(Call::StreamOff), 0);
    assert_eq!(steps(track), Vec::<String>::new());
}

#[test]
fn a_driver_that_does_otherwise_is_put_back_into_its_mode() {
    let bench = bench();
    let stream = stream(&bench, wide(64));
    let track = &stream.video_tracks()[0];
    bench.camera.run(1);
    bench.camera.change(|camera| camera.modes.truncate(1));
    let error = refused(track, wide(32));
    assert_eq!((error.name(), error.constraint()), (ErrorName::OverconstrainedError, Some("width")));
    bench.camera.run(1);
    assert_eq!(steps(track), ["reconfiguring", "resumed"]);
    assert_eq!(pixels(Fourcc::YUYV, 64, 48).width, track.settings().width);
}

#[test]
fn what_a_clone_requires_it_keeps() {
    let bench = bench();
    let stream = stream(&bench, wide(64).brightness(ConstrainDouble::new().max(150.0)));
    let track = stream.video_tracks()[0].clone();
    let clone = track.clone();
    let other = VideoTrack::clone(&clone);
    other.apply_constraints(any()).unwrap();
    let error = refused(&other, wide(32));
    assert_eq!(error.constraint(), Some("width"));
    assert!(error.message().contains("another track"), "{error}");
    assert_eq!(refused(&other, any().brightness(exactly(151.0))).constraint(), Some("brightness"));
    // A wish gives way.
    other.apply_constraints(any().brightness(255.0)).unwrap();
    assert_eq!(number(&other, ControlName::Brightness), Some(150.0));
    assert_eq!(number(&clone, ControlName::Brightness), Some(150.0), "the camera's, so everybody's");
    // Without the others nothing stands in the way.
    stream.stop();
    track.stop();
    clone.stop();
    other.apply_constraints(wide(32).brightness(exactly(255.0))).unwrap();
    assert_eq!((other.settings().width, number(&other, ControlName::Brightness)), (32, Some(255.0)));
}

#[test]
fn a_second_request_for_the_camera_sets_its_controls_too() {
    let bench = bench();
    let first = stream(&bench, wide(64).contrast(exactly(50.0)));
    let second = stream(&bench, any().brightness(exactly(9.0)));
    assert_eq!(number(&first.video_tracks()[0], ControlName::Brightness), Some(9.0));
    assert_eq!(number(&second.video_tracks()[0], ControlName::Contrast), Some(50.0));
    let constraints = MediaStreamConstraints::new().video(any().contrast(exactly(51.0)));
    assert_eq!(bench.request(&constraints).unwrap_err().constraint(), Some("contrast"));
    assert_eq!(bench.camera.calls(Call::StreamOn), 1);
}

#[test]
fn a_disabled_track_stays_black_without_a_gap() {
    let bench = bench();
    let stream = stream(&bench, wide(64));
    let track = &stream.video_tracks()[0];
    track.set_enabled(false);
    let processor = track.processor(16);
    bench.camera.run(2);
    track.apply_constraints(any().brightness(9.0)).unwrap();
    bench.camera.run(2);
    assert_eq!(sequences(&drain(&processor)), [0, 1, 2, 3]);
}

#[test]
fn an_ended_track_and_the_capture_thread_are_told_so() {
    let bench = bench();
    let stream = stream(&bench, any());
    let track = stream.video_tracks()[0].clone();
    let (tell, told) = mpsc::channel();
    let inside = Arc::downgrade(&track);
    let callback = track.on_frame(move |_| {
        if let Some(track) = inside.upgrade() {
            let _ = tell.send(track.apply_constraints(MediaTrackConstraints::new().brightness(1.0)));
        }
    });
    bench.camera.run(1);
    assert_eq!(told.recv().unwrap().unwrap_err().name(), ErrorName::AbortError);
    drop(callback);
    stream.stop();
    eventually(|| bench.camera.open_count() == 0);
    assert_eq!(track.apply_constraints(any()).unwrap_err().name(), ErrorName::AbortError);
    assert_eq!(stream.video_tracks().len(), 1);
}
