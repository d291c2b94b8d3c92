//! The guest's machine: what it boots, what executes it, and the folder it shares with this side.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::guest::Guest;
use crate::layout;
use crate::protocol::{FILES, SHARE_VARIABLE, SHELL_MODE, STOCK_GUEST, VIRTUAL_TIME_GUEST};
use crate::uml::{self, Clock, Places};

/// How long a guest may take to its first word, emulated on a busy machine.
const BOOT: Duration = Duration::from_secs(90);
/// The same where the processor does the work; longer, and KVM counts as not working here.
const BOOT_WITH_KVM: Duration = Duration::from_secs(10);

/// Names the lab binary that was built for the guest's processor, where that is not this one's. Its command lies where
/// cargo puts it, one folder up.
pub const BINARY_VARIABLE: &str = "USERMEDIA_LAB_BINARY";

/// How long User-Mode Linux may take to its first word.
const BOOT_USER_MODE: Duration = Duration::from_secs(30);

/// How many machines this process has made: each has a folder of its own.
static MADE: AtomicU32 = AtomicU32::new(0);

/// What the lab calls from here and the tests from inside; the guest sees this machine's programs.
const NEEDED: &[&str] = &["setpriv", "v4l2-ctl", "arecord", "ffprobe"];

/// The kernels the lab has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leg {
    /// Debian's own in QEMU, in real time.
    Stock,
    /// The same for 64-bit ARM, emulated, with programs of its own.
    Arm64,
    /// User-Mode Linux, in virtual time.
    VirtualTime,
}

impl Leg {
    /// The recipe of its kernel, and the programs that run it.
    fn means(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Leg::Stock => (&["tests/lab/prepare"], &["qemu-system-x86_64"]),
            Leg::Arm64 => (&["tests/lab/prepare", "arm64"], &["qemu-system-aarch64"]),
            Leg::VirtualTime => (&["tests/lab/uml/prepare"], &["taskset", "busybox"]),
        }
    }

    /// What `USERMEDIA_LAB` says to programs in its guest.
    pub fn name(self) -> &'static str {
        match self {
            Leg::Stock | Leg::Arm64 => STOCK_GUEST,
            Leg::VirtualTime => VIRTUAL_TIME_GUEST,
        }
    }

    /// What `make` is asked for to have all that.
    fn target(self) -> &'static str {
        match self {
            Leg::Stock => "make lab",
            Leg::Arm64 => "make lab-arm64",
            Leg::VirtualTime => "make soak",
        }
    }

    /// The lab binary that runs in its guest: this very one, unless the guest has another processor.
    pub fn binary(self) -> Result<PathBuf, String> {
        match self {
            Leg::Stock | Leg::VirtualTime => std::env::current_exe().map_err(|error| error.to_string()),
            Leg::Arm64 => std::env::var_os(BINARY_VARIABLE)
                .map(PathBuf::from)
                .ok_or_else(|| format!("{BINARY_VARIABLE} names no lab binary for arm64. Please run: make lab-arm64")),
        }
    }
}

/// What executes the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// QEMU, and the processor through it.
    Kvm,
    /// QEMU's emulation.
    Tcg,
    /// The processor: the guest's kernel is a program, by this clock.
    UserMode(Clock),
}

/// A prepared kernel, and where this run of the lab keeps its files.
#[derive(Debug)]
pub struct Machine {
    leg: Leg,
    /// What the leg's recipe made: vmlinux, initramfs.cpio, modules; or linux, modules.
    kernel: PathBuf,
    /// The host's side of the share, with the guest's console log beside it.
    folder: PathBuf,
    /// The tests' own part of the share: in `folder`, or a place the user named.
    files: PathBuf,
    /// An image the guest has as its first disk, /dev/vda.
    disk: Option<PathBuf>,
}

impl Machine {
    /// Prepares what is not prepared yet. The error names the command that helps.
    pub fn prepare(leg: Leg) -> Result<Machine, String> {
        let (recipe, programs) = leg.means();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(recipe[0]);
        for program in NEEDED.iter().chain(programs) {
            if !is_in_path(program) {
                return Err(format!("the device lab needs {program}. Please run: {}", leg.target()));
            }
        }
        let mut command = Command::new(&script);
        command.args(&recipe[1..]);
        if std::env::var_os("USERMEDIA_LAB_DIR").is_none() {
            command.env("USERMEDIA_LAB_DIR", target_folder().join("lab"));
        }
        let output =
            command.stderr(Stdio::inherit()).output().map_err(|error| format!("{}: {error}", script.display()))?;
        if !output.status.success() {
            return Err(format!("the lab's guest could not be prepared (see above). Please run: {}", leg.target()));
        }
        let kernel = PathBuf::from(OsString::from(String::from_utf8_lossy(&output.stdout).trim_end()));
        remove_abandoned(&kernel.with_file_name("runs"));
        Machine::of(leg, kernel)
    }

