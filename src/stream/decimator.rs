//! A rate below the camera's own, by dropping with even spacing. Pure.

use crate::format::FrameRate;

/// Decides which frames of a faster camera make up a slower track.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decimator {
    /// Delivered frames per native frame, as a fraction below one.
    numerator: u128,
    denominator: u128,
    last: Option<u128>,
}

impl Decimator {
    /// From the camera's rate to the track's; `None` where there is nothing to drop.
    pub(super) fn new(native: FrameRate, delivered: FrameRate) -> Option<Self> {
        (delivered < native).then(|| Self {
            numerator: u128::from(delivered.numerator()) * u128::from(native.denominator()),
            denominator: u128::from(delivered.denominator()) * u128::from(native.numerator()),
            last: None,
        })
    }

    /// Whether the frame with this number is delivered. Numbers left out by losses keep their place, so that the
    /// spacing stays even; a lost frame's turn passes to the next one.
    pub(super) fn keep(&mut self, sequence: u64) -> bool {
        let slot = u128::from(sequence) * self.numerator / self.denominator;
        let keep = self.last.is_none_or(|last| slot > last);
        if keep {
            self.last = Some(slot);
        }
        keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(native: (u32, u32), delivered: (u32, u32), frames: impl Iterator<Item = u64>) -> Vec<u64> {
        let rate = |(n, d)| FrameRate::new(n, d).unwrap();
        let mut decimator = Decimator::new(rate(native), rate(delivered)).unwrap();
        frames.filter(|&frame| decimator.keep(frame)).collect()
    }

    #[test]
    fn half_the_rate_is_every_second_frame() {
        assert_eq!(kept((30, 1), (15, 1), 0..8), [0, 2, 4, 6]);
        assert_eq!(kept((30_000, 1001), (15_000, 1001), 0..8), [0, 2, 4, 6]);
    }

    #[test]
    fn uneven_ratios_stay_as_even_as_they_can() {
        let frames = kept((30, 1), (20, 1), 0..3000);
        assert_eq!(frames.len(), 2000);
        assert!(frames.windows(2).all(|pair| (1..=2).contains(&(pair[1] - pair[0]))));
        assert_eq!(kept((30, 1), (7, 1), 0..300).len(), 70);
    }

    #[test]
    fn a_lost_frame_passes_its_turn_on() {
        assert_eq!(kept((30, 1), (15, 1), [0, 1, 3, 4, 5, 6].into_iter()), [0, 3, 4, 6]);
    }

    #[test]
    fn nothing_is_dropped_at_the_camera_s_own_rate() {
        let rate = FrameRate::whole(30);
        assert!(Decimator::new(rate, rate).is_none());
        assert!(Decimator::new(rate, FrameRate::whole(60)).is_none());
    }
}
