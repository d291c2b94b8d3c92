//! Pictures: one capture, encoded once, for any number of viewers, of whom none waits for another.

use std::fs;
use std::net::TcpStream;
use std::thread;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::RcvBuf;
use serde_json::Value;
use usermedia::convert::{PixelFormat, VideoFrameView};
use usermedia::{Fourcc, VideoColorSpace, VideoMatrixCoefficients};

use super::client::{Parts, Server};
use crate::support::eventually;

/// The pixels of a JPEG that must be of this size.
pub fn pixels(jpeg: &[u8], (width, height): (u32, u32)) -> Vec<[u8; 3]> {
    let color_space = VideoColorSpace::new(VideoMatrixCoefficients::Bt601, true);
    let view = VideoFrameView::new(Fourcc(*b"MJPG"), width, height, &[(jpeg, 0)], color_space).expect("a view");
    let mut rgb = vec![0; PixelFormat::Rgb.buffer_size(width, height, 0).expect("a size")];
    view.convert_to(PixelFormat::Rgb, &mut rgb, 0).expect("it decodes to that size");
    rgb.as_chunks().0.to_vec()
}

#[test]
fn a_snapshot_is_the_built_in_cameras_picture() {
    let server = Server::synthetic(&["--width", "1280", "--height", "720"]);
    let mut answer = server.get("/snapshot");
    // While the camera starts there is none yet, and that is said.
    eventually("a picture", || {
        answer = server.get("/snapshot");
        answer.status == 200
    });
    assert_eq!(answer.headers["content-type"], "image/jpeg");
    assert_eq!((&*answer.headers["x-width"], &*answer.headers["x-height"]), ("1280", "720"));
    let pixels = pixels(&answer.body, (1280, 720));
    // The middles of the first bars: grey, yellow, cyan.
    for (bar, [red, green, blue]) in [[true, true, true], [true, true, false], [false, true, true]].iter().enumerate() {
        let pixel = pixels[100 * 1280 + 80 + 160 * bar];
        for (value, lit) in pixel.iter().zip([red, green, blue]) {
            assert!(if *lit { *value > 150 } else { *value < 40 }, "bar {bar}: {pixel:?}");
        }
    }
}

#[test]
fn the_parts_of_a_stream_are_pictures_each_newer_than_the_last() {
    let server = Server::synthetic(&[]);
    let mut stream = server.stream();
    let parts: Vec<_> = (0..8).map(|_| stream.next()).collect();
    for pair in parts.windows(2) {
        let [before, after] = [&pair[0], &pair[1]];
        let skipped = after.number("x-skipped");
        assert!(after.number("x-sequence") > before.number("x-sequence") + skipped);
        assert!(after.number("x-monotonic-nanoseconds") > before.number("x-monotonic-nanoseconds"));
    }
    pixels(&parts[7].jpeg, (640, 480));
    let timestamp: f64 = parts[0].headers["x-timestamp"].parse().expect("seconds since 1970");
    assert!(timestamp > 1.7e9);
}

#[test]
fn nothing_is_encoded_while_nobody_looks() {
    let server = Server::synthetic(&[]);
    eventually("frames are captured", || server.state()["video"]["source"]["captured"].as_u64() > Some(20));
    assert_eq!(server.state()["serve"]["encoded"], 0);
    server.stream().next();
    assert_ne!(server.state()["serve"]["encoded"], 0);
}

#[test]
fn eight_viewers_cost_one_capture_and_one_encoding_of_each_picture() {
    let server = Server::synthetic(&[]);
    let mut streams: Vec<_> = (0..8).map(|_| server.stream()).collect();
    for _ in 0..10 {
        streams.iter_mut().for_each(|stream| drop(stream.next()));
    }
    let state = server.state();
    assert_eq!(state["stream"]["clients"], 8);
    let clients = state["stream"]["clients_stat"].as_object().expect("clients");
    let sent: u64 = clients.values().filter_map(|client| client["sent"].as_u64()).sum();
    let (encoded, shown) = (state["serve"]["encoded"].as_u64(), state["serve"]["shown"].as_u64());
    assert_eq!(encoded, shown);
    // Each viewer had ten, of which the last may not be counted yet. Had each cost an encoding, there were as many.
    assert!(sent >= 72 && encoded < Some(sent), "{sent} sent, {encoded:?} encoded");
    assert!(encoded <= state["video"]["source"]["captured"].as_u64());
    assert_eq!(state["video"]["opened"], 1);
    assert_eq!(state["video"]["consumers"].as_array().map(Vec::len), Some(1));
    drop(streams);
    eventually("they have left", || server.state()["stream"]["clients"] == 0);
}

/// A connection that takes little before it stops taking.
fn narrow(server: &Server) -> TcpStream {
    let stream = server.connect();
    setsockopt(&stream, RcvBuf, &(32 << 10)).expect("a small buffer");
    stream
}

fn resident_kilobytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn skipped_by_the_slowest(state: &Value) -> u64 {
    let clients = state["stream"]["clients_stat"].as_object().expect("clients");
    clients.values().filter_map(|client| client["skipped"].as_u64()).max().unwrap_or(0)
}

#[test]
fn a_slow_viewer_gets_the_newest_and_costs_the_others_nothing() {
    let server = Server::synthetic(&[]);
    let mut fast = server.stream();
    fast.next();
    let before = resident_kilobytes(server.process());
    // Asked, and not read.
    let slow: Vec<_> = (0..4).map(|_| Parts::of(narrow(&server), &server)).collect();
    let mut last = fast.next();
    eventually("the slow ones are behind by many", || {
        last = fast.next();
        skipped_by_the_slowest(&server.state()) > 30
    });
    // They hold a picture each, and nothing that grows.
    let grown = resident_kilobytes(server.process()).saturating_sub(before);
    assert!(grown < 32 << 10, "{grown} kB more");
    let at = last.number("x-sequence");
    // At once: who takes nothing for long is let go.
    thread::scope(|scope| {
        for mut stream in slow {
            scope.spawn(move || {
                // What lay in the kernel's buffers is old; what comes after it is the newest there was.
                let newest = loop {
                    let part = stream.next();
                    if part.number("x-skipped") > 10 {
                        break part;
                    }
                };
                assert!(newest.number("x-sequence") + 1 >= at, "{} and {at}", newest.number("x-sequence"));
                pixels(&newest.jpeg, (640, 480));
            });
        }
    });
}
