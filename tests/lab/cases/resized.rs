//! Smaller pictures than a camera has: a part of the driver's own buffer, or those scaled, and fewer of them.

use usermedia::convert::{Converter, PixelFormat, Rect};
use usermedia::resolve::ResizeMode;
use usermedia::{Fourcc, FrameRate};

use super::capture::{exactly, format, next, on, open, vga};
use crate::devices::{vivid_webcam, vivid_webcam_multi_planar};
use crate::harness::{LabTest, lab_test};

pub const TESTS: &[LabTest] =
    &[lab_test!(a_part_is_shown_in_the_drivers_buffer_and_a_smaller_picture_made_of_it).timeout_secs(60)];

fn a_part_is_shown_in_the_drivers_buffer_and_a_smaller_picture_made_of_it() {
    let whole = open(vga(&vivid_webcam()));
    // On the camera that runs: 640x400 and 320x200 are no sizes of vivid's.
    let part = open(on(&vivid_webcam()).width(exactly(640)).height(exactly(400)));
    let small = open(on(&vivid_webcam()).width(exactly(320)).height(exactly(200)).frame_rate(10.0));
    let tracks = [&whole, &part, &small].map(|stream| stream.video_tracks().remove(0));
    let [_, part_settings, small_settings] = tracks.each_ref().map(|track| track.settings());
    assert_eq!((part_settings.height, part_settings.native_height), (400, 480));
    assert_eq!(part_settings.resize_mode, ResizeMode::CropAndScale);
    assert_eq!((small_settings.fourcc, small_settings.native_fourcc), (Some(Fourcc::YU12), Some(Fourcc::YUYV)));
    assert_eq!(small_settings.frame_rate, Some(FrameRate::whole(10)));
    let mut processors = tracks.each_ref().map(|track| track.processor(8));
    // The same frame on all three: of each three of the camera's the small track has one.
    let small = next(&mut processors[2]);
    let mut same = |index: usize| loop {
        let frame = next(&mut processors[index]);
        assert!(frame.sequence() <= small.sequence(), "it was dropped");
        if frame.sequence() == small.sequence() {
            break frame;
        }
    };
    let (whole, part) = (same(0), same(1));
    assert_eq!((part.visible_rect(), part.coded_height()), (Rect::new(0, 40, 640, 400), 480));
    assert_eq!(part.address_range(0), whole.address_range(0), "the same buffer");
    assert!(!part.is_copied() && small.is_copied());
    let (shown, all) = (part.plane(0).unwrap(), whole.plane(0).unwrap());
    assert_eq!((shown.rows, shown.stride), (400, all.stride));
    assert!(shown.data[..399 * shown.stride] == all.data[40 * all.stride..439 * all.stride]);
    let mut expected = vec![0; PixelFormat::I420.buffer_size(320, 200, 0).unwrap()];
    let middle = whole.crop(Rect::new(0, 40, 640, 400)).unwrap();
    Converter::new().convert_scaled(&middle, PixelFormat::I420, (320, 200), &mut expected, 0).unwrap();
    assert!(small.memory(0).unwrap() == expected, "what the converter makes of it");
    assert!(part.dma_buf().is_ok() && small.dma_buf().is_err());
    // Planes in memory of their own.
    let planes = on(&vivid_webcam_multi_planar()).pixel_format(format(Fourcc(*b"NM12")));
    let stream = open(planes.width(exactly(600)).height(exactly(480)));
    let frame = next(&mut stream.video_tracks()[0].processor(2));
    assert_eq!((frame.visible_rect(), frame.memory_count()), (Rect::new(20, 0, 600, 480), 2));
    for plane in [0, 1] {
        let shown = frame.plane(plane).unwrap().data.as_ptr() as usize;
        assert_eq!(shown - frame.memory(plane).unwrap().as_ptr() as usize, 20, "plane {plane}");
    }
    let statistics = tracks[2].consumer_statistics();
    assert!(statistics.iter().all(|consumer| consumer.copied == consumer.delivered), "{statistics:?}");
}
