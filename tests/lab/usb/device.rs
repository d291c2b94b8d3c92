//! The device itself: a process at the far end of vhci_hcd's socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::camera::Camera;
use super::descriptors::Descriptors;
use super::isochronous::{Endpoint, now};
use super::microphone::Microphone;
use super::setup::{Recipient, Setup};
use super::wire::{Command, Decoder, Encoder, PROTOCOL_ERROR, STALL, Submit, UNLINKED};
use super::{UsbDevice, audio_descriptors, dictation, video_descriptors};

const GET_STATUS: u8 = 0;
const CLEAR_FEATURE: u8 = 1;
const SET_FEATURE: u8 = 3;
const GET_DESCRIPTOR: u8 = 6;
const GET_CONFIGURATION: u8 = 8;
const SET_CONFIGURATION: u8 = 9;
const GET_INTERFACE: u8 = 10;
const SET_INTERFACE: u8 = 11;

/// The order to fail every transfer before going; without an order, the end of the stream of orders is to go at once.
pub const YANK: u8 = b'!';
/// How long a yanked device lies dying. Closing sooner meets a bug in the kernel (README.md).
const DYING: Duration = Duration::from_millis(15);

/// The process that is a device, as this text dictates it: stdin is the kernel's socket, stdout is where orders come
/// from and where the time goes at which it was gone.
pub fn main(text: &str) -> io::Result<()> {
    let device = dictation::understand(text).ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "what device?"))?;
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    let orders = io::stdout().as_fd().try_clone_to_owned()?;
    let mut told = UnixStream::from(orders.try_clone()?);
    let gone = Device::new(&device, socket.into(), orders.into()).serve()?;
    // Nobody listens when the test is over, or was killed.
    let _ = told.write_all(&gone.to_ne_bytes());
    Ok(())
}

/// What does not work any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failing {
    Nothing,
    Requests,
    Everything,
}

/// A device that is plugged in.
struct Device {
    socket: UnixStream,
    orders: UnixStream,
    descriptors: Descriptors,
    configuration: u8,
    camera: Option<Endpoint<Camera>>,
    microphone: Option<Endpoint<Microphone>>,
    decoder: Decoder,
    encoder: Encoder,
    buffer: Vec<u8>,
}

impl Device {
    /// One that serves this socket until `orders` end, or the kernel lets go of it.
    fn new(device: &UsbDevice, socket: UnixStream, orders: UnixStream) -> Device {
        Device {
            socket,
            orders,
            descriptors: Descriptors::new(device),
            configuration: 0,
            camera: device.camera.clone().map(|spec| Endpoint::new(Camera::new(spec))),
            microphone: device.microphone.map(|spec| Endpoint::new(Microphone::new(spec))),
            decoder: Decoder::default(),
            encoder: Encoder::default(),
            buffer: vec![0; 1 << 16],
        }
    }

    /// Serves. Returns the time at which it was gone.
    fn serve(mut self) -> io::Result<u64> {
        loop {
            let (from_kernel, order) = self.wait()?;
            if order {
                return self.leave();
            }
            if from_kernel && !self.read(Failing::Nothing)? {
                return Ok(now());
            }
            let now = now();
            if let Some(camera) = &mut self.camera {
                camera.complete(now, &mut self.encoder);
            }
            if let Some(microphone) = &mut self.microphone {
                microphone.complete(now, &mut self.encoder);
            }
            self.write()?;
        }
    }

