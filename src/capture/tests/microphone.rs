//! A sound card of the script on a real engine, and someone who listens.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::capture::{
    AudioInfo, AudioStatistics, CapturedAudio, Engine, HeldFrames, Keep, MicrophoneRequest, Outlet, Source, SourceEnd,
};
use crate::error::Result;
use crate::format::SampleFormat;
use crate::seam::scripted::{PcmScript, ScriptedKernel, ScriptedPcm, ScriptedPcms, ScriptedWorld};

pub(super) const PCM: &str = "hw:0,0";
/// The same card through a plugin: its ring stops when it runs over.
pub(super) const PLUGGED: &str = "plughw:0,0";

/// A period of the request below: 20 ms.
pub(super) const PERIOD: u32 = 960;
pub(super) const PERIOD_NS: u64 = 20_000_000;
/// The ring of the request below: half a second.
pub(super) const RING: u32 = 24_000;

/// Notes every block, and keeps some.
#[derive(Default)]
pub(super) struct Listener {
    keep: usize,
    state: Mutex<Heard>,
}

#[derive(Default)]
pub(super) struct Heard {
    pub(super) infos: Vec<AudioInfo>,
    /// What the first sample of each block says: the card's number of it.
    pub(super) numbers: Vec<u16>,
    /// Blocks in which a sample is not the one after the sample before.
    pub(super) torn: u64,
    pub(super) kept: Vec<CapturedAudio>,
    pub(super) ends: Vec<SourceEnd>,
}

impl Listener {
    pub(super) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.state.lock().unwrap()
    }
}

impl Outlet<CapturedAudio> for Listener {
    fn give(&self, audio: &CapturedAudio, _now: u64) {
        let mut state = self.state.lock().unwrap();
        let samples: Vec<u16> =
            audio.samples().chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        assert_eq!(samples.len(), audio.info.frames as usize);
        state.torn += u64::from(samples.windows(2).any(|pair| pair[1] != pair[0].wrapping_add(1)));
        state.infos.push(audio.info);
        state.numbers.push(samples[0]);
        if state.kept.len() < self.keep {
            state.kept.push(audio.clone());
        }
    }

    fn ended(&self, end: SourceEnd) {
        self.state.lock().unwrap().ends.push(end);
    }
}

/// What a test is played on.
pub(super) struct SoundBench {
    pub(super) kernel: Arc<ScriptedKernel>,
    pub(super) card: PcmScript,
    pub(super) engine: Arc<Engine>,
    pub(super) listener: Arc<Listener>,
    name: &'static str,
}

impl SoundBench {
    /// A card alone.
    pub(super) fn new(pcm: ScriptedPcm) -> Self {
        Self::keeping(0, PCM, pcm)
    }

    /// A card behind a plugin.
    pub(super) fn plugged(pcm: ScriptedPcm) -> Self {
        Self::keeping(0, PLUGGED, pcm)
    }

    /// That card, and a listener who keeps so many blocks.
    pub(super) fn keeping(keep: usize, name: &'static str, pcm: ScriptedPcm) -> Self {
        let kernel = ScriptedKernel::new();
        let pcms = ScriptedPcms::new(&kernel);
        let card = pcms.plug(name, pcm);
        let engine = Engine::start(kernel.clone(), ScriptedWorld::new(&kernel), pcms, HeldFrames::default()).unwrap();
        let listener = Arc::new(Listener { keep, ..Listener::default() });
        Self { kernel, card, engine, listener, name }
    }

    pub(super) fn open(&self) -> Result<Source<CapturedAudio>> {
        self.open_as(request(self.name))
    }

    pub(super) fn open_as(&self, request: MicrophoneRequest) -> Result<Source<CapturedAudio>> {
        self.engine.open_microphone(request, Box::new(|_| Ok(())), Keep::not(), self.listener.clone())
    }

    /// Every block has the frames that its position says, and time goes on with the positions.
    #[track_caller]
    pub(super) fn assert_in_place(&self) {
        let heard = self.listener.heard();
        assert_eq!(heard.torn, 0);
        for (info, number) in heard.infos.iter().zip(&heard.numbers) {
            assert_eq!(info.position as u16, *number, "{info:?}");
        }
        for pair in heard.infos.windows(2) {
            assert!(pair[1].timestamp > pair[0].timestamp, "{pair:?}");
            assert!(pair[1].position >= pair[0].position + u64::from(pair[0].frames), "{pair:?}");
        }
    }
}

/// Mono S16_LE at 48 kHz, 20 ms periods.
pub(super) fn request(name: &str) -> MicrophoneRequest {
    MicrophoneRequest {
        path: name.to_owned(),
        sample_format: SampleFormat::S16Le,
        sample_rate: 48_000,
        channel_count: 1,
        latency: 0.02,
        shared: false,
        mapped: true,
        synthetic: false,
    }
}

/// Every frame that fell due has its place.
#[track_caller]
pub(super) fn assert_sums(statistics: &AudioStatistics) {
    assert_eq!(statistics.expected, statistics.captured + statistics.lost_in_driver, "{statistics:?}");
    assert_eq!(statistics.captured, statistics.accepted + statistics.starved, "{statistics:?}");
}
