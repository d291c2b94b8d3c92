//! Listing devices: what the library says of the layout's nodes, against what the drivers and v4l2-ctl say.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::{self, Gid, Group, Uid};
use usermedia::devices::{
    FrameRates, MediaDeviceInfo, MediaDeviceKind, Span, UnusableReason, Values, enumerate_all_devices,
    enumerate_devices,
};

use crate::devices::{
    Background, eventually, in_guest, loopback_exclusive, loopback_open, node, succeed, v4l2_ctl, vivid_every_kind,
    vivid_hdmi, vivid_webcam, vivid_webcam_multi_planar,
};
use crate::harness::{LabTest, lab_test};
use crate::layout;

pub const TESTS: &[LabTest] = &[
    lab_test!(cameras_are_listed_and_every_other_node_has_its_reason),
    lab_test!(modes_are_the_ones_v4l2_ctl_lists),
    lab_test!(multi_planar_formats_are_listed_too),
    lab_test!(an_hdmi_input_gives_its_range_at_the_signals_rate),
    lab_test!(ids_are_unique_and_have_no_node_number),
    lab_test!(ids_survive_the_drivers_unbinding_and_binding),
    lab_test!(an_idle_loopback_is_last_and_a_written_one_has_the_writers_mode),
    lab_test!(a_loopback_with_its_openers_used_up_is_busy),
    lab_test!(a_streaming_camera_is_listed_in_full_and_streams_on),
    lab_test!(without_permission_the_group_that_helps_is_named),
    lab_test!(every_capture_pcm_is_a_microphone).not_in_virtual_time(layout::NO_HDA),
    lab_test!(a_busy_microphone_names_its_holder).not_in_virtual_time(layout::NO_HDA),
    lab_test!(the_default_pcm_is_listed_only_where_one_is_configured),
    lab_test!(listing_leaves_no_descriptor_open),
];

/// The entry of a node or PCM.
#[track_caller]
pub(super) fn find<'a>(devices: &'a [MediaDeviceInfo], path: &Path) -> &'a MediaDeviceInfo {
    let found = devices.iter().find(|info| Path::new(&info.path) == path);
    found.unwrap_or_else(|| panic!("{} is not among {devices:#?}", path.display()))
}

pub(super) fn reason(info: &MediaDeviceInfo) -> Option<UnusableReason> {
    info.unusable.as_ref().map(|unusable| unusable.reason)
}

fn cameras_are_listed_and_every_other_node_has_its_reason() {
    let all = enumerate_all_devices();
    for camera in [vivid_webcam(), vivid_webcam_multi_planar(), vivid_hdmi(), vivid_every_kind()] {
        let info = find(&all, &camera);
        assert_eq!((reason(info), info.label.as_str(), info.driver.as_str()), (None, layout::VIVID, layout::VIVID));
        assert!(!info.modes.is_empty());
    }
    let usable = enumerate_devices();
    for name in layout::NOT_CAMERAS {
        let expected = match name.trim_start_matches("vivid-003-") {
            "vid-out" => UnusableReason::OutputOnly,
            "vbi-cap" | "vbi-out" => UnusableReason::Vbi,
            "sdr-cap" | "rad-rx" | "rad-tx" => UnusableReason::Radio,
            "meta-cap" | "meta-out" => UnusableReason::Metadata,
            "touch-cap" => UnusableReason::Touch,
            other => panic!("the layout has a new kind of node: {other}"),
        };
        let info = find(&all, &node(name));
        assert_eq!(reason(info), Some(expected), "{name}");
        assert!(!info.unusable.as_ref().unwrap().message.is_empty());
        assert!(!usable.iter().any(|other| other.path == info.path), "{name} is listed as a camera");
    }
}

/// `FOURCC WxH FPS` for every mode, rates rounded as v4l2-ctl prints them.
fn modes_of(info: &MediaDeviceInfo) -> BTreeSet<String> {
    let mut modes = BTreeSet::new();
    for mode in &info.modes {
        let (Span::Fixed(width), Span::Fixed(height)) = (mode.width, mode.height) else { panic!("{mode:?}") };
        let FrameRates::List(rates) = &mode.frame_rates else { panic!("{mode:?}") };
        for rate in rates {
            modes.insert(format!("{} {width}x{height} {:.3}", mode.fourcc, rate.as_f64()));
        }
    }
    modes
}

