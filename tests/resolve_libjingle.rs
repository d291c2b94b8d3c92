//! The 2012 dialect: libjingle's algorithm as of September 2014.

#![cfg(feature = "json")]

mod support;

use support::{answer, ask, camera, describe, discrete, fixture, idle_loopback, mode};
use usermedia::constraints::MediaStreamConstraints;
use usermedia::devices::{MediaDeviceInfo, Span};
use usermedia::resolve::{Profile, ResizeMode, ResolveOptions, resolve};
use usermedia::{ErrorCode, ErrorName};

/// `{"video": {"mandatory": ..., "optional": ...}}`.
fn request(mandatory: &str, optional: &str) -> String {
    format!("{{\"video\":{{\"mandatory\":{{{mandatory}}},\"optional\":[{optional}]}}}}")
}

#[track_caller]
fn check(camera: &MediaDeviceInfo, cases: &[(&str, &str, &str)]) {
    for (mandatory, optional, expected) in cases {
        let found = answer(&request(mandatory, optional), std::slice::from_ref(camera));
        assert_eq!(found, *expected, "mandatory {mandatory}, optional {optional}");
    }
}

fn vga() -> MediaDeviceInfo {
    discrete(
        "vga",
        &[
            ("YUYV", 640, 480, "30/1 15/1"),
            ("YUYV", 640, 360, "30/1"),
            ("YUYV", 320, 240, "30/1"),
            ("YUYV", 1280, 720, "10/1"),
        ],
    )
}

