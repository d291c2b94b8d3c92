//! The public data types by the crate `serde`, without the feature `json`: what is written, and what reads back.

use serde_json::{Value, from_value, json, to_value};
use usermedia::constraints::{
    BooleanOrString, ConstrainBooleanOrDomString, ConstrainDomString, ConstrainDouble, ConstrainULong,
    LegacyTrackConstraints, MediaTrackConstraintSet, MediaTrackRequest,
};
use usermedia::devices::{
    CameraControl, ControlName, ControlRange, ControlSettings, ControlValue, FacingMode, FrameRates, MeteringMode,
    Span, UnusableReason, Values, VideoMode,
};
use usermedia::resolve::{AudioSettings, Profile, ResizeMode, VideoSettings};
use usermedia::{
    Delivery, ErrorName, Fourcc, FrameRate, FrameStamp, LocalMediaStream, MediaDeviceInfo, MediaDeviceKind,
    MediaDevices, MediaStreamConstraints, MediaStreamTrackState, MediaTrackConstraints, Rect, SampleFormat,
};

fn written(value: &impl serde::Serialize) -> Value {
    to_value(value).expect("it can be written")
}

/// Written as `shape`, and read back as the same. From text: a tree of `serde_json` has its members in another order.
fn both_ways<T>(value: T, shape: Value)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    assert_eq!(written(&value), shape);
    let text = serde_json::to_string(&value).expect("it can be written");
    assert_eq!(serde_json::from_str::<T>(&text).expect("it reads back"), value);
}

fn refused<T: serde::de::DeserializeOwned + std::fmt::Debug>(document: Value) -> String {
    from_value::<T>(document).expect_err("it is refused").to_string()
}

fn stream() -> LocalMediaStream {
    let both = MediaStreamConstraints::new().video(true).audio(true);
    MediaDevices::synthetic().get_user_media(&both).expect("the built-in devices are always there")
}

#[test]
fn w3c_constraints_read_back_as_the_same_request() {
    let video = MediaTrackConstraints::new()
        .width(ConstrainULong::new().min(640).ideal(1280))
        .height(720)
        .frame_rate(ConstrainDouble::new().exact(29.97))
        .facing_mode(ConstrainDomString::new().exact("user"))
        .pixel_format(["YUYV", "NV12"])
        .torch(true)
        .advanced(MediaTrackConstraintSet::new().zoom(1.5).device_id("usb-1"));
    let audio = MediaTrackConstraints::new()
        .echo_cancellation(ConstrainBooleanOrDomString::new().ideal("all"))
        .sample_rate(ConstrainULong::new().max(48_000));
    both_ways(
        MediaStreamConstraints::new().video(video).audio(audio),
        json!({
            "video": {
                "width": { "min": 640, "ideal": 1280 },
                "height": 720,
                "frameRate": { "exact": 29.97 },
                "facingMode": { "exact": "user" },
                "pixelFormat": ["YUYV", "NV12"],
                "torch": true,
                "advanced": [{ "zoom": 1.5, "deviceId": "usb-1" }],
            },
            "audio": { "echoCancellation": { "ideal": "all" }, "sampleRate": { "max": 48_000 } },
        }),
    );
    both_ways(MediaStreamConstraints::new().audio(true), json!({ "video": false, "audio": true }));
    both_ways(MediaTrackRequest::Any, json!(true));
    both_ways(ConstrainDouble::from(30.0), json!(30));
    both_ways(BooleanOrString::from("remote-only"), json!("remote-only"));
}

#[test]
fn a_bare_number_beside_others_is_written_as_what_it_means() {
    let wished = ConstrainULong::from(640).min(320);
    assert_eq!(written(&wished), json!({ "min": 320, "ideal": 640 }));
    let track = MediaTrackConstraints::new().advanced(MediaTrackConstraintSet::new().width(wished));
    assert_eq!(written(&track), json!({ "advanced": [{ "width": { "min": 320, "exact": 640 } }] }));
}

#[test]
fn a_number_that_is_not_finite_is_not_written() {
    for number in [f64::NAN, f64::INFINITY] {
        let track = MediaTrackConstraints::new().frame_rate(ConstrainDouble::new().max(number));
        let error = to_value(&track).expect_err("no document has such a number");
        assert!(error.to_string().contains(".max is not finite"), "{error}");
    }
}

