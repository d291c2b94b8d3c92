//! A camera's controls by W3C's names, and drivers that answer nonsense about them.

use std::collections::BTreeMap;

use nix::errno::Errno;

use super::nodes::{list_one, vga};
use crate::devices::control::{ControlGoal, Goal, NativeControl, list};
use crate::devices::fixture::{FakeKernel, FakeNode, Tree, machine};
use crate::devices::{ControlName, ControlRange, ControlValue, MediaDeviceInfo, MediaDeviceKind, MeteringMode};
use crate::seam::abi::cid;
use crate::seam::{ControlDescription, ControlFlags, ControlType, Kernel};

fn control(kind: ControlType, (minimum, maximum): (i64, i64), step: u64, default: i64) -> ControlDescription {
    ControlDescription {
        kind,
        name: "Control".to_owned(),
        minimum,
        maximum,
        step,
        default,
        flags: ControlFlags::empty(),
    }
}

fn integer(range: (i64, i64), step: u64, default: i64) -> ControlDescription {
    control(ControlType::Integer, range, step, default)
}

/// A camera with those controls; menus have the items from the minimum to the maximum that `missing` does not name.
fn camera(controls: &[(u32, ControlDescription)], missing: &'static [u32]) -> FakeNode {
    let controls: BTreeMap<u32, ControlDescription> = controls.iter().cloned().collect();
    let mut node = FakeNode::camera("uvcvideo", "Webcam").with(vga());
    node.control = Box::new(move |id| controls.get(&id).cloned().ok_or(Errno::EINVAL));
    node.menu = Box::new(|(_, index)| match missing.contains(&index) {
        true => Err(Errno::EINVAL),
        false => Ok(i64::from(index) * 500 - 1000),
    });
    node
}

fn listed(controls: &[(u32, ControlDescription)]) -> MediaDeviceInfo {
    list_one(camera(controls, &[]))
}

/// The same controls as the capture engine has them.
fn native(controls: &[(u32, ControlDescription)], missing: &'static [u32]) -> Vec<NativeControl> {
    let kernel = FakeKernel::new([("/dev/video0", camera(controls, missing))]);
    let fd = kernel.open("/dev/video0".as_ref()).unwrap();
    let controls = list(kernel.as_ref(), std::os::fd::AsFd::as_fd(&fd));
    kernel.close(fd);
    controls
}

fn numbers(min: f64, max: f64, step: f64) -> ControlRange {
    ControlRange::Numbers { min, max, step }
}

const CONTINUOUS: ControlValue = ControlValue::Mode(MeteringMode::Continuous);
const MANUAL: ControlValue = ControlValue::Mode(MeteringMode::Manual);

#[test]
fn a_webcams_controls_are_listed_by_their_w3c_names() {
    let device = listed(&[
        (cid::V4L2_CID_BRIGHTNESS, integer((-64, 64), 1, 0)),
        (cid::V4L2_CID_PAN_ABSOLUTE, integer((-36_000, 36_000), 3600, 0)),
        (cid::V4L2_CID_WHITE_BALANCE_TEMPERATURE, integer((2800, 6500), 10, 4600)),
        (cid::V4L2_CID_AUTO_WHITE_BALANCE, control(ControlType::Boolean, (0, 1), 1, 1)),
        (cid::V4L2_CID_EXPOSURE_AUTO, control(ControlType::Menu, (0, 3), 1, 3)),
        (cid::V4L2_CID_EXPOSURE_AUTO_PRIORITY, control(ControlType::Boolean, (0, 1), 1, 0)),
        // A control without a W3C name.
        (0x0098_0918, control(ControlType::Menu, (0, 2), 1, 1)),
    ]);
    let range = |name| device.control(name).map(|control| control.range.clone());
    assert_eq!(range(ControlName::Brightness), Some(numbers(-64.0, 64.0, 1.0)));
    assert_eq!(range(ControlName::Pan), Some(numbers(-36_000.0, 36_000.0, 3600.0)));
    assert_eq!(range(ControlName::ColorTemperature), Some(numbers(2800.0, 6500.0, 10.0)));
    let modes = ControlRange::Modes(vec![MeteringMode::Continuous, MeteringMode::Manual]);
    assert_eq!(range(ControlName::WhiteBalanceMode), Some(modes.clone()));
    assert_eq!(range(ControlName::ExposureMode), Some(modes));
    assert_eq!(range(ControlName::ConstantFrameRate), Some(ControlRange::Switch));
    assert_eq!(device.controls.len(), 6);
    let default = |name| device.control(name).and_then(|control| control.default);
    assert_eq!(default(ControlName::ColorTemperature), Some(ControlValue::Number(4600.0)));
    assert_eq!(default(ControlName::ExposureMode), Some(CONTINUOUS));
    assert_eq!(default(ControlName::ConstantFrameRate), Some(ControlValue::Switch(true)));
}

