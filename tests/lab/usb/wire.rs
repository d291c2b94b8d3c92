//! USB/IP as the kernel's vhci_hcd speaks it: requests come in, answers go out (Documentation/usb/usbip_protocol.rst).
//!
//! Everything is big-endian but the eight bytes of a control request, which are USB's own and little-endian.

use std::io;

const HEADER: usize = 48;
const PACKET: usize = 16;
/// More than any driver asks for at once; a length beyond it means the stream is out of step.
const LARGEST: usize = 1 << 20;

const CMD_SUBMIT: u32 = 1;
const CMD_UNLINK: u32 = 2;
const RET_SUBMIT: u32 = 3;
const RET_UNLINK: u32 = 4;

/// The answer to a request the device does not know: a stall.
pub const STALL: i32 = -32;
/// What a host controller says whose bus has no time left for an endpoint.
pub const NO_BANDWIDTH: i32 = -28;
/// A transfer that failed on the wire, as every transfer of a device that is being pulled out.
pub const PROTOCOL_ERROR: i32 = -71;
/// An answer to UNLINK: the request was still queued, and will get no other answer.
pub const UNLINKED: i32 = -104;

/// What the kernel sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A transfer to carry out.
    Submit(Submit),
    /// The transfer with the sequence number `victim` is not wanted any more.
    Unlink { sequence: u32, victim: u32 },
}

/// A transfer: an URB.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Submit {
    pub sequence: u32,
    /// Without the direction bit.
    pub endpoint: u32,
    /// Towards the host.
    pub input: bool,
    /// How many bytes the host has room for, or sends.
    pub length: usize,
    /// The control request, on endpoint 0.
    pub setup: [u8; 8],
    /// What the host sends.
    pub data: Vec<u8>,
    /// The packets of an isochronous transfer: where each may lie in the host's buffer, and how long it may be.
    pub packets: Vec<Packet>,
}

/// A place in the host's buffer for one isochronous packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Packet {
    pub offset: u32,
    pub length: u32,
}

/// What was sent in the place of an isochronous packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    pub length: usize,
    /// 0, or a negative error number.
    pub status: i32,
}

/// Takes whole commands out of a stream of bytes.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
}

impl Decoder {
    /// Adds what was read.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next command, once all of it is there.
    pub fn next(&mut self) -> io::Result<Option<Command>> {
        if self.bytes.len() < HEADER {
            return Ok(None);
        }
        let word = |index: usize| {
            let bytes = &self.bytes[index * 4..][..4];
            u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
        };
        let (command, sequence, input, endpoint) = (word(0), word(1), word(3) == 1, word(4));
        if command == CMD_UNLINK {
            let victim = word(5);
            self.bytes.drain(..HEADER);
            return Ok(Some(Command::Unlink { sequence, victim }));
        }
        let out_of_step = || io::Error::new(io::ErrorKind::InvalidData, format!("USB/IP command {command}"));
        if command != CMD_SUBMIT {
            return Err(out_of_step());
        }
        let length = word(6) as usize;
        // -1, in some kernels 0, says that the transfer is not isochronous.
        let packet_count = if word(8) == u32::MAX { 0 } else { word(8) as usize };
        let data_length = if input { 0 } else { length };
        if length > LARGEST || packet_count * PACKET > LARGEST {
            return Err(out_of_step());
        }
        let data_end = HEADER + data_length;
        let end = data_end + packet_count * PACKET;
        if self.bytes.len() < end {
            return Ok(None);
        }
        let mut setup = [0; 8];
        setup.copy_from_slice(&self.bytes[HEADER - 8..HEADER]);
        let data = self.bytes[HEADER..data_end].to_vec();
        let packet = |bytes: &[u8]| Packet {
            offset: u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
            length: u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        };
        let packets = self.bytes[data_end..end].chunks_exact(PACKET).map(packet).collect();
        self.bytes.drain(..end);
        Ok(Some(Command::Submit(Submit { sequence, endpoint, input, length, setup, data, packets })))
    }
}

