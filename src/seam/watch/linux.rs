//! The two sources of this system, opened and drained.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use nix::sys::socket::{AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, socket};

use super::{Changes, Watch, mounts, uevent};
use crate::seam::world::is_node_name;

/// The multicast group of the kernel's own uevents; udev sends its own to group 2.
const KERNEL_GROUP: u32 = 1;

/// More than a uevent can be: its variables fill 2048 bytes at most (UEVENT_BUFFER_SIZE), its header a path.
const LONGEST_UEVENT: usize = 8192;

/// How many messages are taken in one go: the thread has other devices to serve, and comes again.
const MOST_AT_ONCE: usize = 64;

/// The user namespace that sees all users, by its /proc/self/uid_map: the only one that uevents are sent to
/// (uevent_net_init in lib/kobject_uevent.c).
const ALL_USERS: [&str; 3] = ["0", "0", "4294967295"];

/// Uevents and inotify, each where it can be had.
pub(in crate::seam) struct LinuxWatch {
    uevents: Option<OwnedFd>,
    /// Whether uevents come to this process at all.
    in_first_namespace: bool,
    nodes: Option<NodeWatch>,
    /// Whether nodes come and go in the watched directory.
    nodes_live: bool,
}

impl LinuxWatch {
    /// Opens what can be had. `dev` is where nodes are; a system that is only a tree of files has no uevents.
    pub(in crate::seam) fn open(dev: &Path, is_system: bool) -> Self {
        let uevents = if is_system { open_uevents().ok() } else { None };
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self {
            uevents,
            in_first_namespace: read("/proc/self/uid_map").split_whitespace().eq(ALL_USERS),
            nodes: NodeWatch::open(dev).ok(),
            nodes_live: !is_system || mounts::dev_is_the_kernels(&read("/proc/self/mountinfo")),
        }
    }
}

impl Watch for LinuxWatch {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.uevents.iter().map(AsFd::as_fd).chain(self.nodes.iter().map(|nodes| nodes.inotify.as_fd())).collect()
    }

    fn drain(&mut self) -> Changes {
        let mut changes = Changes::default();
        // What cannot be read any more is closed: a descriptor that stays ready would wake its thread for ever. Whoever
        // waits then looks, and learns that nobody will tell.
        if self.uevents.take_if(|socket| drain_uevents(socket, &mut changes).is_err()).is_some() {
            changes.overflowed = true;
        }
        if self.nodes.take_if(|nodes| nodes.drain(&mut changes).is_err()).is_some() {
            changes.overflowed = true;
        }
        changes
    }

    fn hears(&self) -> bool {
        (self.uevents.is_some() && self.in_first_namespace) || (self.nodes.is_some() && self.nodes_live)
    }
}

fn open_uevents() -> Result<OwnedFd, Errno> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Netlink, SockType::Datagram, flags, SockProtocol::NetlinkKObjectUEvent)?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, KERNEL_GROUP))?;
    Ok(socket)
}

/// # Errors
/// Of a socket that is of no use any more.
fn drain_uevents(socket: &OwnedFd, changes: &mut Changes) -> Result<(), Errno> {
    let mut datagram = [0; LONGEST_UEVENT];
    for _ in 0..MOST_AT_ONCE {
        match recvfrom::<NetlinkAddr>(socket.as_raw_fd(), &mut datagram) {
            // Any process may send to this socket's own address; the kernel's is port 0, which no process has.
            Ok((length, Some(sender))) if sender.pid() == 0 => {
                // One that fills all there is room for was cut off.
                changes.overflowed |= length >= datagram.len();
                changes.nodes.extend(uevent::device(&datagram[..length.min(datagram.len())]));
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return Ok(()),
            // The queue was full, and something was lost (netlink(7)).
            Err(Errno::ENOBUFS) => changes.overflowed = true,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// What to be told of: names in a directory, and what `chmod`, `chown` and `setfacl` do.
fn interest() -> AddWatchFlags {
    AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_MOVE
        | AddWatchFlags::IN_ATTRIB
        | AddWatchFlags::IN_ONLYDIR
}

/// inotify on `/dev`, and on `/dev/snd` while there is one: devtmpfs makes it with the first sound device and removes it
/// with the last.
struct NodeWatch {
    inotify: Inotify,
    dev: (WatchDescriptor, PathBuf),
    snd: Option<WatchDescriptor>,
}

impl NodeWatch {
    fn open(dev: &Path) -> Result<Self, Errno> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let watched = inotify.add_watch(dev, interest())?;
        let mut nodes = Self { inotify, dev: (watched, dev.to_owned()), snd: None };
        nodes.watch_snd();
        Ok(nodes)
    }

    /// Watches `/dev/snd`, if it is there. A directory that is watched already stays so.
    fn watch_snd(&mut self) {
        self.snd = self.inotify.add_watch(&self.dev.1.join("snd"), interest()).ok();
    }

    /// # Errors
    /// Of a watch that is of no use any more.
    fn drain(&mut self, changes: &mut Changes) -> Result<(), Errno> {
        // One read takes some hundred events at most, and what is left makes the descriptor ready again.
        match self.inotify.read_events() {
            Ok(events) => events.iter().try_for_each(|event| self.take(event, changes)),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    fn take(&mut self, event: &InotifyEvent, changes: &mut Changes) -> Result<(), Errno> {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            changes.overflowed = true;
            // `/dev/snd` may have come among what was lost.
            self.watch_snd();
            return Ok(());
        }
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            self.snd.take_if(|watched| *watched == event.wd);
            // `/dev` itself is gone, or something was mounted over it and this one unmounted.
            return if event.wd == self.dev.0 { Err(Errno::ENODEV) } else { Ok(()) };
        }
        let name = event.name.as_deref();
        if event.wd == self.dev.0 {
            if name == Some(OsStr::new("snd")) {
                self.watch_snd();
                // Nodes may have been made in it before it was watched.
                changes.nodes.insert("/dev/snd".into());
            } else if let Some(name) = name.and_then(OsStr::to_str).filter(|name| is_node_name(name)) {
                changes.nodes.insert(Path::new("/dev").join(name));
            }
        } else if Some(event.wd) == self.snd
            && let Some(name) = name.and_then(OsStr::to_str).filter(|name| is_sound_name(name))
        {
            changes.nodes.insert(Path::new("/dev/snd").join(name));
        }
        Ok(())
    }
}

/// A PCM's node, or the one a card is asked by.
fn is_sound_name(name: &str) -> bool {
    name.starts_with("pcmC") || name.starts_with("controlC")
}

#[cfg(test)]
mod tests;
