//! How many buffers a camera gets: from its rate, from what its consumers may have at once, and from what there is.

use crate::format::FrameRate;

/// How many buffers consumers may hold before frames are copied, where nothing is known of them yet: a queue of two or
/// three, and one in hand.
const HEADROOM: u32 = 4;
/// For what part of a second the capture thread may be kept from its processor without a frame being lost: a twentieth.
const HICCUPS_PER_SECOND: u64 = 20;
/// What the buffers of one camera may take without being asked for by number. Beyond it no more are taken than are needed
/// at any rate: drivers without an MMU of their own take them from a pool of a few hundred megabytes.
const MEMORY: u64 = 128 << 20;
/// The most buffers vb2 gives (`VIDEO_MAX_FRAME`).
pub(super) const MOST_BUFFERS: u32 = 32;

/// What the consumers of a source may have of its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Demand {
    /// How many there are.
    pub(crate) consumers: usize,
    /// The most frames that wait for one of them. The newest wait for all: together they take no more than the longest
    /// queue does.
    pub(crate) waiting: usize,
    /// The most that all of them can have if none ever lets go of one: their limits together.
    pub(crate) most: usize,
}

impl Demand {
    /// Of both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            consumers: self.consumers.saturating_add(other.consumers),
            waiting: self.waiting.max(other.waiting),
            most: self.most.saturating_add(other.most),
        }
    }

    /// What they have when all is well: one frame in hand each, and what waits.
    fn usual(self) -> u32 {
        u32::try_from(self.consumers.saturating_add(self.waiting)).unwrap_or(u32::MAX)
    }
}

/// How many buffers to ask a driver for that needs `low_mark` of them itself and fills `frame_bytes` with each frame.
pub(super) fn buffers_for(rate: Option<FrameRate>, low_mark: u32, demand: Demand, frame_bytes: u64) -> u32 {
    let missed = rate.map_or(0, |rate| {
        u64::from(rate.numerator()).div_ceil(u64::from(rate.denominator()).max(1) * HICCUPS_PER_SECOND)
    });
    let fed = u32::try_from(missed).unwrap_or(u32::MAX).max(low_mark);
    let least = low_mark.saturating_add(HEADROOM);
    let affordable = u32::try_from(MEMORY / frame_bytes.max(1)).unwrap_or(u32::MAX).max(least);
    fed.saturating_add(demand.usual().max(HEADROOM)).min(affordable).clamp(1, MOST_BUFFERS)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const VGA: u64 = 640 * 480 * 2;

    fn of(rate: u32, consumers: usize, waiting: usize) -> u32 {
        buffers_for(Some(FrameRate::whole(rate)), 2, Demand { consumers, waiting, most: 0 }, VGA)
    }

    #[test]
    fn a_camera_of_the_usual_rate_has_what_it_needs_and_four_to_lend() {
        assert_eq!([of(5, 0, 0), of(30, 0, 0), of(30, 1, 2)], [6, 6, 6]);
        assert_eq!(buffers_for(None, 2, Demand::default(), VGA), 6);
        assert_eq!(buffers_for(Some(FrameRate::whole(30)), 5, Demand::default(), VGA), 9, "the driver's own minimum");
    }

    #[test]
    fn a_fast_camera_has_enough_for_a_twentieth_of_a_second() {
        assert_eq!([of(60, 0, 0), of(120, 0, 0), of(240, 0, 0)], [7, 10, 16]);
    }

    #[test]
    fn many_consumers_have_a_frame_each_and_their_longest_queue() {
        assert_eq!([of(30, 4, 2), of(30, 16, 2), of(30, 1, 8)], [8, 20, 11]);
        assert_eq!(of(30, 1000, usize::MAX), MOST_BUFFERS);
    }

    #[test]
    fn large_pictures_have_no_more_buffers_than_memory_allows_and_never_too_few() {
        let uhd = 3840 * 2160 * 2;
        let rate = Some(FrameRate::whole(120));
        assert_eq!(buffers_for(rate, 2, Demand::default(), uhd), 8);
        assert_eq!(buffers_for(rate, 2, Demand::default(), u64::MAX), 6);
        assert_eq!(buffers_for(rate, 2, Demand::default(), 0), 10);
    }

    proptest::proptest! {
        #[test]
        fn the_driver_is_always_fed_and_never_asked_for_more_than_there_are(
            numerator: u32, denominator: u32, low_mark in 1u32..MOST_BUFFERS, consumers: usize, waiting: usize,
            bytes: u64,
        ) {
            let demand = Demand { consumers, waiting, most: usize::MAX };
            let count = buffers_for(FrameRate::new(numerator, denominator), low_mark, demand, bytes);
            proptest::prop_assert!(count <= MOST_BUFFERS && count >= (low_mark + 1).min(MOST_BUFFERS), "{count}");
        }
    }
}
