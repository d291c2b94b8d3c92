//! A service from its start to its end.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::geteuid;

use super::guard::Guard;
use super::keeper::{Command, Keeper};
use super::listener::{Hall, Listener};
use super::options::ServeOptions;
use super::router::Router;
use super::stage::Stage;
use super::token::Token;
use crate::constraints::MediaStreamConstraints;
use crate::error::{Error, ErrorName, Result};
use crate::stream::{MediaDevices, StreamStatistics};
use crate::thread;

/// How long the devices may take to close at the end.
const CLOSING: Duration = Duration::from_secs(3);

/// A live page that is served. Dropping it ends it, and closes the devices.
#[derive(Debug)]
pub struct Service {
    router: Arc<Router>,
    hall: Arc<Hall>,
    address: Option<SocketAddr>,
    socket: Option<PathBuf>,
    stop: Arc<EventFd>,
    commands: Sender<Command>,
    /// Hears the end of the keeper, which closes the devices.
    kept: Receiver<()>,
}

impl Service {
    /// Listens, gets what `constraints` ask for, and serves until it is stopped.
    ///
    /// It does not fail for want of a device, or of permission: the page says what is missing and why, and a device that
    /// comes is taken. Constraints that ask for nothing at all are those of a page that waits to be told.
    ///
    /// # Errors
    /// [`ErrorName::NotReadableError`] where it cannot listen, [`ErrorName::TypeError`] where there is nothing to listen on,
    /// [`ErrorName::AbortError`] where the system has no thread or no random bytes for it.
    pub fn start(devices: MediaDevices, constraints: MediaStreamConstraints, options: ServeOptions) -> Result<Self> {
        let mut listeners = Vec::new();
        let mut address = None;
        if let Some(ip) = options.address {
            let wanted = SocketAddr::new(ip, options.port);
            let listener = Listener::tcp(wanted).map_err(|error| cannot_listen(&wanted, &error))?;
            address = listener.port().map(|port| SocketAddr::new(ip, port));
            listeners.push(listener);
        }
        if let Some(path) = &options.socket {
            listeners.push(Listener::unix(path).map_err(|error| cannot_listen(&path.display(), &error))?);
        }
        if listeners.is_empty() {
            return Err(Error::new(ErrorName::TypeError, "there is nothing to listen on")
                .with_remedy("give an address or a socket"));
        }
        let port = address.map(|address| address.port());
        let guard = Guard::new(options.token, port, geteuid().as_raw())?
            .with_hosts(&options.hosts)
            .with_origins(&options.origins)
            .with_policies(options.policies);
        let (commands, told) = channel();
        let (ended, kept) = channel();
        let stage = Arc::new(Stage::new(options.quality));
        let router = Arc::new(Router { guard, stage: stage.clone(), commands: Mutex::new(commands.clone()) });
        let stop = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map_err(|errno| no_resources(&errno.desc()))?;
        let service = Self {
            router,
            hall: Arc::default(),
            address,
            socket: options.socket,
            stop: Arc::new(stop),
            commands: commands.clone(),
            kept,
        };
        let keeper = Keeper::new(devices, stage, commands, options.on_notice);
        thread::start("usermedia-serve", "the service", move || {
            keeper.run(constraints, &told);
            let _ = ended.send(());
        })?;
        for listener in listeners {
            let (stop, hall, router) = (service.stop.clone(), service.hall.clone(), service.router.clone());
            thread::start("usermedia-listen", "the service", move || listener.run(&stop, &hall, &router))?;
        }
        Ok(service)
    }

    /// The address it listens on, with the port that was free.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The port.
    pub fn port(&self) -> Option<u16> {
        self.address.map(|address| address.port())
    }

    /// The Unix socket it listens on.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// What lets a program in: `Authorization: Bearer TOKEN`, or `?token=TOKEN`.
    pub fn token(&self) -> &Token {
        self.router.guard.token()
    }

    /// Where it is, without the token: `http://127.0.0.1:8080/`.
    pub fn url(&self) -> Option<String> {
        let address = self.address?;
        // Nobody can go to "any address"; this machine can go to its own.
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
            IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".to_owned(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        Some(format!("http://{ip}:{}/", address.port()))
    }

    /// The link that opens the page.
    pub fn link(&self) -> Option<String> {
        self.url().map(|url| format!("{url}?token={}", self.token().as_str()))
    }

    /// Everything that was counted of the devices that are captured now.
    pub fn statistics(&self) -> StreamStatistics {
        self.router.stage.statistics()
    }

    /// Ends it: connections are closed, devices too.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.stop.write(1);
        self.hall.close();
        let _ = self.commands.send(Command::Stop);
        // A keeper that asks a person for permission, or waits for a driver, is left to itself.
        if let Err(RecvTimeoutError::Disconnected) = self.kept.recv_timeout(CLOSING) {
            // It never began.
        }
        if let Some(path) = &self.socket {
            let _ = fs::remove_file(path);
        }
    }
}

fn no_resources(error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorName::AbortError, format!("the service cannot start: {error}"))
        .with_remedy("raise the limits of threads and open files (ulimit -u, ulimit -n)")
}

fn cannot_listen(what: &dyn std::fmt::Display, error: &io::Error) -> Error {
    let (why, remedy) = match error.kind() {
        ErrorKind::AddrInUse => {
            ("somebody else listens there".to_owned(), "take another, such as --port 0 for a free one")
        }
        ErrorKind::AlreadyExists => ("there is a file that is no socket".to_owned(), "give another path, or remove it"),
        ErrorKind::PermissionDenied => {
            ("permission denied".to_owned(), "take a port above 1023, or a path of your own")
        }
        ErrorKind::AddrNotAvailable => ("this machine has no such address".to_owned(), "give one of `ip address`"),
        _ => (error.to_string(), "give another address or path"),
    };
    let failed = Error::new(ErrorName::NotReadableError, format!("cannot listen on {what}: {why}")).with_remedy(remedy);
    match error.raw_os_error() {
        Some(errno) => failed.with_errno(errno),
        None => failed,
    }
}
