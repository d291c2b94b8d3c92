//! Constraints of the current specification: a basic set and `advanced` sets.

use super::value::{
    ConstrainBoolean, ConstrainBooleanOrDomString, ConstrainDomString, ConstrainDouble, ConstrainULong,
};
use crate::devices::{ControlName, MediaDeviceKind};

/// The constrainable properties known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ConstraintName {
    /// Pixels per line.
    Width,
    /// Lines.
    Height,
    /// Width over height, rounded to 10 decimals.
    AspectRatio,
    /// Frames per second.
    FrameRate,
    /// Where the camera points: `user`, `environment`, `left` or `right`.
    FacingMode,
    /// `none` or `crop-and-scale`.
    ResizeMode,
    /// A fourcc such as `MJPG`. An extension of this library.
    PixelFormat,
    /// The device.
    DeviceId,
    /// The physical device that camera and microphone share.
    GroupId,
    /// Hertz.
    SampleRate,
    /// Bits of a linear sample.
    SampleSize,
    /// Channels.
    ChannelCount,
    /// Seconds.
    Latency,
    /// Removal of what the loudspeaker plays.
    EchoCancellation,
    /// Automatic level.
    AutoGainControl,
    /// Removal of background noise.
    NoiseSuppression,
    /// Blurring of the background.
    BackgroundBlur,
    /// A camera's control, of W3C Image Capture.
    Control(ControlName),
}

impl ConstraintName {
    /// Every name, in the order in which an unsatisfied one is reported.
    pub(crate) const ALL: [Self; 17 + ControlName::COUNT] = {
        let mut all = [Self::DeviceId; 17 + ControlName::COUNT];
        let (mut index, mut control) = (0, 0);
        while index < Self::OWN.len() {
            all[index] = Self::OWN[index];
            index += 1;
        }
        while control < ControlName::COUNT {
            all[index + control] = Self::Control(ControlName::ALL[control]);
            control += 1;
        }
        all
    };

    /// Those of Media Capture and Streams.
    const OWN: [Self; 17] = [
        Self::DeviceId,
        Self::GroupId,
        Self::FacingMode,
        Self::PixelFormat,
        Self::Width,
        Self::Height,
        Self::AspectRatio,
        Self::FrameRate,
        Self::ResizeMode,
        Self::BackgroundBlur,
        Self::SampleRate,
        Self::SampleSize,
        Self::ChannelCount,
        Self::Latency,
        Self::EchoCancellation,
        Self::AutoGainControl,
        Self::NoiseSuppression,
    ];

    /// The name as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Width => "width",
            Self::Height => "height",
            Self::AspectRatio => "aspectRatio",
            Self::FrameRate => "frameRate",
            Self::FacingMode => "facingMode",
            Self::ResizeMode => "resizeMode",
            Self::PixelFormat => "pixelFormat",
            Self::DeviceId => "deviceId",
            Self::GroupId => "groupId",
            Self::SampleRate => "sampleRate",
            Self::SampleSize => "sampleSize",
            Self::ChannelCount => "channelCount",
            Self::Latency => "latency",
            Self::EchoCancellation => "echoCancellation",
            Self::AutoGainControl => "autoGainControl",
            Self::NoiseSuppression => "noiseSuppression",
            Self::BackgroundBlur => "backgroundBlur",
            Self::Control(control) => control.as_str(),
        }
    }

    /// The property of that name. Others vanish, as WebIDL has it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|candidate| candidate.as_str() == name)
    }

    /// Whether it means something for a device of that kind. If not, it is dropped from the request.
    pub const fn applies_to(self, kind: MediaDeviceKind) -> bool {
        match self {
            Self::DeviceId | Self::GroupId => true,
            Self::Width
            | Self::Height
            | Self::AspectRatio
            | Self::FrameRate
            | Self::FacingMode
            | Self::ResizeMode
            | Self::PixelFormat
            | Self::BackgroundBlur
            | Self::Control(_) => matches!(kind, MediaDeviceKind::VideoInput),
            Self::SampleRate
            | Self::SampleSize
            | Self::ChannelCount
            | Self::Latency
            | Self::EchoCancellation
            | Self::AutoGainControl
            | Self::NoiseSuppression => matches!(kind, MediaDeviceKind::AudioInput),
        }
    }

    /// Whether `getUserMedia` takes it as a required constraint: all but `backgroundBlur`. W3C Image Capture takes controls
    /// as wishes only, lest a page learns from refusals which camera there is: no concern of a program on this machine.
    pub const fn may_be_required(self) -> bool {
        !matches!(self, Self::BackgroundBlur)
    }
}

