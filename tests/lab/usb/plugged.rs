//! A device in its port: put there, found among the kernel's devices, pulled out.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use super::UsbDevice;
use super::dictation::dictate;
use super::faults::Injection;
use super::orders::Order;
use crate::devices::{eventually, in_guest, succeed};
use crate::{agent, layout};

/// The host controller whose ports are used.
const CONTROLLER: &str = "/sys/devices/platform/vhci_hcd.0";
/// A high-speed device, in the words of vhci_hcd.
const HIGH_SPEED: u32 = 3;
/// How long a yanked device lies dying. Going sooner meets a bug in the kernel (README.md).
const DYING: Duration = Duration::from_millis(15);

/// A device that is plugged in; dropping it pulls it out.
pub struct Plugged {
    /// Where sysfs has it, such as …/usb1/1-1.
    folder: PathBuf,
    /// The process that is the device.
    device: Child,
    /// Its orders; at their end it goes.
    orders: UnixStream,
    has_camera: bool,
    has_microphone: bool,
}

impl Plugged {
    #[track_caller]
    pub(super) fn new(device: &UsbDevice, port: u8) -> Plugged {
        load_drivers();
        let (wire, kernels_end) = UnixStream::pair().unwrap();
        let (orders, obeyed) = UnixStream::pair().unwrap();
        let process = Command::new("/proc/self/exe")
            .arg("--usb-device")
            .arg(dictate(device))
            .stdin(OwnedFd::from(wire))
            .stdout(OwnedFd::from(obeyed))
            .spawn()
            .expect("a process for the device");
        let plugged = Plugged {
            folder: port_folder(port),
            device: process,
            orders,
            has_camera: device.camera.is_some(),
            has_microphone: device.microphone.is_some(),
        };
        attach(port, &kernels_end);
        plugged.wait();
        plugged
    }

    /// Waits for the nodes.
    #[track_caller]
    fn wait(&self) {
        if self.has_camera {
            eventually("a camera", || self.video_node(0));
            eventually("its metadata", || self.video_node(1));
        }
        if self.has_microphone {
            eventually("a microphone", || {
                let pcm = format!("/dev/snd/pcmC{}D0c", self.find_card()?);
                Path::new(&pcm).exists().then_some(())
            });
        }
        if in_guest() {
            agent::as_udev_would();
        }
    }

    /// The camera's node.
    #[track_caller]
    pub fn camera(&self) -> PathBuf {
        self.video_node(0).expect("a camera that is plugged in")
    }

    /// The node that uvcvideo makes beside it.
    #[track_caller]
    pub fn metadata(&self) -> PathBuf {
        self.video_node(1).expect("a camera that is plugged in")
    }

    /// The number of its sound card.
    #[track_caller]
    pub fn card(&self) -> u32 {
        self.find_card().expect("a microphone that is plugged in")
    }

    /// The microphone, as ALSA calls it.
    #[track_caller]
    pub fn microphone(&self) -> String {
        format!("hw:{},0", self.card())
    }

    /// Pulls it out: no word to anyone. Returns the time of that, in nanoseconds of CLOCK_MONOTONIC.
    pub fn unplug(self) -> u64 {
        self.gone()
    }

    /// Whether [`Plugged::yank`] is safe: vhci_hcd may complete a transfer on two processors at once.
    pub fn may_be_yanked() -> bool {
        in_guest() && fs::read_to_string("/sys/devices/system/cpu/online").is_ok_and(|online| online.trim() == "0")
    }

    /// Pulls it out as a hand does: transfers fail first, some milliseconds later it is gone. Returns that time, in
    /// nanoseconds of CLOCK_MONOTONIC.
    pub fn yank(mut self) -> u64 {
        assert!(Plugged::may_be_yanked(), "this can crash the kernel (README.md)");
        self.order(Order::Fail);
        thread::sleep(DYING);
        self.gone()
    }

