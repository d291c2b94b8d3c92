//! The memory of frames: in one to three pieces, in place before the first frame, and exported to other processes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use memmap2::MmapOptions;
use usermedia::{DmaBuf, ErrorName, Fourcc, MediaDevices, MediaStreamConstraints};

use super::capture::{descriptors_of, exactly, feed, format, next, on, open, vga};
use crate::devices::{eventually, loopback_open, vivid_webcam, vivid_webcam_multi_planar};
use crate::harness::{LabTest, lab_test};
use crate::usb::models::webcam;

pub const TESTS: &[LabTest] = &[
    lab_test!(an_exported_frame_reads_the_same_in_another_process).timeout_secs(90),
    lab_test!(a_usb_cameras_frame_reads_the_same_in_another_process).timeout_secs(60),
    lab_test!(what_was_exported_stays_when_the_stream_stops_and_the_camera_opens_again),
    lab_test!(exporting_leaves_no_descriptor_behind),
    lab_test!(a_loopbacks_frames_are_copies_and_not_exported).timeout_secs(60),
    lab_test!(no_page_fault_falls_into_the_first_frames),
];

/// What this binary is started as to be the other process: a dma-buf is its standard input.
pub const READER: &str = "--read-dma-buf";

/// The other process: maps the dma-buf and writes the bytes from `start` to `end` to stdout.
pub fn read_dma_buf(start: &str, end: &str) -> Result<(), String> {
    let number = |text: &str| text.parse::<usize>().map_err(|error| format!("{text:?}: {error}"));
    let (start, end) = (number(start)?, number(end)?);
    let stdin = io::stdin();
    // SAFETY: whoever started this process holds the frame, to which nobody writes meanwhile.
    let map =
        unsafe { MmapOptions::new().len(end).map(stdin.as_fd().as_raw_fd()) }.map_err(|error| error.to_string())?;
    io::stdout().write_all(&map[start..end]).map_err(|error| error.to_string())
}

/// What another process reads from a dma-buf.
#[track_caller]
fn read_elsewhere(dma_buf: OwnedFd, (start, end): (usize, usize)) -> Vec<u8> {
    let mut reader = Command::new(std::env::current_exe().unwrap());
    reader.args([READER, &start.to_string(), &end.to_string()]).stdin(Stdio::from(dma_buf));
    let output = reader.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Whether every memory of the frame is the same there; how many there are.
#[track_caller]
fn compare(dma_buf: &DmaBuf) -> usize {
    // Between the kernel's own brackets, which a real driver has to understand.
    let frame = dma_buf.read().unwrap_or_else(|error| panic!("{error}: {error:?}"));
    for memory in 0..dma_buf.memory_count() {
        let descriptor = dma_buf.descriptor(memory).unwrap();
        let payload = dma_buf.payload(memory).unwrap();
        let theirs = read_elsewhere(descriptor.try_clone_to_owned().unwrap(), (payload.start, payload.end));
        let ours = frame.memory(memory).unwrap();
        assert!(theirs == ours, "memory {memory} of {frame:?}: {} bytes there, {} here", theirs.len(), ours.len());
        assert!(ours.iter().any(|&byte| byte != ours[0]), "memory {memory} of {frame:?}: a picture, not a blank");
    }
    dma_buf.memory_count()
}

fn an_exported_frame_reads_the_same_in_another_process() {
    let (single, multiple) = (vivid_webcam(), vivid_webcam_multi_planar());
    let cases: [(&Path, &[u8; 4], usize); 6] = [
        (&single, b"YUYV", 1),
        (&single, b"NV12", 1),
        (&multiple, b"YUYV", 1),
        (&multiple, b"NM12", 2),
        // vivid lets the pictures of this one begin behind the start of the memory.
        (&multiple, b"NM16", 2),
        (&multiple, b"YM12", 3),
    ];
    for (camera, code, memories) in cases {
        let track = on(camera).pixel_format(format(Fourcc(*code))).width(exactly(640)).height(exactly(360));
        let stream = open(track);
        let mut processor = stream.video_tracks()[0].processor(1);
        for _ in 0..2 {
            let dma_buf = next(&mut processor).dma_buf().unwrap_or_else(|error| panic!("{error}: {error:?}"));
            assert_eq!(compare(&dma_buf), memories, "{}", Fourcc(*code));
        }
    }
}

fn a_usb_cameras_frame_reads_the_same_in_another_process() {
    let plugged = webcam().plug(0);
    let stream = open(on(&plugged.camera()));
    let mut processor = stream.video_tracks()[0].processor(1);
    assert_eq!(compare(&next(&mut processor).dma_buf().unwrap()), 1);
}

fn what_was_exported_stays_when_the_stream_stops_and_the_camera_opens_again() {
    let camera = vivid_webcam();
    let stream = open(vga(&camera));
    let dma_buf = next(&mut stream.video_tracks()[0].processor(1)).dma_buf().unwrap();
    let (payload, before) = (dma_buf.payload(0).unwrap(), dma_buf.frame().memory(0).unwrap().to_vec());
    let imported = dma_buf.descriptor(0).unwrap().try_clone_to_owned().unwrap();
    stream.stop();
    let again = open(vga(&camera));
    let fresh = next(&mut again.video_tracks()[0].processor(1));
    assert_eq!(compare(&fresh.dma_buf().unwrap()), 1);
    // Another process has it, and nobody here: the kernel keeps the memory, and no stream writes to it any more.
    drop(dma_buf);
    next(&mut again.video_tracks()[0].processor(1));
    assert!(read_elsewhere(imported, (payload.start, payload.end)) == before, "the memory changed");
}

/// How many descriptors of dma-bufs this process has.
fn dma_bufs() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let links = links.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    links.filter(|link| link.to_string_lossy().contains("dmabuf")).count()
}

