//! V4L2's structs in Rust values and back, and the proof that the structs are the kernel's.
//!
//! The structs come from `v4l`, which generates them from the headers of the machine that builds. The assertions
//! below pin sizes and ioctl numbers to the kernel's uapi (include/uapi/linux/videodev2.h), per pointer width, so that
//! a cross build with the wrong headers stops at compile time (docs/cross-building.md).

use v4l::v4l_sys::{
    V4L2_PIX_FMT_PRIV_MAGIC, timeval, v4l2_buffer, v4l2_capability, v4l2_format, v4l2_fract, v4l2_frmivalenum,
    v4l2_frmsizeenum, v4l2_plane, v4l2_query_ext_ctrl, v4l2_querymenu, v4l2_streamparm,
};

use super::values::{
    BufferFlags, BufferMemory, BufferType, Capability, CapabilityFlags, ControlDescription, ControlFlags, ControlType,
    Dequeued, Fraction, FrameInterval, FrameSize, Interval, MAX_PLANES, PixelFormat, PlaneFormat, PlaneUse,
};
use crate::format::Fourcc;

/// `V4L2_CID_MIN_BUFFERS_FOR_CAPTURE`: how many buffers the driver itself needs.
pub(crate) const CID_MIN_BUFFERS_FOR_CAPTURE: u32 = v4l::v4l_sys::V4L2_CID_MIN_BUFFERS_FOR_CAPTURE;

/// `V4L2_CID_*` of a camera's controls, by the kernel's names.
pub(crate) mod cid {
    pub(crate) use v4l::v4l_sys::{
        V4L2_CID_AUTO_EXPOSURE_BIAS, V4L2_CID_AUTO_WHITE_BALANCE, V4L2_CID_BRIGHTNESS, V4L2_CID_CONTRAST,
        V4L2_CID_EXPOSURE_ABSOLUTE, V4L2_CID_EXPOSURE_AUTO, V4L2_CID_EXPOSURE_AUTO_PRIORITY, V4L2_CID_FLASH_LED_MODE,
        V4L2_CID_FOCUS_ABSOLUTE, V4L2_CID_FOCUS_AUTO, V4L2_CID_PAN_ABSOLUTE, V4L2_CID_SATURATION, V4L2_CID_SHARPNESS,
        V4L2_CID_TILT_ABSOLUTE, V4L2_CID_WHITE_BALANCE_TEMPERATURE, V4L2_CID_ZOOM_ABSOLUTE,
    };
}

/// Compared with the numbers of `v4l`, to which linux.rs ties the ones that are called.
mod layout {
    use std::mem::{offset_of, size_of};

    use v4l::v4l_sys::*;
    use v4l::v4l2::vidioc::*;

