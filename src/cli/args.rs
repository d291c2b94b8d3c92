//! The command line, as its contract has it.

mod bench;
mod loopback;
mod serve;
mod values;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use self::values::{
    parse_control, parse_duration, parse_length, parse_level, parse_patience, parse_segments, parse_size,
};
use super::scheduling::SchedulingArguments;
use crate::capture::RecoveryPolicy;
use crate::devices::{ControlName, ControlValue};
use crate::format::Fourcc;
use crate::sink::Segments;

pub(super) use self::bench::BenchArguments;
pub(super) use self::loopback::LoopbackArguments;
pub(super) use self::serve::ServeArguments;

/// getUserMedia for Linux: find cameras and microphones, resolve constraints, capture.
#[derive(Debug, Parser)]
#[command(
    name = "usermedia",
    version,
    disable_help_subcommand = true,
    max_term_width = 110,
    after_help = "\
Examples:
  usermedia check                                        what works here
  usermedia devices                                      cameras, microphones and their modes
  usermedia capture --duration 5s -o capture.mkv         record five seconds
  usermedia resolve --width 1280 --fps 30                which mode that would get, and why
  usermedia snapshot -o photo.jpg                        one picture
  usermedia watch                                        what is plugged in and out
  usermedia serve                                        a live page: open the link it prints
  usermedia bench --against v4l2-ctl                     what a frame costs, beside v4l2-ctl
  usermedia capture --synthetic --frames 60              try it without a camera
  usermedia loopback --device /dev/video9 --synthetic    a test picture for other programs

Exit status: 0 done, 1 a media error, 2 wrong usage, 128 + N ended by signal N (SIGINT, SIGTERM, SIGHUP)."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What was asked for. Eight of nine grammars are never built: a third of the time to start was theirs.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum Command {
    /// List cameras and microphones with their modes.
    Devices(DevicesArguments),
    /// Say which device and mode a request would get, and why. Opens no device for streaming.
    Resolve(ResolveArguments),
    /// Get a stream, record or discard it, and say what became of its frames.
    Capture(CaptureArguments),
    /// Take one picture.
    Snapshot(SnapshotArguments),
    /// Write a camera's pictures, or synthetic ones, to a v4l2loopback node at an exact pace.
    Loopback(LoopbackArguments),
    /// Say what works on this machine, what does not, and what to do about it.
    Check(CheckArguments),
    /// Say which cameras and microphones there are, and go on saying which come, go, or may be opened now.
    Watch(WatchArguments),
    /// Show the camera on a live page, with its microphone, its controls and statistics, on this machine.
    Serve(ServeArguments),
    /// Measure capture: rate, jitter, age, losses, processor time, memory and counts, beside other programs.
    Bench(BenchArguments),
}

// What every subcommand takes. (A group's documentation would take the place of each subcommand's that has it.)
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Print one JSON document on stdout (watch: one a line), and nothing else there.
    #[arg(long)]
    pub(super) json: bool,
    /// Use the built-in camera and microphone; with =auto only if this machine has no device at all.
    #[arg(
        long,
        hide_env_values = true,
        value_name = "WHEN",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "always",
        env = "USERMEDIA_SYNTHETIC",
        value_parser = parse_synthetic,
    )]
    pub(super) synthetic: Option<Synthetic>,
}

/// When the built-in devices are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Synthetic {
    /// In place of the machine's.
    Always,
    /// Where the machine has none.
    Auto,
    /// Not at all.
    Never,
}

fn parse_synthetic(text: &str) -> Result<Synthetic, String> {
    match text {
        "always" | "1" | "true" | "yes" => Ok(Synthetic::Always),
        "auto" => Ok(Synthetic::Auto),
        "never" | "0" | "false" | "no" | "" => Ok(Synthetic::Never),
        other => Err(format!("{other:?} is none of always, auto, never")),
    }
}

// What a subcommand that streams takes.
#[derive(Debug, Args)]
pub(super) struct PermissionArguments {
    /// Who may capture: ask at the terminal (prompt), by the rules in FILE, anybody (allow), nobody (deny). It can only
    /// restrict further what /etc/usermedia/policy allows, where there is one.
    #[arg(long, hide_env_values = true, value_name = "prompt|FILE|allow|deny", env = "USERMEDIA_PERMISSION")]
    pub(super) permission: Option<Permission>,
}

/// Who decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Permission {
    /// Nobody is asked.
    Allow,
    /// Nothing is allowed.
    Deny,
    /// The person at the terminal.
    Prompt,
    /// The rules in a file.
    File(PathBuf),
}

