//! `usermedia loopback`.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::args::LoopbackArguments;
use super::event::{self, Announced, Event};
use super::report::{Report, mode};
use super::signals::Receiver;
use super::work::{Meter, Tracks, reports};
use super::{Failure, permission, print, request, signals, text};
use crate::sink::{LoopbackStatistics, LoopbackWriter};

pub(super) fn run(arguments: &LoopbackArguments) -> Result<ExitCode, Failure> {
    if arguments.request.audio || arguments.request.microphone.is_some() {
        return Err(Failure::Usage("v4l2loopback takes pictures only: leave --audio and --microphone out".to_owned()));
    }
    let (events, ends) = event::channel()?;
    // Before the camera is: who cannot write need not ask for permission.
    let mut writer = LoopbackWriter::open(&arguments.node)?;
    let machine = request::devices(&arguments.common);
    let synthetic = machine.is_synthetic();
    let stamped = arguments.stamp || synthetic && !arguments.no_stamp;
    writer = writer.with_stamps(stamped);
    if let Some(frames) = arguments.frames {
        writer = writer.with_frame_limit(frames);
    }
    let mut request = arguments.request.clone();
    // The built-in camera gives no JPEG: its pictures are encoded here.
    if let Some(fourcc) = request.fourcc.take_if(|fourcc| synthetic && fourcc.is_jpeg()) {
        writer = writer.with_fourcc(fourcc);
    }
    let devices =
        permission::guard(machine, &arguments.permission).with_resolve_options(request::options(&request, false));
    let stream = request::stream(&devices, &request, arguments.wait, &arguments.permission, (&events, &ends))?;
    let tracks = Tracks::of(&stream);
    tracks.announce(&events);
    let (started, meter, progress) = (Instant::now(), Meter::default(), writer.progress());
    let attachment = stream.attach(Announced { sink: writer, events, meter: meter.clone() })?;
    let event = wait(arguments.duration, &ends, started);
    let outcome = attachment.finish();
    let elapsed = started.elapsed();
    let (video, audio) = reports(&tracks, meter.rate(), outcome.statistics);
    let lost = tracks.video.as_ref().and_then(|track| track.error());
    stream.stop();
    let (ended_by, signal) = match &event {
        Event::Signal(signal) => (signal.as_str(), Some(*signal)),
        _ if outcome.result.is_err() => ("error", None),
        Event::TrackEnded(_) => ("trackEnded", None),
        Event::Done if lost.is_some() => ("trackEnded", None),
        Event::Done => ("frames", None),
        Event::Elapsed | Event::Recovery(..) | Event::Devices => ("duration", None),
    };
    let error = outcome.result.err().or(lost);
    let report =
        Report { video, audio, recording: None, files: Vec::new(), ended_by: ended_by.to_owned(), elapsed, error };
    let written = Loopback { node: &arguments.node, stamped, statistics: progress.statistics(), report: &report };
    if arguments.common.json {
        print::result(&crate::json::to_string(&written))?;
    } else {
        print::result(&format!("{}\n{}", written.row(), report.table()))?;
    }
    report.error.iter().for_each(print::error);
    Ok(match signal {
        Some(signal) => ExitCode::from(signals::exit_code(signal)),
        None if report.error.is_some() => ExitCode::from(1),
        None => ExitCode::SUCCESS,
    })
}

/// Waits for what ends the writing.
fn wait(duration: Option<Duration>, ends: &Receiver<Event>, started: Instant) -> Event {
    let deadline = duration.and_then(|duration| started.checked_add(duration));
    loop {
        let event = match deadline {
            None => Some(ends.recv()),
            Some(deadline) => ends.recv_timeout(deadline.saturating_duration_since(Instant::now())),
        };
        match event {
            Some(Event::Recovery(label, event)) => print::note(&format!("{label}: {event}.")),
            Some(Event::Devices) => {}
            Some(event) => return event,
            None => return Event::Elapsed,
        }
    }
}

/// What came of it: the document, and a row above the capture's table.
struct Loopback<'a> {
    node: &'a Path,
    stamped: bool,
    statistics: LoopbackStatistics,
    report: &'a Report,
}

impl Loopback<'_> {
    fn row(&self) -> String {
        let LoopbackStatistics { frames, late, worst_lateness, frame_rate, buffers, .. } = self.statistics;
        let mode = self.report.video.as_ref().map_or_else(String::new, |video| format!(", {}", mode(&video.settings)));
        let stamps = if self.stamped { ", stamped" } else { "" };
        let rate = frame_rate.map_or_else(String::new, |rate| format!(", {rate:.3} fps written"));
        let late = match late {
            0 => "none late".to_owned(),
            late => format!("{late} late, by {:.1} ms at most", worst_lateness.as_secs_f64() * 1000.0),
        };
        let told = format!(
            "{} to {}{mode}{stamps}{rate}, {late}, {}",
            text::count(frames, "frame"),
            self.node.display(),
            text::count(buffers, "buffer")
        );
        text::sentence("loopback       ", &told, text::width())
    }
}

impl Serialize for Loopback<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("ok", &self.report.error.is_none())?;
        if let Some(error) = &self.report.error {
            map.serialize_entry("error", error)?;
        }
        map.serialize_entry("loopback", &Written(self))?;
        map.serialize_entry("video", &self.report.video)?;
        map.serialize_entry("endedBy", &self.report.ended_by)?;
        map.serialize_entry("synthetic", &self.report.is_synthetic())?;
        map.end()
    }
}

/// The member `loopback`.
struct Written<'a>(&'a Loopback<'a>);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let LoopbackStatistics { frames, bytes, late, worst_lateness, frame_rate, buffers } = self.0.statistics;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("path", &self.0.node.to_string_lossy())?;
        map.serialize_entry("buffers", &buffers)?;
        map.serialize_entry("stamped", &self.0.stamped)?;
        map.serialize_entry("frames", &frames)?;
        map.serialize_entry("bytes", &bytes)?;
        map.serialize_entry("frameRate", &frame_rate)?;
        map.serialize_entry("late", &late)?;
        map.serialize_entry("worstLateness", &worst_lateness.as_secs_f64())?;
        map.end()
    }
}
