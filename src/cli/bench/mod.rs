//! `usermedia bench`.

mod document;
mod table;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::Value;

use super::args::BenchArguments;
use super::event::{self, Event};
use super::{Failure, permission, print, request, signals};
use crate::bench::{Observer, Plan, Producer, Results, Target, measure, plot};
use crate::constraints::{ConstrainDomString, ConstraintName, MediaStreamConstraints, MediaTrackRequest};
use crate::error::{Error, ErrorName};
use crate::resolve::ResizeMode;
use crate::seam::LOOPBACK_DRIVER;
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
    let (target, _producer) = acquire(arguments, &devices)?;
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
    let signal = Arc::new(OnceLock::new());
    let (told, kept) = (stop.clone(), signal.clone());
    // It ends with this process.
    thread::spawn(move || {
        if let Event::Signal(signal) = event::next(&ends) {
            let _ = kept.set(signal);
            told.store(true, Ordering::Relaxed);
        }
    });
    let results = plan.carry_out(&Teller { json: arguments.common.json }, &stop)?;
    let signal = signal.get().copied();
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
    let constraints = request::constraints(&arguments.request, || request::named_devices(devices, &arguments.request))?;
    let constraints = native(constraints);
    let stream = devices.get_user_media(&constraints)?;
    let told = measure(&stream, arguments.frames, arguments.stamps, began)?;
    print::result(&told.to_json())?;
    Ok(ExitCode::SUCCESS)
}

/// What is captured, and who writes it, where that is a v4l2loopback without a writer of its own.
fn acquire(arguments: &BenchArguments, devices: &MediaDevices) -> Result<(Target, Option<Producer>), Failure> {
    let request = &arguments.request;
    let refused = match target(arguments, devices) {
        Ok(target) => return Ok((target, None)),
        Err(refused) => refused,
    };
    let Some(node) = request.device.as_deref().filter(|node| is_loopback(devices, node)) else { return Err(refused) };
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
    if !arguments.common.json {
        print::note(&format!("nobody writes to {node}: usermedia loopback --synthetic is started for it"));
    }
    let mut producer = Producer::start(node, &mode)?;
    let deadline = Instant::now() + WRITER;
    loop {
        match target(arguments, devices) {
            Ok(target) => return Ok((target, Some(producer))),
            // What was wrong before is not the missing writer, then.
            Err(_) if producer.has_ended() || Instant::now() > deadline => return Err(refused),
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn is_loopback(devices: &MediaDevices, node: &str) -> bool {
    let listed = devices.enumerate_all_devices();
    listed.iter().any(|device| device.path == node && device.driver == LOOPBACK_DRIVER)
}

/// A camera is measured in modes of its own, which is what other programs have of it.
fn native(constraints: MediaStreamConstraints) -> MediaStreamConstraints {
    match &constraints.video {
        MediaTrackRequest::Constraints(track) if track.basic.get(ConstraintName::ResizeMode).is_none() => {
            let video = track.clone().resize_mode(ConstrainDomString::new().exact(ResizeMode::None.as_str()));
            constraints.video(video)
        }
        _ => constraints,
    }
}

/// What is captured: what the request gets, as the driver agreed to it.
fn target(arguments: &BenchArguments, devices: &MediaDevices) -> Result<Target, Failure> {
    let constraints = request::constraints(&arguments.request, || request::named_devices(devices, &arguments.request))?;
    let constraints = native(constraints);
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
