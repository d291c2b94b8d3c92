//! What does not depend on how fast the machine is: system calls, instructions, allocations.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use std::{env, fs, process};

use super::process as child;
use super::program::{CommandLine, Ending, words};

/// Of one frame, in steady state. `None` where the tool is not installed or gave no answer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Counts {
    /// Of all threads, by strace.
    pub(crate) syscalls: Option<f64>,
    /// In user space, by callgrind.
    pub(crate) instructions: Option<f64>,
    /// Calls of malloc and its like, by memcheck.
    pub(crate) allocations: Option<f64>,
}

/// What is counted besides the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    /// System calls, instructions and allocations.
    All,
    /// System calls alone: valgrind takes its time.
    Calls,
    /// Nothing.
    Nothing,
}

/// A tool that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Strace,
    Callgrind,
    Memcheck,
}

/// How long a run under a tool may take: valgrind runs a program some fifty times slower.
const LIMIT: Duration = Duration::from_secs(600);

impl Tool {
    fn is_installed(self) -> bool {
        let program = if self == Self::Strace { "strace" } else { "valgrind" };
        Command::new(program).arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).status().is_ok()
    }

    /// The words before a command's own; what is counted goes to `file`.
    fn prefix(self, file: &Path) -> Vec<String> {
        let file = file.display();
        match self {
            Self::Strace => words(&format!("strace -f -c -o {file}")),
            Self::Callgrind => {
                words(&format!("valgrind --vgdb=no --tool=callgrind --callgrind-out-file=/dev/null --log-file={file}"))
            }
            Self::Memcheck => words(&format!(
                "valgrind --vgdb=no --tool=memcheck --leak-check=no --undef-value-errors=no --log-file={file}"
            )),
        }
    }

    /// The count in what the tool wrote.
    fn read(self, text: &str) -> Option<f64> {
        let number = |word: &str| word.replace(',', "").parse().ok();
        match self {
            // "100.00  0.001234  2  612  3 total": calls come before errors, where there are any.
            Self::Strace => {
                let total = text.lines().find(|line| line.trim_end().ends_with(" total"))?;
                number(total.split_whitespace().nth(3)?)
            }
            // "==12== Collected : 123456"
            Self::Callgrind => {
                number(text.lines().find_map(|line| line.split_once("Collected :"))?.1.split_whitespace().next()?)
            }
            // "==12==   total heap usage: 1,234 allocs, 1,200 frees, 5,678 bytes allocated"
            Self::Memcheck => {
                number(text.lines().find_map(|line| line.split_once("total heap usage:"))?.1.split_whitespace().next()?)
            }
        }
    }

    /// How much longer a server takes to start under it, at the most: it is interrupted by the clock, after frames that have
    /// to have come by then.
    const fn starting(self) -> Duration {
        match self {
            Self::Strace => Duration::from_secs(3),
            Self::Callgrind | Self::Memcheck => Duration::from_secs(30),
        }
    }

    /// What a whole run counts.
    fn count(self, line: &CommandLine, node: &str, stop: &AtomicBool) -> Option<f64> {
        let file = Scratch::new();
        let mut words = self.prefix(&file.0);
        words.extend(line.words.iter().cloned());
        let ending = match line.ending {
            Ending::Frames => Ending::Frames,
            Ending::Interrupted(time) => Ending::Interrupted(time + self.starting()),
        };
        child::run(&CommandLine { words, ending }, node, LIMIT, stop).ok()?;
        self.read(&fs::read_to_string(&file.0).ok()?)
    }

    fn per_frame(
        self,
        (few, many): (&CommandLine, &CommandLine),
        frames: u64,
        node: &str,
        stop: &AtomicBool,
    ) -> Option<f64> {
        if !self.is_installed() {
            return None;
        }
        let (few, many) = (self.count(few, node, stop)?, self.count(many, node, stop)?);
        Some((many - few) / frames as f64)
    }
}

/// A file for a tool, gone when it was read.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        Self(env::temp_dir().join(format!("usermedia-bench-{}.counts", process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Counts {
    /// Counts what lies between a run of few frames and one of `frames` more. Once each: counts have no noise.
    pub(super) fn take(
        counting: Counting,
        lines: (&CommandLine, &CommandLine),
        frames: u64,
        node: &str,
        stop: &AtomicBool,
    ) -> Self {
        let count = |tool: Tool, wanted: bool| wanted.then(|| tool.per_frame(lines, frames, node, stop)).flatten();
        let all = counting == Counting::All;
        Self {
            syscalls: count(Tool::Strace, counting != Counting::Nothing),
            instructions: count(Tool::Callgrind, all),
            allocations: count(Tool::Memcheck, all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tools_words_are_understood() {
        let strace = "% time seconds usecs/call calls errors syscall\n 60.0 0.1 2 300 ioctl\n100.00    0.001234           2       612         3 total\n";
        assert_eq!(Tool::Strace.read(strace), Some(612.0));
        let without_errors = "100.00    0.001234           2       612           total\n";
        assert_eq!(Tool::Strace.read(without_errors), Some(612.0));
        assert_eq!(Tool::Callgrind.read("==1== Events    : Ir\n==1== Collected : 123456\n"), Some(123_456.0));
        let memcheck = "==1==   total heap usage: 1,234 allocs, 1,200 frees, 5,678 bytes allocated\n";
        assert_eq!(Tool::Memcheck.read(memcheck), Some(1234.0));
        assert_eq!(Tool::Memcheck.read("killed"), None);
    }
}
