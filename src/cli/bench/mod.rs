//! `usermedia bench`.

mod document;
mod table;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::Value;

use super::args::BenchArguments;
use super::event::{self, Event};
use super::{Failure, permission, print, request, signals};
use crate::bench::{Observer, Plan, Producer, Results, Target, measure, plot};
use crate::devices::UnusableReason;
use crate::error::{Error, ErrorName};
use crate::stream::MediaDevices;

/// How long a writer may take to begin.
const WRITER: Duration = Duration::from_secs(10);

pub(super) fn run(arguments: &BenchArguments) -> Result<ExitCode, Failure> {
    let began = Instant::now();
    let devices = permission::guard(request::devices(&arguments.common), &arguments.permission)
        .with_buffers(Some(arguments.buffers))
        .with_resolve_options(request::options(&arguments.request, false));
    if arguments.inside {
        return inside(arguments, &devices, began);
    }
    let (_events, ends) = event::channel()?;
    let _producer = feed(arguments, &devices)?;
    let target = target(arguments, &devices)?;
    if !arguments.common.json {
        print::note(&format!("{}: {target}", target.label));
    }
    target.warning().iter().for_each(|warning| print::note(&format!("warning: {warning}")));
    let plan = Plan {
        target,
        frames: arguments.frames,
        warm_up: arguments.warm_up,
        runs: arguments.runs,
        against: arguments.against.clone(),
        load: arguments.load.map(Into::into),
        counting: arguments.counts.into(),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let (told, signal) = (stop.clone(), Arc::new(std::sync::Mutex::new(None)));
    let kept = signal.clone();
    // It ends with the channel, or with this process.
    thread::spawn(move || {
        if let Some(Event::Signal(signal)) = event::next(&ends) {
            *kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(signal);
            told.store(true, Ordering::Relaxed);
        }
    });
    let results = plan.carry_out(&Teller { json: arguments.common.json }, &stop)?;
    let signal = *signal.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let ended_by = signal.map_or("runs", |signal| signal.as_str());
    if arguments.common.json {
        print::result(&document::result(&plan, &results, ended_by).to_string())?;
    } else {
        print::result(&table::table(&plan, &results))?;
    }
    if let Some(path) = &arguments.plot {
        draw(path, &plan, &results)?;
    }
    match (signal, &results.programs.first().and_then(|ours| ours.refused.clone())) {
        (Some(signal), _) => Ok(ExitCode::from(signals::exit_code(signal))),
        (None, Some(why)) => {
            Err(Error::new(ErrorName::NotReadableError, format!("usermedia's own runs failed: {why}")).into())
        }
        (None, None) => Ok(ExitCode::SUCCESS),
    }
}

/// Captures as one of the programs that are run, and tells the one that runs them.
fn inside(arguments: &BenchArguments, devices: &MediaDevices, began: Instant) -> Result<ExitCode, Failure> {
    let constraints = request::constraints(&arguments.request, || devices.enumerate_all_devices())?;
    let stream = devices.get_user_media(&constraints)?;
    let told = measure(&stream, arguments.frames, arguments.stamps, began)?;
    print::result(&told.to_json())?;
    Ok(ExitCode::SUCCESS)
}

/// A writer for the v4l2loopback that was named, where it has none.
fn feed(arguments: &BenchArguments, devices: &MediaDevices) -> Result<Option<Producer>, Failure> {
    let request = &arguments.request;
    let Some(node) = request.device.as_deref().filter(|name| name.starts_with('/')) else { return Ok(None) };
    let writer_is_missing = || {
        let listed = devices.enumerate_all_devices();
        let device = listed.iter().find(|device| device.path == node);
        device.and_then(|device| device.unusable.as_ref()).is_some_and(|why| why.reason == UnusableReason::NoWriter)
    };
    if !writer_is_missing() {
        return Ok(None);
    }
    let mut mode = Vec::new();
    let flags = [
        ("--width", request.width.map(|width| width.to_string())),
        ("--height", request.height.map(|height| height.to_string())),
        ("--fps", request.fps.map(|rate| rate.to_string())),
        ("--fourcc", request.fourcc.map(|fourcc| fourcc.to_string())),
    ];
    for (flag, value) in flags {
        mode.extend(value.into_iter().flat_map(|value| [flag.to_owned(), value]));
    }
    let mut producer = Producer::start(node, &mode)?;
    let deadline = Instant::now() + WRITER;
    while writer_is_missing() {
        if producer.has_ended() || Instant::now() > deadline {
            let message = format!("nothing can be written to {node}, which has no writer of its own");
            let error = Error::new(ErrorName::NotReadableError, message);
            return Err(error
                .with_remedy(format!("try it by hand: usermedia loopback --synthetic --device {node}"))
                .into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    if !arguments.common.json {
        print::note(&format!("{node} has no writer: usermedia loopback --synthetic is started for it"));
    }
    Ok(Some(producer))
}

/// What is captured: what the request gets, as the driver agreed to it.
fn target(arguments: &BenchArguments, devices: &MediaDevices) -> Result<Target, Failure> {
    let constraints = request::constraints(&arguments.request, || devices.enumerate_all_devices())?;
    let stream = devices.get_user_media(&constraints)?;
    let tracks = stream.video_tracks();
    let Some(track) = tracks.first() else {
        return Err(Failure::Usage("a benchmark is of a camera, and only sound is asked for: add --video".to_owned()));
    };
    let settings = track.settings();
    let driver = Some(track.capabilities().driver.as_str()).filter(|driver| !driver.is_empty());
    let target = Target::new(&settings, driver, arguments.buffers);
    stream.stop();
    target.ok_or_else(|| {
        let message =
            format!("{} does not say its format or its rate, so that nobody can be asked for the same", settings.label);
        Error::new(ErrorName::OverconstrainedError, message).with_constraint("frameRate").into()
    })
}

fn draw(path: &std::path::Path, plan: &Plan, results: &Results) -> Result<(), Failure> {
    let ages: Vec<u64> = results.inside.iter().flat_map(|inside| inside.ages.iter().copied()).collect();
    let validity = results.environment.validity.as_str();
    let subtitle = format!(
        "{}, {}, Linux {} ({validity})",
        plan.target, results.environment.processor, results.environment.kernel
    );
    fs::write(path, plot(&plan.target.label, &subtitle, &ages)).map_err(|error| {
        let message = format!("{} cannot be written: {error}", path.display());
        Failure::Media(Error::new(ErrorName::NotReadableError, message))
    })
}

/// Tells each step as it is done: for a program on stdout, for a person on stderr.
struct Teller {
    json: bool,
}

impl Observer for Teller {
    fn begins(&self, what: &str) {
        if !self.json {
            print::note(what);
        }
    }

    fn ran(&self, document: &Value) {
        if self.json {
            // Who does not read any more is told so with the result.
            let _ = print::result(&document.to_string());
        }
    }
}
