//! The one-liners of docs/pipes.md, run by bash as they stand there, and what comes out of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A codec, and how many frames of it where that is certain.
type Stream = (&'static str, Option<u64>);

/// What each line's file holds.
const FILES: &[(&str, &[Stream])] = &[
    // Sound comes in the encoder's own pieces.
    ("film.mp4", &[("h264", Some(60)), ("aac", None)]),
    ("silent.mp4", &[("h264", Some(60))]),
    ("lossless.mkv", &[("ffv1", Some(60))]),
    ("sound.flac", &[("flac", None)]),
    ("jpegs.mkv", &[("mjpeg", Some(60))]),
    ("jpegs.avi", &[("mjpeg", Some(60))]),
    ("sum.txt", &[]),
];

/// The page's blocks in `sh`: a line each.
fn one_liners() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pipes.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(|block| block.trim().to_owned()).collect()
}

/// Whether a program is installed.
fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// A folder of this test's own, which goes with it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Each stream's codec and how many frames are decoded of it.
fn probe(path: &Path) -> Vec<(String, u64)> {
    let entries =
        ["-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames", "-of", "csv=p=0"];
    let output = Command::new("ffprobe").args(entries).arg(path).output().expect("ffprobe comes with ffmpeg");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |line: &str| {
        let (codec, frames) = line.split_once(',').unwrap_or_else(|| panic!("{}: {text}", path.display()));
        (codec.to_owned(), frames.trim_end_matches(',').parse().unwrap_or(0))
    };
    text.lines().map(line).collect()
}

#[test]
fn every_one_liner_gives_what_it_says() {
    let lines = one_liners();
    assert_eq!(lines.len(), FILES.len(), "docs/pipes.md and this test have as many: {lines:#?}");
    let folder = Folder(std::env::temp_dir().join(format!("usermedia-pipes-{}", std::process::id())));
    fs::create_dir_all(&folder.0).expect("the temporary directory can be written to");
    let command = Path::new(env!("CARGO_BIN_EXE_usermedia"));
    let path = format!(
        "{}:{}",
        command.parent().expect("it is in a folder").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    for line in &lines {
        let (name, streams) = FILES.iter().find(|(name, _)| line.ends_with(name)).expect("its file is known here");
        let reader = line.split(" | ").nth(1).and_then(|reader| reader.split(' ').next()).expect("it is a pipe");
        if !is_there(reader) || !is_there("ffprobe") {
            eprintln!("Not run, since {reader} or ffprobe is not installed (tests/lab/packages lab): {line}");
            continue;
        }
        let output = Command::new("bash")
            .args(["-o", "pipefail", "-c", line])
            .current_dir(&folder.0)
            .env("PATH", &path)
            .env("USERMEDIA_SYNTHETIC", "1")
            .stdin(Stdio::null())
            .output()
            .expect("bash runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}\n{stderr}");
        let file = folder.0.join(name);
        if name.ends_with(".txt") {
            let sum = fs::read_to_string(file).expect("it was written");
            // Of nothing at all it would be this.
            assert!(sum.len() > 32 && !sum.starts_with("d41d8cd98f00b204e9800998ecf8427e"), "{sum}");
            continue;
        }
        let found = probe(&file);
        assert_eq!(found.len(), streams.len(), "{line}\n{found:?}\n{stderr}");
        for ((codec, frames), (found_codec, found_frames)) in streams.iter().zip(&found) {
            assert_eq!(codec, found_codec, "{line}");
            match frames {
                Some(frames) => assert_eq!(frames, found_frames, "{line}"),
                None => assert!(*found_frames > 0, "{line}"),
            }
        }
    }
}

/// `--format` says the kind, and a wrong one is refused before a device is opened.
#[test]
fn a_format_that_is_none_is_refused() {
    let run = Command::new(env!("CARGO_BIN_EXE_usermedia"))
        .args(["capture", "--synthetic", "--frames", "1", "--format", "mp4", "-o", "/dev/null"])
        .output()
        .expect("the command runs");
    assert_eq!(run.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert!(stderr.contains("no kind of recording") && stderr.contains("mkv"), "{stderr}");
}
