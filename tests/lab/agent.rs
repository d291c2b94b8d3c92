//! The guest's side: process 1 of the guest, which loads the drivers and then runs what the harness asks for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::layout;
use crate::protocol::{
    Done, Ending, FILES, READY, Request, SHARE_IN_GUEST, SHARE_VARIABLE, SHELL_MODE, VIRTUAL_TIME_GUEST,
};

/// The line to the harness: the second serial port.
const LINE: &str = "/dev/ttyS1";
/// The guest's modprobe, which finds the modules where they are.
pub const MODPROBE: &str = "/run/modprobe";
/// How long killed processes may take to be gone before the guest counts as wedged.
const BURIAL: Duration = Duration::from_secs(5);

/// Runs until the harness ends the guest. As process 1 it does not return but to a kernel panic, which ends QEMU.
pub fn main() -> io::Result<()> {
    let share = Path::new(SHARE_IN_GUEST);
    let in_virtual_time = fs::read_to_string(share.join("leg"))? == VIRTUAL_TIME_GUEST;
    let modules = fs::read_to_string(share.join("modules"))?;
    let hda = (!in_virtual_time).then_some(layout::HDA_MODULE);
    load_drivers(Path::new(modules.trim_end()), hda.as_slice())?;
    let _ = fs::write("/proc/sys/kernel/hung_task_timeout_secs", "20");

    if fs::read_to_string(share.join("mode"))? == SHELL_MODE {
        return shell();
    }
    let mut line_in = BufReader::new(File::open(LINE)?);
    let mut line_out = OpenOptions::new().write(true).open(LINE)?;
    let mut kernel_log = KernelLog::open()?;
    fs::write(share.join("boot.dmesg"), kernel_log.new_text())?;
    writeln!(line_out, "{READY}")?;
    let mut line = String::new();
    loop {
        if in_virtual_time {
            pass_the_time(line_in.get_ref())?;
        }
        line.clear();
        if line_in.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let Some(run) = line.strip_prefix("run ").and_then(|number| number.trim_end().parse().ok()) else {
            continue;
        };
        let folder = share.join(run_folder(run));
        let ending = perform(&folder);
        let stuck = !bury();
        fs::write(folder.join("dmesg"), kernel_log.new_text())?;
        writeln!(line_out, "{}", Done { run, ending, stuck }.line())?;
    }
}

/// Waits for the harness in small steps: where nothing else is due, a clock that jumps to what is due next would jump
/// to the end of all time.
fn pass_the_time(line: &File) -> io::Result<()> {
    let step = PollTimeout::try_from(Duration::from_millis(10)).map_err(io::Error::other)?;
    while poll(&mut [PollFd::new(line.as_fd(), PollFlags::POLLIN)], step)? == 0 {}
    Ok(())
}

/// The folder on the share of the run with this number.
pub fn run_folder(run: u32) -> PathBuf {
    PathBuf::from(format!("run-{run}"))
}

/// Loads the drivers of the layout, after those that come first here, and gives their nodes the owners udev would give them.
fn load_drivers(modules: &Path, first: &[(&str, &[&str])]) -> io::Result<()> {
    // Modules the kernel asks for itself (a codec, for instance) are in the same place.
    let helper = Path::new(MODPROBE);
    fs::write(helper, format!("#!/bin/sh\nexec /sbin/modprobe -d '{}' \"$@\"\n", modules.display()))?;
    fs::set_permissions(helper, fs::Permissions::from_mode(0o755))?;
    fs::write("/proc/sys/kernel/modprobe", MODPROBE)?;
    for (module, parameters) in first.iter().chain(layout::MODULES) {
        let status = Command::new(helper).arg(module).args(*parameters).status()?;
        if !status.success() {
            eprintln!("lab: modprobe {module} {}: {status}", parameters.join(" "));
        }
    }
    let codec = Path::new("/proc/asound").join(layout::SOUND_HDA);
    let begun = Instant::now();
    while !first.is_empty() && !codec.exists() && begun.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(10));
    }
    as_udev_would();
    Ok(())
}

/// Video nodes and sound nodes belong to their groups, mode 660, on every machine with udev; the guest has none.
pub fn as_udev_would() {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let group = |name: &str| {
        let line = groups.lines().find(|line| line.split(':').next() == Some(name))?;
        line.split(':').nth(2)?.parse::<u32>().ok()
    };
    let grant = |folder: &str, prefixes: &[&str], owner: Option<u32>| {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
                let _ = std::os::unix::fs::chown(entry.path(), None, owner);
                let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o660));
            }
        }
    };
    grant("/dev", &["video", "vbi", "radio", "swradio", "v4l-touch", "v4l-subdev", "media"], group("video"));
    grant("/dev/snd", &["pcm", "control", "timer", "seq", "hw"], group("audio"));
}

