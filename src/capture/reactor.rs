//! The one thread that waits: every device's readiness, every deadline and every wake-up meet in one epoll.

use std::io;
use std::os::fd::BorrowedFd;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::gettid;

use crate::seam::Kernel;
use crate::thread::named;

/// Something the reactor serves: a streaming camera, a microphone.
pub(super) trait EventSource: Send {
    /// What to wait for, if anything, and the events; level-triggered. A PCM can have several.
    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, EpollFlags)>;
    /// The descriptor of that index is ready.
    fn ready(&mut self, descriptor: usize, flags: EpollFlags, now: u64) -> Next;
    /// When to be woken whatever happens, on CLOCK_MONOTONIC in nanoseconds.
    fn deadline(&self) -> Option<u64>;
    /// The deadline has come.
    fn due(&mut self, now: u64) -> Next;
    /// It has stepped aside, and nothing waits for its descriptors any more. `back` is the way back.
    fn aside(&mut self, _back: Return, _now: u64) {}
    /// Its way back was taken: where it stays, it is waited for again.
    fn returned(&mut self, _now: u64) -> Next {
        Next::Stay
    }
    /// It stayed, and epoll would not have its descriptors: it has left.
    fn refused(&mut self, _errno: Errno) {}
}

/// What becomes of a source after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It goes on.
    Stay,
    /// It leaves epoll until its [`Return`] is used. Its deadlines go on.
    Aside,
    /// It leaves epoll for good and waits to be taken away; it has told whom it concerns.
    Leave,
}

/// The way back into epoll for a source that stepped aside.
pub(super) struct Return {
    shared: Arc<Shared>,
    token: Token,
}

impl Return {
    /// Has the source waited for again, if it is still there. From any thread.
    pub(super) fn rejoin(self) {
        self.shared.command(Command::Rejoin { token: self.token });
    }
}

/// Names a source in the reactor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token(u64);

/// The wake-up's own token; sources count from 0.
const WAKE: u64 = u64::MAX;
/// Where a token ends in what epoll carries, and the index of the descriptor begins.
const INDEX_SHIFT: u32 = 56;
/// A PCM has one, or a few behind a plugin; the index must not make up `WAKE`.
const MOST_DESCRIPTORS: usize = 64;
/// Panics in a row after which a source has to leave.
const MOST_PANICS: u32 = 8;

enum Command {
    Add { source: Box<dyn EventSource>, added: SyncSender<Result<Token, Errno>> },
    Rejoin { token: Token },
    Remove { token: Token, removed: SyncSender<Option<Box<dyn EventSource>>> },
    Run { work: Box<dyn FnOnce() + Send> },
}

struct Shared {
    kernel: Arc<dyn Kernel>,
    epoll: Epoll,
    wake: EventFd,
    commands: Mutex<Vec<Command>>,
    stop: AtomicBool,
    /// The thread's number in the kernel, once it runs.
    number: OnceLock<i32>,
}

impl Shared {
    fn commands(&self) -> MutexGuard<'_, Vec<Command>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn command(&self, command: Command) {
        self.commands().push(command);
        self.wake();
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
        let (commands, stop, number) = (Mutex::new(Vec::new()), AtomicBool::new(false), OnceLock::new());
        let shared = Arc::new(Shared { kernel, epoll, wake, commands, stop, number });
        let turning = shared.clone();
        let thread = named("usermedia-reactor").spawn(move || {
            let _ = turning.number.set(gettid().as_raw());
            Turn { shared: turning, sources: Vec::new(), next: 0 }.run();
        })?;
        let id = thread.thread().id();
        Ok(Self { shared, thread: Some(thread), id })
    }

    /// The thread's id.
    pub(super) fn thread_id(&self) -> ThreadId {
        self.id
    }

    /// The thread's number in the kernel.
    pub(super) fn thread_number(&self) -> i32 {
        *self.shared.number.wait()
    }

    /// Whether the caller is on the reactor's thread, where nothing may wait for it.
    pub(super) fn is_current_thread(&self) -> bool {
        thread::current().id() == self.id
    }

    /// Hands over a source; it is in epoll when this returns.
    pub(super) fn add(&self, source: Box<dyn EventSource>) -> Result<Token, Errno> {
        let (added, answer) = mpsc::sync_channel(1);
        self.shared.command(Command::Add { source, added });
        answer.recv().unwrap_or(Err(Errno::ESHUTDOWN))
    }

    /// Takes a source back: when this returns, the reactor neither waits for it nor touches it.
    pub(super) fn remove(&self, token: Token) -> Option<Box<dyn EventSource>> {
        let (removed, answer) = mpsc::sync_channel(1);
        self.shared.command(Command::Remove { token, removed });
        answer.recv().unwrap_or(None)
    }

    /// Has `work` done on the thread, without waiting for it; never, if the thread is about to end.
    pub(super) fn run(&self, work: impl FnOnce() + Send + 'static) {
        self.shared.command(Command::Run { work: Box::new(work) });
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

/// How far a source takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// In epoll, and its deadlines count.
    Waiting,
    /// Its deadlines count.
    Aside,
    /// It waits to be taken away.
    Left,
}

struct Entry {
    token: Token,
    source: Box<dyn EventSource>,
    presence: Presence,
    /// Turns in a row that panicked.
    panics: u32,
}