/// One constraint with its value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Constraint {
    /// On a whole number.
    ULong(ConstrainULong),
    /// On a real number.
    Double(ConstrainDouble),
    /// On a string.
    String(ConstrainDomString),
    /// On a switch.
    Boolean(ConstrainBoolean),
    /// On a switch with named positions.
    BooleanOrString(ConstrainBooleanOrDomString),
    /// A boolean where the property is none: whether the property exists at all.
    Exists(bool),
}

impl Constraint {
    /// Whether it can rule a device out, read as in the basic or in an `advanced` set.
    pub fn is_required(&self, advanced: bool) -> bool {
        match self {
            Self::ULong(value) => value.is_required(advanced),
            Self::Double(value) => value.is_required(advanced),
            Self::String(value) => value.is_required(advanced),
            Self::Boolean(value) => value.is_required(advanced),
            Self::BooleanOrString(value) => value.is_required(advanced),
            Self::Exists(_) => advanced,
        }
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::ULong(value) => value.is_empty(),
            Self::Double(value) => value.is_empty(),
            Self::String(value) => value.is_empty(),
            Self::Boolean(value) => value.is_empty(),
            Self::BooleanOrString(value) => value.is_empty(),
            Self::Exists(_) => false,
        }
    }

    /// The numbers in it that are not finite, by the member that holds them. Only Rust code can write one.
    pub(crate) fn not_finite(&self) -> Option<&'static str> {
        let Self::Double(value) = self else { return None };
        [("", value.bare), (".min", value.min), (".max", value.max), (".exact", value.exact), (".ideal", value.ideal)]
            .into_iter()
            .find_map(|(member, number)| number.is_some_and(|number| !number.is_finite()).then_some(member))
    }
}

/// A set of constraints: `MediaTrackConstraintSet`. A property set twice keeps the last value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MediaTrackConstraintSet {
    // A list, not 33 optional members: a hostile document can hold a hundred thousand sets of one constraint each.
    members: Vec<(ConstraintName, Constraint)>,
}

impl MediaTrackConstraintSet {
    /// A set without constraints.
    pub fn new() -> Self {
        Self::default()
    }

    /// The constraint on a property.
    pub fn get(&self, name: ConstraintName) -> Option<&Constraint> {
        self.members.iter().find(|(member, _)| *member == name).map(|(_, constraint)| constraint)
    }

    /// The constraints, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = (ConstraintName, &Constraint)> {
        self.members.iter().map(|(name, constraint)| (*name, constraint))
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Sets the constraint on a property; one that asks for nothing removes it.
    pub(crate) fn set(&mut self, name: ConstraintName, constraint: Constraint) {
        self.members.retain(|(member, _)| *member != name);
        if !constraint.is_empty() {
            // Most sets hold one or two: room for exactly as many as there are.
            self.members.reserve_exact(1);
            self.members.push((name, constraint));
        }
    }
}

/// Constraints on one track: `MediaTrackConstraints`, a basic set and `advanced` sets.
///
/// ```
/// use usermedia::constraints::{ConstrainULong, MediaTrackConstraints};
///
/// let track = MediaTrackConstraints::new()
///     .width(ConstrainULong::new().min(640).ideal(1280))
///     .frame_rate(30.0)
///     .facing_mode("user");
/// assert_eq!(track.basic.iter().count(), 3);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct MediaTrackConstraints {
    /// What every choice is measured against.
    pub basic: MediaTrackConstraintSet,
    /// Further sets, each met as a whole or skipped as a whole, in order.
    pub advanced: Vec<MediaTrackConstraintSet>,
}

impl MediaTrackConstraints {
    /// No constraints.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an `advanced` set after those there are.
    #[must_use]
    pub fn advanced(mut self, set: MediaTrackConstraintSet) -> Self {
        self.advanced.push(set);
        self
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.basic.is_empty() && self.advanced.is_empty()
    }
}

impl From<MediaTrackConstraintSet> for MediaTrackConstraints {
    fn from(basic: MediaTrackConstraintSet) -> Self {
        Self { basic, advanced: Vec::new() }
    }
}

