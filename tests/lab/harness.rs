//! The host's side: lab tests as ordinary test results.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::agent;
use crate::cases;
use crate::guest::{self, Guest, Report};
use crate::machine::{Leg, Machine};
use crate::protocol::{Done, Ending, Request, SHARE_VARIABLE};

/// What a lab test may take where it does not say otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// More would have a gigabyte each, and save little.
const MOST_GUESTS: usize = 4;

/// A timeout in virtual time for tests that are bounded by this machine's clock alone.
const ENDLESS: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// One test of the lab: an ordinary function that runs, alone in its process, where the drivers are. It fails by a panic.
#[derive(Debug, Clone, Copy)]
pub struct LabTest {
    module: &'static str,
    name: &'static str,
    timeout: Duration,
    kind: Kind,
    run: fn(),
}

/// Where a test runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Everywhere.
    Everywhere,
    /// Not in virtual time, for this reason.
    RealTime(&'static str),
    /// In virtual time only.
    VirtualTime,
    /// Only where soaks are asked for. It may take so long by this machine's clock.
    Soak { patience: Duration, legs: Legs },
}

/// Where a soak runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Legs {
    /// In virtual time only.
    Virtual,
    /// In real time too.
    Both,
}

/// The [`LabTest`] of a function: `lab_test!(vivid_streams)`, or `lab_test!(vivid_streams).timeout_secs(90)`.
macro_rules! lab_test {
    ($function:ident) => {
        $crate::harness::LabTest::new(module_path!(), stringify!($function), $function)
    };
}
pub(crate) use lab_test;

impl LabTest {
    /// See [`lab_test`].
    pub const fn new(module: &'static str, name: &'static str, run: fn()) -> LabTest {
        LabTest { module, name, timeout: TIMEOUT, kind: Kind::Everywhere, run }
    }

    /// Allows the test this long in place of 30 seconds.
    pub const fn timeout_secs(self, seconds: u64) -> LabTest {
        LabTest { timeout: Duration::from_secs(seconds), ..self }
    }

    /// In virtual time the test is reported as ignored, for this reason: it cannot hold there.
    pub const fn not_in_virtual_time(self, reason: &'static str) -> LabTest {
        LabTest { kind: Kind::RealTime(reason), ..self }
    }

    /// Only the virtual-time leg has what the test needs.
    pub const fn in_virtual_time(self) -> LabTest {
        LabTest { kind: Kind::VirtualTime, ..self }
    }

    /// A soak: `make soak` runs it, in virtual time, and waits this long for it by this machine's clock.
    pub const fn soak_minutes(self, minutes: u64) -> LabTest {
        let patience = Duration::from_secs(60 * minutes);
        LabTest { timeout: ENDLESS, kind: Kind::Soak { patience, legs: Legs::Virtual }, ..self }
    }

    /// The soak runs in real time too, where it is asked for.
    pub const fn on_both_legs(self) -> LabTest {
        match self.kind {
            Kind::Soak { patience, .. } => LabTest { kind: Kind::Soak { patience, legs: Legs::Both }, ..self },
            _ => self,
        }
    }

    /// How long the harness waits for it, by this machine's clock.
    fn patience(&self, leg: Leg) -> Duration {
        match (self.kind, leg) {
            (Kind::Soak { patience, .. }, _) => patience,
            (_, Leg::Stock | Leg::Arm64) => self.timeout * slowness(),
            // Computing takes no virtual time, and some of the tests do nothing else.
            (_, Leg::VirtualTime) => self.timeout * slowness() * 4,
        }
    }

    /// As it is listed: the file under cases/, then the function.
    fn full_name(&self) -> String {
        let file = self.module.rsplit("::").next().unwrap_or_default();
        format!("{file}::{}", self.name)
    }

    /// How a process is told to run it, where the drivers are: this lab binary, or the same for the guest's processor.
    fn request(
        &self,
        binary: PathBuf,
        environment: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    ) -> Result<Request, String> {
        Ok(Request {
            timeout: self.timeout.saturating_mul(slowness()),
            directory: PathBuf::from(env!("CARGO_MANIFEST_DIR")),
            environment,
            command: vec![binary.into(), "--guest-test".into(), self.full_name().into()],
        })
    }
}