impl Entry {
    fn deadline(&self) -> Option<u64> {
        if self.presence == Presence::Left { None } else { self.source.deadline() }
    }
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
            let deadline = self.sources.iter().filter_map(Entry::deadline).min();
            let timeout = deadline.map(|at| at.saturating_sub(self.shared.kernel.now()));
            let count = match self.shared.kernel.wait(&self.shared.epoll, &mut events, timeout) {
                // A process that was stopped begins here again, later than any deadline: what came meanwhile goes first.
                Err(Errno::EINTR) => continue,
                waited => waited.unwrap_or(0),
            };
            let now = self.shared.kernel.now();
            for event in events.iter().take(count) {
                match event.data() {
                    WAKE => {
                        let _ = self.shared.wake.read();
                        self.obey();
                    }
                    data => {
                        let token = Token(data & ((1 << INDEX_SHIFT) - 1));
                        let descriptor = usize::try_from(data >> INDEX_SHIFT).unwrap_or(0);
                        // An event of the same batch may be of one that has stepped aside since.
                        if self.presence(token) == Some(Presence::Waiting) {
                            self.turn(token, |source| source.ready(descriptor, event.events(), now));
                        }
                    }
                }
            }
            if deadline.is_some_and(|at| at <= now) {
                for position in 0..self.sources.len() {
                    let entry = &self.sources[position];
                    if entry.deadline().is_some_and(|at| at <= now) {
                        let token = entry.token;
                        self.turn(token, |source| source.due(now));
                    }
                }
            }
        }
    }

    fn presence(&self, token: Token) -> Option<Presence> {
        self.sources.iter().find(|entry| entry.token == token).map(|entry| entry.presence)
    }

    /// Lets one source have its turn, and sees it out if it leaves or steps aside.
    fn turn(&mut self, token: Token, act: impl FnOnce(&mut dyn EventSource) -> Next) {
        let of = |entry: &&mut Entry| entry.token == token && entry.presence != Presence::Left;
        let Some(entry) = self.sources.iter_mut().find(of) else { return };
        // A panic (of a value that a callback had captured, say) has been printed by its hook: it must not take every
        // other camera with it, nor leave those who wait for this thread waiting for ever.
        let next = match panic::catch_unwind(AssertUnwindSafe(|| act(&mut *entry.source))) {
            Ok(next) => {
                entry.panics = 0;
                next
            }
            Err(_) => {
                entry.panics += 1;
                if entry.panics < MOST_PANICS { Next::Stay } else { give_up(&mut *entry.source) }
            }
        };
        if next == Next::Stay {
            return;
        }
        if entry.presence == Presence::Waiting {
            unwait(&self.shared.epoll, &*entry.source);
        }
        entry.presence = if next == Next::Leave { Presence::Left } else { Presence::Aside };
        if next == Next::Aside {
            entry.source.aside(Return { shared: self.shared.clone(), token }, self.shared.kernel.now());
        }
    }

    fn obey(&mut self) {
        let commands = std::mem::take(&mut *self.shared.commands());
        for command in commands {
            match command {
                Command::Add { source, added } => {
                    let _ = added.send(self.add(source));
                }
                Command::Rejoin { token } => self.rejoin(token),
                Command::Remove { token, removed } => {
                    let _ = removed.send(self.remove(token));
                }
                // A panic there has been printed: see `turn`.
                Command::Run { work } => drop(panic::catch_unwind(AssertUnwindSafe(work))),
            }
        }
    }

    fn add(&mut self, source: Box<dyn EventSource>) -> Result<Token, Errno> {
        let token = Token(self.next);
        self.next += 1;
        wait_for(&self.shared.epoll, &*source, token)?;
        self.sources.push(Entry { token, source, presence: Presence::Waiting, panics: 0 });
        Ok(token)
    }

    fn rejoin(&mut self, token: Token) {
        if self.presence(token) != Some(Presence::Aside) {
            return;
        }
        let mut stays = false;
        let now = self.shared.kernel.now();
        self.turn(token, |source| {
            let next = source.returned(now);
            stays = next == Next::Stay;
            next
        });
        let Some(entry) = self.sources.iter_mut().find(|entry| stays && entry.token == token) else { return };
        match wait_for(&self.shared.epoll, &*entry.source, token) {
            Ok(()) => entry.presence = Presence::Waiting,
            Err(errno) => self.turn(token, |source| {
                source.refused(errno);
                Next::Leave
            }),
        }
    }

    fn remove(&mut self, token: Token) -> Option<Box<dyn EventSource>> {
        let position = self.sources.iter().position(|entry| entry.token == token)?;
        let entry = self.sources.swap_remove(position);
        if entry.presence == Presence::Waiting {
            unwait(&self.shared.epoll, &*entry.source);
        }
        Some(entry.source)
    }
}

/// Sees out a source that does nothing but panic: it would keep this thread busy.
fn give_up(source: &mut dyn EventSource) -> Next {
    let _ = panic::catch_unwind(AssertUnwindSafe(|| source.refused(Errno::EIO)));
    Next::Leave
}

/// Has epoll wait for all of a source's descriptors, or for none.
fn wait_for(epoll: &Epoll, source: &dyn EventSource, token: Token) -> Result<(), Errno> {
    let descriptors = source.descriptors();
    if descriptors.len() > MOST_DESCRIPTORS {
        return Err(Errno::E2BIG);
    }
    for (index, (fd, flags)) in (0u64..).zip(&descriptors) {
        epoll
            .add(fd, EpollEvent::new(*flags, index << INDEX_SHIFT | token.0))
            .inspect_err(|_| unwait(epoll, source))?;
    }
    Ok(())
}

fn unwait(epoll: &Epoll, source: &dyn EventSource) {
    for (fd, _) in source.descriptors() {
        // It may have left by itself, with its device.
        let _ = epoll.delete(fd);
    }
}