/// What the device sends: answers, collected until they are written.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// The answer to a control transfer: what there is to read, or how it went wrong. Never more than was asked for.
    pub fn control(&mut self, submit: &Submit, answer: Result<&[u8], i32>) {
        let (status, data) = match answer {
            Ok(data) => (0, data),
            Err(status) => (status, &[][..]),
        };
        let data = &data[..data.len().min(submit.length)];
        let length = match (status, submit.input) {
            (0, true) => data.len(),
            (0, false) => submit.length,
            _ => 0,
        };
        self.header(RET_SUBMIT, submit.sequence, status, length, 0, 0);
        if submit.input {
            self.bytes.extend_from_slice(data);
        }
    }

    /// The answer to an isochronous transfer: what was `sent` of `data` in its packets, in order and without padding.
    pub fn isochronous(&mut self, submit: &Submit, sent: &[Sent], data: &[u8]) {
        let errors = sent.iter().filter(|sent| sent.status != 0).count();
        self.header(RET_SUBMIT, submit.sequence, 0, data.len(), submit.packets.len(), errors);
        self.bytes.extend_from_slice(data);
        for (packet, &sent) in submit.packets.iter().zip(sent) {
            self.packet(*packet, sent);
        }
    }

    /// The answer to a transfer that failed as a whole.
    pub fn failure(&mut self, submit: &Submit, status: i32) {
        let count = submit.packets.len();
        self.header(RET_SUBMIT, submit.sequence, status, 0, count, count);
        for packet in &submit.packets {
            self.packet(*packet, Sent { length: 0, status });
        }
    }

    /// The answer to an UNLINK: [`UNLINKED`], or 0 when the victim had its answer already.
    pub fn unlinked(&mut self, sequence: u32, status: i32) {
        self.header(RET_UNLINK, sequence, status, 0, 0, 0);
    }

    /// What was collected.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets what was collected.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    fn header(&mut self, command: u32, sequence: u32, status: i32, length: usize, packets: usize, errors: usize) {
        self.word(command);
        self.word(sequence);
        // Device, direction and endpoint are zero in answers.
        self.bytes.extend_from_slice(&[0; 12]);
        self.bytes.extend_from_slice(&status.to_be_bytes());
        self.count(length);
        // The frame the transfer began in, which vhci has no counter for.
        self.word(0);
        self.count(packets);
        self.count(errors);
        self.bytes.extend_from_slice(&[0; 8]);
    }

    fn packet(&mut self, place: Packet, sent: Sent) {
        self.word(place.offset);
        self.word(place.length);
        self.count(sent.length);
        self.bytes.extend_from_slice(&sent.status.to_be_bytes());
    }

    fn word(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    fn count(&mut self, value: usize) {
        self.word(u32::try_from(value).expect("no transfer is this long"));
    }
}

/// Tests that need no kernel.
pub const TESTS: &[(&str, fn())] = &[
    ("usb_wire::a_control_request_arrives_in_pieces", a_control_request_arrives_in_pieces),
    ("usb_wire::packets_and_unlinks_are_told_apart", packets_and_unlinks_are_told_apart),
    ("usb_wire::answers_have_the_kernels_layout", answers_have_the_kernels_layout),
    ("usb_wire::a_stream_out_of_step_is_an_error", a_stream_out_of_step_is_an_error),
];

/// A command as the kernel packs it: the header's words, the setup bytes, what follows.
fn packed(words: [u32; 10], setup: [u8; 8], rest: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    bytes.extend_from_slice(&setup);
    bytes.extend_from_slice(rest);
    bytes
}

