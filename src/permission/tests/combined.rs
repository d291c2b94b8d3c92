//! Two policies together, each asked for what it should be.

use std::sync::Mutex;

use super::{Desk, no};
use crate::permission::{
    AllowAll, Both, Decision, DenyAll, PermissionPolicy, PermissionRequest, RequestedDevice, Rules,
};

/// Says this, and keeps the ids it was asked about.
struct Witness(Decision, Mutex<Vec<String>>);

impl Witness {
    fn saying(decision: Decision) -> Self {
        Self(decision, Mutex::default())
    }

    fn asked(&self) -> Vec<String> {
        self.1.lock().unwrap().clone()
    }
}

impl PermissionPolicy for &Witness {
    fn decide(&self, request: &PermissionRequest<'_>) -> Decision {
        let ids = request.devices().iter().map(|device| device.path.to_owned());
        self.1.lock().unwrap().extend(ids);
        self.0.clone()
    }
}

fn rules(text: &str) -> Rules {
    text.parse().unwrap()
}

#[test]
fn both_have_to_allow() {
    let desk = Desk::new();
    let all = desk.all();
    assert_eq!(Both(AllowAll, AllowAll).decide(&all), Decision::Granted);
    assert!(matches!(Both(AllowAll, DenyAll::new()).decide(&all), Decision::Denied(_)));
    assert!(matches!(Both(DenyAll::new(), AllowAll).decide(&all), Decision::Denied(_)));
    let Decision::GrantedExcept(denied) = Both(rules("allow any usb-046d*"), rules("allow camera *")).decide(&all)
    else {
        panic!()
    };
    let denies = |device: RequestedDevice<'_>| denied.iter().any(|denied| denied.is(&device));
    assert!(denies(desk.laptop()) && denies(desk.microphone()) && !denies(desk.webcam()));
}

#[test]
fn the_second_is_asked_about_what_the_first_has_left() {
    let desk = Desk::new();
    let second = Witness::saying(Decision::Granted);
    Both(rules("deny camera \"Laptop\"\ndefault allow"), &second).decide(&desk.all());
    assert_eq!(second.asked(), ["/dev/video0", "hw:1,0"]);
}

#[test]
fn nobody_is_asked_about_a_request_that_has_ended() {
    let desk = Desk::new();
    let second = Witness::saying(Decision::Granted);
    Both(DenyAll::because(no()), &second).decide(&desk.all());
    let denied = Both(rules("allow camera *"), &second).decide(&desk.all());
    assert!(matches!(denied, Decision::GrantedExcept(_)), "no microphone is left: {denied:?}");
    assert_eq!(second.asked(), [""; 0]);
}
