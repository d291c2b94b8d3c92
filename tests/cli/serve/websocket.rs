//! The WebSocket, by another implementation of its protocol.

use std::net::TcpStream;

use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use super::client::Server;
use super::pictures::pixels;

/// Connects with these headers besides.
fn connect(server: &Server, query: &str, headers: &[(&'static str, &str)]) -> Result<WebSocket<TcpStream>, u16> {
    let mut request = format!("ws://{}/ws{query}", server.host()).into_client_request().expect("a request");
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a value"));
    }
    match tungstenite::client(request, server.connect()) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

fn open(server: &Server, query: &str) -> WebSocket<TcpStream> {
    let headers = [("Authorization", &*server.bearer()), ("Origin", &*server.origin())];
    connect(server, query, &headers).expect("it is let in")
}

/// A message as docs/serve.md describes it.
#[derive(Debug)]
enum Told {
    Text(Value),
    Binary { kind: u8, format: String, number: u64, stamp: u64, shape: (u32, u32), missing: u32, payload: Vec<u8> },
}

fn next(socket: &mut WebSocket<TcpStream>) -> Told {
    loop {
        match socket.read().expect("it goes on") {
            Message::Text(text) => return Told::Text(serde_json::from_str(&text).expect("JSON")),
            Message::Binary(bytes) => {
                let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
                let short = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
                assert_eq!((bytes[1], short(24) as usize), (1, bytes.len() - 40));
                return Told::Binary {
                    kind: bytes[0],
                    format: String::from_utf8(bytes[4..8].to_vec()).expect("letters"),
                    number: long(8),
                    stamp: long(16),
                    shape: (short(28), short(32)),
                    missing: short(36),
                    payload: bytes[40..].to_vec(),
                };
            }
            _ => {}
        }
    }
}

#[test]
fn one_connection_brings_pictures_levels_statistics_and_devices() {
    let server = Server::synthetic(&[]);
    let mut socket = open(&server, "");
    let (mut pictures, mut levels, mut state, mut devices) = (Vec::new(), 0, None, None);
    while pictures.len() < 5 || levels < 5 || state.is_none() || devices.is_none() {
        match next(&mut socket) {
            Told::Text(mut message) if message["type"] == "state" => state = Some(message["state"].take()),
            Told::Text(message) if message["type"] == "devices" => devices = Some(message),
            Told::Text(message) => panic!("{message}"),
            Told::Binary { kind: 1, format, number, stamp, shape, payload, missing } => {
                assert_eq!((&*format, shape), ("JPEG", (640, 480)));
                pictures.push((number, stamp, missing, payload));
            }
            Told::Binary { kind: 3, format, shape, payload, .. } => {
                assert_eq!((&*format, shape, payload.len()), ("LEVL", (48_000, 2), 16));
                for level in payload.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)) {
                    assert!((0.0..=1.0).contains(&level), "{level}");
                }
                levels += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    for pair in pictures.windows(2) {
        assert!(pair[1].0 > pair[0].0 + u64::from(pair[1].2) && pair[1].1 > pair[0].1);
    }
    pixels(&pictures[4].3, (640, 480));
    let ids: Vec<_> = devices.unwrap()["devices"].as_array().unwrap().iter().map(|it| it["deviceId"].clone()).collect();
    assert_eq!(ids, ["synthetic-camera", "synthetic-microphone"]);
    assert_eq!(state.unwrap()["encoder"]["type"], "CPU");
}

#[test]
fn a_client_that_counts_gets_as_many_pictures_as_it_has_room_for() {
    let server = Server::synthetic(&[]);
    let mut socket = open(&server, "?credit=2&state=0");
    // Levels go on meanwhile: fifty a second, so that pictures had their time.
    let count = |socket: &mut WebSocket<TcpStream>| {
        let (mut pictures, mut levels, mut skipped) = (0, 0, 0);
        while levels < 50 {
            match next(socket) {
                Told::Binary { kind: 1, missing, .. } => (pictures, skipped) = (pictures + 1, skipped + missing),
                Told::Binary { kind: 3, .. } => levels += 1,
                other => panic!("{other:?}"),
            }
        }
        (pictures, skipped)
    };
    assert_eq!(count(&mut socket).0, 2);
    socket.send(Message::text(r#"{"credit": 3}"#)).unwrap();
    let (pictures, skipped) = count(&mut socket);
    assert_eq!(pictures, 3);
    assert!(skipped > 0, "the newest came, and the others were counted");
}

#[test]
fn sound_comes_whole_to_whoever_asks_for_it() {
    let server = Server::synthetic(&[]);
    let mut socket = open(&server, "?pictures=0&levels=0&state=0");
    socket.send(Message::text(r#"{"sound": true}"#)).unwrap();
    let mut expected = None;
    for _ in 0..50 {
        let Told::Binary { kind: 2, format, number, shape, missing, payload, .. } = next(&mut socket) else {
            panic!("nothing else was asked for")
        };
        assert_eq!((&*format, shape), ("S16L", (48_000, 2)));
        if let Some(expected) = expected {
            assert_eq!(number, expected + u64::from(missing));
        }
        expected = Some(number + payload.len() as u64 / 4);
    }
}

#[test]
fn a_page_of_another_origin_is_refused_unless_it_is_listed_and_has_the_token() {
    let server = Server::synthetic(&["--origin", "https://kiosk.example"]);
    let (bearer, link) = (server.bearer(), format!("?token={}", server.token()));
    let refused = |query: &str, headers: &[(&'static str, &str)]| connect(&server, query, headers).err();
    let own = server.origin();
    assert_eq!(refused("", &[("Authorization", &bearer)]), Some(403));
    assert_eq!(refused("", &[("Origin", &own)]), Some(403));
    assert_eq!(refused(&link, &[("Origin", "https://evil.example")]), Some(403));
    assert_eq!(refused("", &[("Origin", "https://kiosk.example")]), Some(403));
    assert_eq!(refused(&link, &[("Origin", "https://kiosk.example")]), None);
    assert_eq!(refused("", &[("Authorization", &bearer), ("Origin", &own)]), None);
}

#[test]
fn pings_are_answered_and_what_is_too_long_ends_it() {
    let server = Server::synthetic(&[]);
    let mut socket = open(&server, "");
    socket.send(Message::Ping("are you there?".into())).unwrap();
    loop {
        if let Message::Pong(answer) = socket.read().unwrap() {
            assert_eq!(&answer[..], b"are you there?");
            break;
        }
    }
    // It may be gone before all of it is sent.
    let _ = socket.send(Message::text("x".repeat(100_000)));
    while socket.read().is_ok() {}
    assert_eq!(server.get("/state").status, 200);
}
