//! Machines for tests: a tree of files in place of `/dev`, `/sys` and `/proc`, a kernel whose nodes answer as told, and
//! sound cards from a list.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use memmap2::MmapRaw;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent};

use super::Machine;
use crate::format::Fourcc;
use crate::seam::{
    BufferMemory, BufferType, Capability, CapabilityFlags, CapturePcm, ControlDescription, Dequeued, Fraction,
    FrameInterval, FrameSize, InputStatus, Interval, Kernel, LinuxWorld, Pcm, PcmDirectory, PcmRanges, PcmSystem,
    PixelFormat, RequestedBuffers, SoundCard,
};

/// A temporary tree that looks like a system's `/`. Paths are relative to it.
#[derive(Debug)]
pub(crate) struct Tree(PathBuf);

impl Tree {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("usermedia-{}-{number}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        Self(root)
    }

    pub(crate) fn world(&self) -> LinuxWorld {
        LinuxWorld::rooted(&self.0)
    }

    pub(crate) fn directory(&self, path: &str) -> PathBuf {
        let path = self.0.join(path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    pub(crate) fn bytes(&self, path: &str, content: &[u8]) {
        let path = Path::new(path);
        let parent = self.directory(path.parent().unwrap().to_str().unwrap());
        fs::write(parent.join(path.file_name().unwrap()), content).unwrap();
    }

    pub(crate) fn file(&self, path: &str, content: &str) {
        self.bytes(path, content.as_bytes());
    }

    pub(crate) fn link(&self, path: &str, target: &str) {
        let path = Path::new(path);
        let parent = self.directory(path.parent().unwrap().to_str().unwrap());
        symlink(target, parent.join(path.file_name().unwrap())).unwrap();
    }

    fn link_inside(&self, path: &str, target: &str) {
        let target = self.directory(target);
        self.link(path, target.to_str().unwrap());
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.0.join(path)).unwrap();
    }

    /// A V4L2 node below the device `parent` (`devices/platform/vivid.0`) on a bus, with attributes in sysfs.
    pub(crate) fn node(&self, name: &str, parent: &str, bus: &str, attributes: &[(&str, &str)]) {
        self.file(&format!("dev/{name}"), "");
        let class = format!("sys/{parent}/video4linux/{name}");
        for (attribute, value) in attributes {
            self.file(&format!("{class}/{attribute}"), &format!("{value}\n"));
        }
        self.link_inside(&format!("sys/class/video4linux/{name}"), &class);
        self.on_bus(parent, bus);
    }

    /// A card below `parent`, with the PCMs that capture.
    pub(crate) fn card(&self, index: u32, id: &str, parent: &str, bus: &str, captures: &[u32]) {
        let class = format!("sys/{parent}/sound/card{index}");
        self.file(&format!("{class}/id"), &format!("{id}\n"));
        self.link_inside(&format!("sys/class/sound/card{index}"), &class);
        for device in captures {
            let pcm = format!("pcmC{index}D{device}c");
            self.link_inside(&format!("sys/class/sound/{pcm}"), &format!("{class}/{pcm}"));
            self.file(&format!("dev/snd/{pcm}"), "");
        }
        self.on_bus(parent, bus);
    }

    fn on_bus(&self, parent: &str, bus: &str) {
        if !bus.is_empty() && !self.0.join(format!("sys/{parent}/subsystem")).exists() {
            self.link_inside(&format!("sys/{parent}/subsystem"), &format!("sys/bus/{bus}"));
        }
    }

    /// A USB device on bus 1 of the usual controller, at a port such as `1.4`; gives its path for interfaces.
    pub(crate) fn usb(&self, port: &str, (vendor, product): (&str, &str), serial: Option<&str>) -> String {
        let hub = "devices/pci0000:00/0000:00:14.0/usb1";
        self.file(&format!("sys/{hub}/speed"), "480\n");
        let device = format!("{hub}/1-{port}");
        self.file(&format!("sys/{device}/idVendor"), &format!("{vendor}\n"));
        self.file(&format!("sys/{device}/idProduct"), &format!("{product}\n"));
        if let Some(serial) = serial {
            self.file(&format!("sys/{device}/serial"), &format!("{serial}\n"));
        }
        device
    }

    /// An interface of a USB device; gives its path for nodes and cards.
    pub(crate) fn interface(&self, device: &str, number: u8) -> String {
        let name = Path::new(device).file_name().unwrap().to_str().unwrap();
        let interface = format!("{device}/{name}:1.{number}");
        self.file(&format!("sys/{interface}/bInterfaceNumber"), &format!("{number:02x}\n"));
        interface
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // A folder left behind in /tmp is no reason to fail a test.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// An answer that depends on the question.
pub(crate) type Ask<Q, A> = Box<dyn Fn(Q) -> Result<A, Errno> + Send + Sync>;

/// The sizes of a format, each with its intervals.
pub(crate) type Sizes = Vec<(FrameSize, Vec<FrameInterval>)>;

/// A node that answers as told.
pub(crate) struct FakeNode {
    pub open: Result<(), Errno>,
    pub capability: Result<Capability, Errno>,
    pub format: Ask<u32, Fourcc>,
    pub size: Ask<(Fourcc, u32), FrameSize>,
    pub interval: Ask<(Fourcc, (u32, u32), u32), FrameInterval>,
    /// The current size.
    pub current: Result<(u32, u32), Errno>,
    /// The current interval.
    pub time_per_frame: Result<Fraction, Errno>,
    pub control: Ask<u32, ControlDescription>,
    pub menu: Ask<(u32, u32), i64>,
}

impl FakeNode {
    /// A node with those `device_caps` that enumerates nothing.
    pub(crate) fn new(driver: &str, card: &str, device_caps: CapabilityFlags) -> Self {
        Self {
            open: Ok(()),
            capability: Ok(Capability {
                driver: driver.to_owned(),
                card: card.to_owned(),
                bus_info: String::new(),
                // The whole device captures, whatever this node does, as uvcvideo says it of its metadata node.
                capabilities: device_caps | CapabilityFlags::DEVICE_CAPS | CapabilityFlags::VIDEO_CAPTURE,
                device_caps,
            }),
            format: Box::new(|_| Err(Errno::EINVAL)),
            size: Box::new(|_| Err(Errno::EINVAL)),
            interval: Box::new(|_| Err(Errno::EINVAL)),
            current: Err(Errno::EINVAL),
            time_per_frame: Err(Errno::ENOTTY),
            control: Box::new(|_| Err(Errno::ENOTTY)),
            menu: Box::new(|_| Err(Errno::EINVAL)),
        }
    }

    /// A camera.
    pub(crate) fn camera(driver: &str, card: &str) -> Self {
        Self::new(driver, card, CapabilityFlags::VIDEO_CAPTURE | CapabilityFlags::STREAMING)
    }

    pub(crate) fn refusing(error: Errno) -> Self {
        Self { open: Err(error), ..Self::camera("", "") }
    }

    /// With these formats, their sizes and their intervals; a range answers at every size in it.
    pub(crate) fn with(mut self, formats: Vec<(&[u8; 4], Sizes)>) -> Self {
        let list: Vec<Fourcc> = formats.iter().map(|(code, _)| Fourcc(**code)).collect();
        let sizes: BTreeMap<Fourcc, Sizes> = formats.into_iter().map(|(code, sizes)| (Fourcc(*code), sizes)).collect();
        let sizes = Arc::new(sizes);
        let for_intervals = Arc::clone(&sizes);
        self.format = Box::new(move |index| at(&list, index));
        self.size =
            Box::new(move |(fourcc, index)| at(sizes.get(&fourcc).ok_or(Errno::EINVAL)?, index).map(|(size, _)| size));
        self.interval = Box::new(move |(fourcc, (w, h), index)| {
            let sizes = for_intervals.get(&fourcc).ok_or(Errno::EINVAL)?;
            let fits = |size: &FrameSize| match *size {
                FrameSize::Discrete { width, height } => (width, height) == (w, h),
                FrameSize::Stepwise { width, height } => {
                    (width.0..=width.1).contains(&w) && (height.0..=height.1).contains(&h)
                }
                FrameSize::Unknown => false,
            };
            at(&sizes.iter().find(|(size, _)| fits(size)).ok_or(Errno::EINVAL)?.1, index)
        });
        self
    }
}

fn at<T: Clone>(list: &[T], index: u32) -> Result<T, Errno> {
    list.get(index as usize).cloned().ok_or(Errno::EINVAL)
}

impl fmt::Debug for FakeNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FakeNode({:?})", self.capability)
    }
}

/// Discrete size and rates in frames per second, as the kernel says them.
pub(crate) fn discrete(width: u32, height: u32, rates: &[u32]) -> (FrameSize, Vec<FrameInterval>) {
    let intervals = rates.iter().map(|fps| FrameInterval::Discrete(Fraction { numerator: 1, denominator: *fps }));
    (FrameSize::Discrete { width, height }, intervals.collect())
}

/// A kernel with those nodes, and a count of what listing must not do.
#[derive(Debug, Default)]
pub(crate) struct FakeKernel {
    nodes: BTreeMap<PathBuf, FakeNode>,
    open: Mutex<BTreeMap<RawFd, PathBuf>>,
    calls: AtomicU32,
    changes: AtomicU32,
}

impl FakeKernel {
    pub(crate) fn new(nodes: impl IntoIterator<Item = (&'static str, FakeNode)>) -> Arc<Self> {
        let nodes = nodes.into_iter().map(|(path, node)| (PathBuf::from(path), node)).collect();
        Arc::new(Self { nodes, ..Self::default() })
    }

    /// How many descriptors are open.
    pub(crate) fn still_open(&self) -> usize {
        self.open_nodes().len()
    }

    /// How many questions were asked.
    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// How many calls would have changed something about a device.
    pub(crate) fn changes(&self) -> u32 {
        self.changes.load(Ordering::Relaxed)
    }

    fn open_nodes(&self) -> MutexGuard<'_, BTreeMap<RawFd, PathBuf>> {
        self.open.lock().unwrap()
    }

