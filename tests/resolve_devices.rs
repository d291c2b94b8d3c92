//! Devices that may not be opened, are held by others, or cannot be captured from; and how devices are named.

#![cfg(feature = "json")]

mod support;

use support::{ask, camera, discrete, microphone};
use usermedia::devices::{MediaDeviceInfo, Unusable, UnusableReason, Values};
use usermedia::error::Holder;
use usermedia::{Error, ErrorCode, ErrorName};

fn good(id: &str) -> MediaDeviceInfo {
    discrete(id, &[("YUYV", 640, 480, "30/1")])
}

fn unusable(mut device: MediaDeviceInfo, reason: UnusableReason, message: &str) -> MediaDeviceInfo {
    device.unusable = Some(Unusable::new(reason, message));
    device
}

fn refused(id: &str) -> MediaDeviceInfo {
    let mut device = unusable(camera(id), UnusableReason::NoPermission, "you have no permission to open it");
    let unusable = device.unusable.as_mut().unwrap();
    unusable.remedy = Some("sudo usermod -aG video $USER".to_owned());
    unusable.errno = Some(13);
    device
}

fn hw(id: &str) -> MediaDeviceInfo {
    let mut device = microphone(id);
    device.audio.sample_rate = Some(Values::Range { min: 8000, max: 48_000 });
    device.audio.channel_count = Some(Values::Range { min: 1, max: 2 });
    device.audio.sample_formats = vec!["S16_LE".to_owned()];
    device.audio.latency = Some((0.005, 0.5));
    device
}

fn busy(id: &str, holder: bool) -> MediaDeviceInfo {
    let mut device = unusable(microphone(id), UnusableReason::Busy, "another process holds it");
    device.busy = true;
    if holder {
        device.unusable.as_mut().unwrap().holder = Some(Holder::new("arecord", 42));
    }
    device
}

fn error(constraints: &str, devices: &[MediaDeviceInfo]) -> Error {
    ask(constraints, devices).unwrap_err()
}

const VIDEO: &str = r#"{"video":true}"#;
const WIDE: &str = r#"{"video":{"width":{"min":9000}}}"#;
const LEGACY: &str = r#"{"video":{"mandatory":{}}}"#;
const LEGACY_WIDE: &str = r#"{"video":{"mandatory":{"minWidth":9000}}}"#;
const AUDIO: &str = r#"{"audio":true}"#;

#[test]
fn nothing_requested_is_a_type_error() {
    for text in ["{}", r#"{"video":false}"#, r#"{"audio":null,"video":false}"#, r#"{"screen":true}"#] {
        let error = error(text, &[good("a")]);
        assert_eq!((error.name(), error.code()), (ErrorName::TypeError, ErrorCode::NotSupportedError), "{text}");
    }
}

#[test]
fn no_device_of_a_kind_is_not_found() {
    for text in [VIDEO, WIDE, LEGACY, LEGACY_WIDE] {
        let error = error(text, &[hw("mic")]);
        assert_eq!((error.name(), error.code()), (ErrorName::NotFoundError, ErrorCode::MandatoryUnsatisfiedError));
        assert!(error.remedy().is_some());
    }
    assert_eq!(error(AUDIO, &[good("a")]).name(), ErrorName::NotFoundError);
}

#[test]
fn nodes_without_pictures_are_no_cameras() {
    let metadata = unusable(camera("meta"), UnusableReason::Metadata, "it carries metadata");
    assert_eq!(error(VIDEO, std::slice::from_ref(&metadata)).name(), ErrorName::NotFoundError);
    assert_eq!(ask(VIDEO, &[metadata, good("a")]).unwrap().video.unwrap().device_id, "a");
    let mut idle = unusable(camera("loopback"), UnusableReason::NoWriter, "no program writes to it");
    idle.unusable.as_mut().unwrap().remedy = Some("start a writer".to_owned());
    let error = error(VIDEO, &[idle]);
    assert_eq!(error.name(), ErrorName::NotFoundError);
    assert_eq!(error.remedy(), Some("start a writer"));
}

#[test]
fn an_accessible_camera_that_fits_is_used() {
    for text in [VIDEO, LEGACY] {
        assert_eq!(ask(text, &[refused("no"), good("yes")]).unwrap().video.unwrap().device_id, "yes");
    }
}

