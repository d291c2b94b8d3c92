//! Documents of any kind: no panic, clear refusals, and what is written reads back the same.

#![cfg(feature = "json")]

mod support;

use proptest::prelude::*;
use usermedia::constraints::MediaStreamConstraints;
use usermedia::devices::{
    FacingMode, FrameRates, MediaDeviceInfo, MediaDeviceKind, Span, Unusable, UnusableReason, Values, VideoMode,
    read_devices, write_devices,
};
use usermedia::error::Holder;
use usermedia::resolve::{Profile, ResolveOptions, resolve};
use usermedia::{ErrorName, Fourcc, FrameRate};

/// JSON made of the words that the readers look for.
fn document() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "video",
        "audio",
        "mandatory",
        "optional",
        "advanced",
        "width",
        "height",
        "frameRate",
        "aspectRatio",
        "min",
        "max",
        "exact",
        "ideal",
        "deviceId",
        "facingMode",
        "pixelFormat",
        "echoCancellation",
        "minWidth",
        "maxFrameRate",
        "minAspectRatio",
        "sourceId",
        "devices",
        "kind",
        "videoinput",
        "audioinput",
        "modes",
        "fourcc",
        "frameRates",
        "YUYV",
        "30/1",
        "sampleRate",
        "latency",
        "busy",
        "unusable",
        "reason",
        "a",
        "",
    ]);
    let number = prop::sample::select(vec!["0", "-1", "1.5", "640", "1e999", "-1e999", "1e-999", "4294967296", "30"]);
    let leaf = prop_oneof![
        word.clone().prop_map(|word| format!("\"{word}\"")),
        number.prop_map(str::to_owned),
        prop::sample::select(vec!["true", "false", "null", "{}", "[]", "\"\\ud800\"", "\"\\u0000\""])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let member = (word.clone(), inner.clone()).prop_map(|(name, value)| format!("\"{name}\":{value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(|values| format!("[{}]", values.join(","))),
            prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

fn read_everything(text: &[u8]) {
    let constraints = MediaStreamConstraints::from_json(text);
    let devices = read_devices(text);
    for error in [constraints.as_ref().err(), devices.as_ref().err()].into_iter().flatten() {
        assert_eq!(error.name(), ErrorName::TypeError);
        assert!(error.message().len() < 600, "{error}");
        assert!(error.to_json().starts_with(r#"{"ok":false,"error":{"name":"TypeError","code":"NOT_SUPPORTED_ERR"#));
    }
}

fn rate() -> impl Strategy<Value = FrameRate> {
    (1u32.., 1u32..).prop_map(|(numerator, denominator)| FrameRate::new(numerator, denominator).unwrap())
}

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![
        (1u32..).prop_map(Span::Fixed),
        (1u32.., 1u32.., 1u32..).prop_map(|(a, b, step)| Span::range(a, b, step)),
    ]
}

fn mode() -> impl Strategy<Value = VideoMode> {
    let rates = prop_oneof![
        Just(FrameRates::Unknown),
        prop::collection::vec(rate(), 0..4).prop_map(FrameRates::List),
        (rate(), rate()).prop_map(|(a, b)| FrameRates::Range { min: a.min(b), max: b.max(a) }),
    ];
    let fourcc = "[A-Z0-9a-z ]{4}".prop_map(|text| text.parse::<Fourcc>().unwrap());
    (fourcc, span(), span(), rates)
        .prop_map(|(fourcc, width, height, rates)| VideoMode::new(fourcc, width, height, rates))
}

fn values() -> impl Strategy<Value = Values> {
    prop_oneof![
        prop::collection::vec(1u32.., 0..4).prop_map(Values::List),
        (1u32.., 1u32..).prop_map(|(a, b)| Values::Range { min: a.min(b), max: b.max(a) }),
    ]
}

fn unusable() -> impl Strategy<Value = Unusable> {
    let reasons = vec![
        UnusableReason::Metadata,
        UnusableReason::NoPermission,
        UnusableReason::Busy,
        UnusableReason::MediaPipeline,
    ];
    let holder = (any::<String>(), 1u32..).prop_map(|(process, pid)| Holder::new(process, pid));
    let parts = (
        prop::sample::select(reasons),
        any::<String>(),
        prop::option::of(any::<String>()),
        prop::option::of(any::<i32>()),
        prop::option::of(holder),
    );
    parts.prop_map(|(reason, message, remedy, errno, holder)| {
        let mut unusable = Unusable::new(reason, message);
        (unusable.remedy, unusable.errno, unusable.holder) = (remedy, errno, holder);
        unusable
    })
}

fn device() -> impl Strategy<Value = MediaDeviceInfo> {
    let texts = prop::array::uniform5(any::<String>());
    let facing = prop::option::of(prop::sample::select(vec![FacingMode::User, FacingMode::Right]));
    let video = (facing, prop::collection::vec(mode(), 0..4));
    let sound = (
        prop::option::of(values()),
        prop::option::of(values()),
        prop::collection::vec(any::<String>(), 0..3),
        prop::option::of((0.0..1.0f64, 0.0..1.0f64)),
    );
    let flags = prop::array::uniform3(any::<bool>());
    (any::<bool>(), texts, video, sound, flags, prop::option::of(unusable())).prop_map(
        |(camera, [id, group, label, path, driver], (facing, modes), sound, [busy, shared, synthetic], unusable)| {
            let kind = if camera { MediaDeviceKind::VideoInput } else { MediaDeviceKind::AudioInput };
            let mut device = MediaDeviceInfo::new(kind, id);
            (device.group_id, device.label, device.path, device.driver) = (group, label, path, driver);
            (device.facing_mode, device.modes) = (facing, modes);
            (device.audio.sample_rate, device.audio.channel_count) = (sound.0, sound.1);
            device.audio.sample_formats = sound.2;
            device.audio.latency = sound.3.map(|(a, b)| (a.min(b), a.max(b)));
            (device.busy, device.shared, device.synthetic, device.unusable) = (busy, shared, synthetic, unusable);
            device
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_everything(&bytes);
    }

    #[test]
    fn any_json_is_read_or_refused(text in document()) {
        read_everything(text.as_bytes());
    }

    #[test]
    fn any_truncated_json_is_read_or_refused(text in document(), cut in any::<prop::sample::Index>()) {
        read_everything(&text.as_bytes()[..cut.index(text.len() + 1)]);
    }

    #[test]
    fn devices_read_back_as_they_were_written(devices in prop::collection::vec(device(), 0..5)) {
        let text = write_devices(&devices);
        let read = read_devices(&text);
        prop_assert_eq!(read.as_ref(), Ok(&devices), "{}", text);
        // Frame rates compare by value: the fractions themselves are kept, too.
        prop_assert_eq!(write_devices(&read.unwrap()), text);
    }

    #[test]
    fn whatever_was_read_resolves_or_is_refused(
        track in document(),
        devices in prop::collection::vec(device(), 0..4),
        recording in any::<bool>(),
    ) {
        for text in [format!("{{\"video\":{track}}}"), format!("{{\"audio\":{track},\"video\":true}}")] {
            let Ok(constraints) = MediaStreamConstraints::from_json(&text) else { continue };
            for profile in [Profile::W3c, Profile::Libjingle] {
                let options = ResolveOptions::new().profile(profile).recording(recording);
                match resolve(&constraints, &devices, &options) {
                    Ok(found) => {
                        prop_assert_eq!(found.video.as_ref(), found.video_candidates.first());
                        prop_assert!(found.why.len() <= 20);
                        for settings in &found.video_candidates {
                            prop_assert_eq!(constraints.video_violation(settings), None, "{}", text);
                        }
                        for settings in &found.audio_candidates {
                            prop_assert_eq!(constraints.audio_violation(settings), None, "{}", text);
                        }
                        let written = found.to_json().starts_with(r#"{"ok":true,"profile":""#);
                        prop_assert!(written);
                    }
                    Err(error) => prop_assert!(error.remedy().is_some(), "{error}"),
                }
            }
        }
    }
}
