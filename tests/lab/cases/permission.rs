//! Who may capture, where there is something to capture from: the nodes' own permissions, the udev rule that sets them,
//! and policy files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::unistd::{self, Gid, Group, Uid};
use serde_json::Value;
use usermedia::devices::{MediaDeviceInfo, MediaDeviceKind, enumerate_devices};
use usermedia::permission::SYSTEM_POLICY;

use crate::devices::{Background, eventually, in_guest, loopback_open, succeed, usermedia, v4l2_ctl, vivid_webcam};
use crate::harness::{LabTest, lab_test};
use crate::layout;
use crate::usb::UsbDevice;
use crate::usb::models::{webcam, webcam_camera};
use crate::usb::specification::Identity;

pub const TESTS: &[LabTest] = &[
    lab_test!(the_udev_rule_gives_devices_their_names_and_their_users).not_in_virtual_time(layout::NO_HDA),
    lab_test!(the_udev_rule_names_usb_devices_by_their_serial_number),
    lab_test!(without_the_group_a_newcomer_is_told_node_group_and_rule),
    lab_test!(a_camera_denied_by_a_policy_file_gives_way_or_is_named),
    lab_test!(the_machines_policy_holds_whatever_the_flag_says),
];

const RULE: &str = include_str!("../../../udev-rules/70-usermedia.rules");

/// The `error` of a command that failed with status 1, and what it said on stderr.
#[track_caller]
fn refused(output: &Output) -> (Value, String) {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{}{told}", String::from_utf8_lossy(&output.stdout));
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let error = &document["error"];
    assert_eq!((&error["name"], &error["code"]), (&"NotAllowedError".into(), &"PERMISSION_DENIED".into()), "{error}");
    assert!(told.contains("(NotAllowedError, PERMISSION_DENIED"), "{told}");
    (error.clone(), told)
}