impl FromStr for Permission {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            // As a variable that is set to nothing.
            "" | "allow" => Self::Allow,
            "deny" => Self::Deny,
            "prompt" => Self::Prompt,
            file => Self::File(file.into()),
        })
    }
}

#[derive(Debug, Args)]
pub(super) struct DevicesArguments {
    #[command(flatten)]
    pub(super) common: Common,
    /// Add every node that is not usable, with the reason and the remedy.
    #[arg(long)]
    pub(super) all: bool,
}

/// Which algorithm picks the mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ProfileArgument {
    /// The 2012 dialect's, as libjingle did it.
    Libjingle,
    /// SelectSettings of W3C Media Capture and Streams.
    W3c,
}

// What is asked for: constraints as JSON, or flags in their place.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "What is asked for")]
pub(super) struct Request {
    /// Media stream constraints as JSON, in either dialect, such as '{"video": {"width": {"min": 1280}}}'.
    #[arg(long, value_name = "JSON", conflicts_with_all = [
        "video", "audio", "width", "height", "max_width", "max_height", "min_width", "min_height", "fps", "fourcc",
        "device", "microphone", "set",
    ])]
    pub(super) constraints: Option<String>,
    /// Choose the mode as libjingle did (libjingle) or by SelectSettings (w3c), whatever the dialect.
    #[arg(long, value_enum, hide_possible_values = true, value_name = "libjingle|w3c")]
    pub(super) profile: Option<ProfileArgument>,
    /// A camera. The default where nothing else is said.
    #[arg(long)]
    pub(super) video: bool,
    /// A microphone.
    #[arg(long)]
    pub(super) audio: bool,
    /// Pixels per line, as near as possible.
    #[arg(long, value_name = "PIXELS")]
    pub(super) width: Option<u32>,
    /// Lines, as near as possible.
    #[arg(long, value_name = "PIXELS")]
    pub(super) height: Option<u32>,
    /// At most this wide.
    #[arg(long, value_name = "PIXELS")]
    pub(super) max_width: Option<u32>,
    /// At most this high.
    #[arg(long, value_name = "PIXELS")]
    pub(super) max_height: Option<u32>,
    /// At least this wide.
    #[arg(long, value_name = "PIXELS")]
    pub(super) min_width: Option<u32>,
    /// At least this high.
    #[arg(long, value_name = "PIXELS")]
    pub(super) min_height: Option<u32>,
    /// Frames per second, as near as possible: 30, 29.97 or 30000/1001.
    #[arg(long, value_name = "RATE")]
    pub(super) fps: Option<crate::format::FrameRate>,
    /// This pixel format and no other: YUYV, MJPG, NV12, ...
    #[arg(long)]
    pub(super) fourcc: Option<Fourcc>,
    /// This camera: its id, its node, or part of its name.
    #[arg(long, value_name = "CAMERA")]
    pub(super) device: Option<String>,
    /// Set a control of the camera, such as brightness=128, exposureMode=manual or constantFrameRate=true; again for more.
    /// `usermedia devices` lists them with their ranges.
    #[arg(long, value_name = "CONTROL=VALUE", value_parser = parse_control)]
    pub(super) set: Vec<(ControlName, ControlValue)>,
    /// This microphone: its id, its PCM, or part of its name.
    #[arg(long, value_name = "MICROPHONE")]
    pub(super) microphone: Option<String>,
}

impl Request {
    /// Whether nothing is said of what is wanted.
    pub(super) fn is_empty(&self) -> bool {
        let sizes = [self.width, self.height, self.max_width, self.max_height, self.min_width, self.min_height];
        let texts = [&self.constraints, &self.device, &self.microphone];
        let named = sizes.iter().any(Option::is_some) || texts.iter().any(|text| text.is_some());
        !(self.video || self.audio || named || self.fps.is_some() || self.fourcc.is_some() || !self.set.is_empty())
    }
}

#[derive(Debug, Args)]
pub(super) struct ResolveArguments {
    /// Resolve over a saved `usermedia devices --json` instead of this machine; - reads stdin.
    #[arg(long, value_name = "FILE")]
    pub(super) devices: Option<PathBuf>,
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    pub(super) request: Request,
}

