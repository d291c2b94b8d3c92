//! Rules: which device a line means, which line decides, and what is said of a line that is wrong.

use super::Desk;
use crate::error::ErrorName;
use crate::permission::{Decision, PermissionPolicy, RequestedDevice, Rules};

fn rules(text: &str) -> Rules {
    text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// The reason why a device is denied.
fn reason(text: &str, device: &RequestedDevice<'_>) -> Option<String> {
    rules(text).denial(device, "the policy").map(|denial| denial.reason)
}

fn allows(text: &str, device: &RequestedDevice<'_>) -> bool {
    reason(text, device).is_none()
}

#[test]
fn a_line_means_devices_by_id_by_group_by_name_and_with_asterisks() {
    let desk = Desk::new();
    for (device, webcam, microphone, laptop) in [
        ("camera *", true, false, true),
        ("any *", true, true, true),
        ("microphone *", false, true, false),
        ("camera usb-046d_082d_6EF5AA2F-0", true, false, false),
        ("any usb-046d_082d_6EF5AA2F", true, true, false),
        ("any usb-046d_*", true, true, false),
        ("any \"HD Pro Webcam C920\"", true, true, false),
        ("any \"hd pro webcam c920\"", false, false, false),
        ("any \"HD Pro*\"", true, true, false),
        ("any \"HD Pro\"", false, false, false),
        ("any HD", false, false, false),
        ("any usb-046d", false, false, false),
        ("any \"*\"", true, true, true),
        ("camera usb-0bda_5689@00-usb2-7-0", false, false, true),
        ("any /dev/video0", false, false, false),
    ] {
        let text = format!("allow {device}");
        let found = [desk.webcam(), desk.microphone(), desk.laptop()].map(|device| allows(&text, &device));
        assert_eq!(found, [webcam, microphone, laptop], "{text}");
    }
}

#[test]
fn the_first_line_that_fits_decides() {
    let desk = Desk::new();
    let text = "allow camera usb-046d_*\ndeny camera *\nallow any *";
    assert!(allows(text, &desk.webcam()) && allows(text, &desk.microphone()));
    assert_eq!(reason(text, &desk.laptop()).as_deref(), Some("line 2 of the policy says `deny camera *`"));
}

#[test]
fn what_no_line_fits_is_denied_unless_the_default_is_to_allow() {
    let webcam = Desk::new();
    let webcam = webcam.webcam();
    for denying in ["", "# nothing", "default deny", "allow microphone *"] {
        assert_eq!(reason(denying, &webcam).as_deref(), Some("no line of the policy allows it"), "{denying:?}");
    }
    assert!(allows("default allow", &webcam) && allows("deny microphone *\ndefault allow", &webcam));
    assert!(!allows("default allow\ndeny camera *", &webcam), "wherever it stands");
}

#[test]
fn a_rule_without_a_port_means_every_twin_and_one_with_a_port_means_that_one() {
    let desk = Desk::new();
    let twin = RequestedDevice { device_id: "usb-046d_082d_6EF5AA2F-0~00-usb2-4", ..desk.webcam() };
    assert!(!allows("deny camera usb-046d_082d_6EF5AA2F-0\ndefault allow", &twin), "plugging in a twin opens no door");
    assert!(allows("allow camera usb-046d_082d_6EF5AA2F-0~00-usb2-4", &twin));
    assert!(!allows("allow camera usb-046d_082d_6EF5AA2F-0~00-usb2-5", &twin));
}

#[test]
fn the_remedy_is_a_line_that_would_allow_the_device() {
    let desk = Desk::new();
    for device in [desk.webcam(), desk.microphone(), desk.laptop()] {
        let remedy = rules("deny any *").denial(&device, "it").unwrap().remedy.unwrap();
        let line = remedy.split_once(": ").unwrap().1;
        assert!(allows(&format!("{line}\ndeny any *"), &device), "{line}");
    }
}

#[test]
fn each_device_of_a_request_is_decided_by_itself() {
    let desk = Desk::new();
    let Decision::GrantedExcept(denied) = rules("allow camera usb-046d_*").decide(&desk.all()) else { panic!() };
    let denied: Vec<_> = denied.iter().map(|denied| denied.device_id.as_str()).collect();
    assert_eq!(denied, ["usb-0bda_5689@00-usb2-7-0", "usb-046d_082d_6EF5AA2F-2"]);
    assert_eq!(rules("allow any *").decide(&desk.all()), Decision::Granted);
}

#[test]
fn spaces_comments_and_empty_lines_are_the_writers() {
    let text = "\u{feff}\n  # kiosk\r\n\tallow\tcamera  \"A # in a name\" # the door\r\n\ndefault deny# at last";
    assert_eq!(rules(text).to_string(), "allow camera \"A # in a name\"\ndefault deny\n");
    assert_eq!(rules(text), rules(&rules(text).to_string()));
}

#[test]
fn quotes_backslashes_and_asterisks_of_a_name_are_written_with_a_backslash() {
    let desk = Desk::new();
    let odd = RequestedDevice { label: r#"5" \* cam"#, ..desk.webcam() };
    assert!(allows(r#"allow camera "5\" \\\* cam""#, &odd));
    assert!(!allows(r#"allow camera "5\" \\\* cam""#, &RequestedDevice { label: r#"5" \x cam"#, ..odd }));
    assert_eq!(rules(r#"allow camera "5\" \\\* cam""#).to_string(), "allow camera \"5\\\" \\\\\\* cam\"\n");
}

#[test]
fn a_line_that_is_wrong_is_named_with_what_is_expected_there() {
    for (text, said) in [
        ("permit camera *", "line 1: allow, deny or default is expected where `permit` stands"),
        ("ALLOW camera *", "line 1: allow, deny or default is expected where `ALLOW` stands"),
        ("\"allow\" camera *", "line 1: allow, deny or default is expected where `\"allow\"` stands"),
        ("# well\n\nallow webcam *", "line 3: camera, microphone, any or origin is expected where `webcam` stands"),
        ("allow *", "line 1: camera, microphone, any or origin is expected where `*` stands"),
        ("allow", "line 1: camera, microphone, any or origin is missing"),
        ("allow camera", "line 1: an id, a name in double quotes, or * is missing"),
        (
            "allow camera HD Pro Webcam",
            "line 1: one device to a line: a name with spaces in it stands in double quotes",
        ),
        ("allow camera \"HD Pro", "line 1: the closing quote is missing"),
        ("allow camera \"HD\"Pro", "line 1: a space is missing after the closing quote"),
        ("allow camera \"\\n\"", "line 1: after a backslash one of \" \\ * is expected"),
        ("allow camera HD\"Pro\"", "line 1: no word has \" in it: a name stands in double quotes, as a whole"),
        ("allow camera \u{1b}[2K", "line 1: no word has the character U+001B in it"),
        ("allow origin", "line 1: an origin such as https://kiosk.example, or *, is missing"),
        ("allow origin a://b c://d", "line 1: one origin to a line"),
        (
            "allow origin kiosk.example",
            "line 1: an origin such as https://kiosk.example is expected where `kiosk.example` stands",
        ),
        ("default", "line 1: allow or deny after `default` is missing"),
        ("default maybe", "line 1: allow or deny after `default` is expected where `maybe` stands"),
        ("default deny camera", "line 1: nothing may follow `default allow` or `default deny`"),
        ("default deny\ndefault deny", "line 2: there is a `default` already"),
    ] {
        let error = text.parse::<Rules>().expect_err(text);
        assert_eq!((error.name(), error.message()), (ErrorName::TypeError, said), "{text:?}");
        assert!(error.remedy().is_some());
    }
}

#[test]
fn a_page_is_allowed_by_the_first_line_that_names_its_origin() {
    let text = "deny origin http://a.example\nallow origin HTTPS://Kiosk.example:443\nallow camera *\ndefault deny\n";
    let rules = rules(text);
    assert_eq!(rules.allows_origin("https://kiosk.example"), Some(true));
    assert_eq!(rules.allows_origin("http://a.example"), Some(false));
    for other in ["http://kiosk.example", "https://kiosk.example:8443", "https://kiosk.example.evil", "null", ""] {
        assert_eq!(rules.allows_origin(other), None, "{other}");
    }
    let closed: Rules = "allow origin http://a.example\ndeny origin *\ndefault allow".parse().unwrap();
    assert_eq!(closed.allows_origin("http://a.example"), Some(true));
    assert_eq!(closed.allows_origin("https://b.example"), Some(false));
    // What is said of devices says nothing of pages, and the other way round.
    let desk = Desk::new();
    assert!(!allows("allow origin *", &desk.webcam()) && allows("deny origin *\ndefault allow", &desk.webcam()));
    assert_eq!(closed.to_string(), "allow origin http://a.example\ndeny origin *\ndefault allow\n");
}

#[test]
fn an_endless_word_is_quoted_in_part() {
    let error = format!("deny {}", "*E".repeat(10_000)).parse::<Rules>().expect_err("no kind");
    assert!(error.message().len() < 200 && error.message().contains("*E*E"), "{}", error.message());
}