fn a_control_request_arrives_in_pieces() {
    let setup = [0x21, 1, 0, 2, 1, 0, 3, 0];
    let bytes = packed([CMD_SUBMIT, 7, 0x10002, 0, 0, 0, 3, 0, u32::MAX, 0], setup, &[9, 8, 7]);
    let mut decoder = Decoder::default();
    for byte in &bytes[..bytes.len() - 1] {
        decoder.feed(&[*byte]);
        assert_eq!(decoder.next().unwrap(), None);
    }
    decoder.feed(&bytes[bytes.len() - 1..]);
    let wanted = Submit { sequence: 7, length: 3, setup, data: vec![9, 8, 7], ..Submit::default() };
    assert_eq!(decoder.next().unwrap(), Some(Command::Submit(wanted)));
    assert_eq!(decoder.next().unwrap(), None);
}

fn packets_and_unlinks_are_told_apart() {
    let places: Vec<u8> = [0u32, 1024, 0, 0, 1024, 1024, 0, 0].iter().flat_map(|word| word.to_be_bytes()).collect();
    let mut bytes = packed([CMD_SUBMIT, 8, 1, 1, 1, 2, 2048, 0, 2, 1], [0; 8], &places);
    bytes.extend(packed([CMD_UNLINK, 9, 1, 0, 0, 8, 0, 0, 0, 0], [0; 8], &[]));
    let mut decoder = Decoder::default();
    decoder.feed(&bytes);
    let Some(Command::Submit(submit)) = decoder.next().unwrap() else { panic!("not a transfer") };
    let packets = vec![Packet { offset: 0, length: 1024 }, Packet { offset: 1024, length: 1024 }];
    assert_eq!((submit.endpoint, submit.input, &submit.packets), (1, true, &packets));
    assert_eq!(decoder.next().unwrap(), Some(Command::Unlink { sequence: 9, victim: 8 }));
}

fn answers_have_the_kernels_layout() {
    let mut encoder = Encoder::default();
    let packets = vec![Packet { offset: 0, length: 8 }, Packet { offset: 8, length: 8 }];
    let submit = Submit { sequence: 5, endpoint: 1, input: true, length: 16, packets, ..Submit::default() };
    let sent = [Sent { length: 3, status: 0 }, Sent { length: 0, status: PROTOCOL_ERROR }];
    encoder.isochronous(&submit, &sent, &[1, 2, 3]);
    let words = |range: std::ops::Range<usize>| -> Vec<u32> {
        let words = encoder.bytes[range].chunks_exact(4);
        words.map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]])).collect()
    };
    assert_eq!(words(0..48), [RET_SUBMIT, 5, 0, 0, 0, 0, 3, 0, 2, 1, 0, 0]);
    assert_eq!(encoder.bytes[48..51], [1, 2, 3], "packed, whatever the offsets");
    assert_eq!(words(51..83), [0, 8, 3, 0, 8, 8, 0, PROTOCOL_ERROR.cast_unsigned()]);
    assert_eq!(encoder.bytes.len(), 83);

    let read = Submit { sequence: 6, input: true, length: 2, ..Submit::default() };
    encoder.clear();
    encoder.control(&read, Ok(&[1, 2, 3]));
    assert_eq!((encoder.bytes.len(), &encoder.bytes[24..28]), (50, &2u32.to_be_bytes()[..]), "as much as was asked");
    let write = Submit { sequence: 6, length: 34, ..Submit::default() };
    encoder.clear();
    encoder.control(&write, Ok(&[]));
    assert_eq!((encoder.bytes.len(), &encoder.bytes[24..28]), (48, &34u32.to_be_bytes()[..]), "all was taken");
    encoder.clear();
    encoder.control(&read, Err(STALL));
    assert_eq!((encoder.bytes.len(), &encoder.bytes[20..24]), (48, &STALL.to_be_bytes()[..]));
}

fn a_stream_out_of_step_is_an_error() {
    let mut decoder = Decoder::default();
    decoder.feed(&[0xff; 48]);
    assert!(decoder.next().is_err());
    let mut decoder = Decoder::default();
    decoder.feed(&packed([CMD_SUBMIT, 1, 1, 1, 1, 0, 0x7fff_ffff, 0, 0, 0], [0; 8], &[]));
    assert!(decoder.next().is_err());
}
