//! A camera as its supervisor knows it: how it is opened, started anew, and found again.

use std::sync::{Arc, Mutex};

use nix::errno::Errno;

use super::engine::{Accept, Engine, Keep, no_wait};
use super::format::VideoFormat;
use super::reactor::{EventSource, Token};
use super::recovery::{Asked, Device, RecoveryStep};
use super::source::{CameraRequest, CapturedFrame, Outlet, Running};
use super::statistics::SourceCounters;
use super::synthetic::SyntheticCamera;
use super::timeline::Timeline;
use super::v4l2::{Reading, V4l2Camera};
use crate::devices::control::ControlGoal;
use crate::error::{Error, Result};

/// A camera that can be opened again and again: the built-in one too.
pub(super) struct CameraDevice {
    request: CameraRequest,
    accept: Accept<Arc<VideoFormat>>,
    keep: Keep<CameraRequest>,
    counters: Arc<SourceCounters>,
    timeline: Arc<Mutex<Timeline>>,
}

impl CameraDevice {
    pub(super) fn new(
        request: CameraRequest,
        accept: Accept<Arc<VideoFormat>>,
        keep: Keep<CameraRequest>,
        counters: Arc<SourceCounters>,
    ) -> Self {
        Self { request, accept, keep, counters, timeline: Arc::new(Mutex::new(Timeline::new(None))) }
    }

    fn reading(&self, outlet: Arc<dyn Outlet<CapturedFrame>>) -> Reading {
        let (counters, timeline) = (self.counters.clone(), self.timeline.clone());
        Reading { counters, outlet, timeline, policy: self.keep.policy }
    }

    fn open_synthetic(
        &self,
        engine: &Arc<Engine>,
        post: Arc<dyn Outlet<CapturedFrame>>,
    ) -> Result<(Running, Arc<VideoFormat>)> {
        let camera = SyntheticCamera::new(&self.request, engine.kernel.now(), self.counters.clone(), post.clone())?;
        let format = camera.format().clone();
        (self.accept)(&format)?;
        post.formatted(&format);
        Ok((Running::Reader { token: Some(self.join(engine, Box::new(camera))?) }, format))
    }

    fn open_v4l2(
        &self,
        engine: &Arc<Engine>,
        post: Arc<dyn Outlet<CapturedFrame>>,
    ) -> Result<(Running, Arc<VideoFormat>)> {
        let mut camera = V4l2Camera::open(engine.kernel.clone(), &self.request)?;
        let started = (self.accept)(camera.format()).and_then(|()| {
            camera.set_controls(&self.request.controls)?;
            let held = || engine.held.settle(&self.request.path);
            camera.start(self.request.buffers, engine.reaper.clone(), &held, self.reading(post.clone()))
        });
        let format = camera.format().clone();
        let joined = started.and_then(|reader| {
            // What comes from here on is in this format.
            post.formatted(&format);
            self.join(engine, Box::new(reader))
        });
        match joined {
            Ok(token) => Ok((Running::Camera { camera, token: Some(token) }, format)),
            Err(error) => {
                camera.stop();
                Err(error)
            }
        }
    }

    /// Puts a reader on the reactor.
    fn join(&self, engine: &Engine, reader: Box<dyn EventSource>) -> Result<Token> {
        engine.reactor.add(reader).map_err(|errno| no_wait(&self.request.path, errno))
    }
}

impl Device<CapturedFrame> for CameraDevice {
    fn open(
        &mut self,
        engine: &Arc<Engine>,
        post: Arc<dyn Outlet<CapturedFrame>>,
    ) -> Result<(Running, Arc<VideoFormat>)> {
        if self.request.synthetic {
            return self.open_synthetic(engine, post);
        }
        loop {
            let refused = match self.open_v4l2(engine, post.clone()) {
                // No bandwidth left on the USB bus, which is first asked for at STREAMON.
                Err(error) if error.errno() == Some(Errno::ENOSPC as i32) => error,
                answer => return answer,
            };
            let Some(smaller) = (self.keep.smaller)(&self.request) else { return Err(refused) };
            self.request = smaller;
            engine.tell(&*post, RecoveryStep::SteppedDown(refused));
        }
    }

    fn has_no_signal(&self, running: &Running) -> bool {
        matches!(running, Running::Camera { camera, .. } if camera.has_no_signal())
    }

    fn can_restart(&self) -> bool {
        !self.request.synthetic
    }

    fn restart(
        &mut self,
        running: &mut Running,
        engine: &Arc<Engine>,
        post: Arc<dyn Outlet<CapturedFrame>>,
    ) -> Result<()> {
        let reading = self.reading(post);
        if let Running::Camera { camera, token } = running {
            let reader = camera.restart(reading)?;
            *token = Some(self.join(engine, Box::new(reader))?);
        }
        Ok(())
    }

    fn exchange(&mut self, asked: &mut Asked<CapturedFrame>) {
        std::mem::swap(&mut self.request, &mut asked.request);
        std::mem::swap(&mut self.accept, &mut asked.accept);
        // Where it is, is found out here and nowhere else.
        let before = &asked.request;
        self.request.path.clone_from(&before.path);
        (self.request.buffers, self.request.synthetic) = (before.buffers, before.synthetic);
        self.request.raw = before.raw;
    }

    fn set_controls(
        &mut self,
        running: Option<&mut Running>,
        goals: &[ControlGoal],
    ) -> Result<Option<Arc<VideoFormat>>> {
        let format = match running {
            Some(Running::Camera { camera, .. }) => {
                camera.set_controls(goals)?;
                Some(camera.format().clone())
            }
            // While it is away there is nothing to set: it will be when it comes back.
            _ => None,
        };
        self.request.controls = goals.to_vec();
        Ok(format)
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
