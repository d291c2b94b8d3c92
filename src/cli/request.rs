//! From flags to a request: which devices, under which constraints.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::args::{Common, PermissionArguments, ProfileArgument, Request, Synthetic};
use super::event::{self, Event};
use super::signals::{Receiver, Sender};
use super::{Failure, permission, print, text};
use crate::constraints::{
    ConstrainBoolean, ConstrainDomString, ConstrainDouble, ConstrainULong, Constraint, ConstraintName,
    MediaStreamConstraints, MediaTrackConstraints,
};
use crate::devices::{ControlValue, MediaDeviceInfo, MediaDeviceKind, UnusableReason};
use crate::error::{Error, ErrorName, Result};
use crate::resolve::{Profile, ResolveOptions};
use crate::stream::{DeviceNotices, LocalMediaStream, MediaDevices};
use crate::thread;

/// How long a command waits for what nobody tells it of before it looks again: at first, and at most.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(2));

/// How long the notices of one device are gathered.
const GATHER: Duration = Duration::from_millis(100);

/// The devices that the flags name: the machine's, or the built-in ones.
pub(super) fn devices(common: &Common) -> MediaDevices {
    match common.synthetic {
        Some(Synthetic::Always) => MediaDevices::synthetic(),
        Some(Synthetic::Auto) => {
            let machine = MediaDevices::new();
            if !machine.enumerate_all_devices().iter().any(MediaDeviceInfo::is_source) {
                print::note("This machine has no camera and no microphone: using the built-in synthetic ones.");
                MediaDevices::synthetic()
            } else {
                machine
            }
        }
        Some(Synthetic::Never) | None => MediaDevices::new(),
    }
}

/// How modes are chosen.
pub(super) fn options(request: &Request, recording: bool) -> ResolveOptions {
    let profile = request.profile.map(|profile| match profile {
        ProfileArgument::Libjingle => Profile::Libjingle,
        ProfileArgument::W3c => Profile::W3c,
    });
    ResolveOptions::new().profile(profile).recording(recording)
}

/// The constraints: as JSON, or from flags; a camera where nothing is said. `devices` are those that `--device` and
/// `--microphone` may name.
pub(super) fn constraints(
    request: &Request,
    devices: impl FnOnce() -> Vec<MediaDeviceInfo>,
) -> Result<MediaStreamConstraints> {
    if let Some(json) = &request.constraints {
        return MediaStreamConstraints::from_json(json);
    }
    let named = request.device.is_some() || request.microphone.is_some();
    let devices = if named { devices() } else { Vec::new() };
    let wants_audio = request.audio || request.microphone.is_some();
    let wants_video = request.video || !wants_audio || video_flags(request);
    let mut constraints = MediaStreamConstraints::new();
    if wants_video {
        constraints = constraints.video(video_constraints(request, &devices)?);
    }
    if wants_audio {
        let mut audio = MediaTrackConstraints::new();
        if let Some(name) = &request.microphone {
            audio = audio.device_id(named_device(&devices, MediaDeviceKind::AudioInput, name)?);
        }
        constraints = constraints.audio(audio);
    }
    Ok(constraints)
}

fn video_flags(request: &Request) -> bool {
    let sizes =
        [request.width, request.height, request.max_width, request.max_height, request.min_width, request.min_height];
    sizes.iter().any(Option::is_some)
        || request.fps.is_some()
        || request.fourcc.is_some()
        || request.device.is_some()
        || !request.set.is_empty()
}

fn video_constraints(request: &Request, devices: &[MediaDeviceInfo]) -> Result<MediaTrackConstraints> {
    let mut video = MediaTrackConstraints::new();
    if let Some(width) = length(request.width, request.min_width, request.max_width) {
        video = video.width(width);
    }
    if let Some(height) = length(request.height, request.min_height, request.max_height) {
        video = video.height(height);
    }
    if let Some(rate) = request.fps {
        video = video.frame_rate(ConstrainDouble::new().ideal(rate.as_f64()));
    }
    if let Some(fourcc) = request.fourcc {
        video = video.pixel_format(ConstrainDomString::new().exact(fourcc.to_string()));
    }
    if let Some(name) = &request.device {
        video = video.device_id(named_device(devices, MediaDeviceKind::VideoInput, name)?);
    }
    for &(name, value) in &request.set {
        video.basic.set(ConstraintName::Control(name), exactly(value));
    }
    Ok(video)
}

