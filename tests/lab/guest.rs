//! The guest as the harness sees it: booted, asked to run programs one after another, ended.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::agent::run_folder;
use crate::protocol::{Done, FILES, READY, Request, SHARE_IN_GUEST, SHARE_VARIABLE, SHELL_MODE};

/// How long a guest may take to its first word, emulated on a busy machine.
const BOOT: Duration = Duration::from_secs(90);
/// The same where the processor does the work; longer, and KVM counts as not working here.
const BOOT_WITH_KVM: Duration = Duration::from_secs(10);
/// What the agent may need on top of a program's own timeout before the guest counts as wedged.
const GRACE: Duration = Duration::from_secs(15);
/// Replaces those 15 seconds, for the harness's tests of itself.
pub const GRACE_VARIABLE: &str = "USERMEDIA_LAB_GRACE";
/// How much of each output is kept for a report.
const REPORTED: u64 = 256 * 1024;

/// What executes the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accelerator {
    Kvm,
    Tcg,
}

/// A prepared kernel, and where this run of the lab keeps its files.
#[derive(Debug)]
pub struct Machine {
    /// What `tests/lab/prepare` made: vmlinux, initramfs.cpio, modules.
    kernel: PathBuf,
    /// The host's side of the share, with the guest's console log beside it.
    folder: PathBuf,
    /// The tests' own part of the share: in `folder`, or a place the user named.
    files: PathBuf,
}

