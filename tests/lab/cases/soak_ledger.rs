//! What the soaks count: what this process holds, and what became of each second of picture and sound.

use std::fs;
use std::ops::RangeInclusive;

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

/// Frames by the second of CLOCK_MONOTONIC they belong to: those that came, and those the numbers say are missing.
#[derive(Debug, Default)]
pub struct Seconds {
    first: u64,
    /// Came, missing.
    counts: Vec<(u64, u64)>,
    /// Number and time of the last one, and when the first one came.
    last: Option<(u64, u64)>,
    begun: u64,
}

impl Seconds {
    pub fn picture(&mut self, frame: &VideoFrame) {
        self.note(frame.sequence(), frame.timestamp(), 1);
    }

    /// Samples of one channel, a block at a time: to the second in which it begins.
    pub fn sound(&mut self, block: &AudioData) {
        self.note(block.position(), block.timestamp(), u64::from(block.frame_count()));
    }

    fn note(&mut self, number: u64, time: u64, count: u64) {
        let (next, before) = *self.last.get_or_insert_with(|| {
            (self.first, self.begun) = (time / 1_000_000_000, time);
            (number, time)
        });
        assert!(number >= next && time >= before, "{number} at {time} ns after {next} at {before} ns");
        // The missing ones lie evenly between the two.
        let missing = number - next;
        for n in 0..missing {
            let place = before + (time - before) * (n + 1) / (missing + 1);
            self.second(place).1 += 1;
        }
        self.second(time).0 += count;
        self.last = Some((number + count, time));
    }

    fn second(&mut self, time: u64) -> &mut (u64, u64) {
        let index = usize::try_from(time / 1_000_000_000 - self.first).expect("a soak of less than 500 million years");
        if index >= self.counts.len() {
            self.counts.resize(index + 1, (0, 0));
        }
        &mut self.counts[index]
    }

    /// Each whole second, from the first to the last, accounts for so many; all of them together for `rate` a second.
    #[track_caller]
    pub fn assert_accounted(&self, what: &str, rate: f64, each: RangeInclusive<u64>) {
        let (came, missing) =
            self.counts.iter().fold((0, 0), |(came, missing), count| (came + count.0, missing + count.1));
        let (_, end) = self.last.expect("something came");
        let elapsed = (end - self.begun) as f64 / 1e9;
        println!("{what}: {came} came and {missing} are missing in {} seconds", self.counts.len());
        for (second, (came, missing)) in self.counts.iter().enumerate().take(self.counts.len() - 1).skip(1) {
            assert!(each.contains(&(came + missing)), "second {second} has {came} of {what}, {missing} missing");
        }
        let wanted = elapsed * rate;
        let slack = *each.end() as f64 - rate + 1.0;
        assert!(((came + missing) as f64 - wanted).abs() <= slack, "{what}: {} for {wanted:.1}", came + missing);
    }

    /// How many came, and how many are missing.
    pub fn total(&self) -> (u64, u64) {
        self.counts.iter().fold((0, 0), |(came, missing), count| (came + count.0, missing + count.1))
    }
}
