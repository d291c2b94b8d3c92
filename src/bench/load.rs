//! What else the machine is made to do while it is measured.

use std::fs::File;
use std::hint;
use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::{env, fs, io, process};

use crate::error::{Error, ErrorName, Result};

/// A stressor. It runs in the measuring process: what is measured are processes of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// A thread for each processor, counting.
    Cpu,
    /// Sixteen MiB written and synced over and over in the folder for temporary files.
    Io,
}

impl Load {
    /// What it is, as a report says it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "a busy thread for each processor",
            Self::Io => "16 MiB written and synced over and over",
        }
    }

    /// Begins it; it ends with what is returned.
    ///
    /// # Errors
    /// NotReadableError: a file cannot be written there, or there is no thread to be had.
    pub(crate) fn start(self) -> Result<Running> {
        let failed =
            |error: io::Error| Error::new(ErrorName::NotReadableError, format!("no load can be made: {error}"));
        let stop = Arc::new(AtomicBool::new(false));
        let mut running = Running { stop: stop.clone(), threads: Vec::new() };
        match self {
            Self::Cpu => {
                for _ in 0..thread::available_parallelism().map_err(failed)?.get() {
                    let stop = stop.clone();
                    let spin = move || {
                        while !stop.load(Ordering::Relaxed) {
                            hint::spin_loop()
                        }
                    };
                    running
                        .threads
                        .push(thread::Builder::new().name("usermedia-load".into()).spawn(spin).map_err(failed)?);
                }
            }
            Self::Io => {
                let path = env::temp_dir().join(format!("usermedia-bench-{}.load", process::id()));
                let file = File::create(&path).map_err(failed)?;
                // It goes with its descriptor, however this process ends.
                fs::remove_file(&path).map_err(failed)?;
                let write = move || while !stop.load(Ordering::Relaxed) && write(&file).is_ok() {};
                running
                    .threads
                    .push(thread::Builder::new().name("usermedia-load".into()).spawn(write).map_err(failed)?);
            }
        }
        Ok(running)
    }
}

fn write(mut file: &File) -> io::Result<()> {
    const MEBIBYTE: &[u8] = &[0x5a; 1 << 20];
    file.seek(SeekFrom::Start(0))?;
    for _ in 0..16 {
        file.write_all(MEBIBYTE)?;
    }
    file.sync_data()
}

/// A load that goes on until this is dropped.
pub(crate) struct Running {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_works_until_it_is_dropped() {
        for load in [Load::Cpu, Load::Io] {
            let running = load.start().unwrap();
            assert!(!running.threads.is_empty());
            assert!(running.threads.iter().all(|thread| !thread.is_finished()), "{load:?}");
            // Returns: every thread has ended.
            drop(running);
        }
    }
}
