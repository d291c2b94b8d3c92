//! Microphones, by either dialect.

#![cfg(feature = "json")]

mod support;

use support::{ask, microphone};
use usermedia::ErrorName;
use usermedia::devices::{MediaDeviceInfo, Values};

fn card() -> MediaDeviceInfo {
    let mut card = microphone("card");
    card.audio.sample_rate = Some(Values::List(vec![8000, 44_100, 96_000]));
    card.audio.channel_count = Some(Values::Range { min: 1, max: 8 });
    card.audio.sample_formats = ["U8", "S32_LE", "S16_LE", "S24_3LE"].map(str::to_owned).to_vec();
    card.audio.latency = Some((0.001, 0.5));
    card
}

fn sound(audio: &str) -> String {
    match ask(&format!("{{\"audio\":{audio}}}"), &[card()]) {
        Ok(found) => {
            let audio = found.audio.unwrap();
            let size = audio.sample_size.unwrap();
            format!("{} {} {} {size} {}", audio.sample_rate, audio.channel_count, audio.sample_format, audio.latency)
        }
        Err(error) => format!("{} {}", error.name(), error.constraint().unwrap_or("-")),
    }
}

#[test]
fn sound_is_nearest_to_48000_hz_2_channels_s16_and_20_ms() {
    for (audio, expected) in [
        ("true", "44100 2 S16_LE 16 0.02"),
        ("{}", "44100 2 S16_LE 16 0.02"),
        (r#"{"sampleRate":90000,"channelCount":9}"#, "96000 8 S16_LE 16 0.02"),
        (r#"{"sampleRate":{"min":44101}}"#, "96000 2 S16_LE 16 0.02"),
        (r#"{"sampleRate":{"exact":48000}}"#, "OverconstrainedError sampleRate"),
        (r#"{"sampleSize":24}"#, "44100 2 S24_3LE 24 0.02"),
        (r#"{"sampleSize":{"exact":32}}"#, "44100 2 S32_LE 32 0.02"),
        (r#"{"sampleSize":{"exact":20}}"#, "OverconstrainedError sampleSize"),
        (r#"{"latency":{"max":0.01}}"#, "44100 2 S16_LE 16 0.01"),
        (r#"{"latency":0}"#, "44100 2 S16_LE 16 0.02"),
        (r#"{"latency":{"ideal":0.003}}"#, "44100 2 S16_LE 16 0.003"),
        (r#"{"latency":{"min":1}}"#, "OverconstrainedError latency"),
        (r#"{"channelCount":{"exact":1}}"#, "44100 1 S16_LE 16 0.02"),
        (r#"{"echoCancellation":{"exact":false}}"#, "44100 2 S16_LE 16 0.02"),
        (r#"{"echoCancellation":{"exact":true}}"#, "OverconstrainedError echoCancellation"),
        (r#"{"echoCancellation":{"exact":"all"}}"#, "OverconstrainedError echoCancellation"),
        (r#"{"autoGainControl":{"exact":false}}"#, "OverconstrainedError autoGainControl"),
        (r#"{"noiseSuppression":{"exact":true}}"#, "OverconstrainedError noiseSuppression"),
        (r#"{"advanced":[{"echoCancellation":true},{"channelCount":1},{"channelCount":2}]}"#, "44100 1 S16_LE 16 0.02"),
        (r#"{"deviceId":{"exact":"other"}}"#, "OverconstrainedError deviceId"),
    ] {
        assert_eq!(sound(audio), expected, "{audio}");
    }
}

#[test]
fn processing_that_is_not_offered_costs_one_each() {
    let cost = |audio: &str| ask(&format!("{{\"audio\":{audio}}}"), &[card()]).unwrap().audio.unwrap().fitness;
    assert_eq!(cost(r#"{"echoCancellation":true}"#), 1.0);
    assert_eq!(cost(r#"{"echoCancellation":false}"#), 0.0);
    assert_eq!(cost(r#"{"echoCancellation":"all","autoGainControl":true,"noiseSuppression":true}"#), 3.0);
}

#[test]
fn audio_takes_the_switches_of_its_time() {
    let mut only = microphone("1,0");
    only.audio.sample_formats = vec!["S16_LE".to_owned()];
    let devices = [only];
    let name = |text: &str| {
        ask(text, &devices).map(|_| ()).map_err(|error| (error.name(), error.constraint().map(str::to_owned)))
    };
    let mandatory = |pairs: &str| name(&format!("{{\"audio\":{{\"mandatory\":{{{pairs}}}}}}}"));
    assert_eq!(mandatory(r#""googEchoCancellation":true,"internalAecDump":"false""#), Ok(()));
    assert_eq!(mandatory(r#""sourceId":"1,0""#), Ok(()));
    let unsupported = |key: &str| Err((ErrorName::NotSupportedError, Some(key.to_owned())));
    assert_eq!(mandatory(r#""echoCancellation":true"#), unsupported("echoCancellation"));
    assert_eq!(mandatory(r#""minWidth":1"#), unsupported("minWidth"));
    let unmet = |key: &str| Err((ErrorName::OverconstrainedError, Some(key.to_owned())));
    assert_eq!(mandatory(r#""googHighpassFilter":"yes""#), unmet("googHighpassFilter"));
    assert_eq!(mandatory(r#""sourceId":"gone""#), unmet("sourceId"));
    assert_eq!(name(r#"{"audio":{"optional":[{"googEchoCancellation":"yes"},{"unheardOf":1}]}}"#), Ok(()));
}
