//! What is told of a recovery.

use std::fmt;
use std::time::Duration;

use crate::error::Error;

/// Why a track gives nothing for now: what W3C's `muted` leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MuteReason {
    /// The device streams, and no frame comes.
    Stalled,
    /// The device says that nothing is connected to its input.
    NoSignal,
    /// The device is gone.
    Unplugged,
    /// The system slept.
    Suspended,
    /// The driver answers with errors, or gives damaged frames and no others.
    Failing,
    /// The device is being started in another mode.
    Reconfiguring,
}

impl MuteReason {
    /// The reason as the command prints it: `stalled`, `no-signal`, `unplugged`, `suspended`, `failing`, `reconfiguring`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stalled => "stalled",
            Self::NoSignal => "no-signal",
            Self::Unplugged => "unplugged",
            Self::Suspended => "suspended",
            Self::Failing => "failing",
            Self::Reconfiguring => "reconfiguring",
        }
    }
}

impl fmt::Display for MuteReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One rung of the ladder, or what it came to.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RecoveryStep {
    /// No frames for now, and why: W3C's `mute`.
    Muted(MuteReason),
    /// Muted still, now for another reason. W3C has no event for that, since nothing of `muted` has changed.
    ReasonChanged(MuteReason),
    /// The stream is stopped and started: VIDIOC_STREAMOFF, VIDIOC_STREAMON.
    Restarting,
    /// The device is closed and opened where it was.
    Reopening,
    /// The device is looked for by its identity, and opened where it is.
    Searching,
    /// An attempt failed.
    Failed(Error),
    /// The mode did not fit, on the USB bus for instance, and a smaller one was taken; the settings say which.
    SteppedDown(Error),
    /// Frames flow again, after so long.
    Resumed {
        /// From the muting to the first frame.
        after: Duration,
    },
}

impl RecoveryStep {
    /// Its name, as the command prints it: `muted`, `reason-changed`, `restarting`, `reopening`, `searching`, `failed`,
    /// `stepped-down`, `resumed`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Muted(_) => "muted",
            Self::ReasonChanged(_) => "reason-changed",
            Self::Restarting => "restarting",
            Self::Reopening => "reopening",
            Self::Searching => "searching",
            Self::Failed(_) => "failed",
            Self::SteppedDown(_) => "stepped-down",
            Self::Resumed { .. } => "resumed",
        }
    }
}

/// Something that happened to a device while it was kept.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RecoveryEvent {
    /// When, on CLOCK_MONOTONIC in nanoseconds.
    pub at: u64,
    /// What.
    pub step: RecoveryStep,
}

impl RecoveryEvent {
    pub(in crate::capture) const fn new(at: u64, step: RecoveryStep) -> Self {
        Self { at, step }
    }
}

impl fmt::Display for RecoveryEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            RecoveryStep::Muted(reason) => write!(f, "muted: {reason}"),
            RecoveryStep::ReasonChanged(reason) => write!(f, "still muted: {reason}"),
            RecoveryStep::Restarting => f.write_str("starting the stream anew"),
            RecoveryStep::Reopening => f.write_str("opening the device anew"),
            RecoveryStep::Searching => f.write_str("looking for the device"),
            RecoveryStep::Failed(error) => write!(f, "that failed: {}", error.message()),
            RecoveryStep::SteppedDown(error) => write!(f, "a smaller mode was taken: {}", error.message()),
            RecoveryStep::Resumed { after } => write!(f, "going on after {:.2} s", after.as_secs_f64()),
        }
    }
}
