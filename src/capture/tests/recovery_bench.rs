//! A camera of the scripted kernel that is kept, and someone who notes what comes and what happens.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::bench::request;
use crate::capture::{
    CameraRequest, CapturedFrame, Engine, HeldFrames, Keep, Outlet, RecoveryEvent, RecoveryPolicy, RecoveryStep,
    Source, SourceEnd,
};
use crate::seam::scripted::{CameraScript, ScriptedCamera, ScriptedKernel, ScriptedPcms, ScriptedWorld};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// Notes what comes and what happens.
#[derive(Default)]
pub(super) struct Diary(Mutex<Pages>);

#[derive(Default)]
pub(super) struct Pages {
    pub(super) sequences: Vec<u64>,
    pub(super) timestamps: Vec<u64>,
    pub(super) sizes: Vec<(u32, u32)>,
    pub(super) events: Vec<RecoveryEvent>,
    pub(super) ends: Vec<SourceEnd>,
    pub(super) held: Vec<CapturedFrame>,
    pub(super) hold: usize,
}

impl Diary {
    pub(super) fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap()
    }

    pub(super) fn steps(&self) -> Vec<String> {
        let pages = self.pages();
        let steps = pages.events.iter().map(|event| match &event.step {
            RecoveryStep::Muted(reason) => reason.to_string(),
            RecoveryStep::ReasonChanged(reason) => format!("still muted: {reason}"),
            step => step.as_str().to_owned(),
        });
        steps.collect()
    }

    pub(super) fn has(&self, step: &str) -> bool {
        self.steps().iter().any(|other| other == step)
    }
}

impl Outlet<CapturedFrame> for Diary {
    fn give(&self, frame: &CapturedFrame, _now: u64) {
        let mut pages = self.pages();
        pages.sequences.push(frame.info.sequence);
        pages.timestamps.push(frame.info.timestamp);
        let format = frame.lease.format();
        pages.sizes.push((format.width, format.height));
        if pages.held.len() < pages.hold {
            pages.held.push(frame.clone());
        }
    }

    fn ended(&self, end: SourceEnd) {
        self.pages().ends.push(end);
    }

    fn event(&self, event: &RecoveryEvent) {
        self.pages().events.push(event.clone());
    }
}

pub(super) struct Bench {
    pub(super) kernel: Arc<ScriptedKernel>,
    pub(super) camera: CameraScript,
    pub(super) world: Arc<ScriptedWorld>,
    pub(super) engine: Arc<Engine>,
    pub(super) diary: Arc<Diary>,
    /// Where the camera is said to be.
    pub(super) place: Arc<Mutex<Option<String>>>,
}

impl Bench {
    pub(super) fn new(camera: ScriptedCamera) -> Self {
        let kernel = ScriptedKernel::new();
        let camera = kernel.plug("/dev/video0", camera);
        let (world, pcms) = (ScriptedWorld::new(&kernel), ScriptedPcms::new(&kernel));
        let engine = Engine::start(kernel.clone(), world.clone(), pcms, HeldFrames::default()).unwrap();
        let place = Arc::new(Mutex::new(Some("/dev/video0".to_owned())));
        Self { kernel, camera, world, engine, diary: Arc::default(), place }
    }

    pub(super) fn keep(&self, policy: RecoveryPolicy) -> Keep<CameraRequest> {
        let place = self.place.clone();
        Keep { policy, locate: Box::new(move || place.lock().unwrap().clone()), ..Keep::not() }
    }

    pub(super) fn open(&self) -> Source<CapturedFrame> {
        self.open_with(self.keep(RecoveryPolicy::new()))
    }

    pub(super) fn open_with(&self, keep: Keep<CameraRequest>) -> Source<CapturedFrame> {
        self.engine.open(request(None), Box::new(|_| Ok(())), keep, self.diary.clone()).unwrap()
    }

    pub(super) fn be_at(&self, path: Option<&str>) {
        *self.place.lock().unwrap() = path.map(str::to_owned);
    }

    /// Lets time pass in small steps, the control thread's turns between them, until it has come to pass.
    #[track_caller]
    pub(super) fn pass_until(&self, what: impl Fn() -> bool) -> Duration {
        let (step, mut passed) = (Duration::from_millis(20), Duration::ZERO);
        while !what() {
            assert!(passed < 600 * SECOND, "it never came to pass: {:?}", self.diary.steps());
            self.kernel.advance(step);
            passed += step;
            std::thread::sleep(Duration::from_micros(300));
        }
        passed
    }

    pub(super) fn assert_closed(&self) {
        assert_eq!(self.kernel.misuse(), Vec::<String>::new());
        assert_eq!(self.camera.open_count(), 0, "the device is still open");
    }
}
