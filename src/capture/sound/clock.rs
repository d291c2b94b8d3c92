//! When a frame of sound was taken: the card's clock, told by pairs of a frame's number and a time. Pure.
//!
//! A pair is noisy, and on one side: a card that moves its position in steps of a USB packet or of a period, an interrupt
//! that had to wait, our own scheduling where a driver gives no time, all make a time too late and none too early. So
//! frames are not stamped with the pairs but with a line along their early edge, through the earliest pair of the last few
//! seconds. The line's pitch is the median of those between the earliest pairs of the last half a minute (the estimator of
//! Theil and Sen, which a few seconds in which everything was late do not move), never further than [`TOLERANCE`] from the
//! nominal rate.

use std::collections::VecDeque;

use crate::capture::timeline::{FUTURE, OLDEST, TimestampSource};

/// How far a card's clock may be from its nominal rate; crystals are within 100 ppm.
const TOLERANCE: f64 = 500e-6;
/// Of how many pairs the earliest counts: two seconds' worth.
const EPOCH: u32 = 10;
/// How many past epochs the line looks back to, besides the one that is not over.
const RECENT: usize = 2;
/// How many epochs the pitch is made of, and how many it takes to say anything of it.
const EPOCHS: (usize, usize) = (16, 4);
/// How many pairs of epochs that is.
const SLOPES: usize = EPOCHS.0 * (EPOCHS.0 - 1) / 2;
/// So many pairs are taken as they come; after that one every [`INTERVAL`], in nanoseconds.
const EAGER: u32 = 8;
const INTERVAL: u64 = 200_000_000;
/// How much later than the line a card has to be, and for how long, to have stood still without saying so. In nanoseconds:
/// what was held up catches up before.
const STANDSTILL: (f64, u64) = (50e6, 1_000_000_000);

/// A pair: what a frame's time is more than the nominal rate makes it.
#[derive(Debug, Clone, Copy)]
struct Pair {
    position: f64,
    /// In nanoseconds after the clock's origin.
    excess: f64,
}

/// What the pairs so far say about any frame.
#[derive(Debug)]
pub(in crate::capture) struct SoundClock {
    /// Nanoseconds from one frame to the next.
    nominal: f64,
    /// What the card's pitch is more than that.
    pitch: f64,
    origin: u64,
    /// The earliest pair of each past epoch, the oldest first.
    epochs: VecDeque<Pair>,
    /// The earliest pair of this one.
    earliest: Option<Pair>,
    /// How many pairs this epoch has, and how many there were in all.
    in_epoch: u32,
    pairs: u32,
    /// When the last pair was taken.
    sampled: u64,
    /// Since when every pair was later than a standstill makes it.
    late: Option<u64>,
    /// Who gave the last pair.
    source: TimestampSource,
    /// The newest stamp that was believed.
    stamp: u64,
    /// The last pair's time.
    latest: u64,
    /// The last timestamp that was given.
    given: u64,
}

impl SoundClock {
    /// For so many frames a second.
    pub(in crate::capture) fn new(sample_rate: u32) -> Self {
        Self {
            nominal: 1e9 / f64::from(sample_rate.max(1)),
            pitch: 0.0,
            origin: 0,
            epochs: VecDeque::with_capacity(EPOCHS.0),
            earliest: None,
            in_epoch: 0,
            pairs: 0,
            sampled: 0,
            late: None,
            source: TimestampSource::Host,
            stamp: 0,
            latest: 0,
            given: 0,
        }
    }

    /// Whether it is time for another pair.
    pub(in crate::capture) fn wants_pair(&self, now: u64) -> bool {
        self.pairs < EAGER || now.saturating_sub(self.sampled) >= INTERVAL
    }

    /// A pair: the card had taken all frames before `position` at the time `stamp`, or `now` where that cannot be true.
    pub(in crate::capture) fn pair(&mut self, position: u64, stamp: u64, now: u64) {
        let (time, source) = self.judge(stamp, now);
        if self.pairs == 0 {
            self.origin = time;
        }
        if source != self.source {
            // Another clock begins: the phase is found anew, the pitch is the card's as before.
            self.source = source;
            self.epochs.clear();
            self.earliest = None;
            self.in_epoch = 0;
        }
        self.sampled = now;
        self.latest = time;
        self.pairs = self.pairs.saturating_add(1);
        let position = position as f64;
        let pair = Pair { position, excess: self.since_origin(time) - position * self.nominal };
        let lateness = self.line().map_or(0.0, |line| self.above(line, pair));
        self.late = (lateness > STANDSTILL.0).then(|| self.late.unwrap_or(now));
        if self.earliest.is_none_or(|earliest| self.above(earliest, pair) < 0.0) {
            self.earliest = Some(pair);
        }
        self.in_epoch += 1;
        if self.in_epoch >= EPOCH {
            self.end_epoch();
        }
    }

