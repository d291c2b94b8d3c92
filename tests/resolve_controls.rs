//! A camera's controls in constraints, resolutions and listings.

#![cfg(feature = "json")]

mod support;

use support::{ask, discrete};
use usermedia::ErrorName;
use usermedia::constraints::{
    ConstrainBoolean, ConstrainDomString, ConstrainDouble, MediaStreamConstraints, MediaTrackConstraints,
};
use usermedia::devices::{
    CameraControl, ControlName, ControlRange, ControlValue, MediaDeviceInfo, MeteringMode, read_devices, write_devices,
};
use usermedia::resolve::{Resolution, ResolveOptions, VideoSettings, resolve};

fn plain(id: &str) -> MediaDeviceInfo {
    discrete(id, &[("YUYV", 640, 480, "30/1")])
}

/// A webcam as most are.
fn webcam(id: &str) -> MediaDeviceInfo {
    let numbers = |min, max, step| ControlRange::Numbers { min, max, step };
    let modes = || ControlRange::Modes(vec![MeteringMode::Continuous, MeteringMode::Manual]);
    let mut webcam = plain(id);
    webcam.controls = vec![
        CameraControl::new(ControlName::ExposureMode, modes()),
        CameraControl::new(ControlName::WhiteBalanceMode, modes()),
        CameraControl::new(ControlName::ConstantFrameRate, ControlRange::Switch),
        CameraControl::new(ControlName::ExposureTime, numbers(3.0, 2047.0, 1.0)),
        CameraControl::new(ControlName::ExposureCompensation, ControlRange::List(vec![-1.0, 0.0, 1.0])),
        CameraControl::new(ControlName::ColorTemperature, numbers(2000.0, 7500.0, 10.0)),
        CameraControl::new(ControlName::Brightness, numbers(-64.0, 64.0, 1.0)),
    ];
    webcam
}

fn video(constraints: &str, devices: &[MediaDeviceInfo]) -> VideoSettings {
    let asked = format!("{{\"video\":{constraints}}}");
    ask(&asked, devices).unwrap_or_else(|error| panic!("{asked}: {error}")).video.expect("a camera")
}

/// What is set, as `brightness 12, exposureMode manual`.
fn set(settings: &VideoSettings) -> String {
    let words: Vec<_> = settings.controls.iter().map(|(name, value)| format!("{name} {value}")).collect();
    words.join(", ")
}

#[track_caller]
fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
}