    const _: () = {
        assert!(size_of::<v4l2_capability>() == 104);
        assert!(size_of::<v4l2_fmtdesc>() == 64);
        assert!(size_of::<v4l2_frmsizeenum>() == 44);
        assert!(size_of::<v4l2_frmivalenum>() == 52);
        assert!(size_of::<v4l2_requestbuffers>() == 20);
        assert!(offset_of!(v4l2_requestbuffers, capabilities) == 12);
        assert!(offset_of!(v4l2_requestbuffers, flags) == 16);
        assert!(size_of::<v4l2_exportbuffer>() == 64);
        assert!(offset_of!(v4l2_exportbuffer, flags) == 12);
        assert!(offset_of!(v4l2_exportbuffer, fd) == 16);
        assert!(size_of::<v4l2_streamparm>() == 204);
        assert!(size_of::<v4l2_control>() == 8);
        assert!(size_of::<v4l2_event_subscription>() == 32);
        assert!(size_of::<v4l2_query_ext_ctrl>() == 232);
        assert!(offset_of!(v4l2_query_ext_ctrl, minimum) == 40);
        assert!(offset_of!(v4l2_query_ext_ctrl, flags) == 72);
        // Packed: the value is 64 bits wide and lies at 8 on every machine.
        assert!(size_of::<v4l2_querymenu>() == 44);
        assert!(size_of::<v4l2_pix_format>() == 48);
        assert!(size_of::<v4l2_plane_pix_format>() == 20);
        assert!(size_of::<v4l2_pix_format_mplane>() == 192);
        assert!(offset_of!(v4l2_pix_format, pixelformat) == 8);
        assert!(offset_of!(v4l2_pix_format_mplane, num_planes) == 180);
        assert!(offset_of!(v4l2_capability, device_caps) == 88);
        // `as u32`: glibc's ioctl takes an unsigned long, musl's an int; the number is in the lower 32 bits of both.
        assert!(VIDIOC_QUERYCAP as u32 == 0x8068_5600);
        assert!(VIDIOC_ENUM_FMT as u32 == 0xc040_5602);
        assert!(VIDIOC_REQBUFS as u32 == 0xc014_5608);
        assert!(VIDIOC_EXPBUF as u32 == 0xc040_5610);
        assert!(VIDIOC_STREAMON as u32 == 0x4004_5612);
        assert!(VIDIOC_STREAMOFF as u32 == 0x4004_5613);
        assert!(VIDIOC_G_PARM as u32 == 0xc0cc_5615);
        assert!(VIDIOC_S_PARM as u32 == 0xc0cc_5616);
        assert!(VIDIOC_G_CTRL as u32 == 0xc008_561b);
        assert!(VIDIOC_G_INPUT as u32 == 0x8004_5626);
        assert!(VIDIOC_S_CTRL as u32 == 0xc008_561c);
        assert!(VIDIOC_QUERYMENU as u32 == 0xc02c_5625);
        assert!(VIDIOC_QUERY_EXT_CTRL as u32 == 0xc0e8_5667);
        assert!(VIDIOC_ENUM_FRAMESIZES as u32 == 0xc02c_564a);
        assert!(VIDIOC_ENUM_FRAMEINTERVALS as u32 == 0xc034_564b);
    };

    #[cfg(target_pointer_width = "64")]
    const _: () = {
        assert!(size_of::<v4l2_format>() == 208);
        assert!(offset_of!(v4l2_format, fmt) == 8);
        assert!(size_of::<v4l2_plane>() == 64);
        assert!(size_of::<v4l2_buffer>() == 88);
        assert!(size_of::<v4l2_event>() == 136);
        assert!(size_of::<v4l2_input>() == 80);
        assert!(offset_of!(v4l2_buffer, timestamp) == 24);
        assert!(offset_of!(v4l2_buffer, sequence) == 56);
        assert!(offset_of!(v4l2_buffer, m) == 64);
        assert!(offset_of!(v4l2_buffer, length) == 72);
        assert!(VIDIOC_G_FMT as u32 == 0xc0d0_5604);
        assert!(VIDIOC_S_FMT as u32 == 0xc0d0_5605);
        assert!(VIDIOC_QUERYBUF as u32 == 0xc058_5609);
        assert!(VIDIOC_QBUF as u32 == 0xc058_560f);
        assert!(VIDIOC_DQBUF as u32 == 0xc058_5611);
    };

