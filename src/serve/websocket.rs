//! `/ws`: pictures, sound, levels and statistics on one connection.
//!
//! docs/serve.md has the messages. Pictures are sent as the camera's buffer holds them, so the frames that go out are
//! written here; what comes in is read by tungstenite.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use serde_json::json;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error as Broken, Message};

use super::hub::{Inbox, PAGE, Seat, Wants};
use super::message::{HEADER, Header, Kind};
use super::picture::Picture;
use super::request::Request;
use super::response::Response;
use super::sending::{STALL, send, send_picture};
use super::socket::{Socket, wait_for};
use super::stage::Stage;
use super::state;
use crate::document::{Kind as JsonKind, Path};
use crate::json::document;
use crate::seam::{Kernel, LinuxKernel};

/// How often the statistics are told.
const TICK: Duration = Duration::from_secs(1);
/// The longest message from a client, in bytes: what it may say is short.
const LONGEST: usize = 16 << 10;
/// How many messages are read before it is time to send again.
const MOST_AT_ONCE: usize = 64;

/// The protocol that is spoken, for clients that name any: those that carry the token among them must.
const PROTOCOL: &str = "usermedia";

/// What a client asked for as it stands now.
struct Client {
    wants: Wants,
    /// How many pictures may still be sent; `None` for any number.
    credit: Option<u32>,
    /// What it asks the time with, until it is told.
    ping: Option<f64>,
}

/// Answers the handshake; `None` where it was refused.
pub(super) fn accept(request: &Request, socket: &Socket) -> io::Result<Option<()>> {
    let deadline = Instant::now() + STALL;
    let refused = |response: Response| response.write(request.method, socket, deadline).map(|()| None);
    if request.header("sec-websocket-version") != Some("13") {
        return refused(
            Response::text(426, "Only version 13 of WebSocket is spoken here.").with("Sec-WebSocket-Version", "13"),
        );
    }
    let key = request.header("sec-websocket-key").filter(|key| key.len() == 24);
    let Some(key) = key.filter(|_| request.lists("connection", "upgrade")) else {
        return refused(Response::text(400, "This is no WebSocket handshake."));
    };
    let named = request.list("sec-websocket-protocol").any(|protocol| protocol == PROTOCOL);
    let protocol = if named { format!("Sec-WebSocket-Protocol: {PROTOCOL}\r\n") } else { String::new() };
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{protocol}\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    );
    socket.write_by(answer.as_bytes(), deadline)?;
    Ok(Some(()))
}

/// Serves a client until it goes.
pub(super) fn run(request: &mut Request, socket: &Socket, stage: &Stage) -> io::Result<()> {
    socket.keep_little();
    let config = WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * LONGEST)
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST));
    let rest = std::mem::take(&mut request.rest);
    let mut protocol = WebSocketContext::from_partially_read(rest, Role::Server, Some(config));
    let asked = |name, default| request.parameter(name).map_or(default, |value| value == "1");
    let mut client = Client {
        wants: Wants {
            pictures: asked("pictures", true),
            levels: asked("levels", true),
            sound: asked("sound", false),
            state: asked("state", true),
        },
        credit: request.parameter("credit").and_then(|credit| credit.parse().ok()),
        ping: None,
    };
    let is_page = request.parameter("page") == Some("1");
    let seat = stage.hub.join(if is_page { PAGE } else { "websocket" }, client.wants)?;
    if is_page {
        say(socket, &json!({ "type": "hello", "viewer": seat.id }).to_string())?;
    }
    let (mut next_tick, mut listing) = (Instant::now(), None);
    loop {
        if !hear(&mut protocol, socket, &mut client, &seat)? {
            return Ok(());
        }
        if let Some(ping) = client.ping.take() {
            say(
                socket,
                &json!({ "type": "clock", "ping": ping, "milliseconds": monotonic_milliseconds() }).to_string(),
            )?;
        }
        let inbox = seat.take(client.credit != Some(0));
        if client.wants.state && (inbox.changed || Instant::now() >= next_tick) {
            if listing != Some(stage.listing()) {
                listing = Some(stage.listing());
                say(socket, &state::devices_message(stage))?;
            }
            say(socket, &state::message(stage))?;
            next_tick = Instant::now() + TICK;
        }
        show(inbox, socket, stage, &seat, &mut client)?;
        let deadline = client.wants.state.then_some(next_tick);
        let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN), PollFd::new(seat.as_fd(), PollFlags::POLLIN)];
        wait_for(&mut fds, deadline)?;
    }
}

