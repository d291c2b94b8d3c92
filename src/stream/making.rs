//! Pictures that are made of a camera's: scaled, or decoded. Each is made once, for all who hold it, on the thread of whoever
//! looks at it first.
//!
//! Until then it is the camera's frame; from then on it is a copy, and the camera has its buffer back. Both the place that a
//! frame waits in and the memory that it is made in are used again, so that nothing is allocated while as many are held as
//! before.

use std::mem;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::frame::VideoFrame;
use crate::capture::{CapturedFrame, Item, Lease, LeaseMut, VideoFormat};
use crate::convert::{Converter, PixelFormat};
use crate::error::{Error, ErrorName, Result};
use crate::format::{Fourcc, Rect};

/// Where pictures of one kind are made.
pub(super) struct Workshop {
    /// Of what is made.
    format: Arc<VideoFormat>,
    /// The part of the camera's picture that it is made of.
    crop: Rect,
    /// Those that nobody works with: as many as threads have ever worked at once.
    converters: Mutex<Vec<Converter>>,
    /// As many as frames have ever been held at once.
    places: Mutex<Vec<Arc<Place>>>,
    unreadable: Arc<AtomicU64>,
}

/// Where one frame waits to be made, and is kept when it was.
struct Place {
    format: Arc<VideoFormat>,
    /// Holders of the frame; its place itself is kept longer.
    holders: AtomicUsize,
    /// The camera's frame, until somebody looks.
    native: Mutex<Option<CapturedFrame>>,
    /// Memory to make the next one in.
    spare: Mutex<Option<LeaseMut>>,
    made: OnceLock<Result<Lease>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Workshop {
    /// For pictures of a format, made of a part of the camera's.
    pub(super) fn new(format: Arc<VideoFormat>, crop: Rect, unreadable: Arc<AtomicU64>) -> Self {
        Self { format, crop, converters: Mutex::default(), places: Mutex::default(), unreadable }
    }

    /// Takes in a frame of the camera's. On the reactor's thread: nothing is made yet.
    pub(super) fn take(&self, frame: CapturedFrame) -> MadePicture {
        let mut places = lock(&self.places);
        for place in places.iter_mut() {
            // Only one that nobody else has, and then nobody can get it meanwhile.
            if let Some(free) = Arc::get_mut(place) {
                free.take_in(frame);
                return MadePicture(place.clone());
            }
        }
        let mut place = Place {
            format: self.format.clone(),
            holders: AtomicUsize::new(0),
            native: Mutex::new(None),
            spare: Mutex::new(None),
            made: OnceLock::new(),
        };
        place.take_in(frame);
        let place = Arc::new(place);
        places.push(place.clone());
        MadePicture(place)
    }

    fn make(&self, place: &Place) -> Result<Lease> {
        let native = lock(&place.native).take();
        // Its holder keeps it there.
        let native = native.ok_or_else(|| Error::new(ErrorName::NotReadableError, "the frame is gone"))?;
        let native = match native.info.raw {
            None => native,
            Some(_) => native.detached(None).ok_or_else(|| {
                Error::new(ErrorName::NotReadableError, "the picture was written over before it was looked at")
            })?,
        };
        let frame = VideoFrame::new(native, None);
        let size = (self.format.width, self.format.height);
        let bytes = usize::try_from(self.format.sizeimage[0]).unwrap_or(usize::MAX);
        let view = frame.view()?.crop(self.crop)?;
        let spare = lock(&place.spare).take();
        let memory = spare.or_else(|| LeaseMut::allocate(&[bytes], self.format.clone()));
        let mut memory = memory.ok_or_else(|| Error::new(ErrorName::NotReadableError, "there is no memory for it"))?;
        let mut converter = lock(&self.converters).pop().unwrap_or_default();
        let made = converter.convert_scaled(&view, written_as(self.format.fourcc), size, memory.memory_mut(0), 0);
        lock(&self.converters).push(converter);
        match made {
            Ok(()) => Ok(memory.into_lease()),
            Err(error) => {
                *lock(&place.spare) = Some(memory);
                Err(error)
            }
        }
    }
}

/// What a format is called where it is written.
fn written_as(fourcc: Fourcc) -> PixelFormat {
    match &fourcc.0 {
        b"NV12" => PixelFormat::Nv12,
        b"RGB3" => PixelFormat::Rgb,
        b"AB24" => PixelFormat::Rgba,
        b"AR24" => PixelFormat::Bgra,
        _ => PixelFormat::I420,
    }
}

impl Place {
    fn take_in(&mut self, frame: CapturedFrame) {
        *self.holders.get_mut() = 1;
        if let Some(Ok(lease)) = self.made.take() {
            let bytes = usize::try_from(self.format.sizeimage[0]).unwrap_or(usize::MAX);
            let spare = LeaseMut::reuse(lease, &[bytes], &self.format);
            *self.spare.get_mut().unwrap_or_else(PoisonError::into_inner) = spare;
        }
        *self.native.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(frame);
    }
}

/// A frame that is made when somebody looks.
pub(super) struct MadePicture(Arc<Place>);

impl MadePicture {
    pub(super) fn format(&self) -> &Arc<VideoFormat> {
        &self.0.format
    }

    /// The picture, made if it is not yet; or why it cannot be.
    pub(super) fn look(&self, workshop: &Workshop) -> std::result::Result<&Lease, &Error> {
        let made = self.0.made.get_or_init(|| {
            workshop.make(&self.0).inspect_err(|_| {
                workshop.unreadable.fetch_add(1, Ordering::Relaxed);
            })
        });
        made.as_ref()
    }

    /// The camera's frame, if nobody has looked yet.
    pub(super) fn native(&self) -> Option<CapturedFrame> {
        lock(&self.0.native).clone()
    }

    /// The camera's frame, if nobody has looked yet and nobody else will.
    pub(super) fn into_native(self) -> Option<CapturedFrame> {
        let is_last = self.0.holders.load(Ordering::Acquire) == 1;
        is_last.then(|| mem::take(&mut *lock(&self.0.native))).flatten()
    }
}

impl Clone for MadePicture {
    fn clone(&self) -> Self {
        self.0.holders.fetch_add(1, Ordering::Relaxed);
        Self(self.0.clone())
    }
}

impl Drop for MadePicture {
    fn drop(&mut self) {
        if self.0.holders.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Nobody has looked: the camera gets its buffer back now, and not when the place is needed again.
            let native = lock(&self.0.native).take();
            drop(native);
        }
    }
}
