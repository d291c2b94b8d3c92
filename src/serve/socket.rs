//! A connection's socket, TCP or Unix: every wait on it has a deadline.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{PeerCredentials, SndBuf};
use nix::sys::socket::{getsockopt, setsockopt};

/// A socket that never blocks in a read or a write; [`wait`] does that.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Who is at the other end, as far as the kernel knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// Anybody who can reach the address; `local` is the address of ours that was reached.
    Tcp { local: IpAddr },
    /// The user who connected (SO_PEERCRED).
    Unix { uid: u32 },
}

impl Socket {
    /// Of a connection that was just accepted.
    pub(super) fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        // A picture is written in one piece: nothing is gained by waiting for more.
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }

    /// Of a connection that was just accepted.
    pub(super) fn unix(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self::Unix(stream))
    }

    /// Who is there.
    pub(super) fn peer(&self) -> io::Result<Peer> {
        match self {
            // An IPv4 address that reached an IPv6 socket is an IPv4 address.
            Self::Tcp(stream) => Ok(Peer::Tcp { local: stream.local_addr()?.ip().to_canonical() }),
            Self::Unix(stream) => Ok(Peer::Unix { uid: getsockopt(stream, PeerCredentials)?.uid() }),
        }
    }

    /// How much the kernel keeps of what is written and not taken yet: a viewer must not be shown the past.
    pub(super) fn keep_little(&self) {
        // Refused at worst, and then a slow viewer sees older pictures.
        let _ = setsockopt(&self.as_fd(), SndBuf, &(128 << 10));
    }

    /// Ends both directions, whoever still holds the socket.
    pub(super) fn shut_down(&self) {
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }

    /// Says that nothing more comes, and takes what the other side had sent already: closing with that unread would be a
    /// reset, by which the answer could get lost.
    pub(super) fn close_softly(&self, deadline: Instant) {
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
        let mut rest = [0; 4096];
        let mut most = 64;
        while most > 0 && matches!(self.read_by(&mut rest, deadline), Ok(1..)) {
            most -= 1;
        }
    }

    /// Reads what there is, waiting for it until the deadline: 0 at the end.
    pub(super) fn read_by(&self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        loop {
            match (&mut &*self).read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait(self, PollFlags::POLLIN, deadline)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    /// Writes all of it, waiting until the deadline.
    pub(super) fn write_by(&self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            match (&mut &*self).write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait(self, PollFlags::POLLOUT, deadline)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Waits until the socket is ready.
fn wait(socket: &Socket, events: PollFlags, deadline: Instant) -> io::Result<()> {
    let mut fds = [PollFd::new(socket.as_fd(), events)];
    if wait_for(&mut fds, Some(deadline))? { Ok(()) } else { Err(ErrorKind::TimedOut.into()) }
}

/// Waits until one of them is ready: `false` at the deadline.
pub(super) fn wait_for(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // Rounded up: a poll of no time at all before the deadline would be a busy loop.
        let timeout = left.map_or(PollTimeout::NONE, |left| {
            PollTimeout::try_from(left.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX)
        });
        match poll(fds, timeout) {
            Ok(0) if left.is_some_and(|left| left.is_zero()) => return Ok(false),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(errno) => return Err(errno.into()),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Read for &Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => (&mut &*stream).read(buffer),
            Socket::Unix(stream) => (&mut &*stream).read(buffer),
        }
    }
}

impl Write for &Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => (&mut &*stream).write(bytes),
            Socket::Unix(stream) => (&mut &*stream).write(bytes),
        }
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => (&mut &*stream).write_vectored(pieces),
            Socket::Unix(stream) => (&mut &*stream).write_vectored(pieces),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
