//! libasound, loaded when sound is first asked for: a program that only wants pictures starts with half of the instructions
//! and holds 36 KB less, and runs where there is no libasound at all.
//!
//! The functions that the crate `alsa` calls are defined here, so that the linker, which leaves out libraries that
//! nothing needs (`--as-needed`), does not name libasound in the program. Each hands its arguments on to the one of
//! that name in the library. One that is missing here is no mistake but for the time: the linker names libasound then, and
//! the test `libasound_is_loaded_when_sound_is_asked_for` says so.
//!
//! In the command alone, not in the library: whose symbols these are in a program is for that program to say.

use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_ulong, c_void};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use nix::libc;

/// What libasound's functions answer where it cannot be loaded: "Can not access a needed shared library".
const ABSENT: c_int = -libc::ELIBACC;

/// The function of that name in libasound, loaded if need be. `None` where that cannot be had.
fn function(name: &CStr) -> Option<*mut c_void> {
    static LIBRARY: OnceLock<usize> = OnceLock::new();
    let library = *LIBRARY.get_or_init(|| {
        // SAFETY: a string of our own, ended by NUL. What libasound does when it is loaded it would have done at the start of
        // this program (dlopen(3)); it is never unloaded.
        unsafe { libc::dlopen(c"libasound.so.2".as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) }.expose_provenance()
    });
    if library == 0 {
        return None;
    }
    // SAFETY: `library` is what dlopen answered and is never closed, `name` is ended by NUL. The name is looked for in the library
    // first (dlsym(3)), not in the program, whose functions of that name are the ones below.
    let found = unsafe { libc::dlsym(ptr::with_exposed_provenance_mut(library), name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

/// Functions with one type of answer, and what they answer where there is no libasound. The types are those of alsa/pcm.h and
/// its like, with all pointers but strings as pointers to anything. They are hidden: what libasound calls of its own stays
/// its own.
macro_rules! handed_on {
    ($answer:ty, $absent:expr; $(fn $name:ident($($argument:ident: $type:ty),*);)*) => {$(
        std::arch::global_asm!(concat!(".hidden ", stringify!($name)));

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $type),*) -> $answer {
            static FUNCTION: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
            let mut found = FUNCTION.load(Ordering::Acquire);
            if found.is_null() {
                let name = concat!(stringify!($name), "\0");
                match CStr::from_bytes_with_nul(name.as_bytes()).ok().and_then(function) {
                    Some(function) => found = function,
                    None => return $absent,
                }
                FUNCTION.store(found, Ordering::Release);
            }
            // SAFETY: libasound's function of this name has this type (alsa-lib's headers, which the crate alsa-sys declares it
            // after), and whoever calls keeps to what it asks for: the arguments go on as they came.
            unsafe {
                let function = std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($type),*) -> $answer>(found);
                function($($argument),*)
            }
        }
    )*};
}

