//! A picture or a block on its way out, without a copy for as long as its viewer keeps up.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};

use super::hub::{Hub, Viewer};
use super::picture::Picture;
use super::socket::{Socket, wait_for};

/// How long a viewer may take nothing at all.
pub(super) const STALL: Duration = Duration::from_secs(20);

/// Writes `head`, the picture and `tail`, waiting for the viewer to take them.
///
/// The picture may be the camera's own buffer. Who takes longer over it than the camera takes for two more has the rest
/// copied, and the buffer goes back: however many viewers are slow, the camera lends three buffers at most.
pub(super) fn send_picture(
    (socket, hub, viewer): (&Socket, &Hub, &Viewer),
    head: &[u8],
    picture: Arc<Picture>,
    tail: &[u8],
) -> io::Result<()> {
    let mut left = Left { pieces: [head, picture.bytes(), tail], done: 0 };
    let mut deadline = Instant::now() + STALL;
    while !left.is_empty() {
        match left.write(socket) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(_) => {
                deadline = Instant::now() + STALL;
                continue;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            Err(_) => {}
        }
        if hub.must_let_go(&picture) {
            let rest = left.copy();
            drop(picture);
            hub.copied.fetch_add(1, Ordering::Relaxed);
            return send_rest(socket, &rest, deadline);
        }
        let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT), PollFd::new(viewer.as_fd(), PollFlags::POLLIN)];
        if !wait_for(&mut fds, Some(deadline))? {
            return Err(ErrorKind::TimedOut.into());
        }
        // What waits is taken afterwards; here it only says that the camera has gone on.
        viewer.hush();
    }
    Ok(())
}

/// Writes bytes that nobody needs back, for as long as some of them are taken.
pub(super) fn send_rest(socket: &Socket, bytes: &[u8], mut deadline: Instant) -> io::Result<()> {
    // In pieces, so that a viewer that takes them slowly but surely is not taken for one that takes nothing.
    for piece in bytes.chunks(64 << 10) {
        socket.write_by(piece, deadline)?;
        deadline = Instant::now() + STALL;
    }
    Ok(())
}

/// Writes two pieces in one.
pub(super) fn send(socket: &Socket, head: &[u8], body: &[u8]) -> io::Result<()> {
    let mut left = Left { pieces: [head, body, &[]], done: 0 };
    match left.write(socket) {
        Ok(_) => {}
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
        Err(error) => return Err(error),
    }
    send_rest(socket, &left.copy(), Instant::now() + STALL)
}

/// What is not written yet.
struct Left<'a> {
    pieces: [&'a [u8]; 3],
    done: usize,
}

impl Left<'_> {
    fn is_empty(&self) -> bool {
        self.done >= self.pieces.iter().map(|piece| piece.len()).sum()
    }

    fn rest(&self) -> [&[u8]; 3] {
        let mut skip = self.done;
        self.pieces.map(|piece| {
            let here = skip.min(piece.len());
            skip -= here;
            piece.get(here..).unwrap_or_default()
        })
    }

    fn write(&mut self, mut socket: &Socket) -> io::Result<usize> {
        let written = socket.write_vectored(&self.rest().map(IoSlice::new))?;
        self.done += written;
        Ok(written)
    }

    fn copy(&self) -> Vec<u8> {
        self.rest().concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_begins_where_the_writing_stopped() {
        let mut left = Left { pieces: [b"ab", b"cde", b"f"], done: 0 };
        for (done, rest) in [(0, "abcdef"), (1, "bcdef"), (2, "cdef"), (4, "ef"), (5, "f"), (6, "")] {
            left.done = done;
            assert_eq!(left.copy(), rest.as_bytes());
            assert_eq!(left.is_empty(), rest.is_empty());
        }
    }
}
