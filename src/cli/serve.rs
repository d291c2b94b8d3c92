//! `usermedia serve`.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::process::ExitCode;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::args::{Request, ServeArguments};
use super::event::{self, Event};
use super::manager::Manager;
use super::{Failure, permission, print, request, signals, text};
use crate::constraints::MediaStreamConstraints;
use crate::document::object;
use crate::error::{Error, ErrorName, Result};
use crate::serve::{Notice, ServeOptions, Service, Token};
use crate::stream::MediaDevices;

pub(super) fn run(arguments: &ServeArguments) -> Result<ExitCode, Failure> {
    let (_events, ends) = event::channel()?;
    if let Some(level) = arguments.log {
        // Only the first of a process can be: this one.
        let _ = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_ansi(false).try_init();
    }
    let devices = permission::guard(request::devices(&arguments.common), &arguments.permission)
        .with_buffers(arguments.buffers)
        .with_recovery(arguments.patience)
        .with_resolve_options(request::options(&arguments.request, true));
    let constraints = constraints(&arguments.request, &devices)?;
    let service = Service::start(devices, constraints, options(arguments)?)?;
    if let Some(address) = service.address().filter(|address| !address.ip().is_loopback()) {
        let warning = format!(
            "warning: {address} can be reached by others than this machine, and nothing is encrypted: whoever reads the \
             network's traffic sees the pictures and the token."
        );
        print::note(&text::sentence("", &warning, text::width()));
    }
    if arguments.common.json {
        print::result(&crate::json::to_string(&Listening(&service)))?;
    } else {
        print::result(&told(&service))?;
    }
    let mut manager = Manager::of_this_process();
    // Without the token: a manager's status is for everybody.
    manager.ready(&service.url().map_or_else(|| "Serving.".to_owned(), |url| format!("Serving on {url}.")));
    // Nothing but a signal ends it.
    let signal = loop {
        let event = match manager.due() {
            None => Some(ends.recv()),
            Some(left) => ends.recv_timeout(left),
        };
        match event {
            Some(Event::Signal(signal)) => break signal,
            Some(_) => {}
            None => manager.attend(|| service.statistics()),
        }
    };
    manager.stopping();
    service.stop();
    if arguments.common.json {
        print::result(&crate::json::to_string(&Ended(signal.as_str())))?;
    }
    Ok(ExitCode::from(signals::exit_code(signal)))
}

/// What is asked for: camera and microphone, whichever there is, where nothing is said.
fn constraints(request: &Request, devices: &MediaDevices) -> Result<MediaStreamConstraints> {
    if request.is_empty() {
        return Ok(MediaStreamConstraints::new().video(true).audio(true));
    }
    request::constraints(request, || devices.enumerate_all_devices())
}

fn options(arguments: &ServeArguments) -> Result<ServeOptions> {
    let mut options = ServeOptions::new()
        .address((!arguments.no_tcp).then_some(arguments.address))
        .port(arguments.port)
        .quality(arguments.quality)
        .on_notice(tell);
    if let Some(socket) = &arguments.socket {
        options = options.socket(socket);
    }
    if let Some(file) = &arguments.token_file {
        options = options.token(kept_token(file)?);
    }
    for policy in permission::files(&arguments.permission) {
        options = options.origin_policy(policy);
    }
    let options = arguments.host.iter().fold(options, |options, host| options.host(host));
    Ok(arguments.origin.iter().fold(options, |options, origin| options.origin(origin)))
}

/// The token in a file that others cannot read; made where there is none.
fn kept_token(path: &Path) -> Result<Token> {
    let failed = |error: io::Error| {
        Error::new(ErrorName::NotReadableError, format!("the token file {} cannot be used: {error}", path.display()))
            .with_remedy("give a file in a directory of your own")
    };
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            let token = Token::random()?;
            writeln!(file, "{}", token.as_str()).and_then(|()| file.sync_all()).map_err(failed)?;
            Ok(token)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let file = fs::File::open(path).map_err(failed)?;
            // Asked of the open file: what lies at the path may be another by now.
            if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
                let message = format!("others than its owner may read the token file {}", path.display());
                return Err(Error::new(ErrorName::NotAllowedError, message)
                    .with_remedy(format!("chmod 600 {}", path.display())));
            }
            let mut text = String::new();
            file.take(1024).read_to_string(&mut text).map_err(failed)?;
            Token::from_text(text.trim())
        }
        Err(error) => Err(failed(error)),
    }
}

/// What happens to the devices, on stderr.
fn tell(notice: &Notice<'_>) {
    match notice {
        Notice::Opened(kind, label) => print::note(&format!("{label}: its {kind} is captured.")),
        Notice::Missing(what, error) => {
            let hint = error.remedy().map(|remedy| format!(" ({remedy})")).unwrap_or_default();
            let line = format!("No {what} for now: {}{hint}.", error.message());
            print::note(&text::sentence("", &line, text::width()));
        }
        Notice::Recovery(label, event) => print::note(&format!("{label}: {event}.")),
    }
}

/// Where to go.
fn told(service: &Service) -> String {
    let mut lines = Vec::new();
    if let Some(link) = service.link() {
        lines.push(format!("open       {link}"));
    }
    if let Some(socket) = service.socket() {
        lines.push(format!("socket     {} (for this user and root)", socket.display()));
    }
    lines.push("end        Ctrl-C".to_owned());
    lines.join("\n")
}

/// The first line of `--json`.
struct Listening<'a>(&'a Service);

impl Serialize for Listening<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let service = self.0;
        object!(serializer, {
            "ok": true,
            "event": "listening",
            "link": service.link(),
            "url": service.url(),
            "address": service.address().map(|address| address.ip().to_string()),
            "port": service.port(),
            "token": service.token().as_str(),
            "socket": service.socket().map(|path| path.to_string_lossy()),
        })
    }
}

/// The last line of `--json`.
struct Ended(&'static str);

impl Serialize for Ended {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, { "ok": true, "event": "ended", "endedBy": self.0 })
    }
}
