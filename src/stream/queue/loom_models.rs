//! `make loom`: the queue in every interleaving of the reactor, which offers, with the consumer, which takes, lets go and
//! leaves. Under loom a wake-up that is lost is a thread that never ends, which loom reports.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::{Bound, DropPolicy, Queue};
use crate::capture::{CapturedFrame, FrameInfo, LeaseMut, Payload, TimestampSource, VideoFormat};
use crate::format::Fourcc;
use crate::seam::{MAX_PLANES, PixelFormat};
use crate::stream::VideoFrame;
use crate::stream::consumer::Consumer;
use crate::stream::fitting::PassedFrame;

/// A camera's reactor, as far as a queue knows it: frames of 4 bytes, each in memory of its own.
struct Frames {
    format: Arc<VideoFormat>,
}

impl Frames {
    fn new() -> Self {
        let mut pixels = PixelFormat::request(Fourcc::YUYV, 2, 1);
        pixels.plane_count = 1;
        pixels.planes[0].sizeimage = 4;
        Self { format: Arc::new(VideoFormat::from_driver(&pixels, None).expect("a format")) }
    }

    fn frame(&self, sequence: u64) -> PassedFrame {
        let lease = LeaseMut::allocate(&[4], self.format.clone()).expect("memory").into_lease();
        let mut payloads = [Payload::default(); MAX_PLANES];
        payloads[0].length = 4;
        let (timestamp, timestamp_source) = (sequence, TimestampSource::Driver);
        CapturedFrame {
            lease,
            info: FrameInfo { sequence, timestamp, timestamp_source, payloads, copied: false, raw: None },
        }
        .into()
    }

    /// How many are still somewhere: each has the format.
    fn alive(&self) -> usize {
        Arc::strong_count(&self.format) - 1
    }
}

fn queue(bound: Bound) -> Arc<Queue<VideoFrame>> {
    Arc::new(Queue::new("processor", bound, Arc::new(|| 0), None))
}

/// The reactor offers these frames, on a thread of its own, and then maybe the end.
fn offering(queue: &Arc<Queue<VideoFrame>>, frames: Vec<PassedFrame>, end: bool) -> thread::JoinHandle<()> {
    let queue = queue.clone();
    thread::spawn(move || {
        for frame in frames {
            queue.offer(&frame, 0);
        }
        if end {
            queue.end(None);
        }
    })
}

fn check_sum(queue: &Queue<VideoFrame>) {
    let statistics = Consumer::statistics(queue);
    let sum = statistics.delivered + statistics.behind + statistics.holding + statistics.queued;
    assert_eq!(statistics.accepted, sum, "{statistics:?}");
}

#[test]
fn loom_who_waits_gets_every_frame_and_then_the_end() {
    loom::model(|| {
        let (frames, queue) = (Frames::new(), queue(Bound::items(2, DropPolicy::Newest)));
        let reactor = offering(&queue, vec![frames.frame(0), frames.frame(1)], true);
        let mut got = Vec::new();
        while let Poll::Ready(Some(frame)) = queue.wait(None) {
            got.push(frame.expect("no error").sequence());
        }
        reactor.join().unwrap();
        assert_eq!(got, [0, 1]);
        assert_eq!(frames.alive(), 0);
        check_sum(&queue);
    });
}

#[test]
fn loom_who_leaves_while_frames_come_keeps_none() {
    loom::model(|| {
        let (frames, queue) = (Frames::new(), queue(Bound::items(2, DropPolicy::Newest)));
        let reactor = offering(&queue, vec![frames.frame(0), frames.frame(1)], false);
        // What the drop of a processor does: the reactor may have the queue at hand still.
        queue.end(None);
        queue.abandon();
        reactor.join().unwrap();
        assert_eq!(frames.alive(), 0, "a frame is left in a queue that nobody takes from");
        check_sum(&queue);
    });
}

#[test]
fn loom_the_newest_are_kept_in_their_order_while_one_takes() {
    for policy in [DropPolicy::Newest, DropPolicy::InOrder] {
        loom::model(move || {
            let (frames, queue) = (Frames::new(), queue(Bound::items(1, policy)));
            let reactor = offering(&queue, (0..3).map(|sequence| frames.frame(sequence)).collect(), false);
            let mut got = Vec::new();
            let mut take = || {
                if let Poll::Ready(Some(frame)) = queue.poll() {
                    got.push(frame.expect("no error").sequence());
                }
            };
            take();
            reactor.join().unwrap();
            take();
            assert!(got.windows(2).all(|pair| pair[0] < pair[1]), "{got:?}");
            match policy {
                DropPolicy::Newest => assert_eq!(got.last(), Some(&2)),
                DropPolicy::InOrder => assert_eq!(got.first(), Some(&0)),
            }
            assert_eq!(frames.alive(), 0);
            check_sum(&queue);
        });
    }
}

