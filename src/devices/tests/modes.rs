//! Modes as ranges with exact rates, and drivers that answer nonsense.

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use proptest::prelude::*;

use crate::devices::Moment;
use crate::devices::fixture::{FakeKernel, FakeNode, Tree, discrete, machine};
use crate::devices::modes::{self, Listing};
use crate::devices::{FrameRates, Span, VideoMode};
use crate::format::Fourcc;
use crate::seam::{BufferType, CapabilityFlags, Fraction, FrameInterval, FrameSize, Kernel};

fn list_with(node: FakeNode) -> (Result<Listing, Errno>, Arc<FakeKernel>) {
    let kernel = FakeKernel::new([("/dev/video0", node)]);
    let fd = kernel.open(Path::new("/dev/video0")).unwrap();
    let listing = modes::list(kernel.as_ref(), fd.as_fd(), BufferType::VideoCapture, &[]);
    kernel.close(fd);
    (listing, kernel)
}

fn list(node: FakeNode) -> Vec<VideoMode> {
    list_with(node).0.unwrap().modes
}

fn camera() -> FakeNode {
    FakeNode::camera("test", "Test")
}

fn interval(numerator: u32, denominator: u32) -> FrameInterval {
    FrameInterval::Discrete(Fraction { numerator, denominator })
}

fn stepwise(min: (u32, u32), max: (u32, u32)) -> FrameInterval {
    let fraction = |(numerator, denominator)| Fraction { numerator, denominator };
    FrameInterval::Stepwise { min: fraction(min), max: fraction(max) }
}

fn rates(texts: &[&str]) -> FrameRates {
    FrameRates::List(texts.iter().map(|text| text.parse().unwrap()).collect())
}

fn range(min: &str, max: &str) -> FrameRates {
    FrameRates::Range { min: min.parse().unwrap(), max: max.parse().unwrap() }
}

fn fixed(fourcc: &[u8; 4], width: u32, height: u32, rates: FrameRates) -> VideoMode {
    VideoMode::new(Fourcc(*fourcc), Span::Fixed(width), Span::Fixed(height), rates)
}

#[test]
fn of_formats_that_are_named_alone_are_the_modes_listed() {
    let sizes = || vec![discrete(640, 480, &[30, 15]), discrete(320, 240, &[30])];
    let node = || camera().with(vec![(b"YUYV", sizes()), (b"MJPG", sizes()), (b"NV12", sizes())]);
    let tree = Tree::new();
    tree.node("video0", "devices/platform/cam.0", "platform", &[("name", "cam"), ("index", "0")]);
    let listed = |formats: &[Fourcc]| {
        let kernel = FakeKernel::new([("/dev/video0", node())]);
        let devices = Moment::of(&machine(&tree, &kernel)).enumerate_parts(|_| true, formats);
        assert_eq!(kernel.still_open(), 0);
        (devices[0].modes.clone(), kernel.calls())
    };
    let (all, calls) = listed(&[]);
    assert_eq!(all.len(), 6);
    let (some, fewer) = listed(&[Fourcc::MJPG]);
    let of_mjpg: Vec<_> = all.iter().filter(|mode| mode.fourcc == Fourcc::MJPG).cloned().collect();
    assert_eq!(some, of_mjpg);
    assert!(fewer < calls / 2, "{fewer} questions of {calls}");
    // Nothing would look like a camera that lists nothing, whose sizes are guessed.
    assert_eq!(listed(&[Fourcc::YU12]).0, all);
}

const SPAN_8K: Span = Span::Range { min: 1, max: 8192, step: 1 };

#[test]
fn discrete_modes_keep_the_drivers_order_and_exact_rates() {
    let sizes = vec![
        (FrameSize::Discrete { width: 640, height: 480 }, vec![interval(1001, 30000), interval(2, 15)]),
        (FrameSize::Discrete { width: 320, height: 240 }, vec![interval(333_333, 10_000_000)]),
    ];
    let modes = list(camera().with(vec![(b"MJPG", sizes), (b"YUYV", vec![discrete(160, 120, &[5])])]));
    assert_eq!(
        modes,
        [
            fixed(b"MJPG", 640, 480, rates(&["30000/1001", "15/2"])),
            fixed(b"MJPG", 320, 240, rates(&["10000000/333333"])),
            fixed(b"YUYV", 160, 120, rates(&["5"])),
        ]
    );
    let FrameRates::List(list) = &modes[0].frame_rates else { panic!("a list") };
    assert_eq!(list[0].to_string(), "30000/1001");
}

