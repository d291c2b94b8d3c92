//! The current dialect: `SelectSettings` over native modes. What can be made of them is in resolve_derived.rs; where a test here
//! would meet that, it asks for `resizeMode: "none"`.

#![cfg(feature = "json")]

mod support;

use support::{answer, ask, camera, describe, discrete, fixture, idle_loopback, microphone, mode};
use usermedia::constraints::{ConstrainDouble, MediaStreamConstraints, MediaTrackConstraints};
use usermedia::devices::{FacingMode, MediaDeviceInfo, Span};
use usermedia::resolve::{ResizeMode, ResolveOptions, resolve};
use usermedia::{ErrorCode, ErrorName};

#[track_caller]
fn check(devices: &[MediaDeviceInfo], cases: &[(&str, &str)]) {
    for (video, expected) in cases {
        assert_eq!(answer(&format!("{{\"video\":{video}}}"), devices), *expected, "{video}");
    }
}

fn fitness(video: &str, devices: &[MediaDeviceInfo]) -> f64 {
    ask(&format!("{{\"video\":{video}}}"), devices).unwrap().video.unwrap().fitness
}

/// As [`check`], of the cameras' own sizes and rates.
#[track_caller]
fn check_native(devices: &[MediaDeviceInfo], cases: &[(&str, &str)]) {
    for (video, expected) in cases {
        let video = native(video);
        assert_eq!(answer(&format!("{{\"video\":{video}}}"), devices), *expected, "{video}");
    }
}

/// The constraints with `resizeMode: "none"` required.
fn native(video: &str) -> String {
    let members = video.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap();
    format!("{{\"resizeMode\":{{\"exact\":\"none\"}},{members}}}")
}

#[track_caller]
fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
}

