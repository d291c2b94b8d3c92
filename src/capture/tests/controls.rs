//! Controls of an open camera: what is written, in which order, and what becomes of a refusal.

use nix::errno::Errno;

use super::bench::{Keeper, NODE, request, yuyv};
use crate::capture::v4l2::V4l2Camera;
use crate::capture::{CameraRequest, Engine, HeldFrames, Keep, RecoveryPolicy};
use crate::devices::control::{Choices, ControlGoal, Goal};
use crate::devices::{ControlName, ControlValue, MeteringMode};
use crate::error::ErrorName;
use crate::seam::abi::cid;
use crate::seam::scripted::{Call, CameraScript, FOREVER, ScriptedCamera, ScriptedKernel, ScriptedPcms, ScriptedWorld};
use crate::seam::{ControlFlags, Kernel};

const CONTINUOUS: ControlValue = ControlValue::Mode(MeteringMode::Continuous);
const MANUAL: ControlValue = ControlValue::Mode(MeteringMode::Manual);

/// A webcam, everything automatic.
pub(super) fn webcam() -> ScriptedCamera {
    yuyv().with_webcam_controls()
}

fn open(camera: ScriptedCamera) -> (V4l2Camera, CameraScript) {
    let kernel = ScriptedKernel::new();
    let script = kernel.plug(NODE, camera);
    let kernel: std::sync::Arc<dyn Kernel> = kernel;
    (V4l2Camera::open(kernel, &request(None)).unwrap(), script)
}

fn exactly(name: ControlName, number: f64) -> ControlGoal {
    ControlGoal { name, goal: Goal::Number { bounds: (number, number), ideal: None } }
}

fn ideally(name: ControlName, number: f64) -> ControlGoal {
    let goal = Goal::Number { bounds: (f64::NEG_INFINITY, f64::INFINITY), ideal: Some(number) };
    ControlGoal { name, goal }
}

fn required(name: ControlName, value: ControlValue) -> ControlGoal {
    ControlGoal { name, goal: Goal::Choice { allowed: Choices::NONE.with(value), wished: Choices::NONE } }
}

#[test]
fn nothing_is_written_that_nobody_asked_for() {
    let (mut camera, script) = open(webcam());
    let settings = camera.set_controls(&[]).unwrap().clone();
    assert_eq!(script.written(), []);
    assert_eq!(settings.get(ControlName::Brightness), Some(ControlValue::Number(128.0)));
    assert_eq!(settings.get(ControlName::ExposureMode), Some(CONTINUOUS));
    assert_eq!(settings.get(ControlName::ConstantFrameRate), Some(ControlValue::Switch(false)));
    assert_eq!(settings.get(ControlName::Zoom), None);
    assert_eq!(settings.iter().count(), 7);
}

#[test]
fn a_control_that_is_as_asked_is_not_written() {
    let (mut camera, script) = open(webcam());
    camera
        .set_controls(&[exactly(ControlName::Brightness, 128.0), required(ControlName::ExposureMode, CONTINUOUS)])
        .unwrap();
    assert_eq!(script.written(), []);
}

#[test]
fn modes_are_written_before_the_values_they_govern() {
    let (mut camera, script) = open(webcam());
    // In any order: the engine puts them right.
    let goals = [
        exactly(ControlName::ExposureTime, 100.0),
        ideally(ControlName::ColorTemperature, 5000.0),
        required(ControlName::ExposureMode, MANUAL),
        ControlGoal::wish(ControlName::WhiteBalanceMode, MANUAL),
        required(ControlName::ConstantFrameRate, ControlValue::Switch(true)),
    ];
    let settings = camera.set_controls(&goals).unwrap().clone();
    assert_eq!(
        script.written(),
        [
            (cid::V4L2_CID_EXPOSURE_AUTO, 1),
            (cid::V4L2_CID_AUTO_WHITE_BALANCE, 0),
            (cid::V4L2_CID_EXPOSURE_AUTO_PRIORITY, 0),
            (cid::V4L2_CID_EXPOSURE_ABSOLUTE, 100),
            (cid::V4L2_CID_WHITE_BALANCE_TEMPERATURE, 5000),
        ]
    );
    assert_eq!(settings.get(ControlName::ExposureTime), Some(ControlValue::Number(100.0)));
    assert_eq!(settings.get(ControlName::ConstantFrameRate), Some(ControlValue::Switch(true)));
}

#[test]
fn what_the_driver_made_of_it_is_what_the_settings_say() {
    let mut camera = webcam();
    camera.controls[0].sticks_at = Some(100);
    let (mut camera, _) = open(camera);
    let settings = camera.set_controls(&[ideally(ControlName::Brightness, 200.0)]).unwrap().clone();
    assert_eq!(settings.get(ControlName::Brightness), Some(ControlValue::Number(100.0)));
    let error = camera.set_controls(&[exactly(ControlName::Brightness, 200.0)]).unwrap_err();
    assert_eq!((error.name(), error.constraint()), (ErrorName::OverconstrainedError, Some("brightness")));
    for part in ["brightness 200", "stays at 100", "0 to 255"] {
        assert!(error.message().contains(part), "{error}");
    }
}

