//! What the soaks count: what this process holds; and their dice.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::heap;

/// What this process holds at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Resident memory in KiB, counted page by page: the figure in /proc/self/status lags behind by up to 128.
    pub rss: u64,
    /// Bytes that Rust code has allocated and not freed: exactly, where the resident memory comes in pages.
    pub heap: usize,
    pub descriptors: usize,
    pub threads: usize,
    pub mappings: usize,
}

impl Held {
    pub fn now() -> Held {
        heap::trim();
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
        // Each page of them is resident from the start.
        let mut pages = vec![Held::now(); notes];
        pages.clear();
        Ledger(pages)
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
        println!("resident, in KiB: {:?}", self.list(|held| held.rss as usize));
        println!("allocated, in bytes: {:?}", self.list(|held| held.heap));
        println!("{} notes: {first:?} to {last:?}", self.0.len());
        println!("by least squares {resident:.1} KiB more were resident, {allocated:.0} bytes more allocated");
        for count in [|held: &Held| held.descriptors, |held: &Held| held.threads, |held: &Held| held.mappings] {
            let (then, now) = self.least(count);
            assert_eq!(then, now, "{first:?} to {last:?}: {:?}", self.list(count));
        }
        assert!(resident.abs() < most_resident && allocated.abs() < most_allocated, "memory has a slope");
    }

    fn list(&self, what: fn(&Held) -> usize) -> Vec<usize> {
        self.0.iter().map(what).collect()
    }

    /// The least of the first quarter of the notes and that of the last: what there is for a moment only, as the second
    /// file of a recording is when one segment ends and the next begins, is in neither.
    fn least(&self, what: fn(&Held) -> usize) -> (usize, usize) {
        let quarter = self.0.len().div_ceil(4);
        let least = |notes: &[Held]| notes.iter().map(what).min().unwrap_or_default();
        (least(&self.0[..quarter]), least(&self.0[self.0.len() - quarter..]))
    }
}

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