#[test]
fn loom_what_is_copied_comes_after_what_waited_before() {
    loom::model(|| {
        let (frames, queue) = (Frames::new(), queue(Bound::backlog(Duration::from_secs(1), 1 << 20)));
        // Two may wait in the driver's memory; the next is copied, with the queue unlocked meanwhile.
        queue.offer(&frames.frame(0), 0);
        queue.offer(&frames.frame(1), 0);
        let reactor = offering(&queue, vec![frames.frame(2)], true);
        let mut got = Vec::new();
        while let Poll::Ready(Some(frame)) = queue.wait(None) {
            got.push(frame.expect("no error").sequence());
        }
        reactor.join().unwrap();
        assert_eq!(got, [0, 1, 2]);
        assert_eq!(frames.alive(), 0);
        check_sum(&queue);
    });
}

#[test]
fn loom_who_lets_go_of_what_it_held_too_long_is_given_more() {
    loom::model(|| {
        let (frames, queue) = (Frames::new(), queue(Bound::items(1, DropPolicy::Newest)));
        let mut held = Vec::new();
        for sequence in 0..6 {
            queue.offer(&frames.frame(sequence), 0);
            if let Poll::Ready(Some(frame)) = queue.poll() {
                held.push(frame.expect("no error"));
            }
        }
        assert_eq!(held.len(), 5, "four, and as many as may wait");
        let reactor = offering(&queue, vec![frames.frame(6)], false);
        drop(held);
        reactor.join().unwrap();
        queue.offer(&frames.frame(7), 0);
        let Poll::Ready(Some(Ok(last))) = queue.poll() else { panic!("it holds nothing any more") };
        assert_eq!(last.sequence(), 7);
        drop(last);
        assert_eq!(frames.alive(), 0);
        check_sum(&queue);
    });
}

/// A task that sleeps until it is woken, as one under any runtime does.
#[derive(Default)]
struct Task {
    woken: Mutex<bool>,
    wake: Condvar,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        *self.woken.lock().unwrap() = true;
        self.wake.notify_one();
    }
}

impl Task {
    fn sleep(&self) {
        let mut woken = self.woken.lock().unwrap();
        while !*woken {
            woken = self.wake.wait(woken).unwrap();
        }
        *woken = false;
    }

    /// What it gets until the end, sleeping whenever there is nothing.
    fn take_all(self: &Arc<Self>, queue: &Queue<VideoFrame>) -> Vec<u64> {
        let waker = Waker::from(self.clone());
        let mut got = Vec::new();
        loop {
            match queue.poll_task(&mut Context::from_waker(&waker)) {
                Poll::Ready(Some(frame)) => got.push(frame.expect("no error").sequence()),
                Poll::Ready(None) => return got,
                Poll::Pending => self.sleep(),
            }
        }
    }
}

#[test]
fn loom_a_task_that_was_told_pending_is_woken() {
    loom::model(|| {
        let (frames, queue) = (Frames::new(), queue(Bound::items(2, DropPolicy::Newest)));
        let reactor = offering(&queue, vec![frames.frame(0), frames.frame(1)], true);
        let task = Arc::new(Task::default());
        let got = task.take_all(&queue);
        reactor.join().unwrap();
        assert_eq!(got, [0, 1]);
        assert_eq!(frames.alive(), 0);
        assert_eq!(Arc::strong_count(&task), 1, "the queue has kept a waker beyond the end");
        check_sum(&queue);
    });
}

#[test]
fn loom_the_task_that_polled_last_is_woken() {
    loom::model(|| {
        let (frames, queue) = (Frames::new(), queue(Bound::items(2, DropPolicy::Newest)));
        let reactor = offering(&queue, vec![frames.frame(0)], true);
        let (first, second) = (Arc::new(Task::default()), Arc::new(Task::default()));
        let waker = Waker::from(first.clone());
        // The first leaves its waker, or has the frame already, and is never heard of again.
        let mut got = match queue.poll_task(&mut Context::from_waker(&waker)) {
            Poll::Ready(Some(frame)) => vec![frame.expect("no error").sequence()],
            Poll::Ready(None) => panic!("the frame comes before the end"),
            Poll::Pending => Vec::new(),
        };
        drop(waker);
        got.extend(second.take_all(&queue));
        reactor.join().unwrap();
        assert_eq!(got, [0]);
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 1));
        check_sum(&queue);
    });
}

#[test]
fn loom_a_task_that_leaves_while_frames_come_is_let_go_of() {
    loom::model(|| {
        let (frames, queue) = (Frames::new(), queue(Bound::items(2, DropPolicy::Newest)));
        let reactor = offering(&queue, vec![frames.frame(0), frames.frame(1)], true);
        let task = Arc::new(Task::default());
        let waker = Waker::from(task.clone());
        drop(queue.poll_task(&mut Context::from_waker(&waker)));
        drop(waker);
        // What the drop of a processor does.
        queue.forget_task();
        queue.end(None);
        queue.abandon();
        reactor.join().unwrap();
        assert_eq!(Arc::strong_count(&task), 1, "the queue has kept the waker of a task that has gone");
        assert_eq!(frames.alive(), 0);
        check_sum(&queue);
    });
}