#[test]
fn a_required_refusal_says_what_and_why_and_puts_everything_back() {
    for (errno, why) in [
        (Errno::ERANGE, "takes no such value"),
        (Errno::EBUSY, "cannot be changed at the moment"),
        (Errno::EACCES, "not active"),
        (Errno::EIO, "did not answer"),
    ] {
        let mut camera = webcam();
        camera.controls[1].refusal = Some(errno);
        let (mut camera, script) = open(camera);
        let goals = [required(ControlName::ExposureMode, MANUAL), exactly(ControlName::Contrast, 60.0)];
        let error = camera.set_controls(&goals).unwrap_err();
        assert_eq!((error.name(), error.constraint()), (ErrorName::OverconstrainedError, Some("contrast")), "{errno}");
        assert_eq!(error.errno(), Some(errno as i32));
        for part in ["contrast 60", "(Contrast)", "0 to 100", why] {
            assert!(error.message().contains(part), "{error}");
        }
        assert!(error.remedy().is_some(), "{error}");
        assert_eq!(script.control(cid::V4L2_CID_EXPOSURE_AUTO), 3, "as it was");
    }
}

#[test]
fn a_refused_wish_is_no_error() {
    let mut camera = webcam();
    camera.controls[0].refusal = Some(Errno::EIO);
    let (mut camera, script) = open(camera);
    let settings =
        camera.set_controls(&[ideally(ControlName::Brightness, 9.0), ideally(ControlName::Contrast, 9.0)]).unwrap();
    assert_eq!(settings.get(ControlName::Brightness), Some(ControlValue::Number(128.0)));
    assert_eq!(settings.get(ControlName::Contrast), Some(ControlValue::Number(9.0)));
    // A value whose mode is automatic, because that was asked for: uvcvideo refuses it.
    let goals = [ideally(ControlName::ExposureTime, 9.0), required(ControlName::ExposureMode, CONTINUOUS)];
    let settings = camera.set_controls(&goals).unwrap().clone();
    assert_eq!(settings.get(ControlName::ExposureTime), Some(ControlValue::Number(250.0)));
    assert_eq!(script.control(cid::V4L2_CID_EXPOSURE_AUTO), 3);
}

#[test]
fn a_camera_that_goes_meanwhile_is_no_matter_of_constraints() {
    let (mut camera, script) = open(webcam());
    script.fail(Call::SetControl, Errno::ENODEV, FOREVER);
    let error = camera.set_controls(&[ideally(ControlName::Brightness, 9.0)]).unwrap_err();
    assert_eq!((error.name(), error.errno()), (ErrorName::NotReadableError, Some(Errno::ENODEV as i32)));
}

#[test]
fn a_control_that_is_required_and_not_there_any_more_is_named() {
    let (mut camera, _) = open(yuyv());
    assert!(camera.set_controls(&[ideally(ControlName::Zoom, 2.0)]).unwrap().is_empty());
    let error = camera.set_controls(&[exactly(ControlName::Zoom, 2.0)]).unwrap_err();
    assert_eq!((error.name(), error.constraint()), (ErrorName::OverconstrainedError, Some("zoom")));
}

#[test]
fn a_control_that_tells_no_value_is_written_and_believed() {
    let mut camera = webcam();
    camera.controls[0].description.flags |= ControlFlags::WRITE_ONLY;
    let (mut camera, script) = open(camera);
    let settings = camera.set_controls(&[exactly(ControlName::Brightness, 7.0)]).unwrap().clone();
    assert_eq!(settings.get(ControlName::Brightness), None);
    assert_eq!(script.control(cid::V4L2_CID_BRIGHTNESS), 7);
}

/// Replugged, a camera has its firmware's defaults.
#[test]
fn what_was_asked_is_written_again_when_the_camera_comes_back() {
    let kernel = ScriptedKernel::new();
    let camera = kernel.plug(NODE, webcam());
    let engine =
        Engine::start(kernel.clone(), ScriptedWorld::new(&kernel), ScriptedPcms::new(&kernel), HeldFrames::default())
            .unwrap();
    let keep =
        Keep { policy: RecoveryPolicy::new(), locate: Box::new(|| Some("/dev/video7".to_owned())), ..Keep::not() };
    let controls = vec![exactly(ControlName::Brightness, 200.0)];
    let asked = CameraRequest { controls, ..request(None) };
    let source = engine.open(asked, Box::new(|_| Ok(())), keep, Keeper::keeping(1)).unwrap();
    assert_eq!(camera.written(), [(cid::V4L2_CID_BRIGHTNESS, 200)]);
    // Asked for while it runs, and remembered as well.
    source.set_controls(vec![exactly(ControlName::Brightness, 200.0), exactly(ControlName::Contrast, 60.0)]).unwrap();
    assert_eq!(source.format().controls.get(ControlName::Contrast), Some(ControlValue::Number(60.0)));
    camera.run(3);
    camera.unplug();
    let again = kernel.plug("/dev/video7", webcam());
    let pass = |came: &dyn Fn() -> bool| {
        for _ in 0..1000 {
            if came() {
                return;
            }
            kernel.advance(std::time::Duration::from_millis(20));
            std::thread::sleep(std::time::Duration::from_micros(300));
        }
        panic!("it never came to pass");
    };
    pass(&|| again.queued() > 0);
    assert_eq!(again.written(), [(cid::V4L2_CID_BRIGHTNESS, 200), (cid::V4L2_CID_CONTRAST, 60)]);
    // Before the first frame, which comes once the node streams: its buffers were queued just before.
    pass(&|| again.run(1) == 1);
    source.stop();
    assert_eq!(kernel.misuse(), Vec::<String>::new());
}

#[test]
fn interrupted_calls_are_made_again() {
    let (mut camera, script) = open(webcam());
    for call in [Call::GetControl, Call::SetControl, Call::QueryControl] {
        script.fail(call, Errno::EINTR, 2);
    }
    camera.set_controls(&[exactly(ControlName::Brightness, 7.0)]).unwrap();
    assert_eq!(script.control(cid::V4L2_CID_BRIGHTNESS), 7);
}