/// A control's value and no other: who sets one by hand wants to hear of it where that cannot be.
fn exactly(value: ControlValue) -> Constraint {
    match value {
        ControlValue::Number(number) => Constraint::Double(ConstrainDouble::new().exact(number)),
        ControlValue::Mode(mode) => Constraint::String(ConstrainDomString::new().exact(mode.as_str())),
        ControlValue::Switch(on) => Constraint::Boolean(ConstrainBoolean::new().exact(on)),
    }
}

/// A width or a height; `None` where no flag speaks of it.
fn length(ideal: Option<u32>, min: Option<u32>, max: Option<u32>) -> Option<ConstrainULong> {
    let mut length = ConstrainULong::new();
    if let Some(ideal) = ideal {
        length = length.ideal(ideal);
    }
    if let Some(min) = min {
        length = length.min(min);
    }
    if let Some(max) = max {
        length = length.max(max);
    }
    (!length.is_empty()).then_some(length)
}

/// The devices among which the flags name some: no more than those, where the names are exact ones, and no more of them
/// than who they are. Their modes are listed once, when they are asked for a stream.
pub(super) fn named_devices(devices: &MediaDevices, request: &Request) -> Vec<MediaDeviceInfo> {
    let names = [
        (MediaDeviceKind::VideoInput, request.device.as_deref()),
        (MediaDeviceKind::AudioInput, request.microphone.as_deref()),
    ];
    let names = names.map(|(kind, name)| (kind, name.map(ExactName::of)));
    let only = names[0]
        .1
        .as_ref()
        .and_then(|name| name.node.as_deref())
        .filter(|_| request.microphone.is_none() && !request.audio);
    if let Some(camera) = only.and_then(|node| devices.identify_only(node)) {
        return vec![camera];
    }
    let means = |kind, name: &Option<ExactName<'_>>, device: &MediaDeviceInfo| {
        device.kind == kind && name.as_ref().is_some_and(|name| name.is_of(device))
    };
    let some = devices.identify_some(|device| names.iter().any(|(kind, name)| means(*kind, name, device)));
    let found = |(kind, name): &(MediaDeviceKind, Option<ExactName<'_>>)| {
        name.is_none() || some.iter().any(|device| means(*kind, name, device))
    };
    if names.iter().all(found) { some } else { devices.enumerate_all_devices() }
}

/// Why a request got nothing: what is the matter with the devices that it names, where their modes tell, comes first.
fn explained(devices: &MediaDevices, request: &Request, error: Error) -> Error {
    let is_named = request.device.is_some() || request.microphone.is_some();
    let wrong_with_it = matches!(error.name(), ErrorName::NotFoundError | ErrorName::OverconstrainedError);
    if is_named && wrong_with_it {
        constraints(request, || devices.enumerate_all_devices()).err().unwrap_or(error)
    } else {
        error
    }
}

/// A device's id or its node.
struct ExactName<'a> {
    name: &'a str,
    node: Option<PathBuf>,
}

impl<'a> ExactName<'a> {
    fn of(name: &'a str) -> Self {
        // A node may be named by one of udev's links, such as /dev/v4l/by-id/...
        Self { name, node: Path::new(name).canonicalize().ok().filter(|_| name.starts_with('/')) }
    }

    fn is_of(&self, device: &MediaDeviceInfo) -> bool {
        device.device_id == self.name || device.path == self.name || self.node.as_deref() == Some(device.path.as_ref())
    }
}

