//! Which devices come into question at all, and what to say when none does.

use super::pixels::{Class, Named, usual_class};
use crate::constraints::{Constraint, ConstraintName, MediaTrackRequest};
use crate::devices::{MediaDeviceInfo, MediaDeviceKind, UnusableReason};
use crate::error::{Error, ErrorName};
use crate::format::Fourcc;

/// The devices of one kind, sorted by whether they can be had.
#[derive(Debug, Default)]
pub(super) struct Devices<'a> {
    /// These can be chosen, in the order given.
    pub candidates: Vec<&'a MediaDeviceInfo>,
    /// These may not be opened.
    pub inaccessible: Vec<&'a MediaDeviceInfo>,
    /// Another process holds these, so that what they offer is not known.
    pub busy: Vec<&'a MediaDeviceInfo>,
    /// These failed while they were read.
    pub failed: Vec<&'a MediaDeviceInfo>,
    /// These cannot be captured from.
    pub unfit: Vec<&'a MediaDeviceInfo>,
}

impl<'a> Devices<'a> {
    /// Sorts the devices of one kind. `named` holds the pixel formats that the request names.
    pub(super) fn of_kind(kind: MediaDeviceKind, all: &'a [MediaDeviceInfo], named: &Named) -> Self {
        let mut devices = Self::default();
        for device in all.iter().filter(|device| device.kind == kind) {
            let unknown = match kind {
                MediaDeviceKind::VideoInput => device.modes.is_empty(),
                MediaDeviceKind::AudioInput => {
                    let audio = &device.audio;
                    audio.sample_rate.is_none() && audio.channel_count.is_none() && audio.sample_formats.is_empty()
                }
            };
            let list = match device.unusable.as_ref().map(|unusable| unusable.reason) {
                None if device.busy && unknown => &mut devices.busy,
                None if usual_class(device) == Some(Class::Bayer) && !named.any_of(device) => &mut devices.unfit,
                None => &mut devices.candidates,
                Some(UnusableReason::Busy) if unknown => &mut devices.busy,
                Some(UnusableReason::Busy) => &mut devices.candidates,
                Some(UnusableReason::MediaPipeline) if named.any_of(device) => &mut devices.candidates,
                Some(UnusableReason::NoPermission) => &mut devices.inaccessible,
                Some(UnusableReason::Failed) => &mut devices.failed,
                Some(_) => &mut devices.unfit,
            };
            list.push(device);
        }
        devices
    }

    /// Whether there is no device of the kind, accessible or not.
    pub(super) fn is_empty(&self) -> bool {
        self.candidates.is_empty() && self.inaccessible.is_empty() && self.busy.is_empty() && self.failed.is_empty()
    }

    /// The error when nothing was chosen: `unmet` is that of the constraints, where there were candidates.
    ///
    /// A device that may not be opened might have fitted, and so might one that another process holds: that is what stands
    /// in the way, and what can be mended.
    pub(super) fn error(&self, kind: MediaDeviceKind, unmet: Option<Error>) -> Error {
        // Of several the lowest node: the first of a camera's nodes is the one with pictures.
        if let Some(device) = self.inaccessible.iter().min_by_key(|device| (device.path.len(), &device.path)) {
            return refused(device, kind, unmet.is_some());
        }
        if let Some(device) = self.busy.first() {
            return unreadable(device, "is held by another process");
        }
        if let Some(unmet) = unmet {
            return unmet;
        }
        match self.failed.first() {
            Some(device) => unreadable(device, "cannot be read"),
            None => self.not_found(kind),
        }
    }

    fn not_found(&self, kind: MediaDeviceKind) -> Error {
        let noun = noun(kind);
        let hint = self.unfit.iter().find_map(|device| {
            let unusable = device.unusable.as_ref()?;
            // A metadata node beside a missing camera is no news; these say what a person can do.
            let telling = matches!(
                unusable.reason,
                UnusableReason::NoWriter
                    | UnusableReason::MediaPipeline
                    | UnusableReason::NoFormat
                    | UnusableReason::NoStreaming
            );
            telling.then_some((device, unusable))
        });
        let bayer = self.unfit.iter().find(|device| device.unusable.is_none());
        if let Some((device, unusable)) = hint {
            let error = Error::new(
                ErrorName::NotFoundError,
                format!("there is no {noun} that can be captured from; {}: {}", device.label, unusable.message),
            )
            .with_device(device.label.clone(), device.path.clone());
            return error.with_remedy(unusable.remedy.clone().unwrap_or_else(|| plug_in(kind)));
        }
        if let Some(device) = bayer {
            let message = format!("the only {noun}, {}, gives a sensor's raw data", device.label);
            return Error::new(ErrorName::NotFoundError, message)
                .with_device(device.label.clone(), device.path.clone())
                .with_remedy("use libcamera, or name the raw format in pixelFormat");
        }
        Error::new(ErrorName::NotFoundError, format!("there is no {noun}")).with_remedy(plug_in(kind))
    }
}

fn plug_in(kind: MediaDeviceKind) -> String {
    format!("plug in a {}; `usermedia check` tells what is missing", noun(kind))
}

