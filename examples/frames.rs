//! Reads a second of frames on a thread of the program's own, and says where every frame went.
//!
//!     cargo run --example frames -- ['{"video": {"width": {"max": 640}}}'] [synthetic]

use usermedia::constraints::{ConstrainULong, MediaTrackConstraints};
use usermedia::{MediaDevices, MediaStreamConstraints};

fn main() -> usermedia::Result<()> {
    let mut devices = MediaDevices::new();
    // At most 1280 wide, or no camera at all; 30 frames per second if it can.
    let video = MediaTrackConstraints::new().width(ConstrainULong::new().max(1280)).frame_rate(30.0);
    let mut constraints = MediaStreamConstraints::new().video(video);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "synthetic" => devices = MediaDevices::synthetic(),
            json => constraints = MediaStreamConstraints::from_json(json)?,
        }
    }

    let stream = devices.get_user_media(&constraints)?;
    let tracks = stream.video_tracks();
    let camera = &tracks[0];
    let settings = camera.settings();
    println!("{}: {}x{}", camera.label(), settings.width, settings.height);

    // The newest two wait while this thread is busy; older ones are dropped and counted as `behind`.
    let mut frames = camera.processor(2);
    for frame in frames.by_ref().take(30) {
        let frame = frame?;
        let bytes = frame.plane(0).map_or(0, |plane| plane.data.len());
        println!("frame {} at {} ns: {} {bytes} bytes", frame.sequence(), frame.timestamp(), frame.fourcc());
    }
    println!("at the camera: {:?}", camera.statistics());
    println!("here: {:?}", frames.statistics());
    Ok(())
}
