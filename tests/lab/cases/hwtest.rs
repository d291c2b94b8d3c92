//! `make hwtest`'s script on a real driver, from its first step to the archive.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::agent;
use crate::devices::{in_guest, succeed, vivid_webcam};
use crate::harness::{LabTest, lab_test};

pub const TESTS: &[LabTest] = &[lab_test!(the_hardware_test_writes_an_archive_without_a_picture).timeout_secs(300)];

/// The driver's unbinding is the hand at the plug. Nodes that come back belong to root, who runs this.
const HAND: &str = "#!/bin/sh
case $1 in
    unplug) echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind ;;
    plug) echo vivid.0 >/sys/bus/platform/drivers/vivid/bind ;;
esac
";

fn hwtest(folder: &Path) -> Command {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hw/hwtest"));
    command.env("USERMEDIA", env!("CARGO_BIN_EXE_usermedia")).env("HWTEST_DIR", folder);
    // As little as shows that each step does what it says.
    command.env("HWTEST_SECONDS", "1").env("HWTEST_FRAMES", "20").env("HWTEST_RUNS", "1");
    command.env("HWTEST_AGAINST", "").env("HWTEST_COUNTS", "none").env("HWTEST_SOUND", "no");
    command
}

fn the_hardware_test_writes_an_archive_without_a_picture() {
    // On a real machine other programs may be using the driver.
    if !in_guest() {
        return;
    }
    let folder = PathBuf::from("/tmp/hwtest");
    fs::create_dir_all(&folder).unwrap();
    let hand = folder.join("hand");
    fs::File::create(&hand).unwrap().write_all(HAND.as_bytes()).unwrap();
    fs::set_permissions(&hand, fs::Permissions::from_mode(0o755)).unwrap();
    let output = hwtest(&folder).env("HWTEST_CAMERA", vivid_webcam()).env("HWTEST_REPLUG", &hand).output().unwrap();
    agent::as_udev_would();
    let told = text(&output.stderr);
    println!("{told}");
    assert!(output.status.success(), "{}", output.status);

    let archive = unpacked(&folder);
    let file = |name: &str| fs::read_to_string(archive.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    for step in ["check", "list", "resolve", "capture", "recording", "snapshot", "bench", "replug"] {
        let passed = file("steps.txt").lines().any(|line| line.split_whitespace().take(2).eq(["passed", step]));
        assert!(passed, "{step}: {told}");
    }
    let json =
        |name: &str| -> Value { serde_json::from_str(&file(name)).unwrap_or_else(|error| panic!("{name}: {error}")) };
    assert!(json("capture.json")["video"]["source"]["captured"].as_u64() > Some(0));
    assert_eq!(json("recording.json")["streams"][0]["codec_type"], "video");
    assert_eq!(json("replug.json")["endedBy"], "SIGTERM");
    let last = file("bench.jsonl").lines().last().map(|line| serde_json::from_str::<Value>(line).unwrap()).unwrap();
    assert_eq!((&last["event"], &last["ok"]), (&"result".into(), &true.into()), "{last}");
    assert!(file("bench.svg").contains("<svg"));
    let events = file("replug.watch.jsonl");
    assert!(["removed", "arrived"].iter().all(|event| events.contains(&format!("\"event\":\"{event}\""))), "{events}");
    assert!(file("machine.txt").contains("driver vivid"), "{}", file("machine.txt"));

    let names: Vec<_> = fs::read_dir(&archive).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let is_private =
        |name: &&std::ffi::OsString| [".jpg", ".mkv"].iter().any(|end| name.to_string_lossy().ends_with(end));
    assert_eq!(names.iter().find(is_private), None);
    let everything: String = names.iter().map(|name| file(&name.to_string_lossy())).collect();
    assert!(!everything.contains(env!("CARGO_MANIFEST_DIR")), "a folder's name");
    fs::remove_dir_all(&folder).unwrap();
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The one archive in the folder, unpacked there.
fn unpacked(folder: &Path) -> PathBuf {
    let list = || fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let archives: Vec<_> = list().filter(|path| path.to_string_lossy().ends_with(".tar.gz")).collect();
    let [archive] = &archives[..] else { panic!("{archives:?}") };
    let _: Output = succeed(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder));
    PathBuf::from(archive.to_string_lossy().trim_end_matches(".tar.gz"))
}
