//! How fast a device's clock runs against the computer's. Pure.
//!
//! What is fed are the numbers of frames with their times: of a camera every frame's, of a microphone the pairs of a position
//! and a time that its clock is made of (`sound/clock.rs`). Of every two seconds the least late frame counts, and the pitch is the median of those between any two
//! of up to sixteen such frames (the estimator of Theil and Sen): once for the last half a minute, and once for the whole
//! run, whose frames are thinned out to every other one whenever there are too many. So it takes the same memory after a
//! month, and never allocates.

use std::time::Duration;

use super::timeline::TimestampSource;

/// Of how many nanoseconds the least late frame counts.
const EPOCH: u64 = 2_000_000_000;
/// How many such frames a pitch is made of.
const PAIRS: usize = 16;
/// How many pairs of them that is.
const SLOPES: usize = PAIRS * (PAIRS - 1) / 2;
/// Before this many nanoseconds nothing is said: jitter would be all of it.
const ENOUGH: u64 = 10_000_000_000;
/// Two frames further apart than their numbers say, by this many nanoseconds, are of two runs.
const JUMP: f64 = 250e6;
/// What is further off than this (1 %) is no clock that drifts but another rate. The nearest there is, NTSC, is 0.1 % off.
const MOST: f64 = 10_000.0;

/// How much faster than its nominal rate a device runs, by the computer's CLOCK_MONOTONIC, in parts per million: at +100 ppm
/// a microphone of 48000 Hz gives 48004.8 samples a second. Crystals are within 100.
///
/// A camera's is against the frame rate that the driver agreed to. Some are off by a thousand because they mean 29.97 where
/// they say 30.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ClockDrift {
    /// Since the clock began: the device started, was recovered after a fault, or got its times from elsewhere.
    pub ppm: f64,
    /// Over the last half a minute.
    pub recent_ppm: f64,
    /// How long that is since the clock began. At least ten seconds: before, nothing is said.
    pub span: Duration,
}

/// A frame: its number, and by how much it is later than the nominal rate has it, in nanoseconds. Both since the first.
#[derive(Debug, Clone, Copy, Default)]
struct Pair {
    number: f64,
    excess: f64,
}

impl Pair {
    fn earlier(self, other: Self) -> Self {
        if other.excess < self.excess { other } else { self }
    }
}

/// A frame as it came.
#[derive(Debug, Clone, Copy)]
struct Seen {
    number: u64,
    time: u64,
    source: TimestampSource,
}

/// Up to sixteen frames far apart.
#[derive(Debug, Default)]
struct Pairs {
    pairs: [Pair; PAIRS],
    count: usize,
}

impl Pairs {
    fn push(&mut self, pair: Pair) {
        if let Some(place) = self.pairs.get_mut(self.count) {
            *place = pair;
            self.count += 1;
        }
    }

    fn is_full(&self) -> bool {
        self.count >= PAIRS
    }

    /// Forgets the oldest.
    fn forget(&mut self) {
        self.pairs.copy_within(1.., 0);
        self.count = self.count.saturating_sub(1);
    }

    /// Leaves one of every two.
    fn halve(&mut self) {
        for index in 0..PAIRS / 2 {
            self.pairs[index] = self.pairs[2 * index].earlier(self.pairs[2 * index + 1]);
        }
        self.count = PAIRS / 2;
    }

    /// Nanoseconds that a frame takes longer than nominally: the median between any two.
    fn pitch(&self) -> Option<f64> {
        let pairs = &self.pairs[..self.count];
        let mut slopes = [0.0; SLOPES];
        let between =
            pairs.iter().enumerate().flat_map(|(index, one)| pairs[index + 1..].iter().map(move |other| (one, other)));
        let mut count = 0;
        for (slope, (one, other)) in slopes.iter_mut().zip(between) {
            *slope = (other.excess - one.excess) / (other.number - one.number).max(1.0);
            count += 1;
        }
        let slopes = &mut slopes[..count];
        slopes.sort_unstable_by(f64::total_cmp);
        // Between the two in the middle where there are two.
        let (low, high) = (slopes.get(count.checked_sub(1)? / 2)?, slopes.get(count / 2)?);
        Some(f64::midpoint(*low, *high))
    }
}

