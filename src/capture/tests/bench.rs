//! A camera of the scripted kernel on a real engine, and someone who takes its frames.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::capture::{
    CameraRequest, CapturedFrame, Engine, HeldFrames, Keep, Outlet, Source, SourceEnd, SourceStatistics,
};
use crate::error::{Error, Result};
use crate::format::{Fourcc, FrameRate};
use crate::seam::scripted::{CameraScript, ScriptedCamera, ScriptedKernel, ScriptedPcms, ScriptedWorld};

pub(super) const NODE: &str = "/dev/video0";

/// Takes frames and keeps the newest few.
#[derive(Default)]
pub(super) struct Keeper {
    keep: usize,
    state: Mutex<Kept>,
}

#[derive(Default)]
pub(super) struct Kept {
    pub(super) frames: Vec<CapturedFrame>,
    pub(super) seen: u64,
    pub(super) sequences: Vec<u64>,
    pub(super) ends: Vec<SourceEnd>,
}

impl Keeper {
    pub(super) fn keeping(keep: usize) -> Arc<Self> {
        Arc::new(Self { keep, state: Mutex::default() })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, Kept> {
        self.state.lock().unwrap()
    }

    pub(super) fn take(&self) -> Vec<CapturedFrame> {
        std::mem::take(&mut self.state().frames)
    }
}

impl Outlet<CapturedFrame> for Keeper {
    fn give(&self, frame: &CapturedFrame, _now: u64) {
        let mut state = self.state();
        state.seen += 1;
        state.sequences.push(frame.info.sequence);
        state.frames.push(frame.clone());
        let gone = (state.frames.len() > self.keep).then(|| state.frames.remove(0));
        drop(state);
        drop(gone);
    }

    fn ended(&self, end: SourceEnd) {
        self.state().ends.push(end);
    }
}

/// What a test is played on.
pub(super) struct Bench {
    pub(super) kernel: Arc<ScriptedKernel>,
    pub(super) camera: CameraScript,
    pub(super) engine: Arc<Engine>,
    pub(super) keeper: Arc<Keeper>,
}

impl Bench {
    /// That camera, and a keeper of no frames.
    pub(super) fn new(camera: ScriptedCamera) -> Self {
        Self::keeping(0, camera)
    }

    /// That camera, and a keeper of so many frames.
    pub(super) fn keeping(keep: usize, camera: ScriptedCamera) -> Self {
        let kernel = ScriptedKernel::new();
        let camera = kernel.plug(NODE, camera);
        let engine = Engine::start(
            kernel.clone(),
            ScriptedWorld::new(&kernel),
            ScriptedPcms::new(&kernel),
            HeldFrames::default(),
        )
        .unwrap();
        Self { kernel, camera, engine, keeper: Keeper::keeping(keep) }
    }

    /// Opens it in its one mode.
    pub(super) fn open(&self) -> Result<Source<CapturedFrame>> {
        self.open_with(None)
    }

    pub(super) fn open_with(&self, buffers: Option<u32>) -> Result<Source<CapturedFrame>> {
        self.open_request(request(buffers))
    }

    pub(super) fn open_request(&self, request: CameraRequest) -> Result<Source<CapturedFrame>> {
        self.engine.open(request, Box::new(|_| Ok(())), Keep::not(), self.keeper.clone())
    }

    /// Nothing is open, and nothing was misused.
    pub(super) fn assert_closed(&self) {
        assert_eq!(self.kernel.misuse(), Vec::<String>::new());
        assert_eq!(self.camera.open_count(), 0, "the device is still open");
    }
}

/// YUYV 64x48 at 30 fps.
pub(super) fn request(buffers: Option<u32>) -> CameraRequest {
    CameraRequest {
        path: NODE.to_owned(),
        fourcc: Some(Fourcc::YUYV),
        width: 64,
        height: 48,
        frame_rate: Some(FrameRate::whole(30)),
        buffers,
        controls: Vec::new(),
        raw: false,
        synthetic: false,
    }
}

pub(super) fn yuyv() -> ScriptedCamera {
    ScriptedCamera::new(b"YUYV", 64, 48)
}

/// What happens on another thread comes to pass: unmaps on the control thread.
#[track_caller]
pub(super) fn eventually(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < Duration::from_secs(20), "it never came to pass");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Invariant 8: every frame that fell due has its place.
#[track_caller]
pub(super) fn assert_sums(statistics: &SourceStatistics) {
    assert_eq!(statistics.expected, statistics.captured + statistics.lost_in_driver, "{statistics:?}");
    let reasons = statistics.error + statistics.short + statistics.bad_jpeg + statistics.duplicate + statistics.starved;
    assert_eq!(statistics.captured, statistics.accepted + reasons, "{statistics:?}");
}

/// The error of an opening that must fail.
#[track_caller]
pub(super) fn refused(opened: Result<Source<CapturedFrame>>) -> Error {
    opened.map(|_| ()).unwrap_err()
}
