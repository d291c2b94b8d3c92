//! Consumers beside each other: each has its bound, its losses and its own pace.

use std::os::fd::AsFd;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use proptest::prelude::*;

use super::bench::{Bench, assert_sum, drain, eventually, sequences};
use crate::stream::PollableProcessor;

#[test]
fn a_processor_keeps_the_newest_and_drops_its_own_oldest() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    let (small, large) = (track.processor(2), track.processor(5));
    bench.camera.run(5);
    assert_eq!(sequences(&drain(&small)), [3, 4]);
    assert_eq!(sequences(&drain(&large)), [0, 1, 2, 3, 4]);
    let statistics = small.statistics();
    assert_eq!((statistics.accepted, statistics.delivered, statistics.behind, statistics.queued), (5, 2, 3, 0));
}

#[test]
fn a_buffer_of_no_frames_is_one_of_one() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let processor = stream.video_tracks()[0].processor(0);
    bench.camera.run(3);
    assert_eq!(sequences(&drain(&processor)), [2]);
}

#[test]
fn a_consumer_that_never_lets_go_gets_no_more_and_the_others_keep_the_whole_rate() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    let (greedy, fair) = (track.processor(1), track.processor(1));
    let mut held = Vec::new();
    let mut seen = 0;
    for _ in 0..100 {
        bench.camera.run(1);
        held.append(&mut drain(&greedy));
        seen += drain(&fair).len();
    }
    assert_eq!(seen, 100);
    let statistics = greedy.statistics();
    assert_eq!((statistics.delivered, statistics.holding), (5, 95), "four, and as many as may wait");
    assert_sum(&statistics);
    assert_eq!(track.statistics().starved, 0);
    assert!(fair.statistics().copied > 0, "the driver was short of buffers");
    held.clear();
    bench.camera.run(1);
    assert_eq!(drain(&greedy).len(), 1, "letting go is enough");
}

#[test]
fn waiting_ends_with_a_frame_with_the_time_or_with_the_track() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let mut processor = stream.video_tracks()[0].processor(1);
    assert!(processor.try_next().is_pending());
    assert!(processor.next_timeout(Duration::from_millis(1)).is_pending());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let first = processor.next().unwrap().unwrap().sequence();
            (first, processor.next().is_none(), processor.next().is_none())
        });
        bench.camera.run(1);
        eventually(|| stream.video_tracks()[0].consumer_statistics()[0].delivered == 1);
        stream.stop();
        assert_eq!(waiting.join().unwrap(), (0, true, true));
    });
}

#[test]
fn frames_that_wait_are_given_before_the_end() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let processor = stream.video_tracks()[0].processor(3);
    bench.camera.run(2);
    stream.stop();
    let rest: Vec<_> = processor.map(|frame| frame.unwrap().sequence()).collect();
    assert_eq!(rest, [0, 1]);
}

fn readable(processor: &PollableProcessor) -> bool {
    poll(&mut [PollFd::new(processor.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO).unwrap() == 1
}

#[test]
fn a_descriptor_is_readable_while_something_is_there() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let processor = stream.video_tracks()[0].processor(2).pollable().unwrap();
    assert!(!readable(&processor));
    bench.camera.run(2);
    assert!(readable(&processor));
    assert!(matches!(processor.try_next(), Poll::Ready(Some(Ok(_)))));
    assert!(readable(&processor), "one is left");
    assert!(matches!(processor.try_next(), Poll::Ready(Some(Ok(_)))));
    assert!(processor.try_next().is_pending());
    assert!(!readable(&processor), "drained");
    bench.camera.run(1);
    assert!(readable(&processor));
    stream.stop();
    assert!(matches!(processor.try_next(), Poll::Ready(Some(Ok(_)))));
    for _ in 0..3 {
        assert!(matches!(processor.try_next(), Poll::Ready(None)));
        assert!(readable(&processor), "the end stays");
    }
}

#[test]
fn a_descriptor_made_late_is_readable_at_once() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let processor = stream.video_tracks()[0].processor(2);
    bench.camera.run(1);
    assert!(readable(&processor.pollable().unwrap()));
    let processor = stream.video_tracks()[0].processor(2);
    stream.stop();
    assert!(readable(&processor.pollable().unwrap()));
}

#[test]
fn a_dropped_processor_gives_its_frames_back_and_is_forgotten() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    let all = bench.camera.queued();
    let processor = track.processor(3);
    bench.camera.run(3);
    assert_eq!(bench.camera.queued(), all - 3);
    drop(processor);
    assert_eq!(bench.camera.queued(), all);
    assert!(track.consumer_statistics().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn whatever_consumers_do_their_sums_hold(
        steps in prop::collection::vec((0u8..5, 0usize..3), 1..120),
        sizes in prop::array::uniform3(1usize..6),
    ) {
        let bench = Bench::yuyv();
        let stream = bench.stream();
        let track = stream.video_tracks().remove(0);
        let processors = sizes.map(|size| track.processor(size));
        let mut held: [Vec<_>; 3] = Default::default();
        for (step, which) in steps {
            match step {
                0 | 1 => assert_eq!(bench.camera.run(1), 1, "the driver is always fed"),
                2 => if let Poll::Ready(Some(frame)) = processors[which].try_next() {
                    held[which].push(frame.unwrap());
                },
                3 => held[which].clear(),
                _ => { held[which].pop(); }
            }
            let source = track.statistics();
            for processor in &processors {
                let statistics = processor.statistics();
                assert_sum(&statistics);
                prop_assert_eq!(statistics.accepted, source.accepted);
            }
        }
        held = Default::default();
        drop((held, processors, track, stream));
        bench.assert_closed();
    }
}