    // A buffer's stamp is two words or, with a 64-bit time_t, two of 64 bits. The kernel has a layout for each
    // (`v4l2_buffer_time32`, `v4l2_buffer`) and tells by the size in the ioctl's number which one it is given
    // (include/media/v4l2-ioctl.h: VIDIOC_DQBUF_TIME32). So either will do, whatever the C library at hand was built
    // with, as long as struct and number agree.
    #[cfg(target_pointer_width = "32")]
    const _: () = {
        assert!(size_of::<v4l2_format>() == 204);
        assert!(offset_of!(v4l2_format, fmt) == 4);
        assert!(size_of::<v4l2_plane>() == 60);
        assert!(VIDIOC_G_FMT as u32 == 0xc0cc_5604);
        assert!(VIDIOC_S_FMT as u32 == 0xc0cc_5605);

        let stamp = size_of::<timeval>();
        assert!(stamp == 8 || stamp == 16);
        assert!(offset_of!(timeval, tv_usec) == stamp / 2);
        // Five words come first; where 64 bits align to 8 bytes, so does the stamp.
        let start = if stamp == 16 && align_of::<u64>() == 8 { 24 } else { 20 };
        assert!(offset_of!(v4l2_buffer, timestamp) == start);
        assert!(offset_of!(v4l2_buffer, sequence) == start + stamp + 16);
        assert!(offset_of!(v4l2_buffer, m) == start + stamp + 24);
        assert!(offset_of!(v4l2_buffer, length) == start + stamp + 28);
        let size = start + stamp + 40;
        assert!(size_of::<v4l2_buffer>() == size);
        assert!(VIDIOC_QUERYBUF as u32 == 0xc000_5609 | ((size as u32) << 16));
        assert!(VIDIOC_QBUF as u32 == 0xc000_560f | ((size as u32) << 16));
        assert!(VIDIOC_DQBUF as u32 == 0xc000_5611 | ((size as u32) << 16));
    };
}

impl BufferType {
    /// The kernel's number.
    pub(crate) const fn raw(self) -> u32 {
        match self {
            Self::VideoCapture => v4l::v4l_sys::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE,
            Self::VideoCaptureMplane => v4l::v4l_sys::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
            Self::VideoOutput => v4l::v4l_sys::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_OUTPUT,
        }
    }
}

/// A fixed field of text up to its NUL, made valid UTF-8: the kernel cuts names in the middle of a character.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim_end().to_owned()
}

impl From<&v4l2_capability> for Capability {
    fn from(raw: &v4l2_capability) -> Self {
        Self {
            driver: text(&raw.driver),
            card: text(&raw.card),
            bus_info: text(&raw.bus_info),
            capabilities: CapabilityFlags::from_bits_retain(raw.capabilities),
            device_caps: CapabilityFlags::from_bits_retain(raw.device_caps),
        }
    }
}

impl From<&v4l2_query_ext_ctrl> for ControlDescription {
    fn from(raw: &v4l2_query_ext_ctrl) -> Self {
        Self {
            kind: match raw.type_ {
                1 => ControlType::Integer,
                2 => ControlType::Boolean,
                3 => ControlType::Menu,
                9 => ControlType::IntegerMenu,
                _ => ControlType::Other,
            },
            // C's char has a sign on some machines and none on others: one byte either way.
            name: text(&raw.name.map(|character| character.to_ne_bytes()[0])),
            minimum: raw.minimum,
            maximum: raw.maximum,
            step: raw.step,
            default: raw.default_value,
            flags: ControlFlags::from_bits_retain(raw.flags),
        }
    }
}

/// What QUERYMENU gave for an item of an integer menu.
pub(crate) fn menu_value(raw: &v4l2_querymenu) -> i64 {
    // SAFETY: both members of the union are plain integers, and the struct was zeroed before the call. It is packed: the
    // member is read by value.
    unsafe { raw.__bindgen_anon_1.value }
}

impl From<v4l2_fract> for Fraction {
    fn from(raw: v4l2_fract) -> Self {
        Self { numerator: raw.numerator, denominator: raw.denominator }
    }
}

impl From<Fraction> for v4l2_fract {
    fn from(fraction: Fraction) -> Self {
        Self { numerator: fraction.numerator, denominator: fraction.denominator }
    }
}