#[test]
fn distances_are_relative() {
    let camera = discrete(
        "camera",
        &[
            ("YUYV", 640, 480, "30/1"),
            ("YUYV", 642, 480, "30/1"),
            ("YUYV", 960, 720, "30/1"),
            ("YUYV", 1024, 576, "30/1"),
        ],
    );
    let devices = [camera];
    // 1024 is as far from 1000 as 976 would be nearer: |1024 - 1000| / 1024 < |960 - 1000| / 1000.
    check_native(&devices, &[(r#"{"width":1000}"#, "1024x576 YUYV 30/1")]);
    // |642 - 641| / 642 < |640 - 641| / 641.
    check_native(&devices, &[(r#"{"width":641}"#, "642x480 YUYV 30/1")]);
    assert_near(fitness(&native(r#"{"width":1000}"#), &devices), 24.0 / 1024.0);
    let both = native(r#"{"width":{"ideal":1000},"height":{"ideal":600}}"#);
    assert_near(fitness(&both, &devices), 24.0 / 1024.0 + 24.0 / 600.0);
    assert_eq!(fitness(r#"{"width":640,"aspectRatio":1.3333333333}"#, &devices), 0.0);
    assert_eq!(fitness(r#"{"width":640,"aspectRatio":1.3333333333333333}"#, &devices), 0.0);
}

#[test]
fn each_wish_weighs_the_same() {
    let devices = [discrete("camera", &[("YUYV", 1280, 720, "10/1"), ("YUYV", 640, 360, "30/1")])];
    // Half the width and height against a third of the rate.
    check(&devices, &[(r#"{"width":1280,"height":720,"frameRate":30}"#, "1280x720 YUYV 10/1")]);
    check(&devices, &[(r#"{"width":1280,"frameRate":30}"#, "640x360 YUYV 30/1")]);
}

#[test]
fn a_camera_that_does_not_know_where_it_points_costs_one_and_fails_exact() {
    let mut devices = [discrete("camera", &[("YUYV", 640, 480, "30/1")])];
    assert_eq!(fitness(r#"{"facingMode":"user"}"#, &devices), 1.0);
    check(&devices, &[(r#"{"facingMode":{"exact":"user"}}"#, "OverconstrainedError facingMode")]);
    devices[0].facing_mode = Some(FacingMode::User);
    assert_eq!(fitness(r#"{"facingMode":"user"}"#, &devices), 0.0);
    assert_eq!(fitness(r#"{"facingMode":["environment","user"]}"#, &devices), 0.0);
    assert_eq!(fitness(r#"{"facingMode":"left"}"#, &devices), 1.0);
    check(&devices, &[(r#"{"facingMode":{"exact":["left","user"]}}"#, "640x480 YUYV 30/1")]);
    check(&devices, &[(r#"{"facingMode":{"exact":"left"}}"#, "OverconstrainedError facingMode")]);
    check(&devices, &[(r#"{"facingMode":{"exact":[]}}"#, "640x480 YUYV 30/1")]);
}

#[test]
fn the_constraint_that_nothing_meets_is_named_and_none_where_each_could_be_met_alone() {
    let devices = [discrete("camera", &[("YUYV", 1280, 720, "10/1"), ("YUYV", 640, 360, "30/1")])];
    check_native(
        &devices,
        &[
            (r#"{"width":{"min":1281}}"#, "OverconstrainedError width"),
            (r#"{"height":{"max":359}}"#, "OverconstrainedError height"),
            (r#"{"aspectRatio":{"exact":1.5}}"#, "OverconstrainedError aspectRatio"),
            (r#"{"frameRate":{"exact":31}}"#, "OverconstrainedError frameRate"),
            (r#"{"deviceId":{"exact":"gone"}}"#, "OverconstrainedError deviceId"),
            (r#"{"groupId":{"exact":"gone"}}"#, "OverconstrainedError groupId"),
            (r#"{"pixelFormat":{"exact":"NV12"}}"#, "OverconstrainedError pixelFormat"),
            (r#"{"width":{"min":1280},"frameRate":{"min":30}}"#, "OverconstrainedError "),
            (r#"{"width":{"min":700,"max":600}}"#, "OverconstrainedError width"),
            (r#"{"width":{"min":1280},"frameRate":{"min":61}}"#, "OverconstrainedError frameRate"),
        ],
    );
    check(&devices, &[(r#"{"resizeMode":{"exact":"stretch"}}"#, "OverconstrainedError resizeMode")]);
    let error = ask(r#"{"video":{"width":{"min":4000}}}"#, &devices).unwrap_err();
    assert_eq!(error.code(), ErrorCode::MandatoryUnsatisfiedError);
    assert!(error.message().contains("4000") && error.message().contains("1280x720"), "{error}");
    assert!(error.remedy().is_some());
}

#[test]
fn two_cameras_may_each_meet_one_constraint() {
    let devices = [discrete("a", &[("YUYV", 1280, 720, "10/1")]), discrete("b", &[("YUYV", 640, 480, "30/1")])];
    check(&devices, &[(r#"{"deviceId":{"exact":"b"},"width":{"min":1280}}"#, "OverconstrainedError ")]);
}

#[test]
fn bounds_are_inclusive() {
    let devices = [discrete("camera", &[("YUYV", 640, 480, "30/1"), ("YUYV", 320, 240, "30000/1001")])];
    check_native(
        &devices,
        &[
            (r#"{"width":{"min":640}}"#, "640x480 YUYV 30/1"),
            (r#"{"width":{"max":320}}"#, "320x240 YUYV 30000/1001"),
            (r#"{"frameRate":{"max":30,"min":30}}"#, "640x480 YUYV 30/1"),
            (r#"{"frameRate":{"exact":29.97}}"#, "320x240 YUYV 30000/1001"),
            (r#"{"frameRate":{"max":29.97}}"#, "320x240 YUYV 30000/1001"),
            (r#"{"frameRate":{"max":29}}"#, "OverconstrainedError frameRate"),
            (r#"{"width":{"min":0,"max":4294967296}}"#, "640x480 YUYV 30/1"),
            (r#"{"aspectRatio":{"exact":1.3333333333333333},"width":{"exact":640}}"#, "640x480 YUYV 30/1"),
        ],
    );
}

#[test]
fn an_unknown_rate_fails_what_is_required_and_costs_one_otherwise() {
    let devices = [discrete("camera", &[("YUYV", 640, 480, "")])];
    check(
        &devices,
        &[
            ("true", "640x480 YUYV ?"),
            (r#"{"frameRate":{"min":1}}"#, "OverconstrainedError frameRate"),
            (r#"{"frameRate":{"max":1000}}"#, "OverconstrainedError frameRate"),
            (r#"{"frameRate":30}"#, "640x480 YUYV ?"),
        ],
    );
    assert_eq!(fitness(r#"{"frameRate":30}"#, &devices), 1.0);
}

#[test]
fn advanced_sets_are_met_as_a_whole_or_skipped() {
    let devices = [discrete(
        "camera",
        &[
            ("YUYV", 640, 480, "30/1"),
            ("YUYV", 1280, 720, "30/1"),
            ("YUYV", 1280, 960, "15/1"),
            ("MJPG", 1920, 1080, "30/1"),
        ],
    )];
    check_native(
        &devices,
        &[
            // A bare value in an advanced set is exact.
            (r#"{"advanced":[{"width":1280}]}"#, "1280x720 YUYV 30/1"),
            (r#"{"advanced":[{"width":1281}]}"#, "640x480 YUYV 30/1"),
            // One part cannot be met: the whole set is skipped.
            (r#"{"advanced":[{"width":1280,"height":1}]}"#, "640x480 YUYV 30/1"),
            (r#"{"advanced":[{"width":1280},{"height":960}]}"#, "1280x960 YUYV 15/1"),
            (r#"{"advanced":[{"width":1280},{"height":1080},{"frameRate":15}]}"#, "1280x960 YUYV 15/1"),
            (r#"{"advanced":[{"height":1080},{"width":1280}]}"#, "1920x1080 MJPG 30/1"),
            // A wish inside an advanced set counts for nothing.
            (r#"{"advanced":[{"width":{"ideal":1920}}]}"#, "640x480 YUYV 30/1"),
            // The distance is that to the basic set.
            (r#"{"height":900,"advanced":[{"width":1280}]}"#, "1280x960 YUYV 15/1"),
            (r#"{"width":{"max":1000},"advanced":[{"width":1280}]}"#, "640x480 YUYV 30/1"),
            (r#"{"advanced":[{"aspectRatio":{"min":1.7}}]}"#, "1280x720 YUYV 30/1"),
            (r#"{"advanced":[{"pixelFormat":"MJPG"}]}"#, "1920x1080 MJPG 30/1"),
            (r#"{"advanced":[{"sampleRate":44100,"width":1280}]}"#, "1280x720 YUYV 30/1"),
        ],
    );
}

#[test]
fn an_advanced_set_chooses_among_all_cameras() {
    let mut devices =
        [discrete("front", &[("YUYV", 640, 480, "30/1")]), discrete("back", &[("YUYV", 320, 240, "30/1")])];
    devices[0].facing_mode = Some(FacingMode::User);
    devices[1].facing_mode = Some(FacingMode::Environment);
    let found = ask(r#"{"video":{"advanced":[{"facingMode":"environment"}]}}"#, &devices).unwrap();
    let ids: Vec<_> = found.video_candidates.iter().map(|settings| settings.device_id.as_str()).collect();
    assert_eq!(ids, ["back", "front"], "the other is tried when the first is busy");
}

#[test]
fn cameras_are_pooled_and_ties_go_to_the_first() {
    let devices = [
        discrete("a", &[("YUYV", 320, 240, "30/1")]),
        discrete("b", &[("YUYV", 640, 480, "30/1")]),
        discrete("c", &[("YUYV", 1280, 720, "30/1")]),
    ];
    let chosen = |video: &str| ask(&format!("{{\"video\":{video}}}"), &devices).unwrap().video.unwrap().device_id;
    assert_eq!(chosen("true"), "a", "the order of the cameras comes before the nearness to 640x480");
    assert_eq!(chosen(r#"{"width":1280}"#), "c");
    assert_eq!(chosen(r#"{"width":600}"#), "b");
    assert_eq!(chosen(r#"{"deviceId":"b"}"#), "b");
    let found = ask(r#"{"video":{"width":{"min":600,"ideal":1280}}}"#, &devices).unwrap();
    let ids: Vec<_> = found.video_candidates.iter().map(|settings| settings.device_id.as_str()).collect();
    assert_eq!(ids, ["c", "b"]);
}

#[test]
fn ties_within_a_camera_go_to_640x480_then_30_then_the_first_format() {
    let devices = [discrete(
        "camera",
        &[
            ("MJPG", 1280, 720, "30/1"),
            ("NV12", 640, 360, "30/1"),
            ("NV12", 640, 480, "15/1 60/1"),
            ("YUYV", 640, 480, "60/1 15/1"),
        ],
    )];
    check(&devices, &[("true", "640x480 NV12 15/1")]);
    check(
        &devices,
        &[(r#"{"frameRate":{"min":16}}"#, "640x360 NV12 30/1")].map(|(video, _)| (video, "640x480 NV12 60/1")),
    );
}

#[test]
fn grey_infrared_bayer_and_h264_are_taken_by_name_or_when_nothing_else_is_there() {
    let mixed = discrete(
        "mixed",
        &[
            ("GREY", 640, 480, "30/1"),
            ("H264", 1920, 1080, "30/1"),
            ("YUYV", 320, 240, "30/1"),
            ("RGGB", 640, 480, "30/1"),
        ],
    );
    let devices = [mixed];
    check(
        &devices,
        &[
            ("true", "320x240 YUYV 30/1"),
            (r#"{"width":1920}"#, "320x240 YUYV 30/1"),
            (r#"{"pixelFormat":"GREY"}"#, "640x480 GREY 30/1"),
            (r#"{"pixelFormat":{"exact":"RGGB"}}"#, "640x480 RGGB 30/1"),
            (r#"{"pixelFormat":{"ideal":["H264","HEVC"]}}"#, "1920x1080 H264 30/1"),
            (r#"{"pixelFormat":"XXXX"}"#, "320x240 YUYV 30/1"),
        ],
    );
    let infrared = discrete("infrared", &[("GREY", 640, 480, "30/1"), ("Y16 ", 640, 480, "30/1")]);
    check(
        std::slice::from_ref(&infrared),
        &[("true", "640x480 GREY 30/1"), (r#"{"pixelFormat":{"exact":"Y16"}}"#, "640x480 Y16  30/1")],
    );
    let siblings = [infrared, discrete("colour", &[("YUYV", 320, 240, "30/1")])];
    let chosen = |video: &str| ask(&format!("{{\"video\":{video}}}"), &siblings).unwrap().video.unwrap().device_id;
    assert_eq!(chosen("true"), "colour");
    assert_eq!(chosen(r#"{"width":640}"#), "colour");
    assert_eq!(chosen(r#"{"deviceId":"infrared"}"#), "infrared");
    assert_eq!(chosen(r#"{"width":{"min":640}}"#), "infrared", "nothing else is there");
}

#[test]
fn the_resize_mode_is_none_unless_the_other_is_asked_for() {
    let devices = [discrete("camera", &[("YUYV", 640, 480, "30/1")])];
    let resize = |video: &str| ask(&format!("{{\"video\":{video}}}"), &devices).unwrap().video.unwrap().resize_mode;
    assert_eq!(resize("true"), ResizeMode::None);
    assert_eq!(resize(r#"{"resizeMode":{"exact":"none"}}"#), ResizeMode::None);
    // A native mode crops and scales by nothing.
    assert_eq!(resize(r#"{"resizeMode":{"exact":"crop-and-scale"}}"#), ResizeMode::CropAndScale);
    assert_eq!(resize(r#"{"resizeMode":["none","crop-and-scale"]}"#), ResizeMode::None);
    assert_eq!(fitness(r#"{"resizeMode":"stretch"}"#, &devices), 1.0);
}

#[test]
fn rates_inside_a_range_are_exact() {
    let mut camera = camera("range");
    camera.modes = vec![mode("NV12", Span::range(32, 3280, 2), Span::range(32, 2464, 2), "1/1-90/1")];
    check_native(
        std::slice::from_ref(&camera),
        &[
            (r#"{"width":1000,"height":1001}"#, "1000x1002 NV12 30/1"),
            (r#"{"width":{"exact":1001}}"#, "OverconstrainedError width"),
            (r#"{"width":{"ideal":5000},"height":{"ideal":1}}"#, "3280x32 NV12 30/1"),
        ],
    );
    check(
        &[camera],
        &[
            ("true", "640x480 NV12 30/1"),
            (r#"{"frameRate":59.94}"#, "640x480 NV12 60000/1001"),
            (r#"{"frameRate":{"exact":24.5}}"#, "640x480 NV12 49/2"),
            (r#"{"frameRate":{"min":60}}"#, "640x480 NV12 60/1"),
            (r#"{"frameRate":{"max":15}}"#, "640x480 NV12 15/1"),
            (r#"{"frameRate":120}"#, "640x480 NV12 90/1"),
            (r#"{"frameRate":0}"#, "640x480 NV12 30/1"),
            (r#"{"frameRate":{"min":91}}"#, "OverconstrainedError frameRate"),
        ],
    );
    check(
        &[idle_loopback()],
        &[
            ("true", "640x480 YUYV 30/1"),
            (r#"{"width":1920,"height":1080}"#, "1920x1080 YUYV 30/1"),
            (r#"{"width":{"min":2000},"aspectRatio":{"exact":1.7777777778}}"#, "2000x1125 YUYV 30/1"),
            (r#"{"aspectRatio":1.7777777778}"#, "688x387 YUYV 30/1"),
            (r#"{"height":1000,"aspectRatio":1.5}"#, "1500x1000 YUYV 30/1"),
            (r#"{"frameRate":{"exact":0.5}}"#, "640x480 YUYV 1/2"),
            (r#"{"frameRate":{"min":1001}}"#, "OverconstrainedError frameRate"),
            (r#"{"height":{"min":8193}}"#, "OverconstrainedError height"),
        ],
    );
}

#[test]
fn real_cameras_resolve() {
    let c920 = [fixture("logitech-c920")];
    check(
        &c920,
        &[
            ("true", "640x480 YUYV 30/1"),
            (r#"{"width":1280,"height":720}"#, "1280x720 MJPG 30/1"),
            (r#"{"width":1920,"height":1080,"frameRate":30}"#, "1920x1080 MJPG 30/1"),
            (r#"{"width":{"exact":1280},"height":{"exact":720},"pixelFormat":{"exact":"YUYV"}}"#, "1280x720 YUYV 10/1"),
            (r#"{"frameRate":{"min":31}}"#, "OverconstrainedError frameRate"),
        ],
    );
    let options = ResolveOptions::new().recording(true);
    let any = MediaStreamConstraints::new().video(true);
    assert_eq!(describe(resolve(&any, &c920, &options)), "640x480 MJPG 30/1");
    check(
        &[fixture("jetson-imx219")],
        &[("true", "NotFoundError"), (r#"{"pixelFormat":"RG10"}"#, "1280x720 RG10 60/1")],
    );
    check(&[camera("mute")], &[("true", "640x480 ? 30/1"), (r#"{"width":1280}"#, "1280x720 ? 30/1")]);
}

#[test]
fn numbers_that_are_not_finite_are_refused_from_rust_too() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let track = MediaTrackConstraints::new().frame_rate(ConstrainDouble::new().max(bad));
        let error = resolve(&MediaStreamConstraints::new().video(track), &[], &ResolveOptions::new()).unwrap_err();
        assert_eq!(error.name(), ErrorName::TypeError);
        assert!(error.message().contains("video.frameRate.max"), "{error}");
    }
}

#[test]
fn constraints_of_the_other_kind_are_dropped() {
    let devices = [discrete("camera", &[("YUYV", 640, 480, "30/1")]), microphone("mic")];
    check(&devices, &[(r#"{"sampleRate":{"exact":1},"echoCancellation":{"exact":true}}"#, "640x480 YUYV 30/1")]);
    assert!(ask(r#"{"audio":{"width":{"exact":1},"backgroundBlur":{"exact":true}}}"#, &devices).is_ok());
}

#[test]
fn a_blurred_background_cannot_be_required() {
    let devices = [discrete("camera", &[("YUYV", 640, 480, "30/1")])];
    check(
        &devices,
        &[(r#"{"backgroundBlur":{"exact":true}}"#, "TypeError"), (r#"{"backgroundBlur":true}"#, "640x480 YUYV 30/1")],
    );
    check(&[], &[(r#"{"backgroundBlur":{"exact":true}}"#, "NotFoundError")]);
}

#[test]
fn a_boolean_on_a_number_asks_whether_there_is_one() {
    let devices = [discrete("camera", &[("YUYV", 640, 480, "")])];
    assert_eq!(fitness(r#"{"width":true}"#, &devices), 0.0);
    assert_eq!(fitness(r#"{"width":false}"#, &devices), 1.0);
    assert_eq!(fitness(r#"{"frameRate":true,"facingMode":false}"#, &devices), 1.0);
}
