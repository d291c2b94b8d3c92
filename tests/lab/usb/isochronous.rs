//! The bus: transfers of an isochronous endpoint, each answered at its time and not before.

use std::collections::VecDeque;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use super::faults::nanoseconds;
use super::wire::{Encoder, Sent, Submit};

/// Nanoseconds of CLOCK_MONOTONIC: the bus's time, and what drivers stamp frames with.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux has this clock");
    u64::try_from(time.tv_sec()).unwrap_or(0) * SECOND + u64::try_from(time.tv_nsec()).unwrap_or(0)
}

/// A second of [`now`].
pub const SECOND: u64 = 1_000_000_000;

/// What an endpoint has to send.
pub trait Source {
    /// The time between two packets, in nanoseconds.
    const PACKET_TIME: u64;
    /// How late the host may be with its transfers and still get everything: an emulated machine pauses now and then.
    /// After that the bus has moved on, and what it would have carried is lost, as on a real one.
    const FORGIVEN: u64;

    /// Streaming begins at this time.
    fn start(&mut self, time: u64);

    /// Appends the bytes of the packet that goes out at this time: at most `room`. Returns its status: 0, or a negative
    /// error number.
    fn packet(&mut self, time: u64, room: usize, out: &mut Vec<u8>) -> i32;

    /// What becomes of the transfer whose packets were made last.
    fn fate(&mut self) -> Fate {
        Fate::Answered
    }
}

/// What becomes of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is answered.
    Answered,
    /// It fails as a whole, with this status.
    Failed(i32),
    /// It and those after it are answered so much later.
    Held(Duration),
}

/// An endpoint and its queue of transfers.
#[derive(Debug)]
pub struct Endpoint<S> {
    pub source: S,
    streaming: bool,
    /// When the next packet goes out; known from the first transfer on.
    next: Option<u64>,
    /// Until when nothing is answered.
    held: u64,
    queue: VecDeque<Submit>,
    sent: Vec<Sent>,
    data: Vec<u8>,
}

impl<S: Source> Endpoint<S> {
    /// An endpoint that does not stream yet.
    pub fn new(source: S) -> Endpoint<S> {
        let (queue, sent, data) = Default::default();
        Endpoint { source, streaming: false, next: None, held: 0, queue, sent, data }
    }

    /// Answers nothing for so long. What the bus would have carried meanwhile is lost.
    pub fn hold(&mut self, now: u64, time: Duration) {
        self.held = now.saturating_add(nanoseconds(time));
        self.next = self.next.map(|_| self.held);
    }

    /// The interface's setting: 0 has no endpoint.
    pub fn set(&mut self, setting: u16) {
        self.streaming = setting != 0;
        self.next = None;
    }

    /// Queues a transfer.
    pub fn submit(&mut self, transfer: Submit, now: u64) {
        self.queue.push_back(transfer);
        if !self.streaming {
            return;
        }
        let now = now.max(self.held);
        match self.next {
            Some(next) if next.saturating_add(S::FORGIVEN) >= now => {}
            Some(_) => self.next = Some(now),
            None => {
                self.next = Some(now);
                self.source.start(now);
            }
        }
    }

    /// Takes a transfer back; false if there is none with this number.
    pub fn unlink(&mut self, victim: u32) -> bool {
        let before = self.queue.len();
        self.queue.retain(|transfer| transfer.sequence != victim);
        self.queue.len() < before
    }

    /// When the first transfer in the queue is complete.
    pub fn due(&self) -> Option<u64> {
        let packets = self.queue.front()?.packets.len() as u64;
        Some(self.next?.saturating_add(packets * S::PACKET_TIME))
    }

    /// Answers the transfers that are complete by now.
    pub fn complete(&mut self, now: u64, encoder: &mut Encoder) {
        while self.due().is_some_and(|due| due <= now) {
            let (Some(transfer), Some(mut time)) = (self.queue.pop_front(), self.next) else { return };
            self.sent.clear();
            self.data.clear();
            for packet in &transfer.packets {
                let begin = self.data.len();
                let status = self.source.packet(time, packet.length as usize, &mut self.data);
                self.sent.push(Sent { length: self.data.len() - begin, status });
                time += S::PACKET_TIME;
            }
            self.next = Some(time);
            match self.source.fate() {
                Fate::Answered => encoder.isochronous(&transfer, &self.sent, &self.data),
                Fate::Failed(status) => encoder.failure(&transfer, status),
                Fate::Held(length) => {
                    encoder.isochronous(&transfer, &self.sent, &self.data);
                    self.hold(now, length);
                }
            }
        }
    }

    /// Answers every transfer with this failure.
    pub fn fail(&mut self, status: i32, encoder: &mut Encoder) {
        for transfer in self.queue.drain(..) {
            encoder.failure(&transfer, status);
        }
    }
}
