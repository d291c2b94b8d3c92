//! The built-in microphone, and that it is in step with the built-in camera.

use crate::capture::Keep;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::bench::{self, Keeper};
use super::microphone::{Listener, assert_sums, request};
use crate::capture::{
    AudioInfo, CapturedAudio, CapturedFrame, Engine, HeldFrames, MicrophoneRequest, Outlet, SourceEnd, TimestampSource,
};
use crate::error::ErrorName;
use crate::format::SampleFormat;
use crate::seam::Kernel;
use crate::seam::scripted::{ScriptedKernel, ScriptedPcms, ScriptedWorld};

const SECOND: u64 = 1_000_000_000;

fn engine() -> (Arc<ScriptedKernel>, Arc<Engine>) {
    let kernel = ScriptedKernel::new();
    let engine =
        Engine::start(kernel.clone(), ScriptedWorld::new(&kernel), ScriptedPcms::new(&kernel), HeldFrames::default())
            .unwrap();
    (kernel, engine)
}

fn synthetic(sample_rate: u32, channel_count: u32) -> MicrophoneRequest {
    MicrophoneRequest { synthetic: true, sample_rate, channel_count, ..request("synthetic-microphone") }
}

/// Keeps every sample of the first channel, with its time.
#[derive(Default)]
struct Recorder(Mutex<(Vec<AudioInfo>, Vec<i16>)>);

impl Outlet<CapturedAudio> for Recorder {
    fn give(&self, audio: &CapturedAudio, _now: u64) {
        let mut state = self.0.lock().unwrap();
        state.0.push(audio.info);
        let frames = audio.samples().chunks_exact(audio.format.frame_bytes());
        state.1.extend(frames.map(|frame| i16::from_le_bytes([frame[0], frame[1]])));
    }

    fn ended(&self, _: SourceEnd) {}
}

#[test]
fn sound_comes_at_exact_times_for_ever() {
    for (rate, channels) in [(48_000, 1), (44_100, 2)] {
        let (kernel, engine) = engine();
        kernel.pass_time(Duration::from_nanos(123_456_789));
        let recorder = Arc::new(Recorder::default());
        let source = engine
            .open_microphone(synthetic(rate, channels), Box::new(|_| Ok(())), Keep::not(), recorder.clone())
            .unwrap();
        assert_eq!(source.format().period_frames, rate / 50);
        kernel.advance(Duration::from_secs(10));
        let state = recorder.0.lock().unwrap();
        assert!(state.0.len() >= 499, "{}", state.0.len());
        let origin = 1000 * SECOND * u64::from(rate) / SECOND;
        let first = origin + (123_456_789 * u64::from(rate)).div_ceil(SECOND);
        for (number, info) in (0u64..).zip(&state.0) {
            assert_eq!((info.position, info.lost), (number * u64::from(rate / 50), 0));
            let exact = (u128::from(first + info.position) * u128::from(SECOND)).div_ceil(u128::from(rate));
            assert_eq!(u128::from(info.timestamp), exact);
            assert_eq!(info.timestamp_source, TimestampSource::Driver);
        }
        assert_sums(&source.statistics());
        assert!((source.statistics().measured_sample_rate().unwrap() - f64::from(rate)).abs() < 0.001);
        // A quiet tone of 440 Hz: so many times a second it passes zero upwards, ticks apart.
        let quiet: Vec<i16> = state.1[rate as usize..2 * rate as usize].to_vec();
        let crossings = quiet.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
        assert!((440..=450).contains(&crossings), "{crossings}");
        let loud = quiet.iter().filter(|sample| sample.unsigned_abs() > 3300).count();
        assert!(loud > 100 && loud <= rate as usize / 100, "{loud} samples of the tick");
    }
}

/// The times of the frames that are lit.
#[derive(Default)]
struct Flashes(Mutex<Vec<(u64, bool)>>);

impl Outlet<CapturedFrame> for Flashes {
    fn give(&self, frame: &CapturedFrame, _now: u64) {
        // YUYV 320x180: a pixel of the upper right corner.
        let luma = frame.lease.bytes(0, (10 * 320 + 310) * 2, 1).unwrap()[0];
        self.0.lock().unwrap().push((frame.info.timestamp, luma > 200));
    }

    fn ended(&self, _: SourceEnd) {}
}

