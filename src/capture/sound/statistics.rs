//! Counting sound: where every expected frame of it went. Written by the reactor, read by anyone.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::capture::drift::{ClockDrift, Drift};
use crate::capture::statistics::{add, counters, locked};
use crate::capture::timeline::TimestampSource;

/// What a microphone counted since it started. A *frame* is one sample of each channel.
///
/// The sums hold at every moment: `expected = captured + lost_in_driver` and
/// `captured = accepted + starved`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct AudioStatistics {
    /// Frames the microphone should have given: captured and lost.
    pub expected: u64,
    /// Frames read from the driver's ring.
    pub captured: u64,
    /// Frames that were not to be had: the ring was not read in time (xruns), the system slept, the card stood still. By the
    /// card's own count where it goes on counting, else by the clock.
    pub lost_in_driver: u64,
    /// Frames offered to every consumer.
    pub accepted: u64,
    /// Frames for which no free block was left: too many are held.
    pub starved: u64,
    /// How many times the ring ran over.
    pub xruns: u64,
    /// Blocks offered to every consumer.
    pub blocks: u64,
    /// Blocks whose time is that of their arrival, because the driver gave none that could be true.
    pub host_stamped: u64,
    /// The first frame's timestamp and that of the last block, CLOCK_MONOTONIC in nanoseconds; 0 before the first.
    pub first_timestamp: u64,
    /// See `first_timestamp`.
    pub last_timestamp: u64,
    /// Frames between the two, lost ones included.
    pub frames_between: u64,
    /// Bytes of the accepted frames.
    pub bytes: u64,
    /// How many times nothing came for so long that the microphone was opened anew.
    pub stalls: u64,
    /// How many times the stream was started anew as a whole; what an overrun needs is not counted here but in `xruns`.
    pub restarts: u64,
    /// How many times the device was opened anew, there or elsewhere.
    pub reopenings: u64,
    /// How many times sound came again after the track had been muted.
    pub recoveries: u64,
    /// Nanoseconds without sound around mutings. No frame is expected in them.
    pub muted: u64,
    /// Who tells when sound was taken; `None` before the first block.
    pub timestamp_source: Option<TimestampSource>,
    /// How far the microphone's clock is off its nominal rate; `None` for the first ten seconds.
    pub clock_drift: Option<ClockDrift>,
}

impl AudioStatistics {
    /// Of how many frames it is told what became of them.
    fn told(&self) -> u64 {
        self.accepted + self.starved
    }

    /// Frames per second by the computer's clock; `None` before the second block. What it differs from the nominal rate is
    /// the drift of the microphone's clock.
    pub fn measured_sample_rate(&self) -> Option<f64> {
        let span = self.last_timestamp.checked_sub(self.first_timestamp).filter(|&span| span > 0)?;
        Some(self.frames_between as f64 * 1e9 / span as f64)
    }
}

counters!(AudioCounters of AudioStatistics {
    lost_in_driver,
    accepted,
    starved,
    xruns,
    blocks,
    host_stamped,
    first_timestamp,
    last_timestamp,
    frames_between,
    bytes,
    stalls,
    restarts,
    reopenings,
    recoveries,
    muted,
});

impl AudioCounters {
    /// So many frames were not to be had.
    pub(in crate::capture) fn lose(&self, frames: u64) {
        add(&self.lost_in_driver, frames);
    }

    /// The rate that was agreed to, in frames a second.
    pub(in crate::capture) fn expect(&self, sample_rate: u32) {
        locked(&self.clock).expect(1e9 / f64::from(sample_rate.max(1)));
    }

    /// A block was captured with its place in time, whatever becomes of it.
    pub(in crate::capture) fn place(&self, info: &super::AudioInfo) {
        if self.first_timestamp.load(Ordering::Relaxed) == 0 {
            self.first_timestamp.store(info.timestamp, Ordering::Relaxed);
        }
        self.last_timestamp.store(info.timestamp, Ordering::Relaxed);
        self.frames_between.store(info.position, Ordering::Relaxed);
        add(&self.host_stamped, u64::from(info.timestamp_source == TimestampSource::Host));
    }

    /// The microphone had taken all frames before `position` at this time.
    pub(in crate::capture) fn pair(&self, position: u64, time: u64, source: TimestampSource) {
        if let Ok(mut clock) = self.clock.try_lock() {
            clock.feed(position, time, source);
        }
    }

    /// A block of so many frames and bytes goes to the consumers.
    pub(in crate::capture) fn accept(&self, frames: u32, bytes: usize) {
        add(&self.accepted, u64::from(frames));
        add(&self.blocks, 1);
        add(&self.bytes, bytes as u64);
    }
}
