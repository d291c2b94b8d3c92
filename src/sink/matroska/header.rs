//! The parts of a Matroska file around its frames: what it is, its tracks, its tags, its index.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::codec::{VideoCodec, has_matrix, video_codec};
use super::ebml::{UNKNOWN_SIZE, binary, float, id, master, size, text, uint};
use super::{Cue, TIMESTAMP_SCALE, to_ticks};
use crate::error::Result;
use crate::format::VideoMatrixCoefficients;
use crate::sink::container::{AudioFormat, Metadata, VideoFormat};

// The ids of RFC 9559, section 5, by their names there.
pub(super) const CLUSTER: u32 = 0x1f43_b675;
pub(super) const TIMESTAMP: u32 = 0xe7;
const EBML: u32 = 0x1a45_dfa3;
const EBML_VERSION: u32 = 0x4286;
const EBML_READ_VERSION: u32 = 0x42f7;
const EBML_MAX_ID_LENGTH: u32 = 0x42f2;
const EBML_MAX_SIZE_LENGTH: u32 = 0x42f3;
const DOC_TYPE: u32 = 0x4282;
const DOC_TYPE_VERSION: u32 = 0x4287;
const DOC_TYPE_READ_VERSION: u32 = 0x4285;
const VOID: u32 = 0xec;
const SEGMENT: u32 = 0x1853_8067;
const SEEK_HEAD: u32 = 0x114d_9b74;
const SEEK: u32 = 0x4dbb;
const SEEK_ID: u32 = 0x53ab;
const SEEK_POSITION: u32 = 0x53ac;
const INFO: u32 = 0x1549_a966;
const TIMESTAMP_SCALE_ID: u32 = 0x2a_d7b1;
const DURATION: u32 = 0x4489;
const DATE_UTC: u32 = 0x4461;
const TITLE: u32 = 0x7ba9;
const MUXING_APP: u32 = 0x4d80;
const WRITING_APP: u32 = 0x5741;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK_ENTRY: u32 = 0xae;
const TRACK_NUMBER: u32 = 0xd7;
const TRACK_UID: u32 = 0x73c5;
const TRACK_TYPE: u32 = 0x83;
const FLAG_LACING: u32 = 0x9c;
const DEFAULT_DURATION: u32 = 0x23_e383;
const NAME: u32 = 0x536e;
const LANGUAGE: u32 = 0x22_b59c;
const CODEC_ID: u32 = 0x86;
const CODEC_PRIVATE: u32 = 0x63a2;
const VIDEO: u32 = 0xe0;
const PIXEL_WIDTH: u32 = 0xb0;
const PIXEL_HEIGHT: u32 = 0xba;
const UNCOMPRESSED_FOURCC: u32 = 0x2e_b524;
const COLOUR: u32 = 0x55b0;
const MATRIX_COEFFICIENTS: u32 = 0x55b1;
const RANGE: u32 = 0x55b9;
const AUDIO: u32 = 0xe1;
const SAMPLING_FREQUENCY: u32 = 0xb5;
const CHANNELS: u32 = 0x9f;
const BIT_DEPTH: u32 = 0x6264;
const SIMPLE_BLOCK: u32 = 0xa3;
const CUES: u32 = 0x1c53_bb6b;
const CUE_POINT: u32 = 0xbb;
const CUE_TIME: u32 = 0xb3;
const CUE_TRACK_POSITIONS: u32 = 0xb7;
const CUE_TRACK: u32 = 0xf7;
const CUE_CLUSTER_POSITION: u32 = 0xf1;
const TAGS: u32 = 0x1254_c367;
const TAG: u32 = 0x7373;
const TARGETS: u32 = 0x63c0;
const SIMPLE_TAG: u32 = 0x67c8;
const TAG_NAME: u32 = 0x45a3;
const TAG_STRING: u32 = 0x4487;

/// The program that wrote the file.
const APPLICATION: &str = concat!("usermedia ", env!("CARGO_PKG_VERSION"));
/// Room for a SeekHead of four entries, whatever their positions.
const SEEK_HEAD_ROOM: usize = 100;
/// A Duration element: id, size and a double.
const DURATION_BYTES: usize = 11;

/// As many tracks as have a number of one byte.
pub(super) const MAX_TRACKS: usize = 126;

/// The number of the track at `index`; Matroska counts from 1.
pub(super) fn track_number(index: usize) -> Option<u8> {
    u8::try_from(index + 1).ok().filter(|&number| usize::from(number) <= MAX_TRACKS)
}

/// One track, as far as the file's structure goes.
#[allow(clippy::large_enum_variant, reason = "a file has few tracks")]
pub(super) enum Entry {
    Video { format: VideoFormat, codec: VideoCodec },
    Audio(AudioFormat),
}

