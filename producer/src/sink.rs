//! A stream's producer as a `Sink`, so that any `Stream` of records can be forwarded to it.

use crate::error::Error;
use crate::failure::Refused;
use crate::stream_producer::StreamProducer;
use futures_sink::Sink;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tailwater_record::UserRecord;

/// Takes records of which nobody wants to know. Flush it before it is dropped: one record may wait in it for room. A record that is refused ends the forwarding and can be had by
/// [`take_refused`](Self::take_refused).
pub struct RecordSink {
    producer: StreamProducer,
    /// A record that waits for room.
    putting: Option<Waiting<Refused>>,
    flushing: Option<Waiting<Error>>,
    refused: Option<UserRecord>,
}

type Waiting<E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send>>;

impl RecordSink {
    pub(crate) fn new(producer: StreamProducer) -> Self {
        Self { producer, putting: None, flushing: None, refused: None }
    }

    /// The record that was refused last.
    pub fn take_refused(&mut self) -> Option<UserRecord> {
        self.refused.take()
    }

    fn refuse(&mut self, refused: Refused) -> Error {
        let error = refused.error().clone();
        self.refused = Some(refused.into_record());
        error
    }
}

impl Sink<UserRecord> for RecordSink {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(putting) = &mut self.putting else { return Poll::Ready(Ok(())) };
        let put = ready!(putting.as_mut().poll(context));
        self.putting = None;
        Poll::Ready(put.map_err(|refused| self.refuse(refused)))
    }

    fn start_send(mut self: Pin<&mut Self>, record: UserRecord) -> Result<(), Error> {
        // A flush that was begun before does not cover it.
        self.flushing = None;
        match self.producer.try_send(record) {
            Ok(()) => Ok(()),
            Err(refused) if matches!(refused.error(), Error::Full { .. }) => {
                let producer = self.producer.clone();
                self.putting = Some(Box::pin(async move { producer.send(refused.into_record()).await }));
                Ok(())
            }
            Err(refused) => Err(self.refuse(refused)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.as_mut().poll_ready(context))?;
        let producer = self.producer.clone();
        let flushing = self.flushing.get_or_insert_with(|| Box::pin(async move { producer.flush().await }));
        let flushed = ready!(flushing.as_mut().poll(context));
        self.flushing = None;
        Poll::Ready(flushed)
    }

    /// Closing the sink flushes it; the producer stays open for others.
    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_flush(context)
    }
}

impl Drop for RecordSink {
    fn drop(&mut self) {
        if self.putting.is_some() {
            tracing::warn!(stream = %self.producer.name(), "a sink was dropped with a record that waited for room");
        }
    }
}

impl fmt::Debug for RecordSink {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RecordSink").field("producer", &self.producer).finish_non_exhaustive()
    }
}
