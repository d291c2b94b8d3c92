//! Gets the camera and the microphone, keeps them, and gets others when that is asked for.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Notice;
use super::hub::Hub;
use super::message::Kind;
use super::options::OnNotice;
use super::picture::Encoder;
use super::sound::{Level, Sound, header, in_short_blocks};
use super::stage::{Part, Parts, Stage};
use crate::constraints::{MediaStreamConstraints, MediaTrackRequest};
use crate::devices::MediaDeviceInfo;
use crate::error::{Error, ErrorName, Result};
use crate::stream::{
    AudioData, DeviceWatch, MediaDevices, MediaStreamTrack, MediaStreamTrackProcessor, Medium, VideoTrack,
};
use crate::thread;

/// How long to wait before a device is asked for again that nobody tells about: at first, and at most.
const TRY_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// What the keeper is told.
pub(super) enum Command {
    /// Something else is asked of one kind or of both, by the page that is this viewer or by whoever runs the service.
    Apply(Change, Option<u64>, SyncSender<Result<()>>),
    /// Devices may have come or gone.
    Look,
    /// A track has ended by itself.
    Ended,
    /// It is over.
    Stop,
}

/// What is asked; what is absent stays as it is.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Change {
    pub(super) video: Option<MediaTrackRequest>,
    pub(super) audio: Option<MediaTrackRequest>,
}

/// Holds the tracks on a thread of its own.
pub(super) struct Keeper {
    devices: MediaDevices,
    stage: Arc<Stage>,
    commands: Sender<Command>,
    on_notice: OnNotice,
    /// When to ask again, and how long to wait after that.
    again: Option<Instant>,
    pause: Duration,
}

impl Keeper {
    pub(super) fn new(
        devices: MediaDevices,
        stage: Arc<Stage>,
        commands: Sender<Command>,
        on_notice: OnNotice,
    ) -> Self {
        Self { devices, stage, commands, on_notice, again: None, pause: TRY_AGAIN.0 }
    }

