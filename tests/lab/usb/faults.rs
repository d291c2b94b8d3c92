//! What a camera does wrong, and when.
//!
//!     webcam_camera().with_fault(Fault::ErrorBit.at(10))       // from the start: the tenth frame
//!     plugged.inject(Fault::FailedTransfer.times(5))           // while it runs: the next five frames
//!     plugged.inject(Fault::ShortFrame(100).one_in(4, 7).times(20))
//!
//! A fault strikes frames by the number they carry in the picture, or requests of the driver in the order they come.
//! Chance is a pure function of seed and number, so that a test knows which frames were struck.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The error bit is set in a payload's header.
    ErrorBit,
    /// The frame ends after so many bytes.
    ShortFrame(u64),
    /// A packet of the frame stays empty, and nothing says so.
    LostPacket,
    /// A packet of the frame fails on the wire (-EPROTO).
    FailedPacket,
    /// A payload's header says that it is 0 bytes long.
    EmptyHeader,
    /// The frame's last payload does not say that it is the last.
    NoEndOfFrame,
    /// The frame's identifier is that of the frame before.
    StuckFrameId,
    /// The frame is not sent.
    SkippedFrame,
    /// No frame is sent for so long; transfers are answered, and empty.
    Stall(Duration),
    /// No transfer is answered for so long.
    Silence(Duration),
    /// The transfer in which the frame begins fails as a whole (-EPROTO).
    FailedTransfer,
    /// SET_CUR PROBE is answered so much later.
    ProbeDelayed(Duration),
    /// GET_CUR PROBE asks for larger packets than the bus carries.
    PayloadTooLarge,
    /// SET_CUR COMMIT is answered with a stall.
    CommitStalled,
    /// SET_CUR COMMIT is answered so much later.
    CommitDelayed(Duration),
    /// SET_CUR COMMIT is never answered.
    CommitUnanswered,
    /// SET_INTERFACE to a setting with an endpoint fails with -ENOSPC: what a host controller says whose bus is full.
    BusFull,
}

/// What a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Frame,
    SetProbe,
    GetProbe,
    Commit,
    StreamingSetting,
}

/// A fault of some kind, from its argument.
type Make = fn(u64) -> Fault;

/// The word of each fault, and the fault with its argument; zero where it has none.
const WORDS: [(&str, Make); 17] = [
    ("error-bit", |_| Fault::ErrorBit),
    ("short-frame", Fault::ShortFrame),
    ("lost-packet", |_| Fault::LostPacket),
    ("failed-packet", |_| Fault::FailedPacket),
    ("empty-header", |_| Fault::EmptyHeader),
    ("no-end-of-frame", |_| Fault::NoEndOfFrame),
    ("stuck-frame-id", |_| Fault::StuckFrameId),
    ("skipped-frame", |_| Fault::SkippedFrame),
    ("stall", |nanoseconds| Fault::Stall(Duration::from_nanos(nanoseconds))),
    ("silence", |nanoseconds| Fault::Silence(Duration::from_nanos(nanoseconds))),
    ("failed-transfer", |_| Fault::FailedTransfer),
    ("probe-delayed", |nanoseconds| Fault::ProbeDelayed(Duration::from_nanos(nanoseconds))),
    ("payload-too-large", |_| Fault::PayloadTooLarge),
    ("commit-stalled", |_| Fault::CommitStalled),
    ("commit-delayed", |nanoseconds| Fault::CommitDelayed(Duration::from_nanos(nanoseconds))),
    ("commit-unanswered", |_| Fault::CommitUnanswered),
    ("bus-full", |_| Fault::BusFull),
];

impl Fault {
    /// At so many occasions, from the next one on.
    pub fn times(self, times: u32) -> Injection {
        Injection::from(self).times(times)
    }

    /// At the frame with this number.
    pub fn at(self, number: u32) -> Injection {
        Injection { when: When::From(number), ..self.into() }
    }

    /// At one in so many frames, by chance, until told otherwise.
    pub fn one_in(self, frames: u32, seed: u32) -> Injection {
        Injection { when: When::ByChance { frames, seed }, ..self.times(u32::MAX) }
    }

    /// What it strikes.
    fn target(self) -> Target {
        match self {
            Fault::ProbeDelayed(_) => Target::SetProbe,
            Fault::PayloadTooLarge => Target::GetProbe,
            Fault::CommitStalled | Fault::CommitDelayed(_) | Fault::CommitUnanswered => Target::Commit,
            Fault::BusFull => Target::StreamingSetting,
            _ => Target::Frame,
        }
    }

    fn argument(self) -> u64 {
        match self {
            Fault::ShortFrame(bytes) => bytes,
            Fault::Stall(time) | Fault::Silence(time) | Fault::ProbeDelayed(time) | Fault::CommitDelayed(time) => {
                nanoseconds(time)
            }
            _ => 0,
        }
    }
}

/// As many as 64 bits hold: centuries.
pub fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// At which frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// From this number on.
    From(u32),
    /// At one in `frames`.
    ByChance { frames: u32, seed: u32 },
}

/// A fault with its occasions: at the next one, unless told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Injection {
    fault: Fault,
    when: When,
    times: u32,
}

impl From<Fault> for Injection {
    fn from(fault: Fault) -> Injection {
        Injection { fault, when: When::From(0), times: 1 }
    }
}

