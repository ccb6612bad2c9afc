//! The one task of a stream: lets the pipeline's time pass, sends what it says, and brings it the answers.
//! No rule lives here. Requests are tasks of their own, so that bodies are encoded on as many processors as there are; none
//! outlives this one.

use crate::describe::{describe, names};
use crate::pipeline::{Action, Description, PutOutcome, RequestId};
use crate::stream::Stream;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tailwater_client::{self as client, Client};
use tailwater_record::StreamRef;
use tailwater_wire::shapes::PutRecordsInput;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;

/// What a request's task brings.
enum Done {
    Put(RequestId, Option<PutOutcome>),
    Described(Option<Result<Description, Arc<client::Error>>>),
}

/// Serves a stream until it is ended. Should the task panic, or go with its runtime, everybody who waits is told so.
pub(crate) async fn run(ward: Ward, client: Client) {
    if AssertUnwindSafe(serve(&ward.0, &client)).catch_unwind().await.is_err() {
        tracing::error!(stream = %ward.0.name, "the stream's task panicked; the stream is closed");
    }
}

/// A stream that is served as long as this stands, in a task that may never be polled.
pub(crate) struct Ward(pub(crate) Arc<Stream>);

impl Drop for Ward {
    fn drop(&mut self) {
        if !self.0.lock().ended {
            self.0.end_without_task();
        }
    }
}

async fn serve(stream: &Arc<Stream>, client: &Client) {
    let mut requests: JoinSet<Done> = JoinSet::new();
    loop {
        let (wake_at, health, ended) = loop {
            let (work, deliveries, wake_at, health, ended) = {
                let mut state = stream.lock();
                let now = Instant::now();
                state.pipeline.tick(now);
                let (work, deliveries) = state.act();
                let changes = state.pipeline.trend.changes_at(now);
                let wake_at = [state.pipeline.wake_at(), changes].into_iter().flatten().min();
                let health = state.pipeline.trend.health(now);
                (state.armed, state.asleep) = (wake_at, work.is_empty() && deliveries.is_empty());
                (work, deliveries, wake_at, health, state.ended)
            };
            if work.is_empty() && deliveries.is_empty() {
                break (wake_at, health, ended);
            }
            stream.deliver(deliveries);
            for action in work {
                perform(stream, client, action, &mut requests);
            }
        };
        stream.publish_health(health);
        if ended {
            return requests.shutdown().await;
        }
        let asleep = async {
            match wake_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(done) = requests.join_next() => {
                take(stream, done);
                while let Some(done) = requests.try_join_next() {
                    take(stream, done);
                }
            }
            () = stream.wake.notified() => {}
            () = asleep => {}
        }
    }
}

/// Brings an answer to the pipeline.
fn take(stream: &Stream, done: Result<Done, tokio::task::JoinError>) {
    let now = Instant::now();
    let mut state = stream.lock();
    state.asleep = false;
    match done {
        Ok(Done::Put(id, Some(outcome))) => state.pipeline.answered(now, id, outcome),
        Ok(Done::Put(id, None)) => state.pipeline.lost(now, id),
        Ok(Done::Described(Some(outcome))) => state.pipeline.described(now, outcome),
        Ok(Done::Described(None)) => state.pipeline.undescribed(now),
        // Panics are caught inside, and requests are aborted only when this task ends.
        Err(fault) => tracing::error!(stream = %stream.name, %fault, "a request's task is gone"),
    }
}

fn perform(stream: &Arc<Stream>, client: &Client, action: Action, requests: &mut JoinSet<Done>) {
    match action {
        Action::Send { id, entries, parcels } => {
            let records: usize = parcels.iter().map(|parcel| parcel.records).sum();
            let attempt = parcels.iter().map(|parcel| parcel.attempt).max();
            let span =
                tracing::debug_span!("put_records", stream = %stream.name, entries = entries.len(), records, attempt);
            if let Some(metrics) = &stream.metrics {
                metrics.sent(&parcels);
            }
            let (stream_name, stream_arn) = names(&stream.name);
            let mut input = PutRecordsInput::new(entries);
            (input.stream_name, input.stream_arn) = (stream_name, stream_arn);
            // The pipeline repeats; the client does not.
            let (client, stream) = (client.once(), Arc::clone(stream));
            let put = async move {
                let began = Instant::now();
                let called = AssertUnwindSafe(client.put_records(&input)).catch_unwind().await;
                if let Some(metrics) = &stream.metrics {
                    metrics.answered(began.elapsed());
                }
                match called {
                    Ok(Ok(output)) => Done::Put(id, Some(Ok(output.records))),
                    Ok(Err(error)) => {
                        tracing::debug!(%error, "not put");
                        Done::Put(id, Some(Err(Arc::new(error))))
                    }
                    Err(_) => Done::Put(id, None),
                }
            };
            requests.spawn(put.instrument(span));
        }
        Action::Describe => {
            let (client, name) = (client.clone(), StreamRef::clone(&stream.name));
            requests.spawn(async move {
                Done::Described(AssertUnwindSafe(describe(&client, &name)).catch_unwind().await.ok())
            });
        }
        Action::Tell(event) => {
            if event.is_warning() {
                tracing::warn!(stream = %stream.name, "{event}");
            } else {
                tracing::debug!(stream = %stream.name, "{event}");
            }
        }
        Action::Stored(_) | Action::Failed(_) | Action::Admit(_) | Action::Dismiss(..) | Action::Flushed(..) => {
            unreachable!("told under the lock")
        }
    }
}
