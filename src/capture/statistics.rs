//! Counting: where every expected frame went. Written by the reactor, read by anyone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::drift::{ClockDrift, Drift};
use super::timeline::{Placed, TimestampSource};
use crate::format::FrameRate;

/// What a source counted since it started.
///
/// The sums hold at every moment: `expected = captured + lost_in_driver` and
/// `captured = accepted + error + short + bad_jpeg + duplicate + starved`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct SourceStatistics {
    /// Frames the camera should have given: captured and lost.
    pub expected: u64,
    /// Frames the driver gave.
    pub captured: u64,
    /// Frames the driver did not give: the larger of the gap in its sequence numbers and the gap in its timestamps.
    pub lost_in_driver: u64,
    /// Good frames, offered to every consumer.
    pub accepted: u64,
    /// Frames the driver flagged as damaged (`V4L2_BUF_FLAG_ERROR`) or described impossibly, and frames of v4l2loopback that
    /// were written over while they were copied.
    pub error: u64,
    /// Frames with fewer bytes than their format needs.
    pub short: u64,
    /// MJPEG frames without a beginning or an end.
    pub bad_jpeg: u64,
    /// Frames given a second time with the same sequence number and timestamp.
    pub duplicate: u64,
    /// Good frames for which no free buffer was left: too many are held.
    pub starved: u64,
    /// Frames whose timestamp the driver got wrong, so that the time of their arrival was taken.
    pub host_stamped: u64,
    /// Frames copied on their way, because the consumers held too many of the driver's buffers, or because another
    /// process may write to them (v4l2loopback). Part of `accepted`.
    pub copied: u64,
    /// Frames lent although another process may write over them, as [asked for](crate::MediaDevices::with_raw_frames). Part
    /// of `accepted`.
    pub raw: u64,
    /// The first captured frame's timestamp and the last one's, CLOCK_MONOTONIC in nanoseconds; 0 before the first frame.
    pub first_timestamp: u64,
    /// See `first_timestamp`.
    pub last_timestamp: u64,
    /// Bytes of the accepted frames.
    pub bytes: u64,
    /// How many times no frame came for so long that the stream was started anew.
    pub stalls: u64,
    /// How many times it was: VIDIOC_STREAMOFF, VIDIOC_STREAMON.
    pub restarts: u64,
    /// How many times the device was opened anew, there or elsewhere.
    pub reopenings: u64,
    /// How many times frames came again after the track had been muted.
    pub recoveries: u64,
    /// Nanoseconds without frames around mutings: from the last frame before to the first one after, less a period. No
    /// frame is expected in them.
    pub muted: u64,
    /// Who gave the last frame's timestamp; `None` before the first frame.
    pub timestamp_source: Option<TimestampSource>,
    /// How far the camera's clock is off its nominal rate; `None` for the first ten seconds, and where the rate is not known.
    pub clock_drift: Option<ClockDrift>,
}

impl SourceStatistics {
    /// Frames per second between the first timestamp and the last, muted time left out, lost ones not counted; `None` before the second.
    pub fn measured_frame_rate(&self) -> Option<f64> {
        let span = self.last_timestamp.checked_sub(self.first_timestamp)?;
        let span = span.checked_sub(self.muted).filter(|&span| span > 0)?;
        let frames = self.captured.checked_sub(self.duplicate + 1).filter(|&frames| frames > 0)?;
        Some(frames as f64 * 1e9 / span as f64)
    }
}

/// Something that is counted on the control thread, or on the reactor when it has no other turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incident {
    Stall,
    Restart,
    Reopening,
    Recovery,
}

/// The counters behind a struct of statistics: the members named, as atomics. `captured` is the sum of what became of frames,
/// so that one that is on its way is in none of the sums; `expected` is that and what the driver lost.
macro_rules! counters {
    ($counters:ident of $statistics:ident { $($name:ident),* $(,)? }) => {
        /// The counters themselves: one writer, so that plain loads and stores do.
        #[derive(Debug, Default)]
        pub struct $counters {
            $(pub(in crate::capture) $name: AtomicU64,)*
            /// Fed by the reactor, which leaves a frame out rather than wait for who reads.
            pub(in crate::capture) clock: Mutex<Drift>,
        }

        impl $counters {
            /// What they say now.
            pub(crate) fn snapshot(&self) -> $statistics {
                let mut statistics = $statistics::default();
                $(statistics.$name = self.$name.load(Ordering::Relaxed);)*
                statistics.captured = statistics.told();
                statistics.expected = statistics.captured + statistics.lost_in_driver;
                let clock = locked(&self.clock);
                (statistics.timestamp_source, statistics.clock_drift) = (clock.source(), clock.told());
                drop(clock);
                statistics
            }

            /// Counts an incident. Each kind has one writer at a time.
            pub(in crate::capture) fn note(&self, incident: $crate::capture::statistics::Incident) {
                use $crate::capture::statistics::{Incident, add};
                add(
                    match incident {
                        Incident::Stall => &self.stalls,
                        Incident::Restart => &self.restarts,
                        Incident::Reopening => &self.reopenings,
                        Incident::Recovery => &self.recoveries,
                    },
                    1,
                );
            }
        }
    };
}

pub(super) use counters;

pub(super) fn locked(clock: &Mutex<Drift>) -> MutexGuard<'_, Drift> {
    clock.lock().unwrap_or_else(PoisonError::into_inner)
}

counters!(SourceCounters of SourceStatistics {
    lost_in_driver,
    accepted,
    error,
    short,
    bad_jpeg,
    duplicate,
    starved,
    host_stamped,
    copied,
    raw,
    first_timestamp,
    last_timestamp,
    bytes,
    stalls,
    restarts,
    reopenings,
    recoveries,
    muted,
});

impl SourceStatistics {
    /// Of how many frames it is told what became of them.
    fn told(&self) -> u64 {
        self.accepted + self.error + self.short + self.bad_jpeg + self.duplicate + self.starved
    }
}

impl SourceCounters {
    /// The rate that was agreed to, where it is known.
    pub(super) fn expect(&self, rate: Option<FrameRate>) {
        let interval = rate.map_or(0.0, |rate| f64::from(rate.denominator()) * 1e9 / f64::from(rate.numerator()));
        locked(&self.clock).expect(interval);
    }

    /// A captured frame has its place in time, whatever becomes of it.
    pub(super) fn place(&self, placed: &Placed) {
        add(&self.lost_in_driver, placed.lost);
        add(&self.muted, placed.muted);
        if placed.duplicate {
            return;
        }
        if self.first_timestamp.load(Ordering::Relaxed) == 0 {
            self.first_timestamp.store(placed.timestamp, Ordering::Relaxed);
        }
        self.last_timestamp.store(placed.timestamp, Ordering::Relaxed);
        if let Ok(mut clock) = self.clock.try_lock() {
            clock.feed(placed.sequence, placed.timestamp, placed.source);
        }
        add(&self.host_stamped, u64::from(placed.source == TimestampSource::Host));
    }

    /// A frame of so many bytes goes to the consumers.
    pub(super) fn accept(&self, bytes: u64) {
        add(&self.accepted, 1);
        add(&self.bytes, bytes);
    }
}

/// Adds to a counter that only the reactor writes.
pub(super) fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
}