    /// Has the camera do something wrong. Returns the number of the frame it is going to begin next.
    pub fn inject(&mut self, fault: impl Into<Injection>) -> u32 {
        u32::try_from(self.order(Order::Inject(fault.into()))).expect("numbers have 32 bits")
    }

    /// Has the microphone answer no transfer for so long. Returns the time in nanoseconds of CLOCK_MONOTONIC.
    pub fn mute(&mut self, time: Duration) -> u64 {
        self.order(Order::Mute(time))
    }

    /// Gives an order and waits for the answer to it.
    fn order(&mut self, order: Order) -> u64 {
        writeln!(self.orders, "{order}").expect("a device that obeys");
        self.answer()
    }

    fn answer(&mut self) -> u64 {
        let mut answer = [0; 8];
        self.orders.read_exact(&mut answer).expect("a device that did not fail");
        u64::from_ne_bytes(answer)
    }

    /// Ends the orders, and waits for the device to say when it went.
    fn gone(mut self) -> u64 {
        self.orders.shutdown(Shutdown::Write).expect("a device that obeys");
        self.answer()
    }

    /// The interfaces of the device in sysfs, such as …/1-1/1-1:1.0.
    fn interfaces(&self) -> impl Iterator<Item = PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().contains(':'))
    }

    fn video_node(&self, index: u32) -> Option<PathBuf> {
        let nodes = self.interfaces().flat_map(|interface| entries(&interface.join("video4linux")));
        let is_it =
            |node: &PathBuf| fs::read_to_string(node.join("index")).is_ok_and(|text| text.trim() == index.to_string());
        let node = Path::new("/dev").join(nodes.into_iter().find(is_it)?.file_name()?);
        node.exists().then_some(node)
    }

    fn find_card(&self) -> Option<u32> {
        let mut cards = self.interfaces().flat_map(|interface| entries(&interface.join("sound")));
        cards.find_map(|card| card.file_name()?.to_str()?.strip_prefix("card")?.parse().ok())
    }
}

impl Drop for Plugged {
    fn drop(&mut self) {
        let _ = self.orders.shutdown(Shutdown::Write);
        let _ = self.device.wait();
        // The kernel finds out by and by; the next test is not to see what is left meanwhile.
        let begun = Instant::now();
        while self.folder.exists() && begun.elapsed() < Duration::from_secs(2) {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Loads what the kernel needs for USB. Only tests that plug something in pay for it.
pub fn load_drivers() {
    if Path::new(CONTROLLER).exists() && Path::new("/sys/module/snd_usb_audio").exists() {
        return;
    }
    let program = if in_guest() { agent::MODPROBE } else { "modprobe" };
    for (module, parameters) in layout::USB_MODULES {
        succeed(Command::new(program).arg(module).args(*parameters));
    }
}

/// Gives the kernel one end of the socket. A port is free only some milliseconds after its last device has gone.
#[track_caller]
fn attach(port: u8, socket: &UnixStream) {
    let descriptor = socket.as_raw_fd();
    // Bus and number of the device where it comes from: any but zero will do.
    let line = format!("{port} {descriptor} {} {HIGH_SPEED}", 1 << 16 | (u32::from(port) + 2));
    let begun = Instant::now();
    loop {
        match fs::write(Path::new(CONTROLLER).join("attach"), &line) {
            Ok(()) => return,
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EBUSY as i32) => {
                assert!(begun.elapsed() < Duration::from_secs(2), "port {port} is taken");
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("attaching to port {port}: {error}"),
        }
    }
}

/// Where sysfs has a device that is plugged into this port.
fn port_folder(port: u8) -> PathBuf {
    let is_high_speed = |hub: &PathBuf| fs::read_to_string(hub.join("speed")).is_ok_and(|speed| speed.trim() == "480");
    let hub = entries(Path::new(CONTROLLER)).into_iter().find(is_high_speed).expect("a high-speed hub");
    let name = hub.file_name().unwrap_or_default().to_string_lossy().into_owned();
    hub.join(format!("{}-{}", name.trim_start_matches("usb"), u32::from(port) + 1))
}
