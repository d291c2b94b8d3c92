//! From a connection to what it asks for.

use std::io;
use std::sync::mpsc::{Sender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::guard::{Admission, Guard, is_websocket};
use super::keeper::{Change, Command};
use super::listener::Place;
use super::request::{Method, Request};
use super::response::Response;
use super::sending::STALL;
use super::socket::Socket;
use super::stage::Stage;
use super::{USERMEDIA_JS, mjpeg, state, websocket};
use crate::constraints::MediaStreamConstraints;
use crate::document::Path;
use crate::error::{Error, Result};
use crate::json::document;
use crate::sink::Metrics;

/// How long a request may take to come in, from the connection to its last byte.
const REQUEST: Duration = Duration::from_secs(5);
/// How long a change may take: a camera that does not answer takes five seconds, and a person is asked for longer.
const CHANGE: Duration = Duration::from_secs(30);

const HTML: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/app.js");
const FORMS: &str = include_str!("page/forms.js");
const ICON: &str = include_str!("page/icon.svg");
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// What every connection shares.
#[derive(Debug)]
pub(super) struct Router {
    pub(super) guard: Guard,
    pub(super) stage: Arc<Stage>,
    /// The keeper's ear.
    pub(super) commands: Mutex<Sender<Command>>,
}

impl Router {
    /// Serves one connection to its end: one request, or a stream.
    pub(super) fn serve(&self, socket: &Socket, place: &mut Place) {
        // Whatever fails here fails for this one alone, and it knows best why.
        let _ = self.answer(socket, place);
        socket.close_softly(Instant::now() + Duration::from_millis(500));
    }

    fn answer(&self, socket: &Socket, place: &mut Place) -> io::Result<()> {
        let deadline = Instant::now() + REQUEST;
        let peer = socket.peer()?;
        if !self.guard.may_connect(peer) {
            return Response::forbidden().write(Method::Get, socket, deadline);
        }
        let mut request = match Request::read(socket, deadline) {
            Ok(request) => request,
            Err(refused) => {
                let response = Response::refused(refused);
                return response.map_or(Ok(()), |response| response.write(Method::Get, socket, Instant::now() + STALL));
            }
        };
        let page = self.guard.other_page(&request, peer);
        if request.method == Method::Options && page.is_some() {
            return Response::preflight().read_by(page.as_deref()).write(request.method, socket, deadline);
        }
        let Ok(admission) = self.guard.admit(&request, peer) else {
            return Response::forbidden().read_by(page.as_deref()).write(request.method, socket, deadline);
        };
        if !place.admit() {
            let full = Response::text(503, "Too many are connected already.").with("Retry-After", "5");
            return full.read_by(page.as_deref()).write(request.method, socket, deadline);
        }
        self.route(&mut request, socket, (admission, page.as_deref()), deadline)
    }

    /// `page` is the other page that asks, and may read the answer, where it is one.
    fn route(
        &self,
        request: &mut Request,
        socket: &Socket,
        (admission, page): (Admission, Option<&str>),
        deadline: Instant,
    ) -> io::Result<()> {
        let method = request.method;
        let below = request.path.strip_prefix(self.guard.page());
        let path = below.map_or_else(|| request.path.clone(), |path| format!("/{path}"));
        let is_get = matches!(method, Method::Get | Method::Head);
        let respond = |response: Response| response.read_by(page).write(method, socket, Instant::now() + STALL);
        match (path.as_str(), method) {
            ("/stream", Method::Get) => mjpeg::stream(socket, &self.stage),
            ("/snapshot", Method::Get | Method::Head) => mjpeg::snapshot(socket, &self.stage, method),
            ("/ws", Method::Get) if is_websocket(request) => match websocket::accept(request, socket)? {
                Some(()) => websocket::run(request, socket, &self.stage),
                None => Ok(()),
            },
            ("/ws", Method::Get) => {
                respond(Response::text(426, "This path is a WebSocket.").with("Upgrade", "websocket"))
            }
            ("/constraints" | "/retry", Method::Post) => {
                let body = match request.body(socket, deadline) {
                    Ok(body) => body,
                    Err(refused) => return Response::refused(refused).map_or(Ok(()), respond),
                };
                let change = if path == "/retry" { Ok(self.missing()) } else { change(&body) };
                // A page says who it is, by what the WebSocket told it.
                let viewer = request.parameter("viewer").and_then(|viewer| viewer.parse().ok());
                respond(self.changed(change, viewer))
            }
            ("/constraints" | "/retry", _) => respond(Response::wrong_method("POST")),
            // The token is gone from the address and from the history before the page is there.
            ("/", Method::Get | Method::Head) if admission == Admission::Link => respond(
                Response::text(303, "The page is elsewhere.")
                    .with("Location", self.guard.page())
                    .with("Set-Cookie", self.guard.cookie()),
            ),
            (path, _) if is_get => respond(self.file(path, request)),
            (path, _) if self.is_path(path) => respond(Response::wrong_method("GET")),
            _ => respond(Response::text(404, "There is nothing here.")),
        }
    }

    fn is_path(&self, path: &str) -> bool {
        matches!(
            path,
            "/" | "/app.js"
                | "/forms.js"
                | "/usermedia.js"
                | "/style.css"
                | "/icon.svg"
                | "/stream"
                | "/snapshot"
                | "/state"
                | "/devices"
                | "/metrics"
                | "/ws"
        )
    }

    fn file(&self, path: &str, request: &Request) -> Response {
        match path {
            "/" => Response::html(HTML, request.header("host").unwrap_or_default()),
            "/app.js" => Response::new(200, JAVASCRIPT, SCRIPT),
            "/forms.js" => Response::new(200, JAVASCRIPT, FORMS),
            "/usermedia.js" => Response::new(200, JAVASCRIPT, USERMEDIA_JS).for_all(),
            "/style.css" => Response::new(200, "text/css; charset=utf-8", STYLE),
            "/icon.svg" => Response::new(200, "image/svg+xml", ICON),
            "/state" => Response::json(200, state::document(&self.stage).to_string()),
            "/devices" => Response::json(200, state::devices(&self.stage).to_string()),
            "/metrics" => {
                let metrics = Metrics::new().with_stream(&self.stage.statistics());
                Response::new(200, "text/plain; version=0.0.4; charset=utf-8", metrics.to_string())
            }
            "/stream" | "/ws" => Response::wrong_method("GET"),
            _ => Response::text(404, "There is nothing here."),
        }
    }

    /// Asks again for what was asked for and is not there.
    fn missing(&self) -> Change {
        let parts = self.stage.parts();
        let (video, audio) = (&parts.video, &parts.audio);
        Change {
            video: (video.track.is_none() && video.asked.is_requested()).then(|| video.asked.clone()),
            audio: (audio.track.is_none() && audio.asked.is_requested()).then(|| audio.asked.clone()),
        }
    }

    fn changed(&self, change: Result<Change>, viewer: Option<u64>) -> Response {
        let change = match change {
            Ok(change) => change,
            Err(error) => return failed(400, &error),
        };
        let (done, outcome) = sync_channel(1);
        let command = Command::Apply(change, viewer, done);
        let told = self.commands.lock().unwrap_or_else(PoisonError::into_inner).send(command);
        if told.is_err() {
            return Response::text(503, "The service is ending.");
        }
        match outcome.recv_timeout(CHANGE) {
            Ok(Ok(())) => Response::json(200, state::document(&self.stage).to_string()),
            Ok(Err(error)) => failed(422, &error),
            Err(_) => Response::text(503, "That takes long; the state will tell what came of it."),
        }
    }
}

fn failed(status: u16, error: &Error) -> Response {
    Response::json(status, error.to_json())
}

/// `{"video": true, "audio": false}`: what is not in it stays as it is.
fn change(body: &[u8]) -> Result<Change> {
    const DOCUMENT: &str = "the constraints";
    let constraints = MediaStreamConstraints::from_json(body)?;
    let (mut video, mut audio) = (false, false);
    document(body, DOCUMENT)?.members(&Path::root(DOCUMENT), "an object with video or audio", |name, _| {
        match &*name {
            "video" => video = true,
            "audio" => audio = true,
            _ => {}
        }
        Ok(())
    })?;
    Ok(Change { video: video.then_some(constraints.video), audio: audio.then_some(constraints.audio) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constraints::MediaTrackRequest;

    #[test]
    fn what_a_change_does_not_speak_of_stays() {
        assert_eq!(change(b"{}").unwrap(), Change::default());
        let only = change(br#"{"audio": false}"#).unwrap();
        assert_eq!(only, Change { video: None, audio: Some(MediaTrackRequest::NotRequested) });
        assert_eq!(change(br#"{"video": true}"#).unwrap().video, Some(MediaTrackRequest::Any));
        assert!(change(b"width=3").is_err());
    }

    #[test]
    fn the_page_asks_nobody_else() {
        for file in [HTML, STYLE, SCRIPT, FORMS, ICON] {
            let elsewhere = file.replace("http://www.w3.org/2000/svg", "");
            assert!(!elsewhere.contains("//cdn") && !elsewhere.contains("http://") && !elsewhere.contains("https://"));
        }
        // Nothing inline, or the policy would refuse it.
        assert!(!HTML.contains("<style") && !HTML.contains(" style=") && !HTML.contains(" onclick="));
    }
}
