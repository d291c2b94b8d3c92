//! Other pages than the service's own: `usermedia.js`, the origins that are let in, and one capture for all of them.

use std::fs;
use std::net::TcpStream;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use super::client::{Answer, Server};
use crate::support::{Folder, argument, eventually};

const KIOSK: &str = "https://kiosk.example";

/// A POST of another page, as `fetch` makes it.
fn post(server: &Server, origin: &str, token: &str, path: &str, body: &str) -> Answer {
    let (bearer, length) = (format!("Bearer {token}"), body.len().to_string());
    let headers = [
        ("Host", &*server.host()),
        ("Authorization", &*bearer),
        ("Origin", origin),
        ("Sec-Fetch-Site", "cross-site"),
        ("Content-Length", &*length),
    ];
    server.ask(&format!("POST {path}"), &headers, body)
}

fn preflight(server: &Server, origin: &str, path: &str) -> Answer {
    let headers = [
        ("Host", &*server.host()),
        ("Origin", origin),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type"),
        ("Access-Control-Request-Private-Network", "true"),
    ];
    server.ask(&format!("OPTIONS {path}"), &headers, "")
}

/// A page's connection, and the viewer that it is told to be.
struct Page {
    socket: WebSocket<TcpStream>,
    viewer: u64,
}

impl Page {
    fn open(server: &Server) -> Self {
        let mut request =
            format!("ws://{}/ws?page=1&pictures=0&levels=0", server.host()).into_client_request().unwrap();
        let protocols = format!("usermedia, token.{}", server.token());
        for (name, value) in [("Origin", KIOSK), ("Sec-WebSocket-Protocol", &protocols)] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let (socket, answer) = tungstenite::client(request, server.connect()).expect("it is let in");
        assert_eq!(answer.headers()["sec-websocket-protocol"], "usermedia");
        let mut page = Self { socket, viewer: 0 };
        page.viewer = page.told("hello")["viewer"].as_u64().expect("a number");
        page
    }

    /// The next message of a type.
    fn told(&mut self, kind: &str) -> Value {
        loop {
            if let Message::Text(text) = self.socket.read().expect("it goes on") {
                let message: Value = serde_json::from_str(&text).unwrap();
                if message["type"] == kind {
                    return message;
                }
            }
        }
    }

    fn say(&mut self, message: &Value) {
        self.socket.send(Message::text(message.to_string())).unwrap();
    }

    fn ask(&self, server: &Server, body: &Value) -> Answer {
        post(server, KIOSK, server.token(), &format!("/constraints?viewer={}", self.viewer), &body.to_string())
    }

    /// Has pictures sent, as a page with a track has.
    fn look(&mut self, server: &Server) {
        let before = looking(server);
        self.say(&json!({ "pictures": true, "credit": 1 }));
        eventually("it looks", || looking(server) > before);
    }
}

fn looking(server: &Server) -> usize {
    server.state()["stream"]["clients_stat"]
        .as_object()
        .expect("clients")
        .values()
        .filter(|it| it["kind"] == "page")
        .count()
}

#[test]
fn the_script_is_for_pages_of_any_site_that_have_the_token() {
    let server = Server::synthetic(&["--origin", KIOSK]);
    let line = format!("GET /usermedia.js?token={}", server.token());
    // A <script> of another site: without an origin, and with one where it is a module.
    let plain = server.ask(&line, &[("Host", &server.host()), ("Sec-Fetch-Site", "cross-site")], "");
    assert_eq!((plain.status, &*plain.headers["cross-origin-resource-policy"]), (200, "cross-origin"));
    assert!(plain.headers["content-type"].starts_with("text/javascript") && plain.text().contains("getUserMedia"));
    assert!(!plain.headers.contains_key("access-control-allow-origin"));
    let module = server.ask(&line, &[("Host", &server.host()), ("Origin", KIOSK)], "");
    assert_eq!((module.status, &*module.headers["access-control-allow-origin"]), (200, KIOSK));
    assert_eq!(server.ask(&line, &[("Host", &server.host()), ("Origin", "https://evil.example")], "").status, 403);
    assert_eq!(server.ask("GET /usermedia.js", &[("Host", &server.host())], "").status, 403);
}

