//! The devices of the lab: which modules are loaded, with which parameters, and what the nodes are then called.
//!
//! The table in README.md says the same in words. Tests find devices by these names, never by number.

/// A plain webcam: vivid, single-planar.
pub const WEBCAM: &str = "vivid-000-vid-cap";
/// A plain webcam whose formats are multi-planar.
pub const WEBCAM_MULTI_PLANAR: &str = "vivid-001-vid-cap";
/// An HDMI input: DV timings, no frame sizes to enumerate.
pub const HDMI_INPUT: &str = "vivid-002-vid-cap";
/// A device with a node of every kind, of which this is the camera (inputs webcam, TV, S-Video, HDMI).
pub const EVERY_KIND: &str = "vivid-003-vid-cap";
/// The nodes beside it that no camera list may contain, by the name sysfs gives.
pub const NOT_CAMERAS: &[&str] = &[
    "vivid-003-vid-out",
    "vivid-003-vbi-cap",
    "vivid-003-vbi-out",
    "vivid-003-sdr-cap",
    "vivid-003-rad-rx",
    "vivid-003-rad-tx",
    "vivid-003-meta-cap",
    "vivid-003-meta-out",
    "vivid-003-touch-cap",
];
/// What QUERYCAP calls vivid's driver and each of its cards.
pub const VIVID: &str = "vivid";
/// What QUERYCAP calls v4l2loopback's driver.
pub const LOOPBACK_DRIVER: &str = "v4l2 loopback";
/// v4l2loopback with `exclusive_caps=1`: an output until something writes, a camera from then on.
pub const LOOPBACK_EXCLUSIVE: &str = "Exclusive loopback";
/// v4l2loopback with `exclusive_caps=0`: output and camera at once.
pub const LOOPBACK_OPEN: &str = "Open loopback";
/// snd-aloop's card id: what is played into `hw:Loopback,0` is captured from `hw:Loopback,1`, and the reverse.
pub const SOUND_LOOPBACK: &str = "Loopback";
/// The card id of the emulated HDA codec (only in QEMU's guest): captures silence in real time.
pub const SOUND_HDA: &str = "Intel";
/// Its id: the place on the PCI bus that QEMU is told, since other devices come before it on some machines.
pub const SOUND_HDA_ID: &str = "pci-0000:00:10.0";
/// That place, as QEMU is told.
pub const SOUND_HDA_PLACE: &str = "intel-hda,addr=0x10";

/// Why a test of it cannot hold in User-Mode Linux.
pub const NO_HDA: &str = "QEMU's sound card is not there";

/// The module of QEMU's sound card. Loaded before the others, because its codec is probed in the background meanwhile.
pub const HDA_MODULE: (&str, &[&str]) = ("snd-hda-intel", &["index=1"]);

/// The modules, in the order they are loaded, each with its parameters.
pub const MODULES: &[(&str, &[&str])] = &[
    (
        "vivid",
        &[
            "n_devs=4",
            "node_types=0x1,0x1,0x1,0xe1d3d",
            "num_inputs=1,1,1,4",
            "input_types=0x0,0x0,0x3,0xe4",
            "multiplanar=1,2,1,1",
        ],
    ),
    (
        "v4l2loopback",
        &[
            "devices=2",
            "video_nr=50,51",
            "exclusive_caps=1,0",
            "card_label=\"Exclusive loopback,Open loopback\"",
            "max_buffers=8",
        ],
    ),
    ("snd-aloop", &["index=0", "id=Loopback"]),
];

/// The modules for USB devices, loaded by the first test of a guest that plugs one in.
pub const USB_MODULES: &[(&str, &[&str])] = &[("vhci-hcd", &[]), ("uvcvideo", &[]), ("snd-usb-audio", &[])];
