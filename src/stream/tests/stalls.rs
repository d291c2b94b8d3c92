//! A sink that is held up for seconds, as a recorder is by its disk: what it loses, and what nobody else notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use super::bench::{Bench, assert_sum, drain, eventually, sequences};
use crate::error::Result;
use crate::seam::scripted::{ScriptedCamera, mark};
use crate::stream::{Attachment, Backlog, ConsumerStatistics, Flow, LocalMediaStream, Sink, TrackMetadata, VideoFrame};

/// The recorder's own.
const BACKLOG: Backlog = Backlog::Recent { span: Duration::from_secs(2), bytes: 64 << 20 };

/// A frame as the sink saw it once its disk let it go on.
#[derive(Debug, PartialEq)]
struct Written {
    sequence: u64,
    copied: bool,
    whole: bool,
}

/// Writes to a disk that takes nothing until it is told to.
struct Disk {
    goes_on: Receiver<()>,
    tell: Sender<Written>,
    /// Frames that are never let go.
    hoard: Option<Vec<VideoFrame>>,
}

impl Sink for Disk {
    fn name(&self) -> &str {
        "disk"
    }

    fn backlog(&self) -> Backlog {
        BACKLOG
    }

    fn loaded_metadata(&mut self, _tracks: &[TrackMetadata]) -> Result<()> {
        Ok(())
    }

    fn video_frame(&mut self, _track: usize, frame: &VideoFrame) -> Result<Flow> {
        // Goes on for good once the other end is gone.
        let _ = self.goes_on.recv();
        let (sequence, bytes) = (frame.sequence(), frame.memory(0).unwrap_or_default());
        let whole = !bytes.is_empty() && bytes.iter().all(|&byte| byte == mark(sequence as u32));
        let _ = self.tell.send(Written { sequence, copied: frame.is_copied(), whole });
        if let Some(hoard) = &mut self.hoard {
            hoard.push(frame.clone());
        }
        Ok(Flow::Continue)
    }

