//! Reads frames of a camera and says what they are: `cargo run --example frames [-- synthetic]`.

use usermedia::MediaDevices;
use usermedia::constraints::MediaStreamConstraints;

fn main() -> Result<(), usermedia::Error> {
    let devices =
        if std::env::args().any(|word| word == "synthetic") { MediaDevices::synthetic() } else { MediaDevices::new() };
    let stream = devices.get_user_media(&MediaStreamConstraints::default())?;
    let camera = &stream.video_tracks()[0];
    for frame in camera.processor(2).take(30) {
        let frame = frame?;
        let bytes = frame.plane(0).map_or(0, |plane| plane.data.len());
        println!(
            "{} {} ns {bytes} bytes {:?} copied {}",
            frame.sequence(),
            frame.timestamp(),
            frame.synthetic_frame_number(),
            frame.is_copied()
        );
    }
    println!("{:?}", camera.statistics());
    println!("{:?}", camera.consumer_statistics());
    let t = std::time::Instant::now();
    stream.stop();
    println!("stopped in {:?}", t.elapsed());
    Ok(())
}
