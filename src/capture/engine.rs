//! The two threads, and how a device gets onto them.

use std::io;
use std::sync::{Arc, Mutex};

use super::alsa::AlsaMicrophone;
use super::buffer::Reaper;
use super::format::VideoFormat;
use super::held::HeldFrames;
use super::hotplug::Hotplug;
use super::reactor::Reactor;
use super::sound::{AudioCounters, AudioFormat, CapturedAudio, MicrophoneRequest};
use super::source::{CameraRequest, Captured, CapturedFrame, Closing, Outlet, Running, Source};
use super::statistics::SourceCounters;
use super::synthetic::{SyntheticCamera, SyntheticMicrophone};
use super::v4l2::V4l2Camera;
use super::worker::{Grave, Worker};
use crate::error::{Error, ErrorName, Result};
use crate::seam::{Kernel, PcmSystem, World};

/// The capture engine: one reactor thread and one control thread for any number of devices.
pub(crate) struct Engine {
    pub(super) kernel: Arc<dyn Kernel>,
    pcms: Arc<dyn PcmSystem>,
    pub(super) reactor: Reactor,
    pub(super) control: Worker,
    reaper: Arc<dyn Reaper>,
    grave: Arc<Grave>,
    held: HeldFrames,
    hotplug: Arc<Hotplug>,
}

/// Judges what the driver made of a request, before buffers exist.
pub(crate) type Accept<F> = Box<dyn FnOnce(&F) -> Result<()> + Send>;

impl Engine {
    /// Starts both threads. `held` are the frames that outlived the engines before.
    pub(crate) fn start(
        kernel: Arc<dyn Kernel>,
        world: Arc<dyn World>,
        pcms: Arc<dyn PcmSystem>,
        held: HeldFrames,
    ) -> io::Result<Arc<Self>> {
        let control = Worker::start("usermedia-control")?;
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

    /// Has `job` done on the control thread, without waiting for it.
    pub(crate) fn post(&self, job: impl FnOnce() + Send + 'static) {
        self.control.post(job);
    }

    /// Whether the caller is on the capture thread, where nothing may wait for a device.
    pub(crate) fn is_capture_thread(&self) -> bool {
        self.reactor.is_current_thread()
    }

    /// Opens a camera and lets it stream to `outlet`. Waits for the driver, on the control thread.
    ///
    /// # Errors
    /// What the driver or `accept` said; nothing stays open then.
    pub(crate) fn open(
        self: &Arc<Self>,
        request: CameraRequest,
        accept: Accept<Arc<VideoFormat>>,
        outlet: Arc<dyn Outlet<CapturedFrame>>,
    ) -> Result<Source<CapturedFrame>> {
        self.on_control(move |engine| engine.open_here(&request, accept, outlet))
    }

    /// Opens a microphone and lets it capture to `outlet`. Waits for the driver, on the control thread.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub(crate) fn open_microphone(
        self: &Arc<Self>,
        request: MicrophoneRequest,
        accept: Accept<AudioFormat>,
        outlet: Arc<dyn Outlet<CapturedAudio>>,
    ) -> Result<Source<CapturedAudio>> {
        self.on_control(move |engine| engine.open_microphone_here(&request, accept, outlet))
    }

    /// Has a source opened on the control thread, and waits for it.
    fn on_control<T: Send + 'static>(
        self: &Arc<Self>,
        open: impl FnOnce(&Arc<Self>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.is_capture_thread() {
            // The control thread hands the new source to the reactor and waits for it: it would wait for ever.
            return Err(Error::new(ErrorName::AbortError, "a device cannot be opened from on_frame or on_data")
                .with_remedy("ask for it on a thread of your own"));
        }
        let engine = self.clone();
        self.control
            .run(move || open(&engine))
            .unwrap_or_else(|| Err(Error::new(ErrorName::AbortError, "the capture engine was shut down")))
    }