    fn end_epoch(&mut self) {
        self.in_epoch = 0;
        let Some(earliest) = self.earliest.take() else { return };
        if self.epochs.len() >= EPOCHS.0 {
            self.epochs.pop_front();
        }
        self.epochs.push_back(earliest);
        if self.epochs.len() >= EPOCHS.1 {
            let limit = self.nominal * TOLERANCE;
            self.pitch = slope(&self.epochs).unwrap_or(self.pitch).clamp(-limit, limit);
        }
    }

    /// How much later a pair is than the line through another.
    fn above(&self, line: Pair, pair: Pair) -> f64 {
        pair.excess - line.excess - (pair.position - line.position) * self.pitch
    }

    /// The pair that the line goes through: the earliest there was lately.
    fn line(&self) -> Option<Pair> {
        let lately = self.earliest.iter().chain(self.epochs.iter().rev().take(RECENT));
        lately.copied().reduce(|line, pair| if self.above(line, pair) < 0.0 { pair } else { line })
    }

    /// Whether the card has been so late for so long that it must have stood still, as a USB microphone does when its bus
    /// fails it. Only by the driver's own stamps: any process may be held up.
    pub(in crate::capture) fn stood_still(&self, now: u64) -> bool {
        self.source == TimestampSource::Driver
            && self.late.is_some_and(|since| now.saturating_sub(since) >= STANDSTILL.1)
    }

    /// The first pair after the card stood still: it has taken `avail` frames since, which `stamp` is the time of. How many
    /// frames are missing before them, the next one having had the number `position`.
    pub(in crate::capture) fn missing(&mut self, position: u64, avail: u64, stamp: u64, now: u64) -> u64 {
        let Some(line) = self.line() else {
            self.pair(position.saturating_add(avail), stamp, now);
            return 0;
        };
        let (time, _) = self.judge(stamp, now);
        let pitch = self.nominal + self.pitch;
        let first = self.since_origin(time) - avail as f64 * pitch;
        // A float becomes the nearest whole number there is: 0 for what is below.
        let missing = ((first - self.time_of(line, position as f64)) / pitch).round() as u64;
        self.late = None;
        // With these frames left out the card is on its line again, but for what it was late by before: that is gone.
        self.epochs.clear();
        self.earliest = None;
        self.in_epoch = 0;
        self.pair(position.saturating_add(missing).saturating_add(avail), stamp, now);
        missing
    }

    /// The last pair's time, as it was believed, and who gave it.
    pub(in crate::capture) fn latest(&self) -> (u64, TimestampSource) {
        (self.latest, self.source)
    }

    /// The time of a frame, later than that of any before, and where it comes from. CLOCK_MONOTONIC in nanoseconds.
    pub(in crate::capture) fn timestamp(&mut self, position: u64) -> (u64, TimestampSource) {
        let time = self.line().map_or(0.0, |line| self.time_of(line, position as f64));
        let time =
            if time < 0.0 { self.origin.saturating_sub(-time as u64) } else { self.origin.saturating_add(time as u64) };
        self.given = time.max(self.given.saturating_add(1));
        (self.given, self.source)
    }

    /// The stamp where it can be the truth, else the time it is now.
    fn judge(&mut self, stamp: u64, now: u64) -> (u64, TimestampSource) {
        let sane = stamp != 0
            && stamp >= self.stamp
            && stamp <= now.saturating_add(FUTURE)
            && now.saturating_sub(stamp) <= OLDEST;
        if !sane {
            return (now, TimestampSource::Host);
        }
        self.stamp = stamp;
        (stamp, TimestampSource::Driver)
    }

    fn since_origin(&self, time: u64) -> f64 {
        if time >= self.origin { (time - self.origin) as f64 } else { -((self.origin - time) as f64) }
    }

    fn time_of(&self, line: Pair, position: f64) -> f64 {
        line.excess + (position - line.position) * self.pitch + position * self.nominal
    }
}

/// The median of the slopes between any two of the pairs; `None` where there are none.
fn slope(pairs: &VecDeque<Pair>) -> Option<f64> {
    let mut slopes = [0.0; SLOPES];
    let between =
        pairs.iter().enumerate().flat_map(|(index, one)| pairs.iter().skip(index + 1).map(move |other| (one, other)));
    let rises = between.filter(|(one, other)| other.position > one.position);
    let mut count = 0;
    for (slope, (one, other)) in slopes.iter_mut().zip(rises) {
        *slope = (other.excess - one.excess) / (other.position - one.position);
        count += 1;
    }
    let slopes = &mut slopes[..count];
    slopes.sort_unstable_by(f64::total_cmp);
    slopes.get(count / 2).copied()
}

#[cfg(test)]
mod tests;
