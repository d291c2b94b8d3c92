//! What a subscriber of `tracing` gets to know of a capture that is recorded in segments, and of a recording that fails.
//!
//! A process of its own, because the subscriber is the process's: sinks have threads of their own.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use usermedia::{MediaDevices, MediaStreamConstraints, Recorder, Segments};

/// An event: its level, its message, its fields as text.
#[derive(Debug, Clone)]
struct Heard {
    level: Level,
    fields: BTreeMap<&'static str, String>,
}

impl Heard {
    fn is(&self, message: &str) -> bool {
        self.fields["message"] == message
    }
}

impl Visit for Heard {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

/// Keeps what it hears.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<Heard>>>);

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "usermedia"
    }

    fn event(&self, event: &Event<'_>) {
        let mut heard = Heard { level: *event.metadata().level(), fields: BTreeMap::new() };
        event.record(&mut heard);
        let capture_thread = thread::current().name() == Some("usermedia-reactor");
        assert!(!capture_thread, "whoever listens may block: {heard:?}");
        self.0.lock().unwrap().push(heard);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn a_subscriber_hears_of_devices_recordings_segments_and_counters() {
    let listener = Listener::default();
    tracing::subscriber::set_global_default(listener.clone()).unwrap();
    let heard = |message: &str| -> Vec<Heard> {
        listener.0.lock().unwrap().iter().filter(|heard| heard.is(message)).cloned().collect()
    };
    let folder = std::env::temp_dir().join(format!("usermedia-tracing-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();

    let stream = MediaDevices::synthetic().get_user_media(&MediaStreamConstraints::new().video(true)).unwrap();
    // Two pictures each, of which two are kept.
    let picture = 640 * 480 * 2;
    let segments = Segments::of_bytes(2 * picture).keep(4 * picture);
    let recorder = Recorder::create(folder.join("a.raw")).unwrap().with_segments(segments).unwrap();
    stream.attach(recorder.with_frame_limit(10)).unwrap().wait().result.unwrap();
    let failing = Recorder::create("/nonexistent/a.mkv").unwrap();
    stream.attach(failing).unwrap().wait().result.unwrap_err();
    let statistics = stream.statistics();
    statistics.trace();
    stream.stop();
    let _ = std::fs::remove_dir_all(&folder);

    let started = &heard("started")[0];
    assert_eq!((&*started.fields["kind"], started.level), ("video", Level::INFO));
    assert!(started.fields["mode"].contains("640x480"), "{started:?}");
    assert_eq!((heard("recording opened").len(), heard("recording closed").len()), (5, 5));
    let closed = &heard("recording closed")[0];
    assert_eq!((&*closed.fields["frames"], &closed.fields["bytes"]), ("2", &(2 * picture).to_string()));
    assert_eq!(heard("segment deleted").len(), 3);
    let failed = &heard("recording failed")[0];
    assert_eq!((failed.level, &*failed.fields["errno"]), (Level::ERROR, "2"));
    let told = &heard("statistics")[0].fields;
    let source = &statistics.video[0].source;
    for (name, count) in
        [("captured", source.captured), ("lost_in_driver", source.lost_in_driver), ("stalls", source.stalls)]
    {
        assert_eq!(told[name], count.to_string(), "{name}");
    }
    // Told on the dispatcher, some time after.
    let begun = Instant::now();
    while heard("stopped").is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10), "never: stopped");
        thread::sleep(Duration::from_millis(5));
    }
}