#[test]
fn where_none_fits_the_refused_one_is_named() {
    for text in [WIDE, LEGACY_WIDE] {
        let error = error(text, &[good("yes"), refused("no")]);
        assert_eq!((error.name(), error.code()), (ErrorName::NotAllowedError, ErrorCode::PermissionDenied));
        assert_eq!((error.device(), error.path(), error.errno()), (Some("no"), Some("/dev/no"), Some(13)));
        assert_eq!(error.remedy(), Some("sudo usermod -aG video $USER"));
    }
}

#[test]
fn all_refused_is_never_not_found() {
    for text in [VIDEO, WIDE, LEGACY, LEGACY_WIDE] {
        let error = error(text, &[refused("a"), refused("b")]);
        assert_eq!(error.name(), ErrorName::NotAllowedError);
        assert_eq!(error.device(), Some("a"));
    }
    let mut silent = refused("c");
    silent.unusable.as_mut().unwrap().remedy = None;
    assert!(error(VIDEO, &[silent]).remedy().unwrap().contains("video"));
}

#[test]
fn permission_for_one_kind_is_no_answer_for_the_other() {
    let both = r#"{"video":true,"audio":true}"#;
    assert_eq!(error(both, &[good("a")]).name(), ErrorName::NotFoundError);
    assert_eq!(error(both, &[refused("a")]).name(), ErrorName::NotAllowedError, "nothing is told beyond the refusal");
    assert_eq!(error(both, &[busy("mic", true)]).name(), ErrorName::NotFoundError, "opening comes last");
    let unsupported = r#"{"video":true,"audio":{"mandatory":{"x":1}}}"#;
    assert_eq!(error(unsupported, &[refused("a"), hw("mic")]).name(), ErrorName::NotSupportedError);
    let wide = r#"{"video":{"width":{"min":9000}},"audio":{"sampleRate":{"exact":1}}}"#;
    assert_eq!(error(wide, &[good("a"), hw("mic")]).constraint(), Some("width"), "video is looked at first");
    let found = ask(both, &[good("a"), hw("mic")]).unwrap();
    assert!(found.video.is_some() && found.audio.is_some());
    assert!(found.why.len() <= 20 && found.why.iter().any(|line| line.starts_with("audio: ")));
}

#[test]
fn a_busy_camera_with_known_modes_is_a_candidate() {
    let mut camera = good("a");
    camera.busy = true;
    assert!(ask(VIDEO, std::slice::from_ref(&camera)).is_ok());
    let held = unusable(camera, UnusableReason::Busy, "held");
    assert!(ask(VIDEO, &[held]).is_ok());
    let mut unread = support::camera("b");
    unread.busy = true;
    let error = error(VIDEO, &[unread]);
    assert_eq!((error.name(), error.code()), (ErrorName::NotReadableError, ErrorCode::PermissionDenied));
}

#[test]
fn a_busy_microphone_falls_through_to_the_shared_one() {
    let mut shared = hw("default");
    shared.shared = true;
    let found = ask(AUDIO, &[busy("hw", true), shared.clone()]).unwrap();
    assert_eq!(found.audio.unwrap().device_id, "default");
    assert!(found.why.iter().any(|line| line.contains("busy")), "{:?}", found.why);
    let required = r#"{"audio":{"deviceId":{"exact":"hw"}}}"#;
    let error = error(required, &[busy("hw", true), shared.clone()]);
    assert_eq!(error.name(), ErrorName::NotReadableError);
    let mut known = hw("hw");
    known.busy = true;
    assert_eq!(ask(AUDIO, &[known.clone(), shared]).unwrap().audio.unwrap().device_id, "default");
    assert_eq!(ask(AUDIO, &[known]).unwrap().audio.unwrap().device_id, "hw");
}

