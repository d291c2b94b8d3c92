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
use super::faults::{Fault, nanoseconds};
use super::isochronous::{Endpoint, now};
use super::microphone::Microphone;
use super::orders::Order;
use super::setup::{Recipient, SET_INTERFACE, Setup};
use super::wire::{Command, Decoder, Encoder, NO_BANDWIDTH, PROTOCOL_ERROR, STALL, Submit, UNLINKED};
use super::{UsbDevice, audio_descriptors, dictation, video_descriptors};

const GET_STATUS: u8 = 0;
const CLEAR_FEATURE: u8 = 1;
const SET_FEATURE: u8 = 3;
const GET_DESCRIPTOR: u8 = 6;
const GET_CONFIGURATION: u8 = 8;
const SET_CONFIGURATION: u8 = 9;
const GET_INTERFACE: u8 = 10;

/// The process that is a device, as this text dictates it: stdin is the kernel's socket, stdout is where orders come
/// from and where their answers go, the last of which is the time at which it was gone.
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

/// A control request whose answer is still to come.
#[derive(Debug)]
struct Late {
    /// When; never, where that is the end of time.
    due: u64,
    transfer: Submit,
    answer: Result<Vec<u8>, i32>,
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
    /// The beginning of an order that is not complete.
    order: Vec<u8>,
    late: Vec<Late>,
    failing: Failing,
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
            order: Vec::new(),
            late: Vec::new(),
            failing: Failing::Nothing,
        }
    }

    /// Serves. Returns the time at which it was gone.
    fn serve(mut self) -> io::Result<u64> {
        loop {
            let (from_kernel, order) = self.wait()?;
            if order && !self.obey()? {
                return self.leave();
            }
            if from_kernel && !self.read()? {
                return Ok(now());
            }
            if self.failing == Failing::Everything {
                // Who tries again at once is not to keep the processor busy with that.
                thread::sleep(Duration::from_millis(1));
            }
            let now = now();
            self.answer_late(now);
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
        let late = self.late.iter().map(|late| late.due);
        let pause =
            due.into_iter().flatten().chain(late).min().map(|due| Duration::from_nanos(due.saturating_sub(now())));
        let mut descriptors = [&self.socket, &self.orders].map(|end| PollFd::new(end.as_fd(), PollFlags::POLLIN));
        match ppoll(&mut descriptors, pause.map(TimeSpec::from_duration), None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let [socket, orders] = descriptors.map(|descriptor| descriptor.any().unwrap_or(false));
        Ok((socket, orders))
    }

    /// Takes in what the kernel has said. False: it let go.
    fn read(&mut self) -> io::Result<bool> {
        match self.socket.read(&mut self.buffer) {
            Ok(0) => return Ok(false),
            Ok(length) => self.decoder.feed(&self.buffer[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(true),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(false),
            Err(error) => return Err(error),
        }
        while let Some(command) = self.decoder.next()? {
            match (command, self.failing) {
                (Command::Submit(transfer), Failing::Everything) => self.encoder.failure(&transfer, PROTOCOL_ERROR),
                (Command::Submit(transfer), Failing::Requests) if transfer.endpoint == 0 => {
                    self.encoder.failure(&transfer, PROTOCOL_ERROR);
                }
                (Command::Submit(transfer), _) => self.transfer(transfer),
                (Command::Unlink { sequence, victim }, _) => {
                    let late = self.late.len();
                    self.late.retain(|late| late.transfer.sequence != victim);
                    let found = self.late.len() < late
                        || self.camera.as_mut().is_some_and(|camera| camera.unlink(victim))
                        || self.microphone.as_mut().is_some_and(|other| other.unlink(victim));
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

    /// Obeys. False: there will be no more orders.
    fn obey(&mut self) -> io::Result<bool> {
        let mut bytes = [0; 256];
        let length = self.orders.read(&mut bytes)?;
        self.order.extend_from_slice(&bytes[..length]);
        while let Some(end) = self.order.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.order.drain(..=end).collect();
            let text = String::from_utf8_lossy(&line[..end]);
            let order =
                text.parse().map_err(|()| io::Error::new(ErrorKind::InvalidInput, format!("order {text:?}")))?;
            let answer = self.carry_out(order);
            self.orders.write_all(&answer.to_ne_bytes())?;
        }
        Ok(length > 0)
    }

    fn carry_out(&mut self, order: Order) -> u64 {
        match order {
            Order::Inject(injection) => {
                let Some(camera) = &mut self.camera else { return 0 };
                camera.source.faults.add(injection);
                return u64::from(camera.source.next_number());
            }
            Order::Mute(time) => {
                if let Some(microphone) = &mut self.microphone {
                    microphone.hold(now(), time);
                }
            }
            Order::Fail => {
                self.failing = Failing::Everything;
                self.fail_all();
            }
        }
        now()
    }

    /// Is gone.
    fn leave(mut self) -> io::Result<u64> {
        self.socket.set_nonblocking(true)?;
        // A control request left without an answer would hold its caller for five seconds.
        if self.failing == Failing::Nothing {
            self.failing = Failing::Requests;
        }
        self.fail_late();
        self.read()?;
        self.write()?;
        let _ = self.socket.shutdown(Shutdown::Both);
        Ok(now())
    }

    fn fail_late(&mut self) {
        for late in self.late.drain(..) {
            self.encoder.failure(&late.transfer, PROTOCOL_ERROR);
        }
    }

    fn fail_all(&mut self) {
        self.fail_late();
        if let Some(camera) = &mut self.camera {
            camera.fail(PROTOCOL_ERROR, &mut self.encoder);
        }
        if let Some(microphone) = &mut self.microphone {
            microphone.fail(PROTOCOL_ERROR, &mut self.encoder);
        }
    }

    fn transfer(&mut self, transfer: Submit) {
        match (u8::try_from(transfer.endpoint), &mut self.camera, &mut self.microphone) {
            (Ok(0), ..) => self.control(transfer),
            (Ok(video_descriptors::ENDPOINT), Some(camera), _) => camera.submit(transfer, now()),
            (Ok(audio_descriptors::ENDPOINT), _, Some(microphone)) => microphone.submit(transfer, now()),
            _ => self.encoder.failure(&transfer, STALL),
        }
    }

    /// A control request, answered now, later or never.
    fn control(&mut self, transfer: Submit) {
        let setup = Setup::parse(transfer.setup);
        let streaming = self.descriptors.video.map(|interfaces| interfaces.streaming);
        let fault = match &mut self.camera {
            Some(camera) if streaming == Some(setup.index.to_le_bytes()[0]) => {
                Camera::target(setup).and_then(|target| camera.source.faults.at(target))
            }
            _ => None,
        };
        let mut refuse = |status| self.encoder.control(&transfer, Err(status));
        let pause = match fault {
            Some(Fault::CommitStalled) => return refuse(STALL),
            Some(Fault::BusFull) => return refuse(NO_BANDWIDTH),
            Some(Fault::CommitUnanswered) => Duration::MAX,
            Some(Fault::CommitDelayed(pause) | Fault::ProbeDelayed(pause)) => pause,
            _ => Duration::ZERO,
        };
        let answer = self.request(setup, &transfer.data).ok_or(STALL);
        if pause == Duration::ZERO {
            self.encoder.control(&transfer, answer.as_deref().map_err(|status| *status));
        } else {
            self.late.push(Late { due: now().saturating_add(nanoseconds(pause)), transfer, answer });
        }
    }

    fn answer_late(&mut self, now: u64) {
        for late in self.late.extract_if(.., |late| late.due <= now) {
            self.encoder.control(&late.transfer, late.answer.as_deref().map_err(|status| *status));
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
