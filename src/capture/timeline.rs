//! Where a frame belongs in time: gaps, repeats, and stamps that cannot be true. Pure.

/// Where a frame's timestamp comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimestampSource {
    /// The driver's own stamp on CLOCK_MONOTONIC.
    Driver,
    /// The moment it arrived here, because the driver's stamp could not be true.
    Host,
}

/// A stamp further in the past than this was not made for a frame that arrives now.
pub(super) const OLDEST: u64 = 5_000_000_000;
/// Clocks are read on different CPUs. Drivers that stamp the end of the exposure they expect (vivid does) are a frame
/// ahead besides.
pub(super) const FUTURE: u64 = 5_000_000;

/// A frame, placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    /// Its number since the start, from 0; lost frames leave their numbers out.
    pub sequence: u64,
    /// CLOCK_MONOTONIC in nanoseconds, later than any before.
    pub timestamp: u64,
    pub source: TimestampSource,
    /// How many frames are missing before it.
    pub lost: u64,
    /// It was given before.
    pub duplicate: bool,
    /// Nanoseconds in which none was expected, because the stream had to be started anew.
    pub muted: u64,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    raw_sequence: u32,
    raw_timestamp: u64,
    sequence: u64,
    timestamp: u64,
    source: TimestampSource,
}

/// What the frames so far say about the next one.
#[derive(Debug)]
pub(super) struct Timeline {
    interval: Option<u64>,
    last: Option<Last>,
    /// The stream was started anew since the last frame.
    interrupted: bool,
    beat: Beat,
}

/// A frame that is stamped late leaves a gap before it, as a lost one does, and the next one comes too early: only then is it
/// known that none was lost. The number that was left out for it cannot be had back, but the next gap is owed one less, so
/// that numbers keep up with the clock however much the stamps are shaken.
#[derive(Debug, Clone, Copy, Default)]
struct Beat {
    /// How much later than its time by the frames before the last one came, in nanoseconds.
    late: i64,
    /// How many frames were taken for lost that were not.
    owed: u64,
}

/// What an early frame takes back at most: nobody's stamps are shaken by more, and who sends more frames than agreed has none
/// late.
const MOST_OWED: u64 = 30;

impl Beat {
    /// `missing` frames before one that came `delta` nanoseconds after the last: those that are lost indeed, where the
    /// driver's numbers say that `numbered` are.
    fn lost(&mut self, delta: u64, missing: u64, numbered: u64, interval: u64) -> u64 {
        let lost = numbered.max(missing.saturating_sub(self.owed));
        self.owed -= missing.saturating_sub(lost).min(self.owed);
        let whole = |nanoseconds: u64| i64::try_from(nanoseconds).unwrap_or(i64::MAX);
        let passed = whole(interval.saturating_mul(lost.max(missing).saturating_add(1)));
        self.late = self.late.saturating_add(whole(delta)).saturating_sub(passed);
        let interval = whole(interval);
        if self.late <= -(interval / 5 * 3) {
            self.owed = (self.owed + 1).min(MOST_OWED);
            self.late = self.late.saturating_add(interval).max(-interval);
        }
        // The camera's clock is not this one: what adds up slowly is its own beat.
        self.late -= self.late / 16;
        lost
    }
}

impl Timeline {
    /// For a camera with this many nanoseconds between two frames, where that is known.
    pub(super) fn new(interval: Option<u64>) -> Self {
        Self {
            interval: interval.filter(|&interval| interval > 0),
            last: None,
            interrupted: false,
            beat: Beat::default(),
        }
    }

    /// The stream starts, maybe anew, with so many nanoseconds between two frames: numbers and times go on from the last
    /// frame, and what lies between is no loss.
    pub(super) fn start(&mut self, interval: Option<u64>) {
        self.interval = interval.filter(|&interval| interval > 0);
        self.interrupted = self.last.is_some();
    }

    /// Places a frame by the driver's sequence number and timestamp, `now` being the time of its arrival.
    pub(super) fn place(&mut self, raw_sequence: u32, raw_timestamp: u64, now: u64) -> Placed {
        let placed = self.placed(raw_sequence, raw_timestamp, now);
        if !placed.duplicate {
            self.interrupted = false;
            self.last = Some(Last {
                raw_sequence,
                raw_timestamp,
                sequence: placed.sequence,
                timestamp: placed.timestamp,
                source: placed.source,
            });
        }
        placed
    }

    /// Whether a stamp can be the truth about a frame that arrives now.
    pub(super) fn is_sane(&self, raw_timestamp: u64, now: u64) -> bool {
        let oldest = OLDEST.max(self.interval.unwrap_or(0).saturating_mul(4));
        raw_timestamp != 0
            && raw_timestamp <= now.saturating_add(FUTURE).saturating_add(self.interval.unwrap_or(0))
            && now.saturating_sub(raw_timestamp) <= oldest
            && self.last.is_none_or(|last| {
                raw_timestamp > last.timestamp || (raw_timestamp == last.raw_timestamp && !self.interrupted)
            })
    }