impl Injection {
    /// So many times at most.
    pub fn times(self, times: u32) -> Injection {
        Injection { times, ..self }
    }

    /// Whether the frame with this number is one it strikes, if it has not struck often enough.
    pub fn strikes(&self, number: u32) -> bool {
        match self.when {
            When::From(first) => number >= first,
            When::ByChance { frames, seed } => scatter(seed, number).is_multiple_of(u64::from(frames.max(1))),
        }
    }
}

/// A number by chance: the same for the same seed and index (SplitMix64).
pub fn scatter(seed: u32, index: u32) -> u64 {
    let mut value = (u64::from(seed) << 32 | u64::from(index)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (fault, argument) = (self.fault, self.fault.argument());
        let (word, _) = WORDS.iter().find(|(_, make)| make(argument) == fault).ok_or(fmt::Error)?;
        let (chance, first, seed) = match self.when {
            When::From(first) => (0, first, 0),
            When::ByChance { frames, seed } => (frames.max(1), 0, seed),
        };
        write!(f, "{word} {argument} {first} {chance} {seed} {}", self.times)
    }
}

impl FromStr for Injection {
    type Err = ();

    fn from_str(text: &str) -> Result<Injection, ()> {
        let mut words = text.split(' ');
        let word = words.next().ok_or(())?;
        let (_, make) = WORDS.iter().find(|(other, _)| *other == word).ok_or(())?;
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).ok_or(());
        let fault = make(number()?);
        let mut small = || number().and_then(|number| u32::try_from(number).map_err(drop));
        let (first, frames, seed, times) = (small()?, small()?, small()?, small()?);
        let when = if frames == 0 { When::From(first) } else { When::ByChance { frames, seed } };
        Ok(Injection { fault, when, times })
    }
}

/// The faults a camera has still before it.
#[derive(Debug, Default)]
pub struct Armed(Vec<Injection>);

impl Armed {
    /// With these.
    pub fn new(injections: &[Injection]) -> Armed {
        Armed(injections.to_vec())
    }

    /// One more.
    pub fn add(&mut self, injection: Injection) {
        self.0.push(injection);
    }

    /// The faults of the frame with this number.
    pub fn at_frame(&mut self, number: u32) -> Vec<Fault> {
        let due = |injection: &Injection| injection.fault.target() == Target::Frame && injection.strikes(number);
        self.strike(due, usize::MAX)
    }

    /// The fault of a request.
    pub fn at(&mut self, target: Target) -> Option<Fault> {
        self.strike(|injection| injection.fault.target() == target, 1).pop()
    }

    fn strike(&mut self, due: impl Fn(&Injection) -> bool, most: usize) -> Vec<Fault> {
        let struck = self.0.iter_mut().filter(|injection| due(injection)).take(most);
        let faults = struck.map(|injection| {
            injection.times = injection.times.saturating_sub(1);
            injection.fault
        });
        let faults = faults.collect();
        self.0.retain(|injection| injection.times > 0);
        faults
    }
}

/// Tests that need no kernel.
pub const TESTS: &[(&str, fn())] = &[
    ("usb_faults::every_fault_has_a_word_of_its_own", every_fault_has_a_word_of_its_own),
    ("usb_faults::a_fault_strikes_when_and_as_often_as_it_was_told", a_fault_strikes_when_and_as_often_as_it_was_told),
    ("usb_faults::chance_strikes_one_in_so_many", chance_strikes_one_in_so_many),
];

fn every_fault_has_a_word_of_its_own() {
    for (word, make) in WORDS {
        for injection in [make(12).at(7), make(0).one_in(9, 8).times(3)] {
            let text = injection.to_string();
            assert!(text.starts_with(word), "{text}");
            assert_eq!(text.parse(), Ok(injection), "{text}");
        }
    }
    assert_eq!("sunshine 0 0 0 0 1".parse::<Injection>(), Err(()));
    assert_eq!("stall 5 0 0 0".parse::<Injection>(), Err(()));
}

fn a_fault_strikes_when_and_as_often_as_it_was_told() {
    let mut armed = Armed::new(&[Fault::ErrorBit.at(2).times(2), Fault::CommitStalled.into()]);
    armed.add(Fault::SkippedFrame.at(3));
    let struck: Vec<_> = (0..6).map(|number| armed.at_frame(number)).collect();
    let both = vec![Fault::ErrorBit, Fault::SkippedFrame];
    assert_eq!(struck, [vec![], vec![], vec![Fault::ErrorBit], both, vec![], vec![]]);
    assert_eq!(armed.at(Target::SetProbe), None);
    assert_eq!(armed.at(Target::Commit), Some(Fault::CommitStalled));
    assert_eq!(armed.at(Target::Commit), None);
}

fn chance_strikes_one_in_so_many() {
    let injection = Fault::ErrorBit.one_in(5, 11).times(u32::MAX);
    let struck: Vec<_> = (0..1_000).filter(|&number| injection.strikes(number)).collect();
    assert!((150..250).contains(&struck.len()), "{} in a thousand", struck.len());
    let other = Fault::ErrorBit.one_in(5, 12);
    assert!((0..1_000).any(|number| other.strikes(number) != injection.strikes(number)), "seeds differ");
}