fn modes_according_to_v4l2_ctl(node: &Path) -> BTreeSet<String> {
    let output = succeed(&mut v4l2_ctl(node, &["--list-formats-ext"]));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (mut fourcc, mut size, mut modes) = (String::new(), String::new(), BTreeSet::new());
    for line in text.lines().map(str::trim) {
        if let Some((_, rest)) = line.split_once("]: '") {
            fourcc = rest.split_once('\'').unwrap().0.to_owned();
        } else if let Some(rest) = line.strip_prefix("Size: Discrete ") {
            size = rest.to_owned();
        } else if let Some((_, rest)) = line.split_once('(') {
            modes.insert(format!("{fourcc} {size} {}", rest.trim_end_matches(" fps)")));
        }
    }
    modes
}

/// That the library and v4l2-ctl list the same modes, at least so many.
#[track_caller]
pub(super) fn assert_modes_agree(node: &Path, least: usize) {
    let all = enumerate_all_devices();
    let (ours, theirs) = (modes_of(find(&all, node)), modes_according_to_v4l2_ctl(node));
    assert!(theirs.len() >= least, "{} modes: v4l2-ctl's output was not understood", theirs.len());
    let differ: Vec<_> = ours.symmetric_difference(&theirs).take(10).collect();
    assert!(differ.is_empty(), "{} against {}: {differ:?}", ours.len(), theirs.len());
}

fn modes_are_the_ones_v4l2_ctl_lists() {
    assert_modes_agree(&vivid_webcam(), 1000);
}

fn multi_planar_formats_are_listed_too() {
    assert_modes_agree(&vivid_webcam_multi_planar(), 1000);
    let all = enumerate_all_devices();
    let formats: BTreeSet<_> =
        find(&all, &vivid_webcam_multi_planar()).modes.iter().map(|mode| mode.fourcc.to_string()).collect();
    assert!(["NM12", "YM12", "YUYV"].iter().all(|fourcc| formats.contains(*fourcc)), "{formats:?}");
}

fn an_hdmi_input_gives_its_range_at_the_signals_rate() {
    let all = enumerate_all_devices();
    let mode = &find(&all, &vivid_hdmi()).modes[0];
    assert!(matches!(mode.width, Span::Range { .. }) && mode.width.contains(1920), "{mode:?}");
    let FrameRates::List(rates) = &mode.frame_rates else { panic!("{mode:?}") };
    assert_eq!(rates.iter().map(ToString::to_string).collect::<Vec<_>>(), ["60/1"]);
}

fn ids_are_unique_and_have_no_node_number() {
    let all = enumerate_all_devices();
    let ids: BTreeSet<_> = all.iter().map(|info| (info.kind.as_str(), &info.device_id)).collect();
    assert_eq!(ids.len(), all.len(), "{ids:?}");
    for info in &all {
        assert!(!info.device_id.contains("video") && !info.device_id.contains("/dev"), "{}", info.device_id);
    }
    assert_eq!(find(&all, &loopback_open()).device_id, "virtual-Open_loopback");
    let family = &find(&all, &vivid_every_kind()).group_id;
    assert!(layout::NOT_CAMERAS.iter().all(|name| find(&all, &node(name)).group_id == *family));
    assert_eq!(enumerate_all_devices(), all, "a second listing is the same");
}

/// As udev's rules do it. There is no udev in the guest, and a node that came back belongs to root alone.
fn give_to_group_video(node: &Path) {
    let group = Group::from_name("video").unwrap().expect("Debian has a group video");
    unistd::chown(node, None, Some(group.gid)).unwrap();
    fs::set_permissions(node, fs::Permissions::from_mode(0o660)).unwrap();
}

fn ids_survive_the_drivers_unbinding_and_binding() {
    // On a real machine other programs may be using it.
    if !in_guest() {
        return;
    }
    let ids = || enumerate_all_devices().into_iter().map(|info| info.device_id).collect::<Vec<_>>();
    let before = ids();
    let driver = Path::new("/sys/bus/platform/drivers/vivid");
    fs::write(driver.join("unbind"), "vivid.0").unwrap();
    assert!(!ids().iter().any(|id| id.contains("vivid")));
    fs::write(driver.join("bind"), "vivid.0").unwrap();
    eventually("the same ids again", || (ids() == before).then_some(()));
    for info in enumerate_all_devices().iter().filter(|info| info.driver == layout::VIVID) {
        give_to_group_video(Path::new(&info.path));
    }
}