impl Entry {
    pub fn video(format: &VideoFormat) -> Result<Self> {
        Ok(Self::Video { codec: video_codec(format)?, format: format.clone() })
    }

    pub fn audio(format: &AudioFormat) -> Self {
        Self::Audio(format.clone())
    }

    /// How long `bytes` of this track last: a frame's nominal time, the samples' own. 0 where it is not known.
    pub fn duration_ns(&self, bytes: usize) -> u64 {
        match self {
            Self::Video { format, .. } => format.frame_rate.map_or(0, |rate| rate.interval_ns()),
            Self::Audio(format) => {
                let per_second = u64::from(format.sample_rate)
                    .saturating_mul(u64::from(format.channel_count))
                    .saturating_mul(u64::from(format.sample_size / 8));
                (bytes as u64).saturating_mul(1_000_000_000).checked_div(per_second).unwrap_or(0)
            }
        }
    }

    fn write(&self, out: &mut Vec<u8>, index: usize) {
        let (track_type, codec, label) = match self {
            Self::Video { format, codec } => (1, codec.id, &format.label),
            Self::Audio(format) => (2, if format.float { "A_PCM/FLOAT/IEEE" } else { "A_PCM/INT/LIT" }, &format.label),
        };
        let number = u64::from(track_number(index).unwrap_or_default());
        uint(out, TRACK_NUMBER, number);
        uint(out, TRACK_UID, number);
        uint(out, TRACK_TYPE, track_type);
        uint(out, FLAG_LACING, 0);
        text(out, LANGUAGE, "und");
        text(out, CODEC_ID, codec);
        if !label.is_empty() {
            text(out, NAME, label);
        }
        match self {
            Self::Video { format, codec } => {
                if !format.codec_private.is_empty() {
                    binary(out, CODEC_PRIVATE, &format.codec_private);
                }
                if let Some(rate) = format.frame_rate {
                    uint(out, DEFAULT_DURATION, rate.interval_ns().max(1));
                }
                master(out, VIDEO, |out| write_video(out, format, codec));
            }
            Self::Audio(format) => master(out, AUDIO, |out| {
                float(out, SAMPLING_FREQUENCY, f64::from(format.sample_rate));
                uint(out, CHANNELS, u64::from(format.channel_count));
                uint(out, BIT_DEPTH, u64::from(format.sample_size));
            }),
        }
    }
}

fn write_video(out: &mut Vec<u8>, format: &VideoFormat, codec: &VideoCodec) {
    uint(out, PIXEL_WIDTH, u64::from(format.width));
    uint(out, PIXEL_HEIGHT, u64::from(format.height));
    if let Some(code) = codec.raw {
        binary(out, UNCOMPRESSED_FOURCC, &code);
    }
    if format.fourcc.is_jpeg() || has_matrix(format.fourcc) {
        // The numbers of ITU-T H.273, which Matroska uses.
        let matrix = match format.color_space.matrix {
            VideoMatrixCoefficients::Bt709 => 1,
            VideoMatrixCoefficients::Bt601 => 6,
            VideoMatrixCoefficients::Smpte240m => 7,
            VideoMatrixCoefficients::Bt2020 => 9,
        };
        master(out, COLOUR, |out| {
            uint(out, MATRIX_COEFFICIENTS, matrix);
            uint(out, RANGE, if format.color_space.full_range { 2 } else { 1 });
        });
    }
}

/// Where the parts of the header lie that are completed at the end.
#[derive(Default)]
pub(super) struct Places {
    /// The first byte of the segment's body, from which Matroska counts; its size stands in the eight bytes before.
    pub segment_body: u64,
    /// The room kept for the SeekHead and for the duration, in a file that can be completed.
    room: Option<(u64, u64)>,
    /// The ids and positions of what the header holds.
    parts: [(u32, u64); 3],
}

impl Places {
    /// The SeekHead, in the room kept for it.
    pub fn seek_head(&self, cues: Option<u64>) -> Option<(u64, Vec<u8>)> {
        let (place, _) = self.room?;
        let mut out = Vec::with_capacity(SEEK_HEAD_ROOM);
        master(&mut out, SEEK_HEAD, |out| {
            for (part, position) in self.parts.into_iter().chain(cues.map(|cues| (CUES, cues))) {
                master(out, SEEK, |out| {
                    binary(out, SEEK_ID, &part.to_be_bytes());
                    uint(out, SEEK_POSITION, position);
                });
            }
        });
        let rest = SEEK_HEAD_ROOM - out.len();
        void(&mut out, rest);
        Some((place, out))
    }

