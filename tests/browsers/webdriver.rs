//! A client of WebDriver (W3C), as far as the tests need one: JSON over HTTP, one request on each connection.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

/// One browser window, closed when this is dropped.
pub struct Session {
    port: u16,
    id: String,
}

impl Session {
    /// Opens a browser with these capabilities, by the driver that listens on this port.
    pub fn open(port: u16, capabilities: &Value) -> Result<Self, String> {
        let wanted = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let opened = request(port, "POST", "/session", Some(&wanted))?;
        let id = opened["sessionId"].as_str().ok_or_else(|| format!("no session: {opened}"))?;
        let session = Self { port, id: id.to_owned() };
        // A loaded machine takes its time; what never comes must fail in the page, which says what it waited for.
        session.post("timeouts", &json!({ "script": 120_000, "pageLoad": 120_000 }));
        Ok(session)
    }

    fn post(&self, command: &str, body: &Value) -> Value {
        request(self.port, "POST", &format!("/session/{}/{command}", self.id), Some(body))
            .unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Goes to a page, and waits until it is loaded.
    pub fn go_to(&self, url: &str) {
        self.post("url", &json!({ "url": url }));
    }

    /// Makes the window cover that much of the screen, from its upper left corner.
    pub fn spread(&self, (width, height): (usize, usize)) {
        self.post("window/rect", &json!({ "x": 0, "y": 0, "width": width, "height": height }));
    }

    /// Another window of the same browser, in which the next commands run.
    pub fn new_window(&self) -> String {
        let window = self.post("window/new", &json!({ "type": "tab" }));
        let handle = window["handle"].as_str().expect("a handle").to_owned();
        self.switch_to(&handle);
        handle
    }

    /// The window in which commands run.
    pub fn window(&self) -> String {
        let window = request(self.port, "GET", &format!("/session/{}/window", self.id), None).expect("a window");
        window.as_str().expect("a handle").to_owned()
    }

    pub fn switch_to(&self, handle: &str) {
        self.post("window", &json!({ "handle": handle }));
    }

    /// Runs the body of an asynchronous function in the page, and gives what it returns. What it throws fails the test.
    #[track_caller]
    pub fn run(&self, body: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             (async () => {{ {body} }})().then((value) => done({{ value: value === undefined ? null : value }}),
                 (error) => done({{ error: `${{error}} ${{error && error.stack}}` }}));"
        );
        let mut outcome = self.post("execute/async", &json!({ "script": script, "args": [] }));
        assert!(outcome.get("error").is_none(), "{}", outcome["error"]);
        outcome["value"].take()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = request(self.port, "DELETE", &format!("/session/{}", self.id), None);
    }
}

/// The `value` of an answer, or its error in words.
fn request(port: u16, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
    let failed = |error: std::io::Error| format!("{method} {path}: {error}");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
    stream.set_read_timeout(Some(Duration::from_secs(180))).map_err(failed)?;
    let body = body.map(Value::to_string).unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
    .map_err(failed)?;
    let mut answer = Vec::new();
    let mut chunk = [0; 16 << 10];
    // Not every driver closes the connection: the length says where the answer ends.
    loop {
        if let Some((start, length)) = body_of(&answer)
            && answer.len() >= start + length
        {
            let text = &answer[start..start + length];
            let mut document: Value =
                serde_json::from_slice(text).map_err(|error| format!("{method} {path}: {error}"))?;
            let value = document["value"].take();
            return match value.get("error").and_then(Value::as_str) {
                Some(error) => Err(format!("{error}: {}", value["message"].as_str().unwrap_or_default())),
                None => Ok(value),
            };
        }
        match stream.read(&mut chunk).map_err(failed)? {
            0 => return Err(format!("{method} {path}: the driver said {:?}", String::from_utf8_lossy(&answer))),
            read => answer.extend_from_slice(&chunk[..read]),
        }
    }
}

/// Where an answer's body begins, and how long it is; `None` while the head is not all there.
fn body_of(answer: &[u8]) -> Option<(usize, usize)> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"))?;
    Some((end + 4, length.trim().parse().ok()?))
}
