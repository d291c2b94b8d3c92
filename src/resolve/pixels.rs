//! Which pixel formats are taken unasked.

use crate::constraints::{Constraint, ConstraintName, MediaTrackConstraints, MediaTrackRequest};
use crate::devices::MediaDeviceInfo;
use crate::format::Fourcc;

/// How willingly a pixel format is taken where none is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// The engine can show it.
    Shown,
    /// Greyscale, infrared, depth, H.264 and what is not known: where a camera has nothing else.
    Special,
    /// A sensor's raw mosaic: by name only.
    Bayer,
}

/// The formats the engine can show, 32-bit RGB in the kernel's ten spellings last.
const SHOWN: [&[u8; 4]; 26] = [
    b"YUYV", b"UYVY", b"YVYU", b"VYUY", b"NV12", b"NV21", b"NV16", b"YU12", b"YV12", b"422P", b"NM12", b"YM12",
    b"MJPG", b"JPEG", b"RGB3", b"BGR3", b"AR24", b"XR24", b"RA24", b"RX24", b"BA24", b"BX24", b"AB24", b"XB24",
    b"RGB4", b"BGR4",
];

/// The class of a format.
pub(super) fn class(fourcc: Fourcc) -> Class {
    if SHOWN.iter().any(|shown| **shown == fourcc.0) {
        Class::Shown
    } else if fourcc.is_bayer() {
        Class::Bayer
    } else {
        Class::Special
    }
}

/// The pixel formats that a request names, wherever it names them.
#[derive(Debug, Default)]
pub(super) struct Named(Vec<Fourcc>);

impl Named {
    /// The formats named in `pixelFormat`, required or wished for, in either dialect.
    pub(super) fn in_request(request: &MediaTrackRequest) -> Self {
        let mut named = Self::default();
        match request {
            MediaTrackRequest::NotRequested | MediaTrackRequest::Any => {}
            MediaTrackRequest::Constraints(track) => named.add_w3c(track),
            MediaTrackRequest::Legacy(track) => {
                for pair in track.mandatory.iter().chain(&track.optional).filter(|pair| pair.key == "pixelFormat") {
                    named.0.extend(in_list(&pair.value));
                }
            }
        }
        named
    }

    fn add_w3c(&mut self, track: &MediaTrackConstraints) {
        for set in std::iter::once(&track.basic).chain(&track.advanced) {
            if let Some(Constraint::String(formats)) = set.get(ConstraintName::PixelFormat) {
                let lists = [&formats.bare, &formats.exact, &formats.ideal];
                self.0.extend(lists.into_iter().flatten().flatten().filter_map(|name| name.parse::<Fourcc>().ok()));
            }
        }
    }

    /// Whether no format is named.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a format is named.
    pub(super) fn contains(&self, fourcc: Fourcc) -> bool {
        self.0.contains(&fourcc)
    }

    /// Whether a device lists a named format.
    pub(super) fn any_of(&self, device: &MediaDeviceInfo) -> bool {
        device.modes.iter().any(|mode| self.contains(mode.fourcc))
    }
}

/// The formats of a 2012 value: names separated by commas.
pub(super) fn in_list(value: &str) -> impl Iterator<Item = Fourcc> {
    value.split(',').filter_map(|name| name.trim().parse().ok())
}

/// The worst class that a device's modes are taken from unasked: its best, so that a camera with colour never gives grey.
pub(super) fn usual_class(device: &MediaDeviceInfo) -> Option<Class> {
    device.modes.iter().map(|mode| class(mode.fourcc)).min()
}

/// Whether a device's mode in this format may be taken.
pub(super) fn is_taken(fourcc: Fourcc, usual: Option<Class>, named: &Named) -> bool {
    let class = class(fourcc);
    named.contains(fourcc) || (class != Class::Bayer && Some(class) == usual)
}
