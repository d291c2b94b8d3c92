use std::io::Cursor;

use super::*;
use crate::format::layout::layout;
use crate::format::{Fourcc, FrameRate};
use crate::format::{VideoColorSpace, VideoMatrixCoefficients};

fn grey(width: u32, height: u32) -> VideoFormat {
    VideoFormat {
        fourcc: Fourcc(*b"GREY"),
        width,
        height,
        frame_rate: FrameRate::new(10, 1),
        layout: layout(Fourcc(*b"GREY"), width, height, &[]),
        color_space: VideoColorSpace { matrix: VideoMatrixCoefficients::Bt601, full_range: true },
        label: String::new(),
        codec_private: Vec::new(),
    }
}

/// An element: its id, where its body begins and its size, `None` where it is not known.
fn element(bytes: &[u8], at: usize) -> (u32, usize, Option<usize>) {
    let id_length = bytes[at].leading_zeros() as usize + 1;
    let id = bytes[at..at + id_length].iter().fold(0, |id, &byte| id << 8 | u32::from(byte));
    let at = at + id_length;
    let length = bytes[at].leading_zeros() as usize + 1;
    let raw = bytes[at..at + length].iter().fold(0u64, |size, &byte| size << 8 | u64::from(byte));
    let value = raw & ((1 << (7 * length)) - 1);
    (id, at + length, (value != (1 << (7 * length)) - 1).then_some(value as usize))
}

/// The ids of what lies directly in the segment; every size must lead exactly to the next element.
fn segment_children(bytes: &[u8]) -> Vec<(u32, usize)> {
    let (_, body, size) = element(bytes, 0);
    let (segment, mut at, size) = element(bytes, body + size.unwrap());
    assert_eq!(segment, 0x1853_8067);
    let end = at + size.expect("a finished segment has a size");
    let mut children = Vec::new();
    while at < end {
        let (id, body, size) = element(bytes, at);
        children.push((id, at));
        at = body + size.expect("a finished element has a size");
    }
    assert_eq!(at, end);
    children
}

fn frames(writer: &mut MatroskaWriter<impl Write>, count: u64, bytes: &[u8]) {
    for index in 0..count {
        writer.write(0, index * 100_000_000, true, &[bytes]).unwrap();
    }
}

#[test]
fn a_finished_file_has_sizes_that_add_up_and_an_index_of_every_second() {
    let mut writer = MatroskaWriter::seekable(Cursor::new(Vec::new()), cut);
    writer.add_video(&grey(16, 8)).unwrap();
    writer.write_header(&Metadata::default()).unwrap();
    frames(&mut writer, 35, &[7; 128]);
    let (cursor, bytes, duration_ns) = writer.finish().unwrap();
    let file = cursor.into_inner();
    assert_eq!((bytes, duration_ns), (file.len() as u64, 3_500_000_000));
    let children = segment_children(&file);
    let ids: Vec<u32> = children.iter().map(|(id, _)| *id).collect();
    let cluster = header::CLUSTER;
    // SeekHead and what is left of its room, Info, Tracks, Tags, four clusters, Cues.
    assert_eq!(
        ids,
        [0x114d_9b74, 0xec, 0x1549_a966, 0x1654_ae6b, 0x1254_c367, cluster, cluster, cluster, cluster, 0x1c53_bb6b]
    );
    // Every position in the SeekHead and the Cues is that of such an element.
    let segment_body = children[0].1;
    for (field, expected) in [(0x53ac, 4), (0xf1, 4)] {
        let places: Vec<usize> = positions(&file, field);
        assert_eq!(places.len(), expected);
        assert!(places.iter().all(|place| children.iter().any(|(_, at)| at - segment_body == *place)), "{places:?}");
    }
}

#[test]
fn the_index_of_a_long_file_has_every_other_entry_from_its_start_and_no_more_than_it_may() {
    let mut writer = MatroskaWriter::seekable(Cursor::new(Vec::new()), cut);
    writer.add_video(&grey(16, 8)).unwrap();
    writer.write_header(&Metadata::default()).unwrap();
    // One in a second, and a hundred seconds more than fit.
    let seconds = MOST_CUES as u64 + 100;
    for second in 0..seconds {
        writer.write(0, second * 1_000_000_000, true, &[&[7; 128]]).unwrap();
    }
    let times: Vec<u64> = writer.cues.iter().map(|cue| cue.ticks / CUE_TICKS).collect();
    assert_eq!(times, (0..seconds).step_by(2).collect::<Vec<_>>());
    assert!(writer.cues.capacity() <= MOST_CUES);
    let file = writer.finish().unwrap().0.into_inner();
    let children = segment_children(&file);
    let places = positions(&file, 0xf1);
    assert_eq!(places.len(), times.len());
    let clusters: Vec<usize> =
        children.iter().filter(|(id, _)| *id == header::CLUSTER).map(|(_, at)| at - children[0].1).collect();
    assert!(places.iter().eq(clusters.iter().step_by(2)));
}