/// The devices that a name means: an id, a path, or part of a label.
fn named_device(devices: &[MediaDeviceInfo], kind: MediaDeviceKind, name: &str) -> Result<ConstrainDomString> {
    let of_kind = || devices.iter().filter(|device| device.kind == kind);
    let exact_name = ExactName::of(name);
    let exact: Vec<_> = of_kind().filter(|device| exact_name.is_of(device)).collect();
    let found = if exact.is_empty() {
        let name = name.to_lowercase();
        of_kind().filter(|device| device.label.to_lowercase().contains(&name)).collect()
    } else {
        exact
    };
    let usable: Vec<_> = found
        .iter()
        .filter(|device| {
            // A raw sensor is a candidate where its format is named: the resolver's decision.
            device.unusable.as_ref().is_none_or(|unusable| unusable.reason == UnusableReason::MediaPipeline)
        })
        .map(|device| device.device_id.clone())
        .collect();
    // A name may fit a camera's other nodes too: what a person can mend comes first.
    match (usable.is_empty(), found.iter().min_by_key(|device| !device.is_source())) {
        (false, _) => Ok(usable.into_iter().fold(ConstrainDomString::new(), ConstrainDomString::exact)),
        (true, Some(device)) => Err(refused(device)),
        // No such device: left to the resolver, which knows whether there is any.
        (true, None) => Ok(ConstrainDomString::new().exact(name)),
    }
}

/// Why a device that was named cannot be had.
fn refused(device: &MediaDeviceInfo) -> Error {
    let Some(unusable) = &device.unusable else {
        return Error::new(ErrorName::NotReadableError, format!("{} cannot be used", device.path));
    };
    let name = match unusable.reason {
        UnusableReason::NoPermission => ErrorName::NotAllowedError,
        UnusableReason::Busy | UnusableReason::Failed | UnusableReason::NoWriter => ErrorName::NotReadableError,
        _ => ErrorName::OverconstrainedError,
    };
    let message = if unusable.message.contains(&device.path) {
        format!("{}: {}", device.label, unusable.message)
    } else {
        format!("{} ({}): {}", device.label, device.path, unusable.message)
    };
    let mut error = Error::new(name, message).with_device(&*device.label, &*device.path);
    if name == ErrorName::OverconstrainedError {
        error = error.with_constraint("deviceId");
    }
    if let Some(remedy) = &unusable.remedy {
        error = error.with_remedy(remedy);
    }
    if let Some(errno) = unusable.errno {
        error = error.with_errno(errno);
    }
    match &unusable.holder {
        Some(holder) => error.with_holder(holder.clone()),
        None => error,
    }
}

/// A stream that meets the request, waited for if the flags say so.
pub(super) fn stream(
    devices: &MediaDevices,
    request: &Request,
    wait: Option<Duration>,
    permission: &PermissionArguments,
    (events, ends): (&Sender<Event>, &Receiver<Event>),
) -> Result<LocalMediaStream, Failure> {
    let deadline = wait.and_then(|wait| Instant::now().checked_add(wait));
    // Before the first attempt: what comes between it and the waiting is not missed.
    let named = request.device.is_some() || request.microphone.is_some();
    let mut waiting = wait.map(|_| Waiting::begin(devices, named, events)).transpose()?;
    let mut told = false;
    loop {
        let listed = devices.for_one_request();
        let attempt = match constraints(request, || named_devices(&listed, request)) {
            Ok(constraints) => {
                ask(&listed, constraints, events, ends)?.map_err(|error| explained(devices, request, error))
            }
            Err(error) => Err(error),
        };
        let error = match attempt {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        // What a device that arrives can mend; a malformed request never gets better.
        let may_come = !matches!(error.name(), ErrorName::TypeError | ErrorName::NotSupportedError)
            && !permission::is_final(&error, permission);
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let (Some(left), Some(waiting)) = (left.filter(|left| may_come && !left.is_zero()), &mut waiting) else {
            return Err(with_hint(error).into());
        };
        if let (false, Some(wait)) = (told, wait) {
            told = true;
            let why = format!("Waiting up to {} for a device: {}.", text::duration(wait), error.message());
            print::note(&text::sentence("", &why, text::width()));
        }
        waiting.pause(&error, left, ends)?;
    }
}

/// What wakes a command that waits for a device.
struct Waiting<'a> {
    devices: &'a MediaDevices,
    /// Whether the request names its devices: what the others do is of no concern then.
    named: bool,
    /// `None` for the built-in devices.
    notices: Option<DeviceNotices>,
    noticed: Arc<AtomicBool>,
    pause: Duration,
}

