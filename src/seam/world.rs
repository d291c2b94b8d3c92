//! What the system says about its devices without opening them: `/dev`, sysfs and `/proc`.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use nix::unistd::{self, AccessFlags, Gid, Group, Uid, User};

use super::holding::{Holding, holdings};
use super::watch::{LinuxWatch, Watch};

/// The longest attribute that is read: sysfs gives a page at most, the lists in `/proc/asound` a few.
const LONGEST_ATTRIBUTE: usize = 64 * 1024;

/// The names of V4L2's nodes in `/dev`, each followed by a number (drivers/media/v4l2-core/v4l2-dev.c). Sub-devices are
/// left out: they are parts of a camera, not sources of pictures.
const NODE_NAMES: [&str; 5] = ["video", "vbi", "radio", "swradio", "v4l-touch"];

/// A V4L2 node, as `/dev` and sysfs know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// `/dev/video0`.
    pub path: PathBuf,
    /// Whether `path` exists: in a container the kernel may know more nodes than `/dev` shows.
    pub present: bool,
    /// Its directory in sysfs without symbolic links (`/sys/devices/…/video4linux/video0`), where sysfs is readable.
    pub sysfs: Option<PathBuf>,
}

/// Who may open a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    /// The permission bits, as `stat(2)` gives them.
    pub mode: u32,
    /// The name of its group, or the number where the group has no name.
    pub group: String,
    /// Whether that group is root's own, which nobody should be added to.
    pub group_is_root: bool,
    /// Whether the permissions let this process open it for reading and writing.
    pub allowed: bool,
    /// Whether this process has the group.
    pub member: bool,
    /// Whether the user database has this user in the group, as it does after `usermod` and before the next login.
    pub member_at_next_login: bool,
}

/// The system around the devices. Paths are absolute paths of that system. Nothing here fails: what cannot be read is
/// not known.
pub(crate) trait World: Send + Sync + fmt::Debug {
    /// The V4L2 nodes of `/dev` and of sysfs, by kind and number.
    fn v4l_nodes(&self) -> Vec<Node>;
    /// That one of them, where it is there.
    fn v4l_node(&self, path: &Path) -> Option<Node> {
        self.v4l_nodes().into_iter().find(|node| node.path == path && node.present)
    }
    /// A small file as text without trailing white space, made valid UTF-8.
    fn read(&self, path: &Path) -> Option<String>;
    /// Where a symbolic link of sysfs leads. sysfs has links from one directory to another and none on the way to them, so
    /// that reading this one is enough.
    fn link(&self, path: &Path) -> Option<PathBuf>;
    /// The names in a directory, in byte order.
    fn list(&self, directory: &Path) -> Vec<String>;
    /// Who may open a node.
    fn access(&self, node: &Path) -> Option<Access>;
    /// The processes that have the node open, of those whose descriptors this user may read.
    fn holdings(&self, node: &Path) -> Vec<Holding>;
    /// Begins to listen for nodes that come, go or change their permissions.
    fn watch(&self) -> Box<dyn Watch>;
}

/// The system this process runs on, or a tree of files that looks like one.
#[derive(Debug, Clone)]
pub(crate) struct LinuxWorld {
    root: PathBuf,
}

impl LinuxWorld {
    /// The system this process runs on.
    pub(crate) fn new() -> Self {
        Self::rooted("/")
    }

    /// The tree below `root`, which holds its own `dev`, `sys` and `proc`.
    pub(crate) fn rooted(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where a path of that system is.
    pub(super) fn at(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The sysfs directory of a node in `/dev`: by its device number, because a container may show a node under
    /// another name; by name where `path` is no character device.
    fn sysfs_of(&self, path: &Path, name: &str) -> Option<PathBuf> {
        let metadata = fs::metadata(self.at(path)).ok()?;
        if metadata.file_type().is_char_device() {
            let (major, minor) = (nix::sys::stat::major(metadata.rdev()), nix::sys::stat::minor(metadata.rdev()));
            return self.link(Path::new(&format!("/sys/dev/char/{major}:{minor}")));
        }
        self.link(&Path::new("/sys/class/video4linux").join(name))
    }
}

/// The kind and number of a node's name, by which nodes are ordered: (0, 12) for `video12`. `None` for other names, such as
/// `video-dec0`.
pub(crate) fn node_rank(name: &str) -> Option<(usize, u32)> {
    NODE_NAMES.iter().enumerate().find_map(|(kind, prefix)| {
        let number = name.strip_prefix(prefix)?;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some((kind, number.parse().ok()?))
    })
}

/// An absolute path without `.` and `..`, by text alone.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::Normal(name) => plain.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    plain
}

/// Whether it is the name of a node that [`World::v4l_nodes`] lists.
pub(super) fn is_node_name(name: &str) -> bool {
    node_rank(name).is_some()
}

impl World for LinuxWorld {
    fn v4l_nodes(&self) -> Vec<Node> {
        let mut nodes: Vec<(_, Node)> = Vec::new();
        for name in self.list(Path::new("/dev")) {
            if let Some(rank) = node_rank(&name) {
                let path = Path::new("/dev").join(&name);
                let sysfs = self.sysfs_of(&path, &name);
                nodes.push((rank, Node { path, present: true, sysfs }));
            }
        }
        for name in self.list(Path::new("/sys/class/video4linux")) {
            let Some(rank) = node_rank(&name) else { continue };
            let path = Path::new("/dev").join(&name);
            if nodes.iter().any(|(_, node)| node.path == path) {
                continue;
            }
            let Some(sysfs) = self.link(&Path::new("/sys/class/video4linux").join(&name)) else { continue };
            if !nodes.iter().any(|(_, node)| node.sysfs.as_ref() == Some(&sysfs)) {
                nodes.push((rank, Node { path, present: false, sysfs: Some(sysfs) }));
            }
        }
        nodes.sort_by_key(|(rank, _)| *rank);
        nodes.into_iter().map(|(_, node)| node).collect()
    }