#[test]
fn the_camera_flashes_when_the_microphone_ticks() {
    for (rate, offset) in [(48_000, 0), (44_100, 777_777_777)] {
        let (kernel, engine) = engine();
        kernel.pass_time(Duration::from_nanos(offset));
        let (flashes, recorder) = (Arc::new(Flashes::default()), Arc::new(Recorder::default()));
        let mut request = bench::request(None);
        (request.synthetic, request.width, request.height) = (true, 320, 180);
        let camera = engine.open(request, Box::new(|_| Ok(())), Keep::not(), flashes.clone()).unwrap();
        kernel.pass_time(Duration::from_nanos(13_131_313));
        let microphone =
            engine.open_microphone(synthetic(rate, 1), Box::new(|_| Ok(())), Keep::not(), recorder.clone()).unwrap();
        kernel.advance(Duration::from_secs(5));
        drop((camera, microphone));

        let pictures = flashes.0.lock().unwrap();
        let lit = pictures.windows(2).filter(|pair| !pair[0].1 && pair[1].1).map(|pair| pair[1].0);
        let state = recorder.0.lock().unwrap();
        let loud: Vec<bool> = state.1.iter().map(|sample| sample.unsigned_abs() > 3300).collect();
        let begin = state.0[0].timestamp;
        let quiet_before = |n: usize| loud[n.saturating_sub(rate as usize / 100)..n].iter().all(|loud| !loud);
        let ticks: Vec<u64> = (rate as usize / 100..loud.len())
            .filter(|&n| loud[n] && quiet_before(n))
            .map(|n| begin + n as u64 * SECOND / u64::from(rate))
            .collect();
        let lit: Vec<u64> = lit.filter(|time| *time > begin).take(ticks.len()).collect();
        assert!(ticks.len() >= 4, "{ticks:?}");
        for (tick, flash) in ticks.iter().zip(&lit) {
            assert_eq!(flash % SECOND, 0, "a frame lies on the second");
            // The first sample of a sine is silent, and a few more are quieter than what is looked for.
            assert!(*tick >= *flash && tick - flash < 300_000, "tick {tick}, flash {flash}");
        }
    }
}

/// Takes his time at some blocks.
struct Dawdler {
    kernel: Arc<ScriptedKernel>,
    recorder: Recorder,
    /// The number of the block, and milliseconds.
    naps: [(usize, u64); 2],
}

impl Outlet<CapturedAudio> for Dawdler {
    fn give(&self, audio: &CapturedAudio, now: u64) {
        let number = self.recorder.0.lock().unwrap().0.len();
        self.recorder.give(audio, now);
        if let Some((_, nap)) = self.naps.iter().find(|(at, _)| *at == number) {
            self.kernel.pass_time(Duration::from_millis(*nap));
        }
    }

    fn ended(&self, _: SourceEnd) {}
}

#[test]
fn a_reactor_that_was_held_up_catches_up_and_counts_what_no_ring_would_have_held() {
    let (kernel, engine) = engine();
    let naps = [(9, 300), (49, 2000)];
    let dawdler = Arc::new(Dawdler { kernel: kernel.clone(), recorder: Recorder::default(), naps });
    let source =
        engine.open_microphone(synthetic(48_000, 1), Box::new(|_| Ok(())), Keep::not(), dawdler.clone()).unwrap();
    kernel.advance(Duration::from_millis(500));
    kernel.settle();
    assert_eq!((source.statistics().lost_in_driver, source.statistics().xruns), (0, 0));
    kernel.advance(Duration::from_millis(2700));
    let statistics = source.statistics();
    assert_eq!(statistics.xruns, 1);
    // Two seconds less half a second of ring.
    assert_eq!(statistics.lost_in_driver, 72_000);
    assert_sums(&statistics);
    assert_eq!(statistics.expected, (kernel.now() - 1000 * SECOND) / SECOND * 48_000 + 9600);
    let state = dawdler.recorder.0.lock().unwrap();
    for info in &state.0 {
        assert_eq!(info.timestamp, 1000 * SECOND + (info.position * SECOND).div_ceil(48_000));
    }
}

#[test]
fn what_it_does_not_offer_is_refused() {
    let (_kernel, engine) = engine();
    for request in [
        synthetic(8000, 1),
        synthetic(48_000, 3),
        MicrophoneRequest { sample_format: SampleFormat::FloatLe, ..synthetic(48_000, 1) },
    ] {
        let listener = Arc::new(Listener::default());
        let error =
            engine.open_microphone(request, Box::new(|_| Ok(())), Keep::not(), listener).map(|_| ()).unwrap_err();
        assert_eq!(error.name(), ErrorName::OverconstrainedError);
    }
}

#[test]
fn a_camera_and_a_microphone_share_the_reactor() {
    let (kernel, engine) = engine();
    let (keeper, recorder) = (Keeper::keeping(1), Arc::new(Recorder::default()));
    let mut request = bench::request(None);
    (request.synthetic, request.width, request.height) = (true, 320, 180);
    let camera = engine.open(request, Box::new(|_| Ok(())), Keep::not(), keeper.clone()).unwrap();
    let microphone = engine.open_microphone(synthetic(48_000, 2), Box::new(|_| Ok(())), Keep::not(), recorder).unwrap();
    kernel.advance(Duration::from_secs(1));
    assert!(keeper.state().seen >= 30);
    camera.stop();
    kernel.advance(Duration::from_secs(1));
    assert!(microphone.statistics().blocks >= 99);
    assert_eq!(microphone.statistics().starved, 0);
}
