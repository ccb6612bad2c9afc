//! A subscription that stands: bytes to events.
//! It holds one frame and the pieces that a reader has not taken yet; a reader that stalls stalls its own stream of the
//! connection, no other.

use crate::coordinates::Coordinates;
use crate::error::Error;
use crate::transport::{Cut, Sent};
use futures_core::Stream;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tailwater_wire::Body;
use tailwater_wire::event_stream::{Frames, Message};
use tailwater_wire::http::BodyStream;
use tailwater_wire::shapes::SubscribeToShardEvent;
use tokio::time::{Instant, Sleep};

/// Events of one shard, as they arrive, for five minutes at the most.
///
/// It ends without a word after five minutes, or behind the event that tells the end of the shard (one without a
/// continuation number and with children). It ends with an error when the service takes the subscription away, when the
/// connection breaks, or when nothing arrives for longer than [`Config::with_silence_limit`](crate::Config::with_silence_limit).
/// Dropped, it is cancelled, and its place on the connection is free.
///
/// ```no_run
/// # async fn example(client: tailwater_client::Client, input: tailwater_wire::shapes::SubscribeToShardInput)
/// #     -> Result<(), tailwater_client::Error> {
/// let mut subscription = client.subscribe_to_shard(&input).await?;
/// while let Some(event) = subscription.next().await {
///     println!("{} records", event?.records.len());
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a subscription that is dropped is cancelled"]
pub struct Subscription {
    at: Coordinates,
    /// Nothing once it has ended.
    pieces: Option<BodyStream>,
    frames: Frames,
    silence: Pin<Box<Sleep>>,
    silence_limit: Duration,
}

impl Subscription {
    pub(crate) fn new(at: Coordinates, body: Body, silence_limit: Duration) -> Self {
        let (mut frames, mut pieces) = (Frames::new(), None);
        match body {
            Body::Whole(bytes) => {
                frames.push(&bytes);
                pieces = Some(Box::pin(futures_util::stream::empty()) as BodyStream);
            }
            Body::Streamed(streamed) => pieces = pieces.or(Some(streamed)),
        }
        Self { at, pieces, frames, silence: Box::pin(tokio::time::sleep(silence_limit)), silence_limit }
    }

    /// The next event; nothing at the end.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub async fn next(&mut self) -> Option<Result<SubscribeToShardEvent, Error>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Which call it came from.
    #[must_use]
    pub fn coordinates(&self) -> &Coordinates {
        &self.at
    }

    fn at(&self) -> Box<Coordinates> {
        Box::new(self.at.clone())
    }

    fn cut(&self, reason: String) -> Error {
        Error::Cut { at: self.at(), cut: Cut { sent: Sent::All, reason } }
    }
}

