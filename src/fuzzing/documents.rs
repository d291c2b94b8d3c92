//! What people and the kernel write: constraints, devices, policies, uevents.

use std::sync::LazyLock;

use crate::constraints::MediaStreamConstraints;
use crate::devices::{MediaDeviceInfo, MediaDeviceKind, read_devices, synthetic_devices, write_devices};
use crate::error::{Error, ErrorName};
use crate::permission::{Decision, PermissionPolicy, PermissionRequest, Rules};
use crate::resolve::{Profile, ResolveOptions, resolve};
use crate::seam::uevent_device;

/// Real cameras (tests/fixtures) and the built-in devices.
static DEVICES: LazyLock<Vec<MediaDeviceInfo>> = LazyLock::new(|| {
    let mut devices = read_devices(include_str!("../../tests/fixtures/devices.json")).expect("a devices document");
    devices.extend(synthetic_devices());
    devices
});

/// A refusal says what is wrong and is not endless, whatever it quotes.
fn check_refusal(error: &Error) {
    assert_eq!(error.name(), ErrorName::TypeError, "{error}");
    assert!(error.message().len() < 1000, "{} bytes", error.message().len());
    assert!(error.to_json().starts_with(r#"{"ok":false,"#));
}

/// What `constraints` resolve to among `devices` meets them.
pub(super) fn check_resolution(constraints: &MediaStreamConstraints, devices: &[MediaDeviceInfo]) {
    for profile in [Profile::W3c, Profile::Libjingle] {
        for recording in [false, true] {
            let options = ResolveOptions::new().profile(profile).recording(recording);
            let found = match resolve(constraints, devices, &options) {
                Ok(found) => found,
                Err(error) => {
                    assert!(error.remedy().is_some(), "{error}");
                    continue;
                }
            };
            assert_eq!(found.video.as_ref(), found.video_candidates.first());
            for settings in &found.video_candidates {
                assert_eq!(constraints.video_violation(settings), None, "{settings:?}");
                assert!(devices.iter().any(|device| device.device_id == settings.device_id));
            }
            for settings in &found.audio_candidates {
                assert_eq!(constraints.audio_violation(settings), None, "{settings:?}");
            }
            assert!(found.to_json().starts_with(r#"{"ok":true,"#));
        }
    }
}

/// Constraints in either dialect, resolved over a fixed set of devices.
pub(super) fn constraints(bytes: &[u8]) {
    match MediaStreamConstraints::from_json(bytes) {
        Ok(constraints) => check_resolution(&constraints, &DEVICES),
        Err(error) => check_refusal(&error),
    }
}

/// A devices document: what is read is written and read back the same, and resolves.
pub(super) fn devices(bytes: &[u8]) {
    let devices = match read_devices(bytes) {
        Ok(devices) => devices,
        Err(error) => return check_refusal(&error),
    };
    let written = write_devices(&devices);
    // What is written may be longer than what was read, and longer than is read.
    if let Ok(again) = read_devices(&written) {
        assert_eq!(again, devices);
    } else {
        assert!(written.len() > 1 << 20, "{written}");
    }
    check_resolution(&MediaStreamConstraints::new().video(true), &devices);
    check_resolution(&MediaStreamConstraints::new().audio(true), &devices);
}

/// A policy file: what is read is written and read back the same, and decides.
pub(super) fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let rules = match text.parse::<Rules>() {
        Ok(rules) => rules,
        Err(error) => return check_refusal(&error),
    };
    assert_eq!(rules.to_string().parse::<Rules>().as_ref(), Ok(&rules));
    let named = |kind| {
        let mut device = MediaDeviceInfo::new(kind, "usb-046d_0825_1-0");
        device.label = text.lines().next_back().unwrap_or_default().chars().take(64).collect();
        device
    };
    for device in [MediaDeviceKind::VideoInput, MediaDeviceKind::AudioInput].map(named) {
        let request = PermissionRequest::new([(&device).into()]);
        if let Decision::Denied(denial) = rules.decide(&request) {
            assert!(!denial.reason.is_empty());
        }
    }
}

/// A datagram of the uevents' socket: what it names lies in `/dev` or `/sys`.
pub(super) fn uevent(bytes: &[u8]) {
    let named = [b"add@/x\0SUBSYSTEM=sound\0".as_slice(), bytes].concat();
    for datagram in [bytes, &named] {
        if let Some(path) = uevent_device(datagram) {
            assert!(path.starts_with("/dev") || path.starts_with("/sys"), "{path:?}");
        }
    }
}