impl<'a> Waiting<'a> {
    fn begin(devices: &'a MediaDevices, named: bool, events: &Sender<Event>) -> Result<Self> {
        let (events, noticed) = (events.clone(), Arc::new(AtomicBool::new(false)));
        let flag = noticed.clone();
        let notices = devices.device_notices(move || {
            // One event for any number of notices that nobody has taken yet.
            if !flag.swap(true, Ordering::SeqCst) {
                events.send(Event::Devices);
            }
        })?;
        Ok(Self { devices, named, notices, noticed, pause: LOOK_AGAIN.0 })
    }

    /// Until another attempt may go better than the one that ended in `error`, but not longer than `left`.
    fn pause(&mut self, error: &Error, left: Duration, ends: &Receiver<Event>) -> Result<(), Failure> {
        let limit = if self.is_told(error) { left } else { left.min(self.pause) };
        self.pause = (self.pause * 2).min(LOOK_AGAIN.1);
        // A notice that came during the attempt has been taken from the channel by it, or is there still.
        if self.noticed.load(Ordering::SeqCst) || event::device_within(ends, limit)? {
            self.pause = LOOK_AGAIN.0;
            let begin = Instant::now();
            // A device makes many notices at once, and its permissions come a moment later.
            while let Some(rest) = left.min(GATHER).checked_sub(begin.elapsed()).filter(|rest| !rest.is_zero()) {
                event::device_within(ends, rest)?;
            }
            self.noticed.store(false, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Whether somebody will tell when it is over. That a device is let go of by another program, or gets a writer, nobody
    /// tells.
    fn is_told(&self, error: &Error) -> bool {
        let silent = |device: &MediaDeviceInfo| {
            let reason = device.unusable.as_ref().map(|unusable| unusable.reason);
            matches!(reason, Some(UnusableReason::Busy | UnusableReason::NoWriter | UnusableReason::NoFormat))
        };
        self.notices.as_ref().is_some_and(|notices| !notices.is_deaf())
            && error.name() != ErrorName::NotReadableError
            && (self.named || !self.devices.enumerate_all_devices().iter().any(silent))
    }
}

/// Asks for the stream on a thread of its own: a signal ends the command while somebody is asked for permission, or
/// while a device takes its time.
fn ask(
    devices: &MediaDevices,
    constraints: MediaStreamConstraints,
    events: &Sender<Event>,
    ends: &Receiver<Event>,
) -> Result<Result<LocalMediaStream>, Failure> {
    let (devices, end) = (devices.clone(), Announcement(events.clone()));
    let request = thread::start("usermedia-request", "the request", move || {
        let _end = end;
        devices.get_user_media(&constraints)
    })?;
    // Before there is a stream nothing else can come than its end and a signal.
    match event::next(ends) {
        Event::Signal(signal) => Err(Failure::Interrupted(signal)),
        _ => Ok(request.join().unwrap_or_else(|_| Err(Error::new(ErrorName::AbortError, "the request broke off")))),
    }
}

/// Says that a thread is done, whichever way.
struct Announcement(Sender<Event>);

impl Drop for Announcement {
    fn drop(&mut self) {
        self.0.send(Event::Done);
    }
}

/// Adds what the command can do where there is no device.
pub(super) fn with_hint(error: Error) -> Error {
    if error.name() != ErrorName::NotFoundError {
        return error;
    }
    let remedy = error.remedy().unwrap_or("plug one in").to_owned();
    error.with_remedy(format!("{remedy}, and --synthetic takes the built-in one"))
}
