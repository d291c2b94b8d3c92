//! The ioctls of include/uapi/linux/videodev2.h, by their numbers there.

use nix::libc::c_int;
use v4l::v4l_sys::{
    v4l2_buffer, v4l2_capability, v4l2_control, v4l2_event, v4l2_event_subscription, v4l2_exportbuffer, v4l2_fmtdesc,
    v4l2_format, v4l2_frmivalenum, v4l2_frmsizeenum, v4l2_input, v4l2_query_ext_ctrl, v4l2_querymenu,
    v4l2_requestbuffers, v4l2_streamparm,
};
use v4l::v4l2::vidioc as pinned;

/// `nix`'s call, and the proof that its number is `v4l`'s, which `abi` compares with the kernel's.
macro_rules! calls {
    ($($call:ident = $declare:ident, $code:ident, $number:literal, $operand:ty, $pinned:ident;)+) => {
        $(
            nix::$declare!($call, b'V', $number, $operand);
            const _: () = assert!(nix::$code!(b'V', $number, size_of::<$operand>()) == pinned::$pinned);
        )+
    };
}

calls! {
    querycap = ioctl_read, request_code_read, 0, v4l2_capability, VIDIOC_QUERYCAP;
    enum_fmt = ioctl_readwrite, request_code_readwrite, 2, v4l2_fmtdesc, VIDIOC_ENUM_FMT;
    g_fmt = ioctl_readwrite, request_code_readwrite, 4, v4l2_format, VIDIOC_G_FMT;
    s_fmt = ioctl_readwrite, request_code_readwrite, 5, v4l2_format, VIDIOC_S_FMT;
    reqbufs = ioctl_readwrite, request_code_readwrite, 8, v4l2_requestbuffers, VIDIOC_REQBUFS;
    querybuf = ioctl_readwrite, request_code_readwrite, 9, v4l2_buffer, VIDIOC_QUERYBUF;
    qbuf = ioctl_readwrite, request_code_readwrite, 15, v4l2_buffer, VIDIOC_QBUF;
    expbuf = ioctl_readwrite, request_code_readwrite, 16, v4l2_exportbuffer, VIDIOC_EXPBUF;
    dqbuf = ioctl_readwrite, request_code_readwrite, 17, v4l2_buffer, VIDIOC_DQBUF;
    streamon = ioctl_write_ptr, request_code_write, 18, c_int, VIDIOC_STREAMON;
    streamoff = ioctl_write_ptr, request_code_write, 19, c_int, VIDIOC_STREAMOFF;
    g_parm = ioctl_readwrite, request_code_readwrite, 21, v4l2_streamparm, VIDIOC_G_PARM;
    s_parm = ioctl_readwrite, request_code_readwrite, 22, v4l2_streamparm, VIDIOC_S_PARM;
    enuminput = ioctl_readwrite, request_code_readwrite, 26, v4l2_input, VIDIOC_ENUMINPUT;
    g_ctrl = ioctl_readwrite, request_code_readwrite, 27, v4l2_control, VIDIOC_G_CTRL;
    g_input = ioctl_read, request_code_read, 38, c_int, VIDIOC_G_INPUT;
    s_ctrl = ioctl_readwrite, request_code_readwrite, 28, v4l2_control, VIDIOC_S_CTRL;
    querymenu = ioctl_readwrite, request_code_readwrite, 37, v4l2_querymenu, VIDIOC_QUERYMENU;
    enum_framesizes = ioctl_readwrite, request_code_readwrite, 74, v4l2_frmsizeenum, VIDIOC_ENUM_FRAMESIZES;
    enum_frameintervals = ioctl_readwrite, request_code_readwrite, 75, v4l2_frmivalenum, VIDIOC_ENUM_FRAMEINTERVALS;
    query_ext_ctrl = ioctl_readwrite, request_code_readwrite, 103, v4l2_query_ext_ctrl, VIDIOC_QUERY_EXT_CTRL;
}

// Not among `v4l`'s numbers. An event ends in a time, whose size the kernel tells by the number as with a buffer's.
nix::ioctl_read!(dqevent, b'V', 89, v4l2_event);
nix::ioctl_write_ptr!(subscribe_event, b'V', 90, v4l2_event_subscription);

// include/uapi/linux/dma-buf.h: `struct dma_buf_sync` is one __u64 of flags, which `v4l` does not know.
nix::ioctl_write_ptr!(dma_buf_sync, b'b', 0, u64);
const _: () = assert!(nix::request_code_write!(b'b', 0, size_of::<u64>()) as u32 == 0x4008_6200);