    fn placed(&mut self, raw_sequence: u32, raw_timestamp: u64, now: u64) -> Placed {
        let (timestamp, source) = if self.is_sane(raw_timestamp, now) {
            (raw_timestamp, TimestampSource::Driver)
        } else {
            (now, TimestampSource::Host)
        };
        let Some(last) = self.last else {
            return Placed { sequence: 0, timestamp, source, lost: 0, duplicate: false, muted: 0 };
        };
        if self.interrupted {
            self.beat = Beat::default();
            let timestamp = timestamp.max(last.timestamp + 1);
            let muted = (timestamp - last.timestamp).saturating_sub(self.interval.unwrap_or(0));
            return Placed { sequence: last.sequence + 1, timestamp, source, lost: 0, duplicate: false, muted };
        }
        if raw_sequence == last.raw_sequence && raw_timestamp == last.raw_timestamp && raw_timestamp != 0 {
            return Placed {
                sequence: last.sequence,
                timestamp: last.timestamp,
                source: last.source,
                lost: 0,
                duplicate: true,
                muted: 0,
            };
        }
        let numbered = by_sequence(last.raw_sequence, raw_sequence);
        let lost = match self.interval {
            // Two clocks are not compared.
            Some(interval) if source == last.source => {
                let delta = timestamp.saturating_sub(last.timestamp);
                self.beat.lost(delta, by_time(delta, interval), numbered, interval)
            }
            _ => {
                self.beat = Beat::default();
                numbered
            }
        };
        Placed {
            sequence: last.sequence + 1 + lost,
            // Two frames can arrive in one tick of the clock; time still goes on.
            timestamp: timestamp.max(last.timestamp + 1),
            source,
            lost,
            duplicate: false,
            muted: 0,
        }
    }
}

/// Frames missing by the clock. Six tenths of an interval of jitter are no lost frame.
fn by_time(delta: u64, interval: u64) -> u64 {
    (delta.saturating_add(interval / 5 * 2) / interval).saturating_sub(1)
}

