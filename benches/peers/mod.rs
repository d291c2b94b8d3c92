//! libyuv and libjpeg-turbo, looked for when the benchmark runs: nothing has to be installed to build it.

#![expect(
    clippy::missing_transmute_annotations,
    reason = "the type is the field's, declared below beside its header's name"
)]

use std::ffi::{CStr, c_char, c_int, c_uchar, c_ulong, c_void};

use nix::libc;

/// A shared library that stays open.
struct Library(*mut c_void);

impl Library {
    fn open(name: &CStr) -> Option<Self> {
        // SAFETY: the name ends in a NUL. Both libraries' initialisers are trusted as those of any library we link
        // with.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        (!handle.is_null()).then_some(Self(handle))
    }

    fn symbol(&self, name: &CStr) -> Option<*mut c_void> {
        // SAFETY: the handle is an open library's, since it is never closed, and the name ends in a NUL.
        let symbol = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        (!symbol.is_null()).then_some(symbol)
    }
}

/// A function of a library as the type it has in that library's header.
macro_rules! function {
    ($library:expr, $name:literal) => {
        // SAFETY: the type it becomes is the declaration in the library's header (libyuv/convert*.h, turbojpeg.h),
        // whose version is fixed by the library's name.
        unsafe { std::mem::transmute($library.symbol($name)?) }
    };
}

type Packed = unsafe extern "C" fn(*const u8, c_int, *mut u8, c_int, c_int, c_int) -> c_int;
type SemiPlanar = unsafe extern "C" fn(*const u8, c_int, *const u8, c_int, *mut u8, c_int, c_int, c_int) -> c_int;
type PackedToI420 =
    unsafe extern "C" fn(*const u8, c_int, *mut u8, c_int, *mut u8, c_int, *mut u8, c_int, c_int, c_int) -> c_int;
type SemiPlanarToI420 = unsafe extern "C" fn(
    *const u8,
    c_int,
    *const u8,
    c_int,
    *mut u8,
    c_int,
    *mut u8,
    c_int,
    *mut u8,
    c_int,
    c_int,
    c_int,
) -> c_int;

/// libyuv. Its names give the bytes of a little-endian word: what it calls ARGB is BGRA in memory, and ABGR is RGBA.
pub struct Yuv {
    yuy2_to_argb: Packed,
    argb_to_abgr: Packed,
    nv12_to_abgr: SemiPlanar,
    nv12_to_raw: SemiPlanar,
    yuy2_to_i420: PackedToI420,
    nv12_to_i420: SemiPlanarToI420,
}

/// Width and height, of which the width is even and the rows are dense.
type Size = (usize, usize);

/// A picture's side in C's type: those here are at most 1920.
fn int(side: usize) -> c_int {
    c_int::try_from(side).expect("a small side")
}

fn sizes(is: usize, needed: usize) {
    assert!(is >= needed, "{is} bytes where {needed} are needed");
}

impl Yuv {
    pub fn load() -> Option<Self> {
        let library = Library::open(c"libyuv.so.0")?;
        Some(Self {
            yuy2_to_argb: function!(library, c"YUY2ToARGB"),
            argb_to_abgr: function!(library, c"ARGBToABGR"),
            nv12_to_abgr: function!(library, c"NV12ToABGR"),
            nv12_to_raw: function!(library, c"NV12ToRAW"),
            yuy2_to_i420: function!(library, c"YUY2ToI420"),
            nv12_to_i420: function!(library, c"NV12ToI420"),
        })
    }

    pub fn yuyv_to_bgra(&self, yuyv: &[u8], (width, height): Size, out: &mut [u8]) {
        sizes(yuyv.len(), 2 * width * height);
        sizes(out.len(), 4 * width * height);
        let (w, h) = (int(width), int(height));
        // SAFETY: both pictures hold `height` rows as long as the strides say.
        unsafe { (self.yuy2_to_argb)(yuyv.as_ptr(), 2 * w, out.as_mut_ptr(), 4 * w, w, h) };
    }

    /// There is no one function for it. The second step is in place, where the picture is in the cache.
    pub fn yuyv_to_rgba(&self, yuyv: &[u8], (width, height): Size, out: &mut [u8]) {
        self.yuyv_to_bgra(yuyv, (width, height), out);
        let (w, h) = (int(width), int(height));
        let out = out.as_mut_ptr();
        // SAFETY: the picture holds `height` rows as long as the stride says; libyuv swaps bytes in place where source
        // and destination are the same.
        unsafe { (self.argb_to_abgr)(out, 4 * w, out, 4 * w, w, h) };
    }

