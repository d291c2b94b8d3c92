//! The text read back by a parser that knows the format and nothing of how it was written.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::*;

/// A sample: its name, its labels in order of name, its value.
type Read = (String, BTreeMap<String, String>, f64);

/// Reads the text format by its rules, and the rules of `promtool check metrics` for names.
fn parse(text: &str) -> Vec<Read> {
    let (mut samples, mut kinds, mut closed) = (Vec::new(), BTreeMap::new(), HashSet::new());
    let (mut family, mut helped) = (String::new(), String::new());
    assert!(text.ends_with('\n'), "the last line ends too");
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect("a name and words");
            assert!(words.ends_with('.') && closed.insert(name.to_owned()), "one block for {name}");
            helped = name.to_owned();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a kind");
            assert_eq!(name, helped, "HELP stands before TYPE");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            assert!(name.starts_with("usermedia_") && !name.contains("__"), "{name}");
            let units = ["milliseconds", "microseconds", "nanoseconds", "ms", "ns", "mb", "minutes", "hours", "ppm"];
            assert!(name.split('_').all(|word| !units.contains(&word)), "{name} has no base unit");
            kinds.insert(name.to_owned(), kind.to_owned());
            family = name.to_owned();
        } else {
            let sample = sample(line);
            let base = sample.0.strip_prefix(&*family).expect("samples stand under their TYPE");
            let allowed: &[&str] = if kinds[&family] == "summary" { &["", "_sum", "_count"] } else { &[""] };
            assert!(allowed.contains(&base), "{line}");
            assert_eq!(sample.1.contains_key("quantile"), kinds[&family] == "summary" && base.is_empty(), "{line}");
            samples.push(sample);
        }
    }
    let series: HashSet<_> = samples.iter().map(|(name, labels, _)| (name, labels)).collect();
    assert_eq!(series.len(), samples.len(), "no series stands twice");
    samples
}

fn sample(line: &str) -> Read {
    let end = line.find(['{', ' ']).expect("a name");
    let (name, mut rest) = line.split_at(end);
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").expect("a label");
            let mut value = String::new();
            let mut characters = after.char_indices();
            let end = loop {
                match characters.next().expect("a closing quotation mark") {
                    (_, '\\') => value.push(match characters.next().expect("what is escaped").1 {
                        'n' => '\n',
                        other => {
                            assert!(['\\', '"'].contains(&other), "{line}");
                            other
                        }
                    }),
                    (at, '"') => break at,
                    (_, other) => value.push(other),
                }
            };
            assert!(labels.insert(label.to_owned(), value).is_none(), "{line}");
            rest = &after[end + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break rest = rest.strip_prefix('}').expect("a closing brace"),
            }
        }
    }
    (name.to_owned(), labels, rest.strip_prefix(' ').expect("a blank").parse().expect("a number"))
}

fn value(samples: &[Read], name: &str, labels: &[(&str, &str)]) -> f64 {
    let fits = |sample: &&Read| {
        sample.0 == name && labels.iter().all(|(name, value)| sample.1.get(*name).is_some_and(|told| told == value))
    };
    let found: Vec<_> = samples.iter().filter(fits).collect();
    assert_eq!(found.len(), 1, "{name} {labels:?}: {found:?}");
    found[0].2
}

fn consumer() -> ConsumerStatistics {
    ConsumerStatistics {
        name: "recorder".into(),
        kind: "video",
        accepted: 90,
        delivered: 80,
        behind: 6,
        holding: 3,
        queued: 1,
        age_p50: Some(Duration::from_millis(5)),
        age_p99: Some(Duration::from_millis(20)),
        age_max: Some(Duration::from_millis(31)),
        age_sum: Duration::from_millis(500),
        ..ConsumerStatistics::default()
    }
}

fn camera(device_id: &str) -> TrackStatistics<SourceStatistics> {
    let source = SourceStatistics {
        expected: 100,
        captured: 97,
        lost_in_driver: 3,
        accepted: 90,
        error: 1,
        short: 2,
        starved: 4,
        bytes: 123_456_789_012,
        stalls: 3,
        restarts: 2,
        reopenings: 1,
        recoveries: 2,
        muted: 1_500_000_000,
        first_timestamp: 1_000_000_000,
        last_timestamp: 5_700_000_000,
        timestamp_source: Some(TimestampSource::Driver),
        clock_drift: Some(ClockDrift { ppm: 25.0, recent_ppm: 26.0, span: Duration::from_secs(20) }),
        ..SourceStatistics::default()
    };
    let consumers = vec![consumer()];
    let (device_id, label) = (device_id.into(), "Door \"left\"\\1\n".into());
    TrackStatistics {
        device_id,
        label,
        live: true,
        muted: Some(MuteReason::Unplugged),
        source,
        unreadable: 0,
        consumers,
    }
}

fn microphone() -> TrackStatistics<AudioStatistics> {
    let source = AudioStatistics {
        expected: 48_000,
        captured: 47_000,
        lost_in_driver: 1_000,
        accepted: 47_000,
        xruns: 2,
        timestamp_source: Some(TimestampSource::Host),
        clock_drift: Some(ClockDrift { ppm: 125.0, recent_ppm: 124.0, span: Duration::from_secs(20) }),
        ..AudioStatistics::default()
    };
    let (device_id, label, consumers) = ("mic".into(), "Mic".into(), Vec::new());
    TrackStatistics { device_id, label, live: false, muted: None, source, unreadable: 0, consumers }
}

