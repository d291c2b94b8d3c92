//! What a device is made from: the words a test uses to describe it.

use std::time::Duration;

use super::faults::Injection;

/// Frames per second, as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub numerator: u32,
    pub denominator: u32,
}

impl Rate {
    /// So many frames each second.
    pub const fn per_second(numerator: u32) -> Rate {
        Rate { numerator, denominator: 1 }
    }

    /// The rate at which two frames are this far apart, in 100 ns.
    pub const fn of_interval(interval: u32) -> Rate {
        Rate { numerator: 10_000_000, denominator: interval }
    }

    /// The interval between two frames in USB Video's unit of 100 ns.
    pub fn interval(self) -> u32 {
        let ticks = 10_000_000 * u64::from(self.denominator) / u64::from(self.numerator);
        u32::try_from(ticks).expect("not slower than a frame in seven minutes")
    }
}

/// How pictures are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Yuyv,
    Mjpg,
    H264,
    /// By a name that no driver knows. The pictures are as in YUYV.
    Unknown,
}

/// How often pictures of one size may come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rates {
    /// At each of these.
    Each(Vec<Rate>),
    /// At intervals from the shortest to the longest, in steps; all three in 100 ns.
    Steps { shortest: u32, longest: u32, step: u32 },
}

impl Rates {
    /// The one a camera begins with.
    pub fn preferred(&self) -> Rate {
        match self {
            Rates::Each(rates) => rates[0],
            &Rates::Steps { shortest, .. } => Rate::of_interval(shortest),
        }
    }

    /// The one that comes nearest to this interval: exact, where the interval is rounded.
    pub fn nearest(&self, interval: u32) -> Rate {
        match self {
            Rates::Each(rates) => {
                *rates.iter().min_by_key(|rate| rate.interval().abs_diff(interval)).expect("a size has a rate")
            }
            &Rates::Steps { shortest, longest, step } => {
                let steps = (interval.clamp(shortest, longest) - shortest) / step;
                Rate::of_interval(shortest + steps * step)
            }
        }
    }
}

/// Pictures of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameSize {
    pub width: u16,
    pub height: u16,
    pub rates: Rates,
}

impl FrameSize {
    /// One that comes at each of these rates.
    pub fn new(width: u16, height: u16, rates: &[Rate]) -> FrameSize {
        FrameSize { width, height, rates: Rates::Each(rates.to_vec()) }
    }
}

/// The sizes of one coding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    pub coding: Coding,
    pub sizes: Vec<FrameSize>,
}

/// A camera: what it lists, what it shows, and what it does wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraSpec {
    pub formats: Vec<Format>,
    /// The number of the first frame after plugging in: tells the pictures of two cameras apart.
    pub first_number: u32,
    /// A white picture for the first tenth of each second of CLOCK_MONOTONIC.
    pub flash: bool,
    /// From the beginning; a test can add to them while the camera runs.
    pub faults: Vec<Injection>,
}

impl CameraSpec {
    /// One with these formats, in the order it prefers them.
    pub fn new(formats: Vec<Format>) -> CameraSpec {
        CameraSpec { formats, first_number: 0, flash: false, faults: Vec::new() }
    }

    /// Counts its frames from here.
    pub fn numbering_from(self, first_number: u32) -> CameraSpec {
        CameraSpec { first_number, ..self }
    }

    /// With this fault besides those it has.
    pub fn with_fault(mut self, fault: impl Into<Injection>) -> CameraSpec {
        self.faults.push(fault.into());
        self
    }

    /// Sees a flash each second, beginning with the second.
    pub fn with_flash(self) -> CameraSpec {
        CameraSpec { flash: true, ..self }
    }
}

/// A microphone: S16, one rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MicrophoneSpec {
    /// Samples per second, as the descriptors say.
    pub rate: u32,
    /// 1 or 2. The second is half as loud as the first.
    pub channels: u8,
    /// Hertz, in true time.
    pub tone: f64,
    /// How much faster than CLOCK_MONOTONIC its clock runs, in parts per million.
    pub clock_offset_ppm: f64,
    /// A burst of [`TICK`] at the beginning of each second of CLOCK_MONOTONIC, four times as loud as the tone.
    pub tick: bool,
}

/// How long a tick is.
pub const TICK: Duration = Duration::from_millis(20);
/// How long a flash is.
pub const FLASH: Duration = Duration::from_millis(100);

impl MicrophoneSpec {
    /// A tone at this frequency, mono, from an exact clock.
    pub const fn tone(rate: u32, tone: f64) -> MicrophoneSpec {
        MicrophoneSpec { rate, channels: 1, tone, clock_offset_ppm: 0.0, tick: false }
    }

    /// With two channels.
    pub const fn stereo(self) -> MicrophoneSpec {
        MicrophoneSpec { channels: 2, ..self }
    }

    /// With a clock that is this much too fast.
    pub const fn with_clock_offset_ppm(self, clock_offset_ppm: f64) -> MicrophoneSpec {
        MicrophoneSpec { clock_offset_ppm, ..self }
    }

    /// With a tick each second, in step with a camera's flash.
    pub const fn with_tick(self) -> MicrophoneSpec {
        MicrophoneSpec { tick: true, ..self }
    }

    /// Bytes of one sample of every channel.
    pub const fn frame_size(&self) -> usize {
        2 * self.channels as usize
    }
}

/// Who a device says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub vendor: u16,
    pub product: u16,
    pub serial: Option<String>,
    pub name: String,
}
