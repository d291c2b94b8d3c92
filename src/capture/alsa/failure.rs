//! What an error number means at the call that gave it, in words a newcomer can act on.

use nix::errno::Errno;

use crate::error::{Error, ErrorName};
use crate::seam::{ParameterRefused, PcmParameter};

/// The calls that can fail while a microphone starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Open,
    Configure(PcmParameter),
    Start,
}

impl Step {
    const fn name(self) -> &'static str {
        match self {
            Self::Open => "snd_pcm_open",
            Self::Configure(PcmParameter::HwParams) => "snd_pcm_hw_params",
            Self::Configure(PcmParameter::SwParams) => "snd_pcm_sw_params",
            Self::Configure(PcmParameter::Access) => "snd_pcm_hw_params_set_access",
            Self::Configure(PcmParameter::Format) => "snd_pcm_hw_params_set_format",
            Self::Configure(PcmParameter::Channels) => "snd_pcm_hw_params_set_channels_near",
            Self::Configure(PcmParameter::Rate) => "snd_pcm_hw_params_set_rate_near",
            Self::Configure(PcmParameter::PeriodSize) => "snd_pcm_hw_params_set_period_size_near",
            Self::Configure(PcmParameter::BufferSize) => "snd_pcm_hw_params_set_buffer_size_near",
            Self::Start => "snd_pcm_start",
        }
    }
}

/// What of the request a refused parameter is, if it is of one alone.
const fn wish(parameter: PcmParameter) -> Option<&'static str> {
    match parameter {
        PcmParameter::Format => Some("this sample format"),
        PcmParameter::Channels => Some("this channel count"),
        PcmParameter::Rate => Some("this sample rate"),
        PcmParameter::PeriodSize => Some("this latency"),
        PcmParameter::Access | PcmParameter::BufferSize | PcmParameter::HwParams | PcmParameter::SwParams => None,
    }
}

/// The error for a parameter that the PCM at `path` refused.
pub(super) fn refusal(refused: ParameterRefused, path: &str) -> Error {
    failure(Step::Configure(refused.parameter), refused.errno, path)
}

/// The error for `errno` at `step` of the PCM at `path`.
pub(super) fn failure(step: Step, errno: Errno, path: &str) -> Error {
    let (name, message, remedy) = match (step, errno) {
        (_, Errno::EACCES | Errno::EPERM) => (
            ErrorName::NotAllowedError,
            format!("no permission to open the microphone {path}"),
            Some(
                "add yourself to the group that owns /dev/snd, usually audio: sudo adduser $USER audio, then log in anew",
            ),
        ),
        (_, Errno::EBUSY | Errno::EAGAIN) => (
            ErrorName::NotReadableError,
            format!("the microphone {path} is in use by another program"),
            Some("close the program that uses it, or take the shared microphone `default`"),
        ),
        (_, Errno::ENOENT | Errno::ENODEV | Errno::ENXIO) => {
            (ErrorName::NotReadableError, format!("the microphone {path} has gone"), Some("plug it in again"))
        }
        (_, Errno::ECONNREFUSED | Errno::EHOSTDOWN) => (
            ErrorName::NotReadableError,
            format!("the sound server behind {path} does not answer"),
            Some("start it (PipeWire or PulseAudio), or take a microphone by its card: usermedia devices"),
        ),
        (Step::Start, Errno::EPIPE | Errno::ENOSPC | Errno::EIO | Errno::EPROTO | Errno::ETIMEDOUT) => (
            ErrorName::NotReadableError,
            format!("the microphone {path} does not start: {}", errno.desc()),
            Some("use another USB port, or unplug the microphone and plug it in again"),
        ),
        (Step::Configure(parameter), Errno::EINVAL) => match wish(parameter) {
            Some(wish) => (
                ErrorName::NotReadableError,
                format!("the microphone {path} does not take {wish}"),
                Some("list what it takes now: usermedia devices"),
            ),
            None => (
                ErrorName::NotReadableError,
                format!("the microphone {path} does not take these settings together ({} failed)", step.name()),
                Some("ask for less: leave out the rate, the channel count or the latency"),
            ),
        },
        (Step::Configure(_), Errno::ENOMEM) => (
            ErrorName::NotReadableError,
            format!("no memory for the ring of {path}"),
            Some("ask for a shorter latency or fewer channels"),
        ),
        (step, errno) => (
            ErrorName::NotReadableError,
            format!("{} failed on the microphone {path}: {}", step.name(), errno.desc()),
            None,
        ),
    };
    let error = Error::new(name, message).with_errno(errno as i32).with_device(path, path);
    match remedy {
        Some(remedy) => error.with_remedy(remedy),
        None => error,
    }
}