    fn v4l_node(&self, path: &Path) -> Option<Node> {
        let name = path.strip_prefix("/dev").ok()?.to_str().filter(|name| is_node_name(name))?;
        self.at(path).exists().then(|| Node { path: path.to_owned(), present: true, sysfs: self.sysfs_of(path, name) })
    }

    fn read(&self, path: &Path) -> Option<String> {
        let mut file = File::open(self.at(path)).ok()?;
        let (mut part, mut bytes) = ([0; 512], Vec::new());
        while bytes.len() < LONGEST_ATTRIBUTE {
            let count = file.read(&mut part).ok()?;
            bytes.extend_from_slice(&part[..count]);
            // An attribute of sysfs is made at once, and given as far as there is room (Documentation/filesystems/sysfs.rst).
            if count == 0 || (count < part.len() && path.starts_with("/sys")) {
                break;
            }
        }
        Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    fn link(&self, path: &Path) -> Option<PathBuf> {
        let target = fs::read_link(self.at(path)).ok()?;
        // The kernel's own are relative. An absolute one is a tree's, and leads inside of it.
        let target = target.strip_prefix(&self.root).map_or(target.clone(), |inside| Path::new("/").join(inside));
        Some(without_dots(&path.parent()?.join(target)))
    }

    fn list(&self, directory: &Path) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.at(directory)) else { return Vec::new() };
        let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    fn access(&self, node: &Path) -> Option<Access> {
        let path = self.at(node);
        let metadata = fs::metadata(&path).ok()?;
        let gid = Gid::from_raw(metadata.gid());
        let group = Group::from_gid(gid).ok().flatten();
        let member = unistd::getegid() == gid || unistd::getgroups().is_ok_and(|groups| groups.contains(&gid));
        let user = User::from_uid(Uid::current()).ok().flatten();
        let member_at_next_login = match (&group, &user) {
            (Some(group), Some(user)) => group.mem.contains(&user.name) || user.gid == gid,
            _ => false,
        };
        Some(Access {
            mode: metadata.mode() & 0o777,
            group: group.map_or_else(|| gid.to_string(), |group| group.name),
            group_is_root: gid.as_raw() == 0,
            allowed: unistd::eaccess(&path, AccessFlags::R_OK | AccessFlags::W_OK).is_ok(),
            member,
            member_at_next_login,
        })
    }

    fn holdings(&self, node: &Path) -> Vec<Holding> {
        holdings(self, node)
    }

    fn watch(&self) -> Box<dyn Watch> {
        Box::new(LinuxWatch::open(&self.at(Path::new("/dev")), self.root == Path::new("/")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::fixture::Tree;

    #[test]
    fn nodes_come_by_kind_and_number_and_other_names_are_left_out() {
        let tree = Tree::new();
        for name in ["video10", "video2", "video-dec0", "radio0", "v4l-subdev0", "video", "vbi1", "null"] {
            tree.file(&format!("dev/{name}"), "");
        }
        let names: Vec<_> = tree.world().v4l_nodes().into_iter().map(|node| node.path).collect();
        assert_eq!(names, ["/dev/video2", "/dev/video10", "/dev/vbi1", "/dev/radio0"].map(PathBuf::from));
    }

    #[test]
    fn a_node_that_only_sysfs_knows_is_listed_as_absent() {
        let tree = Tree::new();
        tree.node("video0", "devices/platform/cam.0", "platform", &[]);
        tree.remove("dev/video0");
        let nodes = tree.world().v4l_nodes();
        assert_eq!(nodes.len(), 1);
        assert!(!nodes[0].present);
        assert_eq!(nodes[0].sysfs.as_deref(), Some(Path::new("/sys/devices/platform/cam.0/video4linux/video0")));
    }

    #[test]
    fn a_link_leads_where_the_kernel_says_from_where_it_stands() {
        let tree = Tree::new();
        tree.link("sys/dev/char/81:0", "../../devices/platform/cam.0/video4linux/video0");
        let world = tree.world();
        let node = Path::new("/sys/devices/platform/cam.0/video4linux/video0");
        assert_eq!(world.link(Path::new("/sys/dev/char/81:0")).as_deref(), Some(node));
        tree.link("sys/devices/up", "../../../../..");
        assert_eq!(world.link(Path::new("/sys/devices/up")).as_deref(), Some(Path::new("/")));
        tree.file("sys/devices/file", "");
        assert_eq!(world.link(Path::new("/sys/devices/file")), None);
    }

    #[test]
    fn broken_text_is_read_and_a_missing_file_is_not() {
        let tree = Tree::new();
        tree.bytes("sys/name", b"caf\xc3 cam\n");
        let world = tree.world();
        assert_eq!(world.read(Path::new("/sys/name")).as_deref(), Some("caf\u{fffd} cam"));
        assert_eq!(world.read(Path::new("/sys/other")), None);
    }
}
