//! Gets a camera and counts the bytes of thirty frames.

use usermedia::{MediaStreamConstraints, get_user_media};

fn main() -> usermedia::Result<()> {
    let stream = get_user_media(&MediaStreamConstraints::new().video(true))?;
    let mut bytes = 0;
    for frame in stream.video_tracks()[0].processor(2).take(30) {
        bytes += frame?.plane(0).map_or(0, |plane| plane.data.len());
    }
    println!("{bytes} bytes");
    Ok(())
}
