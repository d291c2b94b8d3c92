//! One kind of media: its devices, its dialect, its errors and its reasons.

use super::audio;
use super::candidates::{Devices, Ids, noun};
use super::libjingle;
use super::pixels::Named;
use super::select::Selection;
use super::settings::{AudioSettings, VideoSettings};
use super::why::{self, Lines};
use super::{AUDIO, Profile, ResolveOptions, VIDEO};
use crate::constraints::{
    ConstraintName, LegacyConstraint, LegacyTrackConstraints, MediaTrackConstraints, MediaTrackRequest,
};
use crate::devices::{MediaDeviceInfo, MediaDeviceKind};
use crate::error::{Error, ErrorName, Result, excerpt};

/// The cameras for a request, the chosen one first; none where none is requested.
pub(super) fn video(
    request: &MediaTrackRequest,
    devices: &[MediaDeviceInfo],
    profile: Profile,
    options: &ResolveOptions,
    all_lines: &mut Vec<String>,
) -> Result<Vec<VideoSettings>> {
    let (any, any_legacy) = (MediaTrackConstraints::new(), LegacyTrackConstraints::new());
    let named = Named::in_request(request);
    let devices = Devices::of_kind(VIDEO, devices, &named);
    let ids = Ids::of(&devices);
    let mut lines = Lines::default();
    let settings = match (request, profile) {
        (MediaTrackRequest::NotRequested, _) => return Ok(Vec::new()),
        (MediaTrackRequest::Legacy(track), _) => {
            legacy_video(track, &devices, &ids, &named, options.recording, &mut lines)?
        }
        (MediaTrackRequest::Any, Profile::Libjingle) => {
            legacy_video(&any_legacy, &devices, &ids, &named, options.recording, &mut lines)?
        }
        (MediaTrackRequest::Any, Profile::W3c) => w3c_video(&any, &devices, &ids, &named, options, &mut lines)?,
        (MediaTrackRequest::Constraints(track), _) => w3c_video(track, &devices, &ids, &named, options, &mut lines)?,
    };
    if let Some(chosen) = settings.first() {
        lines.add(format!("video: {} gives {}", chosen.label, why::video(chosen)));
        if let Some(made) = why::derived(chosen) {
            lines.add(format!("video: {made}"));
        }
        if let (true, Some(native)) = (chosen.is_decimated(), chosen.native_frame_rate) {
            lines.add(format!("video: the camera runs at {native} fps and frames are left out"));
        }
        if !chosen.controls.is_empty() {
            lines.add(format!("video: its controls are set to {}", why::controls(&chosen.controls)));
        }
        if settings.len() > 1 {
            lines.add(format!("video: {} more would do, should it be busy", settings.len() - 1));
        }
    }
    lines.append_to(all_lines);
    Ok(settings)
}

/// The microphones for a request, the chosen one first; none where none is requested.
pub(super) fn audio(
    request: &MediaTrackRequest,
    devices: &[MediaDeviceInfo],
    all_lines: &mut Vec<String>,
) -> Result<Vec<AudioSettings>> {
    let any = MediaTrackConstraints::new();
    let devices = Devices::of_kind(AUDIO, devices, &Named::default());
    let ids = Ids::of(&devices);
    let mut lines = Lines::default();
    let settings = match request {
        MediaTrackRequest::NotRequested => return Ok(Vec::new()),
        MediaTrackRequest::Any => w3c_audio(&any, &devices, &ids, &mut lines)?,
        MediaTrackRequest::Constraints(track) => w3c_audio(track, &devices, &ids, &mut lines)?,
        MediaTrackRequest::Legacy(track) => legacy_audio(track, &devices, &ids, &mut lines)?,
    };
    if let Some(chosen) = settings.first() {
        lines.add(format!("audio: {} gives {}", chosen.label, why::audio(chosen)));
        if chosen.shared && !devices.busy.is_empty() {
            lines.add(format!("audio: {} is busy; the shared device is taken instead", why::names(&devices.busy)));
        }
    }
    lines.append_to(all_lines);
    Ok(settings)
}

fn overview(devices: &Devices<'_>, kind: MediaDeviceKind, lines: &mut Lines) {
    let word = word(kind);
    let count = devices.candidates.len();
    let plural = if count == 1 { "" } else { "s" };
    lines.add(format!("{word}: {count} {}{plural} in question: {}", noun(kind), why::names(&devices.candidates)));
    if !devices.inaccessible.is_empty() {
        lines.add(format!("{word}: no permission to open {}", why::names(&devices.inaccessible)));
    }
    if !devices.busy.is_empty() {
        lines.add(format!("{word}: held by another process: {}", why::names(&devices.busy)));
    }
}

