//! A benchmark from its beginning to its end: who runs when, and what it came to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::counts::{Counting, Counts};
use super::environment::Environment;
use super::inside::Inside;
use super::load::Load;
use super::process::{self, Run};
use super::program::{CommandLine, Ending, Program};
use super::series::Series;
use super::target::Target;
use crate::error::Result;

/// Longer than any program needs to start.
const STARTING: Duration = Duration::from_secs(60);

/// What is to be measured, and how.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) target: Target,
    /// Frames by which a long run is longer than a short one.
    pub(crate) frames: u64,
    /// Frames of a short run.
    pub(crate) warm_up: u64,
    /// How often each program runs, in turn with the others.
    pub(crate) runs: u32,
    pub(crate) against: Vec<Program>,
    pub(crate) load: Option<Load>,
    pub(crate) counting: Counting,
}

/// Hears of each step.
pub(crate) trait Observer {
    /// What is begun now.
    fn begins(&self, what: &str);
    /// What a run came to.
    fn ran(&self, document: &Value);
}

/// What came of one program.
#[derive(Debug, Clone)]
pub(crate) struct Runs {
    pub(crate) program: Program,
    pub(crate) version: Option<String>,
    /// The long run's.
    pub(crate) command: Option<String>,
    /// Why there are no figures, or no more of them.
    pub(crate) refused: Option<String>,
    /// Seconds from a program's start to its end with a single frame.
    pub(crate) first_frame: Series,
    /// Frames per second, by the clock on the wall.
    pub(crate) rate: Series,
    /// Seconds of processor time for a frame.
    pub(crate) cpu: Series,
    /// Bytes of its own.
    pub(crate) private: Series,
    /// Bytes of the driver's that it has mapped, and in how many pieces.
    pub(crate) driver: Series,
    pub(crate) mappings: Option<u32>,
    pub(crate) counts: Option<Counts>,
}

/// What came of it all.
#[derive(Debug, Clone)]
pub(crate) struct Results {
    pub(crate) environment: Environment,
    /// Ours first.
    pub(crate) programs: Vec<Runs>,
    /// What our own process told, of each of its runs.
    pub(crate) inside: Vec<Inside>,
    /// It was interrupted: fewer runs than planned.
    pub(crate) interrupted: bool,
}

impl Plan {
    /// Runs everybody in turn, as often as planned, then counts.
    ///
    /// # Errors
    /// The load's.
    pub(crate) fn carry_out(&self, observer: &dyn Observer, stop: &AtomicBool) -> Result<Results> {
        let environment = Environment::read();
        let all = std::iter::once(Program::Usermedia).chain(self.against.iter().copied());
        let mut programs: Vec<Runs> = all.map(|program| Runs::of(program, self)).collect();
        let mut inside = Vec::new();
        let stopped = || stop.load(Ordering::Relaxed);
        {
            let _load = self.load.map(Load::start).transpose()?;
            if !stopped() {
                observer.begins("warming up");
                programs.iter_mut().for_each(|runs| runs.warm_up(self, stop));
            }
            for round in 1..=self.runs {
                // Interleaved: what the machine does meanwhile befalls all of them.
                for runs in programs.iter_mut().filter(|runs| runs.refused.is_none()) {
                    if stopped() {
                        break;
                    }
                    observer.begins(&format!("run {round} of {}: {}", self.runs, runs.program.as_str()));
                    let told = runs.run(self, &environment, stop);
                    observer.ran(&runs.line(round));
                    inside.extend(told);
                }
            }
        }
        for runs in programs.iter_mut().filter(|runs| runs.refused.is_none() && self.counting != Counting::Nothing) {
            if stopped() {
                break;
            }
            observer.begins(&format!("counting: {}", runs.program.as_str()));
            runs.count(self, stop);
        }
        if stopped() {
            // What was interrupted is not refused.
            programs.iter_mut().for_each(|runs| runs.refused = runs.refused.take().filter(|why| why != "interrupted"));
        }
        Ok(Results { environment, programs, inside, interrupted: stopped() })
    }

    /// How long a run of so many frames may take.
    fn limit(&self, frames: u64) -> Duration {
        let capturing = Duration::from_nanos(self.target.rate.interval_ns().saturating_mul(frames));
        capturing.saturating_mul(3).saturating_add(STARTING)
    }
}

impl Runs {
    fn of(program: Program, plan: &Plan) -> Self {
        let version = program.version();
        let command = program.command(&plan.target, plan.warm_up + plan.frames);
        let refused = version.as_ref().err().or(command.as_ref().err()).cloned();
        Self {
            program,
            version: version.ok(),
            command: command.ok().map(|line| line.words.join(" ")),
            refused,
            first_frame: Series::default(),
            rate: Series::default(),
            cpu: Series::default(),
            private: Series::default(),
            driver: Series::default(),
            mappings: None,
            counts: None,
        }
    }