/// Runs the program of the request in this folder, and nothing else until it has ended.
fn perform(folder: &Path) -> Ending {
    let outputs = File::create(folder.join("stdout")).and_then(|out| Ok((out, File::create(folder.join("stderr"))?)));
    let request = fs::read(folder.join("request")).and_then(|bytes| Request::decode(&bytes));
    match (outputs, request) {
        (Ok((stdout, stderr)), Ok(request)) => run(&request, stdout, stderr),
        (Ok((_, mut stderr)), Err(error)) => {
            let _ = writeln!(stderr, "lab: {error}");
            Ending::NotStarted
        }
        (Err(_), _) => Ending::NotStarted,
    }
}

/// Runs a program to its end or its timeout; then what is left of its process group is killed.
pub fn run(request: &Request, stdout: File, mut stderr: File) -> Ending {
    let directory = if request.directory.is_dir() { request.directory.as_path() } else { Path::new("/") };
    let spawned = stderr.try_clone().and_then(|stderr| {
        Command::new(&request.command[0])
            .args(&request.command[1..])
            .current_dir(directory)
            .env_clear()
            .envs(request.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .spawn()
    });
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            let _ = writeln!(stderr, "lab: {}: {error}", request.command[0].to_string_lossy());
            return Ending::NotStarted;
        }
    };
    let group = i32::try_from(child.id()).ok().map(|id| Pid::from_raw(-id));
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait()));
    let ending = match ended.recv_timeout(request.timeout) {
        Ok(Ok(status)) => ending(status),
        Ok(Err(_)) => Ending::NotStarted,
        Err(_) => Ending::TimedOut,
    };
    if let Some(group) = group {
        let _ = kill(group, Signal::SIGKILL);
        if ending == Ending::TimedOut {
            let _ = ended.recv_timeout(BURIAL);
        }
    }
    ending
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Exited(code),
        (None, Some(signal)) => Ending::Signalled(signal),
        (None, None) => Ending::NotStarted,
    }
}

/// Kills every process but this one, so that nothing of one test lives to disturb the next. False: some would not die.
fn bury() -> bool {
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    let begun = Instant::now();
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return true,
            Ok(WaitStatus::StillAlive) if begun.elapsed() > BURIAL => return false,
            Ok(WaitStatus::StillAlive) => thread::sleep(Duration::from_millis(2)),
            _ => {}
        }
    }
}

/// The kernel's log, read on from where the last reading ended.
struct KernelLog(File);

impl KernelLog {
    fn open() -> io::Result<KernelLog> {
        OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open("/dev/kmsg").map(KernelLog)
    }

    /// The lines since the last call. A record reads `priority,sequence,microseconds,flags;text`.
    fn new_text(&mut self) -> String {
        let mut text = String::new();
        let mut record = [0; 8192];
        loop {
            match self.0.read(&mut record) {
                Ok(0) => break,
                Ok(length) => {
                    let record = String::from_utf8_lossy(&record[..length]);
                    let (head, message) = record.split_once(';').unwrap_or(("", &record));
                    let microseconds: u64 =
                        head.split(',').nth(2).and_then(|stamp| stamp.parse().ok()).unwrap_or_default();
                    let seconds = microseconds / 1_000_000;
                    text.push_str(&format!("[{seconds:5}.{:06}] ", microseconds % 1_000_000));
                    text.push_str(message.lines().next().unwrap_or_default());
                    text.push('\n');
                }
                // EPIPE: records were overwritten before we came; the next read goes on with the oldest left.
                Err(error) if error.raw_os_error() == Some(Errno::EPIPE as i32) => {}
                Err(_) => break,
            }
        }
        text
    }
}

/// A developer's shell on the serial line, which QEMU has connected to the terminal; the guest ends with it.
fn shell() -> io::Result<()> {
    Command::new("busybox").args(["stty", "-F", LINE, "sane"]).status()?;
    Command::new("setsid")
        .args(["--ctty", "--wait", "bash", "--norc", "-i"])
        .env("TERM", "xterm")
        .env("HOME", "/tmp")
        .env("PS1", "guest:\\w# ")
        .env(SHARE_VARIABLE, Path::new(SHARE_IN_GUEST).join(FILES))
        .stdin(File::open(LINE)?)
        .stdout(OpenOptions::new().write(true).open(LINE)?)
        .stderr(OpenOptions::new().write(true).open(LINE)?)
        .status()?;
    Ok(())
}
