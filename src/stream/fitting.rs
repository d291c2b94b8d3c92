//! What a track makes of a camera's pictures: a part of each, which is a look at the same bytes, or a smaller picture.

use std::sync::Arc;
#[cfg(feature = "convert")]
use std::sync::atomic::AtomicU64;

#[cfg(feature = "convert")]
use super::making::{MadePicture, Workshop};
use crate::capture::{CapturedFrame, FrameInfo, Item, Lease, Payload, VideoFormat};
use crate::error::Error;
use crate::format::Rect;
use crate::resolve::Derivation;

/// How pictures of one format become those of a track.
pub(super) struct Fitting {
    native: Arc<VideoFormat>,
    format: Arc<VideoFormat>,
    /// The part of the camera's picture that is shown.
    crop: Rect,
    /// Where pictures are made; `None` where a part is shown as it is.
    #[cfg(feature = "convert")]
    workshop: Option<Workshop>,
}

impl Fitting {
    /// What comes of pictures of a camera where `size` is wanted of them, and which part of them is shown; `None` where they
    /// are delivered as they are: they have that size, or it cannot be made of them.
    pub(super) fn plan(native: &VideoFormat, size: (u32, u32)) -> Option<(Derivation, VideoFormat)> {
        let derivation = Derivation::new(native.fourcc, (native.width, native.height), size)?;
        let is_whole = (native.width, native.height) == size;
        if is_whole || (native.layout.is_none() && !native.fourcc.is_jpeg()) {
            return None;
        }
        #[cfg(feature = "convert")]
        if derivation.scaled || native.fourcc.is_jpeg() {
            return Some((derivation, native.remade(derivation.fourcc, size)?));
        }
        Some((derivation, native.part(derivation.crop)?))
    }

    /// As [`Fitting::plan`], carried out. What could not be made of a picture is counted.
    pub(super) fn new(
        native: &Arc<VideoFormat>,
        size: (u32, u32),
        #[cfg(feature = "convert")] unreadable: &Arc<AtomicU64>,
    ) -> Option<Self> {
        let (derivation, format) = Self::plan(native, size)?;
        let (format, crop) = (Arc::new(format), derivation.crop);
        #[cfg(feature = "convert")]
        let workshop = {
            let is_made = derivation.scaled || native.fourcc.is_jpeg();
            is_made.then(|| Workshop::new(format.clone(), crop, unreadable.clone()))
        };
        Some(Self {
            native: native.clone(),
            format,
            crop,
            #[cfg(feature = "convert")]
            workshop,
        })
    }

    /// The format that it makes something of.
    pub(super) fn native(&self) -> &Arc<VideoFormat> {
        &self.native
    }

    /// Whether it shows a part of the camera's own memory.
    pub(super) fn is_view(&self) -> bool {
        #[cfg(feature = "convert")]
        return self.workshop.is_none();
        #[cfg(not(feature = "convert"))]
        true
    }

    /// The format of what has the same shape in memory as what it shows: to be painted black.
    pub(super) fn canvas(&self) -> &Arc<VideoFormat> {
        if self.is_view() { &self.native } else { &self.format }
    }

    /// A frame of a track. Nothing is made before somebody looks at it.
    pub(super) fn fit(this: &Arc<Self>, frame: &CapturedFrame) -> PassedFrame {
        #[cfg(feature = "convert")]
        if let Some(workshop) = &this.workshop {
            let picture = Picture::Made(workshop.take(frame.clone()));
            return PassedFrame { info: frame.info, picture, fitting: Some(this.clone()) };
        }
        PassedFrame { fitting: Some(this.clone()), ..PassedFrame::from(frame.clone()) }
    }

    /// A picture painted in [`Fitting::canvas`].
    pub(super) fn painted(this: &Arc<Self>, frame: CapturedFrame) -> PassedFrame {
        PassedFrame { fitting: Some(this.clone()), ..PassedFrame::from(frame) }
    }
}

/// A frame as a track hands it on.
#[derive(Clone)]
pub struct PassedFrame {
    pub(super) info: FrameInfo,
    picture: Picture,
    fitting: Option<Arc<Fitting>>,
}

#[derive(Clone)]
enum Picture {
    /// As the camera gave it, or a part of that.
    Lent(Lease),
    /// To be made of it when somebody looks.
    #[cfg(feature = "convert")]
    Made(MadePicture),
}

impl From<CapturedFrame> for PassedFrame {
    /// As it is.
    fn from(frame: CapturedFrame) -> Self {
        Self { info: frame.info, picture: Picture::Lent(frame.lease), fitting: None }
    }
}

