//! The same of sound: a card that answers as the fuzzer likes.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::choices::Choices;
use super::rig::{Rig, check_consumer, check_sound, errno, eventually, fault, recovery};
use crate::devices::fixture::FakePcms;
use crate::seam::scripted::{Call, PcmScript, ScriptedPcm};
use crate::seam::{Accepted, CapturePcm, PcmParameter, PcmRanges, PcmState, SoundCard};
use crate::{AudioData, AudioTrack, MediaStreamConstraints, MediaStreamTrackProcessor};

const MOST_STEPS: usize = 96;
const MOST_HELD: usize = 64;

const CALLS: &[Call] = &[
    Call::PcmAvail,
    Call::PcmStatus,
    Call::PcmRead,
    Call::PcmSkip,
    Call::PcmRevents,
    Call::PcmPrepare,
    Call::PcmStart,
    Call::PcmResume,
    Call::PcmConfigure,
    Call::Open,
];

/// What may block: the reactor calls nothing of these.
const BLOCKABLE: &[Call] = &[Call::PcmPrepare, Call::PcmStart, Call::PcmConfigure, Call::Open, Call::Close];

const STATES: &[PcmState] = &[
    PcmState::Xrun,
    PcmState::Suspended,
    PcmState::Disconnected,
    PcmState::Other,
    PcmState::Prepared,
    PcmState::Running,
];

/// What a card makes of the time.
const CLOCKS: &[fn(u64) -> u64] = &[
    |time| time,
    |time| time,
    |_| 0,
    |time| time.saturating_sub(1_000_000_000),
    |time| time + 5_000_000_000,
    |_| u64::MAX,
    |time| time / 2,
    |time| 1_700_000_000_000_000_000 + time,
    |time| time - time % 100_000_000,
];

const REQUESTS: &[&str] = &[
    r#"{"audio": true}"#,
    r#"{"audio": true}"#,
    r#"{"audio": {"sampleRate": {"exact": 44100}, "channelCount": 2}}"#,
    r#"{"audio": {"latency": 0.001}}"#,
    r#"{"audio": {"sampleSize": 32, "latency": {"ideal": 1e9}}}"#,
    r#"{"audio": {"channelCount": 1e9, "sampleRate": 4294967295}}"#,
];

struct Play {
    choices: Choices,
    rig: Rig,
    cards: Vec<PcmScript>,
    tracks: Vec<Arc<AudioTrack>>,
    processors: Vec<(MediaStreamTrackProcessor<AudioData>, u64)>,
    held: Vec<AudioData>,
}

/// See the module.
pub(super) fn sound(bytes: &[u8]) {
    let mut play = Play::new(Choices::new(bytes));
    for _ in 0..play.choices.below(3) {
        play.fail();
    }
    play.request();
    for _ in 0..MOST_STEPS {
        if play.choices.is_empty() {
            break;
        }
        play.step();
    }
    play.end();
}

fn ranges(choices: &mut Choices) -> PcmRanges {
    // As much as a ring in memory can hold: a card that takes any rate and any number of channels would be asked for them.
    let accepted = |choices: &mut Choices, plain: Accepted, most: u32| match choices.byte() % 16 {
        0 => Accepted::List((0..choices.below(4)).map(|_| choices.number() % most).collect()),
        1 => Accepted::Range(choices.number() % most, choices.number() % most),
        _ => plain,
    };
    PcmRanges {
        rates: accepted(choices, Accepted::List(vec![44_100, 48_000]), 768_000),
        channels: accepted(choices, Accepted::Range(1, 2), 33),
        formats: match choices.byte() % 16 {
            0 => vec![choices.text(12)],
            1 => Vec::new(),
            _ => ["S16_LE", "S24_3LE", "S32_LE", "FLOAT_LE", "U8"][..1 + choices.below(5)]
                .iter()
                .map(|&f| f.into())
                .collect(),
        },
        period: if choices.seldom() { (choices.number(), choices.number()) } else { (1000, 100_000) },
    }
}

/// Changes something about how a card answers.
fn change(choices: &mut Choices, pcm: &mut ScriptedPcm) {
    match choices.below(12) {
        0 => pcm.stamp = choices.of(CLOCKS),
        1 => pcm.most_read = choices.number(),
        2 => pcm.hides_xruns = choices.flag(),
        3 => pcm.resume = if choices.flag() { Ok(()) } else { Err(errno(choices)) },
        4 => pcm.mapped = choices.flag(),
        // No plugin wakes for nothing at all, for ever.
        5 => pcm.wakes_at = choices.flag().then(|| u64::from(choices.number()).max(1)),
        6 => pcm.says_avail = choices.flag().then(|| choices.long_number()),
        // As large as a ring can be that is in memory.
        7 => pcm.period_frames = choices.flag().then(|| choices.number() % (1 << 16)),
        8 => pcm.buffer_frames = choices.flag().then(|| choices.number() % (1 << 18)),
        9 if choices.seldom() => pcm.refuses = Some(PcmParameter::Rate),
        _ => {}
    }
}