    /// Another with the same kernel, for a guest beside this one's.
    pub fn another(&self) -> Result<Machine, String> {
        Machine::of(self.leg, self.kernel.clone())
    }

    /// With a prepared kernel, and a folder of its own.
    fn of(leg: Leg, kernel: PathBuf) -> Result<Machine, String> {
        let runs = kernel.with_file_name("runs");
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = runs.join(format!("{}.{number}", std::process::id()));
        let files = std::env::var_os(SHARE_VARIABLE).map_or_else(|| folder.join(FILES), PathBuf::from);
        let machine = Machine { leg, kernel, folder, files, disk: None };
        let agent = leg.binary()?;
        machine.lay_out(&agent).map_err(|error| format!("{}: {error}", machine.folder.display()))?;
        Ok(machine)
    }

    /// Creates the share, and on it what the guest's init reads.
    fn lay_out(&self, agent: &Path) -> io::Result<()> {
        let share = self.share();
        // init mounts the tests' files here.
        fs::create_dir_all(share.join(FILES))?;
        fs::create_dir_all(&self.files)?;
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let own_root = self.own_root();
        let built = match own_root {
            None => Path::new(env!("CARGO_BIN_EXE_usermedia")).parent(),
            Some(_) => agent.parent().and_then(Path::parent),
        };
        let mut keep = String::new();
        for folder in [Some(project), agent.parent(), built, Some(&self.kernel)].into_iter().flatten() {
            // The guest lays tmpfs over /tmp and /run: a checkout or a build folder there has to be put back.
            let laid_over = folder.starts_with("/tmp") || folder.starts_with("/run");
            if let (Some(root), false) = (&own_root, laid_over) {
                fs::create_dir_all(root.join(folder.strip_prefix("/").unwrap_or(folder)))?;
            }
            if laid_over || own_root.is_some() {
                keep.push_str(&format!("{}\n", folder.display()));
            }
        }
        fs::write(share.join("keep"), keep)?;
        fs::write(share.join("agent"), format!("{}\n", agent.display()))?;
        let modules = if own_root.is_some() { PathBuf::from("/") } else { self.kernel.join("modules") };
        fs::write(share.join("modules"), format!("{}\n", modules.display()))?;
        fs::write(share.join("leg"), self.leg.name())?;
        fs::write(share.join("mode"), "agent")
    }

    /// The folder that is the guest's root, where its programs are not this machine's.
    fn own_root(&self) -> Option<PathBuf> {
        (self.leg == Leg::Arm64).then(|| self.kernel.join("root"))
    }

    /// The host's side of the share.
    pub fn share(&self) -> PathBuf {
        self.folder.join("share")
    }

    /// Gives the guest a disk with the bytes of this file. What QEMU was told to write is in it, should QEMU be killed: that
    /// is the guest's power cut. The guest's flushes are not waited for on this machine's own disk, which keeps its power.
    pub fn with_disk(mut self, image: &Path) -> Machine {
        self.disk = Some(image.to_owned());
        self
    }

    /// The host's side of the tests' own part of the share.
    pub fn files(&self) -> &Path {
        &self.files
    }

    /// What the guest's kernel printed.
    pub fn console(&self) -> PathBuf {
        match self.leg {
            Leg::Stock | Leg::Arm64 => self.folder.join("console.log"),
            Leg::VirtualTime => self.stderr(),
        }
    }

    /// What the program that is the guest wrote to stderr.
    pub fn stderr(&self) -> PathBuf {
        self.folder.join("stderr.log")
    }

    /// The command that starts the guest, its agent's line on stdin and stdout.
    pub fn command(&self, engine: Engine) -> Command {
        match engine {
            // Its pointer authentication alone, emulated, would cost `max` a quarter of its speed.
            Engine::Tcg if self.leg == Leg::Arm64 => self.qemu(["-accel", "tcg,thread=multi", "-cpu", "cortex-a72"]),
            Engine::Kvm => self.qemu(["-accel", "kvm", "-cpu", "host"]),
            Engine::Tcg => self.qemu(["-accel", "tcg,thread=multi", "-cpu", "max"]),
            Engine::UserMode(clock) => {
                let init = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/init");
                let (share, files) = (self.share(), &self.files);
                uml::command(
                    &Places { kernel: &self.kernel, init: &init, share: &share, files, own: &self.folder },
                    clock,
                )
            }
        }
    }

