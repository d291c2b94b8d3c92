//! inotify on a tree of files in place of `/dev`; uevents need a kernel with devices, and are tested in the lab.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::devices::fixture::Tree;

fn watch(tree: &Tree) -> LinuxWatch {
    LinuxWatch::open(&tree.directory("dev"), false)
}

/// What one look finds.
fn heard(watch: &mut LinuxWatch) -> Vec<String> {
    let changes = watch.drain();
    assert!(!changes.overflowed, "{changes:?}");
    changes.nodes.iter().map(|path| path.to_str().unwrap().to_owned()).collect()
}

#[test]
fn nodes_that_come_and_go_are_named_and_other_files_are_not() {
    let tree = Tree::new();
    let mut watch = watch(&tree);
    assert!(watch.hears());
    assert_eq!(watch.descriptors().len(), 1);
    assert_eq!(heard(&mut watch), [""; 0]);
    for name in ["null", "video3", "video-dec0", "videos"] {
        tree.file(&format!("dev/{name}"), "");
    }
    assert_eq!(heard(&mut watch), ["/dev/video3"]);
    tree.remove("dev/video3");
    tree.remove("dev/null");
    assert_eq!(heard(&mut watch), ["/dev/video3"]);
    assert_eq!(heard(&mut watch), [""; 0]);
}

#[test]
fn a_change_of_permissions_is_heard_and_reading_is_not() {
    let tree = Tree::new();
    tree.file("dev/video0", "");
    let mut watch = watch(&tree);
    let node = tree.directory("dev").join("video0");
    fs::set_permissions(&node, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(heard(&mut watch), ["/dev/video0"]);
    fs::read(&node).unwrap();
    fs::write(&node, "a frame").unwrap();
    assert_eq!(heard(&mut watch), [""; 0]);
}

#[test]
fn a_node_that_is_renamed_is_heard_under_both_names() {
    let tree = Tree::new();
    tree.file("dev/video0", "");
    let mut watch = watch(&tree);
    let dev = tree.directory("dev");
    fs::rename(dev.join("video0"), dev.join("video7")).unwrap();
    assert_eq!(heard(&mut watch), ["/dev/video0", "/dev/video7"]);
    fs::rename(dev.join("video7"), dev.join("renamed")).unwrap();
    assert_eq!(heard(&mut watch), ["/dev/video7"]);
}

#[test]
fn the_sound_directory_may_come_later_and_go_and_come_again() {
    let tree = Tree::new();
    let mut watch = watch(&tree);
    for _ in 0..2 {
        tree.directory("dev/snd");
        tree.file("dev/snd/pcmC0D0c", "");
        // The node was there before its directory could be watched: the directory stands for it.
        assert_eq!(heard(&mut watch), ["/dev/snd"]);
        tree.file("dev/snd/controlC0", "");
        tree.file("dev/snd/timer", "");
        assert_eq!(heard(&mut watch), ["/dev/snd/controlC0"]);
        fs::remove_dir_all(tree.directory("dev/snd")).unwrap();
        assert_eq!(heard(&mut watch), ["/dev/snd", "/dev/snd/controlC0", "/dev/snd/pcmC0D0c"]);
    }
}

#[test]
fn a_sound_directory_that_is_there_is_watched_from_the_start() {
    let tree = Tree::new();
    tree.directory("dev/snd");
    let mut watch = watch(&tree);
    tree.file("dev/snd/pcmC1D0c", "");
    assert_eq!(heard(&mut watch), ["/dev/snd/pcmC1D0c"]);
}

#[test]
fn a_directory_that_vanishes_leaves_a_deaf_watch_that_says_so_once() {
    let tree = Tree::new();
    let mut watch = watch(&tree);
    fs::remove_dir_all(tree.directory("dev")).unwrap();
    assert!(watch.drain().overflowed);
    assert!(!watch.hears());
    assert_eq!(watch.descriptors().len(), 0, "nothing is left that could be ready for ever");
    assert!(watch.drain().is_empty());
}

#[test]
fn without_a_directory_there_is_nothing_to_hear() {
    let tree = Tree::new();
    let mut watch = LinuxWatch::open(&tree.directory("elsewhere").join("dev"), false);
    assert!(!watch.hears());
    assert!(watch.drain().is_empty());
}

#[test]
fn uevents_can_be_listened_to_without_privileges() {
    let mut watch = LinuxWatch::open(Path::new("/dev"), true);
    // Some sandboxes refuse the socket; where there is one, nothing that waits in it is trouble.
    let open = watch.uevents.is_some();
    watch.drain();
    assert_eq!(watch.uevents.is_some(), open);
}

#[test]
fn a_message_from_another_process_is_not_the_kernels() {
    let Ok(listener) = open_uevents() else { return };
    let own: NetlinkAddr = nix::sys::socket::getsockname(listener.as_raw_fd()).unwrap();
    let forger = open_uevents().unwrap();
    let forged = b"add@/devices/x\0ACTION=add\0SUBSYSTEM=video4linux\0DEVNAME=video0\0";
    let flags = nix::sys::socket::MsgFlags::empty();
    let sent = nix::sys::socket::sendto(forger.as_raw_fd(), forged, &NetlinkAddr::new(own.pid(), 0), flags);
    if sent.is_ok() {
        let mut changes = Changes::default();
        drain_uevents(&listener, &mut changes).unwrap();
        assert!(!changes.nodes.contains(Path::new("/dev/video0")), "{changes:?}");
    }
}
