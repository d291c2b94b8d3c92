//! What every function shares: arguments from C, statuses and texts to it, and the last error of a thread.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

use crate::error::{Error, ErrorName, Result};

pub(super) const OK: c_int = 0;
pub(super) const AGAIN: c_int = 1;
pub(super) const END: c_int = 2;

/// The status of an error, as the header numbers them.
const fn status(name: ErrorName) -> c_int {
    match name {
        ErrorName::TypeError => -1,
        ErrorName::NotSupportedError => -2,
        ErrorName::NotFoundError => -3,
        ErrorName::OverconstrainedError => -4,
        ErrorName::NotAllowedError => -5,
        ErrorName::NotReadableError => -6,
        ErrorName::AbortError => -7,
    }
}

/// An error in C's texts.
struct Told {
    name: CString,
    message: CString,
    remedy: Option<CString>,
    constraint: Option<CString>,
    device: Option<CString>,
    errno: c_int,
}

thread_local! {
    static LAST: RefCell<Option<Told>> = const { RefCell::new(None) };
}

/// A text for C. It ends at a NUL in it, which none has but what a stranger wrote.
pub(super) fn text(text: &str) -> CString {
    let whole = text.split('\0').next().unwrap_or_default();
    CString::new(whole).unwrap_or_default()
}

/// The status of a call, whose error this thread can ask about from now on.
pub(super) fn answer(result: Result<c_int>) -> c_int {
    let error = match result {
        Ok(status) => return status,
        Err(error) => error,
    };
    let told = Told {
        name: text(error.name().as_str()),
        message: text(error.message()),
        remedy: error.remedy().map(text),
        constraint: error.constraint().map(text),
        device: error.device().map(text),
        errno: error.errno().unwrap_or(0),
    };
    LAST.set(Some(told));
    status(error.name())
}

/// The argument error of a NULL.
pub(super) fn null(what: &str) -> Error {
    Error::new(ErrorName::TypeError, format!("the {what} is NULL"))
}

/// What a handle points to.
///
/// # Safety
/// `handle` is NULL, or was given by this library and has not been released, and is not while the borrow lasts.
pub(super) unsafe fn borrow<'a, T>(handle: *const T, what: &str) -> Result<&'a T> {
    // SAFETY: by the contract it is NULL or came from `Box::into_raw` and still is what it was.
    unsafe { handle.as_ref() }.ok_or_else(|| null(what))
}

/// A handle for C, which gives it back to [`release`].
pub(super) fn handle<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Takes a handle back.
///
/// # Safety
/// As [`borrow`]; nobody uses it any more.
pub(super) unsafe fn release<T>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: it came from `Box::into_raw` in [`handle`], and by the contract comes back once.
        drop(unsafe { Box::from_raw(handle) });
    }
}

/// Gives a value through an `out` argument.
///
/// # Safety
/// `out` is NULL, or may be written to.
pub(super) unsafe fn give<T>(out: *mut T, value: impl FnOnce() -> Result<T>) -> Result<c_int> {
    if out.is_null() {
        return Err(null("place for the answer"));
    }
    let value = value()?;
    // SAFETY: not NULL, and by the contract a place for a `T`, whose old content is no value of ours.
    unsafe { out.write(value) };
    Ok(OK)
}

/// A text that C gave.
///
/// # Safety
/// `pointer` is NULL, or a text that ends with NUL and stays what it is while the borrow lasts.
pub(super) unsafe fn read<'a>(pointer: *const c_char, what: &str) -> Result<&'a str> {
    if pointer.is_null() {
        return Err(null(what));
    }
    // SAFETY: not NULL, and by the contract a text that ends.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map_err(|_| Error::new(ErrorName::TypeError, format!("the {what} are not UTF-8")))
}

/// One function each for what a handle's owner may ask of it; 0 of NULL.
macro_rules! getters {
    ($handle:ty: $($(#[$doc:meta])* $name:ident -> $type:ty = $what:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// As the header has it.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(handle: *const $handle) -> $type {
            let what: fn(&$handle) -> $type = $what;
            // SAFETY: the contract is this function's own.
            unsafe { borrow(handle, "handle") }.map(what).unwrap_or_default()
        }
    )*};
}
pub(super) use getters;

/// A part of the last error, where there is one.
fn last(part: impl FnOnce(&Told) -> Option<&CString>) -> *const c_char {
    // What is given lives until the next error of this thread: its bytes do not move with the cell's content.
    LAST.with_borrow(|told| told.as_ref().and_then(part).map_or(ptr::null(), |text| text.as_ptr()))
}

/// The version of the library.
#[unsafe(no_mangle)]
pub extern "C" fn usermedia_version() -> *const c_char {
    const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };
    VERSION.as_ptr()
}

/// The last error's name.
#[unsafe(no_mangle)]
pub extern "C" fn usermedia_error_name() -> *const c_char {
    last(|told| Some(&told.name))
}

/// What happened.
#[unsafe(no_mangle)]
pub extern "C" fn usermedia_error_message() -> *const c_char {
    last(|told| Some(&told.message))
}

/// What to do about it.
#[unsafe(no_mangle)]
pub extern "C" fn usermedia_error_remedy() -> *const c_char {
    last(|told| told.remedy.as_ref())
}

/// The constraint in the way.
#[unsafe(no_mangle)]
pub extern "C" fn usermedia_error_constraint() -> *const c_char {
    last(|told| told.constraint.as_ref())
}

/// The device's name.
#[unsafe(no_mangle)]
pub extern "C" fn usermedia_error_device() -> *const c_char {
    last(|told| told.device.as_ref())
}

/// The kernel's error number.
#[unsafe(no_mangle)]
pub extern "C" fn usermedia_error_errno() -> c_int {
    LAST.with_borrow(|told| told.as_ref().map_or(0, |told| told.errno))
}

/// Frees a text that was given.
///
/// # Safety
/// `text` is NULL, or was given by this library and not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: every text that is given to be freed came from `CString::into_raw`, and by the contract comes back once.
        drop(unsafe { CString::from_raw(text) });
    }
}
