//! When a frame of sound was taken: the card's clock, told by pairs of a frame's number and a time. Pure.
//!
//! A pair is noisy: a card moves its position in steps of a USB packet or of a period, and where a driver gives no time,
//! that of our own scheduling takes its place. So frames are not stamped with the pairs but with a line through them: a
//! least-squares fit over all pairs at first, over the last few seconds once there are more (the gains are those of a
//! growing-memory alpha-beta filter, which stop shrinking there). Two bounds hold whatever the pairs say: the line is never
//! further than [`BOUND`] from the last pair, and its pitch never further than [`TOLERANCE`] from the nominal rate.

use crate::capture::timeline::{FUTURE, OLDEST, TimestampSource};

/// How far a card's clock may be from its nominal rate; crystals are within 100 ppm.
const TOLERANCE: f64 = 500e-6;
/// How far the line may be from the last pair, in nanoseconds.
const BOUND: f64 = 20e6;
/// How much later than the line a card is that stood still without saying so, in nanoseconds: no jitter is that long.
const STANDSTILL: f64 = 100e6;
/// So many pairs make up the memory of the line.
const MEMORY: u32 = 32;
/// So many are taken as they come; after that one every [`INTERVAL`].
const EAGER: u32 = 8;
/// In nanoseconds. Six seconds of memory: a temperature changes slower.
const INTERVAL: u64 = 200_000_000;

/// The line: frame `position` is taken at `time`.
#[derive(Debug, Clone, Copy)]
struct Line {
    position: u64,
    /// Nanoseconds after the clock's origin.
    time: f64,
    /// How many pairs the phase and the pitch are made of.
    phase_pairs: u32,
    pitch_pairs: u32,
    /// Who gave the last pair.
    source: TimestampSource,
    /// When the last pair was taken.
    sampled: u64,
}

/// What the pairs so far say about any frame.
#[derive(Debug)]
pub(in crate::capture) struct SoundClock {
    /// Nanoseconds from one frame to the next.
    nominal: f64,
    pitch: f64,
    origin: u64,
    line: Option<Line>,
    /// The newest stamp that was believed.
    stamp: u64,
    /// The last timestamp that was given.
    given: u64,
}

impl SoundClock {
    /// For so many frames a second.
    pub(in crate::capture) fn new(sample_rate: u32) -> Self {
        let nominal = 1e9 / f64::from(sample_rate.max(1));
        Self { nominal, pitch: nominal, origin: 0, line: None, stamp: 0, given: 0 }
    }

    /// Whether it is time for another pair.
    pub(in crate::capture) fn wants_pair(&self, now: u64) -> bool {
        self.line.is_none_or(|line| line.phase_pairs < EAGER || now.saturating_sub(line.sampled) >= INTERVAL)
    }

    /// A pair: the card had taken all frames before `position` at the time `stamp`, or `now` where that cannot be true.
    pub(in crate::capture) fn pair(&mut self, position: u64, stamp: u64, now: u64) {
        let (time, source) = self.judge(stamp, now);
        let Some(mut line) = self.line else {
            self.origin = time;
            self.begin(position, 0.0, source, now);
            return;
        };
        line.sampled = now;
        let time = self.since_origin(time);
        if source != line.source {
            // Another clock begins: the phase is found anew, the pitch is the card's as before.
            line.phase_pairs = 1;
            line.source = source;
        }
        // A card that has not moved since says nothing new.
        let Some(frames) = position.checked_sub(line.position).filter(|&frames| frames > 0) else {
            self.line = Some(line);
            return;
        };
        let expected = line.time + frames as f64 * self.pitch;
        let error = time - expected;
        line.phase_pairs = (line.phase_pairs + 1).min(MEMORY);
        line.pitch_pairs = (line.pitch_pairs + 1).min(MEMORY);
        let (alpha, beta) = (alpha(line.phase_pairs), beta(line.pitch_pairs));
        line.position = position;
        line.time = (expected + alpha * error).clamp(time - BOUND, time + BOUND);
        self.pitch = (self.pitch + beta * error / frames as f64)
            .clamp(self.nominal * (1.0 - TOLERANCE), self.nominal * (1.0 + TOLERANCE));
        self.line = Some(line);
    }