impl From<&v4l2_frmsizeenum> for FrameSize {
    fn from(raw: &v4l2_frmsizeenum) -> Self {
        match raw.type_ {
            1 => {
                // SAFETY: both members of the union are plain integers, valid for every bit pattern, and the struct
                // was zeroed before the call, so that no byte is uninitialised.
                let size = unsafe { raw.__bindgen_anon_1.discrete };
                Self::Discrete { width: size.width, height: size.height }
            }
            2 | 3 => {
                // SAFETY: as above.
                let size = unsafe { raw.__bindgen_anon_1.stepwise };
                Self::Stepwise {
                    width: (size.min_width, size.max_width, size.step_width),
                    height: (size.min_height, size.max_height, size.step_height),
                }
            }
            _ => Self::Unknown,
        }
    }
}

impl From<&v4l2_frmivalenum> for FrameInterval {
    fn from(raw: &v4l2_frmivalenum) -> Self {
        match raw.type_ {
            1 => {
                // SAFETY: both members of the union are plain integers, valid for every bit pattern, and the struct
                // was zeroed before the call, so that no byte is uninitialised.
                Self::Discrete(unsafe { raw.__bindgen_anon_1.discrete }.into())
            }
            2 | 3 => {
                // SAFETY: as above.
                let range = unsafe { raw.__bindgen_anon_1.stepwise };
                Self::Stepwise { min: range.min.into(), max: range.max.into() }
            }
            _ => Self::Unknown,
        }
    }
}

impl PixelFormat {
    /// To the struct that S_FMT takes.
    pub(crate) fn to_raw(self, kind: BufferType) -> v4l2_format {
        let mut raw = zeroed_format();
        raw.type_ = kind.raw();
        match kind {
            BufferType::VideoCapture | BufferType::VideoOutput => {
                // SAFETY: the union was zeroed, and every member of `pix` is a plain integer.
                let pix = unsafe { &mut raw.fmt.pix };
                pix.width = self.width;
                pix.height = self.height;
                pix.pixelformat = self.fourcc.to_u32();
                pix.field = self.field;
                pix.bytesperline = self.planes[0].bytesperline;
                pix.sizeimage = self.planes[0].sizeimage;
                if kind == BufferType::VideoOutput {
                    // Whoever fills the buffers says what the colours are, for the readers to be told. The kernel heeds the
                    // last three only with the magic number (v4l_sanitize_format in v4l2-ioctl.c).
                    pix.colorspace = self.colorspace;
                    pix.priv_ = V4L2_PIX_FMT_PRIV_MAGIC;
                    pix.__bindgen_anon_1.ycbcr_enc = self.ycbcr_encoding;
                    pix.quantization = self.quantization;
                    pix.xfer_func = self.transfer_function;
                }
            }
            BufferType::VideoCaptureMplane => {
                // SAFETY: the union was zeroed, and every member of `pix_mp` is a plain integer.
                let pix = unsafe { &mut raw.fmt.pix_mp };
                pix.width = self.width;
                pix.height = self.height;
                pix.pixelformat = self.fourcc.to_u32();
                pix.field = self.field;
            }
        }
        raw
    }