#[test]
fn a_lone_busy_microphone_is_not_readable_and_its_holder_named() {
    let error = error(AUDIO, &[busy("hw", true)]);
    assert_eq!((error.name(), error.code()), (ErrorName::NotReadableError, ErrorCode::PermissionDenied));
    let holder = error.holder().unwrap();
    assert_eq!((holder.process.as_str(), holder.pid), ("arecord", 42));
    assert!(error.message().contains("arecord") && error.message().contains("42"), "{error}");
    assert_eq!(self::error(AUDIO, &[busy("hw", false)]).holder(), None);
    assert_eq!(self::error(r#"{"audio":{"mandatory":{}}}"#, &[busy("hw", true)]).name(), ErrorName::NotReadableError);
}

#[test]
fn a_device_behind_a_media_pipeline_needs_a_named_format() {
    let sensor = discrete("sensor", &[("NV12", 1920, 1080, "30/1")]);
    let devices = [unusable(sensor, UnusableReason::MediaPipeline, "it needs an image signal processor")];
    assert_eq!(error(VIDEO, &devices).name(), ErrorName::NotFoundError);
    assert_eq!(error(r#"{"video":{"pixelFormat":"YUYV"}}"#, &devices).name(), ErrorName::NotFoundError);
    for text in [
        r#"{"video":{"pixelFormat":"NV12"}}"#,
        r#"{"video":{"pixelFormat":{"exact":"NV12"}}}"#,
        r#"{"video":{"mandatory":{"pixelFormat":"NV12"}}}"#,
    ] {
        assert!(ask(text, &devices).is_ok(), "{text}");
    }
}

#[test]
fn a_bare_id_matches_only_while_it_is_unique() {
    let devices = [good("usb-1_2_S-0~1-1"), good("usb-1_2_S-0~1-2")];
    let exact = |id: &str| format!("{{\"video\":{{\"deviceId\":{{\"exact\":\"{id}\"}}}}}}");
    let legacy = |id: &str| format!("{{\"video\":{{\"mandatory\":{{\"sourceId\":\"{id}\"}}}}}}");
    for request in [exact, legacy] {
        let found = ask(&request("usb-1_2_S-0~1-2"), &devices).unwrap();
        assert_eq!(found.video.unwrap().device_id, "usb-1_2_S-0~1-2");
        assert_eq!(error(&request("usb-1_2_S-0"), &devices).name(), ErrorName::OverconstrainedError);
        assert!(ask(&request("usb-1_2_S-0"), &devices[..1]).is_ok());
        assert_eq!(error(&request("usb-1_2_S"), &devices[..1]).name(), ErrorName::OverconstrainedError);
        assert_eq!(error(&request(""), &devices[..1]).name(), ErrorName::OverconstrainedError);
    }
    let ideal = r#"{"video":{"deviceId":"usb-1_2_S-0"}}"#;
    assert_eq!(ask(ideal, &devices).unwrap().video.unwrap().fitness, 1.0);
    assert_eq!(ask(ideal, &devices[..1]).unwrap().video.unwrap().fitness, 0.0);
}

#[test]
fn a_negotiated_mode_is_checked_against_what_is_required() {
    use usermedia::constraints::MediaStreamConstraints;
    let mut settings = ask(VIDEO, &[good("a")]).unwrap().video.unwrap();
    settings.width = 600;
    let violation = |text: &str| MediaStreamConstraints::from_json(text).unwrap().video_violation(&settings);
    assert_eq!(violation(VIDEO), None);
    assert_eq!(violation(r#"{"video":{"width":640}}"#), None);
    assert_eq!(violation(r#"{"video":{"width":{"exact":640}}}"#), Some("width".to_owned()));
    assert_eq!(violation(r#"{"video":{"aspectRatio":{"min":1.3}}}"#), Some("aspectRatio".to_owned()));
    assert_eq!(violation(r#"{"video":{"frameRate":{"max":30},"pixelFormat":{"exact":"YUYV"}}}"#), None);
    assert_eq!(violation(r#"{"video":{"pixelFormat":{"exact":"MJPG"}}}"#), Some("pixelFormat".to_owned()));
    assert_eq!(violation(r#"{"video":{"mandatory":{"minWidth":640}}}"#), Some("minWidth".to_owned()));
    assert_eq!(violation(r#"{"video":{"optional":[{"minWidth":640}]}}"#), None);
    assert_eq!(violation(r#"{"video":{"mandatory":{"maxFrameRate":60,"deviceId":"a"}}}"#), None);
    assert_eq!(violation(r#"{"video":{"mandatory":{"maxFrameRate":20}}}"#), Some("maxFrameRate".to_owned()));
}