    /// The Duration, in the room kept for it.
    pub fn duration(&self, duration_ns: u64) -> Option<(u64, Vec<u8>)> {
        let (_, place) = self.room?;
        let mut out = Vec::with_capacity(DURATION_BYTES);
        float(&mut out, DURATION, to_ticks(duration_ns) as f64);
        Some((place, out))
    }
}

/// Everything before the first cluster. `completed` keeps room for what is only known at the end.
pub(super) fn write(out: &mut Vec<u8>, tracks: &[Entry], metadata: &Metadata, completed: bool) -> Places {
    master(out, EBML, |out| {
        uint(out, EBML_VERSION, 1);
        uint(out, EBML_READ_VERSION, 1);
        uint(out, EBML_MAX_ID_LENGTH, 4);
        uint(out, EBML_MAX_SIZE_LENGTH, 8);
        text(out, DOC_TYPE, "matroska");
        // Version 4 brought the Colour element; SimpleBlock needs a reader of version 2.
        uint(out, DOC_TYPE_VERSION, 4);
        uint(out, DOC_TYPE_READ_VERSION, 2);
    });
    id(out, SEGMENT);
    out.extend_from_slice(&UNKNOWN_SIZE);
    let segment_body = out.len() as u64;
    if completed {
        void(out, SEEK_HEAD_ROOM);
    }
    let info = out.len() as u64 - segment_body;
    master(out, INFO, |out| write_info(out, metadata, completed));
    // The room for the duration is the last thing in Info.
    let duration = (out.len() - DURATION_BYTES) as u64;
    let tracks_place = out.len() as u64 - segment_body;
    master(out, TRACKS, |out| {
        for (index, track) in tracks.iter().enumerate() {
            master(out, TRACK_ENTRY, |out| track.write(out, index));
        }
    });
    let tags_place = out.len() as u64 - segment_body;
    master(out, TAGS, |out| write_tags(out, metadata));
    Places {
        segment_body,
        room: completed.then_some((segment_body, duration)),
        parts: [(INFO, info), (TRACKS, tracks_place), (TAGS, tags_place)],
    }
}

fn write_info(out: &mut Vec<u8>, metadata: &Metadata, completed: bool) {
    uint(out, TIMESTAMP_SCALE_ID, TIMESTAMP_SCALE);
    if let Some(title) = &metadata.title {
        text(out, TITLE, title);
    }
    if let Some(nanoseconds) = metadata.recorded.and_then(since_2001) {
        binary(out, DATE_UTC, &nanoseconds.to_be_bytes());
    }
    text(out, MUXING_APP, APPLICATION);
    text(out, WRITING_APP, APPLICATION);
    if completed {
        void(out, DURATION_BYTES);
    }
}

/// Nanoseconds from the start of 2001, Matroska's epoch.
fn since_2001(time: SystemTime) -> Option<i64> {
    const EPOCH_2001: Duration = Duration::from_secs(978_307_200);
    let since = time.duration_since(UNIX_EPOCH).ok()?.checked_sub(EPOCH_2001)?;
    i64::try_from(since.as_nanos()).ok()
}

fn write_tags(out: &mut Vec<u8>, metadata: &Metadata) {
    master(out, TAG, |out| {
        // Of the whole file.
        master(out, TARGETS, |_| {});
        let mut tag = |name: &str, value: &str| {
            master(out, SIMPLE_TAG, |out| {
                text(out, TAG_NAME, name);
                text(out, TAG_STRING, value);
            });
        };
        tag("ENCODER", APPLICATION);
        if metadata.synthetic {
            tag("SYNTHETIC", "1");
        }
    });
}

/// The head of a block, its payload of `bytes` to follow.
pub(super) fn simple_block(out: &mut Vec<u8>, track: u8, relative: i16, keyframe: bool, bytes: usize) {
    id(out, SIMPLE_BLOCK);
    size(out, 4 + bytes);
    out.push(0x80 | track);
    out.extend_from_slice(&relative.to_be_bytes());
    out.push(if keyframe { 0x80 } else { 0 });
}

/// The index.
pub(super) fn cues(out: &mut Vec<u8>, cues: &[Cue]) {
    if cues.is_empty() {
        return;
    }
    master(out, CUES, |out| {
        for cue in cues {
            master(out, CUE_POINT, |out| {
                uint(out, CUE_TIME, cue.ticks);
                master(out, CUE_TRACK_POSITIONS, |out| {
                    uint(out, CUE_TRACK, u64::from(cue.track));
                    uint(out, CUE_CLUSTER_POSITION, cue.position);
                });
            });
        }
    });
}

/// `total` bytes that readers skip: at least 2, at most 128.
fn void(out: &mut Vec<u8>, total: usize) {
    debug_assert!((2..=128).contains(&total));
    binary(out, VOID, &[0; 126][..total - 2]);
}