/// The device manager, with our rule and without those of the distribution that would do some of its work.
struct Udev(#[expect(dead_code, reason = "it ends with this")] Background);

impl Udev {
    fn start() -> Udev {
        let rules = Path::new("/run/udev/rules.d");
        fs::create_dir_all(rules).unwrap();
        fs::write(rules.join("70-usermedia.rules"), RULE).unwrap();
        for masked in ["50-udev-default.rules", "70-uaccess.rules"] {
            fs::write(rules.join(masked), "").unwrap();
        }
        let daemon = ["/usr/lib/systemd/systemd-udevd", "/lib/systemd/systemd-udevd", "/sbin/udevd"];
        let daemon = daemon.into_iter().find(|path| Path::new(path).exists()).expect("udev is installed (make lab)");
        let log = fs::File::create("/tmp/udevd.log").unwrap();
        let running = Background::start(Command::new(daemon).stderr(log));
        eventually("a device manager that answers", || {
            let ping = Command::new("udevadm").args(["control", "--ping"]).output().expect("udevadm is installed");
            ping.status.success().then_some(())
        });
        Udev(running)
    }

    /// Waits until it has done all it has to.
    fn settle(&self) {
        succeed(Command::new("udevadm").arg("settle"));
    }

    /// As `udevadm trigger` after the rule was installed.
    fn trigger(&self) {
        let trigger = |arguments: &[&str]| {
            succeed(Command::new("udevadm").args(["trigger", "--action=add", "--settle"]).args(arguments));
        };
        trigger(&["--subsystem-match=video4linux"]);
        trigger(&["--sysname-match=pcmC*", "--sysname-match=controlC*"]);
    }
}

impl Drop for Udev {
    fn drop(&mut self) {
        for left in ["/dev/usermedia", "/dev/v4l", "/dev/snd/by-path", "/dev/snd/by-id", "/run/udev"] {
            let _ = fs::remove_dir_all(left);
        }
    }
}

/// The node behind a device's path.
fn capture_node(path: &str) -> PathBuf {
    match path.strip_prefix("hw:").and_then(|hardware| hardware.split_once(',')) {
        Some((card, device)) => PathBuf::from(format!("/dev/snd/pcmC{card}D{device}c")),
        None => PathBuf::from(path),
    }
}

/// The ids that have a link, each after a look where it leads: all but those that no link can have.
#[track_caller]
fn linked(of: impl Fn(&MediaDeviceInfo) -> bool) -> Vec<String> {
    let mut linked = Vec::new();
    for device in enumerate_devices().into_iter().filter(of) {
        let second_microphone = device.kind == MediaDeviceKind::AudioInput && device.device_id.contains('+');
        if device.device_id.contains(['~', '@']) || second_microphone || device.shared {
            continue;
        }
        let link = Path::new("/dev/usermedia/by-id").join(&device.device_id);
        assert_eq!(fs::canonicalize(&link).ok(), Some(capture_node(&device.path)), "{}", link.display());
        linked.push(device.device_id);
    }
    linked
}

fn the_udev_rule_gives_devices_their_names_and_their_users() {
    // A real machine has a device manager, and its own rules.
    if !in_guest() {
        return;
    }
    let nodes = [vivid_webcam(), loopback_open(), capture_node("hw:1,0"), "/dev/snd/controlC1".into()];
    for node in &nodes {
        unistd::chown(node, Some(Uid::from_raw(0)), Some(Gid::from_raw(0))).unwrap();
        fs::set_permissions(node, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let udev = Udev::start();
    udev.trigger();

    for node in &nodes {
        let metadata = fs::metadata(node).unwrap();
        let group = Group::from_gid(Gid::from_raw(metadata.gid())).unwrap().expect("a group").name;
        let expected = if node.starts_with("/dev/snd") { "audio" } else { "video" };
        assert_eq!((group.as_str(), metadata.mode() & 0o777), (expected, 0o660), "{}", node.display());
        let known = succeed(Command::new("udevadm").arg("info").arg(node));
        let known = String::from_utf8_lossy(&known.stdout).into_owned();
        let tags = known.lines().find_map(|line| line.strip_prefix("E: CURRENT_TAGS=")).unwrap_or_default();
        assert!(tags.split(':').any(|tag| tag == "uaccess"), "{}: {known}", node.display());
    }

    let linked = linked(|_| true);
    for expected in ["virtual-Open_loopback", "platform-snd_aloop.0", layout::SOUND_HDA_ID] {
        assert!(linked.iter().any(|id| id == expected), "{expected} is not among {linked:?}");
    }
    // The vivids have one parent and one socket: their links are one of them, a camera and no other node.
    for link in ["by-id/platform-vivid.0", "by-path/platform-vivid.0"] {
        let node = fs::canonicalize(Path::new("/dev/usermedia").join(link)).expect(link);
        assert!(enumerate_devices().iter().any(|camera| Path::new(&camera.path) == node), "{link}: {}", node.display());
    }
    let complaints = fs::read_to_string("/tmp/udevd.log").unwrap();
    assert!(!complaints.contains("70-usermedia"), "{complaints}");
}

/// How many links there are by the id of a USB device.
fn usb_links() -> usize {
    let names = fs::read_dir("/dev/usermedia/by-id").into_iter().flatten().flatten();
    names.filter(|link| link.file_name().to_string_lossy().starts_with("usb-")).count()
}

fn the_udev_rule_names_usb_devices_by_their_serial_number() {
    if !in_guest() {
        return;
    }
    let udev = Udev::start();
    // Plugged in while it runs: no trigger is needed.
    let known = webcam().plug(0);
    let placeholder = UsbDevice::new(Identity {
        vendor: 0x1d6b,
        product: 0x0102,
        serial: Some("0123456789ABCDEF".to_owned()),
        name: "Cheap webcam".to_owned(),
    });
    let cheap = placeholder.with_camera(webcam_camera()).plug(1);
    eventually("two links by serial number", || (usb_links() >= 2).then_some(()));
    udev.settle();
    let linked = linked(|device| device.driver == "uvcvideo" || device.driver == "snd-usb-audio");
    let group = "usb-1d6b_0102_LAB0001";
    for (kind, path) in [("camera", known.camera().display().to_string()), ("microphone", known.microphone())] {
        let device = enumerate_devices().into_iter().find(|device| device.path == path).expect(kind);
        assert!(device.group_id == group && linked.contains(&device.device_id), "{kind}: {device:?} in {linked:?}");
    }
    assert_eq!(usb_links(), 2, "neither metadata nor a placeholder has a name");
    let ports: Vec<_> = fs::read_dir("/dev/usermedia/by-path").unwrap().map(|link| link.unwrap().path()).collect();
    assert!(ports.iter().any(|link| fs::canonicalize(link).ok() == Some(cheap.camera())), "{ports:?}");
    drop(known);
    eventually("links that go with their device", || (usb_links() == 0).then_some(()));
}

/// Goes on as a user without groups, with a copy of the command that such a user can reach.
fn as_nobody() -> impl Fn(&[&str]) -> Output {
    let command = "/tmp/usermedia-for-nobody";
    fs::copy(env!("CARGO_BIN_EXE_usermedia"), command).unwrap();
    fs::set_permissions(command, fs::Permissions::from_mode(0o755)).unwrap();
    let nobody = 65_534;
    unistd::setgroups(&[]).unwrap();
    unistd::setgid(Gid::from_raw(nobody)).unwrap();
    unistd::setuid(Uid::from_raw(nobody)).unwrap();
    move |arguments| Command::new(command).args(arguments).current_dir("/").output().unwrap()
}

fn without_the_group_a_newcomer_is_told_node_group_and_rule() {
    let camera = vivid_webcam();
    let run = as_nobody();
    let says = |text: &str, parts: &[&str]| {
        // Broken into lines for the terminal.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        parts.iter().for_each(|part| assert!(text.contains(part), "{part} is not in {text}"));
    };
    let camera_name = camera.to_str().unwrap();
    for arguments in [
        &["capture", "--frames", "1", "--json"][..],
        &["capture", "--frames", "1", "--json", "--device", camera_name],
        &["snapshot", "-o", "/tmp/never.jpg", "--json"],
    ] {
        let (error, told) = refused(&run(arguments));
        let node = error["path"].as_str().unwrap();
        assert!(node.starts_with("/dev/video") && (arguments.len() < 6 || node == camera_name), "{error}");
        assert_eq!((&error["errno"], error["device"].is_string()), (&13.into(), true), "{error}");
        let remedy = ["sudo usermod -aG video $USER", "log in again", "udev-rules/70-usermedia.rules"];
        says(error["remedy"].as_str().unwrap(), &remedy);
        says(error["message"].as_str().unwrap(), &["no permission to open", node]);
        says(&told, &remedy);
        says(&told, &[node, "errno 13 EACCES"]);
    }
    // And a microphone.
    let (error, told) = refused(&run(&["capture", "--audio", "--duration", "1s", "--json"]));
    says(error["message"].as_str().unwrap(), &["microphone", "no permission to open /dev/snd/pcm"]);
    says(&told, &["sudo usermod -aG audio $USER", "udev-rules/70-usermedia.rules"]);
}

fn a_camera_denied_by_a_policy_file_gives_way_or_is_named() {
    let camera = vivid_webcam();
    let denied = enumerate_devices().into_iter().find(|device| Path::new(&device.path) == camera).unwrap();
    let policy = "/tmp/policy";
    fs::write(policy, format!("# Not this one.\ndeny camera {}\ndefault allow\n", denied.device_id)).unwrap();
    let capture = |arguments: &[&str]| {
        let mut command = usermedia();
        command.args(["capture", "--frames", "3", "--json", "--permission", policy]).args(arguments);
        command
    };
    let (error, told) = refused(&capture(&["--device"]).arg(&camera).output().unwrap());
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(&format!("line 2 of {policy} says `deny camera {}`", denied.device_id)), "{message}");
    assert_eq!(error["path"], denied.path.as_str());
    assert!(told.contains("hint: "), "{told}");

    let document: Value = serde_json::from_slice(&succeed(&mut capture(&["--video"])).stdout).unwrap();
    let taken = &document["video"]["settings"]["deviceId"];
    assert!(taken.is_string() && *taken != denied.device_id.as_str(), "{document}");

    // What is denied is not even set up: the format stays that of another program.
    fs::write(policy, "default deny\n").unwrap();
    let format = |arguments: &[&str]| succeed(&mut v4l2_ctl(&camera, arguments)).stdout;
    let before = format(&["--set-fmt-video=width=320,height=180", "--get-fmt-video"]);
    let (error, _) = refused(&capture(&["--width", "1280", "--device"]).arg(&camera).output().unwrap());
    assert!(error["message"].as_str().unwrap().contains(&format!("no line of {policy} allows it")), "{error}");
    assert_eq!(format(&["--get-fmt-video"]), before);
    format(&["--set-fmt-video=width=640,height=360"]);
}

fn the_machines_policy_holds_whatever_the_flag_says() {
    // It writes to /etc: a memory of its own that only these processes see.
    if !in_guest() {
        return;
    }
    let with_policy = |policy: &str, arguments: &str| {
        let script = format!(
            "mount -t tmpfs none /etc && mkdir /etc/usermedia && echo '{policy}' >{SYSTEM_POLICY}; exec {} {arguments}",
            env!("CARGO_BIN_EXE_usermedia")
        );
        Command::new("unshare").args(["--mount", "sh", "-c", &script]).output().unwrap()
    };
    let denying = "deny camera *";
    for flag in ["", "--permission allow", "--permission /nowhere/else"] {
        let (error, _) = refused(&with_policy(denying, &format!("capture --frames 1 --json {flag}")));
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("line 1 of /etc/usermedia/policy says `deny camera *`"), "{message}");
    }
    let (error, _) = refused(&with_policy("allow camera", "snapshot -o /tmp/never.png --json"));
    assert!(error["message"].as_str().unwrap().contains("/etc/usermedia/policy is not understood, line 1"), "{error}");
    let (error, _) = refused(&with_policy("allow camera *", "capture --frames 1 --json --permission deny"));
    assert!(error["message"].as_str().unwrap().contains("--permission"), "{error}");
    let allowed = with_policy("allow camera *", "capture --frames 1 --json");
    assert!(allowed.status.success(), "{}", String::from_utf8_lossy(&allowed.stderr));
    let check = with_policy(denying, "check");
    let told = String::from_utf8_lossy(&check.stdout).into_owned();
    assert_eq!(check.status.code(), Some(1), "{told}");
    assert!(told.contains("what /etc/usermedia/policy allows"), "{told}");
}
