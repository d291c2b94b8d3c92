//! What a device is, once it has been read: plain data, made by the listing or by reading a saved document.

use super::control::{CameraControl, ControlName};
use crate::error::Holder;
use crate::format::{Fourcc, FrameRate};

/// What a device gives: `MediaDeviceKind` of W3C Media Capture and Streams, inputs only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaDeviceKind {
    /// A camera.
    VideoInput,
    /// A microphone.
    AudioInput,
}

impl MediaDeviceKind {
    /// The kind as the web spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VideoInput => "videoinput",
            Self::AudioInput => "audioinput",
        }
    }
}

/// Where a camera points, as seen from the user: `VideoFacingModeEnum`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FacingMode {
    /// Towards the user.
    User,
    /// Away from the user.
    Environment,
    /// To the user's left.
    Left,
    /// To the user's right.
    Right,
}

impl FacingMode {
    /// The mode as the web spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Environment => "environment",
            Self::Left => "left",
            Self::Right => "right",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::User, Self::Environment, Self::Left, Self::Right].into_iter().find(|mode| mode.as_str() == name)
    }
}

/// One dimension of a mode: a fixed number of pixels, or a range that is never expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Span {
    /// Exactly this.
    Fixed(u32),
    /// `min`, `min + step`, ... up to `max`. Always `min <= max` and `step >= 1`.
    Range {
        /// The smallest.
        min: u32,
        /// The largest.
        max: u32,
        /// The distance between two neighbours.
        step: u32,
    },
}

impl Span {
    /// A range made of what a driver said: ends swapped are put in order, a step of 0 is 1, equal ends are fixed.
    pub const fn range(min: u32, max: u32, step: u32) -> Self {
        let (min, max) = if min <= max { (min, max) } else { (max, min) };
        if min == max { Self::Fixed(min) } else { Self::Range { min, max, step: if step == 0 { 1 } else { step } } }
    }

    /// The smallest value.
    pub const fn min(self) -> u32 {
        match self {
            Self::Fixed(value) => value,
            Self::Range { min, .. } => min,
        }
    }

    /// The largest value that lies on a step.
    pub const fn max(self) -> u32 {
        match self {
            Self::Fixed(value) => value,
            Self::Range { min, max, step } => min + (max - min) / step * step,
        }
    }

    /// The distance between two neighbours; 1 for a fixed value.
    pub const fn step(self) -> u32 {
        match self {
            Self::Fixed(_) => 1,
            Self::Range { step, .. } => step,
        }
    }

    /// Whether `value` is one of the values.
    pub const fn contains(self, value: u32) -> bool {
        match self {
            Self::Fixed(fixed) => fixed == value,
            Self::Range { min, max, step } => value >= min && value <= max && (value - min).is_multiple_of(step),
        }
    }
}

/// The frame rates of a mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameRates {
    /// The driver does not say. Fails a required `frameRate`.
    Unknown,
    /// These and no others, in the driver's order.
    List(Vec<FrameRate>),
    /// Anything between the two.
    Range {
        /// The slowest.
        min: FrameRate,
        /// The fastest.
        max: FrameRate,
    },
}

/// A pixel format with the sizes and rates it comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VideoMode {
    /// The pixel format.
    pub fourcc: Fourcc,
    /// Pixels per line.
    pub width: Span,
    /// Lines.
    pub height: Span,
    /// Frames per second.
    pub frame_rates: FrameRates,
}

impl VideoMode {
    /// A mode.
    pub const fn new(fourcc: Fourcc, width: Span, height: Span, frame_rates: FrameRates) -> Self {
        Self { fourcc, width, height, frame_rates }
    }
}

/// Whole numbers a sound card offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// These and no others, ascending.
    List(Vec<u32>),
    /// Anything between the two.
    Range {
        /// The smallest.
        min: u32,
        /// The largest.
        max: u32,
    },
}

/// What a microphone offers. A member is `None` where it could not be read (a busy PCM).
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct AudioModes {
    /// Samples per second of one channel, in Hz.
    pub sample_rate: Option<Values>,
    /// Channels.
    pub channel_count: Option<Values>,
    /// Sample formats by ALSA's names (`S16_LE`), in the order of ALSA's own list.
    pub sample_formats: Vec<String>,
    /// The shortest and the longest period, in seconds.
    pub latency: Option<(f64, f64)>,
}

/// Why a node cannot be captured from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnusableReason {
    /// It carries metadata of a camera (`V4L2_CAP_META_CAPTURE`), no pictures.
    Metadata,
    /// A memory-to-memory codec or scaler.
    MemoryToMemory,
    /// It only takes pictures (`V4L2_CAP_VIDEO_OUTPUT`).
    OutputOnly,
    /// A touch sensor.
    Touch,
    /// A radio tuner or software-defined radio.
    Radio,
    /// Vertical blanking data: teletext, closed captions.
    Vbi,
    /// It cannot be opened: the user lacks the permission.
    NoPermission,
    /// Another process holds it.
    Busy,
    /// A v4l2loopback that no program writes to.
    NoWriter,
    /// A capture node that lists no pixel format.
    NoFormat,
    /// A raw sensor behind a media pipeline that needs an image signal processor.
    MediaPipeline,
    /// It offers no streaming I/O (`V4L2_CAP_STREAMING`).
    NoStreaming,
    /// Opening or asking it failed.
    Failed,
}

