//! What a consumer is to a track, and what is counted of it.

use std::time::Duration;

use super::ages::Ages;
use super::medium::Medium;
use crate::capture::{Demand, Item};
use crate::error::Error;

/// Gets a track's frames or sound, on the reactor's thread: nothing here may block.
pub(super) trait Consumer<M: Medium>: Send + Sync {
    /// A frame or block of the track; `now` is the time of its arrival in nanoseconds.
    fn offer(&self, passed: &M::Passed, now: u64);
    /// What it may have at once.
    fn demand(&self) -> Demand;
    /// There will be no more; the error says why, if it ended badly.
    fn end(&self, error: Option<&Error>);
    /// What was counted.
    fn statistics(&self) -> ConsumerStatistics;
}

/// Where the frames went that a track offered to one consumer since it was attached. An audio track's are blocks of sound,
/// each an [`AudioData`](crate::AudioData).
///
/// The sum holds at every moment: `accepted = delivered + behind + holding + queued`.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ConsumerStatistics {
    /// What it is: `processor`, `on_frame`, `on_data`, or the sink's name.
    pub name: String,
    /// Of which kind of track: `video` or `audio`.
    pub kind: &'static str,
    /// Frames the track offered.
    pub accepted: u64,
    /// Frames it took.
    pub delivered: u64,
    /// Frames dropped because it had not taken enough of them when newer ones came, or left before it took them.
    pub behind: u64,
    /// Frames it was not given because it held too many.
    pub holding: u64,
    /// Frames waiting for it now.
    pub queued: u64,
    /// Delivered frames that were copies. Part of `delivered`.
    pub copied: u64,
    /// Frames a callback on the capture thread took longer than half a frame period for.
    pub slow: u64,
    /// Age of the frames when it took them, from the driver's timestamp: the median.
    pub age_p50: Option<Duration>,
    /// The 99th percentile.
    pub age_p99: Option<Duration>,
    /// The oldest.
    pub age_max: Option<Duration>,
    /// All ages together: divided by `delivered`, their mean.
    pub age_sum: Duration,
}

/// The counters behind [`ConsumerStatistics`], guarded by the consumer's own lock.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: u64,
    pub(super) delivered: u64,
    pub(super) behind: u64,
    pub(super) holding: u64,
    pub(super) copied: u64,
    pub(super) slow: u64,
    pub(super) ages: Ages,
}

impl Counters {
    /// A frame or block was taken at `now`.
    pub(super) fn deliver(&mut self, passed: &impl Item, now: u64) {
        self.delivered += 1;
        self.copied += u64::from(passed.is_copied());
        self.ages.record(now.saturating_sub(passed.timestamp()));
    }

    pub(super) fn statistics(&self, name: &str, kind: &'static str, queued: usize) -> ConsumerStatistics {
        ConsumerStatistics {
            name: name.to_owned(),
            kind,
            accepted: self.accepted,
            delivered: self.delivered,
            behind: self.behind,
            holding: self.holding,
            queued: queued as u64,
            copied: self.copied,
            slow: self.slow,
            age_p50: self.ages.percentile(50),
            age_p99: self.ages.percentile(99),
            age_max: self.ages.max(),
            age_sum: self.ages.sum(),
        }
    }
}
