//! The clock against cards whose truth is known.

use proptest::prelude::*;

use super::*;

const RATE: u32 = 48_000;
const START: u64 = 50_000_000_000;
/// Frames of a period: 20 ms.
const PERIOD: u64 = 960;

/// When a card that is so many millionths too fast has taken so many frames.
fn truth(position: u64, ppm: f64) -> u64 {
    START + (position as f64 * 1e9 / (f64::from(RATE) * (1.0 + ppm * 1e-6))) as u64
}

/// A card that runs for so many periods, its stamps late by what `late` says of each; the largest distance of a
/// block's timestamp from the truth after the first `settle` blocks, and the largest step between two blocks less a
/// period's duration.
fn run(ppm: f64, periods: u64, settle: u64, mut late: impl FnMut(u64) -> u64) -> (u64, u64) {
    let mut clock = SoundClock::new(RATE);
    let (mut error, mut jitter, mut last) = (0, 0, None);
    for number in 0..periods {
        let position = number * PERIOD;
        let stamp = truth(position + PERIOD, ppm) + late(number);
        if clock.wants_pair(stamp) {
            clock.pair(position + PERIOD, stamp, stamp + 50_000);
        }
        let (timestamp, source) = clock.timestamp(position);
        assert_eq!(source, TimestampSource::Driver);
        if let Some(last) = last.replace(timestamp) {
            assert!(timestamp > last, "time goes on");
            if number > settle {
                jitter = jitter.max((timestamp - last).abs_diff(truth(PERIOD, ppm) - START));
            }
        }
        if number >= settle {
            error = error.max(timestamp.abs_diff(truth(position, ppm)));
        }
    }
    (error, jitter)
}

/// Numbers that look like chance, the same each time.
fn noise(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ x >> 32
}

#[test]
fn an_even_card_is_stamped_to_the_nanosecond() {
    let (error, jitter) = run(0.0, 5000, 0, |_| 0);
    assert!(error <= 10 && jitter <= 10, "{error} {jitter}");
}

#[test]
fn a_card_that_drifts_is_followed_for_hours() {
    for ppm in [-500.0, -100.0, 37.5, 100.0, 500.0] {
        // Four milliseconds off at most while little is known of its pitch, and next to nothing once it is.
        let (error, _) = run(ppm, 1000, 0, |_| 0);
        assert!(error < 4_000_000, "{ppm} ppm, at first: {error} ns");
        let (error, _) = run(ppm, 4 * 3600 * 50, 1000, |_| 0);
        assert!(error < 20_000, "{ppm} ppm: {error} ns");
    }
}

#[test]
fn positions_in_steps_do_not_make_stamps_jump() {
    // A USB card moves once in 8 ms: a pair is up to that late, four on average.
    let (error, jitter) = run(20.0, 20_000, 1000, |number| noise(number) % 8_000_000);
    assert!(error < 3_000_000, "{error} ns");
    assert!(jitter < 3_000_000, "{jitter} ns");
}

#[test]
fn one_pair_out_of_place_moves_nothing() {
    let (error, _) = run(0.0, 2000, 100, |number| if number == 1000 { 15_000_000 } else { 0 });
    assert!(error < 1000, "{error} ns");
}

#[test]
fn what_was_held_up_for_a_moment_moves_nothing() {
    // A card whose interrupts had to wait for most of a second, now and then, and that caught up.
    let (error, jitter) =
        run(30.0, 3000, 1000, |number| if number % 500 < 45 { 300_000_000 - number % 500 } else { 0 });
    assert!(error < 50_000 && jitter < 50_000, "{error} {jitter}");
}

#[test]
fn what_stays_late_is_believed_in_the_end() {
    // The card stood still for 200 ms and nobody said so.
    let mut clock = SoundClock::new(RATE);
    let late = |number: u64| truth(number * PERIOD, 0.0) + if number >= 500 { 200_000_000 } else { 0 };
    let found = (1..1000).find(|&number| {
        let still = clock.stood_still(late(number));
        if clock.wants_pair(late(number)) {
            clock.pair(number * PERIOD, late(number), late(number));
        }
        still
    });
    assert!(found.is_some_and(|found| (550..=562).contains(&found)), "after a second: {found:?}");
    for number in 600..1000 {
        clock.pair(number * PERIOD, late(number), late(number));
    }
    let (timestamp, _) = clock.timestamp(1000 * PERIOD);
    assert!(late(1000).abs_diff(timestamp) < 1_000_000, "the line followed in the end");
}

