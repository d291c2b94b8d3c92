//! Permission: asked after the choice and before the opening, and what a denial makes of a request.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use super::bench::Bench;
use crate::constraints::{ConstrainULong, MediaTrackConstraints};
use crate::error::ErrorName;
use crate::permission::{
    AllowAll, Decision, Denial, DeniedDevice, DenyAll, PermissionPolicy, PermissionRequest, RequestedDevice,
};
use crate::seam::scripted::Call;
use crate::{MediaDeviceKind, MediaDevices, MediaStreamConstraints};

struct Policy<F>(F);

impl<F: Fn(&PermissionRequest<'_>) -> Decision + Send + Sync> PermissionPolicy for Policy<F> {
    fn decide(&self, request: &PermissionRequest<'_>) -> Decision {
        self.0(request)
    }
}

fn guarded(policy: impl PermissionPolicy + 'static) -> Bench {
    let mut bench = Bench::yuyv();
    bench.devices = bench.devices.with_permission_policy(policy);
    bench
}

fn video() -> MediaStreamConstraints {
    MediaStreamConstraints::new().video(true)
}

#[test]
fn the_policy_knows_the_device_and_nothing_is_open_while_it_is_asked() {
    let bench = Bench::yuyv();
    let camera = bench.camera.clone();
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    let devices = bench.devices.clone().with_permission_policy(Policy(move |request: &PermissionRequest<'_>| {
        let [device] = request.devices() else { panic!("{request:?}") };
        assert_eq!((device.kind, device.label), (MediaDeviceKind::VideoInput, "Scripted camera"));
        assert_eq!((device.path, device.permission_name()), ("/dev/video0", "camera"));
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        assert_eq!((camera.open_count(), camera.calls(Call::StreamOn)), if first { (0, 0) } else { (1, 1) });
        Decision::Granted
    }));
    let stream = devices.get_user_media(&video()).unwrap();
    assert!(stream.active());
    assert_eq!(devices.get_user_media(&video()).map(drop), Ok(()), "shares the camera");
    assert_eq!(asked.load(Ordering::Relaxed), 2, "each request is asked for");
}

#[test]
fn a_denial_is_not_allowed_with_its_reason_and_the_camera_stays_closed() {
    let bench = guarded(DenyAll::because(Denial::new("this is a library").with_remedy("go home")));
    let error = bench.request(&video()).map(drop).unwrap_err();
    assert_eq!(error.name(), ErrorName::NotAllowedError);
    assert_eq!(error.message(), "the camera Scripted camera (/dev/video0) is not allowed: this is a library");
    assert_eq!(
        (error.remedy(), error.device(), error.path()),
        (Some("go home"), Some("Scripted camera"), Some("/dev/video0"))
    );
    assert_eq!(bench.camera.calls(Call::StreamOn), 0);
    bench.assert_closed();
}

#[test]
fn camera_and_microphone_are_asked_for_at_once_and_one_denied_is_both_denied() {
    let both = MediaStreamConstraints::new().video(true).audio(true);
    let (tell, told) = mpsc::channel();
    let policy = move |request: &PermissionRequest<'_>| {
        let names: Vec<_> = request.devices().iter().map(RequestedDevice::permission_name).collect();
        tell.send(names).unwrap();
        let microphones = request.of_kind(MediaDeviceKind::AudioInput);
        Decision::GrantedExcept(microphones.map(|device| DeniedDevice::new(device, Denial::new("no sound"))).collect())
    };
    let devices = MediaDevices::synthetic().with_permission_policy(Policy(policy));
    let error = devices.get_user_media(&both).map(drop).unwrap_err();
    assert_eq!(error.name(), ErrorName::NotAllowedError);
    assert_eq!(error.message(), "the microphone Synthetic microphone is not allowed: no sound");
    assert_eq!(devices.get_user_media(&video()).map(|stream| stream.video_tracks().len()), Ok(1));
    drop(devices);
    assert_eq!(told.iter().collect::<Vec<_>>(), [vec!["camera", "microphone"], vec!["camera"]]);

    let devices = MediaDevices::synthetic().with_permission_policy(DenyAll::because(Denial::new("no")));
    let error = devices.get_user_media(&both).map(drop).unwrap_err();
    let message = "the camera Synthetic camera and the microphone Synthetic microphone are not allowed: no";
    assert_eq!((error.name(), error.message()), (ErrorName::NotAllowedError, message));
}