#[test]
fn the_dialect_of_2012_keeps_every_pair() {
    let track = LegacyTrackConstraints::new()
        .mandatory("maxWidth", 1280)
        .optional("minFrameRate", 30)
        .optional("minFrameRate", 15);
    both_ways(
        MediaStreamConstraints::new().video(track.clone()),
        json!({
            "video": { "mandatory": { "maxWidth": "1280" }, "optional": [{ "minFrameRate": "30" }, { "minFrameRate": "15" }] },
            "audio": false,
        }),
    );
    let text = serde_json::to_string(&track.mandatory("maxWidth", 640)).unwrap();
    assert!(text.starts_with(r#"{"mandatory":{"maxWidth":"1280","maxWidth":"640"}"#), "{text}");
    assert_eq!(serde_json::from_str::<LegacyTrackConstraints>(&text).unwrap().mandatory.len(), 2);
    both_ways(LegacyTrackConstraints::new(), json!({ "mandatory": {} }));
}

#[test]
fn an_error_says_where_and_what_is_expected() {
    let error = refused::<MediaStreamConstraints>(json!({ "video": { "advanced": [{ "width": { "min": "wide" } }] } }));
    assert_eq!(error, "video.advanced[0].width.min is \"wide\" where a number is expected");
    let error = refused::<MediaStreamConstraints>(json!({ "video": { "mandatory": {}, "width": 1 } }));
    assert!(error.starts_with("video has width beside mandatory"), "{error}");
    assert!(refused::<MediaStreamConstraints>(json!([])).contains("a list where an object"));
    assert!(refused::<LegacyTrackConstraints>(json!({ "width": 1 })).contains("mandatory or optional"));
    assert!(refused::<FrameRate>(json!("fast")).contains("a positive frame rate"));
    assert!(refused::<Fourcc>(json!("YUYVX")).contains("a fourcc"));
    assert!(refused::<VideoSettings>(json!({ "deviceId": "a", "width": 1 })).contains("has no height"));
    assert!(refused::<MediaDeviceInfo>(json!({ "kind": "audiooutput", "deviceId": "a" })).contains("videoinput"));
}

#[test]
fn words_are_their_web_or_kernel_names() {
    both_ways(Fourcc(*b"Y10 "), json!("Y10 "));
    both_ways(FrameRate::new(30_000, 1001).unwrap(), json!("30000/1001"));
    assert_eq!(from_value::<FrameRate>(json!(29.97)).unwrap(), FrameRate::new(30_000, 1001).unwrap());
    both_ways(MediaDeviceKind::VideoInput, json!("videoinput"));
    both_ways(FacingMode::Environment, json!("environment"));
    both_ways(ResizeMode::CropAndScale, json!("crop-and-scale"));
    both_ways(Delivery::Copied, json!("copied"));
    both_ways(Profile::Libjingle, json!("libjingle"));
    both_ways(SampleFormat::S24Packed, json!("S24_3LE"));
    both_ways(ControlName::ExposureTime, json!("exposureTime"));
    both_ways(MeteringMode::Continuous, json!("continuous"));
    both_ways(Rect::new(8, 16, 320, 240), json!({ "x": 8, "y": 16, "width": 320, "height": 240 }));
    assert_eq!(written(&UnusableReason::NoWriter), json!("no-writer"));
    assert_eq!(written(&ErrorName::OverconstrainedError), json!("OverconstrainedError"));
    assert_eq!(written(&ErrorName::OverconstrainedError.code()), json!("MANDATORY_UNSATISFIED_ERROR"));
    assert_eq!(written(&MediaStreamTrackState::Ended), json!("ended"));
    assert_eq!(written(&FrameStamp::new(7, 1 << 60)), json!({ "number": 7, "monotonic": 1u64 << 60 }));
}

#[test]
fn devices_read_back_with_all_that_they_offer() {
    let mut camera = MediaDeviceInfo::new(MediaDeviceKind::VideoInput, "usb-1");
    camera.facing_mode = Some(FacingMode::User);
    let rates = FrameRates::List(vec![FrameRate::whole(30), FrameRate::new(15, 2).unwrap()]);
    camera.modes.push(VideoMode::new(Fourcc::YUYV, Span::Fixed(640), Span::Range { min: 2, max: 480, step: 2 }, rates));
    camera.modes.push(VideoMode::new(Fourcc::NV12, Span::Fixed(64), Span::Fixed(48), FrameRates::Unknown));
    let brightness = ControlRange::Numbers { min: 0.0, max: 255.0, step: 1.0 };
    camera.controls.push(CameraControl::new(ControlName::Brightness, brightness.clone()));
    both_ways(
        camera,
        json!({
            "kind": "videoinput", "deviceId": "usb-1", "groupId": "usb-1", "label": "usb-1", "path": "", "driver": "",
            "facingMode": "user",
            "modes": [
                { "fourcc": "YUYV", "width": 640, "height": { "min": 2, "max": 480, "step": 2 }, "frameRates": ["30/1", "15/2"] },
                { "fourcc": "NV12", "width": 64, "height": 48 },
            ],
            "controls": { "brightness": { "min": 0, "max": 255, "step": 1 } },
        }),
    );
    both_ways(FrameRates::Unknown, Value::Null);
    both_ways(Values::Range { min: 8000, max: 48_000 }, json!({ "min": 8000, "max": 48_000 }));
    let control = CameraControl::new(ControlName::Brightness, brightness);
    let range = json!({ "min": 0, "max": 255, "step": 1 });
    assert_eq!(written(&control), json!({ "name": "brightness", "range": range, "default": null }));
}

#[test]
fn settings_read_back_as_what_was_delivered() {
    let stream = stream();
    let settings = stream.video_tracks()[0].settings();
    let document = written(&*settings);
    assert_eq!(document["width"], json!(settings.width));
    assert_eq!(document["frameRate"], json!(settings.frame_rate.unwrap().to_string()));
    let read: VideoSettings = from_value(document.clone()).unwrap();
    assert_eq!(written(&read), document);
    assert_eq!((read.native_width, read.native_fourcc), (settings.native_width, settings.native_fourcc));

    let settings = stream.audio_tracks()[0].settings();
    let document = written(&*settings);
    let read: AudioSettings = from_value(document.clone()).unwrap();
    assert_eq!(written(&read), document);
    assert_eq!((read.sample_rate, &read.sample_format), (settings.sample_rate, &settings.sample_format));

    let controls: ControlSettings = [
        (ControlName::Zoom, ControlValue::Number(1.5)),
        (ControlName::Torch, ControlValue::Switch(true)),
        (ControlName::FocusMode, ControlValue::Mode(MeteringMode::Manual)),
    ]
    .into_iter()
    .collect();
    both_ways(controls, json!({ "zoom": 1.5, "torch": true, "focusMode": "manual" }));
}

#[test]
fn the_statistics_of_a_stream_are_one_document() {
    let stream = stream();
    let frames: Vec<_> = stream.video_tracks()[0].processor(2).take(3).collect();
    assert!(frames.iter().all(Result::is_ok));
    let document = written(&stream.statistics());
    let camera = &document["video"][0];
    assert_eq!(camera["deviceId"], json!(stream.video_tracks()[0].settings().device_id));
    assert_eq!((&camera["live"], &camera["muted"]), (&json!(true), &Value::Null));
    let count = |name: &str| camera["source"][name].as_u64().expect("a count");
    assert!(count("accepted") >= 3);
    assert_eq!(count("expected"), count("captured") + count("lostInDriver"));
    assert_eq!(camera["source"]["clockSource"], json!("driver"));
    assert!(document["audio"][0]["source"]["xruns"].is_u64());
}

#[test]
fn an_error_is_a_document_with_both_of_its_names() {
    let error = usermedia::Error::new(ErrorName::NotFoundError, "no camera is connected").with_remedy("plug one in");
    assert_eq!(
        written(&error),
        json!({
            "name": "NotFoundError", "code": "MANDATORY_UNSATISFIED_ERROR",
            "message": "no camera is connected", "remedy": "plug one in",
        })
    );
}
