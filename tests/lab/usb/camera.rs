//! A camera's side of USB Video: what is negotiated, and frames cut into packets at their times.

use super::faults::{Armed, Fault, Target, nanoseconds};
use super::isochronous::{Fate, SECOND, Source};
use super::picture::Picture;
use super::setup::{Recipient, SET_INTERFACE, Setup, read, write};
use super::specification::{CameraSpec, Coding, FLASH, FrameSize, Rate};
use super::video_descriptors::{PACKET_SIZES, PROCESSING_UNIT, frame_bytes, frame_bytes_field};
use super::wire::PROTOCOL_ERROR;
use super::{h264, jpeg};

/// The negotiated settings' bytes (UVC 1.1, table 4-75).
const PROBE_LENGTH: usize = 34;
/// Where among them the largest payload stands.
const PAYLOAD_SIZE: usize = 22;
/// A payload's header: its length, then flags.
const HEADER: usize = 2;
const END_OF_HEADER: u8 = 0x80;
const ERROR: u8 = 0x40;
const END_OF_FRAME: u8 = 0x02;
/// Which of a frame's packets a fault strikes: not the first, which says what the picture is.
const STRUCK_PACKET: u32 = 2;

/// Controls of the streaming interface and of the processing unit.
const PROBE: u16 = 1;
const COMMIT: u16 = 2;
const BRIGHTNESS: u16 = 2;

const SET_CUR: u8 = 0x01;
const GET_CUR: u8 = 0x81;
const GET_MIN: u8 = 0x82;
const GET_MAX: u8 = 0x83;
const GET_RES: u8 = 0x84;
const GET_LEN: u8 = 0x85;
const GET_INFO: u8 = 0x86;
const GET_DEF: u8 = 0x87;
/// A control that can be read and written.
const READ_WRITE: u8 = 3;

/// A mode by its numbers in the descriptors, both from 1 on, and the interval in 100 ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mode {
    format: u8,
    size: u8,
    interval: u32,
}

/// A frame on its way.
#[derive(Debug)]
struct Sending {
    /// Bytes to send.
    length: usize,
    /// Bytes sent so far.
    sent: usize,
    /// Packets sent so far.
    packets: u32,
    faults: Vec<Fault>,
}

impl Sending {
    /// Whether this goes wrong with the packet that is next.
    fn strikes(&self, fault: Fault) -> bool {
        self.packets == STRUCK_PACKET && self.faults.contains(&fault)
    }
}

/// The camera.
#[derive(Debug)]
pub struct Camera {
    spec: CameraSpec,
    probe: Mode,
    commit: Mode,
    brightness: i16,
    /// The number of the next frame.
    number: u32,
    /// Which frame since the beginning of CLOCK_MONOTONIC the next one is.
    next: u64,
    sending: Option<Sending>,
    /// Alternates from frame to frame, so that the host sees where one begins.
    frame_id: u8,
    bytes: Vec<u8>,
    h264: h264::Encoder,
    /// What `bytes` show, where they are YUYV.
    painted: Option<Picture>,
    pub faults: Armed,
    /// No frame begins before this time.
    stalled_until: u64,
    /// Of the transfer that is being made.
    fate: Fate,
}

impl Camera {
    /// One that has just been plugged in.
    pub fn new(spec: CameraSpec) -> Camera {
        let number = spec.first_number;
        let first = Mode { format: 1, size: 1, interval: spec.formats[0].sizes[0].rates.preferred().interval() };
        Camera {
            faults: Armed::new(&spec.faults),
            spec,
            probe: first,
            commit: first,
            brightness: 128,
            number,
            next: 0,
            sending: None,
            frame_id: 0,
            bytes: Vec::new(),
            h264: h264::Encoder::default(),
            painted: None,
            stalled_until: 0,
            fate: Fate::Answered,
        }
    }

    /// The number of the next frame that begins.
    pub fn next_number(&self) -> u32 {
        self.number.wrapping_add(u32::from(self.sending.is_some()))
    }

    /// What a fault may strike in this request to the streaming interface.
    pub fn target(setup: Setup) -> Option<Target> {
        match (setup.recipient(), setup.request, setup.value >> 8) {
            (Recipient::Interface, SET_CUR, PROBE) => Some(Target::SetProbe),
            (Recipient::Interface, SET_CUR, COMMIT) => Some(Target::Commit),
            (Recipient::Standard, SET_INTERFACE, _) if setup.value != 0 => Some(Target::StreamingSetting),
            _ => None,
        }
    }

