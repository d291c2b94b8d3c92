//! A frame's bytes as files want them: planes without padding, in the file's order, copied only where rows are padded.

use std::io::{self, IoSlice, Write};

use crate::error::{Error, ErrorName, Result};
use crate::format::layout::{Layout, PlaneLayout};

/// As many pieces as a frame is ever written in.
pub(super) const MAX_PIECES: usize = 4;

/// The planes `order` of a frame, each without padding between rows.
///
/// Planes whose rows are not padded are borrowed from `memories`; the others are repacked into `scratch`, which grows once.
///
/// # Errors
///
/// `NotReadableError` where the frame is shorter than its layout: capture drops such frames, so this is a fault.
pub(super) fn tight_planes<'a>(
    layout: &Layout,
    memories: &[&'a [u8]],
    order: &[usize],
    scratch: &'a mut Vec<u8>,
) -> Result<[&'a [u8]; MAX_PIECES]> {
    scratch.clear();
    for &index in order {
        let plane = layout.planes()[index];
        if is_padded(&plane) {
            let bytes = plane_bytes(&plane, memories)?;
            for row in bytes.chunks(plane.stride) {
                scratch.extend_from_slice(&row[..plane.row_bytes]);
            }
        }
    }
    let mut repacked: &[u8] = scratch;
    let mut pieces: [&[u8]; MAX_PIECES] = [&[]; MAX_PIECES];
    for (piece, &index) in pieces.iter_mut().zip(order) {
        let plane = layout.planes()[index];
        *piece = if is_padded(&plane) {
            let (first, rest) = repacked.split_at(plane.row_bytes * plane.rows);
            repacked = rest;
            first
        } else {
            plane_bytes(&plane, memories)?
        };
    }
    Ok(pieces)
}

fn is_padded(plane: &PlaneLayout) -> bool {
    plane.stride != plane.row_bytes
}

/// The bytes of a plane; of its last row only the picture, since drivers may leave out its padding.
pub(super) fn plane_bytes<'a>(plane: &PlaneLayout, memories: &[&'a [u8]]) -> Result<&'a [u8]> {
    let end = plane.end() - (plane.stride - plane.row_bytes);
    memories
        .get(plane.memory)
        .and_then(|memory| memory.get(plane.offset..end))
        .ok_or_else(|| Error::new(ErrorName::NotReadableError, "a frame is shorter than its format and size need"))
}

/// Writes all pieces, in as few system calls as the writer allows, without gathering them first.
pub(super) fn write_pieces(writer: &mut impl Write, mut pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
    // Leading empty pieces would make a writer report 0 bytes, which means that it is full.
    IoSlice::advance_slices(&mut pieces, 0);
    while !pieces.is_empty() {
        match writer.write_vectored(pieces) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut pieces, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Fourcc;
    use crate::format::layout::layout;

    #[test]
    fn planes_without_padding_are_borrowed() {
        let layout = layout(Fourcc(*b"YV12"), 4, 2, &[]).unwrap();
        let memory: Vec<u8> = (0..12).collect();
        let mut scratch = Vec::new();
        let pieces = tight_planes(&layout, &[&memory], &[0, 2, 1], &mut scratch).unwrap();
        assert_eq!(pieces, [&memory[..8], &[10, 11], &[8, 9], &[]]);
        assert_eq!(pieces[0].as_ptr(), memory.as_ptr());
    }

    #[test]
    fn padded_rows_are_repacked_and_the_last_may_lack_its_padding() {
        let layout = layout(Fourcc::YU12, 4, 4, &[8]).unwrap();
        let memory: Vec<u8> = (0..46).collect();
        let mut scratch = Vec::new();
        let pieces = tight_planes(&layout, &[&memory], &[0, 1, 2], &mut scratch).unwrap();
        assert_eq!(pieces[0], [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27]);
        assert_eq!(pieces[1..3], [&[32, 33, 36, 37][..], &[40, 41, 44, 45]]);
        assert!(tight_planes(&layout, &[&memory[..45]], &[0, 1, 2], &mut Vec::new()).is_err());
        assert!(tight_planes(&layout, &[], &[0], &mut Vec::new()).is_err());
    }

    #[test]
    fn pieces_are_written_whole_by_a_writer_that_takes_few_bytes() {
        struct Slow(Vec<u8>);
        impl Write for Slow {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let taken = bytes.len().min(3);
                self.0.extend_from_slice(&bytes[..taken]);
                Ok(taken)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut slow = Slow(Vec::new());
        let mut pieces = [&b""[..], b"Seg", b"", b"ment of four", b""].map(IoSlice::new);
        write_pieces(&mut slow, &mut pieces).unwrap();
        assert_eq!(slow.0, b"Segment of four");
        write_pieces(&mut slow, &mut [IoSlice::new(b"")]).unwrap();
    }
}