impl Play {
    fn new(mut choices: Choices) -> Self {
        let mut listing =
            FakePcms { cards: vec![SoundCard { index: 0, name: Some(choices.text(16)) }], ..Default::default() };
        listing.pcms.insert(0, Ok(vec![CapturePcm { device: 0, name: choices.flag().then(|| choices.text(16)) }]));
        listing.ranges.insert("hw:0,0", Ok(ranges(&mut choices)));
        let names: &[&str] = match choices.flag() {
            true => {
                listing.default_capture = Some(choices.text(16));
                listing.ranges.insert("default", Ok(ranges(&mut choices)));
                &["hw:0,0", "default"]
            }
            false => &["hw:0,0"],
        };
        let mut pcm = ScriptedPcm::default();
        for _ in 0..choices.below(4) {
            change(&mut choices, &mut pcm);
        }
        let rig = Rig::new(listing, recovery(&mut choices));
        let cards = names.iter().map(|name| rig.pcms.plug(name, pcm.clone())).collect();
        Self { choices, rig, cards, tracks: Vec::new(), processors: Vec::new(), held: Vec::new() }
    }

    fn card(&mut self) -> PcmScript {
        self.cards[self.choices.below(self.cards.len())].clone()
    }

    fn fail(&mut self) {
        let (_, call, errno, times) = fault(&mut self.choices, CALLS);
        self.card().fail(call, errno, times);
    }

    fn unblock(&self) {
        self.cards.iter().for_each(PcmScript::unblock);
    }

    fn request(&mut self) {
        self.unblock();
        let request = MediaStreamConstraints::from_json(self.choices.of(REQUESTS)).expect("constraints");
        if let Ok(stream) = self.rig.devices.get_user_media(&request) {
            self.tracks.extend(stream.audio_tracks());
        }
    }

    fn step(&mut self) {
        match self.choices.byte() % 32 {
            0..10 => {
                let (milliseconds, card) = (u64::from(self.choices.byte()), self.card());
                self.rig.kernel.advance(Duration::from_millis(milliseconds));
                card.capture(milliseconds * 48);
            }
            10 => {
                let (frames, card) = (self.choices.number() % (1 << 24), self.card());
                card.capture(frames.into());
            }
            11 => {
                let card = self.card();
                card.enter(self.choices.of(STATES));
                self.rig.kernel.settle();
            }
            12..15 => {
                self.fail();
                self.rig.kernel.settle();
            }
            15 => {
                let card = self.card();
                let mut template = ScriptedPcm::default();
                change(&mut self.choices, &mut template);
                card.change(|pcm| *pcm = template);
                self.rig.kernel.settle();
            }
            16 => {
                let card = self.card();
                card.skip_frames(self.choices.number().into());
            }
            17 => {
                let card = self.card();
                card.block(self.choices.of(BLOCKABLE));
            }
            18 => self.unblock(),
            19..22 => {
                let card = self.card();
                let (steps, step) = (u32::from(self.choices.byte() % 48), self.choices.of(&[20u64, 100, 500]));
                for _ in 0..steps {
                    self.rig.pass(1, Duration::from_millis(step), || false);
                    card.capture(step * 48);
                }
            }
            22 | 23 => self.attach(),
            24..27 => self.drain(),
            27 => self.held.clear(),
            28 => match self.tracks.last() {
                Some(track) if self.choices.flag() && self.tracks.len() < 4 => {
                    self.tracks.push(Arc::new(track.as_ref().clone()));
                }
                _ => {
                    self.unblock();
                    drop(self.tracks.pop());
                }
            },
            29 => self.request(),
            30 => {
                let enabled = self.choices.flag();
                self.tracks.iter().for_each(|track| track.set_enabled(enabled));
            }
            // Time passes and nobody looks.
            _ => {
                let card = self.card();
                let milliseconds = u64::from(self.choices.byte()) * 8;
                self.rig.kernel.pass_time(Duration::from_millis(milliseconds));
                card.capture(milliseconds * 48);
            }
        }
    }

    fn attach(&mut self) {
        if let Some(track) = self.tracks.last()
            && self.processors.len() < 4
        {
            self.processors.push((track.processor(self.choices.below(64)), 0));
        }
    }

    fn drain(&mut self) {
        if self.processors.is_empty() {
            return;
        }
        let index = self.choices.below(self.processors.len());
        let (processor, next) = &mut self.processors[index];
        for _ in 0..self.choices.below(64) {
            let Poll::Ready(Some(Ok(data))) = processor.try_next() else { break };
            let sum: u64 = data.data().iter().map(|&byte| u64::from(byte)).sum();
            for channel in 0..data.channel_count().min(4) {
                assert_eq!(data.samples(channel).count(), data.frame_count() as usize, "{data:?} {sum}");
            }
            assert!(data.position() >= *next, "frames that were given before: {data:?}, {next}");
            *next = data.position() + u64::from(data.frame_count());
            if self.choices.flag() && self.held.len() < MOST_HELD {
                self.held.push(data);
            }
        }
    }

    fn end(mut self) {
        self.unblock();
        self.rig.kernel.settle();
        for track in &self.tracks {
            check_sound(&track.statistics());
            track.consumer_statistics().iter().for_each(check_consumer);
        }
        for track in self.tracks.drain(..) {
            track.stop();
            check_sound(&track.statistics());
        }
        for (processor, _) in self.processors.drain(..) {
            check_consumer(&processor.statistics());
        }
        eventually("every card is closed", || self.cards.iter().all(|card| card.open_count() == 0));
        assert_eq!(self.rig.kernel.misuse(), Vec::<String>::new());
    }
}