    fn node(&self, fd: BorrowedFd<'_>) -> &FakeNode {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let path = self.open_nodes().get(&fd.as_raw_fd()).cloned().expect("a descriptor this kernel opened");
        &self.nodes[&path]
    }

    fn change<T>(&self) -> Result<T, Errno> {
        self.changes.fetch_add(1, Ordering::Relaxed);
        Err(Errno::ENOTTY)
    }
}

impl Kernel for FakeKernel {
    fn open(&self, path: &Path) -> Result<OwnedFd, Errno> {
        self.nodes.get(path).ok_or(Errno::ENOENT)?.open?;
        // A descriptor of its own, so that a leak is one here as well.
        let fd = OwnedFd::from(File::open("/dev/null").unwrap());
        self.open_nodes().insert(fd.as_raw_fd(), path.to_owned());
        Ok(fd)
    }

    fn close(&self, fd: OwnedFd) {
        self.open_nodes().remove(&fd.as_raw_fd());
    }

    fn query_capability(&self, fd: BorrowedFd<'_>) -> Result<Capability, Errno> {
        self.node(fd).capability.clone()
    }

    fn enum_format(&self, fd: BorrowedFd<'_>, _: BufferType, index: u32) -> Result<Fourcc, Errno> {
        (self.node(fd).format)(index)
    }