fn exporting_leaves_no_descriptor_behind() {
    let camera = vivid_webcam_multi_planar();
    let stream = open(on(&camera).pixel_format(format(Fourcc(*b"YM12"))).width(exactly(320)).height(exactly(180)));
    let track = stream.video_tracks().remove(0);
    let mut processor = track.processor(2);
    for _ in 0..20 {
        next(&mut processor).dma_buf().unwrap();
    }
    let open_now = dma_bufs();
    assert!(
        (3..=3 * 32).contains(&open_now) && open_now.is_multiple_of(3),
        "one for each memory of each buffer: {open_now}"
    );
    drop((processor, track, stream));
    assert_eq!((dma_bufs(), descriptors_of(&camera)), (0, 0));
}

fn a_loopbacks_frames_are_copies_and_not_exported() {
    let loopback = loopback_open();
    let _writers = feed(&loopback);
    let constraints = MediaStreamConstraints::new().video(on(&loopback));
    let stream = eventually("a writer", || {
        let stream = MediaDevices::new().get_user_media(&constraints).ok()?;
        (stream.video_tracks()[0].settings().width == 320).then_some(stream)
    });
    let error = next(&mut stream.video_tracks()[0].processor(1)).dma_buf().expect_err("a copy");
    assert_eq!(error.name(), ErrorName::NotSupportedError, "{error}");
}

/// Page faults of this thread without disk, ever: the tenth field of proc(5)'s stat.
fn page_faults() -> u64 {
    // No allocation between the two looks: that may fault as well.
    let mut text = [0; 512];
    let length = File::open("/proc/thread-self/stat").unwrap().read(&mut text).unwrap();
    let text = std::str::from_utf8(&text[..length]).unwrap();
    let after_name = text.rsplit(')').next().unwrap();
    after_name.split_ascii_whitespace().nth(7).unwrap().parse().unwrap()
}

/// Reads four bytes of each page.
#[inline(never)]
fn touch(bytes: &[u8]) -> u64 {
    bytes.iter().step_by(1024).map(|&byte| u64::from(byte)).sum()
}

fn no_page_fault_falls_into_the_first_frames() {
    for (camera, code) in [(vivid_webcam(), b"YUYV"), (vivid_webcam_multi_planar(), b"YM12")] {
        let stream = open(on(&camera).pixel_format(format(Fourcc(*code))).width(exactly(1280)).height(exactly(720)));
        let (faults, seen) = mpsc::channel();
        let dummy = vec![1; 1 << 16];
        stream.video_tracks()[0].on_frame(move |frame| {
            let picture = |memory: usize| frame.memory(memory).unwrap_or_default();
            // The code that looks is in place, this thread's stack too: only the picture can fault.
            (0..frame.memory_count()).for_each(|memory| assert!(!picture(memory).is_empty()));
            let warm = page_faults() + touch(&dummy) + page_faults();
            let before = page_faults();
            let sum: u64 = (0..frame.memory_count()).map(|memory| touch(picture(memory))).sum();
            let _ = faults.send((page_faults() - before, sum.min(warm)));
        });
        for number in 0..8 {
            let (faults, sum) = seen.recv_timeout(Duration::from_secs(10)).expect("frames");
            assert_eq!(faults, 0, "frame {number} of {}", Fourcc(*code));
            assert!(sum > 0);
        }
    }
}