/// The values of all elements `field`, at any depth of the segment's masters.
fn positions(bytes: &[u8], field: u32) -> Vec<usize> {
    const MASTERS: [u32; 5] = [0x114d_9b74, 0x4dbb, 0x1c53_bb6b, 0xbb, 0xb7];
    fn walk(bytes: &[u8], field: u32, out: &mut Vec<usize>) {
        let mut at = 0;
        while at < bytes.len() {
            let (id, body, size) = element(bytes, at);
            let inner = &bytes[body..body + size.unwrap()];
            if id == field {
                out.push(inner.iter().fold(0, |value, &byte| value << 8 | usize::from(byte)));
            } else if MASTERS.contains(&id) {
                walk(inner, field, out);
            }
            at = body + size.unwrap();
        }
    }
    let mut out = Vec::new();
    walk(&bytes[segment_children(bytes)[0].1..], field, &mut out);
    out
}

#[test]
fn on_a_pipe_nothing_is_overwritten_and_clusters_stay_open() {
    let mut writer = MatroskaWriter::new(Vec::new());
    writer.add_video(&grey(16, 8)).unwrap();
    writer.write_header(&Metadata::default()).unwrap();
    frames(&mut writer, 25, &[7; 128]);
    let (file, bytes, _) = writer.finish().unwrap();
    assert_eq!(bytes, file.len() as u64);
    let open = [&[0x1f, 0x43, 0xb6, 0x75][..], &UNKNOWN_SIZE].concat();
    assert_eq!(file.windows(12).filter(|window| *window == open).count(), 3);
    assert!(!file.windows(4).any(|window| window == [0x1c, 0x53, 0xbb, 0x6b]));
}

#[test]
fn a_cluster_ends_after_five_megabytes() {
    let mut writer = MatroskaWriter::seekable(Cursor::new(Vec::new()), cut);
    writer.add_video(&grey(1000, 1000)).unwrap();
    writer.write_header(&Metadata::default()).unwrap();
    let frame = vec![1; 1_000_000];
    for index in 0..13 {
        writer.write(0, index * 1_000_000, true, &[&frame]).unwrap();
    }
    let file = writer.finish().unwrap().0.into_inner();
    let clusters = segment_children(&file).iter().filter(|(id, _)| *id == header::CLUSTER).count();
    assert_eq!(clusters, 3);
}

fn cut(file: &mut Cursor<Vec<u8>>, place: u64) -> io::Result<()> {
    file.get_mut().truncate(place as usize);
    file.set_position(place);
    Ok(())
}

/// A disk with room for `room` bytes.
struct SmallDisk {
    disk: Cursor<Vec<u8>>,
    room: u64,
}

impl Write for SmallDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let free = self.room.saturating_sub(self.disk.position()) as usize;
        if free == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.disk.write(&bytes[..free.min(bytes.len())])
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for SmallDisk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.disk.seek(to)
    }
}

#[test]
fn a_full_disk_leaves_a_file_that_ends_with_its_last_whole_frame() {
    for room in 2_000..2_300 {
        let mut disk = SmallDisk { disk: Cursor::new(Vec::new()), room };
        let mut writer = MatroskaWriter::seekable(&mut disk, |disk, place| cut(&mut disk.disk, place));
        writer.add_video(&grey(16, 8)).unwrap();
        writer.write_header(&Metadata::default()).unwrap();
        let failed = (0..100).find_map(|index| writer.write(0, index * 100_000_000, true, &[&[7; 128]]).err());
        assert_eq!(failed.unwrap().kind(), io::ErrorKind::StorageFull);
        assert!(writer.write(0, 0, true, &[&[7; 128]]).is_err());
        let _ = writer.finish();
        let children = segment_children(disk.disk.get_ref());
        assert!(children.iter().any(|(id, _)| *id == header::CLUSTER), "room {room}");
    }
}

#[test]
fn hostile_times_are_stored_somewhere() {
    let mut writer = MatroskaWriter::seekable(Cursor::new(Vec::new()), cut);
    writer.add_video(&grey(16, 8)).unwrap();
    writer.write_header(&Metadata::default()).unwrap();
    for time in [5, u64::MAX, 0, u64::MAX / 2, 7, u64::MAX] {
        writer.write(0, time, true, &[&[7; 128]]).unwrap();
    }
    let file = writer.finish().unwrap().0.into_inner();
    segment_children(&file);
}

#[test]
fn tracks_and_pieces_that_are_not_there_are_errors() {
    let mut writer = MatroskaWriter::new(Vec::new());
    writer.add_video(&grey(16, 8)).unwrap();
    writer.write_header(&Metadata::default()).unwrap();
    assert!(writer.write(1, 0, true, &[&[7; 128]]).is_err());
    assert!(writer.write(0, 0, true, &[&[7_u8; 128][..]; 5]).is_err());
    let mut crowded = MatroskaWriter::new(Vec::new());
    for _ in 0..127 {
        crowded.add_video(&grey(16, 8)).unwrap();
    }
    assert!(crowded.write_header(&Metadata::default()).is_err());
}