    /// A request to the streaming interface.
    pub fn streaming_request(&mut self, setup: Setup, data: &[u8]) -> Option<Vec<u8>> {
        let control = setup.value >> 8;
        match (setup.request, control) {
            (SET_CUR, PROBE) => self.probe = self.nearest(data)?,
            (SET_CUR, COMMIT) => self.commit = self.nearest(data)?,
            (GET_LEN, PROBE | COMMIT) => return Some((PROBE_LENGTH as u16).to_le_bytes().to_vec()),
            (GET_INFO, PROBE | COMMIT) => return Some(vec![READ_WRITE]),
            (GET_CUR, PROBE) if self.faults.at(Target::GetProbe).is_some() => {
                let mut answer = self.negotiated(self.probe);
                write(&mut answer, PAYLOAD_SIZE, &(PACKET_SIZES[2] as u32 + 1).to_le_bytes());
                return Some(answer);
            }
            (GET_CUR | GET_MIN | GET_MAX | GET_DEF, PROBE) => return Some(self.negotiated(self.probe)),
            (GET_CUR, COMMIT) => return Some(self.negotiated(self.commit)),
            _ => return None,
        }
        Some(Vec::new())
    }

    /// A request to the control interface, of which the brightness is all there is.
    pub fn control_request(&mut self, setup: Setup, data: &[u8]) -> Option<Vec<u8>> {
        if (setup.value >> 8, setup.index >> 8) != (BRIGHTNESS, u16::from(PROCESSING_UNIT)) {
            return None;
        }
        let value = match setup.request {
            SET_CUR => {
                self.brightness = i16::from_le_bytes(read(data, 0)?);
                return Some(Vec::new());
            }
            GET_INFO => return Some(vec![READ_WRITE]),
            GET_LEN => 2,
            GET_CUR => self.brightness,
            GET_MIN => 0,
            GET_MAX => 255,
            GET_RES => 1,
            GET_DEF => 128,
            _ => return None,
        };
        Some(value.to_le_bytes().to_vec())
    }

    fn size(&self, mode: Mode) -> (Coding, &FrameSize) {
        let format = &self.spec.formats[usize::from(mode.format) - 1];
        (format.coding, &format.sizes[usize::from(mode.size) - 1])
    }

    /// The rate whose interval this is: exact, where the interval is rounded.
    fn rate(&self, mode: Mode) -> Rate {
        self.size(mode).1.rates.nearest(mode.interval)
    }

    /// The mode there is that comes nearest to the settings the host wants.
    fn nearest(&self, wanted: &[u8]) -> Option<Mode> {
        let [format, size] = read(wanted, 2)?;
        let format = format.clamp(1, self.spec.formats.len() as u8);
        let size = size.clamp(1, self.spec.formats[usize::from(format) - 1].sizes.len() as u8);
        let mode = Mode { format, size, interval: u32::from_le_bytes(read(wanted, 4)?) };
        Some(Mode { interval: self.rate(mode).interval(), ..mode })
    }

    /// The settings of a mode, as the host reads them.
    fn negotiated(&self, mode: Mode) -> Vec<u8> {
        let mut bytes = vec![0; PROBE_LENGTH];
        let (_, size) = self.size(mode);
        let largest = frame_bytes_field(size);
        let packet = u32::try_from(self.packet_size(mode)).expect("at most 3072");
        // The hint that the interval is fixed.
        write(&mut bytes, 0, &1u16.to_le_bytes());
        write(&mut bytes, 2, &[mode.format, mode.size]);
        write(&mut bytes, 4, &mode.interval.to_le_bytes());
        write(&mut bytes, 18, &largest.to_le_bytes());
        write(&mut bytes, PAYLOAD_SIZE, &packet.to_le_bytes());
        write(&mut bytes, 26, &6_000_000u32.to_le_bytes());
        // Frames are told apart by their identifier and their end.
        write(&mut bytes, 30, &[3, 1, 1, 1]);
        bytes
    }

    /// The smallest packets that carry the mode, or the largest there are.
    fn packet_size(&self, mode: Mode) -> usize {
        let (coding, size) = self.size(mode);
        let frame = match coding {
            // The first picture of each second is as large as YUYV, or nearly.
            Coding::Yuyv | Coding::H264 | Coding::Unknown => frame_bytes(size),
            Coding::Mjpg => jpeg_bytes(size) * 2,
        };
        let rate = self.rate(mode);
        let needed = frame * rate.numerator as usize / rate.denominator as usize / 8000;
        *PACKET_SIZES.iter().find(|&&packet| packet - HEADER > needed).unwrap_or(&PACKET_SIZES[2])
    }

    /// When a frame begins. Frames of a whole rate fall on whole seconds, without error that adds up.
    fn time_of(&self, index: u64) -> u64 {
        let rate = self.rate(self.commit);
        let time = u128::from(index) * u128::from(SECOND) * u128::from(rate.denominator) / u128::from(rate.numerator);
        u64::try_from(time).expect("not in this millennium")
    }

