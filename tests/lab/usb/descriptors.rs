//! What a device says about itself when it is plugged in: USB 2.0 chapter 9, with a part for each function.

use super::specification::Identity;
use super::{UsbDevice, audio_descriptors, video_descriptors};

const DEVICE: u8 = 1;
const CONFIGURATION: u8 = 2;
const STRING: u8 = 3;
const INTERFACE: u8 = 4;
const ENDPOINT: u8 = 5;
const INTERFACE_ASSOCIATION: u8 = 11;

const SERIAL_STRING: u8 = 1;
const NAME_STRING: u8 = 2;

/// Isochronous, asynchronous: the device's clock decides.
const ISOCHRONOUS: u8 = 0x05;

/// The interfaces of a function: its control interface, and the streaming interface after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interfaces {
    pub control: u8,
    pub streaming: u8,
}

/// A device's descriptors, made once.
#[derive(Debug)]
pub struct Descriptors {
    device: Vec<u8>,
    configuration: Vec<u8>,
    serial: Option<String>,
    name: String,
    pub video: Option<Interfaces>,
    pub audio: Option<Interfaces>,
}

impl Descriptors {
    /// Those of this device.
    pub fn new(device: &UsbDevice) -> Descriptors {
        let mut next = 0;
        let mut interfaces = || {
            let pair = Interfaces { control: next, streaming: next + 1 };
            next += 2;
            pair
        };
        let mut functions = Vec::new();
        let video = device.camera.as_ref().map(|camera| {
            let interfaces = interfaces();
            video_descriptors::append(&mut functions, interfaces, camera);
            interfaces
        });
        let audio = device.microphone.as_ref().map(|microphone| {
            let interfaces = interfaces();
            audio_descriptors::append(&mut functions, interfaces, microphone);
            interfaces
        });
        let total = u16::try_from(9 + functions.len()).expect("a configuration has 16 bits of length");
        let [low, high] = total.to_le_bytes();
        // One configuration, powered by the bus, half an ampere.
        let mut configuration = vec![9, CONFIGURATION, low, high, next, 1, 0, 0x80, 250];
        configuration.extend(functions);
        Descriptors {
            device: device_descriptor(&device.identity),
            configuration,
            serial: device.identity.serial.clone(),
            name: device.identity.name.clone(),
            video,
            audio,
        }
    }

    /// The answer to GET_DESCRIPTOR; `None` for those there are not.
    pub fn get(&self, kind: u8, index: u8) -> Option<Vec<u8>> {
        match (kind, index) {
            (DEVICE, 0) => Some(self.device.clone()),
            (CONFIGURATION, 0) => Some(self.configuration.clone()),
            // The languages there are: English.
            (STRING, 0) => Some(vec![4, STRING, 0x09, 0x04]),
            (STRING, SERIAL_STRING) => self.serial.as_deref().map(string),
            (STRING, NAME_STRING) => Some(string(&self.name)),
            _ => None,
        }
    }
}

fn device_descriptor(identity: &Identity) -> Vec<u8> {
    let [vendor_low, vendor_high] = identity.vendor.to_le_bytes();
    let [product_low, product_high] = identity.product.to_le_bytes();
    let serial = if identity.serial.is_some() { SERIAL_STRING } else { 0 };
    // USB 2.0; the functions are told apart by interface associations.
    let mut descriptor = vec![18, DEVICE, 0x00, 0x02, 0xef, 2, 1, 64];
    descriptor.extend([vendor_low, vendor_high, product_low, product_high, 0x11, 0x00, 0, NAME_STRING, serial, 1]);
    descriptor
}

fn string(text: &str) -> Vec<u8> {
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let length = u8::try_from(units.len() + 2).expect("a string has 126 characters at most");
    [&[length, STRING][..], &units].concat()
}

/// Appends an interface association: these two interfaces are one function.
pub fn association(out: &mut Vec<u8>, interfaces: Interfaces, class: u8, subclass: u8) {
    out.extend([8, INTERFACE_ASSOCIATION, interfaces.control, 2, class, subclass, 0, 0]);
}

/// Appends an interface in one of its settings.
pub fn interface(out: &mut Vec<u8>, number: u8, setting: u8, endpoints: u8, class: u8, subclass: u8) {
    out.extend([9, INTERFACE, number, setting, endpoints, class, subclass, 0, 0]);
}

/// Appends an isochronous endpoint, with the bytes that a class adds to its descriptor. `packet_size` counts the one to
/// three transactions in a microframe together; `interval` is an exponent: 2^(interval - 1) microframes of 125 µs.
pub fn isochronous_endpoint(out: &mut Vec<u8>, address: u8, packet_size: usize, interval: u8, more: &[u8]) {
    let transactions = packet_size.div_ceil(1024);
    let coded = u16::try_from((packet_size / transactions) | ((transactions - 1) << 11)).expect("at most 3072 bytes");
    let [low, high] = coded.to_le_bytes();
    let length = 7 + u8::try_from(more.len()).expect("two bytes or none");
    out.extend([length, ENDPOINT, address, ISOCHRONOUS, low, high, interval]);
    out.extend(more);
}

/// Appends a class's descriptors whose header holds, at this offset, the length of them all.
pub fn with_total_length(out: &mut Vec<u8>, offset: usize, descriptors: &mut [u8]) {
    let total = u16::try_from(descriptors.len()).expect("a class's descriptors have 16 bits of length");
    descriptors[offset..offset + 2].copy_from_slice(&total.to_le_bytes());
    out.extend_from_slice(descriptors);
}

/// Tests that need no kernel.
pub const TESTS: &[(&str, fn())] = &[
    ("usb_descriptors::every_length_is_right", every_length_is_right),
    ("usb_descriptors::a_device_without_a_serial_says_so", a_device_without_a_serial_says_so),
];

fn every_length_is_right() {
    let descriptors = Descriptors::new(&super::models::c920());
    let bytes = descriptors.get(CONFIGURATION, 0).unwrap();
    assert_eq!(usize::from(u16::from_le_bytes([bytes[2], bytes[3]])), bytes.len());
    let (mut rest, mut interfaces, mut frames) = (&bytes[..], 0, 0);
    while let &[length, kind, ..] = rest {
        let length = usize::from(length);
        assert!(length >= 2 && length <= rest.len(), "a descriptor of {length} bytes, {} are left", rest.len());
        interfaces += usize::from(kind == INTERFACE && rest[3] == 0);
        frames += usize::from(kind == video_descriptors::CLASS_INTERFACE && rest[2] == 7);
        rest = &rest[length..];
    }
    assert!(rest.is_empty());
    assert_eq!((interfaces, usize::from(bytes[4])), (4, 4));
    assert_eq!(frames, 17, "the fixture's sizes of MJPG");
}

fn a_device_without_a_serial_says_so() {
    let mut device = super::models::c920();
    device.identity.serial = None;
    let descriptors = Descriptors::new(&device);
    assert_eq!(descriptors.get(DEVICE, 0).unwrap()[16], 0);
    assert_eq!(descriptors.get(STRING, SERIAL_STRING), None);
    assert_eq!(descriptors.get(STRING, NAME_STRING).unwrap().len(), 2 + 2 * "HD Pro Webcam C920".len());
}