    fn launch(&mut self, plan: &Plan, frames: u64, stop: &AtomicBool) -> Option<(Run, CommandLine)> {
        let ran = self.program.command(&plan.target, frames).and_then(|line| {
            let run = process::run(&line, &plan.target.path, plan.limit(frames), stop)?;
            plan.target.read_back()?;
            Ok((run, line))
        });
        ran.map_err(|refused| self.refused = Some(refused)).ok()
    }

    /// A run that counts for nothing: files are read into the page cache, the device wakes, and what cannot be compared
    /// is found out.
    fn warm_up(&mut self, plan: &Plan, stop: &AtomicBool) {
        if self.refused.is_none() {
            self.launch(plan, plan.warm_up, stop);
        }
    }

    /// A run of one frame, a short one and a long one. What our own program told of the long one.
    fn run(&mut self, plan: &Plan, environment: &Environment, stop: &AtomicBool) -> Option<Inside> {
        let (first, line) = self.launch(plan, 1, stop)?;
        let (short, _) = self.launch(plan, plan.warm_up, stop)?;
        let (long, _) = self.launch(plan, plan.warm_up + plan.frames, stop)?;
        let frames = plan.frames as f64;
        if environment.validity.has_times() {
            self.cpu.push(long.cpu.saturating_sub(short.cpu).as_secs_f64() / frames);
            // Of a server neither says anything: it ends when it is told to.
            if line.ending == Ending::Frames {
                self.first_frame.push(first.wall.as_secs_f64());
            }
        }
        if line.ending == Ending::Frames {
            self.rate.push(frames / long.wall.saturating_sub(short.wall).as_secs_f64());
        }
        if let Some(memory) = long.memory {
            self.private.push(memory.private as f64);
            self.driver.push(memory.driver as f64);
            self.mappings = Some(memory.mappings).filter(|_| !plan.target.synthetic);
        }
        let inside = (self.program == Program::Usermedia).then(|| Inside::from_json(&long.stdout)).flatten();
        let inside = inside.map(|inside| match self.stamped(plan, stop) {
            Some(stamped) => Inside { stamped, ..inside },
            None => inside,
        });
        inside.map(|inside| if environment.validity.has_times() { inside } else { inside.without_times() })
    }

    /// A run of a loopback's reader for the stamps alone: reading them is not what a frame costs.
    fn stamped(&self, plan: &Plan, stop: &AtomicBool) -> Option<Vec<u64>> {
        let frames = plan.warm_up + plan.frames;
        let mut line = self.program.command(&plan.target, frames).ok().filter(|_| plan.target.is_loopback())?;
        line.words.push("--stamps".to_owned());
        let run = process::run(&line, &plan.target.path, plan.limit(frames), stop).ok()?;
        Some(Inside::from_json(&run.stdout)?.stamped)
    }

    fn count(&mut self, plan: &Plan, stop: &AtomicBool) {
        let line = |frames| self.program.command(&plan.target, frames).ok();
        // Of what is interrupted by the clock the last frame or two are uncertain.
        let lines = line(plan.warm_up).zip(line(plan.warm_up + plan.frames));
        self.counts =
            lines.map(|(few, many)| Counts::take(plan.counting, (&few, &many), plan.frames, &plan.target.path, stop));
    }

    /// The last run, as a line of JSON.
    fn line(&self, round: u32) -> Value {
        let last = |series: &Series| series.values().last().copied();
        json!({
            "event": "run", "run": round, "program": self.program.as_str(), "refused": self.refused,
            "frameRate": last(&self.rate), "cpuPerFrame": last(&self.cpu), "firstFrame": last(&self.first_frame),
            "privateMemory": last(&self.private), "driverMemory": last(&self.driver),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl Observer for Nobody {
        fn begins(&self, _: &str) {}
        fn ran(&self, _: &Value) {}
    }

    #[test]
    fn a_peer_that_cannot_be_compared_is_refused_and_never_run() {
        let target = Target {
            path: String::new(),
            label: "Synthetic camera".to_owned(),
            driver: None,
            fourcc: crate::Fourcc::YUYV,
            width: 640,
            height: 480,
            rate: crate::FrameRate::whole(30),
            buffers: 4,
            synthetic: true,
        };
        let plan = Plan {
            target,
            frames: 1,
            warm_up: 1,
            runs: 1,
            against: vec![Program::V4l2Ctl],
            load: None,
            counting: Counting::Nothing,
        };
        // Interrupted before it began: what is known without running anything.
        let results = plan.carry_out(&Nobody, &AtomicBool::new(true)).unwrap();
        assert!(results.interrupted);
        let [ours, peer] = &results.programs[..] else { panic!("{results:?}") };
        assert_eq!((ours.program, &ours.refused), (Program::Usermedia, &None));
        assert!(peer.refused.is_some() && peer.cpu.values().is_empty(), "{peer:?}");
    }
}