    fn enum_frame_size(&self, fd: BorrowedFd<'_>, fourcc: Fourcc, index: u32) -> Result<FrameSize, Errno> {
        (self.node(fd).size)((fourcc, index))
    }

    fn enum_frame_interval(
        &self,
        fd: BorrowedFd<'_>,
        fourcc: Fourcc,
        size: (u32, u32),
        index: u32,
    ) -> Result<FrameInterval, Errno> {
        (self.node(fd).interval)((fourcc, size, index))
    }

    fn get_format(&self, fd: BorrowedFd<'_>, _: BufferType) -> Result<PixelFormat, Errno> {
        let (width, height) = self.node(fd).current?;
        Ok(PixelFormat::request(Fourcc::YUYV, width, height))
    }

    fn set_format(&self, _: BorrowedFd<'_>, _: BufferType, _: &PixelFormat) -> Result<PixelFormat, Errno> {
        self.change()
    }

    fn get_interval(&self, fd: BorrowedFd<'_>, _: BufferType) -> Result<Interval, Errno> {
        self.node(fd).time_per_frame.map(|time_per_frame| Interval { settable: true, time_per_frame })
    }

    fn set_interval(&self, _: BorrowedFd<'_>, _: BufferType, _: Fraction) -> Result<Interval, Errno> {
        self.change()
    }

