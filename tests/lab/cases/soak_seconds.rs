//! What became of each second of picture and sound.

use usermedia::{AudioData, VideoFrame};

use crate::usb::SECOND;

/// Frames by the second of CLOCK_MONOTONIC they belong to: those that came, those the numbers say are missing, and those
/// for whose time there are no numbers, because the track was muted. Each second is judged when it is over, so that the
/// books of a day are no longer than those of a minute.
#[derive(Debug)]
pub struct Seconds {
    /// How many there are in a second.
    rate: f64,
    /// How far a whole second may be from that.
    slack: f64,
    /// The second being filled, and what is in it.
    second: u64,
    filled: Second,
    /// All seconds before it.
    whole: u64,
    total: Total,
    /// Those that account for too little or too much, the first few.
    bad: Vec<String>,
    begun: u64,
    last: Option<Last>,
}

/// What is in a second. What is missing lies evenly between the two that came.
#[derive(Debug, Clone, Copy, Default)]
struct Second {
    came: u64,
    missing: f64,
    /// In seconds.
    silent: f64,
}

/// The last that came: its number, its time, and how many there were of it.
#[derive(Debug, Clone, Copy)]
struct Last {
    number: u64,
    time: u64,
    count: u64,
}

/// What all seconds come to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Total {
    pub came: u64,
    pub missing: u64,
    /// How often there was a time for which no number accounts, and how long they were together, in seconds.
    pub silences: u64,
    pub silent: f64,
}

impl Seconds {
    /// Of `rate` in a second, give or take `slack`; a time of more than that for which there are no numbers is a silence.
    pub fn of(rate: f64, slack: f64) -> Seconds {
        let (second, whole, begun) = (0, 0, 0);
        let (filled, total, bad) = (Second::default(), Total::default(), Vec::new());
        Seconds { rate, slack, second, filled, whole, total, bad, begun, last: None }
    }

    pub fn picture(&mut self, frame: &VideoFrame) {
        self.note(frame.sequence(), frame.timestamp(), 1);
    }

    /// Samples of one channel, a block at a time: to the second in which it begins.
    pub fn sound(&mut self, block: &AudioData) {
        self.note(block.position(), block.timestamp(), u64::from(block.frame_count()));
    }

    fn note(&mut self, number: u64, time: u64, count: u64) {
        let last = self.last.replace(Last { number, time, count });
        let Some(last) = last else {
            (self.second, self.begun) = (time / SECOND, time);
            self.filled.came = count;
            self.total.came = count;
            return;
        };
        let next = last.number + last.count;
        if number < next || time < last.time {
            self.complain(format!("{number} at {time} ns, where {next} after {} ns was to come", last.time));
            return;
        }
        let long = last.count as f64 / self.rate;
        let missing = number - next;
        let silent = (time - last.time) as f64 / SECOND as f64 - (number - last.number) as f64 / self.rate;
        // What is less is a stamp that was late.
        let silent = if silent > self.slack / self.rate { silent } else { 0.0 };
        self.pass(last.time + (long * SECOND as f64) as u64, time, missing as f64, silent);
        self.turn_to(time);
        self.filled.came += count;
        self.total.came += count;
        self.total.missing += missing;
        self.total.silences += u64::from(silent > 0.0);
        self.total.silent += silent;
    }

    /// What did not come between two times, by the seconds they reach into.
    fn pass(&mut self, from: u64, to: u64, missing: f64, silent: f64) {
        if missing == 0.0 && silent == 0.0 {
            return;
        }
        let mut from = from.min(to.saturating_sub(1));
        let span = (to - from) as f64;
        while from < to {
            self.turn_to(from);
            let until = to.min((from / SECOND + 1) * SECOND);
            let share = (until - from) as f64 / span;
            self.filled.missing += missing * share;
            self.filled.silent += silent * share;
            from = until;
        }
    }

