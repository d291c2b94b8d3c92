//! A site of somebody's own: one page from memory, over HTTP or, with a certificate of its own making, over HTTPS.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::{Process, free_port};
use crate::service::Service;

/// What pages of the tests have besides the script: a picture, and what reads it.
pub const HELPERS: &str = include_str!("helpers.js");

pub struct Site {
    pub origin: String,
    _tls: Option<Process>,
}

/// A page with `usermedia.js`, and what its policy (CSP) allows: what the documentation says it must, and not more.
fn page(service: &Service, url: &str) -> (String, String) {
    let html = format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><title>kiosk</title></head><body>\
         <video id=\"video\" autoplay playsinline muted></video>\
         <script src=\"{}\"></script><script src=\"helpers.js\"></script></body></html>",
        service.script(url)
    );
    let policy = format!(
        "default-src 'none'; script-src 'self' {url}; connect-src {url} {}; media-src blob: mediastream:; img-src blob:",
        url.replacen("http", "ws", 1)
    );
    (html, policy)
}

impl Site {
    /// At this name, `localhost` or `127.0.0.1`: another origin than the service's, by the port at least.
    pub fn http(host: &str, service: &Service) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let origin = format!("http://{host}:{}", listener.local_addr().expect("an address").port());
        let (html, policy) = page(service, &service.url());
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (html, policy) = (html.clone(), policy.clone());
                thread::spawn(move || drop(answer(stream, &html, &policy)));
            }
        });
        Self { origin, _tls: None }
    }

    /// The same at `https://localhost`, by Python's TLS; the service reached as it is, or through a proxy with TLS.
    pub fn https(service: &Service, by_proxy: bool) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("site-{}", service.port));
        std::fs::create_dir_all(&folder).expect("a folder");
        let (port, proxy) = (free_port(), free_port());
        let url = if by_proxy { format!("https://localhost:{proxy}") } else { service.url() };
        let (html, policy) = page(service, &url);
        std::fs::write(folder.join("index.html"), html).expect("a page");
        std::fs::write(folder.join("helpers.js"), HELPERS).expect("a script");
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "certificate.pem"])
            .current_dir(&folder)
            .stderr(Stdio::null())
            .status();
        assert!(made.is_ok_and(|status| status.success()), "openssl makes a certificate");
        let mut server = Command::new("python3");
        server.args(["-c", include_str!("https.py"), &port.to_string(), &policy, &proxy.to_string()]);
        server.arg(service.port.to_string()).current_dir(&folder).stderr(Stdio::null());
        let tls = Process(server.spawn().expect("python3 starts"));
        for port in [port, proxy] {
            let deadline = Instant::now() + Duration::from_secs(60);
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                assert!(Instant::now() < deadline, "the site is never there");
                thread::sleep(Duration::from_millis(20));
            }
        }
        Self { origin: format!("https://localhost:{port}"), _tls: Some(tls) }
    }
}

fn answer(mut stream: TcpStream, html: &str, policy: &str) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            read => head.extend_from_slice(&chunk[..read]),
        }
    }
    let path = String::from_utf8_lossy(&head);
    let (status, kind, body) = match path.split(' ').nth(1) {
        Some("/") => ("200 OK", "text/html", html),
        Some("/helpers.js") => ("200 OK", "text/javascript", HELPERS),
        _ => ("404 Not Found", "text/plain", ""),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Security-Policy: {policy}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
