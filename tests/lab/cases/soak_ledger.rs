//! What the soaks count: what this process holds, and what became of each second of picture and sound.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use usermedia::{AudioData, VideoFrame};

use crate::heap;

/// What this process holds at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Resident memory in KiB, counted page by page: the figure in /proc/self/status lags behind by up to 128.
    pub rss: u64,
    /// Bytes that Rust code has allocated and not freed: exactly, where the resident memory has the allocator's moods.
    pub heap: usize,
    pub descriptors: usize,
    pub threads: usize,
    pub mappings: usize,
}

impl Held {
    pub fn now() -> Held {
        let rollup = fs::read_to_string("/proc/self/smaps_rollup").expect("the kernel has CONFIG_PROC_PAGE_MONITOR");
        let rss = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).expect("a line of that name");
        Held {
            rss: rss.trim().trim_end_matches(" kB").parse().expect("a number of KiB"),
            heap: heap::in_use(),
            // Without the one that reads the folder.
            descriptors: entries("/proc/self/fd") - 1,
            threads: entries("/proc/self/task"),
            mappings: fs::read_to_string("/proc/self/maps").expect("our own maps").lines().count(),
        }
    }
}

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).expect("our own folder").count()
}

/// What a process held from time to time, once it was warm.
#[derive(Debug)]
pub struct Ledger(Vec<Held>);

impl Ledger {
    /// With room for so many notes: the books must not be what grows.
    pub fn of(notes: usize) -> Ledger {
        Ledger(Vec::with_capacity(notes))
    }

    pub fn note(&mut self) {
        assert!(self.0.len() < self.0.capacity(), "more notes than there is room for");
        self.0.push(Held::now());
    }

    /// By least squares, from the first note to the last, in the unit of what is looked at.
    pub fn growth(&self, what: impl Fn(&Held) -> f64) -> f64 {
        let count = self.0.len() as f64;
        let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / count;
        let middle = (count - 1.0) / 2.0;
        let level = mean(&mut self.0.iter().map(&what));
        let covariance: f64 =
            self.0.iter().enumerate().map(|(n, held)| (n as f64 - middle) * (what(held) - level)).sum();
        let variance: f64 = (0..self.0.len()).map(|n| (n as f64 - middle).powi(2)).sum();
        covariance / variance * (count - 1.0)
    }

    /// In all that time resident memory grows by less than so many KiB, and what is allocated by less than so many bytes;
    /// descriptors, threads and mappings stay what they were.
    #[track_caller]
    pub fn assert_level(&self, most_resident: f64, most_allocated: f64) {
        assert!(self.0.len() >= 10, "{} notes are too few to tell a slope", self.0.len());
        let (first, last) = (self.0[0], self.0[self.0.len() - 1]);
        let (resident, allocated) = (self.growth(|held| held.rss as f64), self.growth(|held| held.heap as f64));
        println!("resident, in KiB: {:?}", self.0.iter().map(|held| held.rss).collect::<Vec<_>>());
        println!("allocated, in bytes: {:?}", self.0.iter().map(|held| held.heap).collect::<Vec<_>>());
        println!("{} notes: {first:?} to {last:?}", self.0.len());
        println!("by least squares {resident:.1} KiB more were resident, {allocated:.0} bytes more allocated");
        assert!(resident.abs() < most_resident && allocated.abs() < most_allocated, "memory has a slope");
        for held in &self.0 {
            let constant = |held: &Held| (held.descriptors, held.threads, held.mappings);
            assert_eq!(constant(held), constant(&first), "{held:?} after {first:?}");
        }
    }
}

/// Frames by the second of CLOCK_MONOTONIC they belong to: those that came, and those the numbers say are missing. Each
/// second is judged when it is over, so that the books of a day are no longer than those of a minute.
#[derive(Debug)]
pub struct Seconds {
    /// How many there are in a second.
    rate: f64,
    /// How far a whole second may be from that.
    slack: u64,
    /// The second being filled, and what is in it.
    second: u64,
    came: u64,
    missing: u64,
    /// A time for which no number accounts reaches into the seconds up to this one.
    silent_through: u64,
    /// All seconds before it.
    whole: u64,
    total: Total,
    /// Those that account for too little or too much, the first few.
    bad: Vec<String>,
    begun: u64,
    last: Option<Last>,
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
    /// Of `rate` in a second, give or take `slack`.
    pub fn of(rate: f64, slack: u64) -> Seconds {
        let (total, bad) = (Total::default(), Vec::new());
        let (second, came, missing, silent_through, whole, begun) = (0, 0, 0, 0, 0, 0);
        Seconds { rate, slack, second, came, missing, silent_through, whole, total, bad, begun, last: None }
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
            self.came = count;
            self.total.came = count;
            return;
        };
        let next = last.number + last.count;
        if number < next || time < last.time {
            self.complain(format!("{number} at {time} ns, where {next} after {} ns was to come", last.time));
            return;
        }
        let silent = (time - last.time) as f64 / SECOND as f64 - (number - last.number) as f64 / self.rate;
        // Half a frame, half a block: less than what could be missing.
        if silent > 0.5 * last.count as f64 / self.rate {
            self.silent_through = time / SECOND;
            self.total.silences += 1;
            self.total.silent += silent;
        }
        // The missing ones lie evenly between the two.
        let missing = number - next;
        for n in 1..=missing {
            self.turn_to(last.time + (time - last.time) / (missing + 1) * n);
            self.missing += 1;
        }
        self.turn_to(time);
        self.came += count;
        self.total.came += count;
        self.total.missing += missing;
    }

    /// Judges the seconds that are over by then. The first one began before we did.
    fn turn_to(&mut self, time: u64) {
        while self.second < time / SECOND {
            let judged = self.whole > 0 && self.second > self.silent_through;
            if judged && ((self.came + self.missing) as f64 - self.rate).abs() > self.slack as f64 {
                self.complain(format!("second {}: {} came, {} are missing", self.second, self.came, self.missing));
            }
            (self.came, self.missing) = (0, 0);
            self.second += 1;
            self.whole += 1;
        }
    }

    fn complain(&mut self, complaint: String) {
        if self.bad.len() < 20 {
            self.bad.push(complaint);
        }
    }

    /// Every second was accounted for, and all of them together.
    #[track_caller]
    pub fn assert_accounted(&self, what: &str) -> Total {
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
        assert!((all - wanted).abs() <= (self.slack * (1 + silences)) as f64, "{what}: {all} for {wanted:.1}");
        self.total
    }
}

const SECOND: u64 = 1_000_000_000;

/// Random numbers that are the same for the same seed.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// From `USERMEDIA_SOAK_SEED`, or from the clock; the seed is printed.
    pub fn from_environment() -> Dice {
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.subsec_nanos().into());
        let seed = soak_count("USERMEDIA_SOAK_SEED", clock());
        println!("USERMEDIA_SOAK_SEED={seed}");
        Dice(seed)
    }

    /// One of the numbers below that, each as likely as the others (SplitMix64).
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// A number that the environment may replace.
pub fn soak_count(variable: &str, usual: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) if !text.is_empty() => text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}: no number")),
        _ => usual,
    }
}
