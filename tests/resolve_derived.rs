//! What is made of a camera's pictures where it has no mode as it is asked for: `resizeMode: crop-and-scale`. The answers are
//! computed by hand.

#![cfg(all(feature = "json", feature = "convert"))]

mod support;

use support::{answer, ask, camera, discrete, fixture, idle_loopback, mode};
use usermedia::devices::{MediaDeviceInfo, Span};
use usermedia::resolve::{ResizeMode, VideoSettings};

fn video(request: &str, devices: &[MediaDeviceInfo]) -> VideoSettings {
    ask(&format!("{{\"video\":{request}}}"), devices).unwrap().video.unwrap()
}

/// `640x480 YU12 30/1 of 1280x720 YUYV 30/1`, or the error.
fn made(request: &str, devices: &[MediaDeviceInfo]) -> String {
    let request = format!("{{\"video\":{request}}}");
    let Ok(found) = ask(&request, devices) else { return answer(&request, devices) };
    let video = found.video.unwrap();
    let native = |rate: Option<usermedia::FrameRate>| rate.map_or("?".to_owned(), |rate| rate.to_string());
    let delivered = answer(&request, devices);
    assert_eq!(video.resize_mode == ResizeMode::None, !video.is_resized() && !video.is_decimated(), "{request}");
    if video.resize_mode == ResizeMode::None {
        return delivered;
    }
    let (width, height, rate) = (video.native_width, video.native_height, native(video.native_frame_rate));
    format!("{delivered} of {width}x{height} {} {rate}", video.native_fourcc.unwrap())
}

#[track_caller]
fn check(devices: &[MediaDeviceInfo], cases: &[(&str, &str)]) {
    for (request, expected) in cases {
        assert_eq!(made(request, devices), *expected, "{request}");
    }
}

fn hd() -> [MediaDeviceInfo; 1] {
    [discrete("camera", &[("YUYV", 1280, 720, "30/1")])]
}

fn two_sizes() -> [MediaDeviceInfo; 1] {
    [discrete("camera", &[("YUYV", 640, 480, "30/1 15/1"), ("YUYV", 1280, 720, "30/1")])]
}