handed_on! { c_int, ABSENT;
    fn snd_card_get_name(card: c_int, name: *mut c_void);
    fn snd_card_next(card: *mut c_void);
    fn snd_ctl_close(ctl: *mut c_void);
    fn snd_ctl_open(ctl: *mut c_void, name: *const c_char, mode: c_int);
    fn snd_ctl_pcm_info(ctl: *mut c_void, info: *mut c_void);
    fn snd_ctl_pcm_next_device(ctl: *mut c_void, device: *mut c_void);
    fn snd_device_name_free_hint(hints: *mut c_void);
    fn snd_device_name_hint(card: c_int, iface: *const c_char, hints: *mut c_void);
    fn snd_output_buffer_open(outputp: *mut c_void);
    fn snd_output_close(output: *mut c_void);
    fn snd_output_putc(output: *mut c_void, c: c_int);
    fn snd_output_puts(output: *mut c_void, str: *const c_char);
    fn snd_output_vprintf(output: *mut c_void, format: *const c_char, args: *mut c_void);
    fn snd_pcm_close(pcm: *mut c_void);
    fn snd_pcm_hw_params(pcm: *mut c_void, params: *mut c_void);
    fn snd_pcm_hw_params_any(pcm: *mut c_void, params: *mut c_void);
    fn snd_pcm_hw_params_get_buffer_size(params: *const c_void, val: *mut c_void);
    fn snd_pcm_hw_params_get_channels(params: *const c_void, val: *mut c_void);
    fn snd_pcm_hw_params_get_channels_max(params: *const c_void, val: *mut c_void);
    fn snd_pcm_hw_params_get_channels_min(params: *const c_void, val: *mut c_void);
    fn snd_pcm_hw_params_get_period_size(params: *const c_void, frames: *mut c_void, dir: *mut c_void);
    fn snd_pcm_hw_params_get_period_time_max(params: *const c_void, val: *mut c_void, dir: *mut c_void);
    fn snd_pcm_hw_params_get_period_time_min(params: *const c_void, val: *mut c_void, dir: *mut c_void);
    fn snd_pcm_hw_params_get_rate(params: *const c_void, val: *mut c_void, dir: *mut c_void);
    fn snd_pcm_hw_params_get_rate_max(params: *const c_void, val: *mut c_void, dir: *mut c_void);
    fn snd_pcm_hw_params_get_rate_min(params: *const c_void, val: *mut c_void, dir: *mut c_void);
    fn snd_pcm_hw_params_malloc(ptr: *mut c_void);
    fn snd_pcm_hw_params_set_access(pcm: *mut c_void, params: *mut c_void, access: c_uint);
    fn snd_pcm_hw_params_set_buffer_size_near(pcm: *mut c_void, params: *mut c_void, val: *mut c_void);
    fn snd_pcm_hw_params_set_channels_near(pcm: *mut c_void, params: *mut c_void, val: *mut c_void);
    fn snd_pcm_hw_params_set_format(pcm: *mut c_void, params: *mut c_void, val: c_int);
    fn snd_pcm_hw_params_set_period_size_near(pcm: *mut c_void, params: *mut c_void, val: *mut c_void, dir: *mut c_void);
    fn snd_pcm_hw_params_set_rate_near(pcm: *mut c_void, params: *mut c_void, val: *mut c_void, dir: *mut c_void);
    fn snd_pcm_hw_params_test_channels(pcm: *mut c_void, params: *mut c_void, val: c_uint);
    fn snd_pcm_hw_params_test_format(pcm: *mut c_void, params: *mut c_void, val: c_int);
    fn snd_pcm_hw_params_test_rate(pcm: *mut c_void, params: *mut c_void, val: c_uint, dir: c_int);
    fn snd_pcm_info_malloc(ptr: *mut c_void);
    fn snd_pcm_mmap_begin(pcm: *mut c_void, areas: *mut c_void, offset: *mut c_void, frames: *mut c_void);
    fn snd_pcm_open(pcm: *mut c_void, name: *const c_char, stream: c_uint, mode: c_int);
    fn snd_pcm_poll_descriptors(pcm: *mut c_void, pfds: *mut c_void, space: c_uint);
    fn snd_pcm_poll_descriptors_count(pcm: *mut c_void);
    fn snd_pcm_poll_descriptors_revents(pcm: *mut c_void, pfds: *mut c_void, nfds: c_uint, revents: *mut c_void);
    fn snd_pcm_prepare(pcm: *mut c_void);
    fn snd_pcm_resume(pcm: *mut c_void);
    fn snd_pcm_start(pcm: *mut c_void);
    fn snd_pcm_status(pcm: *mut c_void, status: *mut c_void);
    fn snd_pcm_sw_params(pcm: *mut c_void, params: *mut c_void);
    fn snd_pcm_sw_params_current(pcm: *mut c_void, params: *mut c_void);
    fn snd_pcm_sw_params_get_boundary(params: *const c_void, val: *mut c_void);
    fn snd_pcm_sw_params_malloc(ptr: *mut c_void);
    fn snd_pcm_sw_params_set_avail_min(pcm: *mut c_void, params: *mut c_void, val: c_ulong);
    fn snd_pcm_sw_params_set_start_threshold(pcm: *mut c_void, params: *mut c_void, val: c_ulong);
    fn snd_pcm_sw_params_set_stop_threshold(pcm: *mut c_void, params: *mut c_void, val: c_ulong);
    fn snd_pcm_sw_params_set_tstamp_mode(pcm: *mut c_void, params: *mut c_void, val: c_uint);
    fn snd_pcm_sw_params_set_tstamp_type(pcm: *mut c_void, params: *mut c_void, val: c_uint);
}

handed_on! { c_long, ABSENT as c_long;
    fn snd_pcm_avail_update(pcm: *mut c_void);
    fn snd_pcm_bytes_to_frames(pcm: *mut c_void, bytes: isize);
    fn snd_pcm_mmap_commit(pcm: *mut c_void, offset: c_ulong, frames: c_ulong);
    fn snd_pcm_readi(pcm: *mut c_void, buffer: *mut c_void, size: c_ulong);
}

handed_on! { c_uint, 0;
    fn snd_pcm_state(pcm: *mut c_void);
}

handed_on! { c_ulong, 0;
    fn snd_pcm_status_get_avail(obj: *const c_void);
}

handed_on! { usize, 0;
    fn snd_pcm_status_sizeof();
}

handed_on! { isize, 0;
    fn snd_pcm_frames_to_bytes(pcm: *mut c_void, frames: c_long);
}

handed_on! { *mut c_void, ptr::null_mut();
    fn snd_device_name_get_hint(hint: *const c_void, id: *const c_char);
    fn snd_lib_error_set_local(func: *mut c_void);
}

handed_on! { *const c_char, ptr::null();
    fn snd_pcm_info_get_name(obj: *const c_void);
}

handed_on! { (), Default::default();
    fn snd_pcm_hw_params_free(obj: *mut c_void);
    fn snd_pcm_info_free(obj: *mut c_void);
    fn snd_pcm_info_set_device(obj: *mut c_void, val: c_uint);
    fn snd_pcm_info_set_stream(obj: *mut c_void, val: c_uint);
    fn snd_pcm_info_set_subdevice(obj: *mut c_void, val: c_uint);
    fn snd_pcm_status_get_htstamp(obj: *const c_void, ptr: *mut c_void);
    fn snd_pcm_sw_params_free(obj: *mut c_void);
}
