//! A whole machine on the scripted kernel: an engine that stays while tracks come and go, and what must hold at the end.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::choices::Choices;
use crate::capture::{AudioStatistics, SourceStatistics};
use crate::devices::Machine;
use crate::devices::fixture::FakePcms;
use crate::seam::scripted::{Call, FOREVER, ScriptedKernel, ScriptedPcms, ScriptedWorld};
use crate::{ConsumerStatistics, MediaDevices, RecoveryPolicy, StallLimit};

/// What is slower than this hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// The machine.
pub(super) struct Rig {
    pub(super) kernel: Arc<ScriptedKernel>,
    pub(super) world: Arc<ScriptedWorld>,
    pub(super) pcms: Arc<ScriptedPcms>,
    pub(super) devices: MediaDevices,
    /// The reactor is there, so that time can pass, whether or not a device runs.
    _engine: Arc<dyn Any + Send + Sync>,
}

impl Rig {
    /// A machine with those sound cards in its listing, and no camera.
    pub(super) fn new(cards: FakePcms, recovery: RecoveryPolicy) -> Self {
        let kernel = ScriptedKernel::new();
        let (world, pcms) = (ScriptedWorld::new(&kernel), ScriptedPcms::new(&kernel));
        let (kernel_, world_, pcms_) = (kernel.clone(), world.clone(), pcms.clone());
        let machine = Machine { kernel: kernel_, world: world_, pcm: Arc::new(cards), pcms: pcms_ };
        let devices = MediaDevices::of(machine).with_recovery(recovery);
        let _engine = devices.keep_engine().expect("two threads and a few descriptors");
        Self { kernel, world, pcms, devices, _engine }
    }

    /// Lets time pass in small steps, the control threads' turns between them, until it has come to pass or `steps` are over.
    pub(super) fn pass(&self, steps: u32, step: Duration, done: impl Fn() -> bool) {
        for _ in 0..steps {
            if done() {
                return;
            }
            self.kernel.advance(step);
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}

/// What is done on other threads comes to pass.
///
/// # Panics
/// Where it does not.
pub(super) fn eventually(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    let mut pause = Duration::from_micros(20);
    while !done() {
        assert!(start.elapsed() < PATIENCE, "it never came to pass: {what}");
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(2));
    }
}

/// How a track is kept.
pub(super) fn recovery(choices: &mut Choices) -> RecoveryPolicy {
    let policy = match choices.below(8) {
        0..5 => RecoveryPolicy::new(),
        5 => RecoveryPolicy::new().patience(None),
        6 => RecoveryPolicy::new().patience(Duration::from_secs(2)),
        _ => RecoveryPolicy::none(),
    };
    match choices.below(8) {
        0 => policy.stall(StallLimit::Never),
        1 => policy.stall(StallLimit::After(Duration::from_millis(u64::from(choices.byte())))),
        _ => policy,
    }
}

/// One of the errors that drivers give, or any.
pub(super) fn errno(choices: &mut Choices) -> Errno {
    const ERRORS: [Errno; 14] = [
        Errno::EIO,
        Errno::ENODEV,
        Errno::EBUSY,
        Errno::EINVAL,
        Errno::EACCES,
        Errno::ENOMEM,
        Errno::ENOSPC,
        Errno::EPIPE,
        Errno::EAGAIN,
        Errno::ENOTTY,
        Errno::ETIMEDOUT,
        Errno::EPROTO,
        Errno::ENXIO,
        Errno::ESTRPIPE,
    ];
    if choices.seldom() { Errno::from_raw(i32::from(choices.byte())) } else { choices.of(&ERRORS) }
}

/// What is to go wrong: a call of these, how, how often, and after how many that go well. EINTR for ever would be a kernel that
/// never does anything: no program gets out of that.
pub(super) fn fault(choices: &mut Choices, calls: &[Call]) -> (u64, Call, Errno, u64) {
    let call = choices.of(calls);
    let after = if choices.seldom() { u64::from(choices.byte()) } else { 0 };
    let times = if choices.seldom() { FOREVER } else { 1 + u64::from(choices.byte() % 12) };
    match choices.seldom() {
        true => (after, call, Errno::EINTR, times.min(12)),
        false => match errno(choices) {
            Errno::EINTR => (after, call, Errno::EINTR, times.min(12)),
            errno => (after, call, errno, times),
        },
    }
}

/// Every frame that fell due has its place.
pub(super) fn check_source(statistics: &SourceStatistics) {
    assert_eq!(statistics.expected, statistics.captured + statistics.lost_in_driver, "{statistics:?}");
    let reasons = statistics.error + statistics.short + statistics.bad_jpeg + statistics.duplicate + statistics.starved;
    assert_eq!(statistics.captured, statistics.accepted + reasons, "{statistics:?}");
}

/// The same of sound.
pub(super) fn check_sound(statistics: &AudioStatistics) {
    assert_eq!(statistics.expected, statistics.captured + statistics.lost_in_driver, "{statistics:?}");
    assert_eq!(statistics.captured, statistics.accepted + statistics.starved, "{statistics:?}");
}

/// What became of everything that a consumer was offered.
pub(super) fn check_consumer(statistics: &ConsumerStatistics) {
    let sum = statistics.delivered + statistics.behind + statistics.holding + statistics.queued;
    assert_eq!(statistics.accepted, sum, "{statistics:?}");
    assert!(statistics.copied <= statistics.delivered, "{statistics:?}");
}
