//! A camera in the program's own `poll` loop, beside a timer: one thread for everything.
//!
//!     cargo run --example poll_loop [-- synthetic]

use std::error::Error;
use std::os::fd::AsFd;
use std::task::Poll;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use usermedia::{MediaDevices, MediaStreamConstraints};

fn main() -> Result<(), Box<dyn Error>> {
    let synthetic = std::env::args().any(|argument| argument == "synthetic");
    let devices = if synthetic { MediaDevices::synthetic() } else { MediaDevices::new() };
    let stream = devices.get_user_media(&MediaStreamConstraints::new().video(true))?;

    // Its descriptor is readable while a frame, or the end of the track, is there.
    let frames = stream.video_tracks()[0].processor(2).pollable()?;
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC)?;
    timer.set(Expiration::Interval(TimeSpec::from_duration(Duration::from_secs(1))), TimerSetTimeFlags::empty())?;

    let (mut seconds, mut count) = (0, 0);
    while seconds < 3 {
        let mut ready = [PollFd::new(frames.as_fd(), PollFlags::POLLIN), PollFd::new(timer.as_fd(), PollFlags::POLLIN)];
        poll(&mut ready, PollTimeout::NONE)?;
        let [camera, tick] = ready.map(|descriptor| descriptor.any().unwrap_or(false));
        if camera {
            // Until it says that there is none: the descriptor tells of frames, it does not count them.
            while let Poll::Ready(next) = frames.try_next() {
                match next {
                    Some(frame) => {
                        frame?;
                        count += 1;
                    }
                    None => return Err("the camera has ended".into()),
                }
            }
        }
        if tick {
            timer.wait()?;
            seconds += 1;
            println!("{count} frames in {seconds} s");
        }
    }
    Ok(())
}
