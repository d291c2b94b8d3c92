//! Constraints from JSON: what is read, what vanishes, what is refused and where.

#![cfg(feature = "json")]

use usermedia::constraints::{
    ConstrainDomString, ConstrainULong, Constraint, ConstraintName, LegacyTrackConstraints, MediaStreamConstraints,
    MediaTrackConstraintSet, MediaTrackConstraints, MediaTrackRequest,
};
use usermedia::{ErrorCode, ErrorName};

fn read(text: &str) -> MediaStreamConstraints {
    MediaStreamConstraints::from_json(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn track(text: &str) -> MediaTrackConstraints {
    match read(&format!("{{\"video\":{text}}}")).video {
        MediaTrackRequest::Constraints(track) => track,
        other => panic!("{text} is {other:?}"),
    }
}

fn legacy(text: &str) -> LegacyTrackConstraints {
    match read(&format!("{{\"video\":{text}}}")).video {
        MediaTrackRequest::Legacy(track) => track,
        other => panic!("{text} is {other:?}"),
    }
}

#[test]
fn true_false_null_and_nothing() {
    assert_eq!(read("{}"), MediaStreamConstraints::new());
    assert_eq!(read(r#"{"video":true,"audio":false}"#), MediaStreamConstraints::new().video(true));
    assert_eq!(read(r#"{"video":null,"audio":{}}"#), MediaStreamConstraints::new().audio(true));
    assert_eq!(read(r#"{"video":{"width":null,"advanced":[]}}"#).video, MediaTrackRequest::Any);
    assert_eq!(read(r#"{"video":{"unheardOf":{"exact":1}},"peerIdentity":"x"}"#).video, MediaTrackRequest::Any);
    assert_eq!(read(r#"{"video":{"facingMode":[],"deviceId":{"exact":[]},"width":{}}}"#).video, MediaTrackRequest::Any);
    assert_eq!(read(r#"{"video":false,"video":true}"#).video, MediaTrackRequest::Any, "the last counts");
}

#[test]
fn builders_and_json_say_the_same() {
    let built = MediaTrackConstraints::new()
        .width(ConstrainULong::new().min(640).max(1920).exact(1280).ideal(1280))
        .height(720)
        .frame_rate(29.97)
        .facing_mode(["user", "left"])
        .device_id(ConstrainDomString::new().exact("a").exact("b"))
        .echo_cancellation("all")
        .noise_suppression(true)
        .advanced(MediaTrackConstraintSet::new().aspect_ratio(1.5).pixel_format("MJPG"));
    let text = r#"{"width":{"min":640,"max":1920,"exact":1280,"ideal":1280},"height":720,"frameRate":29.97,
        "facingMode":["user","left"],"deviceId":{"exact":["a","b"]},"echoCancellation":"all","noiseSuppression":true,
        "advanced":[{"aspectRatio":1.5,"pixelFormat":"MJPG"},{}]}"#;
    assert_eq!(track(text), built);
    let built = LegacyTrackConstraints::new().mandatory("minWidth", 640).optional("minAspectRatio", 1.5);
    assert_eq!(legacy(r#"{"mandatory":{"minWidth":640},"optional":[{"minAspectRatio":1.5}]}"#), built);
}

#[test]
fn whole_numbers_are_clamped_and_rounded() {
    for (text, expected) in [
        ("640", 640),
        ("-1", 0),
        ("1e999", u32::MAX),
        ("4294967296", u32::MAX),
        ("640.5", 640),
        ("641.5", 642),
        ("0.4", 0),
        ("6.4e2", 640),
    ] {
        let set = track(&format!("{{\"width\":{text}}}")).basic;
        assert_eq!(set.get(ConstraintName::Width), Some(&Constraint::ULong(expected.into())), "{text}");
    }
}

#[test]
fn a_name_given_twice_keeps_the_last_value() {
    let set = track(r#"{"width":1,"height":2,"width":{"min":3}}"#).basic;
    assert_eq!(set.get(ConstraintName::Width), Some(&Constraint::ULong(ConstrainULong::new().min(3))));
    assert_eq!(set.iter().count(), 2);
}

#[test]
fn values_of_2012_become_strings_as_in_ecmascript() {
    let track = legacy(
        r#"{"mandatory":{"a":640,"b":1.50,"c":true,"d":"x","e":[1,"y",null,[2]],"f":{"g":1},"h":1e21,"i":null,"j":1e3},
            "optional":[{"a":1},{"a":2},{"b":null}]}"#,
    );
    let pairs: Vec<_> = track.mandatory.iter().map(|pair| (pair.key.as_str(), pair.value.as_str())).collect();
    let expected = [
        ("a", "640"),
        ("b", "1.5"),
        ("c", "true"),
        ("d", "x"),
        ("e", "1,y,,2"),
        ("f", "[object Object]"),
        ("h", "1e+21"),
        ("j", "1000"),
    ];
    assert_eq!(pairs, expected);
    let optional: Vec<_> = track.optional.iter().map(|pair| (pair.key.as_str(), pair.value.as_str())).collect();
    assert_eq!(optional, [("a", "1"), ("a", "2")]);
}

#[test]
fn the_order_of_mandatory_pairs_is_kept_and_every_pair_counts() {
    let track = legacy(r#"{"mandatory":{"z":1,"a":2,"z":3}}"#);
    let pairs: Vec<_> = track.mandatory.iter().map(|pair| (pair.key.as_str(), pair.value.as_str())).collect();
    assert_eq!(pairs, [("z", "1"), ("a", "2"), ("z", "3")]);
    assert_eq!(legacy(r#"{"mandatory":{}}"#), LegacyTrackConstraints::new());
    assert_eq!(legacy(r#"{"optional":[]}"#), LegacyTrackConstraints::new());
}

#[test]
fn what_is_malformed_is_a_type_error_that_says_where() {
    for (text, place) in [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("{} x", "not JSON"),
        ("[]", "the constraints is a list"),
        ("true", "the constraints is true"),
        (r#"{"video":1}"#, "video is 1"),
        (r#"{"video":"yes"}"#, r#"video is "yes""#),
        (r#"{"audio":[]}"#, "audio is a list"),
        (r#"{"video":{"width":"wide"}}"#, r#"video.width is "wide""#),
        (r#"{"video":{"width":{"min":"640"}}}"#, r#"video.width.min is "640""#),
        (r#"{"video":{"width":[640]}}"#, "video.width is a list"),
        (r#"{"video":{"frameRate":1e999}}"#, "video.frameRate is 1e999"),
        (r#"{"video":{"frameRate":{"ideal":-1e999}}}"#, "video.frameRate.ideal"),
        (r#"{"video":{"frameRate":{"max":NaN}}}"#, "not JSON"),
        (r#"{"video":{"facingMode":5}}"#, "video.facingMode is 5"),
        (r#"{"video":{"facingMode":{"exact":["user",5]}}}"#, "video.facingMode.exact[1] is 5"),
        (r#"{"video":{"deviceId":[null]}}"#, "video.deviceId[0] is null"),
        (r#"{"audio":{"autoGainControl":"on"}}"#, r#"audio.autoGainControl is "on""#),
        (r#"{"audio":{"echoCancellation":1}}"#, "audio.echoCancellation is 1"),
        (r#"{"video":{"advanced":{}}}"#, "video.advanced is an object"),
        (r#"{"video":{"advanced":[{},{"height":"x"}]}}"#, r#"video.advanced[1].height is "x""#),
        (r#"{"video":{"advanced":[null]}}"#, "video.advanced[0] is null"),
        (r#"{"video":{"mandatory":{},"width":1}}"#, "video has width beside mandatory and optional"),
        (r#"{"video":{"mandatory":[]}}"#, "video.mandatory is a list"),
        (r#"{"video":{"mandatory":5}}"#, "video.mandatory is 5"),
        (r#"{"video":{"optional":{}}}"#, "video.optional is an object"),
        (r#"{"video":{"optional":[{"a":1},{}]}}"#, "video.optional[1] has 0 keys"),
        (r#"{"video":{"optional":[{"a":1,"b":2}]}}"#, "video.optional[0] has 2 keys"),
        (r#"{"video":{"optional":[["a",1]]}}"#, "video.optional[0] is a list"),
        (r#"{"audio":{"optional":[],"googEchoCancellation":true}}"#, "audio has googEchoCancellation beside"),
        (r#"{"video":{"deviceId":"\ud800"}}"#, "video.deviceId is not a well-formed string"),
    ] {
        let error = MediaStreamConstraints::from_json(text).expect_err(text);
        assert_eq!((error.name(), error.code()), (ErrorName::TypeError, ErrorCode::NotSupportedError), "{text}");
        assert!(error.message().contains(place), "{text}: {error}");
        assert!(error.remedy().is_some(), "{text}: {error}");
    }
}

#[test]
fn a_document_is_a_megabyte_and_64_levels_at_most() {
    let padded = |length: usize| format!("{}{}", r#"{"video":true}"#, " ".repeat(length - 14));
    assert!(MediaStreamConstraints::from_json(padded(1 << 20)).is_ok());
    let error = MediaStreamConstraints::from_json(padded((1 << 20) + 1)).unwrap_err();
    assert_eq!(error.name(), ErrorName::TypeError);
    assert!(error.message().contains("1 MiB"), "{error}");
    let nested = |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert!(MediaStreamConstraints::from_json(nested(64)).is_ok());
    assert!(MediaStreamConstraints::from_json(nested(65)).unwrap_err().message().contains("64 levels"));
    assert!(MediaStreamConstraints::from_json([0xff]).unwrap_err().message().contains("UTF-8"));
}
