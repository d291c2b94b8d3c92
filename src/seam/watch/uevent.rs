//! The kernel's uevents (lib/kobject_uevent.c): a header, then variables, each ended by a zero byte.

use std::path::{Path, PathBuf};

/// The subsystems whose devices are cameras and microphones.
const SUBSYSTEMS: [&[u8]; 2] = [b"video4linux", b"sound"];

/// The device that a uevent is about, if it is a video or sound device: its node in `/dev`, or for one that has none (a
/// card) its directory in `/sys`. Any bytes may be given, and names in them are names only: they are opened by nobody.
pub(crate) fn device(datagram: &[u8]) -> Option<PathBuf> {
    let mut fields = datagram.split(|&byte| byte == 0);
    // `add@/devices/…`. A message of udev's begins otherwise: with its own magic.
    let header = fields.next()?;
    if !header.contains(&b'@') {
        return None;
    }
    let (mut subsystem, mut node, mut path) = (None, None, None);
    for field in fields {
        let Some(equals) = field.iter().position(|&byte| byte == b'=') else { continue };
        let (name, value) = (&field[..equals], &field[equals + 1..]);
        match name {
            b"SUBSYSTEM" => subsystem = Some(value),
            b"DEVNAME" => node = Some(value),
            b"DEVPATH" => path = Some(value),
            _ => {}
        }
    }
    if !SUBSYSTEMS.contains(&subsystem?) {
        return None;
    }
    let named = |root: &str, name: &[u8]| {
        let name = String::from_utf8_lossy(name);
        let name = name.trim_start_matches('/');
        (!name.is_empty()).then(|| Path::new(root).join(name))
    };
    node.and_then(|node| named("/dev", node)).or_else(|| path.and_then(|path| named("/sys", path)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As a kernel 6.12 sends it when a camera is plugged in.
    const CAMERA: &[u8] = b"add@/devices/pci0000:00/0000:00:04.0/usb1/1-1/1-1:1.0/video4linux/video0\0ACTION=add\0\
        DEVPATH=/devices/pci0000:00/0000:00:04.0/usb1/1-1/1-1:1.0/video4linux/video0\0SUBSYSTEM=video4linux\0\
        MAJOR=81\0MINOR=0\0DEVNAME=video0\0SEQNUM=1467\0";

    fn path(datagram: &[u8]) -> Option<String> {
        device(datagram).map(|path| path.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_video_node_and_a_pcm_are_named_by_their_nodes() {
        assert_eq!(path(CAMERA).as_deref(), Some("/dev/video0"));
        let pcm = b"remove@/devices/x/sound/card1/pcmC1D0c\0ACTION=remove\0SUBSYSTEM=sound\0DEVNAME=snd/pcmC1D0c\0";
        assert_eq!(path(pcm).as_deref(), Some("/dev/snd/pcmC1D0c"));
    }

    #[test]
    fn a_card_has_no_node_and_is_named_by_its_directory() {
        let card = b"add@/devices/x/sound/card1\0ACTION=add\0DEVPATH=/devices/x/sound/card1\0SUBSYSTEM=sound\0";
        assert_eq!(path(card).as_deref(), Some("/sys/devices/x/sound/card1"));
    }

    #[test]
    fn other_subsystems_and_other_senders_formats_are_left_out() {
        assert_eq!(path(b"add@/devices/x/block/sda\0ACTION=add\0SUBSYSTEM=block\0DEVNAME=sda\0"), None);
        assert_eq!(path(b"libudev\0\xfe\xed\xca\xfe\0SUBSYSTEM=sound\0DEVNAME=snd/pcmC1D0c\0"), None);
        assert_eq!(path(b"add@/devices/x\0DEVNAME=video0\0"), None, "no subsystem");
        assert_eq!(path(b"add@/devices/x\0SUBSYSTEM=sound\0"), None, "no name");
        assert_eq!(path(b"add@/devices/x\0SUBSYSTEM=sound\0DEVNAME=\0DEVPATH=/\0"), None, "empty names");
        assert_eq!(path(b""), None);
    }

    #[test]
    fn a_message_cut_short_anywhere_is_no_trouble() {
        for end in 0..CAMERA.len() {
            let _ = device(&CAMERA[..end]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_and_what_is_named_lies_in_dev_or_sys(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            let whole = [b"add@/x\0SUBSYSTEM=sound\0DEVNAME=".as_slice(), &bytes].concat();
            for datagram in [bytes.as_slice(), &whole] {
                if let Some(path) = device(datagram) {
                    prop_assert!(path.starts_with("/dev") || path.starts_with("/sys"));
                }
            }
        }
    }
}
