//! USB cameras that list what no sane camera lists: uvcvideo passes on what the descriptors say.

use std::collections::BTreeSet;

use nix::errno::Errno;
use usermedia::devices::{FrameRates, MediaDeviceInfo, Span, VideoMode, enumerate_devices};
use usermedia::{ErrorName, Fourcc, MediaStreamConstraints, get_user_media};

use super::capture::{exactly, next, on, open};
use super::discovery::find;
use super::watched::only;
use crate::harness::{LabTest, lab_test};
use crate::usb::Plugged;
use crate::usb::specification::{CameraSpec, Coding, Format, FrameSize, Rate, Rates};

pub const TESTS: &[LabTest] = &[
    lab_test!(what_a_mad_camera_lists_is_listed_once_and_without_nothing).timeout_secs(90),
    lab_test!(a_size_for_which_there_is_no_memory_is_refused_and_the_others_stream).timeout_secs(90),
    lab_test!(a_rate_between_the_steps_of_a_camera_is_the_one_it_says_it_is).timeout_secs(90),
];

/// How many sizes of one format are listed besides the odd ones.
const SIZES: u16 = 60;

/// A format no driver knows, a size of nothing, the largest there are at ten million frames per second, rates that are
/// listed twice, rates in steps, more sizes than any camera has.
fn mad() -> CameraSpec {
    let thirty = Rate::per_second(30);
    let steps = Rates::Steps { shortest: 166_666, longest: 1_000_000, step: 100_000 };
    let mut sizes = vec![
        FrameSize::new(320, 240, &[thirty, thirty, Rate::per_second(15), thirty]),
        FrameSize::new(320, 240, &[thirty]),
        FrameSize::new(0, 0, &[thirty]),
        FrameSize::new(u16::MAX, u16::MAX, &[Rate::of_interval(1)]),
        FrameSize { rates: steps, ..FrameSize::new(640, 480, &[]) },
    ];
    sizes.extend((1..=SIZES).map(|size| FrameSize::new(8 * size, 16, &[thirty])));
    let unknown = Format { coding: Coding::Unknown, sizes: vec![FrameSize::new(320, 240, &[thirty])] };
    let mjpg = Format { coding: Coding::Mjpg, sizes: vec![FrameSize::new(320, 240, &[thirty])] };
    CameraSpec::new(vec![unknown, Format { coding: Coding::Yuyv, sizes }, mjpg])
}

fn listed(plugged: &Plugged) -> MediaDeviceInfo {
    find(&enumerate_devices(), &plugged.camera()).clone()
}

#[track_caller]
fn mode(device: &MediaDeviceInfo, code: Fourcc, width: u32, height: u32) -> &VideoMode {
    let is_it =
        |mode: &&VideoMode| (mode.fourcc, mode.width, mode.height) == (code, Span::Fixed(width), Span::Fixed(height));
    let found: Vec<_> = device.modes.iter().filter(is_it).collect();
    let [mode] = found[..] else { panic!("{} modes of {code} {width}x{height}", found.len()) };
    mode
}

fn rates(mode: &VideoMode) -> Vec<String> {
    match &mode.frame_rates {
        FrameRates::Unknown => Vec::new(),
        FrameRates::List(rates) => rates.iter().map(ToString::to_string).collect(),
        FrameRates::Range { min, max } => vec![min.to_string(), "to".to_owned(), max.to_string()],
    }
}

fn what_a_mad_camera_lists_is_listed_once_and_without_nothing() {
    let plugged = only(mad()).plug(0);
    let device = listed(&plugged);
    let formats: BTreeSet<_> = device.modes.iter().map(|mode| mode.fourcc).collect();
    assert_eq!(formats, [Fourcc::YUYV, Fourcc::MJPG].into(), "the driver leaves out what it does not know");
    assert_eq!(rates(mode(&device, Fourcc::YUYV, 320, 240)), ["30/1", "15/1"]);
    assert_eq!(rates(mode(&device, Fourcc::YUYV, 65_535, 65_535)), ["10000000/1"]);
    assert_eq!(rates(mode(&device, Fourcc::YUYV, 640, 480)), ["10/1", "to", "60/1"]);
    for size in 1..=u32::from(SIZES) {
        mode(&device, Fourcc::YUYV, 8 * size, 16);
    }
    // 320x240, 640x480, the largest; MJPG. No size of nothing.
    assert_eq!(device.modes.len(), usize::from(SIZES) + 4, "{:?}", device.modes);
}

fn a_size_for_which_there_is_no_memory_is_refused_and_the_others_stream() {
    let plugged = only(mad()).plug(0);
    let largest = on(&plugged.camera()).width(exactly(65_535)).height(exactly(65_535));
    let error = get_user_media(&MediaStreamConstraints::new().video(largest)).expect_err("8 GB a frame");
    println!("{error:?}");
    assert_eq!((error.name(), error.errno()), (ErrorName::NotReadableError, Some(Errno::ENOMEM as i32)), "{error:?}");
    let nothing = on(&plugged.camera()).width(exactly(0)).height(exactly(0));
    let error = get_user_media(&MediaStreamConstraints::new().video(nothing)).expect_err("no frame is 0x0");
    assert_eq!(error.name(), ErrorName::OverconstrainedError, "{error:?}");
    // Whoever does not mind gets something sane.
    let stream = open(on(&plugged.camera()));
    let frame = next(&mut stream.video_tracks()[0].processor(1));
    println!("{frame:?}");
    assert!((frame.width(), frame.height()) <= (640, 480), "{frame:?}");
}

/// The driver goes to the nearest step.
fn a_rate_between_the_steps_of_a_camera_is_the_one_it_says_it_is() {
    let plugged = only(mad()).plug(0);
    let stream = open(on(&plugged.camera()).width(exactly(640)).height(exactly(480)).frame_rate(25.0));
    let track = &stream.video_tracks()[0];
    next(&mut track.processor(1));
    let native = track.settings().native_frame_rate.expect("the driver's own rate").as_f64();
    assert!((native - 1e7 / 366_666.0).abs() < 0.01, "{native} frames per second");
}
