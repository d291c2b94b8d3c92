//! Invariant 2: once it runs, neither a frame nor a block of sound costs an allocation, on the capture thread nor in
//! whoever takes it.
//!
//! A process of its own, because the allocator is the process's. The counts are exact; how long it takes is not asked.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use usermedia::constraints::MediaTrackConstraints;
use usermedia::{MediaDevices, MediaStreamConstraints};

/// Counts, per thread that says it wants to be counted, and hands on to the system's allocator.
struct Counting;

thread_local! {
    static COUNTED: Cell<Option<&'static AtomicU64>> = const { Cell::new(None) };
}

static ON_THE_CAPTURE_THREAD: AtomicU64 = AtomicU64::new(0);
static IN_THE_CONSUMER: AtomicU64 = AtomicU64::new(0);

fn count() {
    // A thread that is ending has no locals any more, and is none of those counted.
    if let Ok(Some(counter)) = COUNTED.try_with(Cell::get) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: every method hands its arguments on to `System`, whose contract is the same; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are those `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WARM_UP: u64 = 20;
const FRAMES: u64 = 300;

#[test]
fn three_hundred_frames_and_their_sound_cost_no_allocation() {
    let video = MediaTrackConstraints::new().width(320).height(240).frame_rate(60.0);
    let stream =
        MediaDevices::synthetic().get_user_media(&MediaStreamConstraints::new().video(video).audio(true)).unwrap();
    let track = stream.video_tracks().remove(0);
    let seen = Arc::new(AtomicU64::new(0));
    let inline = {
        let seen = seen.clone();
        track.on_frame(move |frame| {
            match seen.fetch_add(1, Ordering::Relaxed) {
                // From here to there, everything that the capture thread does is counted: its loop, the picture, the
                // hand-over to every consumer.
                WARM_UP => COUNTED.set(Some(&ON_THE_CAPTURE_THREAD)),
                number if number == WARM_UP + FRAMES => COUNTED.set(None),
                _ => {}
            }
            std::hint::black_box(frame.plane(0));
        })
    };
    // Sound comes on the same thread, in between: its copy and its hand-over are counted with the rest.
    let microphone = stream.audio_tracks().remove(0);
    let heard = Arc::new(AtomicU64::new(0));
    let listener = {
        let heard = heard.clone();
        microphone.on_data(move |data| {
            heard.fetch_add(data.frame_count().into(), Ordering::Relaxed);
        })
    };
    let sound = microphone.processor(4);
    let mut processor = track.processor(3);
    let mut bytes = 0;
    for number in 0..WARM_UP + FRAMES {
        if number == WARM_UP {
            COUNTED.set(Some(&IN_THE_CONSUMER));
        }
        let frame = processor.next().unwrap().unwrap();
        let clone = frame.clone();
        bytes += clone.memory(0).map_or(0, <[u8]>::len);
        while let std::task::Poll::Ready(Some(data)) = sound.try_next() {
            bytes += data.unwrap().data().len();
        }
    }
    COUNTED.set(None);
    while seen.load(Ordering::Relaxed) <= WARM_UP + FRAMES {
        drop(processor.next());
    }
    assert!(bytes > 0);
    assert_eq!(track.statistics().copied, 0);
    assert!(inline.statistics().delivered > WARM_UP + FRAMES);
    // Five seconds of pictures, and as much sound.
    assert!(heard.load(Ordering::Relaxed) > 4 * 48_000, "{listener:?}", listener = listener.statistics());
    assert_eq!(IN_THE_CONSUMER.load(Ordering::Relaxed), 0, "in the consumer");
    assert_eq!(ON_THE_CAPTURE_THREAD.load(Ordering::Relaxed), 0, "on the capture thread");
}

/// A task that waits is woken for each frame, by a thread that is counted too.
#[test]
fn frames_for_a_task_cost_no_allocation() {
    use std::task::{Context, Poll, Wake, Waker};
    use std::thread::Thread;

    static CAPTURING: AtomicU64 = AtomicU64::new(0);
    static POLLING: AtomicU64 = AtomicU64::new(0);

    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let video = MediaTrackConstraints::new().width(320).height(240).frame_rate(60.0);
    let stream = MediaDevices::synthetic().get_user_media(&MediaStreamConstraints::new().video(video)).unwrap();
    let track = stream.video_tracks().remove(0);
    let seen = AtomicU64::new(0);
    let _inline = track.on_frame(move |_| {
        if seen.fetch_add(1, Ordering::Relaxed) == WARM_UP {
            COUNTED.set(Some(&CAPTURING));
        }
    });
    let processor = track.processor(1);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let (mut number, mut waits) = (0, 0);
    while number < 3 * WARM_UP {
        if number == WARM_UP {
            COUNTED.set(Some(&POLLING));
        }
        match processor.poll_next(&mut context) {
            Poll::Ready(frame) => {
                number += 1;
                drop(frame.unwrap().unwrap());
            }
            Poll::Pending => {
                waits += 1;
                std::thread::park();
            }
        }
    }
    COUNTED.set(None);
    assert!(waits > WARM_UP, "it has hardly waited: {waits}");
    assert_eq!(POLLING.load(Ordering::Relaxed), 0, "in the task");
    assert_eq!(CAPTURING.load(Ordering::Relaxed), 0, "on the capture thread");
}

/// A picture that is made of a larger one: its place and its memory are used again.
#[cfg(feature = "convert")]
#[test]
fn scaled_frames_cost_no_allocation() {
    use usermedia::constraints::{ConstrainDomString, ConstrainULong};

    static CAPTURING: AtomicU64 = AtomicU64::new(0);
    static LOOKING: AtomicU64 = AtomicU64::new(0);
    let exactly = |pixels: u32| ConstrainULong::new().exact(pixels);
    let format = ConstrainDomString::new().exact("YU12");
    let video = MediaTrackConstraints::new().width(exactly(200)).height(exactly(100)).frame_rate(60.0);
    let constraints = MediaStreamConstraints::new().video(video.pixel_format(format));
    let stream = MediaDevices::synthetic().get_user_media(&constraints).unwrap();
    let track = stream.video_tracks().remove(0);
    let seen = AtomicU64::new(0);
    let _inline = track.on_frame(move |_| {
        if seen.fetch_add(1, Ordering::Relaxed) == WARM_UP {
            COUNTED.set(Some(&CAPTURING));
        }
    });
    let mut processor = track.processor(3);
    let mut bytes = 0;
    for number in 0..2 * WARM_UP {
        if number == WARM_UP {
            COUNTED.set(Some(&LOOKING));
        }
        let frame = processor.next().unwrap().unwrap();
        let clone = frame.clone();
        bytes += clone.memory(0).map_or(0, <[u8]>::len);
        assert!(frame.is_copied() && (frame.width(), frame.height()) == (200, 100));
    }
    COUNTED.set(None);
    assert_eq!(bytes, 2 * WARM_UP as usize * 200 * 100 * 3 / 2);
    assert_eq!(LOOKING.load(Ordering::Relaxed), 0, "in who looks");
    assert_eq!(CAPTURING.load(Ordering::Relaxed), 0, "on the capture thread");
}

#[test]
fn the_counter_counts() {
    static HERE: AtomicU64 = AtomicU64::new(0);
    COUNTED.set(Some(&HERE));
    drop(std::hint::black_box(vec![0u8; 100]));
    COUNTED.set(None);
    assert_eq!(HERE.load(Ordering::Relaxed), 2);
}

/// Every format goes its own way; none of them allocates. A JPEG's decoder does, for its own work, as often for one
/// frame as for the next.
#[cfg(feature = "convert")]
#[test]
fn conversions_cost_no_allocation() {
    use usermedia::convert::{Converter, PixelFormat, Rect, VideoFrameView};
    use usermedia::{Fourcc, VideoColorSpace, VideoMatrixCoefficients};

    static HERE: AtomicU64 = AtomicU64::new(0);
    const FORMATS: [PixelFormat; 5] =
        [PixelFormat::Rgb, PixelFormat::Rgba, PixelFormat::Bgra, PixelFormat::I420, PixelFormat::Nv12];
    let bytes = vec![90; 80 * 60 * 4];
    let mut out = vec![0; 80 * 60 * 4];
    let color_space = VideoColorSpace::new(VideoMatrixCoefficients::Bt709, false);
    let mut converter = Converter::new();
    for code in ["YUYV", "NV12", "NV21", "NV16", "NV24", "YU12", "422P", "411P", "YUV4", "RGB3", "XR24", "GREY"] {
        let planes = [(&bytes[..], 320), (&bytes[..], 320), (&bytes[..], 320)];
        let view = VideoFrameView::new(code.parse::<Fourcc>().unwrap(), 79, 59, &planes, color_space).unwrap();
        for format in FORMATS {
            COUNTED.set(Some(&HERE));
            let part = view.crop(Rect::new(4, 4, 75, 33));
            let done = part.and_then(|part| converter.convert(&part, format, &mut out, 0));
            COUNTED.set(None);
            assert_eq!(done, Ok(()));
            // Scaling takes memory once, and none for the next frame of the same size.
            let mut scale = || converter.convert_scaled(&view, format, (40, 31), &mut out, 0);
            assert_eq!(scale(), Ok(()));
            COUNTED.set(Some(&HERE));
            let done = scale();
            COUNTED.set(None);
            assert_eq!(done, Ok(()));
            assert_eq!(HERE.load(Ordering::Relaxed), 0, "{code} to {format}");
        }
    }
}
