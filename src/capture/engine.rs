//! The reactor and the control threads, and how a device gets onto them.

use std::io;
use std::sync::Arc;

use super::buffer::Reaper;
use super::camera::CameraDevice;
use super::control::{Control, Grave};
use super::format::VideoFormat;
use super::held::HeldFrames;
use super::hotplug::Hotplug;
use super::microphone::MicrophoneDevice;
use super::reactor::Reactor;
use super::recovery::{Device, RecoveryEvent, RecoveryPolicy, RecoveryStep, Supervisor};
use super::scheduling::CaptureScheduling;
use super::sound::{AudioCounters, AudioFormat, CapturedAudio, MicrophoneRequest};
use super::source::{CameraRequest, Captured, CapturedFrame, Closing, Outlet, Running, Source};
use super::statistics::SourceCounters;
use crate::error::{Error, ErrorName, Result};
use crate::seam::{Kernel, PcmSystem, World};

/// The capture engine: one reactor thread for any number of devices, and one control thread as long as none is held up.
pub(crate) struct Engine {
    pub(super) kernel: Arc<dyn Kernel>,
    pub(super) pcms: Arc<dyn PcmSystem>,
    pub(super) reactor: Reactor,
    pub(super) control: Control,
    pub(super) reaper: Arc<dyn Reaper>,
    grave: Arc<Grave>,
    pub(super) held: HeldFrames,
    hotplug: Arc<Hotplug>,
}

/// The lane of listings, which open every device for a moment.
const LISTING: &str = "listing";

/// Judges what the driver made of a request, before buffers exist.
pub(crate) type Accept<F> = Box<dyn Fn(&F) -> Result<()> + Send>;

/// Adds to an error at a path what the system knows of it.
type Explain = Box<dyn Fn(Error, &str) -> Error + Send>;
/// The next smaller request, if there is one.
type StepDown<R> = Box<dyn Fn(&R) -> Option<R> + Send>;

/// How a source of requests `R` is kept. The functions are called on the control thread.
pub(crate) struct Keep<R> {
    pub(crate) policy: RecoveryPolicy,
    /// Where the device is now: by its identity, wherever it was before.
    pub(crate) locate: Box<dyn Fn() -> Option<String> + Send>,
    /// Adds to an error at a path what the system knows of it: who holds the device, which group may open it.
    pub(crate) explain: Explain,
    /// What to ask for where there is no bandwidth for this.
    pub(crate) smaller: StepDown<R>,
}

#[cfg(all(test, not(loom)))]
impl<R> Keep<R> {
    /// Not at all.
    pub(crate) fn not() -> Self {
        Self {
            policy: RecoveryPolicy::none(),
            locate: Box::new(|| None),
            explain: Box::new(|error, _| error),
            smaller: Box::new(|_| None),
        }
    }
}

impl Engine {
    /// Starts both threads. `held` are the frames that outlived the engines before.
    pub(crate) fn start(
        kernel: Arc<dyn Kernel>,
        world: Arc<dyn World>,
        pcms: Arc<dyn PcmSystem>,
        held: HeldFrames,
    ) -> io::Result<Arc<Self>> {
        let control = Control::start()?;
        let grave = Arc::new(Grave::default());
        let reaper: Arc<dyn Reaper> = Arc::new(control.reaper(&grave));
        let reactor = Reactor::start(kernel.clone())?;
        let hotplug = Hotplug::new(world, reaper.clone())?;
        reactor.add(hotplug.source())?;
        Ok(Arc::new(Self { reactor, kernel, pcms, control, reaper, grave, held, hotplug }))
    }

    /// Who tells of devices that come and go.
    pub(crate) fn hotplug(&self) -> &Arc<Hotplug> {
        &self.hotplug
    }

    /// The time on the clock of this engine's deadlines, in nanoseconds.
    pub(crate) fn now(&self) -> u64 {
        self.kernel.now()
    }

    /// Has `job` done on a control thread, without waiting for it: after others of its kind.
    pub(crate) fn post(&self, job: impl FnOnce() + Send + 'static) {
        self.control.post(LISTING, job);
    }

