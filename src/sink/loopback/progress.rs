//! What a loopback writer has come to, for who watches it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A frame that is later than this is told of.
const LATE: u64 = 1_000_000;

/// What a [`LoopbackWriter`](crate::LoopbackWriter) has come to, for who watches it.
#[derive(Debug, Clone, Default)]
pub struct LoopbackProgress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    frames: AtomicU64,
    bytes: AtomicU64,
    late: AtomicU64,
    worst: AtomicU64,
    first: AtomicU64,
    last: AtomicU64,
    buffers: AtomicU64,
}

/// The counters of a [`LoopbackWriter`](crate::LoopbackWriter).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LoopbackStatistics {
    /// Frames written.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames that were written more than a millisecond after their moment.
    pub late: u64,
    /// How late the latest was.
    pub worst_lateness: Duration,
    /// Frames per second from the first to the last, by the time they were written at; `None` before the second.
    pub frame_rate: Option<f64>,
    /// How many buffers the node has. Readers have that many frame periods before one of them is written over.
    pub buffers: u64,
}

impl LoopbackProgress {
    /// Frames written so far.
    pub fn frames(&self) -> u64 {
        self.0.frames.load(Ordering::Relaxed)
    }

    /// All counters.
    pub fn statistics(&self) -> LoopbackStatistics {
        let counters = &*self.0;
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (frames, span) = (load(&counters.frames), load(&counters.last).saturating_sub(load(&counters.first)));
        LoopbackStatistics {
            frames,
            bytes: load(&counters.bytes),
            late: load(&counters.late),
            worst_lateness: Duration::from_nanos(load(&counters.worst)),
            frame_rate: (frames > 1 && span > 0).then(|| (frames - 1) as f64 * 1e9 / span as f64),
            buffers: load(&counters.buffers),
        }
    }

    pub(super) fn started(&self, buffers: usize) {
        self.0.buffers.store(buffers as u64, Ordering::Relaxed);
    }

    /// A frame of so many bytes was written `now`; it was to be at `due`. Called on one thread.
    pub(super) fn wrote(&self, bytes: usize, now: u64, due: u64) {
        let counters = &*self.0;
        if counters.frames.fetch_add(1, Ordering::Relaxed) == 0 {
            counters.first.store(now, Ordering::Relaxed);
        }
        counters.last.store(now, Ordering::Relaxed);
        counters.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let lateness = now.saturating_sub(due);
        counters.worst.fetch_max(lateness, Ordering::Relaxed);
        if lateness > LATE {
            counters.late.fetch_add(1, Ordering::Relaxed);
        }
    }
}
