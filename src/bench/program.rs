//! Who captures: our own command, and what a user would take in its place.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, process};

use super::target::Target;
use crate::format::Fourcc;

/// A program that captures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Usermedia,
    V4l2Ctl,
    Ffmpeg,
    Gstreamer,
    /// `v4l2src io-mode=mmap`: without GStreamer's own choice of memory.
    GstreamerMmap,
    Ustreamer,
}

/// How a run of a program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By itself, after the frames.
    Frames,
    /// It captures for ever: it is interrupted after the time that the frames take.
    Interrupted(Duration),
}

/// What a server may take before its first frame; the same in every run, so that a difference has nothing of it.
const SERVER_STARTING: Duration = Duration::from_secs(2);

/// What is run, and how that ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandLine {
    pub(crate) words: Vec<String>,
    pub(crate) ending: Ending,
}

impl Program {
    /// Those that ours can be compared with.
    pub(crate) const PEERS: [Self; 5] =
        [Self::V4l2Ctl, Self::Ffmpeg, Self::Gstreamer, Self::GstreamerMmap, Self::Ustreamer];

    /// As `--against` takes it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Usermedia => "usermedia",
            Self::V4l2Ctl => "v4l2-ctl",
            Self::Ffmpeg => "ffmpeg",
            Self::Gstreamer => "gstreamer",
            Self::GstreamerMmap => "gstreamer-mmap",
            Self::Ustreamer => "ustreamer",
        }
    }

    fn binary(self) -> &'static str {
        match self {
            Self::Usermedia => "usermedia",
            Self::V4l2Ctl => "v4l2-ctl",
            Self::Ffmpeg => "ffmpeg",
            Self::Gstreamer | Self::GstreamerMmap => "gst-launch-1.0",
            Self::Ustreamer => "ustreamer",
        }
    }

    /// The Debian package that has it.
    const fn package(self) -> &'static str {
        match self {
            Self::Usermedia => "usermedia",
            Self::V4l2Ctl => "v4l-utils",
            Self::Ffmpeg => "ffmpeg",
            Self::Gstreamer | Self::GstreamerMmap => "gstreamer1.0-tools gstreamer1.0-plugins-good",
            Self::Ustreamer => "ustreamer",
        }
    }

    /// Its version, as it says it itself.
    ///
    /// # Errors
    /// In words: it is not installed, and which package has it.
    pub(crate) fn version(self) -> Result<String, String> {
        if self == Self::Usermedia {
            return Ok(env!("CARGO_PKG_VERSION").to_owned());
        }
        let option = if self == Self::Ffmpeg { "-version" } else { "--version" };
        let output = Command::new(self.binary()).arg(option).stdin(Stdio::null()).output();
        let output = output.map_err(|_| format!("not installed (sudo apt-get install {})", self.package()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let number = said.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        Ok(number.unwrap_or("unknown").to_owned())
    }

    /// What to run for so many frames of the target, from a node that nobody else has open.
    ///
    /// # Errors
    /// In words: why it cannot be compared.
    pub(crate) fn command(self, target: &Target, frames: u64) -> Result<CommandLine, String> {
        if target.synthetic && self != Self::Usermedia {
            return Err("the built-in camera is part of usermedia's process: nobody else can open it".to_owned());
        }
        let Target { path, width, height, rate, buffers, .. } = target;
        let unknown = || format!("{} has no name for {}", self.as_str(), target.fourcc);
        let size = format!("{width}x{height}");
        let mut ending = Ending::Frames;
        let words = match self {
            Self::Usermedia => {
                let mut command = vec![own_path()?];
                command.extend(words(&format!("bench --inside --frames {frames}")));
                command.extend(target.arguments());
                command
            }
            Self::V4l2Ctl => {
                let format = format!("--set-fmt-video=width={width},height={height},pixelformat={}", target.fourcc);
                let mut command = words(&format!("v4l2-ctl -d {path} --silent --set-parm={}", rate.as_f64()));
                command.push(format);
                command.extend(words(&format!("--stream-mmap={buffers} --stream-poll --stream-count={frames}")));
                command
            }
            Self::Ffmpeg => {
                let format = ffmpeg_name(target.fourcc).ok_or_else(unknown)?;
                words(&format!(
                    "ffmpeg -nostdin -loglevel error -f v4l2 -input_format {format} -video_size {size} -framerate {rate} -i {path} \
                     -frames:v {frames} -c copy -f null -"
                ))
            }
            Self::Gstreamer | Self::GstreamerMmap => {
                let caps = gstreamer_caps(target.fourcc).ok_or_else(unknown)?;
                let memory = if self == Self::GstreamerMmap { "io-mode=mmap " } else { "" };
                words(&format!(
                    "gst-launch-1.0 -q v4l2src device={path} {memory}num-buffers={frames} ! \
                     {caps},width={width},height={height},framerate={rate} ! fakesink"
                ))
            }
            Self::Ustreamer => {
                let (format, encoder) = ustreamer_name(target.fourcc).ok_or_else(unknown)?;
                let capturing = Duration::from_nanos(rate.interval_ns().saturating_mul(frames));
                ending = Ending::Interrupted(SERVER_STARTING + capturing);
                let socket = env::temp_dir().join(format!("usermedia-bench-{}.socket", process::id()));
                let (socket, whole) = (socket.display().to_string(), rate.as_f64().round());
                words(&format!(
                    "ustreamer --device {path} --format {format} --encoder {encoder} --resolution {size} --desired-fps {whole} \
                     --buffers {buffers} --unix {socket} --unix-rm"
                ))
            }
        };
        Ok(CommandLine { words, ending })
    }

    /// What to know of a comparison with it.
    pub(crate) const fn remark(self) -> Option<&'static str> {
        match self {
            Self::Ffmpeg | Self::Gstreamer => Some("chooses its own number of buffers"),
            Self::GstreamerMmap => Some("chooses its own number of buffers, in mapped memory"),
            Self::Ustreamer => {
                Some("is a server: interrupted after the time that the frames take, which are reckoned and not counted")
            }
            Self::Usermedia | Self::V4l2Ctl => None,
        }
    }
}

