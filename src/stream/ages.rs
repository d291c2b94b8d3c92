//! A distribution of ages in fixed memory: eight steps to the octave, so that a percentile is right within an eighth.

use std::time::Duration;

/// Octaves from 1.024 microseconds (2^10 ns) up: the last ends beyond an hour.
const OCTAVES: usize = 33;
const STEPS: usize = 8;
const LOWEST: u32 = 10;

/// How old frames were.
#[derive(Debug)]
pub(super) struct Ages {
    buckets: Box<[u32; OCTAVES * STEPS]>,
    count: u64,
    max: u64,
    sum: u64,
}

impl Default for Ages {
    fn default() -> Self {
        Self { buckets: Box::new([0; OCTAVES * STEPS]), count: 0, max: 0, sum: 0 }
    }
}

impl Ages {
    /// One more, in nanoseconds.
    pub(super) fn record(&mut self, age: u64) {
        let bucket = &mut self.buckets[bucket_of(age)];
        *bucket = bucket.saturating_add(1);
        self.count += 1;
        self.max = self.max.max(age);
        self.sum = self.sum.saturating_add(age);
    }

    /// The age that `percent` of all are not above; `None` before the first.
    pub(super) fn percentile(&self, percent: u64) -> Option<Duration> {
        let rank = (self.count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let index = self.buckets.iter().position(|&count| {
            seen += u64::from(count);
            seen >= rank
        })?;
        Some(Duration::from_nanos(upper_end(index).min(self.max)))
    }

    /// All of them together.
    pub(super) fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum)
    }

    /// The oldest.
    pub(super) fn max(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_nanos(self.max))
    }
}

fn bucket_of(age: u64) -> usize {
    let octave = age.max(1 << LOWEST).ilog2();
    let step = ((age.max(1 << LOWEST) >> (octave - 3)) & 7) as usize;
    ((octave - LOWEST) as usize * STEPS + step).min(OCTAVES * STEPS - 1)
}

/// The largest age a bucket holds.
fn upper_end(index: usize) -> u64 {
    let (octave, step) = (index / STEPS, (index % STEPS) as u64);
    ((8 + step + 1) << (octave + LOWEST as usize - 3)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_within_an_eighth() {
        let mut ages = Ages::default();
        for age in 1..=1000u64 {
            ages.record(age * 1_000_000);
        }
        for percent in [1, 50, 99] {
            let exact = percent as f64 * 1e7;
            let told = ages.percentile(percent).unwrap().as_nanos() as f64;
            assert!(told >= exact && told <= exact * 1.126, "{percent}: {told} for {exact}");
        }
        assert_eq!((ages.max(), ages.sum()), (Some(Duration::from_secs(1)), Duration::from_millis(500_500)));
    }

    #[test]
    fn every_age_has_a_bucket_and_none_is_above_its_end() {
        for age in [0, 1, 1023, 1024, 1025, 33_333_333, 1 << 40, u64::MAX] {
            let index = bucket_of(age);
            assert!(index < OCTAVES * STEPS);
            assert!(age <= upper_end(index) || index == OCTAVES * STEPS - 1, "{age}");
        }
        assert_eq!(Ages::default().percentile(50), None);
        assert_eq!(Ages::default().max(), None);
    }
}