    /// From the struct that G_FMT and S_FMT give.
    pub(crate) fn from_raw(raw: &v4l2_format, kind: BufferType) -> Self {
        let mut planes = [PlaneFormat::default(); MAX_PLANES];
        match kind {
            BufferType::VideoCapture | BufferType::VideoOutput => {
                // SAFETY: every member of the union is made of plain integers, and the struct was zeroed before the
                // call, so that no byte is uninitialised.
                let pix = unsafe { raw.fmt.pix };
                planes[0] = PlaneFormat { bytesperline: pix.bytesperline, sizeimage: pix.sizeimage };
                Self {
                    fourcc: Fourcc::from_u32(pix.pixelformat),
                    width: pix.width,
                    height: pix.height,
                    field: pix.field,
                    colorspace: pix.colorspace,
                    // SAFETY: both members are one u32.
                    ycbcr_encoding: unsafe { pix.__bindgen_anon_1.ycbcr_enc },
                    quantization: pix.quantization,
                    transfer_function: pix.xfer_func,
                    plane_count: 1,
                    planes,
                }
            }
            BufferType::VideoCaptureMplane => {
                // SAFETY: as above.
                let pix = unsafe { raw.fmt.pix_mp };
                let formats = pix.plane_fmt;
                for (plane, format) in planes.iter_mut().zip(formats) {
                    *plane = PlaneFormat { bytesperline: format.bytesperline, sizeimage: format.sizeimage };
                }
                Self {
                    fourcc: Fourcc::from_u32(pix.pixelformat),
                    width: pix.width,
                    height: pix.height,
                    field: pix.field,
                    colorspace: pix.colorspace,
                    // SAFETY: both members are one u8.
                    ycbcr_encoding: u32::from(unsafe { pix.__bindgen_anon_1.ycbcr_enc }),
                    quantization: u32::from(pix.quantization),
                    transfer_function: u32::from(pix.xfer_func),
                    plane_count: u32::from(pix.num_planes),
                    planes,
                }
            }
        }
    }
}

impl From<&v4l2_streamparm> for Interval {
    fn from(raw: &v4l2_streamparm) -> Self {
        // SAFETY: the struct was zeroed before the call, and `capture` is made of plain integers.
        let capture = unsafe { raw.parm.capture };
        // V4L2_CAP_TIMEPERFRAME
        Self { settable: capture.capability & 0x1000 != 0, time_per_frame: capture.timeperframe.into() }
    }
}

/// `struct timeval` in nanoseconds; a negative time is 0, which no clock of a running system shows.
pub(crate) fn nanoseconds(time: &timeval) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(micros.saturating_mul(1000))
}

/// What DQBUF gave, with `planes` where it wrote the memory planes of a multi-planar buffer.
pub(crate) fn dequeued(raw: &v4l2_buffer, planes: &[v4l2_plane; MAX_PLANES], kind: BufferType) -> Dequeued {
    let mut used = [PlaneUse::default(); MAX_PLANES];
    let plane_count = match kind {
        BufferType::VideoCapture | BufferType::VideoOutput => {
            used[0].bytesused = raw.bytesused;
            1
        }
        BufferType::VideoCaptureMplane => {
            for (used, plane) in used.iter_mut().zip(planes) {
                *used = PlaneUse { bytesused: plane.bytesused, data_offset: plane.data_offset };
            }
            raw.length
        }
    };
    Dequeued {
        index: raw.index,
        flags: BufferFlags::from_bits_retain(raw.flags),
        sequence: raw.sequence,
        timestamp: nanoseconds(&raw.timestamp),
        plane_count,
        planes: used,
    }
}

/// What QUERYBUF gave.
pub(crate) fn buffer_memory(raw: &v4l2_buffer, planes: &[v4l2_plane; MAX_PLANES], kind: BufferType) -> BufferMemory {
    let mut memories = [(0, 0); MAX_PLANES];
    let plane_count = match kind {
        BufferType::VideoCapture | BufferType::VideoOutput => {
            // SAFETY: after QUERYBUF with V4L2_MEMORY_MMAP `m` holds the offset; it is a plain integer, and the struct
            // was zeroed before the call.
            memories[0] = (raw.length, unsafe { raw.m.offset });
            1
        }
        BufferType::VideoCaptureMplane => {
            for (memory, plane) in memories.iter_mut().zip(planes) {
                // SAFETY: as above, for the plane's own union.
                *memory = (plane.length, unsafe { plane.m.mem_offset });
            }
            raw.length
        }
    };
    BufferMemory { plane_count, planes: memories }
}

/// A `v4l2_format` of zeroes.
pub(crate) fn zeroed_format() -> v4l2_format {
    // SAFETY: integers, arrays and unions of integers, and pointers where the window format has them: all zeroes is
    // a valid value of each.
    unsafe { std::mem::zeroed() }
}
