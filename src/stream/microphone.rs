//! From a microphone's resolved parameters to a track of it.

use std::sync::Arc;

use super::audio_data::AudioData;
use super::feed::Feed;
use super::medium::Medium;
use super::opening::{Opening, explain};
use super::running::{Registry, Running};
use super::track::AudioTrack;
use crate::capture::{AudioFormat, MicrophoneRequest};
use crate::constraints::MediaStreamConstraints;
use crate::devices::{AudioModes, MediaDeviceInfo, MediaDeviceKind, Values};
use crate::error::{Error, ErrorName, Result};
use crate::format::SampleFormat;
use crate::resolve::AudioSettings;
use crate::trace;

/// Leaves a microphone that runs the parameters it runs with. Whether it does.
pub(super) fn offers_what_it_runs_in(device: &mut MediaDeviceInfo, microphones: &Registry<AudioData>) -> bool {
    let Some(microphone) = microphones.find(&device.device_id) else { return false };
    let settings = microphone.settings();
    device.audio = AudioModes {
        sample_rate: Some(Values::List(vec![settings.sample_rate])),
        channel_count: Some(Values::List(vec![settings.channel_count])),
        sample_formats: vec![settings.sample_format.clone()],
        latency: Some((settings.latency, settings.latency)),
    };
    true
}

impl Opening<'_> {
    /// A track of the first microphone that opens.
    pub(super) fn microphone(&self, candidates: &[AudioSettings]) -> Result<AudioTrack> {
        self.first::<AudioData>(candidates, |wanted| self.open_microphone(wanted), "no microphone is connected")
    }

    fn open_microphone(&self, wanted: &AudioSettings) -> Result<AudioTrack> {
        if let Some(microphone) = self.session.microphones().find(&wanted.device_id) {
            return Ok(AudioTrack::new(microphone, wanted.clone(), self.constraints.clone()));
        }
        let Some(sample_format) = SampleFormat::from_name(&wanted.sample_format) else {
            let message =
                format!("{} gives {} samples, which are not captured here", wanted.label, wanted.sample_format);
            return Err(Error::new(ErrorName::NotSupportedError, message)
                .with_device(&*wanted.label, &*wanted.path)
                .with_remedy("ask for another microphone"));
        };
        let request = MicrophoneRequest {
            path: wanted.path.clone(),
            sample_format,
            sample_rate: wanted.sample_rate,
            channel_count: wanted.channel_count,
            latency: wanted.latency,
            shared: wanted.shared,
            mapped: self.mapped_sound,
            synthetic: wanted.synthetic,
        };
        let accept = {
            let (wanted, constraints) = (wanted.clone(), self.constraints.clone());
            Box::new(move |format: &AudioFormat| judge(&wanted, &constraints, format))
        };
        let feed = Arc::new(Feed::new(&wanted.label, self.session.dispatcher()));
        let keep = self.keep_microphone(wanted);
        let source = self.session.engine().open_microphone(request, accept, keep, feed.clone()).map_err(|error| {
            explain(self.machine, error, (&wanted.label, &wanted.path), &node(&wanted.path), "another microphone")
        })?;
        let offer = Arc::new(self.offer(MediaDeviceKind::AudioInput, &wanted.device_id));
        let options = *self.options;
        let microphone = Arc::new(Running::new(source, feed, offer, wanted.clone(), options, self.session.clone()));
        self.session.microphones().register(&microphone);
        trace::started(AudioData::KIND, &wanted.label, &wanted.path, &mode(&microphone.settings()));
        Ok(AudioTrack::new(microphone, wanted.clone(), self.constraints.clone()))
    }
}

/// A format in a word: `S16_LE 48000 2`.
fn mode(settings: &AudioSettings) -> String {
    format!("{} {} {}", settings.sample_format, settings.sample_rate, settings.channel_count)
}

/// The node behind a PCM such as `hw:1,0`, whose holder a busy one names; a PCM of another kind has none of its own.
pub(super) fn node(pcm: &str) -> String {
    match pcm.strip_prefix("hw:").and_then(|numbers| numbers.split_once(',')) {
        Some((card, device)) => format!("/dev/snd/pcmC{card}D{device}c"),
        None => pcm.to_owned(),
    }
}

/// The settings that the driver's answer makes of what was wanted.
pub(super) fn negotiated(wanted: &AudioSettings, format: &AudioFormat) -> AudioSettings {
    let mut settings = wanted.clone();
    settings.sample_rate = format.sample_rate;
    settings.channel_count = format.channel_count;
    settings.sample_format = format.sample_format.name().to_owned();
    settings.sample_size = Some(format.sample_format.bits());
    settings.latency = f64::from(format.period_frames) / f64::from(format.sample_rate.max(1));
    settings
}

/// A driver that answers with something else is fatal only against a required constraint.
fn judge(wanted: &AudioSettings, constraints: &MediaStreamConstraints, format: &AudioFormat) -> Result<()> {
    let settings = negotiated(wanted, format);
    let Some(constraint) = constraints.audio_violation(&settings) else { return Ok(()) };
    let message = format!(
        "{} gives {} {} Hz, {} channels, periods of {:.1} ms, which the required {constraint} does not allow",
        wanted.label,
        settings.sample_format,
        settings.sample_rate,
        settings.channel_count,
        settings.latency * 1000.0,
    );
    Err(Error::new(ErrorName::OverconstrainedError, message)
        .with_constraint(constraint)
        .with_device(&*wanted.label, &*wanted.path)
        .with_remedy("make the constraint an ideal one, or ask for another value"))
}
