//! Frames on the capture thread itself: no queue, no hand-over, no waiting, and so nothing slow either.
//!
//!     cargo run --example on_frame [-- synthetic]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use usermedia::{MediaDevices, MediaStreamConstraints};

fn main() -> usermedia::Result<()> {
    let synthetic = std::env::args().any(|argument| argument == "synthetic");
    let devices = if synthetic { MediaDevices::synthetic() } else { MediaDevices::new() };
    let stream = devices.get_user_media(&MediaStreamConstraints::new().video(true))?;
    let tracks = stream.video_tracks();

    let last = Arc::new(AtomicU64::new(0));
    let seen = last.clone();
    // It holds up every frame of every camera while it runs: note, count, pass on, return. A frame that is needed for
    // longer is cloned, which copies nothing.
    let callback = tracks[0].on_frame(move |frame| seen.store(frame.sequence(), Ordering::Relaxed));

    for _ in 0..4 {
        thread::sleep(Duration::from_millis(500));
        println!("frame {}", last.load(Ordering::Relaxed));
    }
    callback.cancel();
    let statistics = callback.statistics();
    println!("{} frames, of which {} took the callback too long", statistics.delivered, statistics.slow);
    Ok(())
}
