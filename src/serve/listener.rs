//! Where connections come in: bounded in number, whoever makes them.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags};
use nix::sys::eventfd::EventFd;
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};
use nix::sys::stat::{Mode, fchmod};

use super::router::Router;
use super::socket::{Socket, wait_for};
use crate::thread::named;

/// Connections that have not shown yet that they may be here. When one more comes the oldest goes: whoever is let in needs
/// a moment, and whoever is not can hold up nobody.
const MOST_STRANGERS: usize = 48;
/// Connections that were let in.
const MOST_GUESTS: usize = 64;
/// What a connection's thread needs: it reads a head, and lends or copies pictures that lie elsewhere.
const STACK: usize = 256 << 10;

/// What is listened on.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    pub(super) fn tcp(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self::Tcp(listener))
    }

    /// A socket that its user alone may connect to, from its first moment on.
    pub(super) fn unix(path: &Path) -> io::Result<Self> {
        remove_dead(path)?;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let listener = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        // Linux makes the file with the mode of the descriptor, so that there is no moment before a chmod.
        fchmod(&listener, Mode::S_IRUSR | Mode::S_IWUSR)?;
        bind(listener.as_raw_fd(), &UnixAddr::new(path)?)?;
        listen(&listener, Backlog::MAXCONN)?;
        Ok(Self::Unix(UnixListener::from(listener)))
    }

    pub(super) fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(|address| address.port()),
            Self::Unix(_) => None,
        }
    }

    fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => Socket::tcp(listener.accept()?.0),
            Self::Unix(listener) => Socket::unix(listener.accept()?.0),
        }
    }

    /// Takes connections until `stop` is readable.
    pub(super) fn run(&self, stop: &EventFd, hall: &Arc<Hall>, router: &Arc<Router>) {
        loop {
            let fd = match self {
                Self::Tcp(listener) => listener.as_fd(),
                Self::Unix(listener) => listener.as_fd(),
            };
            let mut fds = [PollFd::new(fd, PollFlags::POLLIN), PollFd::new(stop.as_fd(), PollFlags::POLLIN)];
            let waited = wait_for(&mut fds, None);
            if waited.is_err() || fds[1].revents().is_some_and(|events| !events.is_empty()) {
                return;
            }
            match self.accept() {
                Ok(socket) => hall.welcome(socket, router),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                // No descriptor is left, or the other side is gone: it must not become a busy loop.
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

/// Removes the socket of a process that is gone, and nothing else.
fn remove_dead(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(file) if file.file_type().is_socket() => match UnixStream::connect(path) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
            _ => Err(ErrorKind::AddrInUse.into()),
        },
        Ok(_) => Err(ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Everybody who is connected.
#[derive(Debug, Default)]
pub(super) struct Hall(Mutex<Crowd>);

#[derive(Debug, Default)]
struct Crowd {
    next: u64,
    sockets: BTreeMap<u64, Arc<Socket>>,
    /// The oldest first.
    strangers: VecDeque<u64>,
    guests: usize,
    closed: bool,
}

impl Hall {
    fn crowd(&self) -> MutexGuard<'_, Crowd> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a connection a thread of its own.
    fn welcome(self: &Arc<Self>, socket: Socket, router: &Arc<Router>) {
        let socket = Arc::new(socket);
        let mut crowd = self.crowd();
        // Those who were sent away may take a moment to leave; until then there is no thread for another.
        if crowd.closed || crowd.sockets.len() >= MOST_GUESTS + 2 * MOST_STRANGERS {
            return;
        }
        if crowd.strangers.len() >= MOST_STRANGERS
            && let Some(oldest) = crowd.strangers.pop_front()
            && let Some(oldest) = crowd.sockets.get(&oldest)
        {
            oldest.shut_down();
        }
        let id = crowd.next;
        crowd.next += 1;
        crowd.sockets.insert(id, socket.clone());
        crowd.strangers.push_back(id);
        drop(crowd);
        let mut place = Place { hall: self.clone(), id, is_guest: false };
        let router = router.clone();
        let served = named("usermedia-viewer").stack_size(STACK);
        // Without a thread the place is given up again, and the connection with it.
        let _ = served.spawn(move || router.serve(&socket, &mut place));
    }

    /// Sends everybody away, and lets nobody in any more.
    pub(super) fn close(&self) {
        let mut crowd = self.crowd();
        crowd.closed = true;
        crowd.sockets.values().for_each(|socket| socket.shut_down());
    }
}

/// A connection's place; given up when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    hall: Arc<Hall>,
    id: u64,
    is_guest: bool,
}

impl Place {
    /// It has shown that it may be here. Whether there is room.
    pub(super) fn admit(&mut self) -> bool {
        let mut crowd = self.hall.crowd();
        if crowd.guests >= MOST_GUESTS {
            return false;
        }
        crowd.guests += 1;
        crowd.strangers.retain(|id| *id != self.id);
        self.is_guest = true;
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut crowd = self.hall.crowd();
        crowd.sockets.remove(&self.id);
        crowd.strangers.retain(|id| *id != self.id);
        crowd.guests -= usize::from(self.is_guest);
    }
}
