//! What each processor on a camera costs the capture thread, for every frame.
//!
//!     cargo bench --bench fan-out             # 300 frames for each line
//!     cargo bench --bench fan-out -- 3000
//!
//! The built-in camera at 60 fps, on this machine's own processor. A callback on the capture thread before all processors and
//! one after them look at the clock: what lies between, less the same without processors, is their cost. Medians are what
//! to compare; the worst says what else the machine was doing. Nothing is asserted: time is reported, counts are tested
//! (src/stream/tests/fan_out.rs, tests/lab/cases/fan_out.rs).

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use usermedia::constraints::{ConstrainULong, MediaTrackConstraints};
use usermedia::{Error, MediaDevices, MediaStreamConstraints};

/// What the processors' owners do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owners {
    /// Nothing: every queue is full, and drops its oldest for each frame.
    Away,
    /// The same, and one of them has taken frames and let go of none.
    AwayOneStuck,
    /// They wait for each frame, on threads of their own: the capture thread wakes each of them.
    Waiting,
}

impl Owners {
    fn in_words(self) -> &'static str {
        match self {
            Self::Away => "none waiting",
            Self::AwayOneStuck => "none waiting, one stuck",
            Self::Waiting => "all waiting",
        }
    }
}

/// What a frame cost all of them together, in nanoseconds: the median and the worst.
struct Cost {
    median: u64,
    worst: u64,
    /// What the stuck one was given, and what it was not.
    stuck: Option<(u64, u64)>,
}

fn measure(processors: usize, owners: Owners, frames: usize) -> Result<Cost, Error> {
    let video = MediaTrackConstraints::new()
        .width(ConstrainULong::new().exact(640))
        .height(ConstrainULong::new().exact(480))
        .frame_rate(60.0);
    let stream = MediaDevices::synthetic().get_user_media(&MediaStreamConstraints::new().video(video))?;
    let track = stream.video_tracks().remove(0);
    let begun = Arc::new(Mutex::new(Instant::now()));
    let (taken, costs) = mpsc::sync_channel(frames + 100);
    let start = begun.clone();
    // Consumers are given each frame in the order in which they came.
    let _first = track.on_frame(move |_| *start.lock().unwrap() = Instant::now());
    let mut queues: Vec<_> = (0..processors).map(|_| track.processor(2)).collect();
    let mut held = Vec::new();
    let _last = track.on_frame(move |_| {
        let cost = begun.lock().unwrap().elapsed();
        let _ = taken.try_send(u64::try_from(cost.as_nanos()).unwrap_or(u64::MAX));
    });
    if owners == Owners::AwayOneStuck {
        // It takes until it is given no more.
        for frame in queues[0].by_ref() {
            held.push(frame?);
            if held.len() == 6 {
                break;
            }
        }
    }
    let threads: Vec<_> = match owners {
        Owners::Waiting => queues.drain(..).map(|queue| thread::spawn(move || queue.count())).collect(),
        Owners::Away | Owners::AwayOneStuck => Vec::new(),
    };
    // The queues fill, caches warm.
    thread::sleep(Duration::from_millis(500));
    costs.try_iter().for_each(drop);
    let mut costs: Vec<u64> = costs.iter().take(frames).collect();
    let stuck = (owners == Owners::AwayOneStuck)
        .then(|| queues[0].statistics())
        .map(|statistics| (statistics.delivered, statistics.holding));
    assert_eq!(track.statistics().starved, 0, "every frame found memory");
    stream.stop();
    for thread in threads {
        let _ = thread.join();
    }
    costs.sort_unstable();
    Ok(Cost { median: costs[costs.len() / 2], worst: costs.last().copied().unwrap_or(0), stuck })
}

fn main() -> Result<(), Error> {
    // Cargo adds `--bench`.
    let frames = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(300).max(1);
    let nobody = measure(0, Owners::Away, frames)?.median;
    println!("{frames} frames a line; the clock and the callbacks themselves take {nobody} ns, which is left out");
    println!("{:>10}  {:<24} {:>16} {:>16}", "processors", "", "ns each, median", "ns all, worst");
    for owners in [Owners::Away, Owners::AwayOneStuck, Owners::Waiting] {
        for processors in [1, 4, 16] {
            let cost = measure(processors, owners, frames)?;
            let each = cost.median.saturating_sub(nobody) / processors as u64;
            print!("{processors:>10}  {:<24} {each:>16} {:>16}", owners.in_words(), cost.worst);
            match cost.stuck {
                Some((given, refused)) => println!("   the stuck one was given {given} frames, and {refused} were not"),
                None => println!(),
            }
        }
    }
    Ok(())
}