    fn get_control(&self, _: BorrowedFd<'_>, _: u32) -> Result<i32, Errno> {
        Err(Errno::ENOTTY)
    }

    fn subscribe_source_change(&self, _: BorrowedFd<'_>) -> Result<(), Errno> {
        self.change()
    }

    fn dequeue_event(&self, _: BorrowedFd<'_>) -> Result<bool, Errno> {
        self.change()
    }

    fn input_status(&self, _: BorrowedFd<'_>) -> Result<InputStatus, Errno> {
        Err(Errno::ENOTTY)
    }

    fn set_control(&self, _: BorrowedFd<'_>, _: u32, _: i32) -> Result<(), Errno> {
        self.change()
    }

    fn query_control(&self, fd: BorrowedFd<'_>, id: u32) -> Result<ControlDescription, Errno> {
        (self.node(fd).control)(id)
    }

    fn query_menu(&self, fd: BorrowedFd<'_>, id: u32, index: u32) -> Result<i64, Errno> {
        (self.node(fd).menu)((id, index))
    }

    fn request_buffers(&self, _: BorrowedFd<'_>, _: BufferType, _: u32) -> Result<RequestedBuffers, Errno> {
        self.change()
    }

    fn query_buffer(&self, _: BorrowedFd<'_>, _: BufferType, _: u32) -> Result<BufferMemory, Errno> {
        self.change()
    }

    fn map(&self, _: BorrowedFd<'_>, _: u32, _: u32) -> Result<MmapRaw, Errno> {
        self.change()
    }

    fn queue_buffer(&self, _: BorrowedFd<'_>, _: BufferType, _: u32, _: u32) -> Result<(), Errno> {
        self.change()
    }

    fn dequeue_buffer(&self, _: BorrowedFd<'_>, _: BufferType) -> Result<Dequeued, Errno> {
        self.change()
    }

    fn stream_on(&self, _: BorrowedFd<'_>, _: BufferType) -> Result<(), Errno> {
        self.change()
    }

    fn stream_off(&self, _: BorrowedFd<'_>, _: BufferType) -> Result<(), Errno> {
        self.change()
    }

    fn wait(&self, _: &Epoll, _: &mut [EpollEvent], _: Option<u64>) -> Result<usize, Errno> {
        Ok(0)
    }

    fn now(&self) -> u64 {
        0
    }
}

/// Sound cards from a list.
#[derive(Debug, Default)]
pub(crate) struct FakePcms {
    pub cards: Vec<SoundCard>,
    pub pcms: BTreeMap<u32, Result<Vec<CapturePcm>, Errno>>,
    pub ranges: BTreeMap<&'static str, Result<PcmRanges, Errno>>,
    pub default_capture: Option<String>,
}

impl PcmDirectory for FakePcms {
    fn cards(&self) -> Vec<SoundCard> {
        self.cards.clone()
    }

    fn capture_pcms(&self, card: u32) -> Result<Vec<CapturePcm>, Errno> {
        self.pcms.get(&card).cloned().unwrap_or(Err(Errno::ENOENT))
    }

    fn ranges(&self, pcm: &str) -> Result<PcmRanges, Errno> {
        self.ranges.get(pcm).cloned().unwrap_or(Err(Errno::ENOENT))
    }

    fn default_capture(&self) -> Option<String> {
        self.default_capture.clone()
    }
}

impl PcmSystem for FakePcms {
    fn open(&self, _: &str) -> Result<Box<dyn Pcm>, Errno> {
        Err(Errno::ENOENT)
    }
}

/// A machine of the tree's files and that kernel, without sound.
pub(crate) fn machine(tree: &Tree, kernel: &Arc<FakeKernel>) -> Machine {
    Machine {
        kernel: kernel.clone(),
        world: Arc::new(tree.world()),
        pcm: Arc::new(FakePcms::default()),
        pcms: Arc::new(FakePcms::default()),
    }
}