#[test]
fn rates_are_in_lowest_terms() {
    let sizes = vec![(FrameSize::Discrete { width: 1920, height: 1080 }, vec![interval(12375, 742_500)])];
    let modes = list(camera().with(vec![(b"YUYV", sizes)]));
    let FrameRates::List(list) = &modes[0].frame_rates else { panic!("a list") };
    assert_eq!(list[0].to_string(), "60/1");
}

#[test]
fn an_idle_loopback_is_one_mode_per_format_and_few_questions() {
    let everything = FrameSize::Stepwise { width: (2, 8192, 1), height: (1, 8192, 1) };
    let node = camera().with(vec![(b"YUYV", vec![(everything, vec![stepwise((1, 1000), (u32::MAX, 1))])])]);
    let (listing, kernel) = list_with(node);
    let width = Span::Range { min: 2, max: 8192, step: 1 };
    let expected = VideoMode::new(Fourcc::YUYV, width, SPAN_8K, range("1/4294967295", "1000"));
    assert_eq!(listing.unwrap().modes, [expected]);
    assert!(kernel.calls() < 20, "{} questions", kernel.calls());
}

#[test]
fn a_range_whose_rates_differ_by_size_is_split_and_promises_only_what_all_sizes_have() {
    let mut node = camera()
        .with(vec![(b"NV12", vec![(FrameSize::Stepwise { width: (32, 1920, 2), height: (32, 1080, 2) }, vec![])])]);
    // 1920x1080 at 15, 1280x720 at 15 and 30, anything smaller at 15, 30 and 60.
    node.interval = Box::new(|(_, (width, _), index)| {
        let rates: &[u32] = if width > 1280 {
            &[15]
        } else if width > 960 {
            &[30, 15]
        } else {
            &[60, 30, 15]
        };
        rates.get(index as usize).map(|fps| interval(1, *fps)).ok_or(Errno::EINVAL)
    });
    let modes = list(node);
    let of = |width, height| {
        modes.iter().find(|mode| mode.width == Span::Fixed(width) && mode.height == Span::Fixed(height))
    };
    assert_eq!(of(1920, 1080).unwrap().frame_rates, rates(&["15"]));
    assert_eq!(of(1280, 720).unwrap().frame_rates, rates(&["30", "15"]));
    assert_eq!(of(640, 480).unwrap().frame_rates, rates(&["60", "30", "15"]));
    assert_eq!(of(32, 32).unwrap().frame_rates, rates(&["60", "30", "15"]));
    let whole = modes.last().unwrap();
    assert_eq!(whole.width, Span::Range { min: 32, max: 1920, step: 2 });
    assert_eq!(whole.frame_rates, rates(&["15"]));
}

#[test]
fn intervals_of_a_range_are_asked_at_its_ends_the_default_and_the_tables_sizes() {
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let mut node = camera()
        .with(vec![(b"NV12", vec![(FrameSize::Stepwise { width: (320, 1288, 8), height: (180, 724, 4) }, vec![])])]);
    node.current = Ok((800, 600));
    node.interval = Box::new(move |(_, size, index)| {
        log.lock().unwrap().push(size);
        if index == 0 { Ok(interval(1, 30)) } else { Err(Errno::EINVAL) }
    });
    assert_eq!(list(node).len(), 1);
    let mut asked = asked.lock().unwrap().clone();
    asked.dedup();
    assert_eq!(
        asked,
        [(800, 600), (1280, 720), (960, 720), (640, 360), (640, 480), (320, 240), (320, 180), (1288, 724)]
    );
}

#[test]
fn a_range_without_intervals_has_an_unknown_rate() {
    // The Rockchip ISP's main path.
    let size = FrameSize::Stepwise { width: (32, 3840, 8), height: (16, 2160, 8) };
    let modes = list(camera().with(vec![(b"NM12", vec![(size, vec![])])]));
    assert_eq!(modes.len(), 1);
    assert_eq!(modes[0].frame_rates, FrameRates::Unknown);
    assert_eq!(modes[0].width, Span::Range { min: 32, max: 3840, step: 8 });
}

#[test]
fn a_driver_that_names_formats_but_no_sizes_has_its_current_size_at_its_current_rate() {
    let mut node = camera().with(vec![(b"YUYV", vec![]), (b"NV12", vec![])]);
    node.current = Ok((1920, 1080));
    node.time_per_frame = Ok(Fraction { numerator: 1, denominator: 60 });
    let expected = [fixed(b"YUYV", 1920, 1080, rates(&["60"])), fixed(b"NV12", 1920, 1080, rates(&["60"]))];
    assert_eq!(list(node), expected);

    let mut node = camera().with(vec![(b"YUYV", vec![])]);
    node.current = Ok((1920, 1080));
    assert_eq!(list(node), [fixed(b"YUYV", 1920, 1080, FrameRates::Unknown)]);

    let node = camera().with(vec![(b"YUYV", vec![])]);
    assert_eq!(list(node), [], "it enumerates nothing");
}

