//! Records three seconds to a file, whose name says what kind of file.
//!
//!     cargo run --example record -- out.mkv [synthetic]

use std::time::Duration;

use usermedia::{MediaDevices, MediaStreamConstraints, Recorder};

fn main() -> usermedia::Result<()> {
    let mut devices = MediaDevices::new();
    let mut file = "out.mkv".to_owned();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "synthetic" => devices = MediaDevices::synthetic(),
            name => name.clone_into(&mut file),
        }
    }

    let recorder = Recorder::create(&file)?;
    let progress = recorder.progress();
    let stream = devices.get_user_media(&MediaStreamConstraints::new().video(true))?;

    // The recorder works on a thread of its own from here on.
    let mut recording = stream.attach(recorder)?;
    let outcome = match recording.wait_timeout(Duration::from_secs(3)) {
        // It ended by itself: the camera was unplugged, say, or the disk is full.
        Some(outcome) => outcome,
        None => recording.finish(),
    };
    println!("{}: {} frames, {} bytes", progress.path().display(), progress.frames(), progress.bytes());
    println!("{:?}", outcome.statistics);
    outcome.result
}