    fn ended(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A sink at work on a disk that stands still, with one frame in its hands.
struct Stall {
    attachment: Attachment,
    /// Dropped, it lets the disk go on.
    stands: Sender<()>,
    written: Receiver<Written>,
}

impl Stall {
    fn begin(bench: &Bench, stream: &LocalMediaStream, hoard: bool) -> Self {
        let (stands, goes_on) = mpsc::channel();
        let (tell, written) = mpsc::channel();
        let hoard = hoard.then(Vec::new);
        let attachment = stream.attach(Disk { goes_on, tell, hoard }).unwrap();
        let stall = Self { attachment, stands, written };
        bench.camera.run(1);
        eventually(|| stall.statistics().delivered == 1);
        stall
    }

    fn statistics(&self) -> ConsumerStatistics {
        let statistics = self.attachment.statistics().remove(0);
        assert_sum(&statistics);
        statistics
    }

    /// The disk goes on, and the sink writes what waits. What was counted in the end, and all that was written.
    fn end(self) -> (ConsumerStatistics, Vec<Written>) {
        drop(self.stands);
        let mut outcome = self.attachment.finish();
        outcome.result.unwrap();
        assert_sum(&outcome.statistics[0]);
        (outcome.statistics.remove(0), self.written.iter().collect())
    }
}

#[test]
fn a_disk_that_stands_still_for_five_seconds_costs_its_sink_whole_frames_and_nobody_else_any() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let track = stream.video_tracks().remove(0);
    let (processor, inline) = (track.processor(2), Arc::new(AtomicU64::new(0)));
    let counted = inline.clone();
    let callback = track.on_frame(move |frame| {
        assert!(!frame.is_copied());
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let all = bench.camera.queued();
    let stall = Stall::begin(&bench, &stream, false);
    let mut seen = drain(&processor).len();
    for _ in 0..150 {
        bench.camera.run(1);
        let frames = drain(&processor);
        assert!(frames.iter().all(|frame| !frame.is_copied()));
        seen += frames.len();
        drop(frames);
        assert!(bench.camera.queued() >= all - 3, "one is in its hands, and two wait");
    }
    assert_eq!((seen, inline.load(Ordering::Relaxed)), (151, 151));
    let others = [processor.statistics(), callback.statistics()];
    assert!(others.iter().all(|other| other.behind + other.holding + other.copied == 0), "{others:?}");
    let source = track.statistics();
    assert_eq!((source.accepted, source.starved, source.copied, source.lost_in_driver), (151, 0, 0, 0));
    // Two seconds wait: 61 frames from first to last.
    let held_up = stall.statistics();
    assert_eq!((held_up.queued, held_up.behind, held_up.holding), (61, 89, 0));

    bench.kernel.settle();
    let (statistics, written) = stall.end();
    assert_eq!((statistics.accepted, statistics.delivered, statistics.behind), (151, 62, 89));
    let expected: Vec<u64> = [0].into_iter().chain(90..151).collect();
    assert_eq!(written.iter().map(|frame| frame.sequence).collect::<Vec<_>>(), expected, "in order, without a break");
    assert!(written.iter().all(|frame| frame.whole));
    assert!(!written[0].copied && written[1..].iter().all(|frame| frame.copied), "what waited long is a copy");
    assert_eq!(bench.camera.queued(), all);
}

#[test]
fn a_sink_that_has_caught_up_is_lent_the_drivers_buffers_again() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let stall = Stall::begin(&bench, &stream, false);
    bench.camera.run(10);
    assert_eq!((stall.statistics().queued, stall.statistics().behind), (10, 0));
    let Stall { attachment, stands, written } = stall;
    drop(stands);
    let statistics = || attachment.statistics().remove(0);
    eventually(|| statistics().delivered == 11);
    for frames in 12..20 {
        bench.camera.run(1);
        eventually(|| statistics().delivered == frames);
    }
    let outcome = attachment.finish();
    assert_eq!(
        (outcome.statistics[0].behind, outcome.statistics[0].copied),
        (0, 8),
        "all but the two first that waited"
    );
    let copied: Vec<u64> = written.iter().filter(|frame| frame.copied).map(|frame| frame.sequence).collect();
    assert_eq!(copied, [3, 4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn what_waits_stays_within_its_megabytes() {
    // 4 147 200 bytes each: 16 of them are less than 64 MiB, 17 are more.
    let bench = Bench::new(ScriptedCamera::new(b"YUYV", 1920, 1080));
    let stream = bench.stream();
    let stall = Stall::begin(&bench, &stream, false);
    bench.camera.run(30);
    let held_up = stall.statistics();
    assert_eq!((held_up.queued, held_up.behind), (16, 14));
    let (_, written) = stall.end();
    let expected: Vec<u64> = [0].into_iter().chain(15..31).collect();
    assert_eq!(written.iter().map(|frame| frame.sequence).collect::<Vec<_>>(), expected);
    assert!(written.iter().all(|frame| frame.whole), "memory used again holds the new frame");
}

#[test]
fn a_frame_larger_than_the_bound_is_kept_alone() {
    struct Small(Disk);
    impl Sink for Small {
        fn name(&self) -> &str {
            "small"
        }
        fn backlog(&self) -> Backlog {
            Backlog::Recent { span: Duration::from_secs(2), bytes: 100 }
        }
        fn loaded_metadata(&mut self, tracks: &[TrackMetadata]) -> Result<()> {
            self.0.loaded_metadata(tracks)
        }
        fn video_frame(&mut self, track: usize, frame: &VideoFrame) -> Result<Flow> {
            self.0.video_frame(track, frame)
        }
        fn ended(&mut self) -> Result<()> {
            self.0.ended()
        }
    }
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let (stands, goes_on) = mpsc::channel();
    let (tell, written) = mpsc::channel();
    let attachment = stream.attach(Small(Disk { goes_on, tell, hoard: None })).unwrap();
    bench.camera.run(1);
    eventually(|| attachment.statistics()[0].delivered == 1);
    bench.camera.run(5);
    drop(stands);
    let outcome = attachment.finish();
    assert_eq!((outcome.statistics[0].delivered, outcome.statistics[0].behind), (2, 4));
    assert_eq!(written.iter().map(|frame| frame.sequence).collect::<Vec<_>>(), [0, 5]);
}

#[test]
fn a_sink_that_never_lets_go_gets_no_more_whatever_its_backlog() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let fair = stream.video_tracks()[0].processor(1);
    let stall = Stall::begin(&bench, &stream, true);
    let Stall { attachment, stands, .. } = stall;
    drop(stands);
    let mut seen = drain(&fair).len();
    for _ in 0..30 {
        bench.camera.run(1);
        eventually(|| attachment.statistics()[0].queued == 0);
        seen += sequences(&drain(&fair)).len();
    }
    assert_eq!(seen, 31);
    let statistics = attachment.finish().statistics.remove(0);
    assert_eq!((statistics.delivered, statistics.holding), (6, 25), "four, and as many as are lent while they wait");
}
