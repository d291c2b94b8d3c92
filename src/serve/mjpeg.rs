//! `/stream` and `/snapshot`: what other tools know how to read.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::poll::{PollFd, PollFlags};

use super::hub::{Hub, Seat, Wants};
use super::picture::Picture;
use super::request::Method;
use super::response::{Response, head};
use super::sending::{STALL, send_picture};
use super::socket::{Socket, wait_for};
use super::stage::Stage;

/// As ustreamer has it.
const BOUNDARY: &str = "boundarydonotcross";

/// How long a picture that is asked for may take.
const PICTURE: Duration = Duration::from_secs(5);

/// Sends pictures until the viewer goes.
pub(super) fn stream(socket: &Socket, stage: &Stage) -> io::Result<()> {
    socket.keep_little();
    let seat = stage.hub.join("stream", Wants { pictures: true, ..Wants::default() })?;
    let kind = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
    let mut begin = head(200, &kind, &[]) + "\r\n--" + BOUNDARY + "\r\n";
    let tail = format!("\r\n--{BOUNDARY}\r\n");
    // At once: whoever asks wants to know that there is something to wait for.
    socket.write_by(begin.as_bytes(), Instant::now() + STALL)?;
    begin.clear();
    loop {
        let inbox = seat.take(true);
        let Some(picture) = inbox.picture else {
            wait_for_more(socket, &seat)?;
            continue;
        };
        let head = format!(
            "Content-Type: image/jpeg\r\nContent-Length: {}\r\nX-Timestamp: {:.6}\r\n{}\r\n",
            picture.bytes().len(),
            now().as_secs_f64(),
            facts(&picture, inbox.skipped),
        );
        send_picture((socket, &stage.hub, &seat), head.as_bytes(), picture, tail.as_bytes())?;
        seat.sent.add();
    }
}

/// Waits for a picture, or for the end of the connection.
fn wait_for_more(socket: &Socket, seat: &Seat) -> io::Result<()> {
    let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN), PollFd::new(seat.as_fd(), PollFlags::POLLIN)];
    wait_for(&mut fds, None)?;
    if fds[0].revents().is_some_and(|events| !events.is_empty()) {
        // Nothing is expected any more but the end.
        match io::Read::read(&mut &*socket, &mut [0; 512]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What is known of a picture besides, as headers.
fn facts(picture: &Picture, skipped: u64) -> String {
    format!(
        "X-Sequence: {}\r\nX-Monotonic-Nanoseconds: {}\r\nX-Width: {}\r\nX-Height: {}\r\nX-Skipped: {skipped}\r\n",
        picture.sequence, picture.timestamp, picture.size.0, picture.size.1,
    )
}

/// The next picture, as a file.
pub(super) fn snapshot(socket: &Socket, stage: &Stage, method: Method) -> io::Result<()> {
    let deadline = Instant::now() + PICTURE;
    // A camera that is being opened is waited for: the service has only just begun.
    let is_hopeless = || !stage.is_opening() && stage.no_picture().is_some();
    let Some(picture) = next_picture(&stage.hub, deadline, is_hopeless)? else {
        let sentence = stage.no_picture().unwrap_or_else(|| "The camera gave no picture in time.".to_owned());
        return Response::text(503, &sentence).write(method, socket, Instant::now() + STALL);
    };
    let mut begin = head(200, "image/jpeg", &[("Content-Disposition", "inline; filename=\"snapshot.jpg\"".to_owned())]);
    begin += &format!("Content-Length: {}\r\nX-Timestamp: {:.6}\r\n", picture.bytes().len(), now().as_secs_f64());
    begin += &facts(&picture, 0);
    begin += "\r\n";
    if method == Method::Head {
        return socket.write_by(begin.as_bytes(), Instant::now() + STALL);
    }
    let seat = stage.hub.join("snapshot", Wants::default())?;
    send_picture((socket, &stage.hub, &seat), begin.as_bytes(), picture, &[])
}

/// Waits for a picture; not where `is_hopeless` says so at the start.
fn next_picture(hub: &Arc<Hub>, deadline: Instant, is_hopeless: impl Fn() -> bool) -> io::Result<Option<Arc<Picture>>> {
    let seat = hub.join("snapshot", Wants { pictures: true, ..Wants::default() })?;
    if is_hopeless() {
        return Ok(None);
    }
    loop {
        if let Some(picture) = seat.take(true).picture {
            return Ok(Some(picture));
        }
        if !wait_for(&mut [PollFd::new(seat.as_fd(), PollFlags::POLLIN)], Some(deadline))? {
            return Ok(None);
        }
    }
}

/// Since 1970, as ustreamer stamps what it sends.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