/// How many times as long as usual a test may take, by $USERMEDIA_LAB_SLOWNESS: under a sanitizer, say.
pub fn slowness() -> u32 {
    std::env::var("USERMEDIA_LAB_SLOWNESS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Runs one test in this very process, as `--guest-test NAME` asks.
pub fn run_here(name: &str) -> Result<(), String> {
    let tests = cases::all();
    let test = tests.iter().find(|test| test.full_name() == name).ok_or_else(|| format!("no test named {name}"))?;
    (test.run)();
    Ok(())
}

/// Where lab tests run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a guest of this kind.
    Guest(Leg),
    /// Here: this machine has the drivers, in the lab's layout.
    Host,
    /// Nowhere, and said aloud.
    Off,
}

impl Place {
    /// From `USERMEDIA_LAB`.
    pub fn from_environment() -> Result<Place, String> {
        match std::env::var("USERMEDIA_LAB").as_deref() {
            Err(_) | Ok("" | "qemu") => Ok(Place::Guest(Leg::Stock)),
            Ok("uml") => Ok(Place::Guest(Leg::VirtualTime)),
            Ok("arm64") => Ok(Place::Guest(Leg::Arm64)),
            Ok("host") => Ok(Place::Host),
            Ok("off") => Ok(Place::Off),
            Ok(other) => {
                Err(format!("USERMEDIA_LAB is {other:?}; it may be qemu (the default), arm64, uml, host or off"))
            }
        }
    }
}

/// The harness: lists, runs and reports.
pub fn main() -> Result<ExitCode, String> {
    let place = Place::from_environment()?;
    let mut arguments = Arguments::from_args();
    let count = guests(place, arguments.test_threads)?;
    arguments.test_threads = Some(count);
    let lab = Arc::new(Lab::new(place));
    let mut trials = Vec::new();
    let virtual_time = place == Place::Guest(Leg::VirtualTime);
    // The longest first, beside which all others run.
    trials.extend(cases::packages::trial(place));
    for test in cases::all() {
        let name = test.full_name();
        match test.kind {
            Kind::VirtualTime | Kind::Soak { legs: Legs::Virtual, .. } if !virtual_time => continue,
            Kind::RealTime(reason) if virtual_time => {
                trials.push(Trial::ignorable_test(name, move || Ok(Completion::ignored_with(reason))));
                continue;
            }
            _ => {}
        }
        let lab = Arc::clone(&lab);
        let run = move || {
            // Real drivers on an emulated processor meet a host that pauses: what fails is tried once more, and named. A
            // soak is an hour's work.
            let first = lab.run(&test);
            match first {
                Err(why) if !matches!(test.kind, Kind::Soak { .. }) => {
                    let again = lab.run(&test);
                    if again.is_ok() {
                        eprintln!("FLAKY: {} failed at first:\n{why}", test.full_name());
                    }
                    again.map_err(Failed::from)
                }
                first => first.map_err(Failed::from),
            }
        };
        let ignored = place == Place::Off || matches!(test.kind, Kind::Soak { .. });
        trials.push(Trial::test(name, run).with_ignored_flag(ignored));
    }
    if virtual_time {
        for &(name, reason) in cases::not_in_virtual_time() {
            trials.push(Trial::ignorable_test(name, move || Ok(Completion::ignored_with(reason))));
        }
    }
    for (name, run) in cases::on_the_host(place) {
        let run = move || {
            run();
            Ok(())
        };
        trials.push(Trial::test(name, run).with_ignored_flag(place == Place::Off));
    }
    if place == Place::Off && !arguments.list {
        eprintln!("\nUSERMEDIA_LAB=off: the device lab is off. Its {} tests did NOT run.", trials.len());
    }
    let anything = trials.iter().any(|trial| !arguments.is_filtered_out(trial));
    if let Place::Guest(leg) = place
        && anything
        && !arguments.list
    {
        // Before the first line of results: preparing may have something to say.
        let prepared = Machine::prepare(leg).map(Arc::new);
        for _ in 1..count {
            let another = prepared.clone().and_then(|machine| machine.another()).map(Arc::new);
            lab.put_back(Seat { machine: another, guest: None });
        }
        lab.put_back(Seat { machine: prepared, guest: None });
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(lab);
    Ok(conclusion.exit_code())
}

/// How many guests run tests at the same time, by `--test-threads` or `USERMEDIA_LAB_GUESTS`: else one for each of this
/// machine's processors, which an emulated one occupies. A test has the guest it runs in for itself.
fn guests(place: Place, asked: Option<usize>) -> Result<usize, String> {
    let most = match place {
        Place::Guest(Leg::Stock | Leg::Arm64) => MOST_GUESTS,
        // Virtual time is one processor's work (uml.rs), and this machine has its drivers once.
        Place::Guest(Leg::VirtualTime) | Place::Host | Place::Off => 1,
    };
    let named = match std::env::var("USERMEDIA_LAB_GUESTS") {
        Ok(text) => match text.parse() {
            Ok(count) if count > 0 => Some(count),
            _ => return Err(format!("USERMEDIA_LAB_GUESTS is {text:?}; it may be a number from 1 to {MOST_GUESTS}")),
        },
        Err(_) => None,
    };
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    Ok(asked.or(named).unwrap_or_else(processors).clamp(1, most))
}

/// The place the tests run in.
struct Lab {
    place: Place,
    /// Those nobody sits on. There is one for each thread that runs tests.
    seats: Mutex<Vec<Seat>>,
}

/// Where one test at a time runs: a machine, and its guest, which is booted for the first of them.
struct Seat {
    /// The guest's machine, or why there is none, which is then every test's failure.
    machine: Result<Arc<Machine>, String>,
    guest: Option<Guest>,
}

impl Lab {
    fn new(place: Place) -> Lab {
        Lab { place, seats: Mutex::default() }
    }

    fn put_back(&self, seat: Seat) {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner).push(seat);
    }

    fn run(&self, test: &LabTest) -> Result<(), String> {
        match self.place {
            Place::Guest(leg) => {
                let seat = self.seats.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let mut seat = seat.ok_or("no guest's machine is free")?;
                let verdict = seat.run(test, leg);
                self.put_back(seat);
                verdict
            }
            Place::Host => run_on_host(test),
            Place::Off => Err("USERMEDIA_LAB=off: the device lab is off".to_owned()),
        }
    }
}

impl Seat {
    fn run(&mut self, test: &LabTest, leg: Leg) -> Result<(), String> {
        let machine = self.machine.clone()?;
        let mut guest = match self.guest.take() {
            Some(guest) => guest,
            // A busy machine may spoil one boot; what spoils two will spoil the next.
            None => match machine.boot().or_else(|_| machine.boot()) {
                Ok(guest) => guest,
                Err(error) => {
                    self.machine = Err(error.clone());
                    return Err(error);
                }
            },
        };
        let request = test.request(leg.binary()?, guest::environment(leg))?;
        let report = guest.run(&request, test.patience(leg), false).map_err(|error| error.to_string())?;
        let trouble = kernel_trouble(&report.dmesg);
        if report.done.is_ok_and(|done| !done.stuck) && trouble.is_none() {
            self.guest = Some(guest);
        }
        let verdict = judge(&report, trouble);
        if let (Kind::Soak { .. }, Ok(())) = (test.kind, &verdict) {
            // What it measured is worth knowing even where nothing is wrong.
            eprint!("\n{}", report.stdout);
        }
        verdict
    }
}

/// Runs a test as a child of this process.
fn run_on_host(test: &LabTest) -> Result<(), String> {
    let folder = std::env::temp_dir().join(format!("usermedia-lab-{}", std::process::id()));
    let run = || -> Result<Report, String> {
        let text = |error: std::io::Error| error.to_string();
        fs::create_dir_all(folder.join("files")).map_err(text)?;
        let (out, err) = (folder.join("stdout"), folder.join("stderr"));
        let mut environment: Vec<_> = std::env::vars_os().filter(|(name, _)| name != SHARE_VARIABLE).collect();
        environment.push((SHARE_VARIABLE.into(), folder.join("files").into()));
        let binary = std::env::current_exe().map_err(text)?;
        let request = test.request(binary, environment)?;
        let ending = agent::run(&request, File::create(&out).map_err(text)?, File::create(&err).map_err(text)?);
        let read = |path: &Path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(Report {
            done: Ok(Done { run: 0, ending, stuck: false }),
            stdout: read(&out).map_err(text)?,
            stderr: read(&err).map_err(text)?,
            dmesg: String::new(),
        })
    };
    let report = run();
    let _ = fs::remove_dir_all(&folder);
    judge(&report?, None)
}

/// Passed, or all that helps to see why not.
fn judge(report: &Report, trouble: Option<String>) -> Result<(), String> {
    let mut message = match report.done {
        Ok(Done { ending: Ending::Exited(0), stuck: false, .. }) if trouble.is_none() => return Ok(()),
        Ok(Done { ending: Ending::Exited(0), stuck: true, .. }) => {
            "the test ended, but left a process that cannot be killed".to_owned()
        }
        Ok(Done { ending: Ending::Exited(0), .. }) => "the kernel complained during the test".to_owned(),
        Ok(Done { ending, .. }) => format!("the test {ending}"),
        Err(lost) => format!("{lost} during the test"),
    };
    let kernel = trouble.unwrap_or_else(|| if report.done.is_err() { report.dmesg.clone() } else { String::new() });
    for (title, text) in [("stdout", &report.stdout), ("stderr", &report.stderr), ("kernel", &kernel)] {
        if !text.trim().is_empty() {
            message.push_str(&format!("\n---- {title} ----\n{}", text.trim_end()));
        }
    }
    Err(message)
}

/// What in the kernel's log fails a test whatever the test itself thinks, with the lines after it.
pub fn kernel_trouble(log: &str) -> Option<String> {
    let signs = ["BUG:", "kernel BUG", "Oops", "general protection", "refcount_t: underflow", "list_del corruption"];
    let is_trouble = |line: &str| {
        signs.iter().any(|sign| line.contains(sign)) || line.contains("INFO: task ") && line.contains(" blocked")
    };
    let lines: Vec<&str> = log.lines().collect();
    let first = lines.iter().position(|line| is_trouble(line))?;
    Some(lines[first..].iter().take(60).copied().collect::<Vec<_>>().join("\n"))
}
