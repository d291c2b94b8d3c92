//! Why a node could not be opened, in sentences that say what to do.

use std::path::Path;

use nix::errno::Errno;

use super::Machine;
use super::model::{MediaDeviceInfo, Unusable, UnusableReason};
use super::occupants::Occupants;
use crate::error::Error;

/// What gives nodes to their group and to whoever sits at the machine.
const INSTALL_RULE: &str =
    "sudo cp udev-rules/70-usermedia.rules /etc/udev/rules.d/ && sudo udevadm control -R && sudo udevadm trigger";

/// A node that the kernel knows and `/dev` does not show.
pub(super) fn absent(path: &str) -> Unusable {
    let mut unusable = Unusable::new(UnusableReason::Failed, format!("the kernel has it, but {path} does not exist"));
    unusable.remedy = Some(format!("in a container, start it with --device {path}"));
    unusable
}

/// Writes into `info` why opening or asking the node at `path` failed.
pub(super) fn apply(machine: &Machine, info: &mut MediaDeviceInfo, error: Errno, path: &Path) {
    let mut unusable = match error {
        Errno::EACCES => no_permission(machine, path),
        Errno::EPERM => {
            let mut unusable = Unusable::new(
                UnusableReason::NoPermission,
                format!("{} may not be opened here, whatever its permissions say", path.display()),
            );
            unusable.remedy = Some(format!("in a container, start it with --device {}", path.display()));
            unusable
        }
        Errno::EBUSY => {
            info.busy = true;
            busy(machine, path)
        }
        Errno::ENODEV | Errno::ENXIO | Errno::ENOENT => {
            Unusable::new(UnusableReason::Failed, "it went away while it was being read")
        }
        // The command's answer for libasound, which it loads when sound is asked for.
        Errno::ELIBACC => {
            let mut unusable = Unusable::new(UnusableReason::Failed, "libasound.so.2 cannot be loaded");
            unusable.remedy = Some("install ALSA's library: sudo apt install libasound2".to_owned());
            unusable
        }
        Errno::ENOTTY => Unusable::new(UnusableReason::Failed, format!("{} is not what its name says", path.display())),
        other => Unusable::new(UnusableReason::Failed, format!("reading it failed: {}", other.desc())),
    };
    // Errno is an enum over the C values: i32 is its representation.
    unusable.errno = Some(error as i32);
    info.unusable = Some(unusable);
}

/// A v4l2loopback that is open as often as it allows. Ending its writer would not help.
pub(super) fn too_many_openers(sysfs_name: &str) -> Unusable {
    let mut unusable =
        Unusable::new(UnusableReason::Busy, "this v4l2loopback is open as often as its max_openers allows");
    unusable.remedy = Some(format!("allow more: echo 10 | sudo tee /sys/class/video4linux/{sysfs_name}/max_openers"));
    unusable.errno = Some(Errno::EBUSY as i32);
    unusable
}

/// Which group would help, and what to type.
pub(super) fn no_permission(machine: &Machine, path: &Path) -> Unusable {
    let mut unusable =
        Unusable::new(UnusableReason::NoPermission, format!("you have no permission to open {}", path.display()));
    let Some(access) = machine.world.access(path) else { return unusable };
    let group = &access.group;
    let group_may = access.mode & 0o060 == 0o060 && !access.group_is_root;
    unusable.remedy = Some(if !group_may {
        let usual = if path.starts_with("/dev/snd") { "audio" } else { "video" };
        format!(
            "only its owner may open it (mode {:04o}, group {group}): install the udev rule that gives it to the group \
             {usual} and to whoever sits at this machine: {INSTALL_RULE}",
            access.mode
        )
    } else if access.member {
        // The permissions would do: something above them said no.
        "your groups would allow it: a security policy (AppArmor, SELinux, a sandbox) refuses".to_owned()
    } else if access.member_at_next_login {
        format!("you are in the group {group}, but not in this session: log out and in again")
    } else {
        format!(
            "add yourself to the group {group}: sudo usermod -aG {group} $USER, then log in again; or install the udev \
             rule that gives it to whoever sits at this machine: {INSTALL_RULE}"
        )
    });
    unusable
}

/// Says of a device whose opening was refused for want of permission which group would help. Other errors are as they
/// were, and so is that of a PCM without a node of its own.
pub(crate) fn explain_permission(machine: &Machine, error: Error, node: &Path) -> Error {
    if error.errno() != Some(Errno::EACCES as i32) || !node.is_absolute() {
        return error;
    }
    let unusable = no_permission(machine, node);
    match unusable.remedy {
        Some(remedy) => error.replace_message(unusable.message, remedy),
        None => error,
    }
}

/// Who holds a busy node.
pub(super) fn busy(machine: &Machine, path: &Path) -> Unusable {
    let Some(occupants) = Occupants::of(machine.world.holdings(path)) else {
        let message = format!("another process holds {}", path.display());
        let mut unusable = Unusable::new(UnusableReason::Busy, message);
        unusable.remedy = Some(format!("find it with: sudo fuser -v {}", path.display()));
        return unusable;
    };
    let mut unusable = Unusable::new(UnusableReason::Busy, occupants.message(&path.display().to_string()));
    unusable.remedy = Some(occupants.remedy("wait for it"));
    unusable.holder = occupants.into_holder();
    unusable
}

/// Says of a device at `path` that was busy who holds its `node`, where `/proc` tells; `another` is what to ask for instead.
pub(crate) fn explain_busy(machine: &Machine, error: Error, path: &str, node: &Path, another: &str) -> Error {
    let Some(occupants) = Occupants::of(machine.world.holdings(node)) else { return error };
    let error = error.replace_message(occupants.message(path), occupants.remedy(&format!("ask for {another}")));
    match occupants.into_holder() {
        Some(holder) => error.with_holder(holder),
        None => error,
    }
}