/// The words of a line that has none with spaces in them.
pub(super) fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// This very program, wherever it lies.
fn own_path() -> Result<String, String> {
    let path = env::current_exe().map_err(|error| format!("our own program is not found: {error}"))?;
    path.to_str().map(str::to_owned).ok_or_else(|| format!("{} is no name to run", Path::display(&path)))
}

/// The `-input_format` of FFmpeg's v4l2 input.
fn ffmpeg_name(fourcc: Fourcc) -> Option<&'static str> {
    Some(match &fourcc.0 {
        b"YUYV" => "yuyv422",
        b"UYVY" => "uyvy422",
        b"NV12" => "nv12",
        b"YU12" => "yuv420p",
        b"422P" => "yuv422p",
        b"GREY" => "gray",
        b"RGB3" => "rgb24",
        b"BGR3" => "bgr24",
        b"MJPG" | b"JPEG" => "mjpeg",
        b"H264" => "h264",
        _ => return None,
    })
}

/// The `--format` of ustreamer, and the `--encoder` that takes such frames as they are: a camera's JPEGs are passed on to
/// whoever asks, of any other format nothing is made.
fn ustreamer_name(fourcc: Fourcc) -> Option<(&'static str, &'static str)> {
    Some(match &fourcc.0 {
        b"MJPG" => ("MJPEG", "HW"),
        b"JPEG" => ("JPEG", "HW"),
        b"YUYV" => ("YUYV", "NOOP"),
        b"UYVY" => ("UYVY", "NOOP"),
        b"RGBP" => ("RGB565", "NOOP"),
        b"RGB3" => ("RGB24", "NOOP"),
        _ => return None,
    })
}

/// The caps of GStreamer's v4l2src.
fn gstreamer_caps(fourcc: Fourcc) -> Option<&'static str> {
    Some(match &fourcc.0 {
        b"YUYV" => "video/x-raw,format=YUY2",
        b"UYVY" => "video/x-raw,format=UYVY",
        b"NV12" => "video/x-raw,format=NV12",
        b"YU12" => "video/x-raw,format=I420",
        b"422P" => "video/x-raw,format=Y42B",
        b"GREY" => "video/x-raw,format=GRAY8",
        b"RGB3" => "video/x-raw,format=RGB",
        b"BGR3" => "video/x-raw,format=BGR",
        b"MJPG" | b"JPEG" => "image/jpeg",
        b"H264" => "video/x-h264",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::FrameRate;

    fn target(fourcc: Fourcc) -> Target {
        Target {
            path: "/dev/video7".to_owned(),
            label: "Webcam".to_owned(),
            driver: Some("uvcvideo".to_owned()),
            fourcc,
            width: 1280,
            height: 720,
            rate: FrameRate::new(30_000, 1001).unwrap(),
            buffers: 4,
            synthetic: false,
        }
    }

    #[test]
    fn everybody_is_asked_for_the_same() {
        for program in [Program::Usermedia, Program::V4l2Ctl, Program::Ffmpeg, Program::Gstreamer] {
            let line = program.command(&target(Fourcc::YUYV), 250).unwrap();
            let text = line.words.join(" ");
            for wanted in ["/dev/video7", "1280", "720", "250"] {
                assert!(text.contains(wanted), "{wanted} in {text}");
            }
            assert!(text.contains("30000/1001") || text.contains("29.97"), "{text}");
            assert_eq!(line.ending, Ending::Frames);
        }
    }

    #[test]
    fn what_cannot_be_compared_is_refused_in_words() {
        let built_in = Target { synthetic: true, ..target(Fourcc::YUYV) };
        assert!(Program::Ffmpeg.command(&built_in, 1).unwrap_err().contains("built-in"));
        assert!(Program::Usermedia.command(&built_in, 1).unwrap().words.contains(&"--synthetic".to_owned()));
        assert!(Program::Ustreamer.command(&target(Fourcc::NV12), 1).unwrap_err().contains("NV12"));
        let odd = target(Fourcc(*b"Y10B"));
        assert!(Program::Gstreamer.command(&odd, 1).unwrap_err().contains("Y10B"));
    }

    #[test]
    fn a_server_is_given_the_time_that_the_frames_take() {
        let line = Program::Ustreamer.command(&target(Fourcc::MJPG), 300).unwrap();
        let Ending::Interrupted(time) = line.ending else { panic!("{line:?}") };
        assert_eq!((time - SERVER_STARTING).as_millis(), 10_009);
    }

    #[test]
    fn a_server_does_nothing_with_its_frames() {
        let encoder = |fourcc| {
            let line = Program::Ustreamer.command(&target(fourcc), 300).unwrap();
            line.words.iter().skip_while(|word| *word != "--encoder").nth(1).cloned()
        };
        assert_eq!(encoder(Fourcc::MJPG).as_deref(), Some("HW"), "as the camera encoded it");
        assert_eq!(encoder(Fourcc::YUYV).as_deref(), Some("NOOP"), "not encoded here either");
    }
}