    /// Has the kernel schedule the capture thread so from here on.
    ///
    /// # Errors
    /// See [`MediaDevices::with_scheduling`](crate::MediaDevices::with_scheduling).
    pub(crate) fn schedule(&self, scheduling: &CaptureScheduling) -> Result<()> {
        if *scheduling == CaptureScheduling::new() {
            // Not even the thread's start is waited for.
            return Ok(());
        }
        scheduling.apply(&*self.kernel, self.reactor.thread_number())
    }

    /// Whether the caller is on the capture thread, where nothing may wait for a device.
    pub(crate) fn is_capture_thread(&self) -> bool {
        self.reactor.is_current_thread()
    }

    /// Opens a camera and lets it stream to `outlet`, kept as `keep` says. Waits for the driver, on the control thread.
    ///
    /// # Errors
    /// What the driver or `accept` said; nothing stays open then.
    pub(crate) fn open(
        self: &Arc<Self>,
        request: CameraRequest,
        accept: Accept<Arc<VideoFormat>>,
        keep: Keep<CameraRequest>,
        outlet: Arc<dyn Outlet<CapturedFrame>>,
    ) -> Result<Source<CapturedFrame>> {
        let (counters, policy) = (Arc::new(SourceCounters::default()), keep.policy);
        let device = CameraDevice::new(request, accept, keep, counters.clone());
        self.start_source(Box::new(device), counters, outlet, policy)
    }

    /// Opens a microphone and lets it capture to `outlet`, kept as `keep` says. Waits for the driver, on the control thread.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub(crate) fn open_microphone(
        self: &Arc<Self>,
        request: MicrophoneRequest,
        accept: Accept<AudioFormat>,
        keep: Keep<MicrophoneRequest>,
        outlet: Arc<dyn Outlet<CapturedAudio>>,
    ) -> Result<Source<CapturedAudio>> {
        let (counters, policy) = (Arc::new(AudioCounters::default()), keep.policy);
        let device = MicrophoneDevice::new(request, accept, keep, counters.clone());
        self.start_source(Box::new(device), counters, outlet, policy)
    }

    fn start_source<T: Captured>(
        self: &Arc<Self>,
        device: Box<dyn Device<T>>,
        counters: Arc<T::Counters>,
        outlet: Arc<dyn Outlet<T>>,
        policy: RecoveryPolicy,
    ) -> Result<Source<T>> {
        let lane = device.path().to_owned();
        self.on_control(&lane.clone(), move |engine| {
            let supervisor = Supervisor::new(engine, device, lane, counters.clone(), outlet, policy);
            let format = supervisor.start(engine)?;
            let closing = Closing::new(engine.reactor.thread_id());
            Ok(Source { engine: engine.clone(), supervisor, format, counters, closing })
        })
    }

    /// Has something done with a device on a control thread, after what else is to be done with it, and waits for it.
    pub(super) fn on_control<T: Send + 'static>(
        self: &Arc<Self>,
        lane: &str,
        job: impl FnOnce(&Arc<Self>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.is_capture_thread() {
            // The control thread hands the new source to the reactor and waits for it: it would wait for ever.
            return Err(Error::new(ErrorName::AbortError, "a device cannot be opened from on_frame or on_data")
                .with_remedy("ask for it on a thread of your own"));
        }
        let engine = self.clone();
        self.control
            .run(lane, move || job(&engine))
            .unwrap_or_else(|| Err(Error::new(ErrorName::AbortError, "the capture engine was shut down")))
    }

    /// Tells of a step of a recovery.
    pub(super) fn tell<T: Captured>(&self, outlet: &dyn Outlet<T>, step: RecoveryStep) {
        outlet.event(&RecoveryEvent::new(self.kernel.now(), step));
    }

    /// Takes a source off the reactor and closes its device. On the control thread.
    pub(super) fn stop(&self, mut running: Running, path: &str) {
        running.leave(self);
        if let Running::Camera { camera, .. } = running {
            let pool = camera.pool();
            camera.stop();
            if let Some(pool) = pool.filter(|pool| !pool.orphans) {
                self.held.note(path, &pool, &self.grave);
            }
        }
    }
}

pub(super) fn no_wait(path: &str, errno: nix::errno::Errno) -> Error {
    Error::new(ErrorName::NotReadableError, format!("cannot wait for {path}: {}", errno.desc()))
        .with_errno(errno as i32)
        .with_device(path, path)
}
