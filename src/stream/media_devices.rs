//! From a request to a running stream: `navigator.mediaDevices`.

#[cfg(feature = "cli")]
use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "cli")]
use super::device_watch::DeviceNotices;
use super::device_watch::DeviceWatch;
use super::media_stream::LocalMediaStream;
use super::opening::Opening;
use super::session::{Session, SessionPlace};
use super::{camera, microphone};
use crate::capture::{CaptureScheduling, RecoveryPolicy};
use crate::constraints::MediaStreamConstraints;
use crate::devices::{self, DeviceChange, Machine, MediaDeviceInfo, MediaDeviceKind, Moment};
use crate::error::Result;
use crate::permission::{self, PermissionPolicy, Permit};
use crate::resolve::{ResizeMode, Resolution, ResolveOptions, comes_into_question, formats_in_question, resolve};

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
    raw: bool,
    mapped_sound: bool,
    options: ResolveOptions,
    recovery: RecoveryPolicy,
    scheduling: CaptureScheduling,
    /// The machine as it is now, for listings that share what it says.
    moment: Option<Moment>,
    /// In place of a listing for each request.
    listing: Option<Vec<MediaDeviceInfo>>,
    /// `None` allows all.
    policy: Option<Arc<dyn PermissionPolicy>>,
}

impl MediaDevices {
    /// The cameras and microphones of this machine.
    pub fn new() -> Self {
        Self {
            machine: Machine::this(),
            place: SessionPlace::of_process(),
            synthetic: false,
            buffers: None,
            raw: false,
            mapped_sound: true,
            options: ResolveOptions::default(),
            recovery: RecoveryPolicy::new(),
            scheduling: CaptureScheduling::new(),
            moment: None,
            listing: None,
            policy: None,
        }
    }

    /// The devices of a scripted machine, with an engine of their own.
    #[cfg(any(all(test, not(loom)), feature = "scripted"))]
    #[cfg_attr(not(test), allow(dead_code, reason = "fuzz targets take what they need"))]
    pub(crate) fn of(machine: Machine) -> Self {
        Self { machine, place: SessionPlace::default(), ..Self::new() }
    }