impl UnusableReason {
    /// The reason in one word, as `devices --all --json` prints it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::MemoryToMemory => "memory-to-memory",
            Self::OutputOnly => "output-only",
            Self::Touch => "touch",
            Self::Radio => "radio",
            Self::Vbi => "vbi",
            Self::NoPermission => "no-permission",
            Self::Busy => "busy",
            Self::NoWriter => "no-writer",
            Self::NoFormat => "no-format",
            Self::MediaPipeline => "media-pipeline",
            Self::NoStreaming => "no-streaming",
            Self::Failed => "failed",
        }
    }

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Metadata,
            Self::MemoryToMemory,
            Self::OutputOnly,
            Self::Touch,
            Self::Radio,
            Self::Vbi,
            Self::NoPermission,
            Self::Busy,
            Self::NoWriter,
            Self::NoFormat,
            Self::MediaPipeline,
            Self::NoStreaming,
            Self::Failed,
        ]
        .into_iter()
        .find(|reason| reason.as_str() == name)
    }
}

/// Why a node cannot be captured from, with the sentences a person reads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unusable {
    /// Which case it is.
    pub reason: UnusableReason,
    /// What is the matter: one sentence without a full stop.
    pub message: String,
    /// What to do about it, where something can be done.
    pub remedy: Option<String>,
    /// The system's error number, where a call failed.
    pub errno: Option<i32>,
    /// Who holds a busy node, where `/proc` tells.
    pub holder: Option<Holder>,
}

impl Unusable {
    /// A reason with its sentence.
    pub fn new(reason: UnusableReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), remedy: None, errno: None, holder: None }
    }
}

/// A camera or a microphone: `MediaDeviceInfo`, with what it offers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MediaDeviceInfo {
    /// Camera or microphone.
    pub kind: MediaDeviceKind,
    /// The identity that survives a replug and a reboot; never `/dev/videoN`.
    pub device_id: String,
    /// Shared by the camera and the microphone of one physical device.
    pub group_id: String,
    /// The name a person knows it by.
    pub label: String,
    /// The node (`/dev/video0`) or PCM (`hw:1,0`) it has now.
    pub path: String,
    /// The kernel driver (`uvcvideo`), or empty where unknown.
    pub driver: String,
    /// Where a camera points, where known.
    pub facing_mode: Option<FacingMode>,
    /// What a camera offers, in the driver's order; empty where it enumerates nothing.
    pub modes: Vec<VideoMode>,
    /// What can be set of a camera's picture and lens while it runs, each control once.
    pub controls: Vec<CameraControl>,
    /// What a microphone offers.
    pub audio: AudioModes,
    /// Whether another process held it at the listing, so that some members could not be read.
    pub busy: bool,
    /// Whether it is shared by a sound server (the `default` PCM).
    pub shared: bool,
    /// Whether it is built in here, not a device of the machine.
    pub synthetic: bool,
    /// Why it cannot be captured from; `None` for a device that can.
    pub unusable: Option<Unusable>,
}

impl MediaDeviceInfo {
    /// A device with its identity and nothing else known.
    pub fn new(kind: MediaDeviceKind, device_id: impl Into<String>) -> Self {
        let device_id = device_id.into();
        Self {
            kind,
            group_id: device_id.clone(),
            label: device_id.clone(),
            device_id,
            path: String::new(),
            driver: String::new(),
            facing_mode: None,
            modes: Vec::new(),
            controls: Vec::new(),
            audio: AudioModes::default(),
            busy: false,
            shared: false,
            synthetic: false,
            unusable: None,
        }
    }

    /// The control of that name, where the camera has it.
    pub fn control(&self, name: ControlName) -> Option<&CameraControl> {
        self.controls.iter().find(|control| control.name == name)
    }

    /// Whether it is listed without being asked for by `--all`: it can be captured from, or could but for the process
    /// that holds it now.
    pub fn is_capturable(&self) -> bool {
        self.unusable.as_ref().is_none_or(|unusable| unusable.reason == UnusableReason::Busy)
    }

    /// Whether it is a camera or a microphone, one that can be used or not: a codec or a radio is neither.
    pub(crate) fn is_source(&self) -> bool {
        self.unusable.as_ref().is_none_or(|unusable| {
            !matches!(
                unusable.reason,
                UnusableReason::Metadata
                    | UnusableReason::MemoryToMemory
                    | UnusableReason::OutputOnly
                    | UnusableReason::Touch
                    | UnusableReason::Radio
                    | UnusableReason::Vbi
            )
        })
    }
}
