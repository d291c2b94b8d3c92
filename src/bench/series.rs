//! What a quantity came to in several runs.

/// One value for each run that had one, in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Series(Vec<f64>);

impl Series {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(crate) fn values(&self) -> &[f64] {
        &self.0
    }

    /// The middle one, or between the two in the middle; `None` of nothing.
    pub(crate) fn median(&self) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let upper = *sorted.get(sorted.len() / 2)?;
        let lower = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
        Some((lower + upper) / 2.0)
    }

    /// The smallest and the largest.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        let least = self.0.iter().copied().min_by(f64::total_cmp)?;
        let most = self.0.iter().copied().max_by(f64::total_cmp)?;
        Some((least, most))
    }

    /// This divided by the other, run by run: what both suffered from cancels out. A run in which one of them failed has
    /// shifted the rest, so that nothing is compared then.
    pub(crate) fn over(&self, other: &Series) -> Series {
        if self.0.len() != other.0.len() {
            return Series::default();
        }
        let pairs = self.0.iter().zip(&other.0).filter(|(_, other)| **other > 0.0);
        Series(pairs.map(|(this, other)| this / other).collect())
    }
}

/// Of sorted numbers the one that `per_mille` of all are not above; `None` of nothing.
pub(crate) fn percentile(sorted: &[u64], per_mille: usize) -> Option<u64> {
    let rank = (sorted.len() * per_mille).div_ceil(1000).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Series {
        Series(values.to_vec())
    }

    #[test]
    fn the_median_is_the_middle_one_whatever_the_order() {
        assert_eq!(series(&[3.0, 1.0, 2.0]).median(), Some(2.0));
        assert_eq!(series(&[4.0, 1.0, 2.0, 3.0]).median(), Some(2.5));
        assert_eq!(series(&[]).median(), None);
        assert_eq!(series(&[3.0, 1.0, 2.0]).range(), Some((1.0, 3.0)));
    }

    #[test]
    fn ratios_are_of_the_same_run() {
        assert_eq!(series(&[2.0, 6.0]).over(&series(&[1.0, 2.0])), series(&[2.0, 3.0]));
        assert_eq!(series(&[2.0]).over(&series(&[1.0, 2.0])), Series::default());
        assert_eq!(series(&[2.0]).over(&series(&[0.0])), Series::default());
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let ages: Vec<u64> = (1..=1000).collect();
        assert_eq!(percentile(&ages, 500), Some(500));
        assert_eq!(percentile(&ages, 999), Some(999));
        assert_eq!(percentile(&ages[..1], 10), Some(1));
        assert_eq!(percentile(&[], 500), None);
    }
}