    /// The first frame from this time on.
    fn index_at(&self, time: u64) -> u64 {
        let rate = self.rate(self.commit);
        let index = u128::from(time) * u128::from(rate.numerator) / (u128::from(SECOND) * u128::from(rate.denominator));
        let index = u64::try_from(index).expect("not in this millennium");
        if self.time_of(index) < time { index + 1 } else { index }
    }

    /// Decides the fate of the next frame, and makes it unless it is not to be sent.
    fn begin(&mut self, time: u64) {
        let faults = self.faults.at_frame(self.number);
        for &fault in &faults {
            match fault {
                Fault::FailedTransfer => self.fate = Fate::Failed(PROTOCOL_ERROR),
                Fault::Silence(length) => self.fate = Fate::Held(length),
                Fault::Stall(length) => self.stalled_until = time.saturating_add(nanoseconds(length)),
                _ => {}
            }
        }
        if faults.contains(&Fault::SkippedFrame) || time < self.stalled_until {
            self.finish(time);
        } else {
            self.make(faults);
        }
    }

    /// Goes on to the next frame.
    fn finish(&mut self, time: u64) {
        self.sending = None;
        self.number = self.number.wrapping_add(1);
        // A mode beyond what the bus carries comes at a part of its rate.
        self.next = self.index_at(time).max(self.next + 1);
    }

    fn make(&mut self, faults: Vec<Fault>) {
        let (coding, size) = self.size(self.commit);
        let flash = self.spec.flash && u128::from(self.time_of(self.next) % SECOND) < FLASH.as_nanos();
        let (width, height) = (usize::from(size.width), usize::from(size.height));
        let picture = Picture { width, height, number: self.number, flash };
        match coding {
            Coding::Yuyv | Coding::Unknown => {
                picture.paint_yuyv(&mut self.bytes, self.painted);
                self.painted = Some(picture);
            }
            Coding::Mjpg => {
                self.bytes = jpeg::encode(&picture, jpeg_bytes(size));
                self.painted = None;
            }
            Coding::H264 => {
                self.bytes = self.h264.encode(&picture);
                self.painted = None;
            }
        }
        if !faults.contains(&Fault::StuckFrameId) {
            self.frame_id ^= 1;
        }
        let cut =
            faults.iter().find_map(|fault| if let Fault::ShortFrame(bytes) = fault { Some(*bytes) } else { None });
        let length =
            cut.and_then(|cut| usize::try_from(cut).ok()).map_or(self.bytes.len(), |cut| cut.min(self.bytes.len()));
        self.sending = Some(Sending { length, sent: 0, packets: 0, faults });
    }
}

/// What a webcam makes of a size in JPEG.
fn jpeg_bytes(size: &FrameSize) -> usize {
    frame_bytes(size) / 20
}

impl Source for Camera {
    /// A microframe.
    const PACKET_TIME: u64 = 125_000;
    /// Three frames: rather one less than one with a stamp that is far from the truth.
    const FORGIVEN: u64 = SECOND / 10;

    fn start(&mut self, time: u64) {
        self.next = self.index_at(time);
        self.sending = None;
        self.fate = Fate::Answered;
        // A stream begins with a picture that stands alone.
        self.h264 = h264::Encoder::default();
    }

    fn packet(&mut self, time: u64, room: usize, out: &mut Vec<u8>) -> i32 {
        // Several frames in a row may not be sent.
        while self.sending.is_none() && self.time_of(self.next) <= time {
            self.begin(time);
        }
        let Some(sending) = &mut self.sending else {
            out.extend([HEADER as u8, END_OF_HEADER | self.frame_id]);
            return 0;
        };
        let begin = sending.sent;
        let chunk = (sending.length - begin).min(room - HEADER);
        sending.sent += chunk;
        let mut flags = END_OF_HEADER | self.frame_id;
        let ends = sending.sent == sending.length;
        if ends && !sending.faults.contains(&Fault::NoEndOfFrame) {
            flags |= END_OF_FRAME;
        }
        if sending.strikes(Fault::ErrorBit) {
            flags |= ERROR;
        }
        let header = if sending.strikes(Fault::EmptyHeader) { 0 } else { HEADER as u8 };
        let failed = sending.strikes(Fault::FailedPacket);
        if !failed && !sending.strikes(Fault::LostPacket) {
            out.extend([header, flags]);
            out.extend_from_slice(&self.bytes[begin..begin + chunk]);
        }
        sending.packets += 1;
        if ends {
            self.finish(time);
        }
        if failed { PROTOCOL_ERROR } else { 0 }
    }

    fn fate(&mut self) -> Fate {
        std::mem::replace(&mut self.fate, Fate::Answered)
    }
}
