//! A camera's controls, by the names of W3C Image Capture (<https://www.w3.org/TR/image-capture/>).
//!
//! docs/controls.md has the table: name, V4L2 control, unit.

mod goal;
mod v4l2;

pub(crate) use goal::{Choices, ControlGoal, Goal};
pub(crate) use v4l2::{NativeControl, list};

/// Writes the names with their spelling.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        /// A property of the picture or the lens that a camera lets programs set while it runs.
        ///
        /// Ordered as they are written to a camera: modes and switches before the values that they govern.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum ControlName { $($(#[$doc])* $name,)+ }

        impl ControlName {
            /// Every name, in the order of writing.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name as the web spells it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

names! {
    /// Who sets the exposure: [`MeteringMode::Continuous`] is the camera, [`MeteringMode::Manual`] the program.
    ExposureMode = "exposureMode";
    /// Who sets the white balance.
    WhiteBalanceMode = "whiteBalanceMode";
    /// Who sets the focus.
    FocusMode = "focusMode";
    /// Whether the automatic exposure keeps the frame rate when there is little light. An extension of this library.
    ConstantFrameRate = "constantFrameRate";
    /// Whether the camera's own light is on.
    Torch = "torch";
    /// How long light falls on the sensor, in units of 100 microseconds.
    ExposureTime = "exposureTime";
    /// By how much the automatic exposure is to aim higher or lower, in EV.
    ExposureCompensation = "exposureCompensation";
    /// The light that white is to look white in, in kelvin.
    ColorTemperature = "colorTemperature";
    /// In the driver's own units, nearer with a larger number. W3C says metres, which V4L2 does not know.
    FocusDistance = "focusDistance";
    /// In the driver's own units.
    Brightness = "brightness";
    /// In the driver's own units.
    Contrast = "contrast";
    /// In the driver's own units.
    Saturation = "saturation";
    /// In the driver's own units.
    Sharpness = "sharpness";
    /// In arc seconds (1/3600 of a degree), clockwise seen from above.
    Pan = "pan";
    /// In arc seconds, upwards.
    Tilt = "tilt";
    /// In the driver's own units, nearer with a larger number.
    Zoom = "zoom";
}

/// What kind of value a control has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ControlKind {
    Mode,
    Switch,
    Number,
}

impl ControlName {
    /// How many there are.
    pub(crate) const COUNT: usize = Self::ALL.len();

    /// The control of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|candidate| candidate.as_str() == name)
    }

    /// The mode that must be manual for this value to mean anything.
    pub const fn governor(self) -> Option<Self> {
        match self {
            Self::ExposureTime => Some(Self::ExposureMode),
            Self::ColorTemperature => Some(Self::WhiteBalanceMode),
            Self::FocusDistance => Some(Self::FocusMode),
            _ => None,
        }
    }

    pub(crate) const fn kind(self) -> ControlKind {
        match self {
            Self::ExposureMode | Self::WhiteBalanceMode | Self::FocusMode => ControlKind::Mode,
            Self::ConstantFrameRate | Self::Torch => ControlKind::Switch,
            _ => ControlKind::Number,
        }
    }
}

impl std::fmt::Display for ControlName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who sets exposure, white balance or focus: `MeteringMode`, without the modes that no V4L2 control stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MeteringMode {
    /// The program, or nobody: the value stays as it is.
    Manual,
    /// The camera, all the time.
    Continuous,
}

impl MeteringMode {
    /// The mode as the web spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Continuous => "continuous",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Manual, Self::Continuous].into_iter().find(|mode| mode.as_str() == name)
    }
}

/// What a control is set to.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ControlValue {
    /// A number, in the unit of its [`ControlName`].
    Number(f64),
    /// A mode.
    Mode(MeteringMode),
    /// On or off.
    Switch(bool),
}

impl std::fmt::Display for ControlValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Mode(mode) => f.write_str(mode.as_str()),
            Self::Switch(on) => write!(f, "{on}"),
        }
    }
}

/// What a control can be set to.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ControlRange {
    /// `min`, `min + step`, ... up to `max`: `MediaSettingsRange`. A step of 0 is any number between the two.
    Numbers {
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
        /// The distance between two neighbours.
        step: f64,
    },
    /// These numbers, ascending.
    List(Vec<f64>),
    /// These modes.
    Modes(Vec<MeteringMode>),
    /// On and off.
    Switch,
}

impl ControlRange {
    /// The number nearest to `wish` that can be set and lies from `least` to `most`; `None` where none does, or where this is
    /// no number.
    pub(crate) fn nearest(&self, (least, most): (f64, f64), wish: f64) -> Option<f64> {
        match *self {
            Self::Numbers { min, max, step } => {
                let (low, high) = (least.max(min), most.min(max));
                if low > high || !wish.is_finite() {
                    return None;
                }
                if step <= 0.0 {
                    return Some(wish.clamp(low, high));
                }
                // Steps from the smallest. A driver's numbers have 32 bits: all of this is exact.
                let (first, last) = (((low - min) / step).ceil(), ((high - min) / step).floor());
                (first <= last).then(|| min + ((wish - min) / step).round().clamp(first, last) * step)
            }
            Self::List(ref list) => {
                let fitting = list.iter().copied().filter(|number| (least..=most).contains(number));
                fitting.min_by(|a, b| (a - wish).abs().total_cmp(&(b - wish).abs()))
            }
            Self::Modes(_) | Self::Switch => None,
        }
    }
}

impl std::fmt::Display for ControlRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let join = |words: Vec<String>| words.join(", ");
        match self {
            Self::Numbers { min, max, step } if *step == 1.0 || *step == 0.0 => write!(f, "{min} to {max}"),
            Self::Numbers { min, max, step } => write!(f, "{min} to {max} in steps of {step}"),
            Self::List(list) => f.write_str(&join(list.iter().map(f64::to_string).collect())),
            Self::Modes(modes) => f.write_str(&join(modes.iter().map(|mode| mode.as_str().to_owned()).collect())),
            Self::Switch => f.write_str("true, false"),
        }
    }
}

/// A control that a camera has, with its range.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CameraControl {
    /// Which one.
    pub name: ControlName,
    /// What it can be set to.
    pub range: ControlRange,
    /// What the driver calls its default, where it says one that can be.
    pub default: Option<ControlValue>,
}

impl CameraControl {
    /// A control without a known default.
    pub const fn new(name: ControlName, range: ControlRange) -> Self {
        Self { name, range, default: None }
    }
}

/// What a camera's controls are set to, as read from the driver: the part of `MediaTrackSettings` that is theirs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ControlSettings(Vec<(ControlName, ControlValue)>);

impl ControlSettings {
    /// The value of a control; `None` where the camera has none of that name, or its value is not known.
    pub fn get(&self, name: ControlName) -> Option<ControlValue> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// Those that are known.
    pub fn iter(&self) -> impl Iterator<Item = (ControlName, ControlValue)> + '_ {
        self.0.iter().copied()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(ControlName, ControlValue)> for ControlSettings {
    fn from_iter<I: IntoIterator<Item = (ControlName, ControlValue)>>(settings: I) -> Self {
        Self(settings.into_iter().collect())
    }
}