/// Something that writes 320x240 into a loopback.
fn writer(node: &Path) -> Background {
    let format = "--set-fmt-video-out=width=320,height=240,pixelformat=YUYV";
    Background::start(v4l2_ctl(node, &[format, "--stream-out-mmap"]).stdout(Stdio::null()).stderr(Stdio::null()))
}

fn an_idle_loopback_is_last_and_a_written_one_has_the_writers_mode() {
    let all = enumerate_all_devices();
    let exclusive = find(&all, &loopback_exclusive());
    assert_eq!(reason(exclusive), Some(UnusableReason::NoWriter));
    let cameras: Vec<_> =
        enumerate_devices().into_iter().filter(|info| info.kind == MediaDeviceKind::VideoInput).collect();
    let idle = cameras.last().unwrap();
    assert_eq!(Path::new(&idle.path), loopback_open());
    assert_eq!((idle.modes[0].width.min(), idle.modes[0].width.max()), (2, 8192));
    assert!(matches!(idle.modes[0].frame_rates, FrameRates::Range { .. }));
    let formats: BTreeSet<_> = idle.modes.iter().map(|mode| mode.fourcc).collect();
    assert_eq!(formats.len(), idle.modes.len(), "one range per format");

    let writer = writer(&loopback_exclusive());
    let written = eventually("a camera while something writes", || {
        let all = enumerate_devices();
        all.into_iter().find(|info| Path::new(&info.path) == loopback_exclusive())
    });
    assert_eq!(written.device_id, exclusive.device_id);
    assert_eq!(written.modes.len(), 1);
    let mode = &written.modes[0];
    assert_eq!((mode.width, mode.height, mode.fourcc.to_string()), (Span::Fixed(320), Span::Fixed(240), "YUYV".into()));
    drop(writer);
    eventually("an output again", || {
        (reason(find(&enumerate_all_devices(), &loopback_exclusive())) == Some(UnusableReason::NoWriter)).then_some(())
    });
}

fn a_loopback_with_its_openers_used_up_is_busy() {
    let node = loopback_open();
    let attribute = Path::new("/sys/class/video4linux").join(node.file_name().unwrap()).join("max_openers");
    let allowed = fs::read_to_string(&attribute).unwrap();
    fs::write(&attribute, "1").unwrap();
    let opener = fs::File::open(&node).unwrap();
    let info = find(&enumerate_all_devices(), &node).clone();
    drop(opener);
    fs::write(&attribute, allowed.trim()).unwrap();
    assert_eq!((reason(&info), info.busy), (Some(UnusableReason::Busy), true));
    assert_eq!(info.device_id, "virtual-Open_loopback");
    assert!(info.unusable.unwrap().remedy.unwrap().contains("max_openers"));
}

fn a_streaming_camera_is_listed_in_full_and_streams_on() {
    let idle = find(&enumerate_all_devices(), &vivid_webcam()).clone();
    let arguments = ["--set-fmt-video=width=640,height=480,pixelformat=YUYV", "--stream-mmap", "--stream-count=60"];
    let mut streaming = v4l2_ctl(&vivid_webcam(), &arguments).stderr(Stdio::null()).spawn().unwrap();
    for _ in 0..3 {
        assert_eq!(*find(&enumerate_all_devices(), &vivid_webcam()), idle);
    }
    assert!(streaming.wait().unwrap().success(), "v4l2-ctl was disturbed");
}