    /// Sleeps until the next transfer is complete: whether the kernel has said something, and whether there is an order.
    fn wait(&self) -> io::Result<(bool, bool)> {
        let due = [self.camera.as_ref().and_then(Endpoint::due), self.microphone.as_ref().and_then(Endpoint::due)];
        let pause = due.into_iter().flatten().min().map(|due| Duration::from_nanos(due.saturating_sub(now())));
        let mut descriptors = [&self.socket, &self.orders].map(|end| PollFd::new(end.as_fd(), PollFlags::POLLIN));
        match ppoll(&mut descriptors, pause.map(TimeSpec::from_duration), None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let [socket, orders] = descriptors.map(|descriptor| descriptor.any().unwrap_or(false));
        Ok((socket, orders))
    }

    /// Takes in what the kernel has said. False: it let go.
    fn read(&mut self, failing: Failing) -> io::Result<bool> {
        match self.socket.read(&mut self.buffer) {
            Ok(0) => return Ok(false),
            Ok(length) => self.decoder.feed(&self.buffer[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(true),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(false),
            Err(error) => return Err(error),
        }
        while let Some(command) = self.decoder.next()? {
            match (command, failing) {
                (Command::Submit(transfer), Failing::Everything) => self.encoder.failure(&transfer, PROTOCOL_ERROR),
                (Command::Submit(transfer), Failing::Requests) if transfer.endpoint == 0 => {
                    self.encoder.failure(&transfer, PROTOCOL_ERROR);
                }
                (Command::Submit(transfer), _) => self.transfer(transfer),
                (Command::Unlink { sequence, victim }, _) => {
                    let camera = self.camera.as_mut().is_some_and(|camera| camera.unlink(victim));
                    let found = camera || self.microphone.as_mut().is_some_and(|other| other.unlink(victim));
                    self.encoder.unlinked(sequence, if found { UNLINKED } else { 0 });
                }
            }
        }
        Ok(true)
    }

    /// Says what there is to say. That the kernel does not listen any more shows at the next reading.
    fn write(&mut self) -> io::Result<()> {
        let written = self.socket.write_all(self.encoder.bytes());
        self.encoder.clear();
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Obeys the last order, and is gone.
    fn leave(mut self) -> io::Result<u64> {
        let mut order = [0];
        self.socket.set_nonblocking(true)?;
        if self.orders.read(&mut order)? == 1 && order[0] == YANK {
            self.fail_all();
            self.write()?;
            let end = now() + DYING.as_nanos() as u64;
            while now() < end && self.read(Failing::Everything)? {
                self.write()?;
                thread::sleep(Duration::from_millis(1));
            }
        }
        // A control request left without an answer would hold its caller for five seconds.
        self.read(Failing::Requests)?;
        self.write()?;
        let _ = self.socket.shutdown(Shutdown::Both);
        Ok(now())
    }

    fn fail_all(&mut self) {
        if let Some(camera) = &mut self.camera {
            camera.fail(PROTOCOL_ERROR, &mut self.encoder);
        }
        if let Some(microphone) = &mut self.microphone {
            microphone.fail(PROTOCOL_ERROR, &mut self.encoder);
        }
    }

    fn transfer(&mut self, transfer: Submit) {
        match (u8::try_from(transfer.endpoint), &mut self.camera, &mut self.microphone) {
            (Ok(0), ..) => {
                let answer = self.request(Setup::parse(transfer.setup), &transfer.data);
                self.encoder.control(&transfer, answer.as_deref().ok_or(STALL));
            }
            (Ok(video_descriptors::ENDPOINT), Some(camera), _) => camera.submit(transfer, now()),
            (Ok(audio_descriptors::ENDPOINT), _, Some(microphone)) => microphone.submit(transfer, now()),
            _ => self.encoder.failure(&transfer, STALL),
        }
    }

    /// A control request, and its answer; `None` for those the device does not know.
    fn request(&mut self, setup: Setup, data: &[u8]) -> Option<Vec<u8>> {
        let [interface, _] = setup.index.to_le_bytes();
        match setup.recipient() {
            Recipient::Standard => self.standard_request(setup),
            Recipient::Interface => {
                let (camera, interfaces) = (self.camera.as_mut()?, self.descriptors.video?);
                if interface == interfaces.streaming {
                    camera.source.streaming_request(setup, data)
                } else if interface == interfaces.control {
                    camera.source.control_request(setup, data)
                } else {
                    None
                }
            }
            Recipient::Endpoint | Recipient::Other => None,
        }
    }

    fn standard_request(&mut self, setup: Setup) -> Option<Vec<u8>> {
        let [low, high] = setup.value.to_le_bytes();
        match setup.request {
            GET_DESCRIPTOR => return self.descriptors.get(high, low),
            GET_STATUS => return Some(vec![0, 0]),
            GET_CONFIGURATION => return Some(vec![self.configuration]),
            GET_INTERFACE => return Some(vec![0]),
            SET_CONFIGURATION => self.configuration = low,
            CLEAR_FEATURE | SET_FEATURE => {}
            SET_INTERFACE => {
                let streaming = |interfaces: super::descriptors::Interfaces| u16::from(interfaces.streaming);
                if self.descriptors.video.map(streaming) == Some(setup.index) {
                    self.camera.as_mut()?.set(setup.value);
                } else if self.descriptors.audio.map(streaming) == Some(setup.index) {
                    self.microphone.as_mut()?.set(setup.value);
                }
            }
            _ => return None,
        }
        Some(Vec::new())
    }
}
