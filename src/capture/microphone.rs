//! A microphone as its supervisor knows it: how it is opened, and found again.

use std::sync::{Arc, Mutex};

use super::alsa::{AlsaMicrophone, Progress, Reading};
use super::engine::{Accept, Engine, Keep, no_wait};
use super::reactor::EventSource;
use super::recovery::{Asked, Device};
use super::sound::{AudioCounters, AudioFormat, CapturedAudio, MicrophoneRequest};
use super::source::{Outlet, Running};
use super::synthetic::SyntheticMicrophone;
use crate::error::{Error, Result};

/// A microphone that can be opened again and again: the built-in one too.
pub(super) struct MicrophoneDevice {
    request: MicrophoneRequest,
    accept: Accept<AudioFormat>,
    keep: Keep<MicrophoneRequest>,
    counters: Arc<AudioCounters>,
    progress: Arc<Mutex<Progress>>,
}

impl MicrophoneDevice {
    pub(super) fn new(
        request: MicrophoneRequest,
        accept: Accept<AudioFormat>,
        keep: Keep<MicrophoneRequest>,
        counters: Arc<AudioCounters>,
    ) -> Self {
        Self { request, accept, keep, counters, progress: Arc::default() }
    }
}

impl Device<CapturedAudio> for MicrophoneDevice {
    fn open(&mut self, engine: &Arc<Engine>, post: Arc<dyn Outlet<CapturedAudio>>) -> Result<(Running, AudioFormat)> {
        let (reader, format): (Box<dyn EventSource>, _) = if self.request.synthetic {
            let now = engine.kernel.now();
            let microphone = SyntheticMicrophone::new(&self.request, now, self.counters.clone(), post.clone())?;
            let format = microphone.format();
            (self.accept)(&format)?;
            (Box::new(microphone), format)
        } else {
            let microphone = AlsaMicrophone::open(&*engine.pcms, &self.request)?;
            let format = microphone.format();
            (self.accept)(&format)?;
            let reading = Reading {
                kernel: engine.kernel.clone(),
                engine: Arc::downgrade(engine),
                lane: self.request.path.clone(),
                counters: self.counters.clone(),
                outlet: post.clone(),
                progress: self.progress.clone(),
                policy: self.keep.policy,
            };
            (Box::new(microphone.start(reading)?), format)
        };
        post.formatted(&format);
        let token = engine.reactor.add(reader).map_err(|errno| no_wait(&self.request.path, errno))?;
        // A PCM is closed with its reader, which the reactor gives back.
        Ok((Running::Reader { token: Some(token) }, format))
    }

    fn exchange(&mut self, asked: &mut Asked<CapturedAudio>) {
        std::mem::swap(&mut self.request, &mut asked.request);
        std::mem::swap(&mut self.accept, &mut asked.accept);
    }

    fn locate(&mut self) -> bool {
        let Some(path) = (self.keep.locate)() else { return false };
        self.request.path = path;
        true
    }

    fn explain(&self, error: Error) -> Error {
        (self.keep.explain)(error, &self.request.path)
    }

    fn path(&self) -> &str {
        &self.request.path
    }
}
