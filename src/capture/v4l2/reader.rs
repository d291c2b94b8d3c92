//! The reactor half: one DQBUF per readiness, checked, counted and delivered.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;

use super::descriptor::Descriptor;
use crate::capture::buffer::{Buffer, Lease, Mark};
use crate::capture::inspect::{Payload, Reject, inspect, is_whole_jpeg, required_bytes};
use crate::capture::reactor::{EventSource, Next};
use crate::capture::recovery::RecoveryPolicy;
use crate::capture::source::{CapturedFrame, FrameInfo, Outlet, SourceEnd};
use crate::capture::spares::Spares;
use crate::capture::statistics::{SourceCounters, add};
use crate::capture::timeline::Timeline;
use crate::format::Delivery;
use crate::seam::{BufferType, Dequeued, Kernel, MAX_PLANES, retry};

/// Errors of DQBUF in a row after which the camera is given up: one may be a lost signal.
const PATIENCE: u32 = 8;
/// Wake-ups in a row for nothing after which the camera is in trouble: epoll would go on waking for it for ever.
const IDLE_WAKES: u32 = 1000;
/// Frames in a row that are too short for their format after which the format must be another one.
const SHORT_FRAMES: u32 = 8;
/// Damaged frames in a row after which the camera is in trouble: uvcvideo gives all buffers back at once, again and again.
const DAMAGED_FRAMES: u32 = 64;
/// With so many damaged frames in a row, the last of them lately, a camera without good ones is not silent but damaged.
const DAMAGED_AND_NOT_SILENT: u32 = 8;

/// A streaming camera, as the reactor serves it.
pub(in crate::capture) struct Reader {
    kernel: Arc<dyn Kernel>,
    fd: Arc<Descriptor>,
    kind: BufferType,
    buffers: Vec<Arc<Buffer>>,
    copies: Option<Spares>,
    /// With fewer buffers than this at the driver, frames are copied.
    low_mark: usize,
    memory_count: usize,
    required: [usize; MAX_PLANES],
    jpeg: bool,
    delivery: Delivery,
    /// Outlives this reader: the next one goes on where it stopped.
    timeline: Arc<Mutex<Timeline>>,
    counters: Arc<SourceCounters>,
    outlet: Arc<dyn Outlet<CapturedFrame>>,
    failures: u32,
    idle: u32,
    /// Whether somebody sees to a camera in trouble; the frames in a row that were none, and when the last of them came.
    recovers: bool,
    rejected: u32,
    rejected_at: u64,
    /// Whether the driver tells when its source changes.
    told_of_source: bool,
    /// How long the camera may be silent, and until when it may be now.
    patience: Option<u64>,
    silent_until: Option<u64>,
}

/// What a reader is made of besides the camera's own: whom it tells, and how long it waits.
pub(in crate::capture) struct Reading {
    pub(in crate::capture) counters: Arc<SourceCounters>,
    pub(in crate::capture) outlet: Arc<dyn Outlet<CapturedFrame>>,
    pub(in crate::capture) timeline: Arc<Mutex<Timeline>>,
    pub(in crate::capture) policy: RecoveryPolicy,
}

impl Reader {
    pub(super) fn new(
        kernel: Arc<dyn Kernel>,
        fd: Arc<Descriptor>,
        kind: BufferType,
        (buffers, copies): (Vec<Arc<Buffer>>, Option<Spares>),
        low_mark: usize,
        told_of_source: bool,
        reading: Reading,
    ) -> Self {
        let format = buffers.first().map(|buffer| buffer.pool().format.clone());
        let Reading { counters, outlet, timeline, policy } = reading;
        let rate = format.as_ref().and_then(|format| format.frame_rate);
        let interval = rate.map(|rate| rate.interval_ns());
        counters.expect(rate);
        timeline.lock().unwrap_or_else(PoisonError::into_inner).start(interval);
        let patience = policy.stall_ns(interval);
        Self {
            silent_until: patience.map(|(first, _)| kernel.now().saturating_add(first)),
            patience: patience.map(|(_, later)| later),
            kernel,
            fd,
            kind,
            low_mark,
            memory_count: format.as_ref().map_or(0, |format| format.memory_count),
            required: format.as_ref().map_or([0; MAX_PLANES], |format| required_bytes(format)),
            jpeg: format.as_ref().is_some_and(|format| format.fourcc.is_jpeg()),
            delivery: format.map(|format| format.delivery).unwrap_or_default(),
            buffers,
            copies,
            timeline,
            counters,
            outlet,
            failures: 0,
            idle: 0,
            recovers: policy.recovers(),
            rejected: 0,
            rejected_at: 0,
            told_of_source,
        }
    }

