//! A request as it comes in: bounded in size, in time, and in what is understood.

use std::io;
use std::time::Instant;

use super::socket::Socket;

/// The request line and the headers together, in bytes. Browsers send the cookies of every port of a host.
const LONGEST_HEAD: usize = 16 << 10;
/// A body, in bytes: constraints are a few hundred.
const LONGEST_BODY: usize = 64 << 10;
/// Headers.
const MOST_HEADERS: usize = 64;

/// What is understood of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    /// As GET, without the body of the answer.
    Head,
    Post,
    /// A browser's question before a page's request (CORS-preflight).
    Options,
    /// Nothing here takes it.
    Other,
}

/// A request's head, and what of the body has come with it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    /// Without the query.
    pub(super) path: String,
    query: String,
    headers: Vec<(String, String)>,
    /// What came after the head.
    pub(super) rest: Vec<u8>,
}

/// Why there is no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The connection is gone, or ended before there was a request.
    Gone,
    /// The time is up.
    Late,
    /// It is no HTTP/1.1 request.
    Malformed,
    /// More headers than are read.
    HeadTooLong,
    /// A longer body than is read.
    BodyTooLong,
    /// A body of unknown length, which nothing here needs.
    LengthRequired,
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut { Self::Late } else { Self::Gone }
    }
}

impl Request {
    /// Reads a head.
    pub(super) fn read(socket: &Socket, deadline: Instant) -> Result<Self, Refused> {
        let mut bytes = Vec::with_capacity(1024);
        let mut chunk = [0; 2048];
        loop {
            let read = socket.read_by(&mut chunk, deadline)?;
            if read == 0 {
                return Err(Refused::Gone);
            }
            bytes.extend_from_slice(chunk.get(..read).unwrap_or_default());
            match Self::parse(&bytes)? {
                Some(request) => return Ok(request),
                None if bytes.len() >= LONGEST_HEAD => return Err(Refused::HeadTooLong),
                None => {}
            }
        }
    }

    /// Of what has come so far; `None` where more must come.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, Refused> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let head = match request.parse(bytes) {
            Ok(httparse::Status::Complete(head)) if head <= LONGEST_HEAD => head,
            Ok(httparse::Status::Complete(_)) | Err(httparse::Error::TooManyHeaders) => {
                return Err(Refused::HeadTooLong);
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(Refused::Malformed),
        };
        let method = match request.method {
            Some("GET") => Method::Get,
            Some("HEAD") => Method::Head,
            Some("POST") => Method::Post,
            Some("OPTIONS") => Method::Options,
            _ => Method::Other,
        };
        let target = request.path.unwrap_or_default();
        // A proxy's form, http://..., and OPTIONS * are not for us.
        if !target.starts_with('/') {
            return Err(Refused::Malformed);
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = request.headers.iter().map(|header| {
            let value = std::str::from_utf8(header.value).map_err(|_| Refused::Malformed)?;
            Ok((header.name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        Ok(Some(Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.collect::<Result<_, Refused>>()?,
            rest: bytes.get(head..).unwrap_or_default().to_vec(),
        }))
    }

    /// A header's value, by its name in small letters; the first of several.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// A header that counts only where it is said once.
    pub(super) fn single(&self, name: &str) -> Result<Option<&str>, Refused> {
        let mut values = self.headers.iter().filter(|(own, _)| own == name);
        match (values.next(), values.next()) {
            (first, None) => Ok(first.map(|(_, value)| value.as_str())),
            _ => Err(Refused::Malformed),
        }
    }

    /// Whether a header's list has this word, in any case.
    pub(super) fn lists(&self, name: &str, word: &str) -> bool {
        self.list(name).any(|item| item.eq_ignore_ascii_case(word))
    }

    /// The words of a header's list.
    pub(super) fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let values = self.headers.iter().filter(move |(own, _)| own == name);
        values.flat_map(|(_, value)| value.split(',')).map(str::trim)
    }

    /// A parameter of the query, as it stands there: nothing that is asked for here needs an escape.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| pair.split_once('=').filter(|(own, _)| *own == name)).map(|pair| pair.1)
    }

    /// A cookie's value.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        let mut cookies = self.headers.iter().filter(|(own, _)| own == "cookie").flat_map(|(_, list)| list.split(';'));
        cookies.find_map(|cookie| cookie.trim().split_once('=').filter(|(own, _)| *own == name)).map(|pair| pair.1)
    }

    /// The body, read to its end.
    pub(super) fn body(&mut self, socket: &Socket, deadline: Instant) -> Result<Vec<u8>, Refused> {
        if self.header("transfer-encoding").is_some() {
            return Err(Refused::LengthRequired);
        }
        let length = self.single("content-length")?.ok_or(Refused::LengthRequired)?;
        if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refused::Malformed);
        }
        let length =
            length.parse().ok().filter(|&length: &usize| length <= LONGEST_BODY).ok_or(Refused::BodyTooLong)?;
        let mut body = std::mem::take(&mut self.rest);
        let mut chunk = [0; 2048];
        while body.len() < length {
            let read = socket.read_by(&mut chunk, deadline)?;
            if read == 0 {
                return Err(Refused::Gone);
            }
            body.extend_from_slice(chunk.get(..read).unwrap_or_default());
        }
        body.truncate(length);
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Request {
        Request::parse(text.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn a_head_is_taken_apart_and_what_follows_is_kept() {
        let request = parsed(
            "POST /constraints?token=abc&x=1 HTTP/1.1\r\nHost: localhost:1\r\nCookie: a=b; usermedia=c\r\n\
             Connection: keep-alive, Upgrade\r\n\r\n{}",
        );
        assert_eq!((request.method, &*request.path), (Method::Post, "/constraints"));
        assert_eq!((request.parameter("token"), request.parameter("y")), (Some("abc"), None));
        assert_eq!(request.cookie("usermedia"), Some("c"));
        assert_eq!(request.single("host"), Ok(Some("localhost:1")));
        assert!(request.lists("connection", "upgrade"));
        assert_eq!(request.rest, b"{}");
    }

    #[test]
    fn half_a_head_is_waited_for() {
        for text in ["", "GET", "GET / HTTP/1.1\r\nHost: x", "GET / HTTP/1.1\r\nHost: x\r\n"] {
            assert!(Request::parse(text.as_bytes()).unwrap().is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_no_request_to_us_is_refused() {
        let refused = |text: &str| Request::parse(text.as_bytes()).unwrap_err();
        assert_eq!(refused("GET http://other/ HTTP/1.1\r\n\r\n"), Refused::Malformed);
        assert_eq!(refused("\x16\x03\x01\x02\x00\r\n\r\n"), Refused::Malformed);
        assert_eq!(refused("GET / HTTP/1.1\r\nHost: \u{0}\r\n\r\n"), Refused::Malformed);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MOST_HEADERS + 1));
        assert_eq!(refused(&many), Refused::HeadTooLong);
    }

    #[test]
    fn a_header_that_must_be_single_is_refused_twice() {
        let twice = parsed("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
        assert_eq!(twice.single("host"), Err(Refused::Malformed));
    }
}
