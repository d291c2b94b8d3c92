//! The 2012 form: `navigator.getUserMedia(constraints, success, error)`, which returns at once and calls back.
//!
//!     cargo run --example callbacks [-- synthetic]

use std::process::ExitCode;
use std::sync::mpsc;

use usermedia::constraints::LegacyTrackConstraints;
use usermedia::{MediaDevices, MediaStreamConstraints, navigator};

fn main() -> ExitCode {
    let synthetic = std::env::args().any(|argument| argument == "synthetic");
    let devices = if synthetic { MediaDevices::synthetic() } else { MediaDevices::new() };

    // `mandatory` must hold; each `optional`, in order, holds if any mode is left then.
    let video = LegacyTrackConstraints::new().mandatory("maxWidth", 1280).optional("minFrameRate", 30);
    let constraints = MediaStreamConstraints::new().video(video);

    // Exactly one of the two is called, on a thread of the library's: here each sends its word to this one. A stream
    // that nobody keeps ends when the callback returns.
    let (sender, outcome) = mpsc::channel();
    let failed = sender.clone();
    let requested = navigator.get_user_media_from(
        devices,
        constraints,
        move |stream| drop(sender.send(Ok(stream))),
        move |error| drop(failed.send(Err(error))),
    );
    // Only a request that asks for nothing fails here.
    if let Err(error) = requested {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    match outcome.recv() {
        Ok(Ok(stream)) => {
            for track in stream.video_tracks() {
                println!("{}: {:?}", track.label(), track.settings());
            }
            stream.stop();
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => {
            eprintln!("{} (in 2012: {}, {})", error, error.code(), error.code() as u16);
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::FAILURE,
    }
}