#[test]
fn doubled_entries_are_listed_once() {
    // A Jetson lists 1280x720 twice, other drivers an interval or a format.
    let sizes = vec![discrete(1280, 720, &[60, 60, 30]), discrete(1280, 720, &[60]), discrete(640, 480, &[30])];
    let mut node = camera().with(vec![(b"YUYV", sizes)]);
    node.format = Box::new(|index| if index < 2 { Ok(Fourcc::YUYV) } else { Err(Errno::EINVAL) });
    let expected = [fixed(b"YUYV", 1280, 720, rates(&["60", "30"])), fixed(b"YUYV", 640, 480, rates(&["30"]))];
    assert_eq!(list(node), expected);
}

#[test]
fn sizes_and_intervals_of_nothing_are_left_out() {
    let nothing = Fraction { numerator: 0, denominator: 0 };
    let sizes = vec![
        (FrameSize::Discrete { width: 0, height: 0 }, vec![]),
        (FrameSize::Discrete { width: 640, height: 0 }, vec![]),
        (
            FrameSize::Discrete { width: 640, height: 480 },
            vec![interval(0, 30), interval(1, 0), FrameInterval::Discrete(nothing), interval(1, 30)],
        ),
    ];
    assert_eq!(list(camera().with(vec![(b"YUYV", sizes)])), [fixed(b"YUYV", 640, 480, rates(&["30"]))]);
}

#[test]
fn odd_ranges_are_put_in_order() {
    for (width, height, expected) in [
        // No step.
        (
            (32, 64, 0),
            (32, 64, 0),
            Some((Span::Range { min: 32, max: 64, step: 1 }, Span::Range { min: 32, max: 64, step: 1 })),
        ),
        // The ends swapped.
        ((64, 32, 2), (480, 480, 0), Some((Span::Range { min: 32, max: 64, step: 2 }, Span::Fixed(480)))),
        // From nothing on.
        ((0, 64, 16), (8, 8, 8), Some((Span::Range { min: 16, max: 64, step: 16 }, Span::Fixed(8)))),
        // Nothing at all.
        ((0, 0, 0), (480, 480, 1), None),
        ((0, 8, 16), (480, 480, 1), None),
    ] {
        let node = camera().with(vec![(b"YUYV", vec![(FrameSize::Stepwise { width, height }, vec![])])]);
        let spans: Vec<_> = list(node).into_iter().map(|mode| (mode.width, mode.height)).collect();
        assert_eq!(spans.first().copied(), expected, "{width:?} {height:?}");
    }
}

#[test]
fn odd_interval_ranges_are_put_in_order_or_unknown() {
    for (answer, expected) in [
        (stepwise((1, 60), (1, 5)), range("5", "60")),
        (stepwise((1, 5), (1, 60)), range("5", "60")),
        (stepwise((1, 30), (1, 30)), rates(&["30"])),
        (stepwise((0, 1), (1, 5)), FrameRates::Unknown),
        (stepwise((0, 0), (0, 0)), FrameRates::Unknown),
        (FrameInterval::Unknown, FrameRates::Unknown),
    ] {
        let size = FrameSize::Discrete { width: 640, height: 480 };
        let modes = list(camera().with(vec![(b"YUYV", vec![(size, vec![answer])])]));
        assert_eq!(modes, [fixed(b"YUYV", 640, 480, expected)]);
    }
}

#[test]
fn a_driver_that_does_not_look_at_the_index_is_stopped() {
    let mut node = camera();
    node.format = Box::new(|_| Ok(Fourcc::YUYV));
    node.size = Box::new(|_| Ok(FrameSize::Discrete { width: 640, height: 480 }));
    node.interval = Box::new(|_| Ok(interval(1, 30)));
    let (listing, kernel) = list_with(node);
    assert_eq!(listing.unwrap().modes, [fixed(b"YUYV", 640, 480, rates(&["30"]))]);
    assert!(kernel.calls() < 50, "{} questions", kernel.calls());
}

#[test]
fn a_driver_that_always_has_something_new_is_stopped() {
    let mut node = camera();
    node.format = Box::new(|index| Ok(Fourcc::from_u32(index)));
    node.size = Box::new(|(_, index)| Ok(FrameSize::Discrete { width: index + 1, height: 480 }));
    node.interval = Box::new(|(_, _, index)| Ok(interval(1, index + 1)));
    let (listing, kernel) = list_with(node);
    let listing = listing.unwrap();
    assert!(kernel.calls() <= 65_536 + 2, "{} questions", kernel.calls());
    let numbers: usize = listing
        .modes
        .iter()
        .map(|mode| match &mode.frame_rates {
            FrameRates::List(list) => 1 + list.len(),
            _ => 1,
        })
        .sum();
    assert!(numbers <= 65_536, "{numbers} numbers kept");
}

