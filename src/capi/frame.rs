//! Pictures.

use std::cell::RefCell;
use std::ffi::{c_int, c_uint};
use std::os::fd::IntoRawFd;
use std::slice;

use super::answer::{OK, answer, borrow, getters, give, null, release};
use crate::convert::{Converter, PixelFormat};
use crate::error::{Error, ErrorName, Result};
use crate::stream::VideoFrame;

/// `usermedia_plane`.
#[repr(C)]
pub struct Plane {
    data: *const u8,
    length: usize,
    stride: usize,
    rows: usize,
}

thread_local! {
    /// Keeps what decoding takes from frame to frame.
    static CONVERTER: RefCell<Converter> = RefCell::new(Converter::new());
}

fn pixel_format(number: c_uint) -> Result<PixelFormat> {
    Ok(match number {
        0 => PixelFormat::Rgb,
        1 => PixelFormat::Rgba,
        2 => PixelFormat::Bgra,
        3 => PixelFormat::I420,
        4 => PixelFormat::Nv12,
        other => return Err(Error::new(ErrorName::TypeError, format!("{other} is no usermedia_pixel_format"))),
    })
}

/// Gives the buffer back to the driver.
///
/// # Safety
/// As the header has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_frame_release(frame: *mut VideoFrame) {
    // SAFETY: the contract is this function's own.
    unsafe { release(frame) };
}

getters! { VideoFrame:
    /// Pixels per line.
    usermedia_frame_width -> u32 = VideoFrame::width;
    /// Lines.
    usermedia_frame_height -> u32 = VideoFrame::height;
    /// The pixel format, as V4L2 numbers them.
    usermedia_frame_fourcc -> u32 = |frame| frame.fourcc().to_u32();
    /// When it was captured.
    usermedia_frame_timestamp -> u64 = VideoFrame::timestamp;
    /// Its number.
    usermedia_frame_sequence -> u64 = VideoFrame::sequence;
    /// Whether the bytes are a copy.
    usermedia_frame_is_copied -> c_int = |frame| c_int::from(frame.is_copied());
    /// How many colour planes there are.
    usermedia_frame_plane_count -> usize = VideoFrame::plane_count;
    /// How many pieces of memory it lies in.
    usermedia_frame_memory_count -> usize = VideoFrame::memory_count;
}

/// A colour plane.
///
/// # Safety
/// As the header has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_frame_plane(frame: *const VideoFrame, index: usize, plane: *mut Plane) -> c_int {
    let find = || {
        // SAFETY: the contract is this function's own.
        let frame = unsafe { borrow(frame, "frame") }?;
        let plane = frame.plane(index).ok_or_else(|| {
            if let Some(error) = frame.failure() {
                return error.clone();
            }
            Error::new(ErrorName::TypeError, format!("a {} frame has no plane {index}", frame.fourcc()))
        })?;
        Ok(Plane { data: plane.data.as_ptr(), length: plane.data.len(), stride: plane.stride, rows: plane.rows })
    };
    // SAFETY: as above.
    answer(unsafe { give(plane, find) })
}

/// A dma-buf of a piece of its memory.
///
/// # Safety
/// As the header has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_frame_dma_buf(frame: *const VideoFrame, memory: usize, fd: *mut c_int) -> c_int {
    let export = || {
        // SAFETY: the contract is this function's own.
        let exported = unsafe { borrow(frame, "frame") }?.dma_buf()?;
        let missing = || Error::new(ErrorName::TypeError, format!("the frame has no memory {memory}"));
        let owned = exported.descriptor(memory).ok_or_else(missing)?.try_clone_to_owned().map_err(|error| {
            Error::new(ErrorName::NotReadableError, format!("no descriptor for the dma-buf: {error}"))
                .with_errno(error.raw_os_error().unwrap_or(0))
                .with_remedy("raise the limit of open files (ulimit -n)")
        })?;
        Ok(owned.into_raw_fd())
    };
    // SAFETY: as above.
    answer(unsafe { give(fd, export) })
}

/// The bytes that the picture takes in a format.
///
/// # Safety
/// As the header has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_frame_converted_size(
    frame: *const VideoFrame,
    format: c_uint,
    stride: usize,
) -> usize {
    let size = |frame: &VideoFrame| pixel_format(format).ok()?.buffer_size(frame.width(), frame.height(), stride);
    // SAFETY: the contract is this function's own.
    unsafe { borrow(frame, "frame") }.ok().and_then(size).unwrap_or(0)
}

/// Writes the picture in a format.
///
/// # Safety
/// As the header has it: `out` has room for `length` bytes that nobody else uses meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_frame_convert(
    frame: *const VideoFrame,
    format: c_uint,
    out: *mut u8,
    length: usize,
    stride: usize,
) -> c_int {
    let convert = || {
        // SAFETY: the contract is this function's own.
        let frame = unsafe { borrow(frame, "frame") }?;
        if out.is_null() || isize::try_from(length).is_err() {
            return Err(null("place for the picture"));
        }
        // SAFETY: not NULL, no longer than memory can be, and by the contract the caller's own for this call. Bytes that C
        // did not set are written before they are read: the converters only write here.
        let out = unsafe { slice::from_raw_parts_mut(out, length) };
        let view = frame.view()?;
        CONVERTER.with_borrow_mut(|converter| converter.convert(&view, pixel_format(format)?, out, stride))?;
        Ok(OK)
    };
    answer(convert())
}