fn statistics() -> StreamStatistics {
    StreamStatistics { video: vec![camera("usb-1")], audio: vec![microphone()] }
}

#[test]
fn a_stream_reads_back_with_its_sums() {
    let samples = parse(&Metrics::new().with_stream(&statistics()).to_string());
    let camera = [("device", "usb-1"), ("label", "Door \"left\"\\1\n")];
    assert_eq!(value(&samples, "usermedia_frames_expected_total", &camera), 100.0);
    let lost: f64 =
        samples.iter().filter(|sample| sample.0 == "usermedia_frames_lost_total").map(|sample| sample.2).sum();
    assert_eq!(value(&samples, "usermedia_frames_accepted_total", &camera) + lost, 100.0);
    assert_eq!(value(&samples, "usermedia_frames_lost_total", &[("reason", "starved")]), 4.0);
    assert_eq!(value(&samples, "usermedia_video_bytes_total", &[]), 123_456_789_012.0);
    assert_eq!(value(&samples, "usermedia_frame_rate_hertz", &camera), 30.0);
    assert_eq!(value(&samples, "usermedia_samples_lost_total", &[("reason", "driver")]), 1000.0);
    assert_eq!(value(&samples, "usermedia_consumer_lost_total", &[("reason", "behind")]), 6.0);
    assert_eq!(value(&samples, "usermedia_consumer_age_seconds", &[("quantile", "0.99")]), 0.020);
    assert_eq!(value(&samples, "usermedia_consumer_age_seconds_sum", &[]), 0.5);
    assert_eq!(value(&samples, "usermedia_consumer_age_seconds_count", &[("consumer", "recorder")]), 80.0);
}

#[test]
fn mutings_and_recoveries_are_told() {
    let samples = parse(&Metrics::new().with_stream(&statistics()).to_string());
    let camera = [("device", "usb-1")];
    for (name, count) in [("stalls", 3.0), ("restarts", 2.0), ("reopenings", 1.0), ("recoveries", 2.0)] {
        assert_eq!(value(&samples, &format!("usermedia_{name}_total"), &camera), count);
    }
    assert_eq!(value(&samples, "usermedia_muted_seconds_total", &camera), 1.5);
    assert_eq!(value(&samples, "usermedia_track_muted", &[("device", "usb-1"), ("reason", "unplugged")]), 1.0);
    assert_eq!(value(&samples, "usermedia_track_muted", &[("device", "mic")]), 0.0);
    assert_eq!(value(&samples, "usermedia_track_live", &[("device", "mic")]), 0.0);
}

#[test]
fn clocks_are_told_as_ratios() {
    let samples = parse(&Metrics::new().with_stream(&statistics()).to_string());
    let near = |told: f64, ratio: f64| assert!((told - ratio).abs() < 1e-12, "{told} for {ratio}");
    near(value(&samples, "usermedia_clock_drift_ratio", &[("device", "mic"), ("window", "run")]), 125e-6);
    near(value(&samples, "usermedia_clock_drift_ratio", &[("device", "usb-1"), ("window", "recent")]), 26e-6);
    let against = value(&samples, "usermedia_microphone_camera_drift_ratio", &[]);
    assert!((against - 100e-6).abs() < 1e-8, "{against}");
    assert_eq!(value(&samples, "usermedia_clock_is_host", &[("device", "mic")]), 1.0);
}

#[test]
fn nothing_is_told_of_what_is_not_known() {
    let mut statistics = StreamStatistics { video: vec![TrackStatistics::default()], audio: Vec::new() };
    statistics.video[0].consumers.push(ConsumerStatistics { kind: "video", ..ConsumerStatistics::default() });
    let samples = parse(&Metrics::new().with_stream(&statistics).to_string());
    for absent in ["usermedia_frame_rate_hertz", "usermedia_clock_drift_ratio", "usermedia_clock_is_host"] {
        assert!(samples.iter().all(|sample| sample.0 != absent), "{absent}");
    }
    assert_eq!(value(&samples, "usermedia_frames_captured_total", &[]), 0.0);
    assert_eq!(value(&samples, "usermedia_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
}

#[test]
fn no_series_stands_twice_whatever_is_the_same() {
    let mut two = statistics();
    two.video.push(camera("usb-1"));
    two.video[1].consumers.push(consumer());
    let samples = parse(&Metrics::new().with_stream(&two).with_stream(&statistics()).to_string());
    let captured = samples.iter().filter(|sample| sample.0 == "usermedia_frames_captured_total");
    let numbers: Vec<_> = captured.map(|sample| sample.1.get("number").map(String::as_str)).collect();
    assert_eq!(numbers, [None, Some("2"), Some("3")]);
}

#[cfg(feature = "record")]
#[test]
fn a_recording_is_told_by_its_name() {
    let progress = RecordingProgress::new(std::path::Path::new("/var/door.mkv"));
    let file = progress.begun(std::path::Path::new("/var/door-000001.mkv"));
    progress.written(file, 30, 5_000_000);
    progress.synced(Duration::from_millis(40));
    progress.synced(Duration::from_millis(20));
    let samples = parse(&Metrics::new().with_recording(&progress).to_string());
    let door = [("recording", "/var/door.mkv")];
    assert_eq!(value(&samples, "usermedia_recording_frames_total", &door), 30.0);
    assert_eq!(value(&samples, "usermedia_recording_bytes_total", &door), 5_000_000.0);
    assert_eq!(value(&samples, "usermedia_recording_sync_max_seconds", &door), 0.04);
}