    pub fn nv12_to_rgba(&self, y: &[u8], uv: &[u8], size: Size, out: &mut [u8]) {
        semi_planar(self.nv12_to_abgr, y, uv, size, 4, out);
    }

    pub fn nv12_to_rgb(&self, y: &[u8], uv: &[u8], size: Size, out: &mut [u8]) {
        semi_planar(self.nv12_to_raw, y, uv, size, 3, out);
    }

    pub fn yuyv_to_i420(&self, yuyv: &[u8], (width, height): Size, out: &mut [u8]) {
        sizes(yuyv.len(), 2 * width * height);
        let (y, u, v) = planes(out, (width, height));
        let (w, h) = (int(width), int(height));
        let (y, u, v) = (y.as_mut_ptr(), u.as_mut_ptr(), v.as_mut_ptr());
        // SAFETY: the planes hold the picture: `planes` cut them so, of even sides.
        unsafe { (self.yuy2_to_i420)(yuyv.as_ptr(), 2 * w, y, w, u, w / 2, v, w / 2, w, h) };
    }

    pub fn nv12_to_i420(&self, luma: &[u8], uv: &[u8], (width, height): Size, out: &mut [u8]) {
        sizes(luma.len(), width * height);
        sizes(uv.len(), width * height / 2);
        let (y, u, v) = planes(out, (width, height));
        let (w, h) = (int(width), int(height));
        let (y, u, v) = (y.as_mut_ptr(), u.as_mut_ptr(), v.as_mut_ptr());
        // SAFETY: the planes hold the picture: `planes` cut them so, of even sides.
        unsafe { (self.nv12_to_i420)(luma.as_ptr(), w, uv.as_ptr(), w, y, w, u, w / 2, v, w / 2, w, h) };
    }
}

fn semi_planar(function: SemiPlanar, y: &[u8], uv: &[u8], (width, height): Size, bytes: usize, out: &mut [u8]) {
    sizes(y.len(), width * height);
    sizes(uv.len(), width * height / 2);
    sizes(out.len(), bytes * width * height);
    let (w, h) = (int(width), int(height));
    // SAFETY: all pictures hold `height` rows, the chroma half as many, as long as the strides say.
    unsafe { function(y.as_ptr(), w, uv.as_ptr(), w, out.as_mut_ptr(), int(bytes) * w, w, h) };
}

fn planes(out: &mut [u8], (width, height): Size) -> (&mut [u8], &mut [u8], &mut [u8]) {
    let (y, chroma) = out.split_at_mut(width * height);
    let (u, v) = chroma.split_at_mut(width * height / 4);
    sizes(v.len(), width * height / 4);
    (y, u, v)
}

type InitDecompress = unsafe extern "C" fn() -> *mut c_void;
type Decompress = unsafe extern "C" fn(
    *mut c_void,
    *const c_uchar,
    c_ulong,
    *mut c_uchar,
    c_int,
    c_int,
    c_int,
    c_int,
    c_int,
) -> c_int;
type ErrorText = unsafe extern "C" fn(*mut c_void) -> *const c_char;

/// libjpeg-turbo by its TurboJPEG interface.
pub struct Turbo {
    handle: *mut c_void,
    decompress: Decompress,
    error: ErrorText,
}

/// `TJPF_RGB`.
const RGB: c_int = 0;

impl Turbo {
    pub fn load() -> Option<Self> {
        let library = Library::open(c"libturbojpeg.so.0")?;
        let init: InitDecompress = function!(library, c"tjInitDecompress");
        // SAFETY: it takes nothing.
        let handle = unsafe { init() };
        let decompress = function!(library, c"tjDecompress2");
        let error = function!(library, c"tjGetErrorStr2");
        (!handle.is_null()).then_some(Self { handle, decompress, error })
    }

    /// Decodes with the library's defaults: the accurate transform, smooth upsampling.
    pub fn to_rgb(&self, jpeg: &[u8], (width, height): Size, out: &mut [u8]) {
        sizes(out.len(), 3 * width * height);
        let (w, h) = (int(width), int(height));
        let length = c_ulong::try_from(jpeg.len()).expect("a small file");
        // SAFETY: the handle is live, the file as long as said, and the picture holds `height` dense rows of RGB.
        let failed =
            unsafe { (self.decompress)(self.handle, jpeg.as_ptr(), length, out.as_mut_ptr(), w, 3 * w, h, RGB, 0) };
        if failed != 0 {
            // SAFETY: the handle is live; the text is a string of its own until the next call.
            let why = unsafe { CStr::from_ptr((self.error)(self.handle)) };
            panic!("libjpeg-turbo: {}", why.to_string_lossy());
        }
    }
}