#[test]
fn bounds_on_the_size_are_inclusive() {
    check(
        &vga(),
        &[
            (r#""minWidth":640"#, "", "640x480 YUYV 30/1"),
            (r#""minWidth":641"#, "", "1280x720 YUYV 10/1"),
            (r#""maxWidth":640,"maxHeight":360"#, "", "640x360 YUYV 30/1"),
            (r#""maxWidth":319"#, "", "OverconstrainedError maxWidth"),
            (r#""minHeight":720"#, "", "1280x720 YUYV 10/1"),
            (r#""maxHeight":240"#, "", "320x240 YUYV 30/1"),
            (r#""minHeight":721"#, "", "OverconstrainedError minHeight"),
        ],
    );
}

#[test]
fn the_mandatory_key_that_leaves_nothing_is_named() {
    check(
        &vga(),
        &[
            (r#""minWidth":1000,"minFrameRate":30"#, "", "OverconstrainedError minFrameRate"),
            (r#""minFrameRate":30,"minWidth":1000"#, "", "OverconstrainedError minWidth"),
        ],
    );
}

#[test]
fn values_are_read_as_a_stream_reads_integers() {
    check(
        &vga(),
        &[
            (r#""minWidth":"0.5""#, "", "640x480 YUYV 30/1"),
            (r#""minWidth":"641.9""#, "", "1280x720 YUYV 10/1"),
            (r#""maxWidth":"640.9""#, r#"{"minWidth":640}"#, "640x480 YUYV 30/1"),
            (r#""minWidth":"641abc""#, "", "1280x720 YUYV 10/1"),
            (r#""minWidth":"garbage""#, "", "640x480 YUYV 30/1"),
            (r#""maxWidth":"garbage""#, "", "OverconstrainedError maxWidth"),
            (r#""maxWidth":" +640""#, "", "640x480 YUYV 30/1"),
            (r#""maxWidth":99999999999"#, "", "640x480 YUYV 30/1"),
            (r#""minWidth":-1"#, "", "640x480 YUYV 30/1"),
            (r#""minWidth":true"#, "", "640x480 YUYV 30/1"),
        ],
    );
}

#[test]
fn aspect_ratios_have_a_margin_for_six_digits() {
    check(
        &vga(),
        &[
            (r#""minAspectRatio":"1.77778""#, "", "640x360 YUYV 30/1"),
            (r#""minAspectRatio":1.7777777777777777"#, "", "640x360 YUYV 30/1"),
            (r#""minAspectRatio":1.7782"#, "", "640x360 YUYV 30/1"),
            (r#""minAspectRatio":1.7783"#, "", "OverconstrainedError minAspectRatio"),
            (r#""maxAspectRatio":"1.33333""#, "", "640x480 YUYV 30/1"),
            (r#""maxAspectRatio":1.3329"#, "", "640x480 YUYV 30/1"),
            (r#""maxAspectRatio":1.3328"#, "", "OverconstrainedError maxAspectRatio"),
        ],
    );
}

#[test]
fn a_camera_of_29_97_counts_as_29() {
    let ntsc = discrete("ntsc", &[("YUYV", 640, 480, "30000/1001")]);
    check(
        &ntsc,
        &[
            (r#""minFrameRate":30"#, "", "OverconstrainedError minFrameRate"),
            (r#""minFrameRate":29"#, "", "640x480 YUYV 30000/1001"),
            (r#""minFrameRate":"29.97""#, "", "640x480 YUYV 30000/1001"),
            (r#""maxFrameRate":30"#, "", "OverconstrainedError maxFrameRate"),
            (r#""maxFrameRate":29"#, "", "640x480 YUYV 29/1"),
        ],
    );
}

#[test]
fn a_lower_highest_rate_leaves_frames_out() {
    let camera = discrete("camera", &[("YUYV", 640, 480, "30/1")]);
    let video = ask(&request(r#""maxFrameRate":10"#, ""), std::slice::from_ref(&camera)).unwrap().video.unwrap();
    assert_eq!(video.frame_rate.unwrap().to_string(), "10/1");
    assert_eq!(video.native_frame_rate.unwrap().to_string(), "30/1");
    assert!(video.is_decimated());
    assert_eq!(video.resize_mode, ResizeMode::CropAndScale);
    check(
        &camera,
        &[
            (r#""maxFrameRate":30"#, "", "640x480 YUYV 30/1"),
            // Until August 2015 a camera slower than the bound was rejected.
            (r#""maxFrameRate":31"#, "", "OverconstrainedError maxFrameRate"),
            ("", r#"{"maxFrameRate":31}"#, "640x480 YUYV 30/1"),
            (r#""maxFrameRate":0"#, "", "OverconstrainedError maxFrameRate"),
            ("", r#"{"maxFrameRate":0}"#, "640x480 YUYV 1/1"),
            // What a pair lowers stays lowered for the next.
            (r#""maxFrameRate":10,"minFrameRate":15"#, "", "OverconstrainedError minFrameRate"),
            (r#""minFrameRate":15,"maxFrameRate":10"#, "", "640x480 YUYV 10/1"),
            ("", r#"{"maxFrameRate":10},{"minFrameRate":15}"#, "640x480 YUYV 10/1"),
            ("", r#"{"maxFrameRate":20},{"maxFrameRate":25},{"maxFrameRate":5}"#, "640x480 YUYV 5/1"),
        ],
    );
    let video = ask(&request(r#""maxFrameRate":15"#, ""), &[vga()]).unwrap().video.unwrap();
    assert!(!video.is_decimated(), "this camera has 15 of its own");
}

#[test]
fn optional_constraints_are_taken_in_order_and_skipped_alone() {
    check(
        &vga(),
        &[
            ("", r#"{"minWidth":9999},{"maxWidth":320}"#, "320x240 YUYV 30/1"),
            ("", r#"{"maxWidth":320},{"minWidth":1280}"#, "320x240 YUYV 30/1"),
            ("", r#"{"minWidth":1280},{"maxWidth":320}"#, "1280x720 YUYV 10/1"),
            ("", r#"{"unheardOf":1},{"minWidth":1280}"#, "1280x720 YUYV 10/1"),
            ("", r#"{"minWidth":321},{"minWidth":641},{"minWidth":1281}"#, "1280x720 YUYV 10/1"),
        ],
    );
}

#[test]
fn an_unknown_mandatory_key_is_not_supported() {
    for key in
        ["unheardOf", "googCpuOveruseDetection", "googEchoCancellation", "width", "chromeMediaSource", "MinWidth"]
    {
        let error = ask(&request(&format!("\"minWidth\":9999,\"{key}\":true"), ""), &[vga()]).unwrap_err();
        assert_eq!((error.name(), error.code()), (ErrorName::NotSupportedError, ErrorCode::NotSupportedError));
        assert_eq!(error.constraint(), Some(key));
        assert!(error.remedy().is_some());
    }
    assert_eq!(ask(&request(r#""unheardOf":1"#, ""), &[]).unwrap_err().name(), ErrorName::NotSupportedError);
}

#[test]
fn switches_filter_nothing_but_must_be_booleans_when_mandatory() {
    check(
        &vga(),
        &[
            (r#""googNoiseReduction":true,"googLeakyBucket":"false""#, "", "640x480 YUYV 30/1"),
            (r#""googTemporalLayeredScreencast":false"#, "", "640x480 YUYV 30/1"),
            (r#""googNoiseReduction":"True""#, "", "OverconstrainedError googNoiseReduction"),
            (r#""googNoiseReduction":1"#, "", "OverconstrainedError googNoiseReduction"),
            ("", r#"{"googNoiseReduction":"maybe"}"#, "640x480 YUYV 30/1"),
            // The first pair of a key counts.
            (r#""googNoiseReduction":true,"googNoiseReduction":1"#, "", "640x480 YUYV 30/1"),
        ],
    );
}

#[test]
fn the_nearest_area_wins_then_the_nearest_interval_then_the_first() {
    check(
        &discrete("a", &[("YUYV", 480, 640, "15/1"), ("MJPG", 640, 480, "15/1 25/1"), ("YUYV", 640, 480, "25/1")]),
        &[("", "", "640x480 MJPG 25/1")],
    );
    check(&discrete("b", &[("YUYV", 480, 640, "30/1"), ("MJPG", 640, 480, "30/1")]), &[("", "", "480x640 YUYV 30/1")]);
    check(
        &discrete("c", &[("YUYV", 320, 240, "30/1"), ("YUYV", 800, 600, "30/1"), ("YUYV", 600, 640, "5/1")]),
        &[("", "", "600x640 YUYV 5/1")],
    );
    // The best interval starts at that of 30 frames per second itself: 15 misses it by as much, and does not beat it.
    check(&discrete("d", &[("YUYV", 640, 480, "10/1 15/1")]), &[("", "", "640x480 YUYV 10/1")]);
    check(&discrete("e", &[("YUYV", 640, 480, "10/1 16/1")]), &[("", "", "640x480 YUYV 16/1")]);
}

#[test]
fn an_unknown_rate_counts_as_none() {
    check(
        &discrete("kinect", &[("UYVY", 640, 480, "")]),
        &[
            ("", "", "640x480 UYVY ?"),
            (r#""minFrameRate":1"#, "", "OverconstrainedError minFrameRate"),
            (r#""maxFrameRate":30"#, "", "OverconstrainedError maxFrameRate"),
            ("", r#"{"maxFrameRate":30}"#, "640x480 UYVY ?"),
        ],
    );
}

#[test]
fn a_camera_that_lists_nothing_has_the_resolution_table_at_30() {
    check(
        &camera("mute"),
        &[
            ("", "", "640x480 ? 30/1"),
            (r#""minWidth":641"#, "", "960x720 ? 30/1"),
            (r#""minWidth":1000,"maxWidth":1000"#, "", "OverconstrainedError maxWidth"),
            (r#""minWidth":1920,"minHeight":1080"#, "", "1920x1080 ? 30/1"),
            (r#""minWidth":1921"#, "", "OverconstrainedError minWidth"),
            (r#""maxWidth":319"#, "", "OverconstrainedError maxWidth"),
            (r#""maxWidth":320,"minAspectRatio":1.7"#, "", "320x180 ? 30/1"),
            (r#""maxHeight":400"#, "", "640x360 ? 30/1"),
            (r#""minFrameRate":31"#, "", "OverconstrainedError minFrameRate"),
            (r#""maxFrameRate":15"#, "", "640x480 ? 15/1"),
            (r#""pixelFormat":"MJPG""#, "", "640x480 MJPG 30/1"),
        ],
    );
}

#[test]
fn ranges_offer_the_tables_sizes_that_lie_in_them() {
    check(
        &fixture("rpi-bcm2835-imx219"),
        &[
            ("", "", "640x480 YU12 ?"),
            (r#""minWidth":641"#, "", "960x720 YU12 ?"),
            (r#""minWidth":3000"#, "", "OverconstrainedError minWidth"),
            (r#""pixelFormat":"H264""#, "", "640x480 H264 ?"),
        ],
    );
    // Of a step of 8, 180 and 360 do not lie on one from 16 on; 360 = 16 + 43 * 8 does.
    check(
        &fixture("rk3588-rkisp-mainpath"),
        &[(r#""maxHeight":360"#, "", "640x360 UYVY ?"), (r#""maxHeight":200"#, "", "OverconstrainedError maxHeight")],
    );
}

#[test]
fn ranges_of_rates_give_at_most_30_unless_more_is_asked_for() {
    let mut camera = camera("range");
    camera.modes = vec![mode("NV12", Span::range(32, 3280, 2), Span::range(32, 2464, 2), "1/1-90/1")];
    check(
        &camera,
        &[
            ("", "", "640x480 NV12 30/1"),
            (r#""minFrameRate":60"#, "", "640x480 NV12 60/1"),
            (r#""minFrameRate":91"#, "", "OverconstrainedError minFrameRate"),
            ("", r#"{"minFrameRate":60}"#, "640x480 NV12 60/1"),
            ("", r#"{"minFrameRate":91}"#, "640x480 NV12 30/1"),
            (r#""maxFrameRate":60"#, "", "OverconstrainedError maxFrameRate"),
            (r#""maxFrameRate":60,"minFrameRate":60"#, "", "640x480 NV12 60/1"),
            (r#""maxFrameRate":15"#, "", "640x480 NV12 15/1"),
        ],
    );
    let video = ask(&request(r#""maxFrameRate":15"#, ""), std::slice::from_ref(&camera)).unwrap().video.unwrap();
    assert!(!video.is_decimated(), "a range has 15 of its own");
    camera.modes[0] = mode("NV12", Span::range(32, 3280, 2), Span::range(32, 2464, 2), "60/1-90/1");
    check(&camera, &[("", "", "640x480 NV12 60/1")]);
    camera.modes[0] = mode("NV12", Span::range(32, 3280, 2), Span::range(32, 2464, 2), "5/1-20/1");
    check(&camera, &[("", "", "640x480 NV12 20/1")]);
    camera.modes[0] = mode("NV12", Span::range(32, 3280, 2), Span::range(32, 2464, 2), "90/1 60/1 30/1 15/1");
    check(
        &camera,
        &[
            ("", "", "640x480 NV12 30/1"),
            (r#""minFrameRate":31"#, "", "640x480 NV12 60/1"),
            (r#""maxFrameRate":20"#, "", "640x480 NV12 20/1"),
        ],
    );
    let video = ask(&request(r#""maxFrameRate":20"#, ""), std::slice::from_ref(&camera)).unwrap().video.unwrap();
    assert_eq!(video.native_frame_rate.unwrap().to_string(), "30/1");
}

#[test]
fn a_range_listed_size_by_size_is_still_a_range() {
    let mut camera = camera("split");
    camera.modes = vec![
        mode("NV12", Span::Fixed(1000), Span::Fixed(1000), "30/1"),
        mode("NV12", Span::Fixed(1920), Span::Fixed(1080), "30/1"),
        mode("NV12", Span::Fixed(640), Span::Fixed(480), "60/1 30/1"),
        mode("NV12", Span::range(16, 1920, 2), Span::range(16, 1080, 2), "30/1"),
    ];
    check(
        &camera,
        &[
            (r#""minWidth":1000,"maxWidth":1000"#, "", "OverconstrainedError maxWidth"),
            (r#""minFrameRate":60"#, "", "640x480 NV12 60/1"),
            (r#""minWidth":1900"#, "", "1920x1080 NV12 30/1"),
        ],
    );
}

#[test]
fn the_first_camera_with_a_candidate_is_taken() {
    let cameras = [vga(), discrete("hd", &[("YUYV", 1920, 1080, "30/1"), ("YUYV", 640, 480, "30/1")])];
    let chosen = |mandatory: &str, optional: &str| {
        ask(&request(mandatory, optional), &cameras).map(|found| found.video.unwrap().device_id)
    };
    assert_eq!(chosen("", "").unwrap(), "vga");
    assert_eq!(chosen(r#""minWidth":1900"#, "").unwrap(), "hd");
    assert_eq!(chosen("", r#"{"minWidth":1900}"#).unwrap(), "vga", "optional pairs choose no camera");
    for key in ["sourceId", "deviceId"] {
        assert_eq!(chosen(&format!("\"{key}\":\"hd\""), "").unwrap(), "hd");
        assert_eq!(chosen("", &format!("{{\"{key}\":\"hd\"}}")).unwrap(), "hd");
        assert_eq!(chosen("", &format!("{{\"{key}\":\"gone\"}}")).unwrap(), "vga");
        let error = chosen(&format!("\"{key}\":\"gone\""), "").unwrap_err();
        assert_eq!(error.constraint(), Some(key));
    }
    let found = ask(&request("", r#"{"sourceId":"hd"}"#), &cameras).unwrap();
    let ids: Vec<_> = found.video_candidates.iter().map(|settings| settings.device_id.as_str()).collect();
    assert_eq!(ids, ["hd", "vga"]);
}

#[test]
fn real_cameras_resolve() {
    check(
        &fixture("logitech-c920"),
        &[
            ("", "", "640x480 YUYV 30/1"),
            // YUYV is listed first, but reaches 10 frames per second only.
            (r#""minWidth":1280,"minHeight":720"#, "", "1280x720 MJPG 30/1"),
            (r#""minWidth":1280,"minHeight":720,"maxFrameRate":10"#, "", "1280x720 YUYV 10/1"),
        ],
    );
    check(
        &fixture("ms2109-hdmi-stick"),
        &[("", "", "640x480 MJPG 30/1"), (r#""pixelFormat":"YUYV""#, r#"{"minFrameRate":60}"#, "640x480 YUYV 30/1")],
    );
    check(&fixture("vivid-webcam-old"), &[("", "", "640x480 YUYV 25/1")]);
    check(&idle_loopback(), &[("", "", "640x480 YUYV 30/1"), (r#""minFrameRate":500"#, "", "640x480 YUYV 500/1")]);
}

#[test]
fn pixel_formats_are_chosen_by_name() {
    let camera = fixture("logitech-c920");
    let formats: Vec<_> = camera.modes.iter().map(|mode| mode.fourcc.to_string()).collect();
    assert!(formats.contains(&"H264".to_owned()));
    check(
        &camera,
        &[
            (r#""pixelFormat":"H264","minWidth":1920"#, "", "1920x1080 H264 30/1"),
            ("", r#"{"pixelFormat":"H264"}"#, "640x480 H264 30/1"),
            ("", r#"{"pixelFormat":["NV12","MJPG"]}"#, "640x480 MJPG 30/1"),
            ("", r#"{"pixelFormat":{"ideal":"MJPG"}}"#, "640x480 MJPG 30/1"),
            ("", r#"{"pixelFormat":"NV12"}"#, "640x480 YUYV 30/1"),
            (r#""pixelFormat":{"exact":["NV12"]}"#, "", "OverconstrainedError pixelFormat"),
        ],
    );
}

#[test]
fn recording_prefers_mjpg_among_equals() {
    let constraints = MediaStreamConstraints::from_json(request("", "")).unwrap();
    let options = ResolveOptions::new().recording(true);
    assert_eq!(describe(resolve(&constraints, &[fixture("logitech-c920")], &options)), "640x480 MJPG 30/1");
}

#[test]
fn true_resolves_by_either_profile() {
    let constraints = MediaStreamConstraints::new().video(true);
    for profile in [Profile::Libjingle, Profile::W3c] {
        let options = ResolveOptions::new().profile(profile);
        for (name, expected) in [
            ("logitech-c920", "640x480 YUYV 30/1"),
            ("ms2109-hdmi-stick", "640x480 MJPG 30/1"),
            ("rpi-bcm2835-imx219", "640x480 YU12 ?"),
            ("vivid-webcam-old", "640x480 YUYV 25/1"),
            ("v4l2loopback-unset", "640x480 YUYV ?"),
        ] {
            let found = resolve(&constraints, &[fixture(name)], &options);
            assert_eq!(found.as_ref().unwrap().profile, profile);
            assert_eq!(describe(found), expected, "{name} by {profile:?}");
        }
        assert_eq!(describe(resolve(&constraints, &[camera("mute")], &options)), "640x480 ? 30/1");
    }
}
