//! Sinks: metadata, frames and the end, in that order, on a thread of their own.

use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use super::bench::{Bench, assert_sum, eventually};
use crate::error::{Error, ErrorName, Result};
use crate::stream::{Flow, Sink, TrackMetadata, TrackSettings, VideoFrame};

/// What a sink was told.
#[derive(Debug, Clone, PartialEq)]
enum Told {
    Metadata(String, u32, u32),
    Frame(u64),
    Ended,
}

struct Diary {
    tell: Sender<Told>,
    most: u64,
    fails_at: Option<u64>,
}

impl Sink for Diary {
    fn name(&self) -> &str {
        "diary"
    }

    fn loaded_metadata(&mut self, tracks: &[TrackMetadata]) -> Result<()> {
        let TrackSettings::Video(settings) = &tracks[0].settings else { panic!("the camera comes first") };
        self.tell.send(Told::Metadata(tracks[0].label.clone(), settings.width, settings.height)).unwrap();
        Ok(())
    }

    fn video_frame(&mut self, track: usize, frame: &VideoFrame) -> Result<Flow> {
        assert_eq!((track, std::thread::current().name()), (0, Some("usermedia-diary")));
        self.tell.send(Told::Frame(frame.sequence())).unwrap();
        if self.fails_at == Some(frame.sequence()) {
            return Err(Error::new(ErrorName::AbortError, "full"));
        }
        Ok(if frame.sequence() + 1 == self.most { Flow::Done } else { Flow::Continue })
    }

    fn ended(&mut self) -> Result<()> {
        self.tell.send(Told::Ended).unwrap();
        Ok(())
    }
}

fn diary(most: u64, fails_at: Option<u64>) -> (Diary, mpsc::Receiver<Told>) {
    let (tell, told) = mpsc::channel();
    (Diary { tell, most, fails_at }, told)
}

fn metadata() -> Told {
    Told::Metadata("Scripted camera".to_owned(), 64, 48)
}

#[test]
fn a_sink_gets_metadata_frames_and_the_end_in_that_order() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let (sink, told) = diary(u64::MAX, None);
    let attachment = stream.attach(sink).unwrap();
    bench.camera.run(3);
    let outcome = attachment.finish();
    assert!(outcome.result.is_ok());
    let statistics = &outcome.statistics[0];
    assert_sum(statistics);
    assert_eq!((statistics.name.as_str(), statistics.delivered), ("diary", 3));
    let all: Vec<_> = told.iter().collect();
    assert_eq!(all, [metadata(), Told::Frame(0), Told::Frame(1), Told::Frame(2), Told::Ended]);
    assert!(stream.active(), "the stream goes on");
}

#[test]
fn a_sink_that_has_enough_ends() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let (sink, told) = diary(2, None);
    let attachment = stream.attach(sink).unwrap();
    bench.camera.run(4);
    assert!(attachment.wait().result.is_ok());
    assert_eq!(told.iter().collect::<Vec<_>>(), [metadata(), Told::Frame(0), Told::Frame(1), Told::Ended]);
    assert!(stream.video_tracks()[0].consumer_statistics().is_empty());
}

#[test]
fn a_sink_ends_with_its_stream_and_knows_why() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let (sink, told) = diary(u64::MAX, None);
    let attachment = stream.attach(sink).unwrap();
    bench.camera.run(1);
    bench.camera.unplug();
    let outcome = attachment.wait();
    assert!(outcome.result.unwrap_err().message().contains("unplugged"));
    assert_eq!(told.iter().collect::<Vec<_>>(), [metadata(), Told::Frame(0), Told::Ended]);
    let (sink, told) = diary(u64::MAX, None);
    let late = stream.attach(sink).unwrap();
    assert!(late.wait().result.is_err(), "attached after the end");
    assert_eq!(told.iter().collect::<Vec<_>>(), [metadata(), Told::Ended]);
}

#[test]
fn a_failing_sink_is_ended_with_its_error() {
    let bench = Bench::yuyv();
    let stream = bench.stream();
    let (sink, told) = diary(u64::MAX, Some(1));
    let mut attachment = stream.attach(sink).unwrap();
    assert!(attachment.wait_timeout(Duration::ZERO).is_none());
    bench.camera.run(4);
    eventually(|| attachment.is_finished());
    assert_eq!(attachment.wait().result.unwrap_err().message(), "full");
    assert_eq!(told.iter().collect::<Vec<_>>(), [metadata(), Told::Frame(0), Told::Frame(1), Told::Ended]);
}
