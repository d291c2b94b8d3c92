//! Properties of policy rules: no text breaks the parser, what is parsed is written back, and nothing is allowed that
//! no line allows.

use proptest::prelude::*;
use usermedia::devices::{MediaDeviceInfo, MediaDeviceKind};
use usermedia::permission::{Decision, PermissionPolicy, PermissionRequest, Rules};

const WORDS: &[&str] = &[
    "allow ",
    "deny ",
    "default ",
    "camera ",
    "microphone ",
    "any ",
    "origin ",
    "https://a.example",
    "*",
    "\n",
    "\"",
    "\\",
    "#",
    " ",
    "usb-046d_",
    "~",
    "\r\n",
    "\t",
];

/// Pieces of rules, right and wrong, so that both come up often.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(WORDS).prop_map(str::to_owned),
        1 => "\\PC{0,3}",
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

/// A rule that is right.
fn line() -> impl Strategy<Value = String> {
    let device = prop_oneof![
        "[-a-zA-Z0-9_.:@~+*]{1,12}",
        "([^\"\\\\*\\n\\r]|\\\\[\"\\\\*]|\\*){0,12}".prop_map(|name| format!("\"{name}\"")),
        Just("*".to_owned()),
    ];
    let verb = prop::sample::select(vec!["allow", "deny"]);
    let kind = prop::sample::select(vec!["camera", "microphone", "any"]);
    let page = "origin (https?://[a-z]{1,6}(:[1-9][0-9]{0,3})?|\\*|null)";
    let what = prop_oneof![4 => (kind, device).prop_map(|(kind, device)| format!("{kind} {device}")), 1 => page];
    (verb, what).prop_map(|(verb, what)| format!("{verb} {what}"))
}

fn device() -> impl Strategy<Value = MediaDeviceInfo> {
    let kind = prop::sample::select(vec![MediaDeviceKind::VideoInput, MediaDeviceKind::AudioInput]);
    (kind, "[-a-z0-9_@~]{0,8}", "[-a-z0-9_]{0,8}", "\\PC{0,8}").prop_map(|(kind, id, group, label)| {
        let mut device = MediaDeviceInfo::new(kind, id);
        (device.group_id, device.label) = (group, label);
        device
    })
}

fn decide(rules: &Rules, device: &MediaDeviceInfo) -> bool {
    rules.decide(&PermissionRequest::new([device.into()])) == Decision::Granted
}

proptest! {
    #[test]
    fn no_text_breaks_the_parser_and_what_it_takes_it_writes_back(text in text()) {
        if let Ok(rules) = text.parse::<Rules>() {
            let written = rules.to_string();
            prop_assert_eq!(written.parse::<Rules>(), Ok(rules), "{:?}", written);
        }
    }

    #[test]
    fn rules_that_are_right_are_taken_and_mean_the_same_when_written_back(
        lines in prop::collection::vec(line(), 0..8),
        devices in prop::collection::vec(device(), 1..4),
    ) {
        let rules: Rules = lines.join("\n").parse().expect("rules that are right");
        let again: Rules = rules.to_string().parse().expect("what was written");
        prop_assert_eq!(&again, &rules);
        prop_assert_eq!(rules.to_string().lines().count(), lines.len());
        for device in &devices {
            prop_assert_eq!(decide(&again, device), decide(&rules, device));
        }
    }

    #[test]
    fn nothing_is_allowed_but_by_a_line_that_allows(
        lines in prop::collection::vec(line(), 0..8),
        device in device(),
    ) {
        let denying: Vec<_> = lines.iter().filter(|line| line.starts_with("deny")).map(String::as_str).collect();
        prop_assert!(!decide(&denying.join("\n").parse().expect("rules"), &device));
        let all = lines.join("\n") + "\ndeny any *\ndefault allow";
        let by_a_line = lines.iter().any(|line| line.starts_with("allow") && decide(&line.parse().expect("a rule"), &device));
        prop_assert!(by_a_line || !decide(&all.parse().expect("rules"), &device));
    }

    #[test]
    fn a_name_in_quotes_means_devices_of_that_name_alone(label in "\\PC{0,12}", other in "\\PC{0,12}") {
        let quoted: String = label.chars().flat_map(|character| match character {
            '"' | '\\' | '*' => vec!['\\', character],
            _ => vec![character],
        }).collect();
        let rules: Rules = format!("allow camera \"{quoted}\"").parse().expect("a rule");
        let mut device = MediaDeviceInfo::new(MediaDeviceKind::VideoInput, "id");
        device.label.clone_from(&label);
        prop_assert!(decide(&rules, &device));
        device.label.clone_from(&other);
        prop_assert_eq!(decide(&rules, &device), label == other);
    }
}
