//! One run of a program, and what it took.

use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::time::TimeValLike;
use nix::unistd::Pid;

use super::program::{CommandLine, Ending};

/// How often a running program's memory is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// What a run took.
#[derive(Debug, Clone, Default)]
pub(super) struct Run {
    /// From its start to its end.
    pub(super) wall: Duration,
    /// Processor time of all its threads, the kernel's work for it included.
    pub(super) cpu: Duration,
    /// As it was looked at while it ran; a run of a few frames ends before that.
    pub(super) memory: Option<Memory>,
    /// What it printed on stdout.
    pub(super) stdout: String,
}

/// What a process holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Bytes of no file and of no driver: heap, stacks, what it wrote over. How many others run the same program, as the one
    /// that measures does of ours, makes no difference to them.
    pub(crate) private: u64,
    /// Bytes of the driver's buffers that are mapped, touched or not.
    pub(crate) driver: u64,
    /// How many mappings those are: the buffers, or their memory planes.
    pub(crate) mappings: u32,
}

impl Memory {
    fn most(self, other: Self) -> Self {
        Self {
            private: self.private.max(other.private),
            driver: self.driver.max(other.driver),
            mappings: self.mappings.max(other.mappings),
        }
    }
}

/// Runs a program to its end, at most for `limit`, and ends it early where `stop` says so.
///
/// # Errors
/// In words: it could not be started, failed, or took too long.
pub(super) fn run(line: &CommandLine, node: &str, limit: Duration, stop: &AtomicBool) -> Result<Run, String> {
    let (program, arguments) = line.words.split_first().ok_or("no program")?;
    // Accounted to this process as each child ends: one at a time, and none else ends meanwhile.
    let before = children_time()?;
    let started = Instant::now();
    let mut command = Command::new(program);
    command.args(arguments).env_remove("USERMEDIA_SYNTHETIC");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, so that a signal reaches the program under strace too, which keeps signals to itself.
    command.process_group(0);
    // The command waits for signals, so every thread of it blocks them, and a child inherits that.
    // SAFETY: between fork and exec this makes one system call, which POSIX lists as safe there, and allocates nothing.
    unsafe { command.pre_exec(|| Ok(SigSet::all().thread_unblock()?)) };
    let spawned = command.spawn();
    let mut child = spawned.map_err(|error| format!("{program} cannot be run: {error}"))?;
    let ended = attend(&mut child, node, line.ending, limit, stop)?;
    let (wall, cpu) = (started.elapsed(), children_time()?.saturating_sub(before));
    if stop.load(Ordering::Relaxed) {
        return Err("interrupted".to_owned());
    }
    if !ended.in_time {
        return Err(format!("it did not end within {} s", limit.as_secs()));
    }
    // What is interrupted may end any way it likes.
    if !ended.status.success() && line.ending == Ending::Frames {
        let said = ended.stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        return Err(format!("it failed ({}): {}", ended.status, said.trim()));
    }
    Ok(Run { wall, cpu, memory: ended.memory, stdout: ended.stdout })
}

struct Ended {
    status: ExitStatus,
    in_time: bool,
    memory: Option<Memory>,
    stdout: String,
    stderr: String,
}

/// Waits for a program without ever looking at the clock while it works: whoever polls disturbs what is measured.
fn attend(child: &mut Child, node: &str, ending: Ending, limit: Duration, stop: &AtomicBool) -> Result<Ended, String> {
    let pid = child.id();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let output = scope.spawn(move || text_of(stdout));
        let errors = scope.spawn(move || text_of(stderr));
        let (done, over) = mpsc::channel::<()>();
        let warden = scope.spawn(move || {
            let started = Instant::now();
            let (mut memory, mut in_time, mut interrupted) = (None, true, false);
            while let Err(RecvTimeoutError::Timeout) = over.recv_timeout(LOOK) {
                // As much as it was ever seen with: one that ends just now has hardly anything left.
                memory = memory_of(pid, node).map(|seen| seen.most(memory.unwrap_or_default())).or(memory);
                let enough = matches!(ending, Ending::Interrupted(time) if started.elapsed() >= time);
                // Not reaped before `over` is dropped, a moment from now at the latest: the number is still its own.
                if stop.load(Ordering::Relaxed) || started.elapsed() > limit {
                    in_time = stop.load(Ordering::Relaxed);
                    signal(pid, Signal::SIGKILL);
                } else if enough && !interrupted {
                    interrupted = true;
                    signal(pid, Signal::SIGINT);
                }
            }
            (memory, in_time)
        });
        let status = child.wait();
        drop(done);
        let (memory, in_time) = warden.join().map_err(|_| "the warden panicked")?;
        let stdout = output.join().map_err(|_| "the reader panicked")?;
        let stderr = errors.join().map_err(|_| "the reader panicked")?;
        let status = status.map_err(|error| format!("it cannot be waited for: {error}"))?;
        Ok(Ended { status, in_time, memory, stdout, stderr })
    })
}