    /// Keeps the engine while nothing runs, until what this gives is dropped: a script can let time pass then.
    #[cfg(feature = "scripted")]
    #[allow(dead_code, reason = "fuzz targets take what they need")]
    pub(crate) fn keep_engine(&self) -> Result<Arc<dyn std::any::Any + Send + Sync>> {
        Ok(self.place.current_or_start(&self.machine)?)
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

    /// Has v4l2loopback's buffers lent as they are. Their writer does not wait for readers, so frames of it are copies unless
    /// this asks for their [raw view](crate::VideoFrame::raw). Sinks need copies. Of two requests for one device, the first
    /// one's counts; [`VideoSettings::delivery`](crate::resolve::VideoSettings::delivery) says which it is.
    #[must_use]
    pub fn with_raw_frames(mut self, raw: bool) -> Self {
        self.raw = raw;
        self
    }

    /// Has microphones read by system calls although their rings can be mapped: for tests of what plugins do that have no
    /// ring to map.
    #[doc(hidden)]
    #[must_use]
    pub fn without_mapped_sound(mut self) -> Self {
        self.mapped_sound = false;
        self
    }

    /// How modes are chosen where the constraints leave a choice.
    #[must_use]
    pub fn with_resolve_options(mut self, options: ResolveOptions) -> Self {
        self.options = options;
        self
    }

    /// What becomes of a track whose device stalls, fails or is unplugged. Of two requests for one device, the first one's
    /// counts.
    #[must_use]
    pub fn with_recovery(mut self, recovery: RecoveryPolicy) -> Self {
        self.recovery = recovery;
        self
    }

    /// How the kernel schedules the capture thread from the next request on, which serves every device of the process: the
    /// last request's say counts, and one without a say leaves it.
    ///
    /// A request that cannot have it fails before a device is opened:
    /// [`NotAllowedError`](crate::ErrorName::NotAllowedError) where real time takes a permission the process has not (EPERM), with
    /// the ways to get it as its remedy, [`TypeError`](crate::ErrorName::TypeError) for a priority or for processors that there
    /// are not.
    #[must_use]
    pub fn with_scheduling(mut self, scheduling: CaptureScheduling) -> Self {
        self.scheduling = scheduling;
        self
    }

    /// Resolves requests over this listing ([`MediaDevices::enumerate_all_devices`]) in place of a new one each time: for a
    /// program that opens device after device, and lists them again itself when they change.
    #[must_use]
    pub fn with_listing(mut self, devices: Vec<MediaDeviceInfo>) -> Self {
        self.listing = Some(devices);
        self
    }

    /// Asks this policy before a device is opened: once for each request, about every device that meets its constraints.
    /// Without one everything is allowed ([`permission::AllowAll`]).
    #[must_use]
    pub fn with_permission_policy(mut self, policy: impl PermissionPolicy + 'static) -> Self {
        self.policy = Some(Arc::new(policy));
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

    /// Those of [`enumerate_all_devices`](Self::enumerate_all_devices) that `wanted` says yes to, by kind, id and path. The
    /// others are not opened.
    pub(crate) fn enumerate_some(&self, wanted: impl Fn(&MediaDeviceInfo) -> bool) -> Vec<MediaDeviceInfo> {
        if self.synthetic {
            devices::synthetic_devices().into_iter().filter(wanted).collect()
        } else {
            self.moment().enumerate_some(wanted)
        }
    }

    /// The same without modes and controls: which devices a name means.
    #[cfg(feature = "cli")]
    pub(crate) fn identify_some(&self, wanted: impl Fn(&MediaDeviceInfo) -> bool) -> Vec<MediaDeviceInfo> {
        if self.synthetic { self.enumerate_some(wanted) } else { self.moment().identify_some(wanted) }
    }

    /// Which camera has this node, for who asks [for one request](Self::for_one_request) and for no other device: no other is
    /// there from then on. `None` where all have to be looked at.
    #[cfg(feature = "cli")]
    pub(crate) fn identify_only(&self, node: &Path) -> Option<MediaDeviceInfo> {
        self.moment.as_ref().filter(|_| !self.synthetic)?.identify_only(node)
    }

    /// The same devices for one request: who a name means, and the request with the ids that were found, share a listing.
    #[cfg(feature = "cli")]
    pub(crate) fn for_one_request(&self) -> Self {
        Self { moment: Some(Moment::of(&self.machine)), ..self.clone() }
    }

    /// Where the devices of a request are looked for.
    fn moment(&self) -> Moment {
        self.moment.clone().unwrap_or_else(|| Moment::of(&self.machine))
    }

    /// Has `callback` called when cameras or microphones come, go, or may be opened now that could not be before, or the
    /// other way round: `ondevicechange`. Until the handle is dropped, which also has
    /// [what was there at first](DeviceWatch::devices).
    ///
    /// An arrival is told as soon as the device can be opened, or after a second if it still cannot; a removal after 2.5
    /// seconds, because some devices are away for a moment when another program lets go of them. The callback runs on the
    /// dispatcher's thread, where it delays other callbacks and nothing else. Nothing is listed while nothing happens: the
    /// kernel and inotify say when to look, and only where neither can ([`DeviceWatch::is_polling`]) is there a look
    /// every few seconds. That a device is busy or free again, or that a v4l2loopback gets a writer, nobody tells. The
    /// built-in devices never change.
    ///
    /// ```
    /// # use usermedia::MediaDevices;
    /// let devices = MediaDevices::synthetic();
    /// let watch = devices.on_device_change(|changes| {
    ///     for change in changes {
    ///         println!("{}: {}", change.kind.as_str(), change.device.label);
    ///     }
    /// })?;
    /// assert_eq!(watch.devices().len(), 2);
    /// # Ok::<(), usermedia::Error>(())
    /// ```
    ///
    /// # Errors
    /// `AbortError` where the engine cannot start, or in `on_frame` or `on_data`.
    pub fn on_device_change(&self, callback: impl FnMut(&[DeviceChange]) + Send + 'static) -> Result<DeviceWatch> {
        if self.synthetic {
            return Ok(DeviceWatch::of(devices::synthetic_devices()));
        }
        DeviceWatch::start(&self.machine, &self.place, Box::new(callback))
    }

    /// Has `notice` called on the capture thread, where it must not block, at anything that may let a request succeed
    /// which failed for want of a device. `None` for the built-in devices.
    #[cfg(feature = "cli")]
    pub(crate) fn device_notices(&self, notice: impl Fn() + Send + Sync + 'static) -> Result<Option<DeviceNotices>> {
        if self.synthetic {
            return Ok(None);
        }
        DeviceNotices::start(&self.machine, &self.place, notice).map(Some)
    }

    /// Which device and mode a request would get now, and why. Opens no device for streaming.
    ///
    /// # Errors
    /// See [`resolve`].
    pub fn resolve(&self, constraints: &MediaStreamConstraints) -> Result<Resolution> {
        resolve(constraints, &running(self.listed(), self.place.current().as_deref()), &self.options)
    }

    /// A stream that meets the constraints: `getUserMedia()`. Waits for the devices to start.
    ///
    /// # Errors
    /// See [`ErrorName`](crate::ErrorName); what happened at which device, and what to do about it, is in the
    /// [`Error`](crate::Error).
    pub fn get_user_media(&self, constraints: &MediaStreamConstraints) -> Result<LocalMediaStream> {
        let permit = self.permit(constraints)?;
        let _turn = self.place.turn()?;
        let Resolved { devices, resolution, in_part } = self.resolved(constraints)?;
        let resolution = permit.narrow(resolution)?;
        let session = self.place.current_or_start(&self.machine)?;
        session.engine().schedule(&self.scheduling)?;
        let opening = Opening {
            session,
            machine: &self.machine,
            constraints,
            devices: &devices,
            in_part,
            buffers: self.buffers,
            raw: self.raw,
            mapped_sound: self.mapped_sound,
            options: &self.options,
            recovery: self.recovery,
        };
        let camera = resolution.video.as_ref().map(|_| opening.camera(&resolution.video_candidates)).transpose()?;
        let microphone =
            resolution.audio.as_ref().map(|_| opening.microphone(&resolution.audio_candidates)).transpose()?;
        let video = camera.into_iter().map(Arc::new).collect();
        Ok(LocalMediaStream::new(video, microphone.into_iter().map(Arc::new).collect()))
    }

    /// What the policy permits. It is asked with no turn held: a person may take a minute over the answer, and other
    /// requests must not wait for that. So what it was asked about may differ from what is there afterwards.
    fn permit(&self, constraints: &MediaStreamConstraints) -> Result<Permit> {
        let Some(policy) = &self.policy else { return Ok(Permit::Any) };
        let turn = self.place.turn()?;
        let resolution = self.resolve(constraints)?;
        drop(turn);
        permission::ask(policy.as_ref(), &resolution)
    }

    /// What a request gets, and of which devices. Only those that come into question are read, and of them only the modes
    /// that do; all, where it gets nothing, for the reason why.
    fn resolved(&self, constraints: &MediaStreamConstraints) -> Result<Resolved> {
        let session = self.place.current();
        let attempt = |devices| {
            let devices = running(devices, session.as_deref());
            resolve(constraints, &devices, &self.options).map(|resolution| Resolved {
                devices,
                resolution,
                in_part: false,
            })
        };
        if self.listing.is_none() {
            let in_question = |device: &MediaDeviceInfo| match device.kind {
                MediaDeviceKind::VideoInput => comes_into_question(&constraints.video, &device.device_id),
                MediaDeviceKind::AudioInput => comes_into_question(&constraints.audio, &device.device_id),
            };
            let formats = formats_in_question(&constraints.video);
            if !formats.is_empty() && !self.synthetic {
                let found = attempt(self.moment().enumerate_parts(in_question, &formats));
                if let Some(resolved) = found.ok().filter(Resolved::cannot_be_bettered) {
                    return Ok(Resolved { in_part: true, ..resolved });
                }
            }
            if let Ok(resolved) = attempt(self.enumerate_some(in_question)) {
                return Ok(resolved);
            }
        }
        attempt(self.listed())
    }

    /// All devices, unusable ones too: the resolver tells "none" from "not allowed".
    fn listed(&self) -> Vec<MediaDeviceInfo> {
        self.listing.clone().unwrap_or_else(|| self.enumerate_all_devices())
    }
}

/// What a request gets.
struct Resolved {
    devices: Vec<MediaDeviceInfo>,
    resolution: Resolution,
    /// Whether cameras are not listed to the end.
    in_part: bool,
}

impl Resolved {
    /// Whether no mode of another format could be taken instead: a native mode that is all that was asked for wins ties.
    fn cannot_be_bettered(&self) -> bool {
        let video = self.resolution.video.as_ref();
        video.is_some_and(|video| video.fitness == 0.0 && video.resize_mode == ResizeMode::None)
    }
}

/// A device that runs has one mode to offer: the one it runs in.
fn running(mut devices: Vec<MediaDeviceInfo>, session: Option<&Session>) -> Vec<MediaDeviceInfo> {
    let Some(session) = session else { return devices };
    for device in &mut devices {
        let runs = match device.kind {
            MediaDeviceKind::VideoInput => camera::offers_what_it_runs_in(device, session.cameras()),
            MediaDeviceKind::AudioInput => microphone::offers_what_it_runs_in(device, session.microphones()),
        };
        if runs {
            device.busy = false;
            device.unusable = None;
        }
    }
    devices
}

impl Default for MediaDevices {
    fn default() -> Self {
        Self::new()
    }
}

/// [`MediaDevices::get_user_media`] on this machine's devices.
///
/// # Errors
/// As [`MediaDevices::get_user_media`].
pub fn get_user_media(constraints: &MediaStreamConstraints) -> Result<LocalMediaStream> {
    MediaDevices::new().get_user_media(constraints)
}