#[test]
fn a_native_mode_wins_ties() {
    check(
        &two_sizes(),
        &[
            ("true", "640x480 YUYV 30/1"),
            (r#"{"width":1280}"#, "1280x720 YUYV 30/1"),
            (r#"{"width":{"exact":640},"height":{"exact":480}}"#, "640x480 YUYV 30/1"),
            (r#"{"width":{"max":1000}}"#, "640x480 YUYV 30/1"),
            (r#"{"frameRate":15}"#, "640x480 YUYV 15/1"),
            (r#"{"frameRate":{"max":20}}"#, "640x480 YUYV 15/1"),
            (r#"{"width":{"min":600,"max":2000}}"#, "640x480 YUYV 30/1"),
        ],
    );
}

#[test]
fn a_free_side_keeps_the_shape_of_the_camera_s_picture() {
    check(
        &hd(),
        &[
            // 720 * 1000 / 1280 = 562.5, to the even number next to it.
            (r#"{"width":1000}"#, "1000x562 YU12 30/1 of 1280x720 YUYV 30/1"),
            (r#"{"width":{"exact":640}}"#, "640x360 YU12 30/1 of 1280x720 YUYV 30/1"),
            (r#"{"height":{"exact":480}}"#, "854x480 YU12 30/1 of 1280x720 YUYV 30/1"),
            (r#"{"width":{"max":1001}}"#, "1000x562 YU12 30/1 of 1280x720 YUYV 30/1"),
            // As much of the shape as the bounds allow.
            (r#"{"width":{"exact":320},"height":{"min":240}}"#, "320x240 YU12 30/1 of 1280x720 YUYV 30/1"),
            // Its own shape is within the bounds of the ratio.
            (
                r#"{"width":{"exact":1000},"aspectRatio":{"min":1.2,"max":1.9}}"#,
                "1000x562 YU12 30/1 of 1280x720 YUYV 30/1",
            ),
        ],
    );
}

#[test]
fn a_part_keeps_the_pixel_format_and_what_is_scaled_has_one_that_can_be_written() {
    let of = |fourcc: &str, width: u32, height: u32| {
        let camera = discrete("camera", &[(fourcc, 640, 480, "30/1")]);
        let request = format!(
            r#"{{"width":{{"exact":{width}}},"height":{{"exact":{height}}},"pixelFormat":["{fourcc}","YU12"]}}"#
        );
        let found = ask(&format!("{{\"video\":{request}}}"), &[camera]);
        found.map_or("none".to_owned(), |found| found.video.unwrap().fourcc.unwrap().to_string())
    };
    for (fourcc, part, scaled) in [
        ("YUYV", "YUYV", "YU12"),
        ("UYVY", "UYVY", "YU12"),
        ("NV12", "NV12", "NV12"),
        ("NM12", "NM12", "NV12"),
        ("NV21", "NV21", "YU12"),
        ("YU12", "YU12", "YU12"),
        ("RGB3", "RGB3", "RGB3"),
        ("BGR3", "BGR3", "RGB3"),
        ("XR24", "XR24", "AR24"),
        ("RGB4", "RGB4", "AB24"),
        ("GREY", "GREY", "YU12"),
        ("MJPG", "YU12", "YU12"),
        // Not to be taken apart: a stream, a mosaic, more than 8 bits.
        ("H264", "none", "none"),
        ("RGGB", "none", "none"),
        ("Y10 ", "none", "none"),
    ] {
        assert_eq!((&*of(fourcc, 640, 360), &*of(fourcc, 320, 240)), (part, scaled), "{fourcc}");
        assert_eq!(of(fourcc, 640, 480), fourcc, "its own size");
    }
}

#[test]
fn the_least_is_taken_away() {
    check(
        &two_sizes(),
        &[
            // A quarter of the height of 640x480, or half of both of 1280x720.
            (r#"{"width":{"exact":640},"height":{"exact":360}}"#, "640x360 YUYV 30/1 of 640x480 YUYV 30/1"),
            (r#"{"width":{"exact":641}}"#, "641x360 YU12 30/1 of 1280x720 YUYV 30/1"),
            (r#"{"frameRate":{"exact":10}}"#, "640x480 YUYV 10/1 of 640x480 YUYV 15/1"),
            (r#"{"frameRate":{"exact":20}}"#, "640x480 YUYV 20/1 of 640x480 YUYV 30/1"),
            (r#"{"frameRate":{"min":16,"max":20}}"#, "640x480 YUYV 20/1 of 640x480 YUYV 30/1"),
            (r#"{"width":{"exact":1280},"frameRate":{"exact":10}}"#, "1280x720 YUYV 10/1 of 1280x720 YUYV 30/1"),
        ],
    );
    // What need not be decoded is not.
    let both = discrete("camera", &[("MJPG", 640, 480, "30/1"), ("YUYV", 640, 480, "30/1")]);
    check(&[both], &[(r#"{"height":{"exact":360}}"#, "480x360 YU12 30/1 of 640x480 YUYV 30/1")]);
}

#[test]
fn nothing_is_enlarged_and_no_frame_is_made_up() {
    check(
        &hd(),
        &[
            (r#"{"width":{"min":1281}}"#, "OverconstrainedError width"),
            (r#"{"height":{"exact":721}}"#, "OverconstrainedError height"),
            (r#"{"frameRate":{"min":31}}"#, "OverconstrainedError frameRate"),
            (r#"{"width":4000,"height":3000}"#, "1280x720 YUYV 30/1"),
            (r#"{"frameRate":{"exact":0}}"#, "OverconstrainedError frameRate"),
            (r#"{"aspectRatio":{"min":3000}}"#, "OverconstrainedError aspectRatio"),
        ],
    );
    // A rate that is not known cannot be lowered, and a stream of differences has no frame to spare.
    let unknown = discrete("camera", &[("YUYV", 640, 480, "")]);
    check(&[unknown], &[(r#"{"frameRate":{"max":10}}"#, "OverconstrainedError frameRate")]);
    let h264 = discrete("camera", &[("H264", 640, 480, "30/1")]);
    check(&[h264], &[(r#"{"frameRate":{"max":10}}"#, "OverconstrainedError frameRate")]);
    let jpeg = discrete("camera", &[("MJPG", 640, 480, "30/1")]);
    check(&[jpeg], &[(r#"{"frameRate":{"max":10}}"#, "640x480 MJPG 10/1 of 640x480 MJPG 30/1")]);
}

#[test]
fn a_shape_is_cut_from_the_largest_picture_that_has_it() {
    check(
        &hd(),
        &[
            (r#"{"aspectRatio":{"exact":1.3333333333}}"#, "960x720 YUYV 30/1 of 1280x720 YUYV 30/1"),
            (r#"{"aspectRatio":{"exact":2}}"#, "1280x640 YUYV 30/1 of 1280x720 YUYV 30/1"),
            (r#"{"aspectRatio":{"exact":1}}"#, "720x720 YUYV 30/1 of 1280x720 YUYV 30/1"),
            (r#"{"aspectRatio":1.5}"#, "1080x720 YUYV 30/1 of 1280x720 YUYV 30/1"),
            (r#"{"width":{"exact":800},"aspectRatio":{"exact":1.6}}"#, "800x500 YU12 30/1 of 1280x720 YUYV 30/1"),
        ],
    );
    check(
        &[discrete("camera", &[("YUYV", 640, 480, "30/1")])],
        &[(r#"{"aspectRatio":1.7777777778}"#, "640x360 YUYV 30/1 of 640x480 YUYV 30/1")],
    );
}

#[test]
fn a_pixel_format_is_no_reason_to_make_anything_and_has_a_say_in_how_it_is_made() {
    check(
        &hd(),
        &[
            (r#"{"pixelFormat":"YU12"}"#, "1280x720 YUYV 30/1"),
            (r#"{"pixelFormat":{"exact":"YU12"}}"#, "OverconstrainedError pixelFormat"),
            (r#"{"pixelFormat":{"exact":"YU12"},"width":{"exact":640}}"#, "640x360 YU12 30/1 of 1280x720 YUYV 30/1"),
            // A part as wide as that, of all rows: the only one in the camera's own format.
            (r#"{"pixelFormat":{"exact":"YUYV"},"width":{"exact":640}}"#, "640x720 YUYV 30/1 of 1280x720 YUYV 30/1"),
            (
                r#"{"pixelFormat":{"exact":"YUYV"},"width":{"exact":640},"height":{"exact":480}}"#,
                "OverconstrainedError ",
            ),
        ],
    );
}

#[test]
fn none_is_none_and_crop_and_scale_may_be_nothing() {
    check(
        &hd(),
        &[
            (r#"{"width":{"exact":640},"resizeMode":{"exact":"none"}}"#, "OverconstrainedError width"),
            (r#"{"width":640,"resizeMode":{"exact":"none"}}"#, "1280x720 YUYV 30/1"),
            // A distance of 1 for the wish, of 0.5 for the width.
            (r#"{"width":640,"resizeMode":"none"}"#, "1280x720 YUYV 30/1"),
            (r#"{"width":320,"height":180,"resizeMode":"none"}"#, "320x180 YU12 30/1 of 1280x720 YUYV 30/1"),
            (r#"{"width":640,"resizeMode":"crop-and-scale"}"#, "640x360 YU12 30/1 of 1280x720 YUYV 30/1"),
        ],
    );
    let touched = video(r#"{"resizeMode":{"exact":"crop-and-scale"}}"#, &hd());
    assert_eq!((touched.resize_mode, touched.is_resized()), (ResizeMode::CropAndScale, false));
}

#[test]
fn advanced_sets_are_met_by_what_is_made_too() {
    check(
        &two_sizes(),
        &[
            (r#"{"advanced":[{"width":1000}]}"#, "1000x562 YU12 30/1 of 1280x720 YUYV 30/1"),
            (r#"{"advanced":[{"width":1281},{"width":320}]}"#, "320x240 YU12 30/1 of 640x480 YUYV 30/1"),
            (
                r#"{"advanced":[{"width":1000},{"height":720},{"height":400}]}"#,
                "1000x720 YUYV 30/1 of 1280x720 YUYV 30/1",
            ),
            (r#"{"advanced":[{"resizeMode":"none"},{"width":1000}]}"#, "640x480 YUYV 30/1"),
            (
                r#"{"width":{"max":500},"advanced":[{"resizeMode":"none"},{"width":400}]}"#,
                "400x300 YU12 30/1 of 640x480 YUYV 30/1",
            ),
        ],
    );
}

#[test]
fn among_cameras_one_that_has_it_comes_before_one_of_which_it_is_made() {
    let devices = [
        discrete("large", &[("YUYV", 1920, 1080, "30/1")]),
        discrete("near", &[("YUYV", 700, 500, "30/1")]),
        discrete("exact", &[("YUYV", 640, 480, "30/1")]),
    ];
    let request = r#"{"video":{"width":{"exact":640},"height":{"exact":480}}}"#;
    let found = ask(request, &devices).unwrap();
    let ids: Vec<_> = found.video_candidates.iter().map(|settings| settings.device_id.as_str()).collect();
    assert_eq!(ids, ["exact", "near", "large"]);
}

#[test]
fn a_range_of_sizes_gives_the_next_larger_one_of_its_own() {
    let mut stepwise = camera("range");
    stepwise.modes = vec![mode("NV12", Span::range(32, 3280, 16), Span::range(32, 2464, 8), "1/1-90/1")];
    check(
        &[stepwise],
        &[
            (r#"{"width":{"exact":1001}}"#, "1001x480 NV12 30/1 of 1008x480 NV12 30/1"),
            (r#"{"width":{"exact":20},"height":{"exact":20}}"#, "20x20 NV12 30/1 of 32x32 NV12 30/1"),
            (r#"{"frameRate":{"exact":0.5}}"#, "640x480 NV12 1/2 of 640x480 NV12 1/1"),
            (r#"{"width":{"exact":1008}}"#, "1008x480 NV12 30/1"),
            (r#"{"width":{"exact":3281}}"#, "OverconstrainedError width"),
        ],
    );
    // Every size is its own, but one that is too narrow.
    check(
        &[idle_loopback()],
        &[
            (r#"{"width":{"exact":1001},"height":{"exact":333}}"#, "1001x333 YUYV 30/1"),
            (r#"{"width":{"exact":1}}"#, "1x480 YUYV 30/1 of 2x480 YUYV 30/1"),
        ],
    );
}

#[test]
fn it_is_said_what_is_made_of_what() {
    let why = |request: &str, devices: &[MediaDeviceInfo]| {
        ask(&format!("{{\"video\":{request}}}"), devices).unwrap().why.join("\n")
    };
    let scaled = why(r#"{"width":{"exact":640},"height":{"exact":480}}"#, &hd());
    assert!(scaled.contains("the camera gives 1280x720; the middle 960x720 of it is scaled to 640x480"), "{scaled}");
    let shown = why(r#"{"aspectRatio":{"exact":1}}"#, &hd());
    assert!(shown.contains("the camera gives 1280x720; the middle 720x720 of it is shown"), "{shown}");
    let whole = why(r#"{"width":{"exact":640}}"#, &hd());
    assert!(whole.contains("the camera gives 1280x720, which is scaled to 640x360"), "{whole}");
    let slower = why(r#"{"frameRate":{"exact":20}}"#, &hd());
    assert!(slower.contains("the camera runs at 30/1 fps and frames are left out"), "{slower}");
}

#[test]
fn documents_name_the_camera_s_own_where_it_differs() {
    let document = |request: &str| ask(&format!("{{\"video\":{request}}}"), &hd()).unwrap().to_json();
    let scaled = document(r#"{"width":{"exact":640},"frameRate":{"exact":20}}"#);
    for member in [
        r#""fourcc":"YU12""#,
        r#""width":640"#,
        r#""nativeFourcc":"YUYV""#,
        r#""nativeWidth":1280"#,
        r#""nativeHeight":720"#,
        r#""nativeFrameRate":"30/1""#,
        r#""resizeMode":"crop-and-scale""#,
    ] {
        assert!(scaled.contains(member), "{member} in {scaled}");
    }
    assert!(!document("true").contains("native"));
}

#[test]
fn real_cameras_give_what_they_do_not_list() {
    check(
        &[fixture("logitech-c920")],
        &[
            (
                r#"{"width":{"exact":1000},"height":{"exact":700},"frameRate":{"min":24}}"#,
                "1000x700 YU12 30/1 of 1280x720 MJPG 30/1",
            ),
            (r#"{"width":{"exact":3000}}"#, "OverconstrainedError width"),
        ],
    );
}
