//! When the built-in camera flashes and the built-in microphone ticks: at each whole second of CLOCK_MONOTONIC, both by the
//! same clock, without knowing of each other. What lies between the two in a recording was made on the way there. Pure.

const SECOND: u64 = 1_000_000_000;
/// How long the picture is lit: three frames at 30 fps.
const FLASH: u64 = SECOND / 10;

/// Whether a picture of that time is lit.
pub(super) const fn is_flash(timestamp: u64) -> bool {
    timestamp % SECOND < FLASH
}

/// The frames of a tick at a sample rate: 10 ms.
pub(super) const fn tick_frames(sample_rate: u32) -> u32 {
    sample_rate / 100
}

/// The times at which something falls due at an even rate: the n-th of them `n * denominator / numerator` seconds after
/// the clock's zero. A whole rate has one on each whole second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    numerator: u64,
    denominator: u64,
}

impl Grid {
    /// Of so many a second.
    pub(super) fn new(numerator: u32, denominator: u32) -> Self {
        Self { numerator: u64::from(numerator.max(1)), denominator: u64::from(denominator.max(1)) }
    }

    /// When the n-th falls due, in nanoseconds: exact for ever, never a sum of rounded intervals.
    pub(super) fn time_of(self, number: u64) -> u64 {
        let scaled = u128::from(number) * u128::from(SECOND) * u128::from(self.denominator);
        u64::try_from(scaled.div_ceil(u128::from(self.numerator))).unwrap_or(u64::MAX)
    }

    /// The first that falls due at `time` or later.
    pub(super) fn next_from(self, time: u64) -> u64 {
        let scaled = u128::from(time) * u128::from(self.numerator);
        let number = scaled / (u128::from(SECOND) * u128::from(self.denominator));
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        if self.time_of(number) >= time { number } else { number.saturating_add(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [(u32, u32); 6] = [(30, 1), (60, 1), (5, 1), (30_000, 1001), (44_100, 1), (48_000, 1)];

    #[test]
    fn whole_rates_have_one_on_each_second() {
        for rate in [5, 25, 30, 60, 44_100, 48_000] {
            let grid = Grid::new(rate, 1);
            for second in [0, 1, 1000, 4_000_000] {
                assert_eq!(grid.time_of(u64::from(rate) * second), second * SECOND);
                assert_eq!(grid.next_from(second * SECOND), u64::from(rate) * second);
            }
        }
    }

    #[test]
    fn the_first_picture_that_is_lit_is_that_of_the_second_itself() {
        let grid = Grid::new(30, 1);
        let lit: Vec<u64> = (0..60).filter(|&frame| is_flash(grid.time_of(frame))).collect();
        assert_eq!(lit, [0, 1, 2, 30, 31, 32]);
    }

    proptest::proptest! {
        #[test]
        fn the_next_one_is_the_first_that_is_not_too_early(time in 0u64..1 << 60, rate in 0..RATES.len()) {
            let (numerator, denominator) = RATES[rate];
            let grid = Grid::new(numerator, denominator);
            let next = grid.next_from(time);
            proptest::prop_assert!(grid.time_of(next) >= time);
            proptest::prop_assert!(next == 0 || grid.time_of(next - 1) < time);
        }
    }
}
