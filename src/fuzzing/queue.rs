//! The engine over a kernel that answers as the fuzzer likes, with consumers that come, hold, drop and go as it likes.

mod consumers;
mod driver;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use self::consumers::{Held, Hoarder, Seen};
use self::driver::{BLOCKABLE, CALLS, camera, change, frame};
use super::choices::Choices;
use super::rig::{Rig, check_consumer, check_source, errno, eventually, fault, recovery};
use crate::devices::fixture::FakePcms;
use crate::seam::Kernel;
use crate::seam::scripted::{Call, CameraScript, FOREVER, Frame, ScriptedCamera};
use crate::stream::FrameCallback;
use crate::{Attachment, Backlog, LocalMediaStream, MediaStreamConstraints, MediaStreamTrackProcessor, VideoTrack};

/// The most steps of one input.
const MOST_STEPS: usize = 96;
/// The most frames that are held at once: more than there are buffers.
const MOST_HELD: usize = 24;
/// The most cameras one after the other.
const MOST_CAMERAS: usize = 6;

/// Requests, the plainest most often.
const REQUESTS: &[&str] = &[
    r#"{"video": true}"#,
    r#"{"video": true}"#,
    r#"{"video": {"width": {"exact": 32}}}"#,
    r#"{"video": {"width": 64, "frameRate": 15, "brightness": 140}}"#,
    r#"{"video": {"frameRate": {"max": 10}, "exposureMode": {"exact": "manual"}, "exposureTime": 100}}"#,
    r#"{"video": {"brightness": {"exact": 9}, "colorTemperature": 4000, "whiteBalanceMode": "manual"}}"#,
    r#"{"video": {"mandatory": {"maxWidth": 48}, "optional": [{"minFrameRate": 20}]}}"#,
];

/// One input.
struct Play {
    choices: Choices,
    rig: Rig,
    template: ScriptedCamera,
    /// All that were ever plugged in; the last is the one that may be there.
    cameras: Vec<CameraScript>,
    plugged: bool,
    stop_failed: bool,
    streams: Vec<LocalMediaStream>,
    tracks: Vec<Arc<VideoTrack>>,
    processors: Vec<MediaStreamTrackProcessor>,
    callbacks: Vec<FrameCallback>,
    attachments: Vec<Attachment>,
    held: Vec<Held>,
    seen: Arc<Seen>,
}

/// See the module.
pub(super) fn queue(bytes: &[u8]) {
    let mut play = Play::new(Choices::new(bytes));
    play.faults_before();
    play.request();
    for _ in 0..MOST_STEPS {
        if play.choices.is_empty() {
            break;
        }
        play.step();
    }
    play.end();
}

impl Play {
    fn new(mut choices: Choices) -> Self {
        let rig = Rig::new(FakePcms::default(), recovery(&mut choices));
        let template = camera(&mut choices);
        let camera = rig.kernel.plug("/dev/video0", template.clone());
        rig.world.show(&["/dev/video0"]);
        if choices.seldom() {
            rig.world.deafen();
        }
        Self {
            choices,
            rig,
            template,
            cameras: vec![camera],
            plugged: true,
            stop_failed: false,
            streams: Vec::new(),
            tracks: Vec::new(),
            processors: Vec::new(),
            callbacks: Vec::new(),
            attachments: Vec::new(),
            held: Vec::new(),
            seen: Arc::default(),
        }
    }

    fn camera(&self) -> &CameraScript {
        self.cameras.last().expect("one from the start")
    }

    fn faults_before(&mut self) {
        for _ in 0..self.choices.below(3) {
            self.fail();
        }
    }

    fn fail(&mut self) {
        let (after, call, errno, times) = fault(&mut self.choices, CALLS);
        self.stop_failed |= call == Call::StreamOff;
        self.camera().fail_after(after, call, errno, times);
    }

    /// Nothing may be blocked while this thread waits for the control threads.
    fn unblock(&self) {
        self.cameras.iter().for_each(CameraScript::unblock);
    }

    fn request(&mut self) {
        self.unblock();
        let request = MediaStreamConstraints::from_json(self.choices.of(REQUESTS)).expect("constraints");
        let buffers = self.choices.flag().then(|| self.choices.number());
        if let Ok(stream) = self.rig.devices.clone().with_buffers(buffers).get_user_media(&request) {
            self.tracks.extend(stream.video_tracks());
            self.streams.push(stream);
        }
    }