/// What the frames so far say about a device's clock.
#[derive(Debug, Default)]
pub(in crate::capture) struct Drift {
    /// Nanoseconds from one frame to the next; 0 where that is not known, and nothing can be said.
    nominal: f64,
    first: Option<Seen>,
    last: Option<Seen>,
    /// The earliest of this epoch, and when that ends.
    earliest: Option<Pair>,
    epoch_end: u64,
    recent: Pairs,
    whole: Pairs,
    /// The earliest of the epochs that are to become one of `whole`: how many there are, and how many it takes.
    gathered: Option<Pair>,
    epochs: (u32, u32),
}

impl Drift {
    /// The rate the device agreed to, as nanoseconds from one frame to the next.
    pub(in crate::capture) fn expect(&mut self, nominal: f64) {
        *self = Self { nominal: if nominal.is_finite() { nominal } else { 0.0 }, ..Self::default() };
    }

    /// A frame with its place in time.
    pub(in crate::capture) fn feed(&mut self, number: u64, time: u64, source: TimestampSource) {
        let seen = Seen { number, time, source };
        let first = match (self.first, self.last.replace(seen)) {
            (Some(first), Some(last)) if self.follows(&last, &seen) => first,
            _ => return self.begin(seen),
        };
        if self.nominal <= 0.0 {
            return;
        }
        let (number, time) = ((seen.number - first.number) as f64, (seen.time - first.time) as f64);
        let pair = Pair { number, excess: time - number * self.nominal };
        self.earliest = Some(self.earliest.map_or(pair, |earliest| earliest.earlier(pair)));
        if seen.time >= self.epoch_end {
            self.epoch_end = seen.time.saturating_add(EPOCH);
            self.end_epoch();
        }
    }

    /// Whether one frame comes after the other on the same clock.
    fn follows(&self, last: &Seen, seen: &Seen) -> bool {
        if seen.source != last.source || seen.number <= last.number || seen.time <= last.time {
            return false;
        }
        let nominal = (seen.number - last.number) as f64 * self.nominal;
        self.nominal <= 0.0 || ((seen.time - last.time) as f64 - nominal).abs() <= JUMP.max(2.0 * self.nominal)
    }

    fn begin(&mut self, seen: Seen) {
        self.expect(self.nominal);
        (self.first, self.last) = (Some(seen), Some(seen));
        self.epoch_end = seen.time.saturating_add(EPOCH);
        self.earliest = Some(Pair::default());
        self.epochs = (0, 1);
    }

    fn end_epoch(&mut self) {
        let Some(earliest) = self.earliest.take() else { return };
        if self.recent.is_full() {
            self.recent.forget();
        }
        self.recent.push(earliest);
        let gathered = self.gathered.map_or(earliest, |gathered| gathered.earlier(earliest));
        self.gathered = Some(gathered);
        self.epochs.0 += 1;
        if self.epochs.0 >= self.epochs.1 {
            self.gathered = None;
            self.epochs.0 = 0;
            if self.whole.is_full() {
                self.whole.halve();
                self.epochs.1 = self.epochs.1.saturating_mul(2);
            }
            self.whole.push(gathered);
        }
    }

    /// Who gave the last frame's time; `None` before the first.
    pub(in crate::capture) fn source(&self) -> Option<TimestampSource> {
        self.last.map(|last| last.source)
    }

    /// What can be said.
    pub(in crate::capture) fn told(&self) -> Option<ClockDrift> {
        let span = self.last?.time - self.first?.time;
        let (ppm, recent_ppm) = (self.ppm(&self.whole)?, self.ppm(&self.recent)?);
        let told = span >= ENOUGH && ppm.abs() <= MOST && recent_ppm.abs() <= MOST;
        told.then_some(ClockDrift { ppm, recent_ppm, span: Duration::from_nanos(span) })
    }