#[derive(Debug, Args)]
pub(super) struct CaptureArguments {
    /// Record to this file: .mkv, .wav for sound alone, .y4m, .mjpg, .h264, or .raw and .yuv for the driver's bytes; - is
    /// those to stdout. Without it the frames are counted and discarded.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// What to write, where the name does not say it, such as to stdout: mkv, wav, y4m, mjpg, h264 or raw.
    #[arg(long, value_name = "FORMAT", requires = "output")]
    pub(super) format: Option<String>,
    /// Begin a new file after this long (10m) or this much (512MB): film-000001-20261122T101500Z.mkv and so on.
    #[arg(long, value_name = "LENGTH|SIZE", value_parser = parse_segments)]
    pub(super) segment: Option<Segments>,
    /// Delete the oldest of these files when all of them together are larger than this, such as 20G.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(super) keep: Option<u64>,
    /// Also take a picture (.jpg or .png) on the way.
    #[arg(long, value_name = "FILE")]
    pub(super) snapshot: Option<PathBuf>,
    /// Stop after this long, such as 5s, 500ms or 2m. Without it and --frames, SIGINT (Ctrl-C) ends the capture.
    #[arg(long, value_parser = parse_length)]
    pub(super) duration: Option<Duration>,
    /// Stop after this many frames.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) frames: Option<u64>,
    /// Keep the statistics in this file as Prometheus reads them, renewed every five seconds and at the end, for
    /// node_exporter's textfile collector; - prints them at the end.
    #[arg(long, value_name = "FILE")]
    pub(super) metrics: Option<PathBuf>,
    /// Tell on stderr what happens to devices and recordings, and once a minute the statistics: error, warn, info, debug.
    #[arg(long, value_name = "LEVEL", hide_env_values = true, env = "USERMEDIA_LOG", value_parser = parse_level)]
    pub(super) log: Option<tracing::Level>,
    /// Wait this long for a device that matches.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) wait: Option<Duration>,
    /// Wait this long for a device that stalls, fails or is unplugged on the way, or for ever; 0 ends the capture at once.
    #[arg(long, value_name = "DURATION|forever", default_value = "30s", value_parser = parse_patience)]
    pub(super) patience: RecoveryPolicy,
    /// Take v4l2loopback's pictures as they lie in its buffers, which their writer may write over, in place of copies.
    #[arg(long, conflicts_with_all = ["output", "snapshot"])]
    pub(super) raw: bool,
    /// How many buffers to ask the driver for. Without it as many as the rate and the consumers need.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=32))]
    pub(super) buffers: Option<u32>,
    #[command(flatten)]
    pub(super) scheduling: SchedulingArguments,
    #[command(flatten)]
    pub(super) permission: PermissionArguments,
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    pub(super) request: Request,
}

#[derive(Debug, Args)]
pub(super) struct SnapshotArguments {
    /// The picture: .jpg or .png.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// Take the first frame, without waiting for the exposure to settle.
    #[arg(long)]
    pub(super) immediate: bool,
    /// Wait this long for a device that matches.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) wait: Option<Duration>,
    #[command(flatten)]
    pub(super) permission: PermissionArguments,
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    pub(super) request: Request,
}

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    pub(super) permission: PermissionArguments,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
#[command(after_help = "\
With --json each line is a document: {\"event\": ..., \"time\": seconds since 1970, \"device\": as `usermedia devices --json`
has it}. The events are
  present   it was there when the watching began
  watching  all that was there has been said; `polling` where neither the kernel nor inotify tells of more
  arrived   it can be opened, or still cannot after a second; device.unusable says why
  removed   it has been away for 2.5 seconds
  changed   it may be opened now or no longer may, or has another id or node; `previous` is the device before
  ended     the last line, with `endedBy`: duration, or the signal's name")]
pub(super) struct WatchArguments {
    /// Stop after this long, such as 30s or 10m. Without it SIGINT (Ctrl-C) ends the watching.
    #[arg(long, value_parser = parse_duration)]
    pub(super) duration: Option<Duration>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_subcommand_says_of_itself_what_is_said_of_it() {
        let [unbuilt, mut built] = [Arguments::command(), Arguments::command()];
        built.build();
        for (before, after) in unbuilt.get_subcommands().zip(built.get_subcommands()) {
            assert_eq!(after.get_about().map(ToString::to_string), before.get_about().map(ToString::to_string));
            assert!(after.get_about().is_some(), "{}", after.get_name());
        }
    }

    #[test]
    fn synthetic_takes_its_value_only_with_an_equals_sign() {
        let synthetic = |words: &[&str]| {
            let Command::Capture(capture) = Arguments::parse_from(words).command else { panic!("not capture") };
            capture.common.synthetic
        };
        assert_eq!(synthetic(&["usermedia", "capture", "--synthetic"]), Some(Synthetic::Always));
        assert_eq!(synthetic(&["usermedia", "capture", "--synthetic=auto", "--frames", "1"]), Some(Synthetic::Auto));
        assert!(Arguments::try_parse_from(["usermedia", "capture", "--synthetic=perhaps"]).is_err());
    }
}
