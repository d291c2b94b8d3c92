//! From a track's queue to a sink, on the sink's thread.

use std::sync::Arc;
use std::task::Poll;

use super::bell::Bell;
use super::consumer::ConsumerStatistics;
use super::medium::{Format, Medium};
use super::outlet::TrackOutlet;
use super::processor::MediaStreamTrackProcessor;
use super::queue::Bound;
use super::sink::{Flow, Sink, Waiting};
use super::track::MediaStreamTrack;
use crate::error::Result;

/// What waits for a sink from one track, whichever its kind, as the sink's thread sees it.
pub(super) trait Lane: Send {
    /// When the next was captured, if one waits.
    fn next_timestamp(&self) -> Option<u64>;
    /// Hands over the next, if one waits.
    fn hand_to(&mut self, sink: &mut dyn Sink, track: usize) -> Handed;
    fn statistics(&self) -> ConsumerStatistics;
}

/// What came of asking a track for its next.
pub(super) enum Handed {
    /// None waits.
    Nothing,
    /// The sink got it, and said this.
    Over(Result<Flow>),
    /// There will be no more, and this is why.
    Ended(Result<()>),
}

/// A queue, and what is known of the track it belongs to.
struct TrackLane<M: Medium> {
    processor: MediaStreamTrackProcessor<M>,
    outlet: Arc<TrackOutlet<M>>,
    /// Of what the sink got last.
    format: Format<M>,
}

impl<M: Medium> TrackLane<M> {
    fn hand_over(&mut self, item: &M, sink: &mut dyn Sink, track: usize) -> Result<Flow> {
        let format = item.format();
        if !M::is_alike(&self.format, &format) {
            self.format = format;
            // By the item itself: the track may be a mode further.
            let settings = M::negotiated(&self.outlet.wanted(), &item.device_format());
            sink.reconfigured(track, &M::metadata(settings, self.format.clone()))?;
        }
        item.hand_to(sink, track)
    }
}

impl<M: Medium> Lane for TrackLane<M> {
    fn next_timestamp(&self) -> Option<u64> {
        self.processor.queue().next_timestamp()
    }

    fn hand_to(&mut self, sink: &mut dyn Sink, track: usize) -> Handed {
        match self.processor.try_next() {
            Poll::Pending => Handed::Nothing,
            Poll::Ready(Some(Ok(item))) => Handed::Over(self.hand_over(&item, sink, track)),
            Poll::Ready(Some(Err(error))) => Handed::Ended(Err(error)),
            Poll::Ready(None) => Handed::Ended(Ok(())),
        }
    }

    fn statistics(&self) -> ConsumerStatistics {
        self.processor.statistics()
    }
}

/// A lane from a track, as the sink's thread has it and as the attachment does.
pub(super) fn lane<M: Medium>(
    track: &MediaStreamTrack<M>,
    name: &str,
    bound: Bound,
    bell: &Arc<Bell>,
) -> (Box<dyn Lane>, Arc<dyn Waiting>) {
    let processor = track.bounded_processor(name, bound, Some(bell.clone()));
    let queue = processor.queue();
    let (outlet, format) = (track.outlet().clone(), track.format());
    (Box::new(TrackLane { processor, outlet, format }), queue)
}

/// Hands over what comes, the oldest first, until every track has ended or the sink has enough. A track that ends badly ends
/// no other; what it said is told in the end.
pub(super) fn feed(sink: &mut dyn Sink, lanes: &mut [Box<dyn Lane>], bell: &Bell) -> Result<()> {
    let mut outcome = Ok(());
    let mut live: Vec<(usize, &mut Box<dyn Lane>)> = lanes.iter_mut().enumerate().collect();
    while !live.is_empty() {
        // One that has nothing waiting is asked last: that is how its end is learned.
        live.sort_by_key(|(_, lane)| lane.next_timestamp().unwrap_or(u64::MAX));
        let answer = live.iter_mut().enumerate().find_map(|(place, (track, lane))| match lane.hand_to(sink, *track) {
            Handed::Nothing => None,
            answer => Some((place, answer)),
        });
        match answer {
            None => bell.wait(),
            Some((_, Handed::Nothing | Handed::Over(Ok(Flow::Continue)))) => {}
            Some((_, Handed::Over(Ok(Flow::Done)))) => break,
            Some((_, Handed::Over(Err(error)))) => return Err(error),
            Some((place, Handed::Ended(end))) => {
                outcome = outcome.and(end);
                live.remove(place);
            }
        }
    }
    outcome
}
