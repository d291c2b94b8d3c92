//! USB cameras and microphones: devices that are ours, behind the kernel's own drivers.
//!
//! `vhci_hcd` is a USB host controller whose wires are a socket. A process at the socket's other end is the device
//! (device.rs), and what the kernel makes of it is a camera of uvcvideo and a sound card of snd-usb-audio. It is not a
//! part of the test's own process: that, when killed, would wait for its camera to close and could not answer for it.
//!
//!     let device = models::c920();
//!     let plugged = device.plug(0);
//!     capture_from(plugged.camera());
//!     plugged.unplug();

mod audio_descriptors;
mod camera;
mod descriptors;
mod device;
mod dictation;
pub mod faults;
pub mod h264;
mod isochronous;
pub mod jpeg;
mod microphone;
pub mod models;
mod orders;
mod picture;
mod plugged;
mod setup;
pub mod specification;
pub mod video_descriptors;
mod wire;

pub use device::main;
pub use isochronous::{SECOND, now};
pub use plugged::{Plugged, load_drivers};
use specification::{CameraSpec, Identity, MicrophoneSpec};

/// A device to plug in, as often and into as many ports as a test likes.
#[derive(Debug, Clone, PartialEq)]
pub struct UsbDevice {
    pub identity: Identity,
    pub camera: Option<CameraSpec>,
    pub microphone: Option<MicrophoneSpec>,
}

impl UsbDevice {
    /// One with nothing in it yet.
    pub fn new(identity: Identity) -> UsbDevice {
        UsbDevice { identity, camera: None, microphone: None }
    }

    /// With this camera.
    pub fn with_camera(self, camera: CameraSpec) -> UsbDevice {
        UsbDevice { camera: Some(camera), ..self }
    }

    /// With this microphone.
    pub fn with_microphone(self, microphone: MicrophoneSpec) -> UsbDevice {
        UsbDevice { microphone: Some(microphone), ..self }
    }

    /// With this serial number in place of its own.
    pub fn with_serial(mut self, serial: &str) -> UsbDevice {
        self.identity.serial = Some(serial.to_owned());
        self
    }

    /// Plugs it in, and waits until its nodes are there. Ports are numbered from 0 to 14.
    #[track_caller]
    pub fn plug(&self, port: u8) -> Plugged {
        Plugged::new(self, port)
    }
}

/// Tests of the device that need no kernel.
pub fn tests() -> Vec<(&'static str, fn())> {
    [wire::TESTS, jpeg::TESTS, h264::TESTS, descriptors::TESTS, dictation::TESTS, faults::TESTS, orders::TESTS].concat()
}
