//! The live page of real drivers: a raw picture encoded once, a camera's own JPEG out of the driver's buffer, an unplugging.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use super::watched;
use crate::devices::{Background, eventually, usermedia, vivid_webcam};
use crate::harness::{LabTest, lab_test};
use crate::usb::models::webcam_camera;

pub const TESTS: &[LabTest] = &[
    lab_test!(a_real_cameras_raw_pictures_are_encoded_once_for_all).timeout_secs(60),
    lab_test!(a_cameras_own_jpeg_is_sent_out_of_the_drivers_buffer_and_survives_an_unplugging).timeout_secs(90),
];

/// A service of this camera on a Unix socket: the guest has no network to speak of.
struct Served {
    socket: PathBuf,
    _process: Background,
}

impl Served {
    fn start(name: &str, node: &Path, more: &[&str]) -> Self {
        let socket = std::env::temp_dir().join(format!("{name}.sock"));
        let mut command = usermedia();
        command.args(["serve", "--json", "--video", "--no-tcp", "--socket"]).arg(&socket).arg("--device").arg(node);
        let mut child = command.args(more).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("\"listening\""), "{line}");
        Self { socket, _process: Background::of(child) }
    }

    fn connect(&self, path: &str) -> BufReader<UnixStream> {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        BufReader::new(stream)
    }

    /// Status and body.
    fn get(&self, path: &str) -> (String, Vec<u8>) {
        let mut answer = Vec::new();
        self.connect(path).read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
        (String::from_utf8_lossy(&answer[9..12]).into_owned(), answer[end + 4..].to_vec())
    }

    fn state(&self) -> Value {
        let mut state: Value = serde_json::from_slice(&self.get("/state").1).unwrap();
        state["result"].take()
    }

    /// Waits for the camera to be so.
    fn is(&self, wanted: &str) -> Value {
        eventually(wanted, || Some(self.state()).filter(|state| state["video"]["state"] == wanted))
    }

    /// Takes this many pictures from a stream.
    fn watch(&self, pictures: usize) {
        let mut stream = self.connect("/stream");
        for _ in 0..pictures {
            let mut length = 0;
            loop {
                let mut line = String::new();
                assert_ne!(stream.read_line(&mut line).unwrap(), 0, "the stream goes on");
                if let Some(value) = line.strip_prefix("Content-Length: ") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() && length > 0 {
                    break;
                }
            }
            let mut jpeg = vec![0; length];
            stream.read_exact(&mut jpeg).unwrap();
            assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]));
        }
    }
}

fn a_real_cameras_raw_pictures_are_encoded_once_for_all() {
    let served = Served::start("raw", &vivid_webcam(), &["--width", "320", "--height", "180", "--fourcc", "YUYV"]);
    served.is("live");
    std::thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(|| served.watch(10)))));
    let state = served.state();
    assert_eq!(state["video"]["opened"], 1);
    assert_eq!(state["serve"]["encoded"], state["serve"]["shown"]);
    assert_eq!(state["serve"]["lent"], 0);
    let (status, jpeg) = served.get("/snapshot");
    assert_eq!(status, "200");
    assert!(jpeg.starts_with(&[0xff, 0xd8]));
    assert!(state["video"]["source"]["captured"].as_u64() >= state["serve"]["encoded"].as_u64());
}

fn a_cameras_own_jpeg_is_sent_out_of_the_drivers_buffer_and_survives_an_unplugging() {
    let device = watched::only(webcam_camera());
    let plugged = device.plug(0);
    let served = Served::start("own", &plugged.camera(), &["--fourcc", "MJPG"]);
    served.is("live");
    served.watch(5);
    let state = served.state();
    assert_eq!(state["encoder"]["type"], "HW");
    assert_eq!((&state["serve"]["encoded"], &state["serve"]["copied"]), (&0.into(), &0.into()));
    assert!(state["serve"]["lent"].as_u64() >= Some(5), "{state}");
    plugged.unplug();
    let state = served.is("muted");
    assert_eq!(state["source"]["online"], false);
    eventually("the reason", || (served.state()["video"]["reason"] == "unplugged").then_some(()));
    let (status, sentence) = served.get("/snapshot");
    assert_eq!(status, "503");
    assert!(String::from_utf8_lossy(&sentence).contains("unplugged"));
    let _plugged = device.plug(5);
    let state = served.is("live");
    assert_eq!(state["video"]["opened"], 1);
    served.watch(3);
}
