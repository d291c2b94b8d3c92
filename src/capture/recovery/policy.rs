//! How long a device is waited for, and when it counts as stalled.

use std::time::Duration;

use crate::time::nanoseconds;

/// Without a frame for at least so long no camera counts as stalled: some stop for a second to set their exposure.
const LEAST_STALL: Duration = Duration::from_secs(2);
/// The first frame may take longer: the sensor has to start.
const FIRST_FRAME: Duration = Duration::from_secs(5);
/// How many frame periods make a stall, where that is longer.
const STALL_PERIODS: u32 = 10;
/// How long a track waits for its device unless the caller says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// When a device that streams but gives nothing counts as stalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StallLimit {
    /// After ten frame periods, and two seconds at least; the first frame may take five.
    #[default]
    Auto,
    /// After this time.
    After(Duration),
    /// Never: for a camera that waits for a trigger.
    Never,
}

/// What becomes of a track whose device stalls, fails or is unplugged.
///
/// It is muted, with the reason, while the device is started anew, opened anew and at last looked for by its identity, with
/// growing pauses. When frames flow again it goes on, wherever the device is plugged in by then. When none came for as
/// long as the patience lasts, it ends with an error.
///
/// ```
/// use std::time::Duration;
/// use usermedia::{MediaDevices, RecoveryPolicy};
///
/// // An appliance waits for its camera for ever.
/// let devices = MediaDevices::new().with_recovery(RecoveryPolicy::new().patience(None));
/// // A script wants to know at once.
/// let devices = MediaDevices::new().with_recovery(RecoveryPolicy::none());
/// // A person may take a minute to find the right plug.
/// let devices = MediaDevices::new().with_recovery(RecoveryPolicy::new().patience(Duration::from_secs(60)));
/// # let _ = devices;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryPolicy {
    /// `Some(0)` recovers nothing.
    patience: Option<Duration>,
    stall: StallLimit,
}

impl RecoveryPolicy {
    /// Half a minute of patience.
    pub const fn new() -> Self {
        Self { patience: Some(PATIENCE), stall: StallLimit::Auto }
    }

    /// No recovery: a track ends when its device fails, and a stall goes unnoticed.
    pub const fn none() -> Self {
        Self { patience: Some(Duration::ZERO), stall: StallLimit::Never }
    }

    /// How long a track may be muted before it ends; `None` is for ever.
    #[must_use]
    pub fn patience(mut self, patience: impl Into<Option<Duration>>) -> Self {
        self.patience = patience.into();
        self
    }

    /// When a device that gives nothing counts as stalled.
    #[must_use]
    pub const fn stall(mut self, stall: StallLimit) -> Self {
        self.stall = stall;
        self
    }

    /// Whether anything is tried at all.
    pub(in crate::capture) fn recovers(&self) -> bool {
        self.patience != Some(Duration::ZERO)
    }

    /// The patience in nanoseconds.
    pub(super) fn patience_ns(&self) -> Option<u64> {
        self.patience.map(nanoseconds)
    }

    /// How long a device with this many nanoseconds between two frames may be silent: before the first, and after it.
    pub(in crate::capture) fn stall_ns(&self, interval: Option<u64>) -> Option<(u64, u64)> {
        match self.stall {
            StallLimit::Never => None,
            _ if !self.recovers() => None,
            StallLimit::After(limit) => Some((nanoseconds(limit), nanoseconds(limit))),
            StallLimit::Auto => {
                let periods = interval.unwrap_or(0).saturating_mul(u64::from(STALL_PERIODS));
                Some((periods.max(nanoseconds(FIRST_FRAME)), periods.max(nanoseconds(LEAST_STALL))))
            }
        }
    }
}

impl Default for RecoveryPolicy {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_camera_has_ten_periods_and_a_fast_one_two_seconds() {
        let policy = RecoveryPolicy::new();
        assert_eq!(policy.stall_ns(Some(33_333_333)), Some((5_000_000_000, 2_000_000_000)));
        assert_eq!(policy.stall_ns(Some(1_000_000_000)), Some((10_000_000_000, 10_000_000_000)));
        assert_eq!(policy.stall_ns(None), Some((5_000_000_000, 2_000_000_000)));
    }

    #[test]
    fn a_triggered_camera_never_stalls_and_no_recovery_looks_for_none() {
        assert_eq!(RecoveryPolicy::new().stall(StallLimit::Never).stall_ns(Some(1)), None);
        assert_eq!(RecoveryPolicy::none().stall_ns(Some(1)), None);
        assert!(!RecoveryPolicy::none().recovers());
        assert!(RecoveryPolicy::new().patience(None).recovers());
    }
}