    fn open_microphone_here(
        self: &Arc<Self>,
        request: &MicrophoneRequest,
        accept: Accept<AudioFormat>,
        outlet: Arc<dyn Outlet<CapturedAudio>>,
    ) -> Result<Source<CapturedAudio>> {
        let counters = Arc::new(AudioCounters::default());
        let (running, format) = if request.synthetic {
            let microphone = SyntheticMicrophone::new(request, self.kernel.now(), counters.clone(), outlet)?;
            let format = microphone.format();
            accept(&format)?;
            let token = self.reactor.add(Box::new(microphone)).map_err(|errno| no_wait(&request.path, errno))?;
            (Running::Synthetic { token }, format)
        } else {
            let microphone = AlsaMicrophone::open(&*self.pcms, request)?;
            let format = microphone.format();
            accept(&format)?;
            let reader = microphone.start(self.kernel.clone(), Arc::downgrade(self), counters.clone(), outlet)?;
            let token = self.reactor.add(Box::new(reader)).map_err(|errno| no_wait(&request.path, errno))?;
            (Running::Microphone { token }, format)
        };
        Ok(self.source(running, format, counters, &request.path))
    }

    fn open_here(
        self: &Arc<Self>,
        request: &CameraRequest,
        accept: Accept<Arc<VideoFormat>>,
        outlet: Arc<dyn Outlet<CapturedFrame>>,
    ) -> Result<Source<CapturedFrame>> {
        let counters = Arc::new(SourceCounters::default());
        let (running, format) = if request.synthetic {
            let camera = SyntheticCamera::new(request, self.kernel.now(), counters.clone(), outlet)?;
            let format = camera.format().clone();
            accept(&format)?;
            let token = self.reactor.add(Box::new(camera)).map_err(|errno| no_wait(&request.path, errno))?;
            (Running::Synthetic { token }, format)
        } else {
            let mut camera = V4l2Camera::open(self.kernel.clone(), request)?;
            let format = camera.format().clone();
            let started = accept(&format).and_then(|()| {
                let held = || self.held.settle(&request.path);
                camera.start(request.buffers, self.reaper.clone(), counters.clone(), outlet, &held)
            });
            let added = started
                .and_then(|reader| self.reactor.add(Box::new(reader)).map_err(|errno| no_wait(&request.path, errno)));
            match added {
                Ok(token) => (Running::Camera { camera, token }, format),
                Err(error) => {
                    camera.stop();
                    return Err(error);
                }
            }
        };
        Ok(self.source(running, format, counters, &request.path))
    }

    fn source<T: Captured>(
        self: &Arc<Self>,
        running: Running,
        format: T::Format,
        counters: Arc<T::Counters>,
        path: &str,
    ) -> Source<T> {
        Source {
            engine: self.clone(),
            running: Arc::new(Mutex::new(Some(running))),
            format,
            counters,
            path: path.to_owned(),
            closing: Closing::new(self.reactor.thread_id()),
        }
    }

    /// Takes a source off the reactor and closes its device. On the control thread.
    pub(super) fn stop(&self, running: Running, path: String) {
        match running {
            Running::Camera { camera, token } => {
                // Dropped here: its hold on descriptor and buffers ends before the device is stopped.
                drop(self.reactor.remove(token));
                let pool = camera.pool();
                camera.stop();
                if let Some(pool) = pool.filter(|pool| !pool.orphans) {
                    self.held.note(&path, &pool, &self.grave);
                }
            }
            // A PCM is closed with its reader, which the reactor gives back.
            Running::Microphone { token } | Running::Synthetic { token } => drop(self.reactor.remove(token)),
        }
    }
}

fn no_wait(path: &str, errno: nix::errno::Errno) -> Error {
    Error::new(ErrorName::NotReadableError, format!("cannot wait for {path}: {}", errno.desc()))
        .with_errno(errno as i32)
        .with_device(path, path)
}