#[test]
fn numbers_that_cannot_be_are_put_right_or_left_out() {
    let device = listed(&[
        (cid::V4L2_CID_BRIGHTNESS, integer((255, 0), 0, 900)),
        (cid::V4L2_CID_CONTRAST, integer((i64::MIN, i64::MAX), 1, 0)),
        (cid::V4L2_CID_SATURATION, integer((0, 100), u64::MAX, 50)),
        (cid::V4L2_CID_SHARPNESS, control(ControlType::Other, (0, 7), 1, 3)),
        (cid::V4L2_CID_FOCUS_AUTO, integer((0, 1), 1, 1)),
    ]);
    assert_eq!(device.control(ControlName::Brightness).unwrap().range, numbers(0.0, 255.0, 1.0));
    assert_eq!(device.control(ControlName::Brightness).unwrap().default, Some(ControlValue::Number(0.0)));
    assert_eq!(device.control(ControlName::Contrast), None, "64 bits");
    let saturation = &device.control(ControlName::Saturation).unwrap().range;
    assert_eq!(saturation.nearest((f64::NEG_INFINITY, f64::INFINITY), 70.0), Some(0.0), "one step does not fit");
    assert_eq!(device.control(ControlName::Sharpness), None, "no number");
    assert_eq!(device.control(ControlName::FocusMode), None, "no switch");
}

#[test]
fn what_programs_cannot_set_is_no_capability() {
    for flags in [ControlFlags::DISABLED, ControlFlags::READ_ONLY] {
        let device = listed(&[(cid::V4L2_CID_BRIGHTNESS, ControlDescription { flags, ..integer((0, 9), 1, 0) })]);
        assert_eq!(device.controls, [], "{flags:?}");
    }
    for flags in [ControlFlags::INACTIVE, ControlFlags::GRABBED, ControlFlags::VOLATILE] {
        let device = listed(&[(cid::V4L2_CID_BRIGHTNESS, ControlDescription { flags, ..integer((0, 9), 1, 0) })]);
        assert_eq!(device.controls.len(), 1, "{flags:?}");
    }
}

#[test]
fn a_camera_that_does_not_answer_is_not_asked_sixteen_times() {
    for (errno, questions) in [(Errno::ETIMEDOUT, 1), (Errno::ENOTTY, 1), (Errno::ENODEV, 1), (Errno::EIO, 16)] {
        let mut node = camera(&[], &[]);
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let count = asked.clone();
        node.control = Box::new(move |_| {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Err(errno)
        });
        let device = list_one(node);
        assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), questions, "{errno}");
        assert_eq!(device.modes.len(), 1, "the modes are there all the same");
    }
}

/// While a camera is looked for after it was unplugged, nothing waits for its answers about what it can do.
#[test]
fn looking_for_a_camera_does_not_ask_it_for_its_offer() {
    let tree = Tree::new();
    tree.node("video0", "devices/platform/cam.0", "platform", &[("name", "cam"), ("index", "0")]);
    let brightness = (cid::V4L2_CID_BRIGHTNESS, integer((0, 255), 1, 128));
    let kernel = FakeKernel::new([("/dev/video0", camera(&[brightness], &[]))]);
    let machine = machine(&tree, &kernel);
    let id = machine.enumerate()[0].device_id.clone();
    let before = kernel.calls();
    assert_eq!(machine.locate(MediaDeviceKind::VideoInput, &id).as_deref(), Some("/dev/video0"));
    assert_eq!(kernel.calls() - before, 1, "VIDIOC_QUERYCAP");
}