    /// Whether a pair is so late that the card must have stood still meanwhile, as a USB microphone does when its bus fails
    /// it. Only by the driver's own stamps: any process may be held up.
    pub(in crate::capture) fn stood_still(&self, position: u64, stamp: u64, now: u64) -> bool {
        self.line.is_some_and(|line| {
            self.is_sane(stamp, now)
                && line.source == TimestampSource::Driver
                && self.since_origin(stamp) - self.time_of(&line, position) > STANDSTILL
        })
    }

    /// The first pair after the card stood still: it has taken `avail` frames since, which `stamp` is the time of. How many
    /// frames are missing before them, the next one having had the number `position`.
    pub(in crate::capture) fn missing(&mut self, position: u64, avail: u64, stamp: u64, now: u64) -> u64 {
        let Some(line) = self.line else {
            self.pair(position.saturating_add(avail), stamp, now);
            return 0;
        };
        let (time, source) = self.judge(stamp, now);
        let time = self.since_origin(time);
        let first = time - avail as f64 * self.pitch;
        let frames = ((first - self.time_of(&line, position)) / self.pitch).round();
        // A float becomes the nearest whole number there is: 0 for what is below.
        let missing = frames as u64;
        self.begin(position.saturating_add(missing).saturating_add(avail), time, source, now);
        if let Some(begun) = &mut self.line {
            begun.pitch_pairs = line.pitch_pairs;
        }
        missing
    }

    /// The time of a frame, later than that of any before, and where it comes from. CLOCK_MONOTONIC in nanoseconds.
    pub(in crate::capture) fn timestamp(&mut self, position: u64) -> (u64, TimestampSource) {
        let (time, source) = match self.line {
            Some(line) => (self.time_of(&line, position), line.source),
            None => (0.0, TimestampSource::Host),
        };
        let time =
            if time < 0.0 { self.origin.saturating_sub(-time as u64) } else { self.origin.saturating_add(time as u64) };
        self.given = time.max(self.given.saturating_add(1));
        (self.given, source)
    }

    /// The stamp where it can be the truth, else the time it is now.
    fn judge(&mut self, stamp: u64, now: u64) -> (u64, TimestampSource) {
        if !self.is_sane(stamp, now) {
            return (now, TimestampSource::Host);
        }
        self.stamp = stamp;
        (stamp, TimestampSource::Driver)
    }

    fn is_sane(&self, stamp: u64, now: u64) -> bool {
        stamp != 0 && stamp >= self.stamp && stamp <= now.saturating_add(FUTURE) && now.saturating_sub(stamp) <= OLDEST
    }

    fn begin(&mut self, position: u64, time: f64, source: TimestampSource, sampled: u64) {
        self.line = Some(Line { position, time, phase_pairs: 1, pitch_pairs: 1, source, sampled });
    }

    fn since_origin(&self, time: u64) -> f64 {
        if time >= self.origin { (time - self.origin) as f64 } else { -((self.origin - time) as f64) }
    }

    fn time_of(&self, line: &Line, position: u64) -> f64 {
        let frames = if position >= line.position {
            (position - line.position) as f64
        } else {
            -((line.position - position) as f64)
        };
        line.time + frames * self.pitch
    }
}

/// The gains of a least-squares line through so many evenly spaced points: how much of the last one's error goes into
/// the phase, and into the pitch.
fn alpha(pairs: u32) -> f64 {
    let n = f64::from(pairs);
    2.0 * (2.0 * n - 1.0) / (n * (n + 1.0))
}

fn beta(pairs: u32) -> f64 {
    let n = f64::from(pairs);
    6.0 / (n * (n + 1.0))
}

#[cfg(test)]
mod tests;
