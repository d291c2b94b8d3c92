//! Shows the level of the microphone for three seconds, in decibels below full scale.
//!
//!     cargo run --example microphone -- [synthetic]

use usermedia::{MediaDevices, MediaStreamConstraints};

fn main() -> usermedia::Result<()> {
    let synthetic = std::env::args().nth(1).is_some_and(|argument| argument == "synthetic");
    let devices = if synthetic { MediaDevices::synthetic() } else { MediaDevices::new() };
    let stream = devices.get_user_media(&MediaStreamConstraints::new().audio(true))?;
    let tracks = stream.audio_tracks();
    let microphone = &tracks[0];
    let settings = microphone.settings();
    println!("{}: {} Hz, {} channels", microphone.label(), settings.sample_rate, settings.channel_count);

    // Blocks of about 20 ms; the newest ten wait while this thread is busy.
    let mut blocks = microphone.processor(10);
    for data in blocks.by_ref().take(150) {
        let data = data?;
        if data.lost() > 0 {
            println!("{} samples are missing here", data.lost());
        }
        let peak = data.samples(0).fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        println!("{:6.1} dB at {} ns", 20.0 * peak.max(1e-6).log10(), data.timestamp());
    }
    println!("at the microphone: {:?}", microphone.statistics());
    Ok(())
}
