//! The one thread that waits: every camera's readiness, every deadline and every wake-up meet in one epoll.

use std::io;
use std::os::fd::BorrowedFd;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::seam::Kernel;

/// Something the reactor serves: a streaming camera.
pub(super) trait EventSource: Send {
    /// What to wait for, if anything; level-triggered readability.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
    /// The descriptor is ready.
    fn ready(&mut self, flags: EpollFlags, now: u64) -> Next;
    /// When to be woken whatever happens, on CLOCK_MONOTONIC in nanoseconds.
    fn deadline(&self) -> Option<u64>;
    /// The deadline has come.
    fn due(&mut self, now: u64) -> Next;
}

/// What becomes of a source after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It goes on.
    Stay,
    /// It leaves epoll for good and waits to be taken away; it has told whom it concerns.
    Leave,
}

/// Names a source in the reactor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token(u64);

/// The wake-up's own token; sources count from 0.
const WAKE: u64 = u64::MAX;

enum Command {
    Add { source: Box<dyn EventSource>, added: SyncSender<Result<Token, Errno>> },
    Remove { token: Token, removed: SyncSender<Option<Box<dyn EventSource>>> },
}

struct Shared {
    kernel: Arc<dyn Kernel>,
    epoll: Epoll,
    wake: EventFd,
    commands: Mutex<Vec<Command>>,
    stop: AtomicBool,
}

impl Shared {
    fn commands(&self) -> MutexGuard<'_, Vec<Command>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // A full counter means that a wake-up is pending already.
        let _ = self.wake.write(1);
    }
}

/// The reactor's thread, and the way to speak to it.
pub(super) struct Reactor {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    id: ThreadId,
}

impl Reactor {
    /// Starts the thread.
    pub(super) fn start(kernel: Arc<dyn Kernel>) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let wake = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        epoll.add(&wake, EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
        let shared =
            Arc::new(Shared { kernel, epoll, wake, commands: Mutex::new(Vec::new()), stop: AtomicBool::new(false) });
        let turning = shared.clone();
        let thread = thread::Builder::new()
            .name("usermedia-reactor".into())
            .spawn(move || Turn { shared: turning, sources: Vec::new(), next: 0 }.run())?;
        let id = thread.thread().id();
        Ok(Self { shared, thread: Some(thread), id })
    }

    /// The thread's id.
    pub(super) fn thread_id(&self) -> ThreadId {
        self.id
    }

    /// Whether the caller is on the reactor's thread, where nothing may wait for it.
    pub(super) fn is_current_thread(&self) -> bool {
        thread::current().id() == self.id
    }

    /// Hands over a source; it is in epoll when this returns.
    pub(super) fn add(&self, source: Box<dyn EventSource>) -> Result<Token, Errno> {
        let (added, answer) = mpsc::sync_channel(1);
        self.command(Command::Add { source, added });
        answer.recv().unwrap_or(Err(Errno::ESHUTDOWN))
    }

    /// Takes a source back: when this returns, the reactor neither waits for it nor touches it.
    pub(super) fn remove(&self, token: Token) -> Option<Box<dyn EventSource>> {
        let (removed, answer) = mpsc::sync_channel(1);
        self.command(Command::Remove { token, removed });
        answer.recv().unwrap_or(None)
    }

    fn command(&self, command: Command) {
        self.shared.commands().push(command);
        self.shared.wake();
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.wake();
        if let (false, Some(thread)) = (self.is_current_thread(), self.thread.take()) {
            // A panic there has been printed; there is nobody to hand it on to.
            let _ = thread.join();
        }
    }
}

struct Entry {
    token: Token,
    source: Box<dyn EventSource>,
    waiting: bool,
}

/// The thread's own state.
struct Turn {
    shared: Arc<Shared>,
    sources: Vec<Entry>,
    next: u64,
}

impl Turn {
    fn run(mut self) {
        let mut events = [EpollEvent::empty(); 16];
        while !self.shared.stop.load(Ordering::SeqCst) {
            let deadline = self.sources.iter().filter(|entry| entry.waiting).filter_map(|e| e.source.deadline()).min();
            let timeout = deadline.map(|at| at.saturating_sub(self.shared.kernel.now()));
            // An error is a signal's: the loop looks at everything again anyway.
            let count = self.shared.kernel.wait(&self.shared.epoll, &mut events, timeout).unwrap_or(0);
            let now = self.shared.kernel.now();
            for event in events.iter().take(count) {
                match event.data() {
                    WAKE => {
                        let _ = self.shared.wake.read();
                        self.obey();
                    }
                    token => self.turn(Token(token), |source| source.ready(event.events(), now)),
                }
            }
            if deadline.is_some_and(|at| at <= now) {
                for position in 0..self.sources.len() {
                    let entry = &self.sources[position];
                    if entry.waiting && entry.source.deadline().is_some_and(|at| at <= now) {
                        let token = entry.token;
                        self.turn(token, |source| source.due(now));
                    }
                }
            }
        }
    }

    /// Lets one source have its turn, and sees it out if it leaves.
    fn turn(&mut self, token: Token, act: impl FnOnce(&mut dyn EventSource) -> Next) {
        let Some(entry) = self.sources.iter_mut().find(|entry| entry.token == token && entry.waiting) else { return };
        // A panic (of a value that a callback had captured, say) has been printed by its hook: it must not take every
        // other camera with it, nor leave those who wait for this thread waiting for ever.
        let next = panic::catch_unwind(AssertUnwindSafe(|| act(&mut *entry.source))).unwrap_or(Next::Stay);
        if next == Next::Leave {
            entry.waiting = false;
            if let Some(fd) = entry.source.fd() {
                // It may have left by itself, with its device.
                let _ = self.shared.epoll.delete(fd);
            }
        }
    }

    fn obey(&mut self) {
        let commands = std::mem::take(&mut *self.shared.commands());
        for command in commands {
            match command {
                Command::Add { source, added } => {
                    let _ = added.send(self.add(source));
                }
                Command::Remove { token, removed } => {
                    let _ = removed.send(self.remove(token));
                }
            }
        }
    }

    fn add(&mut self, source: Box<dyn EventSource>) -> Result<Token, Errno> {
        let token = Token(self.next);
        self.next += 1;
        if let Some(fd) = source.fd() {
            self.shared.epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, token.0))?;
        }
        self.sources.push(Entry { token, source, waiting: true });
        Ok(token)
    }

    fn remove(&mut self, token: Token) -> Option<Box<dyn EventSource>> {
        let position = self.sources.iter().position(|entry| entry.token == token)?;
        let entry = self.sources.swap_remove(position);
        if let (true, Some(fd)) = (entry.waiting, entry.source.fd()) {
            let _ = self.shared.epoll.delete(fd);
        }
        Some(entry.source)
    }
}
