//! A tone: played into the cable, listened to at its other end, and measured.

use std::f64::consts::TAU;
use std::fs;
use std::process::{Command, Stdio};

use usermedia::format::SampleFormat;
use usermedia::{AudioData, AudioTrack, TimestampSource};

use super::RATE;
use crate::devices::{Background, eventually};

/// The end of snd-aloop's cable that is played to.
const PLAYED: &str = "hw:Loopback,0";

/// One sample as this format has it; silence's own byte order is little-endian in all of them.
fn sample(format: SampleFormat, value: f64) -> Vec<u8> {
    let whole = |bits: u32| (value * f64::from((1u32 << (bits - 1)) - 1)).round() as i32;
    match format {
        SampleFormat::S16Le => whole(16).to_le_bytes()[..2].to_vec(),
        SampleFormat::S24Le => whole(24).to_le_bytes().to_vec(),
        SampleFormat::S24Packed => whole(24).to_le_bytes()[..3].to_vec(),
        SampleFormat::S32Le => whole(32).to_le_bytes().to_vec(),
        SampleFormat::FloatLe => (value as f32).to_le_bytes().to_vec(),
        other => panic!("the cable has no {other}"),
    }
}

/// Plays a tone into the cable until dropped: twenty seconds of it.
pub(super) fn play(format: SampleFormat, frequency: f64) -> Background {
    let tone = |n: u32| sample(format, (f64::from(n) * frequency * TAU / f64::from(RATE)).sin() * 0.5);
    let bytes: Vec<u8> = (0..20 * RATE).flat_map(tone).collect();
    let file = "/tmp/played.raw";
    fs::write(file, bytes).unwrap();
    let rate = RATE.to_string();
    let mut play = Command::new("aplay");
    play.args(["-q", "-t", "raw", "-c", "1", "-r", &rate, "-f", format.name(), "-D", PLAYED, file]);
    let player = Background::start(play.stderr(Stdio::null()));
    // Only then is the cable's other end bound to this format.
    running("Loopback/pcm0p");
    player
}

/// Waits until somebody has the first subdevice of that PCM running.
pub(super) fn running(pcm: &str) {
    eventually("the PCM running", || {
        let status = fs::read_to_string(format!("/proc/asound/{pcm}/sub0/status")).ok()?;
        status.contains("RUNNING").then_some(())
    });
}

/// The blocks of so many seconds.
pub(super) fn listen(track: &AudioTrack, seconds: f64) -> Vec<AudioData> {
    let frames = (seconds * f64::from(RATE)) as u64;
    let mut blocks: Vec<AudioData> = Vec::new();
    for block in track.processor(1000) {
        let block = block.unwrap_or_else(|error| panic!("{error}"));
        let done = block.position() + u64::from(block.frame_count()) >= frames;
        blocks.push(block);
        if done {
            break;
        }
    }
    blocks
}

/// The frequency and the phase (in radians, at position 0) of a tone, by its crossings of zero.
pub(super) fn tone(blocks: &[AudioData]) -> (f64, f64) {
    let mut crossings = Vec::new();
    let mut last: Option<(u64, f64)> = None;
    for block in blocks {
        for (position, value) in (block.position()..).zip(block.samples(0).map(f64::from)) {
            if let Some((before, low)) = last
                && low < 0.0
                && value >= 0.0
                && before + 1 == position
            {
                crossings.push(before as f64 + low / (low - value));
            }
            last = Some((position, value));
        }
    }
    assert!(crossings.len() > 10, "{} crossings", crossings.len());
    let (first, end) = (crossings[0], crossings[crossings.len() - 1]);
    // Crossings between two gaps are whole periods apart, those across one are not: by the median period.
    let mut periods: Vec<f64> = crossings.windows(2).map(|pair| pair[1] - pair[0]).collect();
    periods.sort_by(f64::total_cmp);
    let count = ((end - first) / periods[periods.len() / 2]).round();
    let period = (end - first) / count;
    (f64::from(RATE) / period, -first / period * TAU)
}

/// Blocks are in order in position and time, by the driver's clock.
#[track_caller]
pub(super) fn check_order(blocks: &[AudioData]) {
    for pair in blocks.windows(2) {
        assert!(pair[1].timestamp() > pair[0].timestamp(), "{pair:?}");
        let next = pair[0].position() + u64::from(pair[0].frame_count());
        assert_eq!(pair[1].position(), next + pair[1].lost(), "{pair:?}");
    }
}

/// And their times are the driver's.
#[track_caller]
pub(super) fn check_stamps(blocks: &[AudioData]) {
    assert!(blocks.iter().all(|block| block.timestamp_source() == TimestampSource::Driver));
}
