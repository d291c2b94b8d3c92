//! From a request to a running stream: `navigator.mediaDevices`.

use std::sync::Arc;

use super::media_stream::LocalMediaStream;
use super::outlet::Feed;
use super::running::RunningCamera;
use super::session::{Session, SessionPlace};
use super::track::VideoTrack;
use crate::capture::{CameraRequest, VideoFormat};
use crate::constraints::MediaStreamConstraints;
use crate::devices::{self, FrameRates, Machine, MediaDeviceInfo, MediaDeviceKind, Span, VideoMode};
use crate::error::{Error, ErrorName, Result};
use crate::resolve::{Resolution, ResolveOptions, VideoSettings, resolve};

/// The devices of a machine and the way to get a stream from them: `navigator.mediaDevices` of W3C Media Capture and
/// Streams.
///
/// All of a process share one capture engine, whose threads start with the first track and end with the last.
#[derive(Clone)]
pub struct MediaDevices {
    machine: Machine,
    place: SessionPlace,
    synthetic: bool,
    buffers: Option<u32>,
    options: ResolveOptions,
    /// In place of a listing for each request.
    listing: Option<Vec<MediaDeviceInfo>>,
}

impl MediaDevices {
    /// The cameras and microphones of this machine.
    pub fn new() -> Self {
        Self {
            machine: Machine::this(),
            place: SessionPlace::of_process(),
            synthetic: false,
            buffers: None,
            options: ResolveOptions::default(),
            listing: None,
        }
    }

    /// The devices of a scripted machine, with an engine of their own.
    #[cfg(all(test, not(loom)))]
    pub(super) fn of(machine: Machine) -> Self {
        Self { machine, place: SessionPlace::default(), ..Self::new() }
    }

    /// The built-in camera and microphone in place of the machine's. They are never mixed in, and never fallen back to.
    pub fn synthetic() -> Self {
        Self { synthetic: true, ..Self::new() }
    }

    /// How many buffers to ask the driver for; `None` leaves it to the engine. Drivers give fewer or more.
    #[must_use]
    pub fn with_buffers(mut self, buffers: Option<u32>) -> Self {
        self.buffers = buffers;
        self
    }

    /// How modes are chosen where the constraints leave a choice.
    #[must_use]
    pub fn with_resolve_options(mut self, options: ResolveOptions) -> Self {
        self.options = options;
        self
    }

    /// Resolves requests over this listing ([`MediaDevices::enumerate_all_devices`]) in place of a new one each time: for a
    /// program that opens device after device, and lists them again itself when they change.
    #[must_use]
    pub fn with_listing(mut self, devices: Vec<MediaDeviceInfo>) -> Self {
        self.listing = Some(devices);
        self
    }

    /// Whether these are the built-in devices.
    pub fn is_synthetic(&self) -> bool {
        self.synthetic
    }

    /// What can be captured from: `enumerateDevices()`, inputs only. See [`devices::enumerate_devices`].
    pub fn enumerate_devices(&self) -> Vec<MediaDeviceInfo> {
        if self.synthetic { devices::synthetic_devices() } else { self.machine.enumerate() }
    }

    /// Every node, the unusable ones with the reason. See [`devices::enumerate_all_devices`].
    pub fn enumerate_all_devices(&self) -> Vec<MediaDeviceInfo> {
        if self.synthetic { devices::synthetic_devices() } else { self.machine.enumerate_all() }
    }

    /// Which device and mode a request would get now, and why. Opens no device for streaming.
    ///
    /// # Errors
    /// See [`resolve`].
    pub fn resolve(&self, constraints: &MediaStreamConstraints) -> Result<Resolution> {
        resolve(constraints, &self.candidates(self.place.current().as_deref()), &self.options)
    }

    /// A stream that meets the constraints: `getUserMedia()`. Waits for the devices to start.
    ///
    /// # Errors
    /// See [`ErrorName`]; what happened at which device, and what to do about it, is in the [`Error`].
    pub fn get_user_media(&self, constraints: &MediaStreamConstraints) -> Result<LocalMediaStream> {
        let _turn = self.place.turn()?;
        let devices = self.candidates(self.place.current().as_deref());
        let resolution = resolve(constraints, &devices, &self.options)?;
        if resolution.audio.is_some() {
            return Err(Error::new(ErrorName::NotSupportedError, "this version captures no sound yet, only video")
                .with_remedy("ask for video alone: leave out `audio`, --audio and --microphone"));
        }
        let session = self.place.current_or_start(&self.machine)?;
        let track = self.open_first(&session, constraints, &resolution.video_candidates, &devices)?;
        Ok(LocalMediaStream::new(vec![Arc::new(track)]))
    }

    /// All devices, unusable ones too: the resolver tells "none" from "not allowed". A camera that runs has one mode to
    /// offer: the one it runs in.
    fn candidates(&self, session: Option<&Session>) -> Vec<MediaDeviceInfo> {
        let mut devices = self.listing.clone().unwrap_or_else(|| self.enumerate_all_devices());
        for camera in session.map(Session::cameras).unwrap_or_default() {
            let settings = camera.settings();
            if let Some(device) = devices.iter_mut().find(|device| device.device_id == settings.device_id) {
                let rates = settings.native_frame_rate.map_or(FrameRates::Unknown, |rate| FrameRates::List(vec![rate]));
                let (width, height) = (Span::Fixed(settings.width), Span::Fixed(settings.height));
                device.modes =
                    settings.fourcc.map(|fourcc| VideoMode::new(fourcc, width, height, rates)).into_iter().collect();
                device.busy = false;
                device.unusable = None;
            }
        }
        devices
    }