const fn word(kind: MediaDeviceKind) -> &'static str {
    match kind {
        MediaDeviceKind::VideoInput => "video",
        MediaDeviceKind::AudioInput => "audio",
    }
}

/// What `getUserMedia` checks of a kind before it selects settings.
fn check_w3c(track: &MediaTrackConstraints, devices: &Devices<'_>, kind: MediaDeviceKind) -> Result<()> {
    if devices.is_empty() {
        return Err(devices.error(kind, None));
    }
    let refused = track
        .basic
        .iter()
        .find(|(name, constraint)| name.applies_to(kind) && !name.may_be_required() && constraint.is_required(false));
    let Some((name, _)) = refused else { return Ok(()) };
    let message = format!("{}.{} cannot be a required constraint", word(kind), name.as_str());
    Err(Error::new(ErrorName::TypeError, message).with_remedy("give it as ideal"))
}

fn w3c_video(
    track: &MediaTrackConstraints,
    devices: &Devices<'_>,
    ids: &Ids<'_>,
    named: &Named,
    options: &ResolveOptions,
    lines: &mut Lines,
) -> Result<Vec<VideoSettings>> {
    check_w3c(track, devices, VIDEO)?;
    overview(devices, VIDEO, lines);
    let selection = Selection::new(devices.candidates.clone(), ids, named, track, options);
    let solutions = selection.solve();
    if let Some(best) = solutions.first() {
        lines.add(match best.settings.fitness {
            0.0 if track.is_empty() => "video: no constraints: nearest to 640x480 at 30 fps".to_owned(),
            0.0 => "video: everything asked for is met; ties go to the nearest to 640x480 at 30 fps".to_owned(),
            fitness => format!("video: the smallest fitness distance is {fitness:.4}"),
        });
        return Ok(solutions.into_iter().map(|solution| solution.settings).collect());
    }
    if devices.candidates.is_empty() {
        return Err(devices.error(VIDEO, None));
    }
    let relaxed = MediaTrackConstraints::from(why::relaxed(&track.basic));
    let nearest = Selection::new(devices.candidates.clone(), ids, named, &relaxed, options).solve();
    let nearest = nearest.first().map(|solution| {
        format!("{} of {} ({})", why::video(&solution.settings), solution.settings.label, solution.settings.device_id)
    });
    let unmet = selection.unmet(&track.basic);
    let nearest = match unmet {
        Some(ConstraintName::Control(name)) => Some(why::range(name, &devices.candidates)),
        _ => nearest.map(|nearest| format!("the nearest is {nearest}")),
    };
    Err(devices.error(VIDEO, Some(overconstrained(track, VIDEO, unmet, nearest))))
}

fn w3c_audio(
    track: &MediaTrackConstraints,
    devices: &Devices<'_>,
    ids: &Ids<'_>,
    lines: &mut Lines,
) -> Result<Vec<AudioSettings>> {
    check_w3c(track, devices, AUDIO)?;
    overview(devices, AUDIO, lines);
    let selection = audio::Selection::new(devices.candidates.clone(), ids, track);
    let settings = selection.solve();
    if let Some(best) = settings.first() {
        if best.fitness > 0.0 {
            lines.add(format!("audio: the smallest fitness distance is {:.4}", best.fitness));
        }
        return Ok(settings);
    }
    if devices.candidates.is_empty() {
        return Err(devices.error(AUDIO, None));
    }
    let relaxed = MediaTrackConstraints::from(why::relaxed(&track.basic));
    let nearest = audio::Selection::new(devices.candidates.clone(), ids, &relaxed).solve();
    let nearest = nearest.first().map(|settings| {
        format!("the nearest is {} of {} ({})", why::audio(settings), settings.label, settings.device_id)
    });
    let unmet = selection.unmet(&track.basic);
    Err(devices.error(AUDIO, Some(overconstrained(track, AUDIO, unmet, nearest))))
}

/// The error that no device meets what is required, with the nearest there is.
fn overconstrained(
    track: &MediaTrackConstraints,
    kind: MediaDeviceKind,
    unmet: Option<ConstraintName>,
    nearest: Option<String>,
) -> Error {
    let noun = noun(kind);
    let nearest = nearest.map_or_else(String::new, |nearest| format!("; {nearest}"));
    match unmet.and_then(|name| track.basic.get(name).map(|constraint| (name, constraint))) {
        Some((name, constraint)) => {
            let message = format!("no {noun} has {}{nearest}", why::required(name, constraint));
            Error::new(ErrorName::OverconstrainedError, message)
                .with_constraint(name.as_str())
                .with_remedy(format!("give {} as ideal to get the nearest there is", name.as_str()))
        }
        None => {
            let asked = why::all_required(&track.basic);
            let message = format!("no {noun} has all of it together: {asked}{nearest}");
            Error::new(ErrorName::OverconstrainedError, message)
                .with_constraint("")
                .with_remedy("give one of them as ideal")
        }
    }
}

