//! A served page and a client of it that shows every byte.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Run, send, start, usermedia};

/// `usermedia serve`, killed with its test.
pub struct Server {
    child: Option<Child>,
    stdout: Option<BufReader<ChildStdout>>,
    /// The first line of `--json`.
    pub listening: Value,
}

impl Server {
    /// The built-in devices on a free port.
    pub fn synthetic(arguments: &[&str]) -> Self {
        Self::start(&[&["--synthetic", "--port", "0"], arguments].concat())
    }

    pub fn start(arguments: &[&str]) -> Self {
        Self::of(usermedia().args(["serve", "--json"]).args(arguments))
    }

    pub fn of(command: &mut Command) -> Self {
        let mut child = start(command);
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let listening = serde_json::from_str(&line).unwrap_or_else(|_| {
            let mut told = String::new();
            let _ = child.stderr.take().expect("a pipe").read_to_string(&mut told);
            panic!("no first line: {line:?} {told}")
        });
        Self { child: Some(child), stdout: Some(stdout), listening }
    }

    pub fn port(&self) -> u16 {
        self.listening["port"].as_u64().and_then(|port| port.try_into().ok()).expect("a port")
    }

    pub fn token(&self) -> &str {
        self.listening["token"].as_str().expect("a token")
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    pub fn origin(&self) -> String {
        format!("http://{}", self.host())
    }

    pub fn process(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port())).expect("it listens");
        // A test that waits for what never comes fails.
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        stream
    }

    /// A request with these headers and no others, answered to its end.
    pub fn ask(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(&request(line, headers, body)).expect("it is taken");
        Answer::read(&mut BufReader::new(stream))
    }

    /// With the token.
    pub fn get(&self, path: &str) -> Answer {
        let bearer = self.bearer();
        self.ask(&format!("GET {path}"), &[("Host", &self.host()), ("Authorization", &bearer)], "")
    }

    /// As our page posts.
    pub fn post(&self, path: &str, body: &str) -> Answer {
        let (bearer, length) = (self.bearer(), body.len().to_string());
        let headers = [
            ("Host", &*self.host()),
            ("Authorization", &*bearer),
            ("Origin", &*self.origin()),
            ("Content-Length", &*length),
        ];
        self.ask(&format!("POST {path}"), &headers, body)
    }

    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.token())
    }

    /// `result` of /state.
    pub fn state(&self) -> Value {
        let answer = self.get("/state");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let mut state: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(state["ok"], true);
        state["result"].take()
    }

    /// A stream of pictures.
    pub fn stream(&self) -> Parts {
        Parts::of(self.connect(), self)
    }

    /// Ends it by a signal, and tells how.
    pub fn end(mut self, signal: Signal) -> Run {
        let child = self.child.take().expect("it runs");
        send(&child, signal);
        let mut stdout = String::new();
        self.stdout.take().expect("a pipe").read_to_string(&mut stdout).expect("text");
        let mut run = Run::from(child.wait_with_output().expect("it ends"));
        run.stdout = stdout;
        run
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub fn request(line: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{line} HTTP/1.1\r\n{headers}\r\n{body}").into_bytes()
}

/// What came back.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    /// By their names in small letters.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    /// To the end of the connection.
    pub fn read(stream: &mut impl BufRead) -> Self {
        let mut line = String::new();
        stream.read_line(&mut line).expect("a status line");
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status: {line:?}"));
        let headers = headers(stream);
        let mut body = Vec::new();
        stream.read_to_end(&mut body).expect("a body");
        if let Some(length) = headers.get("content-length") {
            assert_eq!(body.len().to_string(), *length);
        }
        Self { status, headers, body }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// Headers up to the empty line.
fn headers(stream: &mut impl BufRead) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).expect("a header");
        match line.trim_end().split_once(':') {
            None => return headers,
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.trim().to_owned()),
        };
    }
}

/// The parts of a multipart stream.
pub struct Parts {
    stream: BufReader<TcpStream>,
}

/// One picture.
#[derive(Debug)]
pub struct Part {
    pub headers: BTreeMap<String, String>,
    pub jpeg: Vec<u8>,
}

impl Part {
    pub fn number(&self, header: &str) -> u64 {
        self.headers[header].parse().unwrap_or_else(|_| panic!("{header}: {:?}", self.headers))
    }
}

impl Parts {
    /// Asks for it on a connection that may have been made in a special way.
    pub fn of(mut stream: TcpStream, server: &Server) -> Self {
        let headers = [("Host", &*server.host()), ("Authorization", &*server.bearer())];
        stream.write_all(&request("GET /stream", &headers, "")).expect("it is taken");
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).expect("a status line");
        assert!(line.starts_with("HTTP/1.1 200 "), "{line}");
        let headers = self::headers(&mut stream);
        assert_eq!(headers["content-type"], "multipart/x-mixed-replace; boundary=boundarydonotcross");
        Self { stream }
    }

    pub fn next(&mut self) -> Part {
        let mut line = String::new();
        while line.trim().is_empty() {
            line.clear();
            assert_ne!(self.stream.read_line(&mut line).expect("a boundary"), 0, "the stream goes on");
        }
        assert_eq!(line.trim(), "--boundarydonotcross");
        let headers = headers(&mut self.stream);
        assert_eq!(headers["content-type"], "image/jpeg");
        let mut jpeg = vec![0; headers["content-length"].parse().expect("a length")];
        self.stream.read_exact(&mut jpeg).expect("a picture");
        assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]));
        Part { headers, jpeg }
    }
}