#[test]
fn the_exposure_modes_are_those_that_the_menu_has() {
    let menu = |default| [(cid::V4L2_CID_EXPOSURE_AUTO, control(ControlType::Menu, (0, 3), 1, default))];
    let webcam = &native(&menu(3), &[0, 2])[0];
    assert_eq!((webcam.raw(CONTINUOUS), webcam.raw(MANUAL)), (Some(3), Some(1)), "aperture priority is its automatic");
    let lens = &native(&menu(0), &[])[0];
    assert_eq!((lens.raw(CONTINUOUS), lens.raw(MANUAL)), (Some(0), Some(1)));
    let favourite = &native(&menu(3), &[])[0];
    assert_eq!(favourite.raw(CONTINUOUS), Some(3), "the driver's default, where it is automatic");
    for (raw, value) in [(0, Some(CONTINUOUS)), (1, Some(MANUAL)), (2, Some(MANUAL)), (3, Some(CONTINUOUS)), (9, None)]
    {
        assert_eq!(lens.value(raw), value, "{raw}");
    }
    let manual = &native(&menu(1), &[0, 3])[0];
    assert_eq!(manual.range, ControlRange::Modes(vec![MeteringMode::Manual]));
    assert_eq!(native(&menu(1), &[0, 1, 2, 3]), [], "a menu without items");
}

#[test]
fn exposure_compensation_is_in_ev_and_torch_needs_its_item() {
    let bias = [(cid::V4L2_CID_AUTO_EXPOSURE_BIAS, control(ControlType::IntegerMenu, (0, 4), 1, 2))];
    let control_of_bias = &native(&bias, &[3])[0];
    assert_eq!(control_of_bias.range, ControlRange::List(vec![-1.0, -0.5, 0.0, 1.0]));
    assert_eq!(control_of_bias.raw(ControlValue::Number(1.0)), Some(4));
    assert_eq!(control_of_bias.value(1), Some(ControlValue::Number(-0.5)));
    let torch = [(cid::V4L2_CID_FLASH_LED_MODE, control(ControlType::Menu, (0, 2), 1, 0))];
    assert_eq!(native(&torch, &[])[0].raw(ControlValue::Switch(true)), Some(2));
    assert_eq!(native(&torch, &[2]), [], "a flash that cannot stay on");
}

#[test]
fn a_menu_of_any_length_comes_to_an_end() {
    let bias = [(cid::V4L2_CID_AUTO_EXPOSURE_BIAS, control(ControlType::IntegerMenu, (0, i64::from(i32::MAX)), 1, 0))];
    let ControlRange::List(list) = &native(&bias, &[])[0].range else { panic!("no list") };
    assert!(list.len() <= 65, "{}", list.len());
}

#[test]
fn the_nearest_value_lies_on_a_step_and_within_the_bounds() {
    let all = (f64::NEG_INFINITY, f64::INFINITY);
    let range = numbers(-10.0, 25.0, 10.0);
    for (bounds, wish, nearest) in [
        (all, 3.0, Some(0.0)),
        (all, 99.0, Some(20.0)),
        (all, -99.0, Some(-10.0)),
        ((1.0, 19.0), 0.0, Some(10.0)),
        ((1.0, 9.0), 5.0, None),
        ((21.0, 30.0), 25.0, None),
        ((7.0, 3.0), 5.0, None),
        (all, f64::NAN, None),
    ] {
        assert_eq!(range.nearest(bounds, wish), nearest, "{bounds:?} {wish}");
    }
    assert_eq!(numbers(0.0, 1.0, 0.0).nearest(all, 0.3), Some(0.3), "no steps");
    let list = ControlRange::List(vec![-2.0, 0.5, 3.0]);
    assert_eq!((list.nearest(all, 1.0), list.nearest((1.0, 2.0), 1.0)), (Some(0.5), None));
}

#[test]
fn without_a_wish_what_is_set_already_stays() {
    let goal = |bounds, ideal| ControlGoal { name: ControlName::Brightness, goal: Goal::Number { bounds, ideal } };
    let range = numbers(0.0, 255.0, 1.0);
    let at = |number: f64| Some(ControlValue::Number(number));
    let least = goal((100.0, f64::INFINITY), None);
    assert_eq!(least.target(&range, at(180.0)), None);
    assert_eq!(least.target(&range, at(20.0)), at(100.0));
    assert_eq!(least.target(&range, None), at(100.0));
    assert_eq!(goal((100.0, 255.0), Some(7.0)).target(&range, at(180.0)), at(100.0));
    let modes = ControlRange::Modes(vec![MeteringMode::Continuous, MeteringMode::Manual]);
    let manual = ControlGoal::wish(ControlName::FocusMode, MANUAL);
    assert_eq!(manual.target(&modes, Some(MANUAL)), None);
    assert_eq!(manual.target(&modes, Some(CONTINUOUS)), Some(MANUAL));
    let only_continuous = ControlRange::Modes(vec![MeteringMode::Continuous]);
    assert_eq!(manual.target(&only_continuous, Some(CONTINUOUS)), None, "a wish that cannot be had changes nothing");
}
