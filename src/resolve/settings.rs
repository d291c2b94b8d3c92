//! What a request gets: `MediaTrackSettings` of a camera and of a microphone.

use super::derive::Derivation;
use crate::devices::control::ControlGoal;
use crate::devices::{ControlName, ControlSettings, ControlValue, FacingMode, MediaDeviceInfo, MeteringMode};
use crate::format::{Delivery, Fourcc, FrameRate};

const MANUAL: ControlValue = ControlValue::Mode(MeteringMode::Manual);

/// Whether a picture is the camera's own: `VideoResizeModeEnum`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResizeMode {
    /// Size and rate come from the camera, its driver or the system.
    #[default]
    None,
    /// A part of the camera's picture, scaled, or with frames left out.
    CropAndScale,
}

impl ResizeMode {
    /// The mode as the web spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::CropAndScale => "crop-and-scale",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::None, Self::CropAndScale].into_iter().find(|mode| mode.as_str() == name)
    }
}

/// A camera and the mode it is to run in.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct VideoSettings {
    /// The camera's identity.
    pub device_id: String,
    /// Shared with the microphone of the same physical device.
    pub group_id: String,
    /// The camera's name.
    pub label: String,
    /// Its node, such as `/dev/video0`.
    pub path: String,
    /// The pixel format delivered; `None` for the driver's own, of a camera that lists none.
    pub fourcc: Option<Fourcc>,
    /// Pixels per line, as delivered.
    pub width: u32,
    /// Lines, as delivered.
    pub height: u32,
    /// Frames per second delivered; `None` where the driver does not say.
    pub frame_rate: Option<FrameRate>,
    /// The pixel format that the camera runs in. Another than [`Self::fourcc`] where its pictures are scaled or decoded.
    pub native_fourcc: Option<Fourcc>,
    /// Pixels per line of the camera's own pictures. At least [`Self::width`].
    pub native_width: u32,
    /// Lines of the camera's own pictures. At least [`Self::height`].
    pub native_height: u32,
    /// Frames per second of the camera. Above [`Self::frame_rate`] where frames are left out to lower it.
    pub native_frame_rate: Option<FrameRate>,
    /// Where the camera points, where known.
    pub facing_mode: Option<FacingMode>,
    /// Whether the picture is the camera's own.
    pub resize_mode: ResizeMode,
    /// Of a resolution, what the controls asked for will be set to; of a track, what all of the camera's controls are set
    /// to, as read from the driver.
    pub controls: ControlSettings,
    /// What is asked of the controls.
    pub(crate) control_goals: Vec<ControlGoal>,
    /// The W3C fitness distance; 0 in the 2012 dialect, which has none.
    pub fitness: f64,
    /// Whether the camera is built in here, not a device of the machine.
    pub synthetic: bool,
    /// How its frames are delivered; `None` of a resolution, which opens nothing.
    pub delivery: Option<Delivery>,
}

impl VideoSettings {
    /// A camera's mode at the camera's own rate.
    pub(crate) fn new(
        device: &MediaDeviceInfo,
        fourcc: Option<Fourcc>,
        (width, height): (u32, u32),
        frame_rate: Option<FrameRate>,
    ) -> Self {
        Self {
            device_id: device.device_id.clone(),
            group_id: device.group_id.clone(),
            label: device.label.clone(),
            path: device.path.clone(),
            fourcc,
            width,
            height,
            frame_rate,
            native_fourcc: fourcc,
            native_width: width,
            native_height: height,
            native_frame_rate: frame_rate,
            facing_mode: device.facing_mode,
            resize_mode: ResizeMode::None,
            controls: ControlSettings::default(),
            control_goals: Vec::new(),
            fitness: 0.0,
            synthetic: device.synthetic,
            delivery: None,
        }
    }

    /// Width over height, rounded to 10 decimals.
    pub fn aspect_ratio(&self) -> f64 {
        aspect_ratio(self.width, self.height)
    }

    /// What is the likely reason, and what helps, where the camera gives `measured` frames per second and that is less than
    /// three quarters of what was negotiated with its driver; `None` where it gives enough, or nothing can be said.
    ///
    /// Webcams expose longer than a frame lasts when there is little light, and tell nobody: the rate halves, or worse.
    pub fn slow_rate_hint(&self, measured: f64) -> Option<&'static str> {
        let negotiated = self.native_frame_rate?.as_f64();
        if measured >= negotiated * 0.75 {
            return None;
        }
        match (self.controls.get(ControlName::ExposureTime), self.controls.get(ControlName::ExposureMode)) {
            (Some(ControlValue::Number(time)), Some(MANUAL)) if time * negotiated > 10_000.0 => {
                return Some(
                    "its exposure time is longer than a frame lasts: a shorter exposureTime gives the full rate",
                );
            }
            (_, Some(MANUAL)) => return None,
            _ => {}
        }
        match self.controls.get(ControlName::ConstantFrameRate) {
            Some(ControlValue::Switch(false)) => {
                Some("in low light this camera lowers its rate to expose longer: constantFrameRate true keeps the rate")
            }
            Some(_) => None,
            None => Some(
                "many cameras lower their rate in low light: more light, or exposureMode manual with an exposureTime, helps",
            ),
        }
    }

    /// Whether the pictures are a part of the camera's own, or those scaled, or both.
    pub fn is_resized(&self) -> bool {
        (self.width, self.height) != (self.native_width, self.native_height)
    }

    /// How the pictures are made of the camera's own; `None` where they are those.
    pub(crate) fn derivation(&self) -> Option<Derivation> {
        let (native, size) = ((self.native_width, self.native_height), (self.width, self.height));
        self.native_fourcc.filter(|_| self.is_resized()).and_then(|fourcc| Derivation::new(fourcc, native, size))
    }

    /// Whether frames are left out to lower the camera's rate.
    pub fn is_decimated(&self) -> bool {
        self.frame_rate != self.native_frame_rate
    }
}

/// A microphone and the parameters it is to run with.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AudioSettings {
    /// The microphone's identity.
    pub device_id: String,
    /// Shared with the camera of the same physical device.
    pub group_id: String,
    /// The microphone's name.
    pub label: String,
    /// Its PCM, such as `hw:1,0`.
    pub path: String,
    /// Samples per second of one channel.
    pub sample_rate: u32,
    /// Channels.
    pub channel_count: u32,
    /// ALSA's name of the sample format, such as `S16_LE`.
    pub sample_format: String,
    /// Bits of a linear sample; `None` where the format is not known here.
    pub sample_size: Option<u32>,
    /// The period asked for, in seconds.
    pub latency: f64,
    /// Always `false`: nothing here removes an echo.
    pub echo_cancellation: bool,
    /// The W3C fitness distance; 0 in the 2012 dialect.
    pub fitness: f64,
    /// Whether a sound server shares it (the `default` PCM).
    pub shared: bool,
    /// Whether the microphone is built in here, not a device of the machine.
    pub synthetic: bool,
}

/// Width over height as the specification has it, rounded to 10 decimals.
pub(super) fn aspect_ratio(width: u32, height: u32) -> f64 {
    if height == 0 { 0.0 } else { round_ratio(f64::from(width) / f64::from(height)) }
}

/// Rounds a ratio to 10 decimals.
pub(super) fn round_ratio(ratio: f64) -> f64 {
    let scaled = ratio * 1e10;
    // What is too large to have decimals is left as it is.
    if scaled.abs() < 9e15 { scaled.round() / 1e10 } else { ratio }
}