#[test]
fn a_wish_takes_the_nearest_value_and_costs_its_distance() {
    let devices = [webcam("webcam")];
    for (constraints, controls, fitness) in [
        (r#"{"brightness":12}"#, "brightness 12", 0.0),
        (r#"{"brightness":128}"#, "brightness 64", 0.5),
        (r#"{"colorTemperature":{"ideal":4004}}"#, "whiteBalanceMode manual, colorTemperature 4000", 4.0 / 4004.0),
        (r#"{"exposureMode":"manual"}"#, "exposureMode manual", 0.0),
        (r#"{"exposureMode":["none","manual"]}"#, "exposureMode manual", 0.0),
        (r#"{"exposureMode":"single-shot"}"#, "", 1.0),
        (r#"{"constantFrameRate":true}"#, "constantFrameRate true", 0.0),
        (r#"{"exposureCompensation":0.8}"#, "exposureCompensation 1", 0.2),
        (r#"{"zoom":3}"#, "", 1.0),
        (r#"{"zoom":true}"#, "", 1.0),
        (r#"{"zoom":false,"brightness":true}"#, "", 0.0),
        (r#"{"brightness":false}"#, "", 1.0),
        (r#"{"advanced":[{"brightness":7},{"brightness":8}]}"#, "brightness 7", 0.0),
    ] {
        let settings = video(constraints, &devices);
        assert_eq!(set(&settings), controls, "{constraints}");
        assert_near(settings.fitness, fitness);
    }
}

#[test]
fn the_camera_that_has_the_control_is_chosen() {
    let devices = [plain("plain"), webcam("webcam")];
    for constraints in [
        r#"{"brightness":{"exact":3}}"#,
        r#"{"brightness":3}"#,
        r#"{"brightness":true}"#,
        r#"{"exposureMode":{"exact":["manual"]}}"#,
        r#"{"constantFrameRate":{"exact":true}}"#,
        r#"{"advanced":[{"colorTemperature":{"min":3000}}]}"#,
    ] {
        assert_eq!(video(constraints, &devices).device_id, "webcam", "{constraints}");
    }
    for constraints in [r#"{"brightness":false}"#, r#"{"advanced":[{"brightness":false}]}"#, "true"] {
        assert_eq!(video(constraints, &devices).device_id, "plain", "{constraints}");
    }
}

#[test]
fn what_is_required_and_not_to_be_had_is_named_with_the_range() {
    let devices = [plain("plain"), webcam("webcam")];
    for (constraints, name) in [
        (r#"{"brightness":{"exact":65}}"#, "brightness"),
        (r#"{"brightness":{"min":64.5}}"#, "brightness"),
        (r#"{"colorTemperature":{"exact":4004}}"#, "colorTemperature"),
        (r#"{"exposureMode":{"exact":"single-shot"}}"#, "exposureMode"),
        (r#"{"torch":{"exact":true}}"#, "torch"),
        (r#"{"pan":{"max":0}}"#, "pan"),
    ] {
        let error = ask(&format!("{{\"video\":{constraints}}}"), &devices).unwrap_err();
        assert_eq!((error.name(), error.constraint()), (ErrorName::OverconstrainedError, Some(name)), "{constraints}");
        assert!(error.remedy().is_some_and(|remedy| remedy.contains("ideal")), "{error}");
    }
    let error = ask(r#"{"video":{"brightness":{"exact":65}}}"#, &devices).unwrap_err();
    assert!(error.message().contains("brightness of webcam can be -64 to 64"), "{error}");
    let error = ask(r#"{"video":{"torch":{"exact":true}}}"#, &devices).unwrap_err();
    assert!(error.message().contains("none has a control for torch"), "{error}");
}

#[test]
fn bounds_of_several_sets_meet_and_an_impossible_advanced_set_is_skipped() {
    let devices = [webcam("webcam")];
    let settings = video(r#"{"brightness":{"min":0,"ideal":50},"advanced":[{"brightness":{"max":10}}]}"#, &devices);
    assert_eq!(set(&settings), "brightness 10");
    let settings = video(r#"{"brightness":{"min":20,"ideal":50},"advanced":[{"brightness":{"max":10}}]}"#, &devices);
    assert_eq!(set(&settings), "brightness 50");
    let settings = video(r#"{"brightness":{"min":20},"advanced":[{"brightness":false}]}"#, &devices);
    assert_eq!(set(&settings), "", "what is set already may do");
    let both = r#"{"advanced":[{"exposureMode":"manual"},{"exposureMode":"continuous"}]}"#;
    assert_eq!(set(&video(both, &devices)), "exposureMode manual");
}

#[test]
fn a_value_that_counts_in_manual_mode_only_asks_for_that_mode() {
    let devices = [webcam("webcam")];
    assert_eq!(set(&video(r#"{"exposureTime":100}"#, &devices)), "exposureMode manual, exposureTime 100");
    let asked = r#"{"exposureTime":100,"exposureMode":"continuous"}"#;
    assert_eq!(
        set(&video(asked, &devices)),
        "exposureMode continuous, exposureTime 100",
        "the mode that was asked for"
    );
    assert_eq!(set(&video(r#"{"exposureTime":true}"#, &devices)), "");
    let mut fixed = webcam("fixed");
    fixed.controls.retain(|control| control.name != ControlName::ExposureMode);
    assert_eq!(set(&video(r#"{"exposureTime":100}"#, &[fixed])), "exposureTime 100");
}

#[test]
fn a_resolution_says_what_is_set_and_settings_are_flat_as_in_w3c() {
    let resolution: Resolution =
        ask(r#"{"video":{"brightness":-3,"exposureMode":"manual"}}"#, &[webcam("webcam")]).unwrap();
    assert!(
        resolution.why.iter().any(|line| line.contains("exposureMode manual, brightness -3")),
        "{:?}",
        resolution.why
    );
    let document = resolution.to_json();
    assert!(document.contains(r#""exposureMode":"manual","brightness":-3"#), "{document}");
}

#[test]
fn builders_and_json_say_the_same() {
    let built = MediaTrackConstraints::new()
        .exposure_mode("manual")
        .white_balance_mode(ConstrainDomString::new().exact("continuous"))
        .focus_mode("continuous")
        .constant_frame_rate(true)
        .torch(ConstrainBoolean::new().exact(false))
        .exposure_time(ConstrainDouble::new().min(1.0).max(300.0))
        .exposure_compensation(0.5)
        .color_temperature(4000.0)
        .focus_distance(30.0)
        .brightness(1.0)
        .contrast(2.0)
        .saturation(3.0)
        .sharpness(4.0)
        .pan(3600.0)
        .tilt(-3600.0)
        .zoom(ConstrainDouble::new().ideal(2.0));
    let json = r#"{"video":{"exposureMode":"manual","whiteBalanceMode":{"exact":"continuous"},"focusMode":"continuous",
        "constantFrameRate":true,"torch":{"exact":false},"exposureTime":{"min":1,"max":300},"exposureCompensation":0.5,
        "colorTemperature":4000,"focusDistance":30,"brightness":1,"contrast":2,"saturation":3,"sharpness":4,"pan":3600,
        "tilt":-3600,"zoom":{"ideal":2}}}"#;
    assert_eq!(MediaStreamConstraints::from_json(json).unwrap(), MediaStreamConstraints::new().video(built));
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_with_its_place() {
    for (video, place) in [
        (r#"{"brightness":"much"}"#, "video.brightness"),
        (r#"{"exposureMode":{"exact":1}}"#, "video.exposureMode.exact"),
        (r#"{"torch":1}"#, "video.torch"),
        (r#"{"constantFrameRate":{"ideal":"yes"}}"#, "video.constantFrameRate.ideal"),
    ] {
        let error = MediaStreamConstraints::from_json(format!("{{\"video\":{video}}}")).unwrap_err();
        assert_eq!(error.name(), ErrorName::TypeError);
        assert!(error.message().contains(place), "{error}");
    }
    let infinite = MediaStreamConstraints::new().video(MediaTrackConstraints::new().brightness(f64::INFINITY));
    let error = resolve(&infinite, &[webcam("webcam")], &ResolveOptions::new()).unwrap_err();
    assert!(error.message().contains("video.brightness"), "{error}");
}

#[test]
fn the_devices_document_carries_the_controls() {
    let mut webcam = webcam("webcam");
    webcam.controls[6].default = Some(ControlValue::Number(0.0));
    let document = write_devices(std::slice::from_ref(&webcam));
    assert!(document.contains(r#""brightness":{"min":-64,"max":64,"step":1,"default":0}"#), "{document}");
    assert!(document.contains(r#""exposureMode":["continuous","manual"]"#), "{document}");
    assert!(document.contains(r#""constantFrameRate":[false,true]"#), "{document}");
    assert!(document.contains(r#""exposureCompensation":[-1,0,1]"#), "{document}");
    assert_eq!(read_devices(&document).unwrap(), [webcam]);
    assert!(!write_devices(&[plain("plain")]).contains("controls"), "none is not written");
}

#[test]
fn old_listings_and_those_of_later_versions_are_read() {
    let read = |controls: &str| {
        let device = r#"{"kind":"videoinput","deviceId":"a""#;
        read_devices(format!("{{\"devices\":[{device}{controls}}}]}}")).map(|mut devices| devices.remove(0).controls)
    };
    assert_eq!(read("").unwrap(), []);
    let later = r#","controls":{"iso":{"min":1,"max":2},"exposureMode":["single-shot"],"torch":[false],"zoom":null,
        "focusMode":["manual","later","manual"],"contrast":{"min":1,"max":9,"unit":"x"}}"#;
    let controls = read(later).unwrap();
    assert_eq!(
        controls,
        [
            CameraControl::new(ControlName::FocusMode, ControlRange::Modes(vec![MeteringMode::Manual])),
            CameraControl::new(ControlName::Contrast, ControlRange::Numbers { min: 1.0, max: 9.0, step: 0.0 }),
        ]
    );
    for (wrong, place) in [
        (r#","controls":[]"#, "controls"),
        (r#","controls":{"zoom":{"min":1}}"#, "zoom"),
        (r#","controls":{"zoom":{"min":2,"max":1}}"#, "zoom"),
        (r#","controls":{"zoom":{"min":1,"max":2,"step":-1}}"#, "zoom"),
        (r#","controls":{"zoom":[1e300]}"#, "zoom[0]"),
        (r#","controls":{"torch":"on"}"#, "torch"),
        (r#","controls":{"focusMode":[1]}"#, "focusMode[0]"),
    ] {
        let error = read(wrong).unwrap_err();
        assert!(error.message().contains(place), "{wrong}: {error}");
    }
}

#[test]
fn a_slow_camera_gets_a_word_on_why() {
    let mut settings = video("true", &[webcam("webcam")]);
    let known = |controls: &[(ControlName, ControlValue)]| controls.iter().copied().collect();
    let manual = (ControlName::ExposureMode, ControlValue::Mode(MeteringMode::Manual));
    assert_eq!(settings.slow_rate_hint(22.6), None, "three quarters is enough");
    assert!(settings.slow_rate_hint(15.0).is_some_and(|hint| hint.contains("low light")));
    settings.controls = known(&[(ControlName::ConstantFrameRate, ControlValue::Switch(false))]);
    assert!(settings.slow_rate_hint(15.0).is_some_and(|hint| hint.contains("constantFrameRate true")));
    settings.controls = known(&[(ControlName::ConstantFrameRate, ControlValue::Switch(true))]);
    assert_eq!(settings.slow_rate_hint(15.0), None, "it was told to keep the rate: something else is the matter");
    settings.controls = known(&[manual, (ControlName::ExposureTime, ControlValue::Number(666.0))]);
    assert!(settings.slow_rate_hint(15.0).is_some_and(|hint| hint.contains("shorter exposureTime")));
    settings.controls = known(&[manual, (ControlName::ExposureTime, ControlValue::Number(100.0))]);
    assert_eq!(settings.slow_rate_hint(15.0), None);
    settings.native_frame_rate = None;
    assert_eq!(settings.slow_rate_hint(0.1), None, "nothing was agreed to");
}
