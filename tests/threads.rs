//! How many threads a stream costs, and that they go when it does. A process of its own, because threads are counted.

use std::fs;
use std::time::{Duration, Instant};

use usermedia::{MediaDevices, MediaStreamConstraints};

fn library_threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    let mut ours: Vec<_> =
        names.map(|name| name.trim_end().to_owned()).filter(|name| name.starts_with("usermedia")).collect();
    ours.sort();
    ours
}

/// Names are cut to 15 characters by the kernel.
const THREADS: [&str; 2] = ["usermedia-contr", "usermedia-react"];

#[track_caller]
fn all_gone() {
    let start = Instant::now();
    while !library_threads().is_empty() {
        assert!(start.elapsed() < Duration::from_secs(20), "still there: {:?}", library_threads());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_process_has_two_threads_while_something_runs_and_none_after() {
    assert_eq!(library_threads(), Vec::<String>::new());
    let devices = MediaDevices::synthetic();
    assert!(!devices.enumerate_devices().is_empty());
    assert_eq!(library_threads(), Vec::<String>::new(), "listing starts none");
    let constraints = MediaStreamConstraints::new().video(true).audio(true);
    for _ in 0..5 {
        let streams: Vec<_> = (0..3).map(|_| devices.get_user_media(&constraints).unwrap()).collect();
        let mut processors: Vec<_> = streams.iter().map(|stream| stream.video_tracks()[0].processor(1)).collect();
        for processor in &mut processors {
            processor.next().unwrap().unwrap();
        }
        for stream in &streams {
            stream.audio_tracks()[0].processor(1).next().unwrap().unwrap();
        }
        assert_eq!(library_threads(), THREADS);
        for stream in &streams {
            stream.stop();
        }
        all_gone();
    }
    // Whoever watches devices has the same two. The dispatcher's comes with the first callback.
    let watch = MediaDevices::new().on_device_change(|_| {}).unwrap();
    assert_eq!(library_threads(), THREADS);
    drop(watch);
    all_gone();
}