#[test]
fn a_gap_is_as_long_as_the_clock_says_and_the_pitch_survives_it() {
    let mut clock = SoundClock::new(RATE);
    for number in 1..500 {
        let position = number * PERIOD;
        clock.pair(position, truth(position, 300.0), truth(position, 300.0));
    }
    let (next, gap, avail) = (499 * PERIOD, 123_456, PERIOD);
    let stamp = truth(next + gap + avail, 300.0);
    assert_eq!(clock.missing(next, avail, stamp, stamp), gap);
    let far = next + gap + 10 * u64::from(RATE);
    assert!(clock.timestamp(far).0.abs_diff(truth(far, 300.0)) < 20_000);
}

#[test]
fn no_gap_is_found_where_nothing_was_taken_before_or_nothing_is_missing() {
    let mut clock = SoundClock::new(RATE);
    assert_eq!(clock.missing(0, PERIOD, START, START), 0);
    let stamp = START + 20_000_000;
    assert_eq!(clock.missing(PERIOD, PERIOD, stamp, stamp), 0);
    // Earlier than it can be: nothing is missing, and time does not go back.
    let (before, _) = clock.timestamp(2 * PERIOD);
    assert_eq!(clock.missing(2 * PERIOD, PERIOD, stamp + 1, stamp + 1), 0);
    assert!(clock.timestamp(2 * PERIOD).0 > before);
}

#[test]
fn pairs_are_eager_at_first_and_sparse_later() {
    let mut clock = SoundClock::new(RATE);
    let mut pairs = 0;
    for number in 1..=500 {
        let now = truth(number * PERIOD, 0.0);
        if clock.wants_pair(now) {
            clock.pair(number * PERIOD, now, now);
            pairs += 1;
        }
    }
    assert!((EAGER + 48..=EAGER + 50).contains(&pairs), "{pairs} pairs in ten seconds");
}

#[test]
fn stamps_that_cannot_be_true_are_not_believed() {
    let now = START + 10_000_000_000;
    for stamp in [0, now + FUTURE + 1, now - OLDEST - 1, 1_700_000_000_000_000_000, u64::MAX] {
        let mut clock = SoundClock::new(RATE);
        clock.pair(PERIOD, stamp, now);
        let (timestamp, source) = clock.timestamp(0);
        assert_eq!(source, TimestampSource::Host, "{stamp}");
        assert_eq!(timestamp, now - 20_000_000);
    }
    let mut clock = SoundClock::new(RATE);
    clock.pair(PERIOD, now, now);
    clock.pair(2 * PERIOD, now - 1, now + 20_000_000);
    assert_eq!(clock.timestamp(PERIOD).1, TimestampSource::Host, "a stamp that went back");
}

proptest! {
    #[test]
    fn whatever_a_card_says_time_goes_on(
        pairs in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>(), any::<u32>(), any::<bool>()), 1..60),
        rate in any::<u32>(),
    ) {
        let mut clock = SoundClock::new(rate);
        let (mut position, mut last) = (0u64, 0);
        for (stamp, now, avail, step, gap) in pairs {
            if gap {
                position = position.saturating_add(clock.missing(position, avail, stamp, now));
            } else {
                clock.pair(position.saturating_add(avail), stamp, now);
            }
            let (timestamp, _) = clock.timestamp(position);
            prop_assert!(timestamp > last || timestamp == u64::MAX);
            last = timestamp;
            position = position.saturating_add(u64::from(step));
        }
    }

    #[test]
    fn stamps_are_off_by_no_more_than_the_latest_pair(ppm in -500.0..500.0, late in 0u64..20_000_000, seed: u64) {
        let (error, _) = run(ppm, 3000, 0, |number| noise(seed ^ number) % (late + 1));
        // While little is known of the pitch, it is the nominal one.
        prop_assert!(error <= late + 4_000_000, "{} ns", error);
    }
}
