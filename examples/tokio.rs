//! A camera among the tasks of an async program: tokio's runtime with one thread, and a timer beside the frames.
//!
//!     cargo run --example tokio --features async [-- synthetic]

use std::error::Error;
use std::time::Duration;

use futures_util::StreamExt;
use usermedia::{MediaDevices, MediaStreamConstraints};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let synthetic = std::env::args().any(|argument| argument == "synthetic");
    // Opening waits for the camera, so it is done where waiting holds up no other task.
    let stream = tokio::task::spawn_blocking(move || {
        let devices = if synthetic { MediaDevices::synthetic() } else { MediaDevices::new() };
        devices.get_user_media(&MediaStreamConstraints::new().video(true))
    });
    let stream = stream.await??;

    // The capture thread wakes this task; no other thread, and no polling, is between the two.
    let mut frames = stream.video_tracks()[0].processor(2).into_stream();
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    let mut count = 0;
    while count < 30 {
        tokio::select! {
            next = frames.next() => {
                let frame = next.ok_or("the camera has ended")??;
                count += 1;
                println!("frame {}: {} {}x{}", frame.sequence(), frame.fourcc(), frame.width(), frame.height());
            }
            _ = ticks.tick() => println!("{count} frames so far"),
        }
    }
    println!("here: {:?}", frames.statistics());
    Ok(())
}