    fn ppm(&self, pairs: &Pairs) -> Option<f64> {
        // A frame that takes longer comes at a lower rate.
        let longer = pairs.pitch()? / self.nominal;
        Some(-longer / (1.0 + longer) * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const START: u64 = 1_000 * SECOND;

    /// A device of so many frames a second that is off by so many ppm, for so many seconds; `late` is by how many nanoseconds
    /// each frame is.
    fn run(drift: &mut Drift, rate: f64, ppm: f64, seconds: u64, late: impl Fn(u64) -> u64) {
        for number in 0..seconds * rate as u64 {
            let time = START + (number as f64 * 1e9 / (rate * (1.0 + ppm * 1e-6))).round() as u64;
            drift.feed(number, time + late(number), TimestampSource::Driver);
        }
    }

    fn expecting(rate: f64) -> Drift {
        let mut drift = Drift::default();
        drift.expect(1e9 / rate);
        drift
    }

    fn within(told: Option<ClockDrift>, ppm: f64, tolerance: f64) {
        let told = told.expect("enough was seen");
        assert!((told.ppm - ppm).abs() <= tolerance && (told.recent_ppm - ppm).abs() <= tolerance, "{ppm}: {told:?}");
    }

    #[test]
    fn an_exact_clock_is_told_exactly_from_ten_seconds_on() {
        for ppm in [-400.0, -100.0, 0.0, 12.5, 100.0, 1000.0] {
            for rate in [30.0, 50.0] {
                let mut drift = expecting(rate);
                run(&mut drift, rate, ppm, 9, |_| 0);
                assert_eq!(drift.told(), None, "too early");
                let mut drift = expecting(rate);
                run(&mut drift, rate, ppm, 12, |_| 0);
                within(drift.told(), ppm, 0.01);
            }
        }
    }

    #[test]
    fn months_take_no_more_memory_and_are_told_as_well() {
        let mut drift = expecting(1.0);
        // A day at one frame a second, and then a card that has become warm.
        run(&mut drift, 1.0, 40.0, 86_400, |_| 0);
        within(drift.told(), 40.0, 0.01);
        let last = drift.last.unwrap();
        for later in 1..=60 {
            let time = last.time + (later as f64 * 1e9 / (1.0 + 60e-6)) as u64;
            drift.feed(last.number + later, time, TimestampSource::Driver);
        }
        let told = drift.told().unwrap();
        assert!((told.recent_ppm - 60.0).abs() < 0.01 && (told.ppm - 40.0).abs() < 0.1, "{told:?}");
        assert_eq!(told.span.as_secs(), 86_455, "it was fast");
    }

    #[test]
    fn frames_that_are_late_say_nothing_about_the_clock() {
        // Up to 8 ms late by no rule, and a second in which all are 100 ms late.
        let late = |number: u64| {
            let busy = if (500..530).contains(&number) { 100_000_000 } else { 0 };
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 8_000_000 + busy
        };
        let mut drift = expecting(30.0);
        run(&mut drift, 30.0, 100.0, 60, late);
        within(drift.told(), 100.0, 10.0);
    }

    #[test]
    fn lost_frames_leave_their_numbers_out_and_change_nothing() {
        let mut drift = expecting(30.0);
        for number in (0..900).filter(|number| number % 7 != 0) {
            let time = START + (number as f64 * 1e9 / (30.0 * 1.0001)) as u64;
            drift.feed(number, time, TimestampSource::Driver);
        }
        within(drift.told(), 100.0, 0.1);
    }

    #[test]
    fn a_restart_a_pause_and_another_clock_begin_anew() {
        for (number, later, source) in [
            (0, SECOND, TimestampSource::Driver),
            (601, 5 * SECOND, TimestampSource::Driver),
            (601, SECOND / 30, TimestampSource::Host),
        ] {
            let mut drift = expecting(30.0);
            run(&mut drift, 30.0, 0.0, 20, |_| 0);
            assert!(drift.told().is_some());
            drift.feed(number, drift.last.unwrap().time + later, source);
            assert_eq!((drift.told(), drift.source()), (None, Some(source)));
        }
    }

    #[test]
    fn another_rate_is_no_drift_and_an_unknown_one_has_none() {
        let mut drift = expecting(30.0);
        run(&mut drift, 25.0, 0.0, 30, |_| 0);
        assert_eq!(drift.told(), None);
        let mut drift = expecting(30.0);
        run(&mut drift, 30_000.0 / 1001.0, 0.0, 30, |_| 0);
        within(drift.told(), -999.0, 0.1);
        let mut drift = Drift::default();
        run(&mut drift, 30.0, 0.0, 30, |_| 0);
        assert_eq!((drift.told(), drift.source()), (None, Some(TimestampSource::Driver)));
    }

    proptest::proptest! {
        #[test]
        fn any_numbers_and_times_are_survived(
            seen in proptest::collection::vec((0u64.., 0u64.., proptest::bool::ANY), 1..200),
            nominal in proptest::num::f64::ANY,
        ) {
            let mut drift = Drift::default();
            drift.expect(nominal);
            for (number, time, host) in seen {
                let source = if host { TimestampSource::Host } else { TimestampSource::Driver };
                drift.feed(number, time, source);
                if let Some(told) = drift.told() {
                    proptest::prop_assert!(told.ppm.abs() <= MOST && told.recent_ppm.abs() <= MOST);
                }
            }
        }
    }
}
