//! Where a recording goes: a file or stdout, unbuffered, and on the disk within about a second.

use std::fs::File;
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorName};

/// How much of a recording a power cut may take.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// An open file or stdout.
///
/// Writes go straight to the descriptor, since frames are large. [`Write::flush`] asks, at most once a second, for what was
/// written to be put on the disk, and does not wait for it: a slow card must not hold up the frames.
pub(super) struct Output {
    file: File,
    /// A regular file: it can be completed at its end, and is worth syncing.
    regular: bool,
    syncer: Option<SyncSender<()>>,
    last_sync: Instant,
}

impl Output {
    /// Opens `path` for writing; `-` is stdout. A file that exists is emptied, or with `only_new` an error.
    pub fn open(path: &Path, only_new: bool) -> io::Result<Self> {
        if path == Path::new("-") {
            // Not through `std::io::Stdout`, which would search every frame for line ends and hold back what follows
            // the last. A stdout that is a file may be open for appending or stand anywhere, so it is taken as a pipe.
            let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
            return Ok(Self { file, regular: false, syncer: None, last_sync: Instant::now() });
        }
        let file = if only_new { File::create_new(path)? } else { File::create(path)? };
        let regular = file.metadata()?.is_file();
        let syncer = if regular { start_syncer(&file) } else { None };
        Ok(Self { file, regular, syncer, last_sync: Instant::now() })
    }

    /// Overwrites bytes written earlier, in a file that [can](Self::is_seekable) have that done; the end stays where it is.
    pub fn write_at(&mut self, place: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, place)
    }

    /// Whether earlier bytes can be overwritten.
    pub fn is_seekable(&self) -> bool {
        self.regular
    }
}

/// A thread that puts the file on the disk whenever it is woken, and ends with the [`Output`]. Without it (no thread, no
/// second descriptor to be had) the recording is as safe as any other file.
fn start_syncer(file: &File) -> Option<SyncSender<()>> {
    let file = file.try_clone().ok()?;
    let (wake, woken) = sync_channel(1);
    let sync = move || {
        while woken.recv().is_ok() {
            // A failing disk fails the next write too, which is where it is reported.
            let _ = file.sync_data();
        }
    };
    thread::Builder::new().name("usermedia-sync".into()).spawn(sync).ok()?;
    Some(wake)
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.file.write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(syncer) = &self.syncer
            && self.last_sync.elapsed() >= SYNC_INTERVAL
        {
            self.last_sync = Instant::now();
            // Full: the last request is still waiting, and will cover this one.
            let _ = syncer.try_send(());
        }
        Ok(())
    }
}

impl Seek for Output {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// What can go wrong while a frame is written: the file, or the frame itself.
#[derive(Debug)]
pub(super) enum WriteError {
    /// The file; which one is added where its name is known.
    Io(io::Error),
    /// The frame or its format.
    Media(Error),
}

pub(super) type WriteResult<T> = std::result::Result<T, WriteError>;

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for WriteError {
    fn from(error: Error) -> Self {
        Self::Media(error)
    }
}

impl WriteError {
    /// As the caller's error, naming the file.
    pub fn at(self, path: &Path) -> Error {
        let error = match self {
            Self::Media(error) => return error,
            Self::Io(error) => error,
        };
        let name = if path == Path::new("-") { "standard output".into() } else { path.display().to_string() };
        let text = format!("cannot write {name}: {error}");
        let result = Error::new(ErrorName::NotReadableError, text);
        let result = match error.raw_os_error() {
            Some(errno) => result.with_errno(errno),
            None => result,
        };
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                result.with_remedy("free some space, or record to another place; what was written so far can be played")
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotFound => {
                result.with_remedy("record to a directory that exists and that you may write to")
            }
            _ => result,
        }
    }
}