impl Stream for Subscription {
    type Item = Result<SubscribeToShardEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if this.pieces.is_none() {
                return Poll::Ready(None);
            }
            let ended = match this.frames.next_message() {
                Ok(Some(Message::Event(event))) => return Poll::Ready(Some(Ok(event))),
                Ok(Some(Message::Opening | Message::Unknown)) => continue,
                Ok(Some(Message::Ended(fault))) => Some(Error::Refused { at: this.at(), fault }),
                Err(source) => Some(Error::Garbled { at: this.at(), source }),
                Ok(None) => None,
            };
            if let Some(error) = ended {
                this.pieces = None;
                return Poll::Ready(Some(Err(error)));
            }
            let Some(pieces) = &mut this.pieces else { return Poll::Ready(None) };
            match pieces.as_mut().poll_next(context) {
                Poll::Ready(Some(Ok(piece))) => {
                    this.frames.push(&piece);
                    this.silence.as_mut().reset(Instant::now() + this.silence_limit);
                }
                Poll::Ready(Some(Err(fault))) => {
                    this.pieces = None;
                    return Poll::Ready(Some(Err(this.cut(fault.reason))));
                }
                Poll::Ready(None) => {
                    this.pieces = None;
                    let waiting = this.frames.waiting();
                    let whole = waiting == 0;
                    let reason = || format!("the stream ended with {waiting} bytes of an event");
                    return Poll::Ready((!whole).then(|| Err(this.cut(reason()))));
                }
                Poll::Pending => {
                    ready!(this.silence.as_mut().poll(context));
                    this.pieces = None;
                    let reason = format!("nothing arrived for {:?}", this.silence_limit);
                    return Poll::Ready(Some(Err(this.cut(reason))));
                }
            }
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ended, waiting) = (self.pieces.is_none(), self.frames.waiting());
        out.debug_struct("Subscription")
            .field("at", &self.at)
            .field("ended", &ended)
            .field("waiting", &waiting)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures_util::StreamExt;
    use tailwater_wire::http::BodyFault;
    use tailwater_wire::{Fault, FaultCode, Operation};

    fn event(number: u64) -> SubscribeToShardEvent {
        SubscribeToShardEvent {
            records: Vec::new(),
            continuation_sequence_number: Some(number.to_string().parse().unwrap()),
            millis_behind_latest: 0,
            child_shards: None,
        }
    }

    fn frame(message: Message) -> Result<Bytes, BodyFault> {
        Ok(message.encode().unwrap())
    }

    fn subscription(pieces: impl Stream<Item = Result<Bytes, BodyFault>> + Send + 'static) -> Subscription {
        let at = Coordinates {
            operation: Operation::SubscribeToShard,
            stream: None,
            shard: None,
            attempt: 1,
            request_id: None,
        };
        Subscription::new(at, Body::Streamed(Box::pin(pieces)), Duration::from_secs(30))
    }

    #[tokio::test(start_paused = true)]
    async fn events_come_in_order_and_the_end_is_the_end() {
        let pieces = vec![frame(Message::Opening), frame(Message::Event(event(1))), frame(Message::Event(event(2)))];
        let mut subscription = subscription(futures_util::stream::iter(pieces));
        assert_eq!(subscription.next().await, Some(Ok(event(1))));
        assert_eq!(subscription.next().await, Some(Ok(event(2))));
        assert_eq!(subscription.next().await, None);
        assert_eq!(subscription.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_subscription_that_is_taken_away_ends_with_the_services_word() {
        let fault = Fault::new(FaultCode::ResourceInUse, "another");
        let pieces =
            vec![frame(Message::Event(event(1))), frame(Message::Ended(fault.clone())), frame(Message::Opening)];
        let mut subscription = subscription(futures_util::stream::iter(pieces));
        assert_eq!(subscription.next().await, Some(Ok(event(1))));
        assert_eq!(subscription.next().await.unwrap().unwrap_err().code(), Some(&FaultCode::ResourceInUse));
        assert_eq!(subscription.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_beyond_the_limit_ends_it_and_signs_of_life_do_not() {
        let alive = futures_util::stream::unfold(0, |number| async move {
            // The service's pulse: one event each five seconds; then it falls silent.
            let pulse = if number < 20 { Duration::from_secs(5) } else { Duration::from_secs(3600) };
            tokio::time::sleep(pulse).await;
            Some((frame(Message::Event(event(number))), number + 1))
        });
        let mut subscription = subscription(alive);
        for number in 0..20 {
            assert_eq!(subscription.next().await, Some(Ok(event(number))));
        }
        let error = subscription.next().await.unwrap().unwrap_err();
        assert!(error.to_string().contains("nothing arrived for 30s"), "{error}");
        assert_eq!(subscription.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_breaks_off_or_is_garbled_is_told() {
        let half = Message::Event(event(1)).encode().unwrap().slice(..50);
        let mut broken = subscription(futures_util::stream::iter(vec![Ok(half)]));
        assert!(broken.next().await.unwrap().unwrap_err().to_string().contains("ended with 50 bytes"));
        let mut garbled = subscription(futures_util::stream::iter(vec![Ok(Bytes::from_static(&[7; 50]))]));
        assert!(matches!(garbled.next().await, Some(Err(Error::Garbled { .. }))));
        let fault = BodyFault { reason: "reset".to_owned() };
        let mut reset =
            subscription(futures_util::stream::iter(vec![Err(fault)]).chain(futures_util::stream::pending()));
        assert!(reset.next().await.unwrap().unwrap_err().to_string().contains("reset"));
        assert_eq!(reset.next().await, None);
    }
}