    /// The first candidate that opens. The first failure is the one told: it is of the device the request would get.
    fn open_first(
        &self,
        session: &Arc<Session>,
        constraints: &MediaStreamConstraints,
        candidates: &[VideoSettings],
        devices: &[MediaDeviceInfo],
    ) -> Result<VideoTrack> {
        let mut first = None;
        for candidate in candidates {
            match self.open(session, constraints, candidate, devices) {
                Ok(track) => return Ok(track),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(|| Error::new(ErrorName::NotFoundError, "no camera is connected")))
    }

    fn open(
        &self,
        session: &Arc<Session>,
        constraints: &MediaStreamConstraints,
        wanted: &VideoSettings,
        devices: &[MediaDeviceInfo],
    ) -> Result<VideoTrack> {
        let running = session.cameras().into_iter().find(|camera| camera.settings().device_id == wanted.device_id);
        if let Some(camera) = running {
            return Ok(VideoTrack::new(camera, wanted.clone(), constraints.clone()));
        }
        let request = CameraRequest {
            path: wanted.path.clone(),
            fourcc: wanted.fourcc,
            width: wanted.width,
            height: wanted.height,
            frame_rate: wanted.native_frame_rate.or(wanted.frame_rate),
            buffers: self.buffers,
            synthetic: wanted.synthetic,
        };
        let accept = {
            let (wanted, constraints) = (wanted.clone(), constraints.clone());
            Box::new(move |format: &Arc<VideoFormat>| judge(&wanted, &constraints, format))
        };
        let feed = Arc::new(Feed::new(&wanted.label));
        let source =
            session.engine().open(request, accept, feed.clone()).map_err(|error| self.explain(error, wanted))?;
        let settings = negotiated(wanted, source.format());
        let device = devices
            .iter()
            .find(|device| device.device_id == wanted.device_id)
            .cloned()
            .unwrap_or_else(|| MediaDeviceInfo::new(MediaDeviceKind::VideoInput, &*wanted.device_id));
        let camera = Arc::new(RunningCamera::new(source, feed, device, settings.clone(), session.clone()));
        session.register(&camera);
        Ok(VideoTrack::new(camera, settings, constraints.clone()))
    }

    /// Adds what only this room knows: the device's name, and who holds it.
    fn explain(&self, error: Error, wanted: &VideoSettings) -> Error {
        let busy = error.errno() == Some(nix::errno::Errno::EBUSY as i32);
        let error = error.with_device(&*wanted.label, &*wanted.path);
        match busy.then(|| self.machine.world.holder(wanted.path.as_ref())).flatten() {
            Some(holder) => {
                let message = format!("{} is in use by {} (pid {})", wanted.path, holder.process, holder.pid);
                let remedy = format!("close {}, or ask for another camera", holder.process);
                error.with_holder(holder).replace_message(message, remedy)
            }
            None => error,
        }
    }
}

impl Default for MediaDevices {
    fn default() -> Self {
        Self::new()
    }
}

/// The settings that the driver's answer makes of what was wanted.
fn negotiated(wanted: &VideoSettings, format: &VideoFormat) -> VideoSettings {
    let mut settings = wanted.clone();
    settings.fourcc = Some(format.fourcc);
    settings.width = format.width;
    settings.height = format.height;
    settings.native_frame_rate = format.frame_rate;
    // A rate below the camera's own is reached by dropping; any other is the camera's.
    settings.frame_rate = match (wanted.frame_rate, wanted.native_frame_rate, format.frame_rate) {
        (Some(delivered), Some(native), Some(actual)) if delivered < native && delivered < actual => Some(delivered),
        (_, _, actual) => actual,
    };
    settings
}

/// A driver that answers with something else is fatal only against a required constraint.
fn judge(wanted: &VideoSettings, constraints: &MediaStreamConstraints, format: &VideoFormat) -> Result<()> {
    let settings = negotiated(wanted, format);
    let Some(constraint) = constraints.video_violation(&settings) else { return Ok(()) };
    let rate = settings.frame_rate.map_or_else(|| "an unknown rate".to_owned(), |rate| format!("{rate} fps"));
    let message = format!(
        "{} was asked for {}x{} and gives {} {}x{} at {rate}, which the required {constraint} does not allow",
        wanted.label, wanted.width, wanted.height, format.fourcc, settings.width, settings.height,
    );
    Err(Error::new(ErrorName::OverconstrainedError, message)
        .with_constraint(constraint)
        .with_device(&*wanted.label, &*wanted.path)
        .with_remedy("make the constraint an ideal one, or ask for another mode"))
}

/// [`MediaDevices::get_user_media`] on this machine's devices.
///
/// # Errors
/// As [`MediaDevices::get_user_media`].
pub fn get_user_media(constraints: &MediaStreamConstraints) -> Result<LocalMediaStream> {
    MediaDevices::new().get_user_media(constraints)
}
