//! A processor as a `Stream`, for programs with an async runtime.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::FusedStream;

use super::consumer::ConsumerStatistics;
use super::frame::VideoFrame;
use super::medium::Medium;
use super::processor::MediaStreamTrackProcessor;
use crate::error::Result;

/// A [`MediaStreamTrackProcessor`] as a [`Stream`], from [`MediaStreamTrackProcessor::into_stream`], under any runtime.
///
/// It gives what the processor gives: the newest frames, or those in order; `None` when the track ended, after one `Err` if
/// it ended badly, and `None` ever after. There is no thread and no timer behind it: the capture thread wakes the task that
/// waits, once, and a frame costs no allocation. Dropping it detaches it.
///
/// Opening a camera takes as long as the camera takes, and waits: have the runtime do it where waiting is allowed
/// (`tokio::task::spawn_blocking(move || devices.get_user_media(&constraints))`).
///
/// It is a type of its own because a processor is an iterator: with both on one type, `frames.next()` would name two methods.
///
/// ```
/// use futures_util::StreamExt;
/// use usermedia::{MediaDevices, MediaStreamConstraints};
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let constraints = MediaStreamConstraints::new().video(true);
///     let opening = move || MediaDevices::synthetic().get_user_media(&constraints);
///     let stream = tokio::task::spawn_blocking(opening).await??;
///     let mut frames = stream.video_tracks()[0].processor(2).into_stream();
///     for _ in 0..3 {
///         let frame = frames.next().await.ok_or("the camera has ended")??;
///         println!("frame {}", frame.sequence());
///     }
///     Ok(())
/// }
/// ```
pub struct ProcessorStream<M: Medium = VideoFrame> {
    processor: MediaStreamTrackProcessor<M>,
    terminated: bool,
}

impl<M: Medium> ProcessorStream<M> {
    pub(super) fn new(processor: MediaStreamTrackProcessor<M>) -> Self {
        Self { processor, terminated: false }
    }

    /// What was counted of it.
    pub fn statistics(&self) -> ConsumerStatistics {
        self.processor.statistics()
    }
}

impl<M: Medium> Stream for ProcessorStream<M> {
    type Item = Result<M>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<M>>> {
        let this = self.get_mut();
        let polled = this.processor.poll_next(context);
        this.terminated |= matches!(polled, Poll::Ready(None));
        polled
    }
}

impl<M: Medium> FusedStream for ProcessorStream<M> {
    fn is_terminated(&self) -> bool {
        self.terminated
    }
}