impl PassedFrame {
    /// Its format.
    pub(super) fn format(&self) -> &Arc<VideoFormat> {
        match (&self.fitting, &self.picture) {
            (Some(fitting), _) => &fitting.format,
            (None, Picture::Lent(lease)) => lease.format(),
            #[cfg(feature = "convert")]
            (None, Picture::Made(picture)) => picture.format(),
        }
    }

    /// The camera's.
    pub(super) fn native_format(&self) -> &Arc<VideoFormat> {
        self.fitting.as_ref().map_or_else(|| self.format(), |fitting| fitting.native())
    }

    /// The size of the picture in memory, and the part of it that is shown.
    pub(super) fn coded(&self) -> ((u32, u32), Rect) {
        match &self.fitting {
            Some(fitting) if fitting.is_view() => ((fitting.native.width, fitting.native.height), fitting.crop),
            _ => {
                let format = self.format();
                ((format.width, format.height), Rect::new(0, 0, format.width, format.height))
            }
        }
    }

    /// The camera's buffer; `None` where the picture has memory of its own.
    pub(super) fn lease(&self) -> Option<&Lease> {
        match &self.picture {
            Picture::Lent(lease) => Some(lease),
            #[cfg(feature = "convert")]
            Picture::Made(_) => None,
        }
    }

    /// Where the bytes of a piece of memory lie in it.
    pub(super) fn payload(&self, memory: usize) -> Option<Payload> {
        let format = self.format();
        match &self.picture {
            Picture::Lent(_) => self.info.payloads.get(..format.memory_count)?.get(memory).copied(),
            #[cfg(feature = "convert")]
            Picture::Made(_) => (memory == 0).then_some(Payload { offset: 0, length: format.sizeimage[0] }),
        }
    }

    /// The bytes of a piece of memory.
    pub(super) fn memory(&self, index: usize) -> Option<&[u8]> {
        let payload = self.payload(index)?;
        let (offset, length) = (usize::try_from(payload.offset).ok()?, usize::try_from(payload.length).ok()?);
        let lease = self.looked_at()?;
        lease.bytes(index, offset, length)
    }

    /// Why there is no picture; `None` where there is one. One that is yet to be made is made.
    pub(super) fn failure(&self) -> Option<&Error> {
        match &self.picture {
            Picture::Lent(_) => None,
            #[cfg(feature = "convert")]
            Picture::Made(picture) => picture.look(self.fitting.as_ref()?.workshop.as_ref()?).err(),
        }
    }

    /// The addresses of a piece of memory.
    pub(super) fn address_range(&self, memory: usize) -> Option<std::ops::Range<usize>> {
        self.looked_at()?.address_range(memory)
    }

    /// Where its bytes are. One that is yet to be made is made.
    fn looked_at(&self) -> Option<&Lease> {
        match &self.picture {
            Picture::Lent(lease) => Some(lease),
            #[cfg(feature = "convert")]
            Picture::Made(picture) => picture.look(self.fitting.as_ref()?.workshop.as_ref()?).ok(),
        }
    }

    /// The camera's frame, of one that is no longer needed.
    fn into_native(self) -> Option<CapturedFrame> {
        match self.picture {
            Picture::Lent(lease) => Some(CapturedFrame { lease, info: self.info }),
            #[cfg(feature = "convert")]
            Picture::Made(picture) => picture.into_native(),
        }
    }
}

impl Item for PassedFrame {
    fn timestamp(&self) -> u64 {
        self.info.timestamp
    }

    fn is_copied(&self) -> bool {
        self.info.copied || self.lease().is_none()
    }

    /// Of the camera's frame, which is what it holds.
    fn byte_count(&self) -> u64 {
        self.info.payloads.iter().map(|payload| u64::from(payload.length)).sum()
    }

    fn is_written_over(&self) -> bool {
        match &self.picture {
            Picture::Lent(lease) => self.info.raw.is_some_and(|mark| !lease.still_holds(mark)),
            #[cfg(feature = "convert")]
            Picture::Made(picture) => picture.native().is_some_and(|native| native.is_written_over()),
        }
    }

    fn detached(&self, spare: Option<Self>) -> Option<Self> {
        let spare = spare.and_then(Self::into_native);
        match &self.picture {
            Picture::Lent(lease) => {
                let copy = CapturedFrame { lease: lease.clone(), info: self.info }.detached(spare)?;
                Some(Self { fitting: self.fitting.clone(), ..Self::from(copy) })
            }
            #[cfg(feature = "convert")]
            Picture::Made(picture) => {
                // Once made it is in memory of its own.
                let Some(native) = picture.native() else { return Some(self.clone()) };
                let copy = native.detached(spare)?;
                let workshop = self.fitting.as_ref()?.workshop.as_ref()?;
                Some(Self {
                    info: copy.info,
                    picture: Picture::Made(workshop.take(copy)),
                    fitting: self.fitting.clone(),
                })
            }
        }
    }
}