#[test]
fn a_listed_page_may_ask_for_constraints_and_read_the_answer() {
    let server = Server::synthetic(&["--origin", KIOSK]);
    let asked = preflight(&server, KIOSK, "/constraints");
    assert_eq!((asked.status, &*asked.headers["access-control-allow-origin"]), (200, KIOSK));
    assert_eq!(asked.headers["access-control-allow-headers"], "authorization, content-type");
    assert_eq!(asked.headers["access-control-allow-private-network"], "true");
    assert_eq!(asked.headers["vary"], "Origin");
    eventually("the camera runs", || server.state()["video"]["state"] == "live");
    let done = post(&server, KIOSK, server.token(), "/constraints", r#"{"video": {"width": {"exact": 320}}}"#);
    assert_eq!((done.status, &*done.headers["access-control-allow-origin"]), (200, KIOSK), "{}", done.text());
    assert_eq!(done.json()["result"]["video"]["settings"]["width"], 320);
    let refused = post(&server, KIOSK, server.token(), "/constraints", r#"{"video": {"width": {"exact": 99999}}}"#);
    assert_eq!((refused.status, &*refused.headers["access-control-allow-origin"]), (422, KIOSK));
    // What is wrong with its token it may read, and nothing else.
    let wrong = post(&server, KIOSK, &"0".repeat(40), "/constraints", "{}");
    assert_eq!((wrong.status, &*wrong.headers["access-control-allow-origin"]), (403, KIOSK));
    assert_eq!(wrong.text(), "Not allowed. Open the link that `usermedia serve` printed.\n");
}

#[test]
fn to_other_pages_and_for_other_paths_there_is_one_sentence() {
    let server = Server::synthetic(&["--origin", KIOSK]);
    let refusal = server.ask("GET /nothing", &[("Host", &server.host())], "");
    assert_eq!(refusal.status, 403);
    for (origin, path) in [
        ("https://evil.example", "/constraints"),
        ("null", "/constraints"),
        (KIOSK, "/state"),
        (KIOSK, "/snapshot"),
        (KIOSK, "/"),
    ] {
        assert_eq!(preflight(&server, origin, path), refusal, "{origin} {path}");
        assert_eq!(post(&server, origin, server.token(), path, "{}"), refusal, "{origin} {path}");
    }
    let rebound = [("Host", "evil.example"), ("Origin", KIOSK)];
    assert_eq!(server.ask("OPTIONS /constraints", &rebound, ""), refusal);
}

#[test]
fn a_policy_lists_origins_from_one_request_to_the_next() {
    let folder = Folder::new();
    let file = folder.write("policy", "allow any *\nallow origin https://kiosk.example\n");
    let server = Server::synthetic(&["--permission", &file, "--origin", "https://other.example"]);
    let status = |origin| preflight(&server, origin, "/constraints").status;
    assert_eq!((status(KIOSK), status("https://other.example")), (200, 200));
    fs::write(folder.path("policy"), "allow any *\ndeny origin *\n").unwrap();
    assert_eq!((status(KIOSK), status("https://other.example")), (403, 403));
    // A slip lets nobody in.
    fs::write(folder.path("policy"), "allow any *\nallow origin kiosk.example\n").unwrap();
    assert_eq!((status(KIOSK), status("https://other.example")), (403, 403));
    assert_eq!(argument(&folder.path("policy")), file);
}

#[test]
fn an_origin_that_is_none_is_wrong_usage() {
    for (origin, said) in [
        ("kiosk.example", "an origin such as https://kiosk.example is expected"),
        ("https://kiosk.example/page", "an origin has neither a path nor a user"),
        ("https://*.example", "each origin is written out"),
    ] {
        crate::support::run(["serve", "--synthetic", "--port", "0", "--origin", origin]).usage(said);
    }
}

#[test]
fn a_page_is_told_the_clock_of_the_stamps() {
    let server = Server::synthetic(&["--origin", KIOSK]);
    let mut page = Page::open(&server);
    page.say(&json!({ "ping": 12.5 }));
    let clock = page.told("clock");
    assert_eq!(clock["ping"], 12.5);
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap();
    let behind = std::time::Duration::from(now).as_secs_f64() * 1000.0 - clock["milliseconds"].as_f64().unwrap();
    assert!((0.0..60_000.0).contains(&behind), "{behind}");
}

#[test]
fn the_only_page_gets_what_it_asks_for_and_no_other_takes_it_away() {
    let server = Server::synthetic(&["--origin", KIOSK]);
    eventually("the camera runs", || server.state()["video"]["state"] == "live");
    let (mut first, second) = (Page::open(&server), Page::open(&server));
    let wide = json!({ "video": { "width": 1280, "height": 720 } });
    // A wish, too.
    assert_eq!(first.ask(&server, &wide).json()["result"]["video"]["settings"]["width"], 1280);
    first.look(&server);
    let refused = second.ask(&server, &json!({ "video": { "width": { "max": 640 } } }));
    let error = refused.json()["error"].clone();
    assert_eq!(
        (refused.status, &error["name"], &error["constraint"]),
        (422, &json!("OverconstrainedError"), &json!("width"))
    );
    assert_eq!(error["message"], "another page has the camera Synthetic camera already, with another width");
    // What runs will do, whatever else is wished for.
    let shared = second.ask(&server, &json!({ "video": { "width": { "min": 640, "ideal": 640 } } }));
    assert_eq!((shared.status, &shared.json()["result"]["video"]["settings"]["width"]), (200, &json!(1280)));
    // Its own page may change it, and whoever runs the service.
    assert_eq!(
        first.ask(&server, &json!({ "video": { "width": 320 } })).json()["result"]["video"]["settings"]["width"],
        320
    );
    let own = server.post("/constraints", r#"{"video": {"width": {"exact": 640}}}"#);
    assert_eq!(own.json()["result"]["video"]["settings"]["width"], 640);
    // Who has let go of it is no hindrance.
    first.say(&json!({ "pictures": false }));
    eventually("nobody looks", || looking(&server) == 0);
    assert_eq!(second.ask(&server, &wide).json()["result"]["video"]["settings"]["width"], 1280);
    assert_eq!(server.state()["video"]["opened"], 1);
}

#[test]
fn a_microphone_that_will_do_goes_on_for_the_next_page() {
    let server = Server::synthetic(&["--origin", KIOSK]);
    eventually("it is heard", || server.state()["audio"]["state"] == "live");
    let page = Page::open(&server);
    let same = page.ask(&server, &json!({ "audio": { "sampleRate": { "exact": 48000 } } }));
    assert_eq!((same.status, &same.json()["result"]["audio"]["opened"]), (200, &json!(1)));
    let other = page.ask(&server, &json!({ "audio": { "sampleRate": { "exact": 44100 } } }));
    // Its parameters are those of its opening.
    assert_eq!((other.status, &other.json()["error"]["constraint"]), (422, &json!("sampleRate")), "{}", other.text());
    let state = server.state();
    assert_eq!((&state["audio"]["state"], &state["audio"]["opened"]), (&json!("live"), &json!(1)));
}
