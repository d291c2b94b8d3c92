//! Where a recording goes: a file or stdout, unbuffered, and on the disk within a second.

use std::fs::File;
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::syncer::{Synced, Syncer};
use crate::error::{Error, ErrorName};

/// What a file asks of the recording that it belongs to, and tells it.
#[derive(Clone, Default)]
pub(super) struct Hooks {
    /// Makes room on a full disk. Whether it could.
    pub make_room: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    /// Hears how long each sync took.
    pub synced: Option<Synced>,
}

/// An open file or stdout.
///
/// Writes go straight to the descriptor, since frames are large. What was written is put on the disk twice a second, by a
/// thread of its own: a slow card must not hold up the frames.
pub(super) struct Output {
    file: File,
    /// A regular file: it can be completed at its end, and is worth syncing.
    regular: bool,
    syncer: Option<Syncer>,
    hooks: Hooks,
}

impl Output {
    /// Opens `path` for writing; `-` is stdout. A file that exists is emptied, or with `only_new` an error.
    pub fn open(path: &Path, only_new: bool, hooks: Hooks) -> io::Result<Self> {
        if path == Path::new("-") {
            // Not through `std::io::Stdout`, which would search every frame for line ends and hold back what follows
            // the last. A stdout that is a file may be open for appending or stand anywhere, so it is taken as a pipe.
            let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
            return Ok(Self { file, regular: false, syncer: None, hooks });
        }
        let file = with_room(&hooks, || if only_new { File::create_new(path) } else { File::create(path) })?;
        let regular = file.metadata()?.is_file();
        let syncer = if regular { Syncer::start(&file, path, hooks.synced.clone()) } else { None };
        Ok(Self { file, regular, syncer, hooks })
    }

    /// Overwrites bytes written earlier, in a file that [can](Self::is_seekable) have that done; the end stays where it is.
    pub fn write_at(&mut self, place: u64, bytes: &[u8]) -> io::Result<()> {
        self.attempt(|file| file.write_all_at(bytes, place))
    }

    /// Whether earlier bytes can be overwritten.
    pub fn is_seekable(&self) -> bool {
        self.regular
    }

    /// Takes everything from `length` on out of a file again, and goes on there. A pipe has what it has.
    pub fn cut(&mut self, length: u64) -> io::Result<()> {
        if self.regular {
            self.file.set_len(length)?;
            self.file.seek(SeekFrom::Start(length))?;
        }
        Ok(())
    }

    /// Puts everything on the disk, and waits for that.
    ///
    /// # Errors
    /// Of the first sync that failed, be it one on the way.
    pub fn finish(mut self) -> io::Result<()> {
        match self.syncer.take() {
            Some(syncer) => syncer.finish(),
            None if self.regular => self.file.sync_all(),
            None => Ok(()),
        }
    }

    /// One system call that writes. On a full disk it is tried again for as long as room can be made.
    fn attempt<T>(&mut self, mut write: impl FnMut(&mut File) -> io::Result<T>) -> io::Result<T> {
        if let Some(failure) = self.syncer.as_ref().and_then(Syncer::failure) {
            return Err(failure);
        }
        let Self { file, hooks, .. } = self;
        let written = with_room(hooks, || write(file))?;
        self.syncer.iter().for_each(Syncer::written);
        Ok(written)
    }
}

fn with_room<T>(hooks: &Hooks, mut write: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match write() {
            Err(error) if is_full(&error) && hooks.make_room.as_ref().is_some_and(|make_room| make_room()) => {}
            outcome => return outcome,
        }
    }
}

/// Whether it is for want of space, which deleting something gives.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(|file| file.write(bytes))
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.attempt(|file| file.write_vectored(pieces))
    }

    /// Nothing is held back.
    fn flush(&mut self) -> io::Result<()> {
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
    /// As the caller's error, naming the file: what is wrong in words, and what to do.
    pub fn at(self, path: &Path) -> Error {
        let error = match self {
            Self::Media(error) => return error,
            Self::Io(error) => error,
        };
        let name = if path == Path::new("-") { "standard output".into() } else { path.display().to_string() };
        let (what, remedy) = words(&error);
        let what = what.map_or_else(|| error.to_string(), str::to_owned);
        let result = Error::new(ErrorName::NotReadableError, format!("cannot write {name}: {what}"));
        let result = remedy.map_or(result.clone(), |remedy| result.with_remedy(remedy));
        error.raw_os_error().map_or(result.clone(), |errno| result.with_errno(errno))
    }
}