/// Reads what there is, and answers what the protocol answers by itself: pings, and the end. Whether it goes on.
fn hear(protocol: &mut WebSocketContext, mut socket: &Socket, client: &mut Client, seat: &Seat) -> io::Result<bool> {
    for _ in 0..MOST_AT_ONCE {
        match protocol.read(&mut socket) {
            Ok(Message::Text(text)) => {
                if !client.heed(text.as_str()) {
                    return Ok(false);
                }
                seat.want(client.wants);
            }
            Ok(_) => {}
            Err(Broken::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(Broken::Io(error)) => return Err(error),
            Err(_) => return Ok(false),
        }
    }
    // An answer to a ping must be out whole before anything of ours is.
    let deadline = Instant::now() + STALL;
    loop {
        match protocol.flush(&mut socket) {
            Ok(()) => return Ok(true),
            Err(Broken::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
                if !wait_for(&mut fds, Some(deadline))? {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
            Err(_) => return Ok(false),
        }
    }
}

impl Client {
    /// `{"pictures": true, "levels": true, "sound": false, "state": true, "credit": 1, "ping": 0.5}`, of which each may be left
    /// out.
    /// Whether it was understood.
    fn heed(&mut self, text: &str) -> bool {
        let root = Path::root("the message");
        let read = document(text.as_bytes(), "the message").and_then(|message| {
            message.members(&root, "an object", |name, value| {
                match (&*name, value.kind()) {
                    ("pictures", JsonKind::Boolean(wanted)) => self.wants.pictures = wanted,
                    ("levels", JsonKind::Boolean(wanted)) => self.wants.levels = wanted,
                    ("sound", JsonKind::Boolean(wanted)) => self.wants.sound = wanted,
                    ("state", JsonKind::Boolean(wanted)) => self.wants.state = wanted,
                    ("ping", JsonKind::Number(ping)) => self.ping = Some(ping),
                    // Between 0 and a thousand nothing is lost by the cast.
                    ("credit", JsonKind::Number(more)) if (0.0..=1000.0).contains(&more) => {
                        self.credit = Some(self.credit.unwrap_or(0).saturating_add(more as u32));
                    }
                    // What a later version may say.
                    _ => {}
                }
                Ok(())
            })
        });
        read.is_ok()
    }
}

/// Sends what waited.
fn show(inbox: Inbox, socket: &Socket, stage: &Stage, seat: &Seat, client: &mut Client) -> io::Result<()> {
    // Sound first: it is little, and a gap in it is heard.
    let mut unheard = inbox.unheard;
    for sound in inbox.sound {
        let header = sound.header.bytes(sound.bytes().len(), sound.lost + std::mem::take(&mut unheard));
        send(socket, &framed(&header, sound.bytes().len()), sound.bytes())?;
    }
    if let Some((header, level)) = inbox.level {
        let bytes = level.bytes();
        send(socket, &framed(&header.bytes(bytes.len(), 0), bytes.len()), &bytes)?;
    }
    if let Some(picture) = inbox.picture {
        let size = picture.bytes().len();
        let head = framed(&header(&picture).bytes(size, inbox.skipped), size);
        send_picture((socket, &stage.hub, seat), &head, picture, &[])?;
        seat.sent.add();
        client.credit = client.credit.map(|credit| credit.saturating_sub(1));
    }
    Ok(())
}

fn header(picture: &Picture) -> Header {
    Header {
        kind: Kind::Picture,
        track: picture.track,
        host_stamped: picture.host_stamped,
        format: *b"JPEG",
        number: picture.sequence,
        timestamp: picture.timestamp,
        shape: picture.size,
    }
}

/// CLOCK_MONOTONIC, on which pictures and sound are stamped, in milliseconds: of a machine that runs for years a 64-bit float
/// still has the microsecond.
fn monotonic_milliseconds() -> f64 {
    LinuxKernel.now() as f64 / 1e6
}

/// A document as a text message.
fn say(socket: &Socket, text: &str) -> io::Result<()> {
    send(socket, &frame(Data::Text, text.len()), text.as_bytes())
}

/// What comes before a payload of `size` bytes: the frame's own head, and our header.
fn framed(header: &[u8; HEADER], size: usize) -> Vec<u8> {
    let mut head = frame(Data::Binary, HEADER + size);
    head.extend_from_slice(header);
    head
}

/// The head of a whole message in one frame. A server's are not masked (RFC 6455, 5.1).
fn frame(data: Data, length: usize) -> Vec<u8> {
    let mut head = Vec::with_capacity(10 + HEADER);
    let header = FrameHeader { is_final: true, opcode: OpCode::Data(data), ..FrameHeader::default() };
    // Writing to memory cannot fail, and a length is never beyond 64 bits.
    let _ = header.format(length as u64, &mut head);
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client { wants: Wants::default(), credit: None, ping: None }
    }

    #[test]
    fn a_client_says_what_it_wants_and_how_much() {
        let mut client = client();
        assert!(client.heed(r#"{"pictures": true, "sound": true, "unknown": [1]}"#));
        assert_eq!(client.wants, Wants { pictures: true, sound: true, ..Wants::default() });
        assert!(client.heed(r#"{"sound": false, "credit": 2}"#) && client.heed(r#"{"credit": 1}"#));
        assert_eq!((client.wants.sound, client.credit), (false, Some(3)));
        assert!(client.heed(r#"{"credit": -1}"#) && client.heed(r#"{"credit": 1e300}"#));
        assert_eq!(client.credit, Some(3));
        assert!(client.heed(r#"{"ping": 12.5}"#) && client.ping == Some(12.5));
        assert!(!client.heed("what?") && !client.heed("[]"));
    }

    #[test]
    fn frames_are_whole_and_not_masked() {
        assert_eq!(frame(Data::Text, 5), [0x81, 5]);
        assert_eq!(frame(Data::Binary, 300), [0x82, 126, 1, 44]);
        assert_eq!(frame(Data::Binary, 1 << 20), [0x82, 127, 0, 0, 0, 0, 0, 16, 0, 0]);
    }
}