/// To a program and whatever it runs.
fn signal(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        // It may have ended just now.
        let _ = killpg(Pid::from_raw(pid), signal);
    }
}

fn text_of(stream: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    // What cannot be read any more was not said.
    let _ = stream.map(|mut stream| stream.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Processor time of all children that have ended.
fn children_time() -> Result<Duration, String> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|errno| format!("getrusage: {errno}"))?;
    let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(u64::try_from(microseconds).unwrap_or(0)))
}

fn memory_of(pid: u32, node: &str) -> Option<Memory> {
    fs::read_to_string(format!("/proc/{pid}/smaps")).ok().map(|smaps| sum(&smaps, node))
}

/// Adds up a process's mappings: a head line with the file's name, then a line `Name:  number kB` for each figure.
fn sum(smaps: &str, node: &str) -> Memory {
    let mut memory = Memory::default();
    let mut of_driver = false;
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        let Some(first) = words.next() else { continue };
        if let Some(name) = first.strip_suffix(':') {
            let bytes = words.next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0).saturating_mul(1024);
            match name {
                "Size" if of_driver => memory.driver += bytes,
                "Anonymous" if !of_driver => memory.private += bytes,
                _ => {}
            }
        } else {
            of_driver = line.ends_with(&format!(" {node}"));
            memory.mappings += u32::from(of_driver);
        }
    }
    memory
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn shell(script: &str, ending: Ending) -> Result<Run, String> {
        let words = ["sh", "-c", script].map(str::to_owned).to_vec();
        run(&CommandLine { words, ending }, "/dev/video0", LIMIT, &AtomicBool::new(false))
    }

    #[test]
    fn a_run_ends_with_what_it_said() {
        assert_eq!(shell("echo done", Ending::Frames).unwrap().stdout, "done\n");
        let failed = shell("echo no such camera >&2; exit 3", Ending::Frames).unwrap_err();
        assert!(failed.contains("no such camera") && failed.contains('3'), "{failed}");
    }

    #[test]
    fn a_server_is_interrupted_and_that_is_no_failure() {
        // As the command has it, which waits for it on a thread of its own.
        SigSet::from(Signal::SIGINT).thread_block().unwrap();
        let ran = shell("exec sleep 60", Ending::Interrupted(Duration::from_millis(300))).unwrap();
        assert!(ran.wall < LIMIT && ran.memory.is_some());
    }

    #[test]
    fn a_signal_reaches_what_a_program_runs() {
        // As under strace, which is deaf while the program that it runs lives.
        let ran = shell(
            "trap '' INT; (trap - INT; exec sleep 60); echo over",
            Ending::Interrupted(Duration::from_millis(300)),
        );
        let ran = ran.unwrap();
        assert!(ran.wall < LIMIT, "{ran:?}");
    }

    #[test]
    fn a_run_that_is_not_wanted_any_more_ends() {
        let words = ["sleep", "60"].map(str::to_owned).to_vec();
        let line = CommandLine { words, ending: Ending::Frames };
        let ended = run(&line, "/dev/video0", LIMIT, &AtomicBool::new(true));
        assert_eq!(ended.unwrap_err(), "interrupted");
        let ended = run(&line, "/dev/video0", Duration::ZERO, &AtomicBool::new(false));
        assert!(ended.unwrap_err().contains("did not end"));
    }

    #[test]
    fn the_drivers_memory_is_not_the_programs() {
        let smaps = "\
7f0000000000-7f0000096000 rw-s 00000000 00:06 100 /dev/video0
Size:                600 kB
Rss:                 600 kB
Private_Dirty:       600 kB
Anonymous:             0 kB
7f0000100000-7f0000196000 rw-s 00096000 00:06 100 /dev/video0
Size:                600 kB
Private_Clean:         0 kB
55d000000000-55d000001000 rw-p 00000000 00:00 0 [heap]
Size:                 40 kB
Private_Clean:         4 kB
Private_Dirty:        12 kB
Anonymous:            16 kB
Shared_Clean:         99 kB
VmFlags: rd wr mr
";
        assert_eq!(sum(smaps, "/dev/video0"), Memory { private: 16 << 10, driver: 1200 << 10, mappings: 2 });
        assert_eq!(sum(smaps, "/dev/video00").driver, 0);
    }
}
