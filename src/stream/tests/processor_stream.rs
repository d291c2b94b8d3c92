//! Processors as streams, under a runtime and under none.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use futures_util::stream::{FusedStream, Stream, StreamExt};

use super::bench::{Bench, assert_sum, eventually};
use crate::stream::{MediaDevices, ProcessorStream};
use crate::{MediaStreamConstraints, VideoFrame};

/// A task that counts how often it is woken.
#[derive(Default)]
struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Task {
    fn woken(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn poll(self: &Arc<Self>, frames: &mut ProcessorStream) -> Poll<Option<crate::Result<VideoFrame>>> {
        let waker = Waker::from(self.clone());
        Pin::new(frames).poll_next(&mut Context::from_waker(&waker))
    }
}

fn sequence(polled: Poll<Option<crate::Result<VideoFrame>>>) -> Option<u64> {
    match polled {
        Poll::Ready(Some(frame)) => Some(frame.unwrap().sequence()),
        _ => None,
    }
}

#[tokio::test]
async fn frames_come_then_the_error_once_then_the_end_for_ever() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let mut frames = stream.video_tracks()[0].processor(3).into_stream();
    bench.camera.run(2);
    bench.camera.unplug();
    for sequence in 0..2 {
        assert_eq!(frames.next().await.unwrap().unwrap().sequence(), sequence);
    }
    let error = frames.next().await.unwrap().unwrap_err();
    assert!(error.message().contains("unplugged"), "{error}");
    assert!(!frames.is_terminated());
    for _ in 0..3 {
        assert!(frames.next().await.is_none());
        assert!(frames.is_terminated());
    }
}

#[tokio::test]
async fn a_stopped_track_ends_without_an_error() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let frames = stream.video_tracks()[0].processor(3).into_stream();
    bench.camera.run(2);
    stream.stop();
    let rest: Vec<_> = frames.map(|frame| frame.unwrap().sequence()).collect().await;
    assert_eq!(rest, [0, 1]);
}

#[test]
fn a_task_that_waits_is_woken_from_the_capture_thread_and_by_the_end() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    let mut frames = track.processor(1).into_stream();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let first = frames.next().await.unwrap().unwrap().sequence();
                (first, frames.next().await.is_none())
            })
        });
        bench.camera.run(1);
        eventually(|| track.consumer_statistics()[0].delivered == 1);
        stream.stop();
        assert_eq!(waiting.join().unwrap(), (0, true));
    });
}

#[test]
fn a_task_is_woken_once_for_each_time_it_was_told_to_wait() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let mut frames = stream.video_tracks()[0].processor(3).into_stream();
    let task = Arc::new(Task::default());
    assert!(task.poll(&mut frames).is_pending() && task.poll(&mut frames).is_pending());
    bench.camera.run(3);
    assert_eq!(task.woken(), 1, "it has not asked for more since the first");
    for number in 0..3 {
        assert_eq!(sequence(task.poll(&mut frames)), Some(number));
    }
    bench.camera.run(1);
    assert_eq!(task.woken(), 1, "it was never told to wait");
    assert_eq!(sequence(task.poll(&mut frames)), Some(3));
    assert!(task.poll(&mut frames).is_pending());
    stream.stop();
    eventually(|| task.woken() == 2);
    assert!(matches!(task.poll(&mut frames), Poll::Ready(None)));
    assert_sum(&frames.statistics());
}

#[test]
fn the_task_that_polled_last_is_the_one_woken() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let mut frames = stream.video_tracks()[0].processor(1).into_stream();
    let (first, second) = (Arc::new(Task::default()), Arc::new(Task::default()));
    assert!(first.poll(&mut frames).is_pending() && second.poll(&mut frames).is_pending());
    assert_eq!(Arc::strong_count(&first), 1, "its waker was replaced");
    bench.camera.run(1);
    assert_eq!((first.woken(), second.woken()), (0, 1));
}

#[test]
fn a_stream_that_is_dropped_wakes_nobody_and_keeps_nothing() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    let mut frames = track.processor(2).into_stream();
    let task = Arc::new(Task::default());
    assert!(task.poll(&mut frames).is_pending());
    drop(frames);
    assert_eq!((Arc::strong_count(&task), task.woken()), (1, 0));
    assert!(track.consumer_statistics().is_empty());
    bench.camera.run(2);
    assert_eq!(track.statistics().accepted, 2, "the camera goes on");
    stream.stop();
    eventually(|| bench.camera.open_count() == 0);
    bench.assert_closed();
}

#[test]
fn a_waker_that_panics_stops_neither_the_camera_nor_its_own_stream() {
    struct Panicking;
    impl Wake for Panicking {
        fn wake(self: Arc<Self>) {
            panic!("this is part of the test");
        }
    }
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    let (mut frames, beside) = (track.processor(3).into_stream(), track.processor(3));
    let waker = Waker::from(Arc::new(Panicking));
    assert!(Pin::new(&mut frames).poll_next(&mut Context::from_waker(&waker)).is_pending());
    bench.camera.run(2);
    assert_eq!(super::bench::sequences(&super::bench::drain(&beside)), [0, 1]);
    let task = Arc::new(Task::default());
    assert_eq!([sequence(task.poll(&mut frames)), sequence(task.poll(&mut frames))], [Some(0), Some(1)]);
}

#[tokio::test]
async fn sound_is_a_stream_too() {
    let stream = MediaDevices::synthetic().get_user_media(&MediaStreamConstraints::new().audio(true)).unwrap();
    let blocks = stream.audio_tracks()[0].processor(8).into_stream();
    let positions: Vec<_> = blocks.take(3).map(|block| block.unwrap().position()).collect().await;
    assert!(positions.windows(2).all(|pair| pair[0] < pair[1]), "{positions:?}");
}
