//! The arguments of `usermedia loopback`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{Common, PermissionArguments, Request, parse_duration, parse_length};

#[derive(Debug, Args)]
#[command(
    mut_arg("device", |camera| camera
        .long("camera")
        .help("This camera: its id, its node, or part of its name")),
    after_help = "\
Examples:
  sudo modprobe v4l2loopback video_nr=9 max_buffers=8 exclusive_caps=1
  usermedia loopback --device /dev/video9 --synthetic --width 1280 --height 720 --fps 60
                                                         a source for benchmarks, numbered and timed in its pixels
  usermedia loopback --device /dev/video9 --camera C920  a camera that two programs can have

Each frame is written at its own time plus a fixed delay (half a frame, at most 8 ms), on CLOCK_MONOTONIC. A stamp is the
top left corner of 128 by 64 pixels: the frame's number and the time it was written at. The library reads it with
FrameStamp::read, whatever became of the pixel format on the way.

v4l2loopback's readers do not own its buffers: a picture is written over as many frames later as there are buffers.
max_buffers is 2 unless told otherwise, which measures the driver and not the programs."
)]
pub(in crate::cli) struct LoopbackArguments {
    /// The v4l2loopback node to write to.
    #[arg(long = "device", value_name = "NODE")]
    pub(in crate::cli) node: PathBuf,
    /// Write each frame's number and time into its pixels. What --synthetic does anyway.
    #[arg(long, conflicts_with = "no_stamp")]
    pub(in crate::cli) stamp: bool,
    /// Leave the pixels as they are.
    #[arg(long)]
    pub(in crate::cli) no_stamp: bool,
    /// Stop after this long, such as 5s, 500ms or 2m. Without it and --frames, SIGINT (Ctrl-C) ends the writing.
    #[arg(long, value_parser = parse_length)]
    pub(in crate::cli) duration: Option<Duration>,
    /// Stop after this many frames.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(in crate::cli) frames: Option<u64>,
    /// Wait this long for a camera that matches.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(in crate::cli) wait: Option<Duration>,
    #[command(flatten)]
    pub(in crate::cli) permission: PermissionArguments,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
    #[command(flatten)]
    pub(in crate::cli) request: Request,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Arguments, Command};

    #[test]
    fn the_device_is_what_is_written_to_and_the_camera_has_another_name() {
        let words = ["usermedia", "loopback", "--device", "/dev/video9", "--camera", "C920", "--no-stamp"];
        let Command::Loopback(loopback) = Arguments::parse_from(words).command else { panic!("not loopback") };
        assert_eq!(loopback.node.to_str(), Some("/dev/video9"));
        assert_eq!(loopback.request.device.as_deref(), Some("C920"));
        assert!(loopback.no_stamp && !loopback.stamp);
        assert!(Arguments::try_parse_from(["usermedia", "loopback"]).is_err());
        assert!(Arguments::try_parse_from(["usermedia", "capture", "--camera", "C920"]).is_err());
    }
}