    fn end(&self, errno: Errno) -> Next {
        self.leave(SourceEnd::from_errno(errno))
    }

    fn leave(&self, end: SourceEnd) -> Next {
        self.outlet.ended(end);
        Next::Leave
    }

    /// Counts a dequeued buffer and hands it on; whether it was a frame, and if not, why not.
    fn take(&mut self, dequeued: &Dequeued, now: u64) -> Result<(), Reject> {
        let buffer = usize::try_from(dequeued.index).ok().and_then(|index| self.buffers.get(index));
        // From here on the buffer goes back to the driver whichever way this ends: its lease sees to that. The writer of a
        // loopback comes round to buffers that are leased: what is in them now is a frame all the same.
        let (buffer, lease) = match buffer.map(|buffer| (buffer, Lease::begin(buffer))) {
            Some((buffer, lease)) if lease.is_some() || self.delivery == Delivery::Raw => (buffer, lease),
            _ => {
                add(&self.counters.error, 1);
                return Err(Reject::Error);
            }
        };
        let inspected = inspect(dequeued, self.memory_count, |memory| self.memory_len(memory), &self.required);
        // A frame lost on the bus comes back without a stamp: it says nothing about time.
        let mut timeline = self.timeline.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(reject) = inspected
            && !timeline.is_sane(dequeued.timestamp, now)
        {
            return Err(self.reject(reject));
        }
        let placed = timeline.place(dequeued.sequence, dequeued.timestamp, now);
        drop(timeline);
        self.counters.place(&placed);
        let payloads = match inspected {
            Ok(_) if placed.duplicate => {
                add(&self.counters.duplicate, 1);
                return Ok(());
            }
            Ok(payloads) => payloads,
            Err(reject) => return Err(self.reject(reject)),
        };
        let mark = Mark::of(dequeued);
        let mut info = FrameInfo::new(&placed, payloads);
        let frame = match (self.delivery, lease) {
            (Delivery::Lent, Some(lease)) => {
                let Payload { offset, length } = payloads[0];
                if self.jpeg && !lease.bytes(0, offset as usize, length as usize).is_some_and(is_whole_jpeg) {
                    return Err(self.reject(Reject::BadJpeg));
                }
                self.keep_the_driver_fed(CapturedFrame { lease, info })
            }
            (Delivery::Raw, Some(lease)) => {
                info.raw = Some(mark);
                add(&self.counters.raw, 1);
                Some(CapturedFrame { lease, info })
            }
            (_, lease) => {
                let buffer = buffer.clone();
                let copy = self.copy(&buffer, info);
                if !buffer.holds(mark) {
                    // Its writer came round to it meanwhile.
                    return Err(self.reject(Reject::Error));
                }
                drop(lease);
                let broken = |copy: &CapturedFrame| {
                    !copy.lease.bytes(0, 0, payloads[0].length as usize).is_some_and(is_whole_jpeg)
                };
                if self.jpeg && copy.as_ref().is_some_and(broken) {
                    return Err(self.reject(Reject::BadJpeg));
                }
                copy
            }
        };
        let Some(frame) = frame else {
            add(&self.counters.starved, 1);
            return Ok(());
        };
        add(&self.counters.copied, u64::from(frame.info.copied));
        self.counters.accept(payloads[..self.memory_count].iter().map(|payload| u64::from(payload.length)).sum());
        self.outlet.give(&frame, now);
        Ok(())
    }

    /// The frame itself while the driver has buffers enough, else a copy, so that the buffer can go back at once.
    fn keep_the_driver_fed(&mut self, frame: CapturedFrame) -> Option<CapturedFrame> {
        let queued = self.buffers.first().map_or(0, |buffer| buffer.pool().ledger.queued());
        if queued >= self.low_mark {
            return Some(frame);
        }
        let buffer = self.buffers.get(frame.lease.index())?.clone();
        self.copy(&buffer, frame.info)
    }

    /// A copy of what lies in a buffer; `None` where there is no memory for one.
    fn copy(&mut self, buffer: &Buffer, mut info: FrameInfo) -> Option<CapturedFrame> {
        let (mut copy, _) = self.copies.as_mut()?.take(|| self.outlet.demand().most)?;
        for (memory, payload) in info.payloads.iter_mut().enumerate().take(self.memory_count) {
            let out = copy.memory_mut(memory).get_mut(..payload.length as usize)?;
            if !buffer.copy_to(memory, payload.offset as usize, out) {
                return None;
            }
            payload.offset = 0;
        }
        info.copied = true;
        Some(CapturedFrame { lease: copy.into_lease(), info })
    }