/// What an error is called where people meet it, and what helps.
fn words(error: &io::Error) -> (Option<&'static str>, Option<&'static str>) {
    let (what, remedy) = match error.kind() {
        io::ErrorKind::StorageFull => (
            "the disk is full",
            "free some space or record to another disk; a recording in segments with a size to keep (--segment, --keep) \
             deletes its oldest by itself",
        ),
        io::ErrorKind::QuotaExceeded => (
            "the disk quota is used up",
            "free some of your space there or record to another disk; a recording in segments with a size to keep \
             (--segment, --keep) deletes its oldest by itself",
        ),
        io::ErrorKind::FileTooLarge => (
            "the file is as large as its file system, or a limit (ulimit -f), allows",
            "cut the recording into segments, such as --segment 2GB",
        ),
        io::ErrorKind::ReadOnlyFilesystem => (
            "its file system is read-only",
            "record to another place, or mount it for writing; one that became read-only by itself has a failing disk \
             (dmesg says more)",
        ),
        io::ErrorKind::BrokenPipe => {
            ("its reader has gone", "keep the program running that reads it for as long as the recording is to last")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound => {
            return (None, Some("record to a directory that exists and that you may write to"));
        }
        _ if error.raw_os_error() == Some(nix::errno::Errno::EIO as i32) => (
            "the disk fails (input/output error)",
            "record to another disk, and save what is on this one; dmesg says more",
        ),
        _ => return (None, None),
    };
    (Some(what), Some(remedy))
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;

    #[test]
    fn every_error_of_a_disk_has_words_and_a_remedy() {
        for (errno, what, remedy) in [
            (Errno::ENOSPC, "the disk is full", "--keep"),
            (Errno::EDQUOT, "the disk quota is used up", "--keep"),
            (Errno::EFBIG, "the file is as large as", "--segment 2GB"),
            (Errno::EROFS, "its file system is read-only", "dmesg"),
            (Errno::EPIPE, "its reader has gone", "keep the program running"),
            (Errno::EIO, "the disk fails", "another disk"),
            (Errno::EACCES, "Permission denied", "may write to"),
            (Errno::ENOENT, "No such file", "directory that exists"),
        ] {
            let error = WriteError::Io(io::Error::from_raw_os_error(errno as i32)).at(Path::new("/mnt/a.mkv"));
            assert!(error.message().starts_with(&format!("cannot write /mnt/a.mkv: {what}")), "{error}");
            assert!(error.remedy().is_some_and(|told| told.contains(remedy)), "{error}");
            assert_eq!(error.errno(), Some(errno as i32));
        }
        let other = WriteError::Io(io::Error::from_raw_os_error(Errno::ENXIO as i32)).at(Path::new("-"));
        assert!(other.message().starts_with("cannot write standard output: No such device"), "{other}");
    }

    #[test]
    fn a_full_disk_is_tried_again_for_as_long_as_room_can_be_made() {
        let segments = std::sync::atomic::AtomicU32::new(3);
        let hooks = Hooks {
            make_room: Some(Arc::new(move || segments.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) > 0)),
            synced: None,
        };
        let full = || io::Error::from_raw_os_error(Errno::ENOSPC as i32);
        let mut tries = 0;
        let outcome = with_room(&hooks, || {
            tries += 1;
            if tries < 3 { Err(full()) } else { Ok(tries) }
        });
        assert_eq!(outcome.unwrap(), 3);
        let outcome = with_room(&hooks, || Err::<(), _>(full()));
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::StorageFull, "one was left, and it was not enough");
        // What is no want of space costs nobody a segment.
        let hooks = Hooks { make_room: Some(Arc::new(|| panic!("not for this"))), synced: None };
        let outcome = with_room(&hooks, || Err::<(), _>(io::Error::from_raw_os_error(Errno::EIO as i32)));
        assert_eq!(outcome.unwrap_err().raw_os_error(), Some(Errno::EIO as i32));
    }
}