/// Writes the same setters for a set and for a track's basic set.
macro_rules! setters {
    ($($(#[$doc:meta])* $method:ident, $name:expr, $kind:ident, $type:ty;)*) => {
        impl MediaTrackConstraintSet {
            $($(#[$doc])* #[must_use]
            pub fn $method(mut self, value: impl Into<$type>) -> Self {
                self.set($name, Constraint::$kind(value.into()));
                self
            })*
        }

        impl MediaTrackConstraints {
            $($(#[$doc])* #[must_use]
            pub fn $method(mut self, value: impl Into<$type>) -> Self {
                self.basic.set($name, Constraint::$kind(value.into()));
                self
            })*
        }
    };
}

setters! {
    /// Pixels per line.
    width, ConstraintName::Width, ULong, ConstrainULong;
    /// Lines.
    height, ConstraintName::Height, ULong, ConstrainULong;
    /// Width over height.
    aspect_ratio, ConstraintName::AspectRatio, Double, ConstrainDouble;
    /// Frames per second.
    frame_rate, ConstraintName::FrameRate, Double, ConstrainDouble;
    /// Where the camera points: `user`, `environment`, `left` or `right`.
    facing_mode, ConstraintName::FacingMode, String, ConstrainDomString;
    /// `none` or `crop-and-scale`.
    resize_mode, ConstraintName::ResizeMode, String, ConstrainDomString;
    /// A fourcc, or several to choose from: an extension of this library.
    pixel_format, ConstraintName::PixelFormat, String, ConstrainDomString;
    /// The device.
    device_id, ConstraintName::DeviceId, String, ConstrainDomString;
    /// The physical device.
    group_id, ConstraintName::GroupId, String, ConstrainDomString;
    /// Hertz.
    sample_rate, ConstraintName::SampleRate, ULong, ConstrainULong;
    /// Bits of a linear sample.
    sample_size, ConstraintName::SampleSize, ULong, ConstrainULong;
    /// Channels.
    channel_count, ConstraintName::ChannelCount, ULong, ConstrainULong;
    /// Seconds.
    latency, ConstraintName::Latency, Double, ConstrainDouble;
    /// Removal of what the loudspeaker plays.
    echo_cancellation, ConstraintName::EchoCancellation, BooleanOrString, ConstrainBooleanOrDomString;
    /// Automatic level.
    auto_gain_control, ConstraintName::AutoGainControl, Boolean, ConstrainBoolean;
    /// Removal of background noise.
    noise_suppression, ConstraintName::NoiseSuppression, Boolean, ConstrainBoolean;
    /// Who sets the exposure: `continuous` is the camera, `manual` the program.
    exposure_mode, ConstraintName::Control(ControlName::ExposureMode), String, ConstrainDomString;
    /// Who sets the white balance.
    white_balance_mode, ConstraintName::Control(ControlName::WhiteBalanceMode), String, ConstrainDomString;
    /// Who sets the focus.
    focus_mode, ConstraintName::Control(ControlName::FocusMode), String, ConstrainDomString;
    /// Whether the automatic exposure keeps the rate when there is little light: an extension of this library.
    constant_frame_rate, ConstraintName::Control(ControlName::ConstantFrameRate), Boolean, ConstrainBoolean;
    /// The camera's own light.
    torch, ConstraintName::Control(ControlName::Torch), Boolean, ConstrainBoolean;
    /// Units of 100 microseconds. Has [`Self::exposure_mode`] set to `manual`, unless that is asked for as well.
    exposure_time, ConstraintName::Control(ControlName::ExposureTime), Double, ConstrainDouble;
    /// EV, by which the automatic exposure is to aim higher or lower.
    exposure_compensation, ConstraintName::Control(ControlName::ExposureCompensation), Double, ConstrainDouble;
    /// Kelvin. Has [`Self::white_balance_mode`] set to `manual`, unless that is asked for as well.
    color_temperature, ConstraintName::Control(ControlName::ColorTemperature), Double, ConstrainDouble;
    /// In the driver's own units. Has [`Self::focus_mode`] set to `manual`, unless that is asked for as well.
    focus_distance, ConstraintName::Control(ControlName::FocusDistance), Double, ConstrainDouble;
    /// In the driver's own units.
    brightness, ConstraintName::Control(ControlName::Brightness), Double, ConstrainDouble;
    /// In the driver's own units.
    contrast, ConstraintName::Control(ControlName::Contrast), Double, ConstrainDouble;
    /// In the driver's own units.
    saturation, ConstraintName::Control(ControlName::Saturation), Double, ConstrainDouble;
    /// In the driver's own units.
    sharpness, ConstraintName::Control(ControlName::Sharpness), Double, ConstrainDouble;
    /// Arc seconds, clockwise seen from above.
    pan, ConstraintName::Control(ControlName::Pan), Double, ConstrainDouble;
    /// Arc seconds, upwards.
    tilt, ConstraintName::Control(ControlName::Tilt), Double, ConstrainDouble;
    /// In the driver's own units.
    zoom, ConstraintName::Control(ControlName::Zoom), Double, ConstrainDouble;
}
