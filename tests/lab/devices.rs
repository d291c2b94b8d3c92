//! What lab tests share: finding the devices of the layout by name, the command under test, programs of others.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use crate::layout;
use crate::protocol::{SHARE_VARIABLE, STOCK_GUEST, VIRTUAL_TIME_GUEST};

/// The plain, single-planar webcam.
pub fn vivid_webcam() -> PathBuf {
    node(layout::WEBCAM)
}

/// The plain webcam with multi-planar formats.
pub fn vivid_webcam_multi_planar() -> PathBuf {
    node(layout::WEBCAM_MULTI_PLANAR)
}

/// The HDMI input.
pub fn vivid_hdmi() -> PathBuf {
    node(layout::HDMI_INPUT)
}

/// The camera node of the device that also has a node of every other kind.
pub fn vivid_every_kind() -> PathBuf {
    node(layout::EVERY_KIND)
}

/// v4l2loopback with `exclusive_caps=1`.
pub fn loopback_exclusive() -> PathBuf {
    node(layout::LOOPBACK_EXCLUSIVE)
}

/// v4l2loopback with `exclusive_caps=0`.
pub fn loopback_open() -> PathBuf {
    node(layout::LOOPBACK_OPEN)
}

/// The node whose name in sysfs is this one.
pub fn node(name: &str) -> PathBuf {
    find_node(name).unwrap_or_else(|| {
        let mut seen: Vec<String> = named_nodes().into_iter().map(|(name, _)| name).collect();
        seen.sort();
        panic!("no video node is named {name:?}; there are {seen:?} (with USERMEDIA_LAB=host, see --modprobe)");
    })
}

/// The same, where it may be away.
pub fn find_node(name: &str) -> Option<PathBuf> {
    named_nodes().into_iter().find_map(|(its_name, node)| (its_name == name).then_some(node))
}

fn named_nodes() -> Vec<(String, PathBuf)> {
    let nodes = fs::read_dir("/sys/class/video4linux").into_iter().flatten().flatten();
    let named = nodes.map(|entry| {
        let name = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
        (name.trim_end().to_owned(), Path::new("/dev").join(entry.file_name()))
    });
    named.collect()
}

/// A folder the test may write to, which the harness's machine sees too. /tmp is faster: it is the guest's memory.
pub fn share() -> PathBuf {
    PathBuf::from(std::env::var_os(SHARE_VARIABLE).expect("the harness names the share"))
}

/// Whether this is a guest, which has devices no real machine has and nobody else to disturb.
pub fn in_guest() -> bool {
    std::env::var("USERMEDIA_LAB").is_ok_and(|place| [STOCK_GUEST, VIRTUAL_TIME_GUEST].contains(&place.as_str()))
}

/// Whether computing takes no time here.
pub fn in_virtual_time() -> bool {
    std::env::var("USERMEDIA_LAB").is_ok_and(|place| place == VIRTUAL_TIME_GUEST)
}

/// The command under test.
pub fn usermedia() -> Command {
    Command::new(env!("CARGO_BIN_EXE_usermedia"))
}

/// Runs a program that has to succeed.
#[track_caller]
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output
}

/// Loads a module, and what it needs.
#[track_caller]
pub fn modprobe(module: &str) {
    let program = if in_guest() { crate::agent::MODPROBE } else { "modprobe" };
    succeed(Command::new(program).arg(module));
}

/// `v4l2-ctl` on a node, with these arguments.
pub fn v4l2_ctl(node: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("v4l2-ctl");
    command.arg("--device").arg(node).args(arguments);
    command
}

/// Looks every 20 ms until there is something to see; panics after twenty seconds, or more where all is slower: an emulated
/// processor whose host is busy takes ten to start FFmpeg.
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    let patience = Duration::from_secs(20) * crate::harness::slowness();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < patience, "in {patience:?}: not {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A child that is killed when the test is done with it.
pub struct Background(std::process::Child);

impl Background {
    /// Starts it.
    #[track_caller]
    pub fn start(command: &mut Command) -> Background {
        Background(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Takes over one that was started.
    pub fn of(child: std::process::Child) -> Background {
        Background(child)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