    /// Queues what a dropper could not: where that fails again, there is no use in going on.
    fn requeue(&self) -> Result<(), Errno> {
        let Some(pool) = self.buffers.first().map(|buffer| buffer.pool()) else { return Ok(()) };
        match pool.take_queue_failure() {
            None => Ok(()),
            Some(errno @ (Errno::ENODEV | Errno::ENXIO)) => Err(errno),
            // The gate is open for as long as the reactor has this reader.
            Some(_) => pool.queue_returned(),
        }
    }

    fn reject(&self, reject: Reject) -> Reject {
        add(
            match reject {
                Reject::Short => &self.counters.short,
                Reject::BadJpeg => &self.counters.bad_jpeg,
                Reject::Error => &self.counters.error,
            },
            1,
        );
        reject
    }

    /// What so many buffers in a row that were no frames say about the camera, if anything.
    fn judge(&mut self, taken: Result<(), Reject>, now: u64) -> Option<SourceEnd> {
        let Err(reject) = taken else {
            self.rejected = 0;
            self.silent_until = self.patience.map(|patience| now.saturating_add(patience));
            return None;
        };
        self.rejected = self.rejected.saturating_add(1);
        self.rejected_at = now;
        match reject {
            _ if !self.recovers => None,
            Reject::Short if self.rejected == SHORT_FRAMES => Some(SourceEnd::FormatChanged),
            _ if self.rejected == DAMAGED_FRAMES => Some(SourceEnd::Damaged),
            _ => None,
        }
    }

    /// Why no good frame has come for as long as the camera may be silent. At an ordinary rate that is over before there are
    /// [`DAMAGED_FRAMES`]; and one that fell silent after some damaged ones is silent.
    fn silence(&self, now: u64) -> SourceEnd {
        let lately = self.patience.is_some_and(|patience| now.saturating_sub(self.rejected_at) < patience / 4);
        if lately && self.rejected >= DAMAGED_AND_NOT_SILENT { SourceEnd::Damaged } else { SourceEnd::Stalled }
    }

    fn memory_len(&self, memory: usize) -> usize {
        self.buffers.first().map_or(0, |buffer| buffer.memory_len(memory))
    }
}

impl EventSource for Reader {
    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, EpollFlags)> {
        let events = if self.told_of_source { EpollFlags::EPOLLPRI } else { EpollFlags::empty() };
        vec![(self.fd.as_fd(), EpollFlags::EPOLLIN | events)]
    }

    fn ready(&mut self, _descriptor: usize, flags: EpollFlags, now: u64) -> Next {
        let answer = retry(|| self.kernel.dequeue_buffer(self.fd.as_fd(), self.kind));
        // The kernel repeats an error or a hang-up for ever: whatever DQBUF says, waiting on is a busy loop.
        let over = flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP);
        match answer {
            Ok(dequeued) => {
                (self.failures, self.idle) = (0, 0);
                let taken = self.take(&dequeued, now);
                if over {
                    return self.end(Errno::ENODEV);
                }
                if let Some(end) = self.judge(taken, now) {
                    return self.leave(end);
                }
            }
            Err(Errno::EAGAIN) if !over => {
                // Nothing to dequeue, and yet it was ready: an event.
                if self.told_of_source && retry(|| self.kernel.dequeue_event(self.fd.as_fd())) == Ok(true) {
                    return self.leave(SourceEnd::FormatChanged);
                }
                self.idle += 1;
                if self.idle == IDLE_WAKES {
                    return self.end(Errno::EIO);
                }
            }
            // The last buffer of a format has been dequeued.
            Err(Errno::EPIPE) if self.recovers => return self.leave(SourceEnd::FormatChanged),
            Err(Errno::ENODEV | Errno::ENXIO | Errno::EAGAIN) => return self.end(Errno::ENODEV),
            Err(errno) => {
                self.failures += 1;
                if over || self.failures >= PATIENCE {
                    return self.end(errno);
                }
            }
        }
        match self.requeue() {
            Err(errno) => self.end(errno),
            Ok(()) => Next::Stay,
        }
    }

    fn refused(&mut self, errno: Errno) {
        self.end(errno);
    }

    fn deadline(&self) -> Option<u64> {
        self.silent_until
    }

    fn due(&mut self, now: u64) -> Next {
        // Where a dropper could not queue its buffer, nothing else may have said so.
        if let Err(errno) = self.requeue() {
            return self.end(errno);
        }
        let queued = self.buffers.first().map_or(0, |buffer| buffer.pool().ledger.queued());
        if queued > 0 {
            return self.leave(self.silence(now));
        }
        // Consumers hold all there is: that is not the camera's doing.
        self.silent_until = self.patience.map(|patience| now.saturating_add(patience));
        Next::Stay
    }
}