fn without_permission_the_group_that_helps_is_named() {
    let (with, camera) = (enumerate_all_devices(), vivid_webcam());
    give_to_group_video(&camera);
    let nobody = 65_534;
    unistd::setgroups(&[]).unwrap();
    unistd::setgid(Gid::from_raw(nobody)).unwrap();
    unistd::setuid(Uid::from_raw(nobody)).unwrap();
    let without = enumerate_all_devices();
    let ids = |devices: &[MediaDeviceInfo]| devices.iter().map(|info| info.device_id.clone()).collect::<BTreeSet<_>>();
    assert_eq!(ids(&with), ids(&without), "the ids are the same");
    let refused = find(&without, &camera).unusable.as_ref().unwrap();
    assert_eq!((refused.reason, refused.errno), (UnusableReason::NoPermission, Some(13)));
    assert!(refused.remedy.as_ref().unwrap().contains("usermod -aG video"), "{refused:?}");
    let microphone = without.iter().find(|info| info.kind == MediaDeviceKind::AudioInput).unwrap();
    let refused = microphone.unusable.as_ref().unwrap();
    assert_eq!(refused.reason, UnusableReason::NoPermission);
    assert!(refused.remedy.as_ref().unwrap().contains("usermod -aG audio"), "{refused:?}");
}

fn every_capture_pcm_is_a_microphone() {
    let all = enumerate_devices();
    let loopback: Vec<_> = all.iter().filter(|info| info.driver == "snd_aloop").collect();
    assert_eq!(loopback.len(), 2);
    assert_eq!(loopback[0].group_id, loopback[1].group_id);
    assert!(matches!(loopback[0].audio.sample_rate, Some(Values::Range { .. })), "{:?}", loopback[0].audio);
    assert!(loopback[0].audio.sample_formats.iter().any(|format| format == "S16_LE"));
    if in_guest() {
        let hda = all.iter().find(|info| info.driver == "snd_hda_intel").unwrap();
        assert_eq!(hda.label, "HDA Intel");
        assert!(hda.device_id.starts_with("pci-0000:00:"), "{}", hda.device_id);
        let Some(Values::List(rates)) = &hda.audio.sample_rate else { panic!("{:?}", hda.audio) };
        assert!(rates.contains(&44_100) && rates.contains(&48_000), "{rates:?}");
        let position = |driver| all.iter().position(|info| info.driver == driver);
        assert!(position("snd_hda_intel") < position("snd_aloop"), "hardware before virtual");
    }
}

fn a_busy_microphone_names_its_holder() {
    if !in_guest() {
        return;
    }
    let card = enumerate_devices().into_iter().find(|info| info.driver == "snd_hda_intel").unwrap();
    let mut record = Command::new("arecord");
    record.args(["-q", "-D", &card.path, "-f", "S16_LE", "-r", "48000", "-c", "2", "/dev/null"]);
    let recorder = Background::start(&mut record);
    let busy = eventually("a busy microphone", || {
        enumerate_devices().into_iter().find(|info| info.path == card.path && info.busy)
    });
    drop(recorder);
    assert_eq!((&busy.device_id, busy.audio.sample_rate.is_none()), (&card.device_id, true));
    let unusable = busy.unusable.unwrap();
    assert_eq!(unusable.reason, UnusableReason::Busy);
    assert_eq!(unusable.holder.unwrap().process, "arecord");
}

fn the_default_pcm_is_listed_only_where_one_is_configured() {
    // A real machine's user may have configured one.
    if !in_guest() {
        return;
    }
    let home = "/tmp/asound-home";
    let is_default = |info: &MediaDeviceInfo| info.device_id == "default";
    if std::env::var("HOME").is_ok_and(|set| set == home) {
        let all = enumerate_devices();
        let default = all.last().filter(|info| is_default(info)).expect("the configured default, last");
        assert_eq!((default.label.as_str(), default.shared), ("Shared loopback", true));
        return;
    }
    assert!(!enumerate_all_devices().iter().any(is_default), "libasound's own default is not a configured one");
    fs::create_dir_all(home).unwrap();
    let hint = "hint { show on description \"Shared loopback\" }";
    let text = format!("pcm.!default {{ type plug slave.pcm \"dsnoop:Loopback\" {hint} }}\n");
    fs::write(Path::new(home).join(".asoundrc"), text).unwrap();
    // The second half of this test, in a process whose libasound finds that configuration.
    let test = "discovery::the_default_pcm_is_listed_only_where_one_is_configured";
    succeed(Command::new("/proc/self/exe").args(["--guest-test", test]).env("HOME", home));
}

fn listing_leaves_no_descriptor_open() {
    // libasound keeps nothing open either; the first listing may open what a process opens once.
    enumerate_all_devices();
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    for _ in 0..3 {
        enumerate_all_devices();
    }
    assert_eq!(open(), before);
}