    /// Judges the seconds that are over by then. The first one began before we did.
    fn turn_to(&mut self, time: u64) {
        while self.second < time / SECOND {
            let Second { came, missing, silent } = std::mem::take(&mut self.filled);
            let all = came as f64 + missing + silent * self.rate;
            // After a silence frames come at other parts of a second than before.
            let slack = if silent > 0.0 { 2.0 * self.slack } else { self.slack };
            if self.whole > 0 && (all - self.rate).abs() > slack {
                let second = self.second;
                self.complain(format!("second {second}: {came} came, {missing:.1} are missing, {silent:.3} s silent"));
            }
            self.second += 1;
            self.whole += 1;
        }
    }

    fn complain(&mut self, complaint: String) {
        if self.bad.len() < 20 {
            self.bad.push(complaint);
        }
    }

    /// Every second was accounted for, and all of them together; where the stream was started anew so many times, each
    /// time at another part of a frame.
    #[track_caller]
    pub fn assert_accounted(&self, what: &str, restarts: u64) -> Total {
        let Total { came, missing, silences, silent } = self.total;
        println!(
            "{what}: {came} came, {missing} are missing in {} seconds, of which {silent:.3} in {silences} silences",
            self.whole
        );
        assert!(self.bad.is_empty(), "{what}: {:#?}", self.bad);
        let last = self.last.expect("something came");
        let wanted = ((last.time - self.begun) as f64 / SECOND as f64 - silent) * self.rate;
        // The last one's time is when it begins.
        let all = (came + missing - last.count) as f64;
        assert!((all - wanted).abs() <= self.slack * (1 + restarts) as f64, "{what}: {all} for {wanted:.1}");
        self.total
    }
}

/// Tests that need no kernel.
pub const TESTS: &[(&str, fn())] = &[
    ("soak_seconds::a_steady_stream_is_accounted_for", a_steady_stream_is_accounted_for),
    ("soak_seconds::a_frame_that_no_number_accounts_for_is_found", a_frame_that_no_number_accounts_for_is_found),
    ("soak_seconds::a_silence_fills_the_seconds_it_lies_in", a_silence_fills_the_seconds_it_lies_in),
];

const FRAME: u64 = SECOND / 30;

/// Twenty seconds of frames without those for which there is another number and time, or none.
fn twenty_seconds(place: impl FnMut(u64) -> Option<(u64, u64)>) -> Seconds {
    let mut seconds = Seconds::of(30.0, 1.0);
    for (number, time) in (0..600).filter_map(place) {
        seconds.note(number, time, 1);
    }
    seconds
}

fn a_steady_stream_is_accounted_for() {
    let seconds = twenty_seconds(|n| (n % 50 != 7).then_some((n, 5 * SECOND + n * FRAME)));
    let total = seconds.assert_accounted("pictures", 0);
    assert_eq!(total, Total { came: 588, missing: 12, silences: 0, silent: 0.0 });
}

fn a_frame_that_no_number_accounts_for_is_found() {
    // Three frames in one second, and the numbers go on as if there had been none.
    let seconds = twenty_seconds(|n| (!(300..303).contains(&n)).then_some((n - n / 303 * 3, 5 * SECOND + n * FRAME)));
    assert_eq!(seconds.total.silences, 1, "{:?}", seconds.total);
    assert!((seconds.total.silent - 0.1).abs() < 0.001, "{:?}", seconds.total);
    // Three frames too many.
    let seconds = twenty_seconds(|n| Some((n, 5 * SECOND + n * FRAME - n / 300 * 3 * FRAME)));
    assert!(!seconds.bad.is_empty(), "{:?}", seconds.total);
}

fn a_silence_fills_the_seconds_it_lies_in() {
    let mut seconds = twenty_seconds(|n| Some((n, 5 * SECOND + n * FRAME)));
    // Three seconds and a half.
    for n in 600..900 {
        seconds.note(n, 5 * SECOND + n * FRAME + 3_500_000_000, 1);
    }
    let total = seconds.assert_accounted("pictures", 1);
    assert_eq!((total.came, total.missing, total.silences), (900, 0, 1));
    assert!((total.silent - 3.5).abs() < 0.001, "{total:?}");
}
