//! The arguments of `usermedia bench`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Common, PermissionArguments, Request};
use crate::bench::{Counting, Load, Program};

#[derive(Debug, Args)]
#[command(after_help = "\
Every program is a process of its own. A run is one of a single frame, a short one and a long one; what a frame costs is the
difference between the last two, divided by the frames between them. Runs of different programs take turns.

With --json each run is a document on a line of its own, and the last line is the result: medians and ranges, the command lines
and versions, the machine, and what its figures are worth (\"validity\": hardware, vm, tcg, virtual-time). Times are in seconds.

Examples:
  usermedia bench                                          the first camera, as it is
  usermedia bench --against v4l2-ctl,ffmpeg,gstreamer      beside what else there is
  usermedia bench --device /dev/video0 --fourcc MJPG --width 1920 --height 1080 --plot ages.svg
  usermedia bench --synthetic --runs 1                     without a camera
  usermedia bench --device /dev/video9 --fps 60            a v4l2loopback: it is written to by a process of its own where
                                                           nobody does, and its frames' times are read from their pixels")]
pub(in crate::cli) struct BenchArguments {
    /// How many frames a long run has more than a short one.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(in crate::cli) frames: u64,
    /// How many frames a short run has.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(in crate::cli) warm_up: u64,
    /// How often each program runs.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(in crate::cli) runs: u32,
    /// Programs to run on the same camera in turn, those that are installed: v4l2-ctl, ffmpeg, gstreamer, gstreamer-mmap,
    /// ustreamer.
    #[arg(long, value_name = "PROGRAM,...", value_delimiter = ',', value_parser = parse_program)]
    pub(in crate::cli) against: Vec<Program>,
    /// Make the machine do something else meanwhile: cpu (a busy thread for each processor), io (16 MiB written and synced
    /// over and over).
    #[arg(long, value_enum, hide_possible_values = true, value_name = "cpu|io")]
    pub(in crate::cli) load: Option<LoadArgument>,
    /// Draw how old frames were when they were delivered: an SVG picture.
    #[arg(long, value_name = "FILE.svg")]
    pub(in crate::cli) plot: Option<PathBuf>,
    /// Count per frame, where strace and valgrind are installed: system calls, instructions and allocations (all), system
    /// calls (calls), or nothing (none).
    #[arg(long, value_enum, hide_possible_values = true, value_name = "all|calls|none", default_value = "all")]
    pub(in crate::cli) counts: CountsArgument,
    /// How many buffers everybody asks the driver for.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..=32))]
    pub(in crate::cli) buffers: u32,
    /// Be one of the programs that are run: capture so many frames and print what they were like.
    #[arg(long, hide = true)]
    pub(in crate::cli) inside: bool,
    /// And look for stamps in the pixels.
    #[arg(long, hide = true)]
    pub(in crate::cli) stamps: bool,
    #[command(flatten)]
    pub(in crate::cli) permission: PermissionArguments,
    #[command(flatten)]
    pub(in crate::cli) common: Common,
    #[command(flatten)]
    pub(in crate::cli) request: Request,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum LoadArgument {
    Cpu,
    Io,
}

impl From<LoadArgument> for Load {
    fn from(argument: LoadArgument) -> Self {
        match argument {
            LoadArgument::Cpu => Self::Cpu,
            LoadArgument::Io => Self::Io,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum CountsArgument {
    All,
    Calls,
    None,
}

impl From<CountsArgument> for Counting {
    fn from(argument: CountsArgument) -> Self {
        match argument {
            CountsArgument::All => Self::All,
            CountsArgument::Calls => Self::Calls,
            CountsArgument::None => Self::Nothing,
        }
    }
}

fn parse_program(name: &str) -> Result<Program, String> {
    Program::PEERS.into_iter().find(|program| program.as_str() == name).ok_or_else(|| {
        let known: Vec<_> = Program::PEERS.iter().map(|program| program.as_str()).collect();
        format!("{name:?} is not known; there are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_go_by_their_names() {
        assert_eq!(parse_program("gstreamer-mmap"), Ok(Program::GstreamerMmap));
        let refused = parse_program("obs").unwrap_err();
        assert!(Program::PEERS.iter().all(|program| refused.contains(program.as_str())), "{refused}");
        assert!(parse_program("usermedia").is_err(), "ours is there anyway");
    }
}
