//! The library as C sees it: what `usermedia.h` declares, for C, C++, Python and whatever else calls C.
//!
//! Built by `make capi` as `libusermedia.so` and `libusermedia.a`; the header says what each function does, and is the
//! contract that every `SAFETY` here argues from: a handle is a pointer that this library gave and that has not been
//! released, an `out` pointer may be written to, a text ends with NUL. NULL is checked wherever it would be read.
//!
//! Nothing here has a meaning of its own: each function is one call of the library, its arguments taken from C and its answer
//! given back.

mod answer;
mod audio;
mod frame;
mod stream;
