//! A machine with one scripted camera.

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::devices::Machine;
use crate::devices::fixture::{FakePcms, Tree};
use crate::error::Result;
use crate::seam::scripted::{CameraScript, ScriptedCamera, ScriptedKernel, ScriptedPcms};
use crate::stream::{ConsumerStatistics, LocalMediaStream, MediaDevices, MediaStreamTrackProcessor, VideoFrame};
use crate::{MediaStreamConstraints, RecoveryPolicy};

pub(super) struct Bench {
    pub(super) kernel: Arc<ScriptedKernel>,
    pub(super) camera: CameraScript,
    pub(super) devices: MediaDevices,
    _tree: Tree,
}

impl Bench {
    /// A camera that gives YUYV 64x48 at 30 fps.
    pub(super) fn yuyv() -> Self {
        Self::new(ScriptedCamera::new(b"YUYV", 64, 48))
    }

    pub(super) fn new(camera: ScriptedCamera) -> Self {
        let tree = Tree::new();
        tree.node("video0", "devices/platform/cam.0", "platform", &[]);
        let kernel = ScriptedKernel::new();
        let camera = kernel.plug("/dev/video0", camera);
        let machine = Machine {
            kernel: kernel.clone(),
            world: Arc::new(tree.world()),
            pcm: Arc::new(FakePcms::default()),
            pcms: ScriptedPcms::new(&kernel),
        };
        Self { kernel, camera, devices: MediaDevices::of(machine).with_recovery(RecoveryPolicy::none()), _tree: tree }
    }

    /// `getUserMedia({video: true})`.
    pub(super) fn stream(&self) -> LocalMediaStream {
        self.request(&MediaStreamConstraints::new().video(true)).unwrap()
    }

    pub(super) fn request(&self, constraints: &MediaStreamConstraints) -> Result<LocalMediaStream> {
        self.devices.get_user_media(constraints)
    }

    /// Nothing is open, and nothing was misused.
    pub(super) fn assert_closed(&self) {
        assert_eq!(self.kernel.misuse(), Vec::<String>::new());
        assert_eq!(self.camera.open_count(), 0, "the device is still open");
    }
}

/// All frames that wait.
pub(super) fn drain(processor: &MediaStreamTrackProcessor) -> Vec<VideoFrame> {
    std::iter::from_fn(|| match processor.try_next() {
        Poll::Ready(Some(frame)) => Some(frame.unwrap()),
        _ => None,
    })
    .collect()
}

pub(super) fn sequences(frames: &[VideoFrame]) -> Vec<u64> {
    frames.iter().map(VideoFrame::sequence).collect()
}

/// Invariant 8, the consumer's half.
#[track_caller]
pub(super) fn assert_sum(statistics: &ConsumerStatistics) {
    let sum = statistics.delivered + statistics.behind + statistics.holding + statistics.queued;
    assert_eq!(statistics.accepted, sum, "{statistics:?}");
    assert!(statistics.copied <= statistics.delivered, "{statistics:?}");
}

/// What happens on another thread comes to pass.
#[track_caller]
pub(super) fn eventually(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < Duration::from_secs(20), "it never came to pass");
        std::thread::sleep(Duration::from_millis(1));
    }
}