/// Frames missing by the driver's numbers, which wrap. A number that went back is a counter that began again.
fn by_sequence(last: u32, next: u32) -> u64 {
    match next.wrapping_sub(last) {
        0 => 0,
        step if step < 1 << 31 => u64::from(step - 1),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: u64 = 33_333_333;
    const START: u64 = 100_000_000_000;

    fn timeline() -> Timeline {
        Timeline::new(Some(FRAME))
    }

    fn at(frame: u64) -> u64 {
        START + frame * FRAME
    }

    #[test]
    fn frames_in_order_lose_nothing_and_count_from_zero() {
        let mut timeline = timeline();
        for frame in 0..100 {
            let placed = timeline.place(500 + frame as u32, at(frame), at(frame) + 1_000_000);
            assert_eq!((placed.sequence, placed.lost, placed.duplicate), (frame, 0, false));
            assert_eq!((placed.timestamp, placed.source), (at(frame), TimestampSource::Driver));
        }
    }

    #[test]
    fn the_larger_of_both_gaps_counts() {
        let mut by_number = timeline();
        by_number.place(0, at(0), at(0));
        assert_eq!(by_number.place(4, at(1), at(1)).lost, 3);
        let mut by_clock = timeline();
        by_clock.place(0, at(0), at(0));
        assert_eq!(by_clock.place(1, at(6), at(6)).lost, 5);
        let mut both = timeline();
        both.place(u32::MAX, at(0), at(0));
        let placed = both.place(1, at(2), at(2));
        assert_eq!((placed.lost, placed.sequence), (1, 2));
    }

    #[test]
    fn jitter_of_half_a_frame_is_no_loss() {
        let mut timeline = timeline();
        timeline.place(0, at(0), at(1));
        assert_eq!(timeline.place(1, at(1) + FRAME / 2, at(2)).lost, 0);
        assert_eq!(timeline.place(2, at(2), at(3)).lost, 0);
    }

    #[test]
    fn stamps_that_are_late_now_and_then_lose_nothing_in_the_long_run() {
        for late in [FRAME / 10 * 7, FRAME / 10 * 9, FRAME / 10 * 19, FRAME / 10 * 28] {
            let mut timeline = timeline();
            // Frames cannot overtake each other: those behind a late one come right after it.
            let mut earliest = 0;
            for frame in 0..3_000 {
                let stamp = (at(frame) + if frame % 10 == 3 { late } else { 0 }).max(earliest);
                earliest = stamp + 1_000_000;
                let placed = timeline.place(frame as u32, stamp, stamp);
                assert!(placed.sequence - frame <= late.div_ceil(FRAME), "{placed:?} is frame {frame}, {late} ns");
            }
        }
    }

    #[test]
    fn frames_are_missed_by_the_clock_among_late_ones_too() {
        let mut timeline = timeline();
        // One in fifty is not sent, which the driver's numbers do not tell; one in seven is late.
        let (mut sent, mut last) = (0, 0);
        for frame in (0..5_000).filter(|frame| frame % 50 != 20) {
            let stamp = at(frame) + if frame % 7 == 3 { FRAME / 10 * 8 } else { 0 };
            last = timeline.place(sent, stamp, stamp).sequence;
            sent += 1;
            assert!(last.abs_diff(frame) <= 2, "number {last} is frame {frame}");
        }
        assert!(u64::from(sent) + 90 < last, "{sent} frames of {last}");
    }

    #[test]
    fn a_camera_that_is_a_little_fast_is_still_missed_a_frame() {
        let mut timeline = timeline();
        let mut lost = 0;
        // A hundredth faster than agreed; every hundredth frame is not sent.
        for (sent, frame) in (0..10_000u64).filter(|frame| frame % 100 != 50).enumerate() {
            let stamp = START + frame * (FRAME - FRAME / 100);
            lost += timeline.place(sent as u32, stamp, stamp).lost;
        }
        assert_eq!(lost, 100);
    }

    #[test]
    fn a_counter_that_begins_again_is_no_loss() {
        let mut timeline = timeline();
        timeline.place(1000, at(0), at(0));
        let placed = timeline.place(0, at(1), at(1));
        assert_eq!((placed.lost, placed.sequence), (0, 1));
    }

    #[test]
    fn a_frame_given_twice_is_a_duplicate_and_moves_nothing() {
        let mut timeline = timeline();
        timeline.place(7, at(0), at(0));
        assert!(timeline.place(7, at(0), at(1)).duplicate);
        let placed = timeline.place(8, at(1), at(1));
        assert_eq!((placed.lost, placed.sequence, placed.duplicate), (0, 1, false));
    }

    #[test]
    fn a_stream_that_starts_anew_goes_on_counting_and_misses_nothing() {
        let mut timeline = timeline();
        timeline.start(Some(FRAME));
        timeline.place(40, at(0), at(0));
        timeline.place(41, at(1), at(1));
        timeline.start(Some(FRAME));
        let placed = timeline.place(0, at(31), at(31));
        assert_eq!((placed.sequence, placed.lost, placed.duplicate, placed.muted), (2, 0, false, 29 * FRAME));
        let placed = timeline.place(1, at(32), at(32));
        assert_eq!((placed.sequence, placed.lost, placed.muted), (3, 0, 0));
    }

    #[test]
    fn impossible_stamps_become_the_time_of_arrival() {
        for stamp in [0, at(1000), START - 2 * OLDEST, 1_700_000_000_000_000_000, at(0) - 1] {
            let mut timeline = timeline();
            timeline.place(0, at(0), at(0));
            let placed = timeline.place(1, stamp, at(1));
            assert_eq!((placed.timestamp, placed.source), (at(1), TimestampSource::Host), "stamp {stamp}");
            assert_eq!(placed.lost, 0);
        }
    }

    #[test]
    fn a_stamp_of_the_end_that_the_driver_expects_is_the_driver_s() {
        let mut timeline = timeline();
        assert_eq!(timeline.place(0, at(1), at(0) + 1_000_000).source, TimestampSource::Driver);
        assert_eq!(timeline.place(1, at(2) + FUTURE + 1_000_001, at(1) + 1_000_000).source, TimestampSource::Host);
    }

    #[test]
    fn time_always_goes_on() {
        let mut timeline = timeline();
        let mut last = 0;
        for (sequence, stamp) in [(0, at(1)), (1, at(1)), (2, 0), (3, at(1) + 1), (4, at(0))] {
            let placed = timeline.place(sequence, stamp, at(1));
            assert!(placed.timestamp > last);
            last = placed.timestamp;
        }
    }

    proptest::proptest! {
        #[test]
        fn any_numbers_give_growing_times_and_sequences(
            frames in proptest::collection::vec((0u32.., 0u64.., 0u64..u64::MAX / 2), 1..50),
            interval in proptest::option::of(0u64..),
        ) {
            let mut timeline = Timeline::new(interval);
            let mut last: Option<Placed> = None;
            for (sequence, stamp, now) in frames {
                let placed = timeline.place(sequence, stamp, now);
                if let Some(last) = last && !placed.duplicate {
                    proptest::prop_assert!(placed.timestamp > last.timestamp);
                    proptest::prop_assert_eq!(placed.sequence, last.sequence + 1 + placed.lost);
                }
                last = Some(placed);
            }
        }
    }
}
