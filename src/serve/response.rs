//! Answers, each with the headers that keep a page of ours to itself.

use std::fmt::Write as _;
use std::io;
use std::time::Instant;

use super::request::{Method, Refused};
use super::socket::Socket;

/// An answer that is all there.
#[derive(Debug)]
pub(super) struct Response {
    status: u16,
    kind: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Whether other sites' pages may load it.
    is_for_all: bool,
}

/// What a page from here may do: show our pictures, talk to us, and nothing else. `'self'` is no WebSocket in older
/// WebKits, so that one is named.
fn content_security_policy(host: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
         connect-src 'self' ws://{host} wss://{host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

impl Response {
    pub(super) fn new(status: u16, kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, kind, headers: Vec::new(), body: body.into(), is_for_all: false }
    }

    /// A sentence.
    pub(super) fn text(status: u16, sentence: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", format!("{sentence}\n"))
    }

    /// A document.
    pub(super) fn json(status: u16, document: String) -> Self {
        Self::new(status, "application/json", document + "\n")
    }

    /// A page, and where its scripts may connect to.
    pub(super) fn html(body: &'static str, host: &str) -> Self {
        Self::new(200, "text/html; charset=utf-8", body)
            .with("Content-Security-Policy", content_security_policy(host))
            .with("X-Frame-Options", "DENY")
            .with("Cross-Origin-Opener-Policy", "same-origin")
    }

    /// The same for whoever may not: nothing is told but how one may.
    pub(super) fn forbidden() -> Self {
        Self::text(403, "Not allowed. Open the link that `usermedia serve` printed.")
    }

    /// To a browser that asks on behalf of a listed page, without credentials yet, whether the page may ask (CORS; the last
    /// header is for browsers that keep what is public from what is local).
    pub(super) fn preflight() -> Self {
        Self::new(200, "text/plain; charset=utf-8", "")
            .with("Access-Control-Allow-Methods", "GET, POST")
            .with("Access-Control-Allow-Headers", "authorization, content-type")
            .with("Access-Control-Max-Age", "600")
            .with("Access-Control-Allow-Private-Network", "true")
    }

    /// Lets this other page read it, where there is one.
    pub(super) fn read_by(self, page: Option<&str>) -> Self {
        match page {
            Some(origin) => self.with("Access-Control-Allow-Origin", origin).with("Vary", "Origin"),
            None => self,
        }
    }

    /// Lets any page load it as a script: whoever has its address, with the token, could as well load it by itself.
    pub(super) fn for_all(mut self) -> Self {
        self.is_for_all = true;
        self
    }

    /// For a method that a path does not take.
    pub(super) fn wrong_method(allowed: &'static str) -> Self {
        Self::text(405, &format!("This path takes {allowed} only.")).with("Allow", allowed)
    }

    /// For what was no request; `None` where nobody is left to be told.
    pub(super) fn refused(refused: Refused) -> Option<Self> {
        Some(match refused {
            Refused::Gone => return None,
            Refused::Late => Self::text(408, "The request took too long."),
            Refused::Malformed => Self::text(400, "This is no request that is understood here."),
            Refused::HeadTooLong => Self::text(431, "The request has too many headers."),
            Refused::BodyTooLong => Self::text(413, "The request is too long."),
            Refused::LengthRequired => Self::text(411, "The request must say how long it is."),
        })
    }

    /// Another header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Writes it as the answer to `method`, the last of its connection.
    pub(super) fn write(&self, method: Method, socket: &Socket, deadline: Instant) -> io::Result<()> {
        let mut head = head_for(self.status, self.kind, &self.headers, self.is_for_all);
        let _ = write!(head, "Content-Length: {}\r\n\r\n", self.body.len());
        let mut bytes = head.into_bytes();
        if method != Method::Head {
            bytes.extend_from_slice(&self.body);
        }
        socket.write_by(&bytes, deadline)
    }
}

/// The status line and the headers of an answer, but for the empty line after them.
pub(super) fn head(status: u16, kind: &str, headers: &[(&str, String)]) -> String {
    head_for(status, kind, headers, false)
}

fn head_for(status: u16, kind: &str, headers: &[(&str, String)], is_for_all: bool) -> String {
    let policy = if is_for_all { "cross-origin" } else { "same-origin" };
    let mut head = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\nConnection: close\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
         Cross-Origin-Resource-Policy: {policy}\r\n",
        reason(status)
    );
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head
}

fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        303 => "See Other",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Error",
    }
}
