//! Tests that fail on purpose, each in its own way. They are there only when `self_test` asks for them.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::devices::{in_guest, succeed};
use crate::harness::{LabTest, lab_test};

/// With this in the environment the lab consists of these tests alone.
pub const VARIABLE: &str = "USERMEDIA_LAB_MISBEHAVE";

/// Whether they are asked for.
pub fn wanted() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Those that any machine survives.
pub const HARMLESS: &[LabTest] =
    &[lab_test!(panics), lab_test!(hangs).timeout_secs(2), lab_test!(passes_after_a_hang_with_nothing_left_of_it)];

/// Why no test crashes User-Mode Linux.
pub const NO_SYSRQ: &str = "User-Mode Linux has no sysrq to crash it by";

/// Those that only a guest may meet.
pub const HARMFUL: &[LabTest] = &[
    lab_test!(crashes_the_kernel).not_in_virtual_time(NO_SYSRQ),
    lab_test!(passes_after_a_crash).not_in_virtual_time(NO_SYSRQ),
    lab_test!(freezes_the_agent).timeout_secs(1),
    lab_test!(passes_after_a_freeze),
    lab_test!(makes_the_kernel_complain),
    lab_test!(passes_after_a_complaint),
];

/// In the guest's memory: gone after a reboot, and only then.
const MARK: &str = "/tmp/this-guest-has-seen-a-test";

/// Whether this guest was booted since the last call.
fn is_fresh() -> bool {
    let fresh = !Path::new(MARK).exists();
    fs::write(MARK, "").unwrap();
    fresh
}

fn panics() {
    if in_guest() {
        is_fresh();
    }
    println!("a word on stdout before it");
    panic!("the sentence the harness has to show");
}

fn hangs() {
    // With a process of its own, which has to go too.
    let _ = Command::new("sleep").arg("1000").status();
}

fn passes_after_a_hang_with_nothing_left_of_it() {
    let mut left = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if command == b"sleep\x001000\x00" {
            left.push(entry.file_name());
        }
    }
    assert!(left.is_empty(), "still there: {left:?}");
    if in_guest() {
        assert!(!is_fresh(), "a hang is no reason for a reboot");
    }
}

/// What would crash, or stop, the machine it runs on.
fn only_in_a_guest() {
    assert!(in_guest(), "not on a machine somebody needs");
}

fn crashes_the_kernel() {
    only_in_a_guest();
    println!("a word on stdout before the crash");
    fs::write("/proc/sysrq-trigger", "c").unwrap();
}

fn passes_after_a_crash() {
    assert!(is_fresh(), "the crashed guest should have been replaced");
}

/// No signal stops process 1, but a control group can freeze it: the agent cannot even time the test out.
fn freezes_the_agent() {
    only_in_a_guest();
    let groups = Path::new("/tmp/groups");
    fs::create_dir(groups).unwrap();
    succeed(Command::new("mount").args(["-t", "cgroup2", "none"]).arg(groups));
    fs::create_dir(groups.join("ice")).unwrap();
    fs::write(groups.join("ice/cgroup.procs"), "1").unwrap();
    fs::write(groups.join("ice/cgroup.freeze"), "1").unwrap();
}

fn passes_after_a_freeze() {
    assert!(is_fresh(), "the frozen guest should have been replaced");
}

fn makes_the_kernel_complain() {
    only_in_a_guest();
    let mut log = OpenOptions::new().write(true).open("/dev/kmsg").unwrap();
    log.write_all(b"BUG: as if a driver had gone wrong\n").unwrap();
}

fn passes_after_a_complaint() {
    assert!(is_fresh(), "the guest with the complaint should have been replaced");
}
