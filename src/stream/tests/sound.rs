//! What tracks of sound do that tracks of pictures do not.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::MediaStreamConstraints;
use crate::capture::{AudioFormat, AudioInfo, Block, CapturedAudio, TimestampSource};
use crate::devices::synthetic_devices;
use crate::format::SampleFormat;
use crate::resolve::{ResolveOptions, resolve};
use crate::stream::AudioData;
use crate::stream::consumer::Consumer;
use crate::stream::outlet::TrackOutlet;
use crate::stream::queue::{Bound, DropPolicy, Queue};

/// 48 kHz stereo in blocks of 10 frames.
const FORMAT: AudioFormat =
    AudioFormat { sample_format: SampleFormat::S16Le, sample_rate: 48_000, channel_count: 2, period_frames: 10 };

/// A block in which every byte is `byte`, so many frames after the start.
fn block(position: u64, frames: u32, byte: u8, format: AudioFormat) -> CapturedAudio {
    let info = AudioInfo {
        position,
        frames,
        lost: 0,
        timestamp: 1_000_000_000 + format.duration_ns(position),
        timestamp_source: TimestampSource::Driver,
    };
    CapturedAudio { block: Block::filled(format.period_frames as usize * format.frame_bytes(), byte), info, format }
}

fn queue(bound: Bound) -> Arc<Queue<AudioData>> {
    Arc::new(Queue::new("test", bound, Arc::new(|| 0), None))
}

fn take(queue: &Queue<AudioData>) -> Option<AudioData> {
    match queue.poll() {
        Poll::Ready(Some(data)) => Some(data.unwrap()),
        _ => None,
    }
}

/// A track of the built-in microphone's settings, in that format.
fn outlet(format: AudioFormat) -> TrackOutlet<AudioData> {
    let request = MediaStreamConstraints::new().audio(true);
    let resolved = resolve(&request, &synthetic_devices(), &ResolveOptions::new()).unwrap();
    TrackOutlet::new(Arc::new(resolved.audio.unwrap()), Arc::new(request), format)
}

#[test]
fn a_disabled_track_is_silent_at_the_same_times() {
    let outlet = outlet(FORMAT);
    let heard = queue(Bound::items(4, DropPolicy::Newest));
    outlet.attach(heard.clone(), Some(0));
    outlet.give(&block(0, 10, 7, FORMAT), 0);
    outlet.set_enabled(false);
    outlet.give(&block(10, 9, 7, FORMAT), 0);
    outlet.set_enabled(true);
    outlet.give(&block(19, 10, 7, FORMAT), 0);
    let blocks: Vec<_> = std::iter::from_fn(|| take(&heard)).collect();
    assert_eq!(blocks.iter().map(AudioData::position).collect::<Vec<_>>(), [0, 10, 19]);
    assert_eq!(blocks.iter().map(|data| data.data().len()).collect::<Vec<_>>(), [40, 36, 40]);
    assert!(blocks[0].data().iter().all(|&byte| byte == 7));
    assert!(blocks[1].data().iter().all(|&byte| byte == 0));
    assert!(blocks[2].data().iter().all(|&byte| byte == 7));
    assert_eq!(blocks[1].timestamp() - blocks[0].timestamp(), FORMAT.duration_ns(10));
}

#[test]
fn silence_of_unsigned_samples_is_their_middle() {
    let format = AudioFormat { sample_format: SampleFormat::U8, ..FORMAT };
    let outlet = outlet(format);
    let heard = queue(Bound::items(1, DropPolicy::Newest));
    outlet.attach(heard.clone(), Some(0));
    outlet.set_enabled(false);
    outlet.give(&block(0, 10, 7, format), 0);
    assert!(take(&heard).unwrap().samples(1).all(|sample| sample == 0.0));
}

#[test]
fn samples_are_numbers_of_one_channel() {
    let mut sound = block(0, 2, 0, FORMAT);
    let bytes: Vec<u8> = [100i16, -200, 300, -400].iter().flat_map(|sample| sample.to_le_bytes()).collect();
    sound.block = Block::from_bytes(&bytes);
    let data = AudioData::new(sound, None);
    let channel = |channel| data.samples(channel).map(|sample| (sample * 32768.0) as i32).collect::<Vec<_>>();
    assert_eq!(channel(0), [100, 300]);
    assert_eq!(channel(1), [-200, -400]);
    assert_eq!(channel(2), [0i32; 0]);
    assert_eq!(data.duration(), Duration::from_nanos(41_666));
}

#[test]
fn a_backlog_keeps_the_newest_of_its_time() {
    let queue = queue(Bound::backlog(Duration::from_millis(1), u64::MAX));
    for number in 0..20 {
        // 10 frames are 208 µs: 1 ms is just under five blocks.
        queue.offer(&block(number * 10, 10, 0, FORMAT), 0);
    }
    let statistics = Consumer::statistics(&*queue);
    assert_eq!((statistics.accepted, statistics.behind, statistics.queued), (20, 15, 5));
    assert_eq!(take(&queue).unwrap().position(), 150);
}

#[test]
fn a_backlog_keeps_the_newest_of_its_bytes() {
    let queue = queue(Bound::backlog(Duration::MAX, 100));
    for number in 0..20 {
        queue.offer(&block(number * 10, 10, 0, FORMAT), 0);
    }
    assert_eq!(Consumer::statistics(&*queue).queued, 2, "a block has 40 bytes");
    assert_eq!(take(&queue).unwrap().position(), 180);
    // The bytes of what was taken are free again.
    queue.offer(&block(200, 10, 0, FORMAT), 0);
    assert_eq!(Consumer::statistics(&*queue).queued, 2);
}
