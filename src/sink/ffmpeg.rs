//! FFmpeg as the judge of our files, for tests: what it says of them and what it decodes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A file name of its own under the system's temporary directory; the file is removed in the end.
pub(super) struct TempFile(PathBuf);

impl TempFile {
    pub fn new(extension: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("usermedia-{}-{}.{extension}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn run<S: AsRef<OsStr>>(tool: &str, arguments: impl IntoIterator<Item = S>) -> Vec<u8> {
    let output = Command::new(tool)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("this test needs {tool} ({error}): `make test` installs the package ffmpeg"));
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    // Said of a recording cut short, whose frames it reads all the same.
    let complaints: Vec<&str> = complaints.lines().filter(|line| !line.contains("File ended prematurely")).collect();
    assert!(output.status.success() && complaints.is_empty(), "{tool}: {complaints:?}");
    output.stdout
}

/// What `ffprobe` says: lines of `section.key=value`, frames counted by decoding them.
pub(super) fn probe(path: &Path) -> Vec<String> {
    let arguments = "-v error -count_frames -show_format -show_streams -of flat -i".split(' ');
    let out = run("ffprobe", arguments.map(OsStr::new).chain([path.as_os_str()]));
    String::from_utf8(out).unwrap().lines().map(|line| line.replace('"', "")).collect()
}

/// The times of the packets in seconds, as the file holds them.
pub(super) fn packet_times(path: &Path) -> Vec<String> {
    let arguments = "-v error -show_entries packet=pts_time -of csv=p=0 -i".split(' ');
    let out = run("ffprobe", arguments.map(OsStr::new).chain([path.as_os_str()]));
    String::from_utf8(out).unwrap().lines().map(|line| line.trim_end_matches(',').to_owned()).collect()
}

/// The times of one stream's packets (`v:0`, `a:0`) in seconds, as the file holds them.
pub(super) fn stream_times(path: &Path, stream: &str) -> Vec<f64> {
    let arguments = ["-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time", "-of", "csv=p=0"];
    let out = run("ffprobe", arguments.map(OsStr::new).into_iter().chain([OsStr::new("-i"), path.as_os_str()]));
    let text = String::from_utf8(out).unwrap();
    text.lines().filter(|line| !line.is_empty()).map(|line| line.trim_end_matches(',').parse().unwrap()).collect()
}

/// The samples of the first sound as FFmpeg decodes them, laid out as `codec` (`pcm_s24le`) says.
pub(super) fn decode_sound(path: &Path, codec: &str) -> Vec<u8> {
    let layout = codec.trim_start_matches("pcm_");
    let head = ["-v", "error", "-i"].map(OsStr::new);
    let tail = ["-map", "0:a:0", "-c:a", codec, "-f", layout, "-"].map(OsStr::new);
    run("ffmpeg", head.into_iter().chain([path.as_os_str()]).chain(tail))
}

/// What FFmpeg makes when it is told so, in bytes.
pub(super) fn make(arguments: &str) -> Vec<u8> {
    run("ffmpeg", ["-v", "error"].into_iter().chain(arguments.split(' ')))
}

/// A directory of its own under the system's temporary directory, removed in the end.
pub(super) struct TempFolder(TempFile);

impl TempFolder {
    pub fn new() -> Self {
        let folder = Self(TempFile::new("d"));
        std::fs::create_dir(folder.0.path()).unwrap();
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What is in it, by name.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = std::fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0.path());
    }
}

/// The pictures as FFmpeg decodes them, in its `pixel_format`, or in the file's own.
pub(super) fn decode(path: &Path, pixel_format: Option<&str>, seek: Option<&str>) -> Vec<u8> {
    let mut arguments: Vec<&OsStr> = ["-v", "error"].map(OsStr::new).to_vec();
    arguments.extend(seek.iter().flat_map(|seek| [OsStr::new("-ss"), OsStr::new(*seek)]));
    arguments.extend([OsStr::new("-i"), path.as_os_str()]);
    arguments.extend(pixel_format.iter().flat_map(|format| [OsStr::new("-pix_fmt"), OsStr::new(*format)]));
    let rest = "-sws_flags accurate_rnd+full_chroma_int+full_chroma_inp+neighbor -fps_mode passthrough -f rawvideo -";
    arguments.extend(rest.split(' ').map(OsStr::new));
    run("ffmpeg", arguments)
}

/// Whether `lines` holds each of `expected`.
pub(super) fn assert_holds(lines: &[String], expected: &[&str]) {
    for line in expected {
        assert!(lines.iter().any(|have| have == line), "no {line} in\n{}", lines.join("\n"));
    }
}
