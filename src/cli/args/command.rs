//! The subcommands, each of whose grammars is built only when it is the one that was asked for: eight of nine are not, and
//! a third of the time to start was theirs.

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, FromArgMatches, Subcommand};

use super::{
    BenchArguments, CaptureArguments, CheckArguments, DevicesArguments, LoopbackArguments, ResolveArguments,
    ServeArguments, SnapshotArguments, WatchArguments,
};

/// `/// What it does.` and `Variant(Its arguments) = "its name"`, for each. As `clap`'s derive, but for
/// [`clap::Command::defer`], which that does not know.
macro_rules! subcommands {
    ($(#[doc = $about:literal] $variant:ident($arguments:ty) = $name:literal,)+) => {
        /// What was asked for.
        #[derive(Debug)]
        pub(in crate::cli) enum Command {
            $(#[doc = $about] $variant($arguments),)+
        }

        impl Subcommand for Command {
            fn augment_subcommands(command: clap::Command) -> clap::Command {
                // Flattened arguments bring their own documentation, which is not the subcommand's.
                command$(.subcommand(clap::Command::new($name).about(headline($about)).defer(|command| {
                    <$arguments as Args>::augment_args(command).about(headline($about))
                })))+
            }

            fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
                Self::augment_subcommands(command)
            }

            fn has_subcommand(name: &str) -> bool {
                [$($name),+].contains(&name)
            }
        }

        impl FromArgMatches for Command {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                match matches.subcommand() {
                    $(Some(($name, matches)) => Ok(Self::$variant(FromArgMatches::from_arg_matches(matches)?)),)+
                    _ => Err(clap::Error::new(ErrorKind::MissingSubcommand)),
                }
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }
    };
}

/// A sentence of documentation as help has it.
fn headline(sentence: &'static str) -> &'static str {
    let sentence = sentence.trim_start();
    sentence.strip_suffix('.').unwrap_or(sentence)
}

subcommands! {
    /// List cameras and microphones with their modes.
    Devices(DevicesArguments) = "devices",
    /// Say which device and mode a request would get, and why. Opens no device for streaming.
    Resolve(ResolveArguments) = "resolve",
    /// Get a stream, record or discard it, and say what became of its frames.
    Capture(CaptureArguments) = "capture",
    /// Take one picture.
    Snapshot(SnapshotArguments) = "snapshot",
    /// Write a camera's pictures, or synthetic ones, to a v4l2loopback node at an exact pace.
    Loopback(LoopbackArguments) = "loopback",
    /// Say what works on this machine, what does not, and what to do about it.
    Check(CheckArguments) = "check",
    /// Say which cameras and microphones there are, and go on saying which come, go, or may be opened now.
    Watch(WatchArguments) = "watch",
    /// Show the camera on a live page, with its microphone, its controls and statistics, on this machine.
    Serve(ServeArguments) = "serve",
    /// Measure capture: rate, jitter, age, losses, processor time, memory and counts, beside other programs.
    Bench(BenchArguments) = "bench",
}