#[test]
fn a_policy_that_panics_has_denied() {
    let bench = guarded(Policy(|_: &PermissionRequest<'_>| panic!("on purpose")));
    let error = bench.request(&video()).map(drop).unwrap_err();
    assert_eq!(error.name(), ErrorName::NotAllowedError);
    assert!(error.message().contains("policy failed"), "{error}");
    bench.assert_closed();
}

#[test]
fn constraints_that_nothing_meets_ask_nobody() {
    let bench = guarded(Policy(|_: &PermissionRequest<'_>| panic!("nobody is to be asked")));
    let wide = MediaTrackConstraints::new().width(ConstrainULong::new().min(99_999));
    let error = bench.request(&MediaStreamConstraints::new().video(wide)).map(drop).unwrap_err();
    assert_eq!(error.name(), ErrorName::OverconstrainedError);
    let error = bench.request(&MediaStreamConstraints::new().audio(true)).map(drop).unwrap_err();
    assert_eq!(error.name(), ErrorName::NotFoundError);
}

#[test]
fn a_denied_device_gives_way_to_the_next() {
    let bench = Bench::yuyv();
    let mut listing = bench.devices.enumerate_all_devices();
    // The same node under another name, so that it can be opened.
    let mut other = listing[0].clone();
    other.device_id = "other".to_owned();
    other.label = "Other camera".to_owned();
    listing.push(other);
    let devices = bench.devices.clone().with_listing(listing);
    let deny = |count: usize| {
        Policy(move |request: &PermissionRequest<'_>| {
            let denied = request.devices().iter().take(count);
            Decision::GrantedExcept(denied.map(|device| DeniedDevice::new(device, Denial::new("no"))).collect())
        })
    };
    let stream = devices.clone().with_permission_policy(deny(1)).get_user_media(&video()).unwrap();
    assert_eq!(stream.video_tracks()[0].settings().device_id, "other");
    drop(stream);
    let error = devices.with_permission_policy(deny(2)).get_user_media(&video()).map(drop).unwrap_err();
    assert_eq!(error.name(), ErrorName::NotAllowedError);
    let message = "the camera Scripted camera (/dev/video0) is not allowed: no; nor is the other one that would do";
    assert_eq!(error.message(), message);
    bench.assert_closed();
}

#[test]
fn others_are_served_while_somebody_is_asked() {
    let bench = Bench::yuyv();
    let (asked, wait) = mpsc::channel();
    let (answer, answered) = mpsc::channel::<()>();
    let answered = std::sync::Mutex::new(answered);
    let slow = bench.devices.clone().with_permission_policy(Policy(move |_: &PermissionRequest<'_>| {
        asked.send(()).unwrap();
        answered.lock().unwrap().recv().unwrap();
        Decision::Granted
    }));
    let request = thread::spawn(move || slow.get_user_media(&video()).map(|stream| stream.active()));
    wait.recv().unwrap();
    // Would wait for ever if the one who is asked held everybody up.
    let stream = bench.devices.clone().with_permission_policy(AllowAll).get_user_media(&video()).unwrap();
    answer.send(()).unwrap();
    assert_eq!(request.join().unwrap(), Ok(true));
    drop(stream);
}

#[test]
fn a_device_that_comes_while_somebody_is_asked_is_not_what_was_granted() {
    let bench = Bench::yuyv();
    let mut listing = bench.devices.enumerate_all_devices();
    let resolution = bench.devices.resolve(&video()).unwrap();
    let permit = crate::permission::ask(&AllowAll, &resolution).unwrap();
    listing[0].device_id = "newcomer".to_owned();
    let later = bench.devices.clone().with_listing(listing).resolve(&video()).unwrap();
    assert!(permit.narrow(resolution).is_ok());
    let error = permit.narrow(later).map(drop).unwrap_err();
    assert_eq!(error.name(), ErrorName::NotAllowedError);
    assert!(error.message().contains("came while permission was asked for"), "{error}");
}