impl Machine {
    /// Prepares what is not prepared yet. The error names the command that helps.
    pub fn prepare() -> Result<Machine, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/prepare");
        for program in ["qemu-system-x86_64", "setpriv"] {
            if !is_in_path(program) {
                return Err(format!("the device lab needs {program}. Please run: make lab"));
            }
        }
        let mut command = Command::new(&script);
        if std::env::var_os("USERMEDIA_LAB_DIR").is_none() {
            command.env("USERMEDIA_LAB_DIR", target_folder().join("lab"));
        }
        let output =
            command.stderr(Stdio::inherit()).output().map_err(|error| format!("{}: {error}", script.display()))?;
        if !output.status.success() {
            return Err("the device lab's guest could not be prepared (see above). Please run: make lab".to_owned());
        }
        let kernel = PathBuf::from(OsString::from(String::from_utf8_lossy(&output.stdout).trim_end()));
        let lab = kernel.parent().unwrap_or(&kernel);
        let folder = lab.join("runs").join(std::process::id().to_string());
        let files = std::env::var_os(SHARE_VARIABLE).map_or_else(|| folder.join(FILES), PathBuf::from);
        let machine = Machine { kernel, folder, files };
        machine.lay_out().map_err(|error| format!("{}: {error}", machine.folder.display()))?;
        Ok(machine)
    }

    /// Creates the share, and on it what the guest's init reads.
    fn lay_out(&self) -> io::Result<()> {
        let share = self.share();
        // init mounts the tests' files here.
        fs::create_dir_all(share.join(FILES))?;
        fs::create_dir_all(&self.files)?;
        let agent = std::env::current_exe()?;
        // The guest lays tmpfs over /tmp and /run: a checkout or a build folder there has to be put back.
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let hidden =
            [Some(project), agent.parent(), Path::new(env!("CARGO_BIN_EXE_usermedia")).parent(), Some(&self.kernel)];
        let mut keep = String::new();
        for folder in hidden.into_iter().flatten() {
            if folder.starts_with("/tmp") || folder.starts_with("/run") {
                keep.push_str(&format!("{}\n", folder.display()));
            }
        }
        fs::write(share.join("keep"), keep)?;
        fs::write(share.join("agent"), format!("{}\n", agent.display()))?;
        fs::write(share.join("modules"), format!("{}\n", self.kernel.join("modules").display()))?;
        fs::write(share.join("mode"), "agent")
    }

    fn share(&self) -> PathBuf {
        self.folder.join("share")
    }

    fn console(&self) -> PathBuf {
        self.folder.join("console.log")
    }

    /// The command that starts the guest, its agent's line on stdin and stdout.
    fn qemu(&self, accelerator: Accelerator) -> Command {
        // A guest must not outlive the harness, however that ends.
        let mut qemu = Command::new("setpriv");
        qemu.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
        qemu.args(["-M", "q35", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-m", "1024"]);
        qemu.args(match accelerator {
            Accelerator::Kvm => ["-accel", "kvm", "-cpu", "host"],
            Accelerator::Tcg => ["-accel", "tcg,thread=multi", "-cpu", "max"],
        });
        qemu.arg("-smp").arg(std::env::var_os("USERMEDIA_LAB_CPUS").unwrap_or_else(|| "1".into()));
        qemu.arg("-serial").arg(option("file:", &self.console(), ""));
        qemu.args(["-chardev", "stdio,id=agent,signal=off", "-serial", "chardev:agent"]);
        qemu.arg("-kernel").arg(self.kernel.join("vmlinux"));
        qemu.arg("-initrd").arg(self.kernel.join("initramfs.cpio"));
        qemu.args(["-virtfs", "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap"]);
        for (tag, path) in [("share", &self.share()), (FILES, &self.files)] {
            let options = format!(",mount_tag={tag},security_model=none,multidevs=remap");
            qemu.arg("-virtfs").arg(option("local,path=", path, &options));
        }
        qemu.args(["-audiodev", "none,id=silence", "-device", "intel-hda", "-device", "hda-duplex,audiodev=silence"]);
        qemu.arg("-append").arg(KERNEL_ARGUMENTS.join(" "));
        qemu
    }

    /// Boots a guest: with KVM where that works, which is found out once and remembered, else emulated.
    pub fn boot(self: &Arc<Self>) -> Result<Guest, String> {
        let verdict = self.kernel.with_file_name("kvm");
        let here = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let known = fs::read_to_string(&verdict).unwrap_or_default();
        let refused = known.strip_prefix("no ").is_some_and(|release| release == here);
        if !refused && fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok() {
            if let Ok(guest) = Guest::boot(self, Accelerator::Kvm, BOOT_WITH_KVM) {
                return Ok(guest);
            }
            let _ = fs::write(&verdict, format!("no {here}"));
        }
        Guest::boot(self, Accelerator::Tcg, BOOT)
    }

    /// A guest whose agent line is this terminal, with a shell in it.
    pub fn shell(&self) -> Result<ExitStatus, String> {
        let run = || {
            fs::write(self.share().join("mode"), SHELL_MODE)?;
            self.qemu(Accelerator::Tcg).status()
        };
        run().map_err(|error| format!("qemu-system-x86_64: {error}"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Nothing the lab does not need, and nothing that prints.
const KERNEL_ARGUMENTS: &[&str] = &[
    "quiet",
    "console=ttyS0",
    "panic=-1",
    "nokaslr",
    "mitigations=off",
    "tsc=reliable",
    "random.trust_cpu=on",
    "audit=0",
    "cryptomgr.notests",
    "apparmor=0",
    "ipv6.disable=1",
    "rodata=off",
    "init_on_alloc=0",
    "no_timer_check",
    "cgroup_disable=memory",
    "numa=off",
    "i8042.noaux",
    "i8042.nokbd",
    "i8042.nopnp",
    "nowatchdog",
    "initcall_blacklist=load_system_certificate_list,init_blk_tracer,init_encrypted,init_trusted",
];

/// A booted guest. Dropping it ends it.
#[derive(Debug)]
pub struct Guest {
    machine: Arc<Machine>,
    qemu: Child,
    line: ChildStdin,
    answers: Receiver<String>,
    runs: u32,
}

/// What a run left behind.
#[derive(Debug)]
pub struct Report {
    /// How it ended, and whether the guest is still good; `None` when the guest itself is lost.
    pub done: Option<Done>,
    /// The last of what it wrote to stdout.
    pub stdout: String,
    /// The last of what it wrote to stderr.
    pub stderr: String,
    /// What the kernel logged meanwhile; the console's last lines when the guest is lost.
    pub dmesg: String,
}

impl Guest {
    fn boot(machine: &Arc<Machine>, accelerator: Accelerator, patience: Duration) -> Result<Guest, String> {
        for left in fs::read_dir(machine.share()).into_iter().flatten().flatten() {
            if left.file_name().to_string_lossy().starts_with("run-") {
                let _ = fs::remove_dir_all(left.path());
            }
        }
        let mut qemu = machine
            .qemu(accelerator)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("qemu-system-x86_64: {error}"))?;
        let (Some(line), Some(stdout), Some(mut stderr)) = (qemu.stdin.take(), qemu.stdout.take(), qemu.stderr.take())
        else {
            return Err("qemu-system-x86_64 was started without its pipes".to_owned());
        };
        let complaint = thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n') {
                let Ok(line) = line else { break };
                if sender.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                    break;
                }
            }
        });
        let mut guest = Guest { machine: Arc::clone(machine), qemu, line, answers, runs: 0 };
        if guest.wait(patience, |line| (line == READY).then_some(()), || ()).is_some() {
            return Ok(guest);
        }
        let _ = guest.qemu.kill();
        let complaint = complaint.join().unwrap_or_default();
        Err(format!("the guest did not come up within {patience:?}\n{complaint}{}", tail(&machine.console())))
    }

    /// Waits for an answer, calling `meanwhile` every few milliseconds. `None`: too late, or the guest is gone.
    fn wait<T>(
        &self,
        patience: Duration,
        wanted: impl Fn(&str) -> Option<T>,
        mut meanwhile: impl FnMut(),
    ) -> Option<T> {
        let begun = Instant::now();
        loop {
            match self.answers.recv_timeout(Duration::from_millis(10)) {
                Ok(line) => {
                    if let Some(answer) = wanted(&line) {
                        return Some(answer);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) if begun.elapsed() > patience => return None,
                Err(RecvTimeoutError::Timeout) => meanwhile(),
            }
        }
    }

    /// Runs a program to its end. With `follow`, its output appears here while it runs.
    pub fn run(&mut self, request: &Request, follow: bool) -> io::Result<Report> {
        self.runs += 1;
        let run = self.runs;
        let folder = self.machine.share().join(run_folder(run));
        fs::create_dir(&folder)?;
        fs::write(folder.join("request"), request.encode())?;
        let mut outputs = [Followed::new(folder.join("stdout")), Followed::new(folder.join("stderr"))];
        // A failing write means the guest is gone, which the wait finds out too.
        let _ = writeln!(self.line, "run {run}").and_then(|()| self.line.flush());
        let mut show = || {
            let [out, err] = &mut outputs;
            if follow {
                out.copy_news(&mut io::stdout());
                err.copy_news(&mut io::stderr());
            }
        };
        let is_answer = |line: &str| Done::parse(line).filter(|done| done.run == run);
        let grace = std::env::var(GRACE_VARIABLE).ok().and_then(|seconds| seconds.parse().ok());
        let grace = grace.map_or(GRACE, Duration::from_secs);
        let done = self.wait(request.timeout.saturating_add(grace), is_answer, &mut show);
        show();
        let dmesg = if done.is_some() { folder.join("dmesg") } else { self.machine.console() };
        let report = Report {
            done,
            stdout: tail(&folder.join("stdout")),
            stderr: tail(&folder.join("stderr")),
            dmesg: tail(&dmesg),
        };
        let _ = fs::remove_dir_all(&folder);
        Ok(report)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// The environment a program in the guest gets: the caller's, with the guest's own places.
pub fn environment() -> Vec<(OsString, OsString)> {
    let share = Path::new(SHARE_IN_GUEST).join(FILES);
    let own =
        [(SHARE_VARIABLE, share.as_os_str()), ("TMPDIR", OsStr::new("/tmp")), ("USERMEDIA_LAB", OsStr::new("guest"))];
    let inherited = std::env::vars_os().filter(|(name, _)| !own.iter().any(|(ours, _)| name == ours));
    inherited.chain(own.iter().map(|(name, value)| ((*name).into(), (*value).into()))).collect()
}

/// A file of output that is still growing.
struct Followed {
    path: PathBuf,
    shown: u64,
}

impl Followed {
    fn new(path: PathBuf) -> Followed {
        Followed { path, shown: 0 }
    }

    fn copy_news(&mut self, to: &mut impl Write) {
        let mut copy = || {
            let mut file = fs::File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.shown))?;
            let copied = io::copy(&mut file, to)?;
            to.flush()?;
            io::Result::Ok(copied)
        };
        // Not there yet, or our reader has gone: neither is a reason to stop waiting for the program.
        self.shown += copy().unwrap_or(0);
    }
}

/// The last of a file, as text.
fn tail(path: &Path) -> String {
    let read = || {
        let mut file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(REPORTED)))?;
        let mut bytes = Vec::new();
        file.take(REPORTED).read_to_end(&mut bytes)?;
        io::Result::Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_default()
}

/// A QEMU option holding a path: a comma in it is doubled.
fn option(before: &str, path: &Path, after: &str) -> OsString {
    OsString::from(format!("{before}{}{after}", path.display().to_string().replace(',', ",,")))
}

fn is_in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The build folder, from where this binary lies: <target>/<profile>/deps/lab-….
fn target_folder() -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    here.ancestors().nth(3).map_or_else(|| PathBuf::from("target"), Path::to_path_buf)
}