    /// Gets what is asked for, and does what it is told until it is told to stop.
    pub(super) fn run(mut self, asked: MediaStreamConstraints, told: &Receiver<Command>) {
        // Before the first attempt: what comes between it and the waiting is not missed.
        let watch = self.watch();
        self.list();
        self.begin(asked);
        loop {
            let left = self.again.map(|again| again.saturating_duration_since(Instant::now()));
            let command = match left {
                None => told.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(left) => told.recv_timeout(left),
            };
            match command {
                Ok(Command::Apply(change, viewer, done)) => {
                    let outcome = self.judge(change, viewer).and_then(|change| self.apply(change));
                    self.schedule();
                    self.stage.hub.tell();
                    let _ = done.send(outcome);
                }
                Ok(Command::Look) => {
                    self.list();
                    self.pause = TRY_AGAIN.0;
                    self.try_again();
                }
                Ok(Command::Ended) => {
                    self.let_go_of_ended();
                    self.try_again();
                }
                Err(RecvTimeoutError::Timeout) => self.try_again(),
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        drop(watch);
        let Parts { video, audio, .. } = std::mem::take(&mut *self.stage.parts());
        // The devices close here, with nothing locked.
        drop((video, audio));
    }

    /// Is told when devices come and go. Where nobody can tell, a device that is missing is asked for now and then.
    fn watch(&self) -> Option<DeviceWatch> {
        let commands = self.commands.clone();
        self.devices.on_device_change(move |_| drop(commands.send(Command::Look))).ok()
    }

    fn list(&self) {
        self.stage.list(self.devices.enumerate_all_devices().into_iter().filter(MediaDeviceInfo::is_source).collect());
    }

    /// The first request: of both kinds at once, so that a person is asked for permission once.
    fn begin(&mut self, asked: MediaStreamConstraints) {
        {
            let mut parts = self.stage.parts();
            (parts.video.asked, parts.audio.asked) = (asked.video.clone(), asked.audio.clone());
        }
        let audio = in_short_blocks(&asked.audio);
        match self.devices.get_user_media(&asked.clone().audio(audio)) {
            Ok(stream) => {
                stream.video_tracks().into_iter().next().into_iter().for_each(|track| self.take_video(track));
                stream.audio_tracks().into_iter().next().into_iter().for_each(|track| self.take_audio(track));
            }
            Err(error) if is_by_a_policy(&error) => {
                let mut parts = self.stage.parts();
                parts.video.error = asked.video.is_requested().then(|| error.clone());
                parts.audio.error = asked.audio.is_requested().then(|| error.clone());
                drop(parts);
                (self.on_notice)(&Notice::Missing("camera or microphone", error));
            }
            // One without the other is better than none.
            Err(_) => self.get_missing(),
        }
        self.schedule();
        self.stage.hub.tell();
    }

    /// Asks for what is asked for and not there.
    fn get_missing(&mut self) {
        fn wanted<M: Medium>(part: &Part<M>) -> Option<MediaTrackRequest> {
            let is_final = part.error.as_ref().is_some_and(is_final);
            (part.asked.is_requested() && part.track.is_none() && !is_final).then(|| part.asked.clone())
        }
        let (video, audio) = {
            let parts = self.stage.parts();
            (wanted(&parts.video), wanted(&parts.audio))
        };
        if let Some(Err(error)) = video.map(|request| self.get_video(request)) {
            let known = self.stage.parts().video.error.replace(error.clone());
            self.notice_missing("camera", known, error);
        }
        if let Some(Err(error)) = audio.map(|request| self.get_audio(request)) {
            let known = self.stage.parts().audio.error.replace(error.clone());
            self.notice_missing("microphone", known, error);
        }
    }

    /// Says it once.
    fn notice_missing(&self, what: &'static str, known: Option<Error>, error: Error) {
        if known.as_ref() != Some(&error) {
            (self.on_notice)(&Notice::Missing(what, error));
        }
    }

    fn try_again(&mut self) {
        self.get_missing();
        self.schedule();
        self.stage.hub.tell();
    }

    /// Asks again after a while where something is missing that nobody tells about: a device that is busy, say.
    fn schedule(&mut self) {
        let parts = self.stage.parts();
        let errors = [parts.video.error.as_ref(), parts.audio.error.as_ref()];
        let untold =
            errors.into_iter().flatten().any(|error| !is_final(error) && error.name() != ErrorName::NotFoundError);
        drop(parts);
        self.again = untold.then(|| Instant::now() + self.pause);
        self.pause = if untold { (self.pause * 2).min(TRY_AGAIN.1) } else { TRY_AGAIN.0 };
    }

    fn let_go_of_ended(&self) {
        fn ended<M: Medium>(part: &mut Part<M>) -> Option<Arc<MediaStreamTrack<M>>> {
            let error = part.track.as_ref()?.error()?;
            part.error = Some(error);
            part.track.take()
        }
        let mut parts = self.stage.parts();
        let gone = (ended(&mut parts.video), ended(&mut parts.audio));
        drop(parts);
        drop(gone);
    }

    /// Leaves of what a page asks that which must be done for it.
    ///
    /// There is one capture for all. Whoever is the only page that has the camera gets what it asks for; where another has it
    /// already, what runs must do, and does where it is what the page requires: wishes disturb nobody. A microphone, which
    /// cannot be changed without a gap, goes on wherever it will do.
    fn judge(&self, change: Change, viewer: Option<u64>) -> Result<Change> {
        let Some(own) = viewer else { return Ok(change) };
        let (hub, parts) = (&self.stage.hub, self.stage.parts());
        let (video, audio) = (parts.video.track.clone(), parts.audio.track.clone());
        drop(parts);
        let video = match (change.video, video) {
            (Some(request), Some(track)) if hub.is_held_by_another(own, |wants| wants.pictures) => {
                let asked = MediaStreamConstraints::new().video(request);
                match asked.video_violation(&track.settings()) {
                    Some(constraint) => return Err(held("camera", &constraint, track.label())),
                    None => None,
                }
            }
            (request, _) => request,
        };
        let audio = match (change.audio, audio) {
            (Some(request), Some(track)) if request.is_requested() => {
                let is_held = hub.is_held_by_another(own, |wants| wants.sound);
                match MediaStreamConstraints::new().audio(request.clone()).audio_violation(&track.settings()) {
                    Some(constraint) if is_held => return Err(held("microphone", &constraint, track.label())),
                    Some(_) => Some(request),
                    None => None,
                }
            }
            (request, _) => request,
        };
        Ok(Change { video, audio })
    }

    /// Does what is asked, the camera first. What fails leaves its own kind as it was.
    fn apply(&mut self, change: Change) -> Result<()> {
        if change.video.is_some() {
            // A driver that cannot part from its buffers would be held up by what viewers still send.
            self.stage.hub.release();
        }
        match change.video {
            None => {}
            Some(MediaTrackRequest::NotRequested) => {
                let before = std::mem::take(&mut self.stage.parts().video.track);
                drop(before);
                let mut parts = self.stage.parts();
                (parts.video.asked, parts.video.error) = (MediaTrackRequest::NotRequested, None);
            }
            Some(request) => self.change_video(request)?,
        }
        match change.audio {
            None => Ok(()),
            Some(MediaTrackRequest::NotRequested) => {
                let before = std::mem::take(&mut self.stage.parts().audio.track);
                drop(before);
                let mut parts = self.stage.parts();
                (parts.audio.asked, parts.audio.error) = (MediaTrackRequest::NotRequested, None);
                Ok(())
            }
            Some(request) => {
                let outcome = self.get_audio(request.clone());
                let mut parts = self.stage.parts();
                note_failure(&mut parts.audio, request, outcome)
            }
        }
    }

    /// The camera that runs is changed; another one is opened where another one is named.
    fn change_video(&mut self, request: MediaTrackRequest) -> Result<()> {
        let running = self.stage.parts().video.track.clone();
        if let Some(track) = running {
            match track.apply_constraints(request.clone()) {
                Ok(()) => {
                    self.stage.parts().video.asked = request;
                    return Ok(());
                }
                Err(error) if error.constraint() == Some("deviceId") => {}
                Err(error) => return Err(error),
            }
        }
        let outcome = self.get_video(request.clone());
        note_failure(&mut self.stage.parts().video, request, outcome)
    }

    fn get_video(&mut self, request: MediaTrackRequest) -> Result<()> {
        let stream = self.devices.get_user_media(&MediaStreamConstraints::new().video(request.clone()))?;
        let track = stream.video_tracks().into_iter().next();
        self.stage.parts().video.asked = request;
        track.into_iter().for_each(|track| self.take_video(track));
        Ok(())
    }

    fn get_audio(&mut self, request: MediaTrackRequest) -> Result<()> {
        let stream = self.devices.get_user_media(&MediaStreamConstraints::new().audio(in_short_blocks(&request)))?;
        let track = stream.audio_tracks().into_iter().next();
        self.stage.parts().audio.asked = request;
        track.into_iter().for_each(|track| self.take_audio(track));
        Ok(())
    }

    /// Puts a track in the place of the one before, and shows what it gives.
    fn take_video(&self, track: Arc<VideoTrack>) {
        let (hub, quality, frames) = (self.stage.hub.clone(), self.stage.quality, track.processor(2));
        self.take(
            track,
            |parts| &mut parts.video,
            move |number| {
                thread::start("usermedia-picture", "its pictures", move || {
                    show(frames, &hub, Encoder::new(quality), number);
                })
            },
        );
    }

    fn take_audio(&self, track: Arc<MediaStreamTrack<AudioData>>) {
        let (hub, blocks) = (self.stage.hub.clone(), track.processor(32));
        self.take(
            track,
            |parts| &mut parts.audio,
            move |number| thread::start("usermedia-sound", "its sound", move || sound(blocks, &hub, number)),
        );
    }

    fn take<M: Medium>(
        &self,
        track: Arc<MediaStreamTrack<M>>,
        part: impl Fn(&mut Parts) -> &mut Part<M>,
        start: impl FnOnce(u8) -> Result<JoinHandle<()>>,
    ) {
        let ended = self.commands.clone();
        track.on_ended(move |_| drop(ended.send(Command::Ended)));
        let (hub, on_notice, label) = (self.stage.hub.clone(), self.on_notice.clone(), track.label().to_owned());
        track.on_recovery_event(move |event| {
            hub.tell();
            on_notice(&Notice::Recovery(&label, event));
        });
        (self.on_notice)(&Notice::Opened(track.kind(), track.label()));
        let mut parts = self.stage.parts();
        let part = part(&mut parts);
        part.opened += 1;
        // A viewer sees that it is another one; which of 256 it is matters to nobody.
        let started = start((part.opened & 0xff) as u8);
        part.error = started.err();
        let before = part.track.replace(track);
        drop(parts);
        drop(before);
    }
}

/// What is asked of a kind that has nothing is asked again later; what runs goes on as it was.
fn note_failure<M: Medium>(part: &mut Part<M>, request: MediaTrackRequest, outcome: Result<()>) -> Result<()> {
    if let (Err(error), None) = (&outcome, &part.track) {
        part.asked = request;
        part.error = Some(error.clone());
    }
    outcome
}

/// What runs is not what a page requires, and another page has it.
fn held(what: &str, constraint: &str, label: &str) -> Error {
    let message = format!("another page has the {what} {label} already, with another {constraint}");
    Error::new(ErrorName::OverconstrainedError, message)
        .with_constraint(constraint)
        .with_remedy("make the constraint an ideal one, or stop the other page's track first")
}

/// By a policy, and not by the permissions of a node, which may change.
fn is_by_a_policy(error: &Error) -> bool {
    error.name() == ErrorName::NotAllowedError && error.errno().is_none()
}

/// No device that may come makes it better: it is asked for again when somebody says so.
fn is_final(error: &Error) -> bool {
    is_by_a_policy(error) || matches!(error.name(), ErrorName::TypeError | ErrorName::NotSupportedError)
}

/// Shows a camera's frames until its track ends.
fn show(frames: MediaStreamTrackProcessor, hub: &Hub, mut encoder: Encoder, track: u8) {
    for frame in frames {
        let Ok(frame) = frame else { break };
        hub.captured.add();
        if !hub.is_watched() {
            continue;
        }
        match encoder.picture(frame, track, hub.next_number()) {
            Ok(picture) => {
                hub.note(None);
                hub.show(picture);
            }
            Err(error) => hub.note(Some(error)),
        }
    }
}

/// Plays a microphone's blocks until its track ends.
fn sound(blocks: MediaStreamTrackProcessor<AudioData>, hub: &Hub, track: u8) {
    for block in blocks {
        let Ok(block) = block else { break };
        let level = (header(Kind::Level, &block, track), Level::of(&block));
        hub.sound(&level, || Sound::of(block, track));
    }
}
