//! What the soaks count: what this process holds, and what became of each second of picture and sound.

use std::fs;
use std::ops::RangeInclusive;
use std::time::{SystemTime, UNIX_EPOCH};

use usermedia::{AudioData, VideoFrame};

/// What this process holds at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Resident memory in KiB, counted page by page: the figure in /proc/self/status lags behind by up to 128.
    pub rss: u64,
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
#[derive(Debug, Default)]
pub struct Ledger(Vec<Held>);

impl Ledger {
    pub fn note(&mut self) {
        self.0.push(Held::now());
    }

    /// Memory by least squares, in KiB from the first note to the last.
    pub fn growth(&self) -> f64 {
        let count = self.0.len() as f64;
        let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / count;
        let middle = (count - 1.0) / 2.0;
        let level = mean(&mut self.0.iter().map(|held| held.rss as f64));
        let covariance: f64 =
            self.0.iter().enumerate().map(|(n, held)| (n as f64 - middle) * (held.rss as f64 - level)).sum();
        let variance: f64 = (0..self.0.len()).map(|n| (n as f64 - middle).powi(2)).sum();
        covariance / variance * (count - 1.0)
    }

    /// Memory does not grow by more than one page could explain; descriptors, threads and mappings stay what they were.
    #[track_caller]
    pub fn assert_level(&self) {
        let (first, last) = (self.0[0], self.0[self.0.len() - 1]);
        let growth = self.growth();
        println!("{} notes: {first:?} to {last:?}, memory grew by {growth:.1} KiB by least squares", self.0.len());
        assert!(self.0.len() >= 10, "too few to tell a slope");
        assert!(
            growth.abs() < 16.0,
            "memory has a slope: {:?}",
            self.0.iter().map(|held| held.rss).collect::<Vec<_>>()
        );
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
    /// What a whole second has to account for.
    each: RangeInclusive<u64>,
    /// The second being filled, and what is in it.
    second: u64,
    came: u64,
    missing: u64,
    /// All seconds before it.
    whole: u64,
    total: Total,
    /// Those that account for too little or too much, the first few.
    bad: Vec<String>,
    /// When the first one came; number and time of the one that is to come next.
    begun: u64,
    next: Option<(u64, u64)>,
}

/// How many came, and how many are missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    pub came: u64,
    pub missing: u64,
}

impl Seconds {
    pub fn of(each: RangeInclusive<u64>) -> Seconds {
        let (total, bad) = (Total::default(), Vec::new());
        Seconds { each, second: 0, came: 0, missing: 0, whole: 0, total, bad, begun: 0, next: None }
    }

    pub fn picture(&mut self, frame: &VideoFrame) {
        self.note(frame.sequence(), frame.timestamp(), 1);
    }

    /// Samples of one channel, a block at a time: to the second in which it begins.
    pub fn sound(&mut self, block: &AudioData) {
        self.note(block.position(), block.timestamp(), u64::from(block.frame_count()));
    }

    fn note(&mut self, number: u64, time: u64, count: u64) {
        let (next, before) = *self.next.get_or_insert_with(|| {
            (self.second, self.begun) = (time / SECOND, time);
            (number, time)
        });
        if number < next || time < before {
            self.complain(format!("{number} at {time} ns, where {next} after {before} ns was to come"));
            return;
        }
        // The missing ones lie evenly between the two.
        let missing = number - next;
        for n in 1..=missing {
            self.turn_to(before + (time - before) * n / (missing + 1));
            self.missing += 1;
        }
        self.turn_to(time);
        self.came += count;
        self.total.came += count;
        self.total.missing += missing;
        self.next = Some((number + count, time));
    }

    /// Judges the seconds that are over by then. The first one began before we did.
    fn turn_to(&mut self, time: u64) {
        while self.second < time / SECOND {
            if self.whole > 0 && !self.each.contains(&(self.came + self.missing)) {
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

    /// Every second was accounted for; all of them together come to `rate` a second.
    #[track_caller]
    pub fn assert_accounted(&self, what: &str, rate: f64) -> Total {
        let Total { came, missing } = self.total;
        println!("{what}: {came} came and {missing} are missing in {} seconds", self.whole);
        assert!(self.bad.is_empty(), "{what}: {:#?}", self.bad);
        let (_, end) = self.next.expect("something came");
        let wanted = (end - self.begun) as f64 / 1e9 * rate;
        // A second's slack for all of them: the last one is not over, and a block is counted where it begins.
        let slack = *self.each.end() as f64 - rate + 1.0;
        assert!(((came + missing) as f64 - wanted).abs() <= slack, "{what}: {} for {wanted:.1}", came + missing);
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
