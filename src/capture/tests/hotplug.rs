//! Notices of devices: each change is told once to all who wait, and nothing wakes or stays open for nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, ThreadId};
use std::time::Duration;

use super::bench::eventually;
use crate::capture::control::REMAINS;
use crate::capture::{Engine, HeldFrames, Subscription};
use crate::seam::scripted::{ScriptedKernel, ScriptedPcms, ScriptedWorld};

struct Bench {
    kernel: Arc<ScriptedKernel>,
    world: Arc<ScriptedWorld>,
    engine: Arc<Engine>,
}

impl Bench {
    fn new() -> Self {
        let kernel = ScriptedKernel::new();
        let world = ScriptedWorld::new(&kernel);
        let pcms = ScriptedPcms::new(&kernel);
        let engine = Engine::start(kernel.clone(), world.clone(), pcms, HeldFrames::default()).unwrap();
        Self { kernel, world, engine }
    }

    /// A subscriber that counts.
    fn listen(&self) -> (Subscription, Arc<AtomicU32>) {
        let count = Arc::new(AtomicU32::new(0));
        let counting = count.clone();
        let notice = Arc::new(move || {
            counting.fetch_add(1, Ordering::SeqCst);
        });
        (self.engine.hotplug().subscribe(notice), count)
    }

    fn tell(&self, node: &str) {
        self.world.tell(node);
        self.kernel.settle();
    }
}

fn heard(count: &AtomicU32) -> u32 {
    count.load(Ordering::SeqCst)
}

#[test]
fn all_who_wait_hear_of_a_change_and_of_changes_that_were_lost() {
    let bench = Bench::new();
    let (first, second) = (bench.listen(), bench.listen());
    bench.tell("/dev/video0");
    assert_eq!((heard(&first.1), heard(&second.1)), (1, 1));
    bench.world.overflow();
    bench.kernel.settle();
    assert_eq!((heard(&first.1), heard(&second.1)), (2, 2));
    drop(first.0);
    bench.tell("/dev/snd/pcmC0D0c");
    assert_eq!((heard(&first.1), heard(&second.1)), (2, 3));
}

#[test]
fn the_sources_are_open_only_while_somebody_listens() {
    let bench = Bench::new();
    assert_eq!(bench.world.watches(), (0, 0));
    let (first, second) = (bench.listen(), bench.listen());
    assert_eq!(bench.world.watches(), (1, 1), "one for both");
    drop(first);
    assert_eq!(bench.world.watches(), (1, 1));
    drop(second);
    eventually(|| bench.world.watches() == (0, 1));
    let again = bench.listen();
    assert_eq!(bench.world.watches(), (1, 2));
    bench.tell("/dev/video0");
    assert_eq!(heard(&again.1), 1);
}

#[test]
fn nothing_wakes_while_nothing_changes() {
    let bench = Bench::new();
    let listener = bench.listen();
    bench.kernel.settle();
    let waits = bench.kernel.waits();
    bench.kernel.advance(Duration::from_secs(24 * 3600));
    // The one wait is the moved clock's own nudge.
    assert!(bench.kernel.waits() <= waits + 1, "{} turns", bench.kernel.waits() - waits);
    assert_eq!(heard(&listener.1), 0);
}

#[test]
fn a_closed_watch_that_nobody_has_buried_yet_wakes_nobody() {
    let bench = Bench::new();
    // Who unmaps and closes has other work.
    let (go, gate) = std::sync::mpsc::channel::<()>();
    bench.engine.control.post(REMAINS, move || assert!(gate.recv().is_err()));
    drop(bench.listen());
    assert_eq!(bench.world.watches(), (1, 1), "not closed yet");
    bench.world.tell("/dev/video0");
    bench.kernel.settle();
    let waits = bench.kernel.waits();
    thread::sleep(Duration::from_millis(20));
    assert_eq!(bench.kernel.waits(), waits);
    drop(go);
    eventually(|| bench.world.watches() == (0, 1));
}

#[test]
fn an_alarm_rings_once_at_its_time_and_the_last_one_set_counts() {
    let bench = Bench::new();
    let (one, other) = (bench.listen(), bench.listen());
    let second = 1_000_000_000;
    let now = bench.engine.now();
    one.0.wake_at(Some(now + 5 * second));
    one.0.wake_at(Some(now + second));
    other.0.wake_at(Some(now + 2 * second));
    bench.kernel.advance(Duration::from_millis(999));
    assert_eq!((heard(&one.1), heard(&other.1)), (0, 0));
    bench.kernel.advance(Duration::from_millis(1));
    assert_eq!((heard(&one.1), heard(&other.1)), (1, 0));
    other.0.wake_at(None);
    bench.kernel.advance(Duration::from_secs(60));
    assert_eq!((heard(&one.1), heard(&other.1)), (1, 0));
}

#[test]
fn who_listens_where_nothing_can_be_heard_is_told_so() {
    let bench = Bench::new();
    bench.world.deafen();
    let listener = bench.listen();
    assert!(bench.engine.hotplug().is_deaf());
    // What was in the way is gone: the next subscriber's watch serves all.
    bench.world.cure();
    let another = bench.listen();
    assert!(!bench.engine.hotplug().is_deaf());
    bench.tell("/dev/video0");
    assert_eq!((heard(&listener.1), heard(&another.1)), (1, 1));
}

#[test]
fn sources_that_break_are_told_of_once() {
    let bench = Bench::new();
    let listener = bench.listen();
    bench.world.deafen();
    bench.kernel.settle();
    assert_eq!(heard(&listener.1), 1);
    assert!(bench.engine.hotplug().is_deaf());
    let waits = bench.kernel.waits();
    bench.kernel.advance(Duration::from_secs(3600));
    assert!(bench.kernel.waits() <= waits + 1);
}

#[test]
fn notices_come_on_the_capture_thread_and_may_end_their_own_subscription() {
    let bench = Bench::new();
    let threads = Arc::new(std::sync::Mutex::new(Vec::<ThreadId>::new()));
    let slot = Arc::new(std::sync::Mutex::new(None::<Subscription>));
    let (seen, own, engine) = (threads.clone(), slot.clone(), Arc::downgrade(&bench.engine));
    let subscription = bench.engine.hotplug().subscribe(Arc::new(move || {
        assert!(engine.upgrade().is_some_and(|engine| engine.is_capture_thread()));
        seen.lock().unwrap().push(thread::current().id());
        drop(own.lock().unwrap().take());
    }));
    *slot.lock().unwrap() = Some(subscription);
    bench.tell("/dev/video0");
    bench.tell("/dev/video0");
    assert_eq!(threads.lock().unwrap().len(), 1);
    eventually(|| bench.world.watches() == (0, 1));
}

#[test]
fn a_subscription_may_outlive_its_engine() {
    let bench = Bench::new();
    let listener = bench.listen();
    let Bench { engine, world, .. } = bench;
    drop(engine);
    eventually(|| world.watches() == (0, 1));
    listener.0.wake_at(Some(1));
    assert_eq!(heard(&listener.1), 0);
}