    fn step(&mut self) {
        match self.choices.byte() % 64 {
            0..12 => {
                self.rig.kernel.advance(Duration::from_millis(u64::from(self.choices.byte())));
                self.camera().give(Frame::good());
            }
            12..24 => {
                self.rig.kernel.advance(Duration::from_millis(33));
                let jpeg = self.template.modes[0].0.is_jpeg();
                let frame = frame(&mut self.choices, jpeg);
                self.camera().give(frame);
            }
            24..28 => self.fail(),
            28 => self.camera().mend(),
            29 => self.unplug(),
            30 => self.replug(),
            31 => {
                self.camera().hang_up();
                self.rig.kernel.settle();
            }
            32 => {
                self.camera().change_source();
                self.rig.kernel.settle();
            }
            33 => {
                let mut template = self.template.clone();
                change(&mut self.choices, &mut template);
                self.camera().change(|camera| *camera = template);
            }
            34 => {
                let planes = self.choices.number();
                self.camera().change_buffers(planes);
            }
            35..38 => self.attach(),
            38..43 => self.drain(),
            43..46 => self.let_go(),
            46 => self.detach(),
            47 => self.clone_or_stop(),
            48 => {
                let call = self.choices.of(BLOCKABLE);
                self.camera().block(call);
            }
            49 => self.unblock(),
            50..53 => self.wait(),
            53 => self.apply(),
            54 => {
                self.seen.black.store(true, Ordering::Relaxed);
                let enabled = self.choices.flag();
                self.tracks.iter().for_each(|track| track.set_enabled(enabled));
            }
            55 => self.request(),
            56 => match self.choices.below(4) {
                0 => self.rig.world.deafen(),
                1 => self.rig.world.cure(),
                2 => self.rig.world.overflow(),
                _ => self.rig.world.tell("/dev/video0"),
            },
            57 => {
                // Permission is taken away.
                self.camera().fail(Call::Open, nix::errno::Errno::EACCES, FOREVER);
                self.unplug();
            }
            58 => self.drop_and_stop(),
            59 => {
                let errno = errno(&mut self.choices);
                self.camera().fail(Call::DequeueBuffer, errno, FOREVER);
                self.rig.kernel.settle();
            }
            // Frames while the reactor has no time to look between them.
            _ => {
                for _ in 0..self.choices.below(6) {
                    self.camera().push(Frame::good());
                }
                self.rig.kernel.settle();
            }
        }
        assert!(!self.seen.torn.load(Ordering::Relaxed), "a frame was not as the driver wrote it");
    }

    fn unplug(&mut self) {
        self.rig.world.show(&[]);
        self.camera().unplug();
        self.plugged = false;
        self.rig.kernel.settle();
        self.rig.world.tell("/dev/video0");
    }

    fn replug(&mut self) {
        if self.cameras.len() == MOST_CAMERAS {
            return;
        }
        if self.plugged {
            self.unplug();
        }
        // Under another name: while somebody has it open, the old one is taken.
        let path = format!("/dev/video{}", self.cameras.len());
        let camera = self.rig.kernel.plug(&path, self.template.clone());
        self.cameras.push(camera);
        self.plugged = true;
        self.rig.world.show(&[&path]);
        self.rig.world.tell(&path);
        self.wait();
    }

    /// Recovers, if it can.
    fn wait(&mut self) {
        let steps = u32::from(self.choices.byte() % 64);
        let step = Duration::from_millis(self.choices.of(&[20, 100, 500]));
        let camera = self.camera().clone();
        self.rig.pass(steps, step, || camera.queued() > 0 && camera.give(Frame::good()));
    }

    fn attach(&mut self) {
        let Some(track) = self.tracks.last().cloned() else { return };
        match self.choices.below(4) {
            0 if self.callbacks.len() < 3 => {
                let seen = self.seen.clone();
                self.callbacks.push(track.on_frame(move |frame| {
                    seen.read(frame);
                }));
            }
            1 if self.attachments.len() < 2 && self.choices.seldom() => {
                let backlog = match self.choices.flag() {
                    true => Backlog::Newest(2),
                    false => Backlog::Recent { span: Duration::from_secs(1), bytes: 1 << 16 },
                };
                let hoarder = Hoarder(self.seen.clone(), Vec::new(), backlog);
                if let Some(stream) = self.streams.last() {
                    self.attachments.extend(stream.attach(hoarder));
                }
            }
            _ if self.processors.len() < 4 => {
                self.processors.push(track.processor(self.choices.below(8)));
            }
            _ => {}
        }
    }