#[test]
fn a_signal_during_a_question_does_not_end_the_list() {
    let interrupted = AtomicU32::new(0);
    let mut node = camera().with(vec![(b"YUYV", vec![discrete(640, 480, &[30])])]);
    node.format = Box::new(move |index| match (index, interrupted.fetch_add(1, Ordering::Relaxed)) {
        (_, 0) => Err(Errno::EINTR),
        (0, _) => Ok(Fourcc::YUYV),
        _ => Err(Errno::EINVAL),
    });
    assert_eq!(list(node).len(), 1);
}

#[test]
fn a_device_that_goes_away_meanwhile_is_an_error_and_no_short_list() {
    let mut node = camera().with(vec![(b"YUYV", vec![discrete(640, 480, &[30])])]);
    node.interval = Box::new(|_| Err(Errno::ENODEV));
    assert_eq!(list_with(node).0, Err(Errno::ENODEV));
}

fn any_size() -> impl Strategy<Value = FrameSize> {
    let dimension = || prop_oneof![0..4u32, any::<u32>(), Just(u32::MAX)];
    let stepwise = || (dimension(), dimension(), dimension());
    prop_oneof![
        (dimension(), dimension()).prop_map(|(width, height)| FrameSize::Discrete { width, height }),
        (stepwise(), stepwise()).prop_map(|(width, height)| FrameSize::Stepwise { width, height }),
        Just(FrameSize::Unknown),
    ]
}

fn any_interval() -> impl Strategy<Value = FrameInterval> {
    let number = || prop_oneof![0..3u32, any::<u32>(), Just(u32::MAX)];
    let fraction =
        move || (number(), number()).prop_map(|(numerator, denominator)| Fraction { numerator, denominator });
    prop_oneof![
        fraction().prop_map(FrameInterval::Discrete),
        (fraction(), fraction()).prop_map(|(min, max)| FrameInterval::Stepwise { min, max }),
        Just(FrameInterval::Unknown),
    ]
}

fn any_errno() -> impl Strategy<Value = Errno> {
    prop::sample::select(vec![Errno::EINVAL, Errno::ENOTTY, Errno::ENODEV, Errno::EIO, Errno::ENODATA, Errno::EBUSY])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Whatever a driver answers and refuses, in whatever order: no panic, nothing left open, every listed mode is one
    /// that can exist.
    #[test]
    fn no_answer_of_the_kernel_is_too_odd(
        flags in any::<u32>(),
        card in ".{0,31}",
        formats in prop::collection::vec(any::<u32>().prop_map(Fourcc::from_u32), 0..6),
        sizes in prop::collection::vec(any_size(), 1..12),
        intervals in prop::collection::vec(any_interval(), 1..12),
        current in prop::option::of((any::<u32>(), any::<u32>())),
        endless in any::<bool>(),
        error in any_errno(),
    ) {
        let flags = CapabilityFlags::from_bits_retain(flags) | CapabilityFlags::VIDEO_CAPTURE;
        let mut node = FakeNode::new("test", &card, flags - CapabilityFlags::VIDEO_M2M - CapabilityFlags::TOUCH);
        node.current = current.ok_or(error);
        node.format = Box::new(move |index| formats.get(index as usize).copied().ok_or(error));
        node.size = Box::new(move |(_, index)| {
            let index = if endless { index as usize % sizes.len() } else { index as usize };
            sizes.get(index).copied().ok_or(error)
        });
        node.interval = Box::new(move |(_, _, index)| {
            let index = if endless { index as usize % intervals.len() } else { index as usize };
            intervals.get(index).copied().ok_or(error)
        });
        let tree = Tree::new();
        tree.node("video0", "devices/platform/cam.0", "platform", &[]);
        let kernel = FakeKernel::new([("/dev/video0", node)]);
        let devices = machine(&tree, &kernel).enumerate_all();
        prop_assert_eq!(devices.len(), 1);
        prop_assert_eq!((kernel.still_open(), kernel.changes()), (0, 0));
        for mode in &devices[0].modes {
            prop_assert!(mode.width.min() > 0 && mode.height.min() > 0);
            prop_assert!(mode.width.min() <= mode.width.max() && mode.width.step() > 0);
            match &mode.frame_rates {
                FrameRates::List(list) => prop_assert!(!list.is_empty()),
                FrameRates::Range { min, max } => prop_assert!(min < max),
                FrameRates::Unknown => {}
            }
        }
    }
}
