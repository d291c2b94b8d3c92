//! How fast pixels are converted, beside libyuv and libjpeg-turbo: `cargo bench --features picture --bench convert`.
//!
//! One thread, the same picture into the same buffer, in turns: each round times one program and then the other, and
//! the medians of all rounds are compared. Time is the thread's own on the processor (CLOCK_THREAD_CPUTIME_ID), so that
//! what else the machine does counts little. The peers are Debian's, found when this runs (`libyuv0`, `libturbojpeg0`);
//! without them only our own times are printed. Before anything is timed, both results are compared, so that the work
//! is the same work.

mod peers;

use std::hint::black_box;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use peers::{Turbo, Yuv};
use usermedia::convert::{Converter, PixelFormat, VideoFrameView};
use usermedia::{Fourcc, VideoColorSpace, VideoMatrixCoefficients};

/// Turns that each side takes.
const ROUNDS: usize = 61;
/// A turn is repeated until it takes so long: far longer than asking for the time.
const TURN: Duration = Duration::from_millis(2);

type Work<'a> = Box<dyn FnMut(&mut [u8]) + 'a>;

fn main() {
    // `cargo test --benches` only wants to know whether it runs.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { 1 };
    let (yuv, turbo) = (Yuv::load(), Turbo::load());
    for (name, found) in [("libyuv (libyuv0)", yuv.is_some()), ("libjpeg-turbo (libturbojpeg0)", turbo.is_some())] {
        if !found {
            println!("{name} is not installed: its times are left out");
        }
    }
    println!(
        "Milliseconds a frame, median and range of {rounds} turns; speed is theirs / ours: above 1 we are faster.\n"
    );
    println!("{:<26} {:>24} {:>24} {:>6}", "", "usermedia", "peer", "speed");
    for (width, height) in [(1280, 720), (1920, 1080)] {
        let noise = noise(width * height * 2);
        let limited = VideoColorSpace::new(VideoMatrixCoefficients::Bt601, false);
        let (luma, chroma) = noise[..width * height * 3 / 2].split_at(width * height);
        let yuyv = view(Fourcc::YUYV, width, height, &[(&noise, 2 * width)], limited);
        let nv12 = view(Fourcc::NV12, width, height, &[(luma, width), (chroma, width)], limited);
        let jpeg = jpeg(width, height);
        let mjpg = view(Fourcc::MJPG, width, height, &[(&jpeg, 0)], limited);
        let yuv = yuv.as_ref();
        let size = (width, height);
        let row = |name: &str, view, format, peer: Option<Work<'_>>, tolerance| {
            compare(&format!("{name} {width}x{height}"), view, format, peer, tolerance, rounds);
        };
        let packed = &noise[..];
        let peer = yuv.map(|yuv| -> Work<'_> { Box::new(move |out| yuv.yuyv_to_rgba(packed, size, out)) });
        row("YUYV to RGBA", yuyv, PixelFormat::Rgba, peer, 3);
        let peer = yuv.map(|yuv| -> Work<'_> { Box::new(move |out| yuv.yuyv_to_bgra(packed, size, out)) });
        row("YUYV to BGRA", yuyv, PixelFormat::Bgra, peer, 3);
        let peer = yuv.map(|yuv| -> Work<'_> { Box::new(move |out| yuv.nv12_to_rgba(luma, chroma, size, out)) });
        row("NV12 to RGBA", nv12, PixelFormat::Rgba, peer, 3);
        let peer = yuv.map(|yuv| -> Work<'_> { Box::new(move |out| yuv.nv12_to_rgb(luma, chroma, size, out)) });
        row("NV12 to RGB", nv12, PixelFormat::Rgb, peer, 3);
        let peer = yuv.map(|yuv| -> Work<'_> { Box::new(move |out| yuv.yuyv_to_i420(packed, size, out)) });
        row("YUYV to I420", yuyv, PixelFormat::I420, peer, 0);
        let peer = yuv.map(|yuv| -> Work<'_> { Box::new(move |out| yuv.nv12_to_i420(luma, chroma, size, out)) });
        row("NV12 to I420", nv12, PixelFormat::I420, peer, 0);
        let file = &jpeg[..];
        let peer = turbo.as_ref().map(|turbo| -> Work<'_> { Box::new(move |out| turbo.to_rgb(file, size, out)) });
        row(&format!("MJPEG ({} KB) to RGB", jpeg.len() / 1000), mjpg, PixelFormat::Rgb, peer, 4);
    }
}

fn view<'a>(
    fourcc: Fourcc,
    width: usize,
    height: usize,
    planes: &[(&'a [u8], usize)],
    color_space: VideoColorSpace,
) -> VideoFrameView<'a> {
    VideoFrameView::new(fourcc, width as u32, height as u32, planes, color_space).expect("a picture")
}

fn compare(
    name: &str,
    view: VideoFrameView<'_>,
    format: PixelFormat,
    peer: Option<Work<'_>>,
    tolerance: u8,
    rounds: usize,
) {
    let size = format.buffer_size(view.width(), view.height(), 0).expect("a size");
    let (mut converter, mut out, mut theirs) = (Converter::new(), vec![0; size], vec![0; size]);
    let mut ours: Work<'_> =
        Box::new(move |out| converter.convert(black_box(&view), format, out, 0).expect("a picture"));
    ours(&mut out);
    let Some(mut peer) = peer else {
        let turn = turn(&mut ours, &mut out);
        let times = (0..rounds).map(|_| milliseconds(&mut ours, &mut out, turn)).collect();
        println!("{name:<26} {:>24}", Times::of(times).to_string());
        return;
    };
    peer(&mut theirs);
    let off = out.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(off <= Some(tolerance), "{name}: the results differ by {off:?}, so this compares nothing");
    // Both write to the same buffer: where memory lies is no advantage to either.
    let turns = (turn(&mut ours, &mut out), turn(&mut peer, &mut out));
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        our_times.push(milliseconds(&mut ours, &mut out, turns.0));
        their_times.push(milliseconds(&mut peer, &mut out, turns.1));
    }
    let (ours, theirs) = (Times::of(our_times), Times::of(their_times));
    println!("{name:<26} {:>24} {:>24} {:>6.2}", ours.to_string(), theirs.to_string(), theirs.median / ours.median);
}

/// How often a turn repeats its work.
fn turn(work: &mut Work<'_>, out: &mut [u8]) -> u32 {
    work(out);
    (TURN.as_secs_f64() * 1000.0 / milliseconds(work, out, 1).max(1e-3)).ceil() as u32
}

fn milliseconds(work: &mut Work<'_>, out: &mut [u8], repeats: u32) -> f64 {
    let start = processor_time();
    for _ in 0..repeats {
        work(black_box(out));
    }
    (processor_time() - start).as_secs_f64() * 1000.0 / f64::from(repeats)
}

/// What this thread has used so far.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("every Linux has this clock").into()
}

struct Times {
    median: f64,
    least: f64,
    most: f64,
}

impl Times {
    fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        Self { median: times[times.len() / 2], least: times[0], most: times[times.len() - 1] }
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3} ({:.3}-{:.3})", self.median, self.least, self.most)
    }
}

/// Bytes of every value. Converters take the same time for any picture.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    })
    .take(length)
    .collect()
}

/// A webcam's frame: 4:2:2 at quality 80, soft shapes and some grain.
fn jpeg(width: usize, height: usize) -> Vec<u8> {
    let grain = noise(width * height);
    let rgb: Vec<u8> = (0..width * height)
        .flat_map(|at| {
            let (x, y) = ((at % width) as f64 / width as f64, (at / width) as f64 / height as f64);
            let waves = [(7.0, 3.0), (4.0, 9.0), (11.0, 5.0)];
            waves.map(|(a, b)| {
                (128.0 + 90.0 * (a * x * 6.0).sin() * (b * y * 6.0).cos() + f64::from(grain[at] % 6)).clamp(0.0, 255.0)
                    as u8
            })
        })
        .collect();
    let mut out = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, 80);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::R_4_2_2);
    encoder.encode(&rgb, width as u16, height as u16, jpeg_encoder::ColorType::Rgb).expect("a picture");
    out
}