    fn drain(&mut self) {
        if self.processors.is_empty() {
            return;
        }
        let processor = &self.processors[self.choices.below(self.processors.len())];
        for _ in 0..self.choices.below(8) {
            let Poll::Ready(Some(Ok(frame))) = processor.try_next() else { break };
            let said = self.seen.read(&frame);
            if self.choices.flag() && self.held.len() < MOST_HELD {
                self.held.push(Held(frame, said));
            }
        }
    }

    /// Reads a frame that was held once more, and lets go of it.
    fn let_go(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let held = self.held.swap_remove(self.choices.below(self.held.len()));
        self.check_held(&held);
    }

    fn check_held(&self, Held(frame, said): &Held) {
        let black = self.seen.black.load(Ordering::Relaxed);
        let says = self.seen.read(frame);
        assert!(black || says == *said, "a frame changed while it was held: {frame:?}");
    }

    fn detach(&mut self) {
        match self.choices.below(2) {
            0 => drop(self.callbacks.pop()),
            _ => drop(self.processors.pop()),
        }
    }

    fn clone_or_stop(&mut self) {
        let Some(track) = self.tracks.last() else { return };
        if self.choices.flag() && self.tracks.len() < 4 {
            self.tracks.push(Arc::new(track.as_ref().clone()));
        } else {
            // Whatever is blocked may stay so: a stop does not wait for it for long. Seldom, because that is 100 ms.
            if !self.choices.seldom() {
                self.unblock();
            }
            track.stop();
            self.tracks.pop();
        }
    }

    fn apply(&mut self) {
        self.unblock();
        let request = MediaStreamConstraints::from_json(self.choices.of(REQUESTS)).expect("constraints");
        if let Some(track) = self.tracks.last() {
            let _ = track.apply_constraints(request.video);
            let _ = track.settings();
        }
    }

    /// Two threads at once: one lets go of all frames while the other stops a track.
    fn drop_and_stop(&mut self) {
        self.unblock();
        let held: Vec<Held> = self.held.drain(..).collect();
        let track = self.tracks.pop();
        std::thread::scope(|scope| {
            scope.spawn(|| drop(held));
            if let Some(track) = track {
                track.stop();
            }
        });
    }

    fn end(mut self) {
        self.unblock();
        self.rig.kernel.settle();
        for track in &self.tracks {
            check_source(&track.statistics());
            track.consumer_statistics().iter().for_each(check_consumer);
        }
        let early = self.choices.flag();
        let mut held: Vec<Held> = std::mem::take(&mut self.held);
        if early {
            held.drain(..).for_each(|held| self.check_held(&held));
        }
        for track in self.tracks.drain(..) {
            track.stop();
            check_source(&track.statistics());
        }
        self.streams.drain(..).for_each(|stream| stream.stop());
        for processor in self.processors.drain(..) {
            check_consumer(&processor.statistics());
        }
        for callback in self.callbacks.drain(..) {
            check_consumer(&callback.statistics());
        }
        for attachment in self.attachments.drain(..) {
            attachment.finish().statistics.iter().for_each(check_consumer);
        }
        eventually("every camera is closed", || self.cameras.iter().all(|camera| camera.open_count() == 0));
        held.drain(..).for_each(|held| self.check_held(&held));
        assert!(!self.seen.torn.load(Ordering::Relaxed), "a frame was not as the driver wrote it");
        let mut misuse = self.rig.kernel.misuse();
        // Nothing else is left to do where STREAMOFF was refused.
        misuse.retain(|misuse| !(self.stop_failed && misuse == "REQBUFS while streaming"));
        assert_eq!(misuse, Vec::<String>::new());
        eventually("no buffer is mapped", || self.cameras.iter().all(|camera| camera.mappings() == 0));
        assert!(self.rig.kernel.now() > 0);
    }
}
