//! Which processes have a node open, and what they do with it, as `/proc` tells: proc_pid_fd(5), proc_pid_fdinfo(5),
//! proc_pid_maps(5).

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::world::{LinuxWorld, World};
use crate::error::Holder;

/// The access mode in a descriptor's `flags`, which are octal, and the one that cannot read: open(2).
const ACCESS_MODE: u32 = 0o3;
const WRITE_ONLY: u32 = 0o1;

/// A process that has a node open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holding {
    pub holder: Holder,
    pub hold: Hold,
}

/// What a process does with the node, as far as can be told: the later, the likelier it is in the way of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hold {
    /// It can only write: it feeds a loopback.
    Writing,
    /// It has it open.
    Open,
    /// It has the device's buffers in its memory: it streams.
    Streaming,
}

/// Who has `node` open, of the processes whose descriptors this user may read, in the order of their numbers. This process
/// counts only where it streams: it opens nodes to list them.
pub(super) fn holdings(world: &LinuxWorld, node: &Path) -> Vec<Holding> {
    let mut pids: Vec<u32> = world.list(Path::new("/proc")).iter().filter_map(|name| name.parse().ok()).collect();
    pids.sort_unstable();
    let found = pids.into_iter().filter_map(|pid| {
        let directory = PathBuf::from(format!("/proc/{pid}"));
        let hold = hold(world, &directory, node)?;
        if pid == std::process::id() && hold != Hold::Streaming {
            return None;
        }
        // A process that ended since has let go.
        let process = world.read(&directory.join("comm"))?;
        Some(Holding { holder: Holder { process, pid }, hold })
    });
    found.collect()
}

fn hold(world: &LinuxWorld, process: &Path, node: &Path) -> Option<Hold> {
    let descriptors = fs::read_dir(world.at(&process.join("fd"))).ok()?.filter_map(Result::ok);
    let ours = descriptors.filter(|descriptor| {
        fs::read_link(descriptor.path()).is_ok_and(|target| target.as_os_str() == OsStr::new(node))
    });
    let opened = ours.map(|descriptor| {
        let information = world.read(&process.join("fdinfo").join(descriptor.file_name()));
        if information.is_some_and(|text| can_only_write(&text)) { Hold::Writing } else { Hold::Open }
    });
    let hold = opened.max()?;
    Some(if has_mapped(&world.at(&process.join("maps")), node) { Hold::Streaming } else { hold })
}

fn can_only_write(information: &str) -> bool {
    let flags = information.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & ACCESS_MODE == WRITE_ONLY)
}

/// Line by line: a browser's list is megabytes long.
fn has_mapped(maps: &Path, node: &Path) -> bool {
    let Ok(maps) = File::open(maps) else { return false };
    let name = [b" ", node.as_os_str().as_bytes()].concat();
    BufReader::new(maps).split(b'\n').map_while(Result::ok).any(|line| line.ends_with(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::fixture::Tree;

    const NODE: &str = "/dev/video0";

    /// A process with the node open as descriptor 9, with these flags, which has mapped what the lines say.
    fn process(tree: &Tree, pid: u32, name: &str, flags: &str, maps: &str) {
        tree.file(&format!("proc/{pid}/comm"), &format!("{name}\n"));
        tree.link(&format!("proc/{pid}/fd/9"), NODE);
        tree.file(&format!("proc/{pid}/fdinfo/9"), &format!("pos:\t0\nflags:\t{flags}\nmnt_id:\t26\n"));
        tree.file(&format!("proc/{pid}/maps"), maps);
    }

    fn found(tree: &Tree) -> Vec<(String, u32, Hold)> {
        let holdings = tree.world().holdings(Path::new(NODE)).into_iter();
        holdings.map(|Holding { holder, hold }| (holder.process, holder.pid, hold)).collect()
    }

    #[test]
    fn whoever_has_a_node_open_is_found_with_what_they_do() {
        let tree = Tree::new();
        tree.file("proc/7/comm", "idle\n");
        tree.directory("proc/7/fd");
        tree.file("proc/self-like/comm", "no number\n");
        process(&tree, 90, "sh", "0100001", "");
        let others = "7f00-7f10 rw-s 00000000 00:06 9 /dev/video01\n7f20-7f30 rw-s 00000000 00:06 9 /srv/dev/video0\n";
        process(&tree, 100, "wireplumber", "0104002", others);
        process(
            &tree,
            1234,
            "obs",
            "02",
            "5500-5510 r--p 00000000 fe:01 7 /usr/bin/obs\n7f00-7f10 rw-s 0 00:06 9 /dev/video0\n",
        );
        let expected = [
            ("sh".to_owned(), 90, Hold::Writing),
            ("wireplumber".to_owned(), 100, Hold::Open),
            ("obs".to_owned(), 1234, Hold::Streaming),
        ];
        assert_eq!(found(&tree), expected);
        assert_eq!(tree.world().holdings(Path::new("/dev/video1")), []);
    }

    #[test]
    fn what_cannot_be_read_of_a_holder_leaves_it_a_holder() {
        let tree = Tree::new();
        tree.file("proc/5/comm", "motion\n");
        tree.link("proc/5/fd/3", NODE);
        process(&tree, 6, "odd", "what?", "");
        assert_eq!(found(&tree), [("motion".to_owned(), 5, Hold::Open), ("odd".to_owned(), 6, Hold::Open)]);
    }

    #[test]
    fn this_process_counts_only_where_it_streams() {
        let tree = Tree::new();
        let pid = std::process::id();
        process(&tree, pid, "me", "02", "");
        assert_eq!(found(&tree), []);
        tree.file(&format!("proc/{pid}/maps"), "7f00-7f10 rw-s 0 00:06 9 /dev/video0");
        assert_eq!(found(&tree), [("me".to_owned(), pid, Hold::Streaming)]);
    }
}
