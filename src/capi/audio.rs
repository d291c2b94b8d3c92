//! Sound.

use std::ffi::{c_char, c_void};
use std::ptr;

use super::answer::{borrow, getters, release};
use crate::format::SampleFormat;
use crate::stream::AudioData;

/// Gives the block back.
///
/// # Safety
/// As the header has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_audio_release(audio: *mut AudioData) {
    // SAFETY: the contract is this function's own.
    unsafe { release(audio) };
}

getters! { AudioData:
    /// Samples per second of a channel.
    usermedia_audio_sample_rate -> u32 = AudioData::sample_rate;
    /// Channels.
    usermedia_audio_channel_count -> u32 = AudioData::channel_count;
    /// Samples of each channel.
    usermedia_audio_frame_count -> u32 = AudioData::frame_count;
    /// When its first sample was captured.
    usermedia_audio_timestamp -> u64 = AudioData::timestamp;
    /// Samples missing right before it.
    usermedia_audio_lost -> u64 = AudioData::lost;
    /// Bytes of them.
    usermedia_audio_length -> usize = |audio| audio.data().len();
}

/// ALSA's name of the sample format.
///
/// # Safety
/// As the header has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_audio_sample_format(audio: *const AudioData) -> *const c_char {
    // SAFETY: the contract is this function's own.
    let Ok(audio) = (unsafe { borrow(audio, "sound") }) else { return ptr::null() };
    let name = match audio.sample_format() {
        SampleFormat::U8 => c"U8",
        SampleFormat::S8 => c"S8",
        SampleFormat::S16Le => c"S16_LE",
        SampleFormat::S24Le => c"S24_LE",
        SampleFormat::S24Packed => c"S24_3LE",
        SampleFormat::S32Le => c"S32_LE",
        SampleFormat::FloatLe => c"FLOAT_LE",
    };
    name.as_ptr()
}

/// The samples, interleaved.
///
/// # Safety
/// As the header has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn usermedia_audio_data(audio: *const AudioData) -> *const c_void {
    // SAFETY: the contract is this function's own.
    let Ok(audio) = (unsafe { borrow(audio, "sound") }) else { return ptr::null() };
    audio.data().as_ptr().cast()
}