    fn qemu(&self, accelerator: [&str; 4]) -> Command {
        // A guest must not outlive the harness, however that ends.
        let mut qemu = Command::new("setpriv");
        let own_root = self.own_root();
        let (program, machine) = if own_root.is_some() { ("aarch64", "virt") } else { ("x86_64", "q35") };
        qemu.args(["--pdeathsig", "KILL"]).arg(format!("qemu-system-{program}"));
        qemu.args(["-M", machine, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-m", "1024"]);
        qemu.args(accelerator);
        qemu.arg("-smp").arg(std::env::var_os("USERMEDIA_LAB_CPUS").unwrap_or_else(|| "1".into()));
        qemu.arg("-serial").arg(option("file:", &self.console(), ""));
        qemu.args(["-chardev", "stdio,id=agent,signal=off"]);
        if own_root.is_some() {
            // That machine's only serial port is the console's, ttyAMA0. The second of these two is ttyS1.
            qemu.args(["-chardev", "null,id=none", "-device", "pci-serial-2x,chardev1=none,chardev2=agent"]);
        } else {
            qemu.args(["-serial", "chardev:agent"]);
        }
        qemu.arg("-kernel").arg(self.kernel.join("vmlinux"));
        qemu.arg("-initrd").arg(self.kernel.join("initramfs.cpio"));
        let here = Path::new("/");
        let root = ("root", own_root.as_deref().unwrap_or(here));
        for (tag, path) in std::iter::once(root).chain(own_root.is_some().then_some(("host", here))) {
            let options = format!(",mount_tag={tag},security_model=none,readonly=on,multidevs=remap");
            qemu.arg("-virtfs").arg(option("local,path=", path, &options));
        }
        for (tag, path) in [("share", &self.share()), (FILES, &self.files)] {
            let options = format!(",mount_tag={tag},security_model=none,multidevs=remap");
            qemu.arg("-virtfs").arg(option("local,path=", path, &options));
        }
        if let Some(disk) = &self.disk {
            qemu.arg("-drive").arg(option("file=", disk, ",if=virtio,format=raw,cache=unsafe"));
        }
        qemu.args(["-audiodev", "none,id=silence", "-device", layout::SOUND_HDA_PLACE]);
        qemu.args(["-device", "hda-duplex,audiodev=silence"]);
        let own = if own_root.is_some() { "console=ttyAMA0 keep_from=host" } else { "console=ttyS0" };
        qemu.arg("-append").arg(format!("{own} {}", KERNEL_ARGUMENTS.join(" ")));
        qemu
    }

    /// Boots a guest: QEMU's with KVM where that works, which is found out once and remembered, else emulated.
    pub fn boot(self: &Arc<Self>) -> Result<Guest, String> {
        if self.leg == Leg::VirtualTime {
            return Guest::boot(self, Engine::UserMode(Clock::Virtual), BOOT_USER_MODE);
        }
        if self.leg == Leg::Arm64 {
            return Guest::boot(self, Engine::Tcg, BOOT);
        }
        let verdict = self.kernel.with_file_name("kvm");
        let here = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let known = fs::read_to_string(&verdict).unwrap_or_default();
        let refused = known.strip_prefix("no ").is_some_and(|release| release == here);
        if !refused && fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok() {
            if let Ok(guest) = Guest::boot(self, Engine::Kvm, BOOT_WITH_KVM) {
                return Ok(guest);
            }
            let _ = fs::write(&verdict, format!("no {here}"));
        }
        Guest::boot(self, Engine::Tcg, BOOT)
    }

    /// A guest whose agent line is this terminal, with a shell in it. Nobody types in virtual time.
    pub fn shell(&self) -> Result<ExitStatus, String> {
        let engine = if self.leg == Leg::VirtualTime { Engine::UserMode(Clock::Real) } else { Engine::Tcg };
        let mut command = self.command(engine);
        let mut run = || {
            fs::write(self.share().join("mode"), SHELL_MODE)?;
            command.stderr(File::create(self.stderr())?).status()
        };
        run().map_err(|error| format!("the guest: {error}"))
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
    "panic=-1",
    "nokaslr",
    // QEMU's translations are kept by address: a program whose addresses are others each time is translated anew each time,
    // which takes as long as all else that a short one does.
    "norandmaps",
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

/// Runs that were killed before they could tidy up. Their folders bear the number of a process that is no more.
fn remove_abandoned(runs: &Path) {
    for run in fs::read_dir(runs).into_iter().flatten().flatten() {
        let name = run.file_name();
        let process = Path::new(&name).file_stem().unwrap_or_default();
        if !Path::new("/proc").join(process).exists() {
            let _ = fs::remove_dir_all(run.path());
        }
    }
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
