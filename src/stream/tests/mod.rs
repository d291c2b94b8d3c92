//! What the caller holds, over cameras of the scripted kernel: from the request to the last frame.

mod apply;
mod bench;
mod callbacks;
mod consumers;
mod devices;
mod dma_buf;
mod early;
mod ends;
mod fan_out;
mod fitting;
#[cfg(feature = "convert")]
mod making;
mod permission;
#[cfg(feature = "async")]
mod processor_stream;
mod requests;
mod sinks;
mod sound;
mod stalls;
mod tracks;
