//! What nobody can exhaust.

use std::fs;
use std::io::{BufReader, Read, Write};

use super::client::{Answer, Server, request};

#[test]
fn a_head_that_is_too_long_is_refused() {
    let server = Server::synthetic(&[]);
    let (host, bearer) = (server.host(), server.bearer());
    let long = "x".repeat(20_000);
    let answer = server.ask("GET /state", &[("Host", &host), ("Authorization", &bearer), ("X-Long", &long)], "");
    assert_eq!(answer.status, 431);
    let mut stream = server.connect();
    // More and more of one, until it is refused in the middle.
    let _ = stream.write_all(format!("GET / HTTP/1.1\r\nX: {}", "y".repeat(17_000)).as_bytes());
    assert_eq!(Answer::read(&mut BufReader::new(stream)).status, 431);
    assert_eq!(server.get("/state").status, 200);
}

#[test]
fn half_a_request_is_not_waited_for_for_ever() {
    let server = Server::synthetic(&[]);
    let mut stream = server.connect();
    stream.write_all(b"GET /state HTTP/1.1\r\nHost: ").unwrap();
    assert_eq!(Answer::read(&mut BufReader::new(stream)).status, 408);
    let mut stream = server.connect();
    let headers = [
        ("Host", &*server.host()),
        ("Authorization", &*server.bearer()),
        ("Origin", &*server.origin()),
        ("Content-Length", "100"),
    ];
    stream.write_all(&request("POST /constraints", &headers, "{")).unwrap();
    assert_eq!(Answer::read(&mut BufReader::new(stream)).status, 408);
}

#[test]
fn a_body_is_as_long_as_it_says_and_not_longer_than_constraints_are() {
    let server = Server::synthetic(&[]);
    let (host, bearer, origin) = (server.host(), server.bearer(), server.origin());
    let post = |length: (&str, &str)| {
        let headers = [("Host", &*host), ("Authorization", &*bearer), ("Origin", &*origin), length];
        server.ask("POST /constraints", &headers, "{}").status
    };
    assert_eq!(post(("Content-Length", "2")), 200);
    assert_eq!(post(("Content-Length", "1000000000")), 413);
    assert_eq!(post(("Content-Length", "99999999999999999999999")), 413);
    assert_eq!(post(("Content-Length", "-1")), 400);
    assert_eq!(post(("Transfer-Encoding", "chunked")), 411);
    assert_eq!(post(("X-No-Length", "1")), 411);
}

#[test]
fn what_is_no_http_is_told_so() {
    let server = Server::synthetic(&[]);
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"hello\r\n\r\n",
        b"GET http://x/ HTTP/1.1\r\n\r\n",
    ] {
        let mut stream = server.connect();
        stream.write_all(garbage).unwrap();
        assert_eq!(Answer::read(&mut BufReader::new(stream)).status, 400);
    }
    assert_eq!(server.get("/state").status, 200);
}

fn threads(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/task")).expect("it runs").count()
}

#[test]
fn two_hundred_connections_that_say_nothing_keep_nobody_out() {
    let server = Server::synthetic(&[]);
    let mut stream = server.stream();
    stream.next();
    let idle: Vec<_> = (0..200).map(|_| server.connect()).collect();
    // Somebody with the token gets in, and whoever was there still is.
    assert_eq!(server.get("/state").status, 200);
    stream.next();
    // The oldest of the idle ones had to go.
    let mut first = &idle[0];
    assert!(matches!(first.read(&mut [0; 1]), Ok(0) | Err(_)));
    assert!(threads(server.process()) < 200, "{}", threads(server.process()));
}

#[test]
fn more_viewers_than_there_are_places_are_told_so() {
    let server = Server::synthetic(&["--width", "320", "--height", "180", "--fps", "5"]);
    let streams: Vec<_> = (0..64).map(|_| server.stream()).collect();
    assert_eq!(server.get("/state").status, 503);
    drop(streams);
    crate::support::eventually("there is room again", || server.get("/state").status == 200);
}
