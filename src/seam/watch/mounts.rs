//! Whether `/dev` is the kernel's own, where nodes come and go with their devices.

/// Whether `/dev` is a whole devtmpfs by this `/proc/self/mountinfo` (proc_pid_mountinfo(5)). A container's is a tmpfs
/// with a few nodes in it, which stay as they are whatever happens to the machine.
pub(super) fn dev_is_the_kernels(mountinfo: &str) -> bool {
    let mut mounts = mountinfo.lines().filter_map(|line| {
        // `25 30 0:6 / /dev rw,nosuid shared:2 - devtmpfs devtmpfs rw,size=…`
        let (place, system) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, mount_point) = (place.next()?, place.next()?);
        Some((root, mount_point, system.split(' ').next()?))
    });
    // The last one mounted there hides the others.
    mounts.rfind(|mount| mount.1 == "/dev").is_some_and(|(root, _, kind)| root == "/" && kind == "devtmpfs")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: &str = "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n\
        25 22 0:6 / /dev rw,nosuid,relatime shared:2 - devtmpfs udev rw,size=1003520k,mode=755\n\
        26 25 0:24 / /dev/pts rw,nosuid,noexec shared:3 - devpts devpts rw,gid=5,mode=620\n";

    #[test]
    fn a_machine_s_own_dev_is_the_kernels() {
        assert!(dev_is_the_kernels(MACHINE));
    }

    #[test]
    fn a_container_s_is_not() {
        let docker = "700 1 0:60 / / rw - overlay overlay rw\n702 700 0:64 / /dev rw,nosuid - tmpfs tmpfs rw\n\
            703 702 0:6 /video0 /dev/video0 rw,nosuid - devtmpfs udev rw\n";
        assert!(!dev_is_the_kernels(docker));
    }

    #[test]
    fn what_was_mounted_last_counts() {
        let hidden = format!("{MACHINE}90 25 0:70 / /dev rw - tmpfs none rw\n");
        assert!(!dev_is_the_kernels(&hidden));
        let given_back = format!("{hidden}91 90 0:6 / /dev rw master:2 - devtmpfs udev rw\n");
        assert!(dev_is_the_kernels(&given_back));
    }

    #[test]
    fn a_dev_that_is_a_plain_directory_or_cannot_be_read_about_is_not() {
        assert!(!dev_is_the_kernels("22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw\n"));
        for broken in ["", " - ", "25 22 0:6 / /dev", "25 - devtmpfs", "25 22 0:6 / /dev rw -"] {
            assert!(!dev_is_the_kernels(broken), "{broken}");
        }
    }
}