fn legacy_video(
    track: &LegacyTrackConstraints,
    devices: &Devices<'_>,
    ids: &Ids<'_>,
    named: &Named,
    recording: bool,
    lines: &mut Lines,
) -> Result<Vec<VideoSettings>> {
    libjingle::unsupported(&track.mandatory, |key| libjingle::Key::from_name(key).is_some())?;
    if devices.candidates.is_empty() {
        return Err(devices.error(VIDEO, None));
    }
    overview(devices, VIDEO, lines);
    let request = libjingle::Request { devices: devices.candidates.clone(), ids, named, track, recording };
    let found = match request.solve() {
        Ok(found) => found,
        Err(pair) => {
            let nothing = LegacyTrackConstraints::new();
            let unconstrained = libjingle::Request { track: &nothing, ..request }.solve();
            let nearest = unconstrained.ok().and_then(|found| {
                found.first().map(|(device, settings)| format!("{} of {}", why::video(settings), device.label))
            });
            return Err(devices.error(VIDEO, Some(unsatisfied(VIDEO, pair, nearest))));
        }
    };
    if let Some(key) = audio::invalid_option(track, &libjingle::OPTIONS) {
        return Err(invalid_option(&key));
    }
    for pair in track.optional.iter().filter(|pair| libjingle::Key::from_name(&pair.key).is_none()) {
        lines.add(format!("video: the optional {} is not known and skipped", excerpt(&pair.key)));
    }
    lines.add(format!(
        "video: {} meets the {} mandatory constraints; of what the {} optional ones leave, the nearest to 640x480",
        found.first().map_or("", |(device, _)| &device.label),
        track.mandatory.len(),
        track.optional.len()
    ));
    Ok(found.into_iter().map(|(_, settings)| settings).collect())
}

fn legacy_audio(
    track: &LegacyTrackConstraints,
    devices: &Devices<'_>,
    ids: &Ids<'_>,
    lines: &mut Lines,
) -> Result<Vec<AudioSettings>> {
    let known = |key: &str| audio::OPTIONS.contains(&key) || matches!(key, "sourceId" | "deviceId");
    libjingle::unsupported(&track.mandatory, known)?;
    if devices.candidates.is_empty() {
        return Err(devices.error(AUDIO, None));
    }
    overview(devices, AUDIO, lines);
    let left = audio::legacy(&devices.candidates, ids, track).map_err(|key| {
        let pair = track.mandatory.iter().find(|pair| pair.key == key);
        match pair.filter(|pair| audio::OPTIONS.contains(&pair.key.as_str())) {
            Some(pair) => invalid_option(&pair.key),
            None => devices.error(AUDIO, Some(unsatisfied(AUDIO, pair, None))),
        }
    })?;
    if track.mandatory.iter().chain(&track.optional).any(|pair| audio::OPTIONS.contains(&pair.key.as_str())) {
        lines.add("audio: sound is delivered as the card gives it; the goog switches change nothing".to_owned());
    }
    let any = MediaTrackConstraints::new();
    // One by one: the order is that of the request, not that of the distance.
    let settings = left.iter().flat_map(|device| audio::Selection::new(vec![device], ids, &any).solve());
    Ok(settings.collect())
}

/// The error that a mandatory pair left nothing.
fn unsatisfied(kind: MediaDeviceKind, pair: Option<&LegacyConstraint>, nearest: Option<String>) -> Error {
    let nearest = nearest.map_or_else(String::new, |nearest| format!("; without constraints there is {nearest}"));
    let (key, value) = pair.map_or((String::new(), String::new()), |pair| {
        (excerpt(&pair.key).into_owned(), excerpt(&pair.value).into_owned())
    });
    let message = format!("no {} is left after the mandatory {key} {value}{nearest}", noun(kind));
    Error::new(ErrorName::OverconstrainedError, message)
        .with_remedy(format!("move {key} to the optional list, or ask for less"))
        .with_constraint(key)
}

fn invalid_option(key: &str) -> Error {
    Error::new(ErrorName::OverconstrainedError, format!("the mandatory {key} is neither true nor false"))
        .with_constraint(key)
        .with_remedy("write true or false, in lower case")
}
