//! The engine that all requests of a process share, and the devices that run on it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::audio_data::AudioData;
use super::frame::VideoFrame;
use super::running::Registry;
use crate::capture::{Engine, HeldFrames, Worker};
use crate::devices::Machine;
use crate::error::{Error, ErrorName, Result};

/// One engine, one dispatcher, and what runs. Its threads end with the last track.
pub(super) struct Session {
    engine: Arc<Engine>,
    dispatcher: Arc<Worker>,
    cameras: Registry<VideoFrame>,
    microphones: Registry<AudioData>,
}

/// Where requests find the session that is there, or put one.
#[derive(Clone, Default)]
pub(super) struct SessionPlace(Arc<Place>);

#[derive(Default)]
struct Place {
    current: Mutex<Current>,
    /// What outlived the sessions before, on drivers where that matters.
    held: HeldFrames,
    /// Held by the request that has its turn.
    turn: Mutex<()>,
}

#[derive(Default)]
struct Current {
    session: Weak<Session>,
    /// Lives on after its session until the last device is closed: the next session takes it over, so that its requests
    /// queue up behind that closing.
    engine: Weak<Engine>,
}

impl SessionPlace {
    /// The session of this process.
    pub(super) fn of_process() -> Self {
        static PLACE: std::sync::LazyLock<SessionPlace> = std::sync::LazyLock::new(SessionPlace::default);
        PLACE.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request after the other: two at once for the same camera would both find it idle, and both open it.
    ///
    /// # Errors
    /// On the capture thread, which the request before may be waiting for.
    pub(super) fn turn(&self) -> Result<MutexGuard<'_, ()>> {
        // Not with the lock held: this may turn out to be the engine's last holder.
        let engine = self.lock().engine.upgrade();
        if engine.is_some_and(|engine| engine.is_capture_thread()) {
            return Err(Error::new(ErrorName::AbortError, "getUserMedia cannot be called from on_frame")
                .with_remedy("call it on a thread of your own"));
        }
        Ok(self.0.turn.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The session, if something runs.
    pub(super) fn current(&self) -> Option<Arc<Session>> {
        self.lock().session.upgrade()
    }

    /// The session, started if nothing runs.
    pub(super) fn current_or_start(&self, machine: &Machine) -> Result<Arc<Session>> {
        let mut place = self.lock();
        if let Some(session) = place.session.upgrade() {
            return Ok(session);
        }
        let refused = |error: std::io::Error| {
            Error::new(ErrorName::AbortError, format!("the capture engine cannot start: {error}"))
                .with_remedy("raise the limits of threads and open files (ulimit -u, ulimit -n)")
        };
        let engine = match place.engine.upgrade() {
            Some(engine) => engine,
            None => {
                let Machine { kernel, world, pcms, .. } = machine.clone();
                Engine::start(kernel, world, pcms, self.0.held.clone()).map_err(refused)?
            }
        };
        place.engine = Arc::downgrade(&engine);
        let session = Arc::new(Session {
            engine,
            dispatcher: Arc::new(Worker::new("usermedia-dispatch")),
            cameras: Registry::default(),
            microphones: Registry::default(),
        });
        place.session = Arc::downgrade(&session);
        Ok(session)
    }
}

impl Session {
    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The thread on which callers' callbacks run.
    pub(super) fn dispatcher(&self) -> &Arc<Worker> {
        &self.dispatcher
    }

    /// The cameras that run.
    pub(super) fn cameras(&self) -> &Registry<VideoFrame> {
        &self.cameras
    }

    /// The microphones that run.
    pub(super) fn microphones(&self) -> &Registry<AudioData> {
        &self.microphones
    }
}