/// What a person calls a device of that kind.
pub(super) const fn noun(kind: MediaDeviceKind) -> &'static str {
    match kind {
        MediaDeviceKind::VideoInput => "camera",
        MediaDeviceKind::AudioInput => "microphone",
    }
}

fn refused(device: &MediaDeviceInfo, kind: MediaDeviceKind, others_exist: bool) -> Error {
    let noun = noun(kind);
    let because = device.unusable.as_ref().map_or("it may not be opened", |unusable| &unusable.message);
    let message = if others_exist {
        format!("no accessible {noun} meets the constraints, and {} is refused: {because}", device.label)
    } else {
        format!("the {noun} {} is refused: {because}", device.label)
    };
    let error = with_unusable(Error::new(ErrorName::NotAllowedError, message), device);
    if error.remedy().is_some() {
        return error;
    }
    let group = match kind {
        MediaDeviceKind::VideoInput => "video",
        MediaDeviceKind::AudioInput => "audio",
    };
    error.with_remedy(format!("sudo usermod -aG {group} $USER, then log out and in again"))
}

fn unreadable(device: &MediaDeviceInfo, state: &str) -> Error {
    let holder = device.unusable.as_ref().and_then(|unusable| unusable.holder.as_ref());
    let message = match (holder, &device.unusable) {
        (Some(holder), _) => format!("{} is held by {} (pid {})", device.label, holder.process, holder.pid),
        (None, Some(unusable)) => format!("{}: {}", device.label, unusable.message),
        (None, None) => format!("{} {state}", device.label),
    };
    let remedy = match holder {
        Some(holder) => format!("close {} and try again", holder.process),
        None => "close the program that uses it and try again".to_owned(),
    };
    let error = with_unusable(Error::new(ErrorName::NotReadableError, message), device);
    if error.remedy().is_some() { error } else { error.with_remedy(remedy) }
}

/// Adds what is known about why a device cannot be used.
fn with_unusable(error: Error, device: &MediaDeviceInfo) -> Error {
    let mut error = error.with_device(device.label.clone(), device.path.clone());
    let Some(unusable) = &device.unusable else { return error };
    if let Some(remedy) = &unusable.remedy {
        error = error.with_remedy(remedy.clone());
    }
    if let Some(errno) = unusable.errno {
        error = error.with_errno(errno);
    }
    if let Some(holder) = &unusable.holder {
        error = error.with_holder(holder.clone());
    }
    error
}

/// Matches requested ids against the devices of one kind.
#[derive(Debug)]
pub(super) struct Ids<'a> {
    devices: Vec<&'a str>,
}

impl<'a> Ids<'a> {
    /// The ids of the devices of one kind that are there: metadata nodes and the like do not count.
    pub(super) fn of(devices: &Devices<'a>) -> Self {
        let there = devices.candidates.iter().chain(&devices.inaccessible).chain(&devices.busy).chain(&devices.failed);
        Self { devices: there.map(|device| device.device_id.as_str()).collect() }
    }

    /// Whether `requested` means the device `id`: it is that id, or the id without its `~PORT` while no other device of
    /// this kind is left with the same.
    pub(super) fn matches(&self, requested: &str, id: &str) -> bool {
        requested == id
            || (is_called(id, requested)
                && self.devices.iter().filter(|other| is_called(other, requested)).count() == 1)
    }
}

/// Whether a device of this id may meet a request for its kind of media, whatever it offers: for who reads no more devices
/// than that takes.
pub(crate) fn comes_into_question(request: &MediaTrackRequest, id: &str) -> bool {
    let required: Vec<&str> = match request {
        MediaTrackRequest::NotRequested => return false,
        MediaTrackRequest::Any => return true,
        MediaTrackRequest::Constraints(track) => match track.basic.get(ConstraintName::DeviceId) {
            Some(Constraint::String(value)) => {
                value.required(false).into_iter().flatten().map(String::as_str).collect()
            }
            _ => return true,
        },
        MediaTrackRequest::Legacy(track) => {
            let named = track.mandatory.iter().filter(|pair| matches!(pair.key.as_str(), "sourceId" | "deviceId"));
            named.map(|pair| pair.value.as_str()).collect()
        }
    };
    required.is_empty() || required.iter().any(|required| is_called(id, required))
}

/// The pixel formats of a request that asks for certain ones of a camera and for no control, so that no other mode matters
/// unless none of theirs does; none of any other request.
pub(crate) fn formats_in_question(request: &MediaTrackRequest) -> Vec<Fourcc> {
    let MediaTrackRequest::Constraints(track) = request else { return Vec::new() };
    let controls = track.basic.iter().any(|(name, _)| matches!(name, ConstraintName::Control(_)));
    match track.basic.get(ConstraintName::PixelFormat) {
        Some(Constraint::String(value)) if !controls && track.advanced.is_empty() => {
            value.required(false).into_iter().flatten().filter_map(|name| name.parse().ok()).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether `id` is `bare`, or `bare~PORT`.
pub(super) fn is_called(id: &str, bare: &str) -> bool {
    id.strip_prefix(bare).is_some_and(|rest| rest.is_empty() || rest.starts_with('~'))
}
