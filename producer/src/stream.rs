//! One stream's producer, shared by its handles and its task: the pipeline behind a lock, receipts, and those who wait.
//! Why a lock and no channel: a put is a few dozen nanoseconds of work, less than handing it over would cost, and its
//! refusal is known at once.

mod state;

use crate::config::Hook;
use crate::error::Error;
use crate::failure::{Failure, Refused};
use crate::health::Health;
use crate::intake::WaitId;
use crate::metrics::StreamMetrics;
use crate::pipeline::{FlushId, Pipeline};
use crate::receipt::{Book, Receipt, Receipts, tell};
use crate::stats::StreamStats;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use tailwater_record::{ShardId, StreamRef, UserRecord};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use state::{Delivery, State};

/// What handles and task share.
pub(crate) struct Stream {
    pub(crate) name: StreamRef,
    state: Mutex<State>,
    /// The task has something to do that it does not know of.
    pub(crate) wake: Notify,
    health: watch::Sender<Health>,
    hook: Option<Hook>,
    pub(crate) metrics: Option<StreamMetrics>,
    in_order_alone: bool,
}

impl Stream {
    pub(crate) fn new(
        name: StreamRef,
        pipeline: Pipeline,
        hook: Option<Hook>,
        metrics: Option<StreamMetrics>,
        in_order_alone: bool,
    ) -> Self {
        let state = State::new(pipeline, hook.clone());
        let (health, _) = watch::channel(Health::Healthy);
        Self { name, state: Mutex::new(state), wake: Notify::new(), health, hook, metrics, in_order_alone }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing of ours panics halfway through a change; what a user's code does is called without the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts a record, and lets `note` enter its number in the book.
    fn accept<T>(
        &self,
        record: UserRecord,
        admitted: Option<WaitId>,
        note: impl FnOnce(&mut Book, u64) -> T,
    ) -> Result<T, Refused> {
        let now = Instant::now();
        let mut state = self.lock();
        let put = state.pipeline.put(now, record, admitted);
        let noted = put.map(|number| note(&mut state.book, number));
        // Also when it is refused: the room that it was promised goes to the next in line.
        let wake = state.must_wake();
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        noted
    }

    pub(crate) fn try_put(&self, record: UserRecord) -> Result<Receipt, Refused> {
        self.accept(record, None, Book::watch)
    }

    pub(crate) fn try_send(&self, record: UserRecord) -> Result<(), Refused> {
        self.accept(record, None, Book::forget)
    }

    pub(crate) async fn put(self: &Arc<Self>, record: UserRecord) -> Result<Receipt, Refused> {
        match self.try_put(record) {
            Err(refused) if is_full(&refused) => {
                let (record, id) = self.room_for(refused.into_record()).await?;
                self.accept(record, Some(id), Book::watch)
            }
            done => done,
        }
    }

    pub(crate) async fn send(self: &Arc<Self>, record: UserRecord) -> Result<(), Refused> {
        match self.try_send(record) {
            Err(refused) if is_full(&refused) => {
                let (record, id) = self.room_for(refused.into_record()).await?;
                self.accept(record, Some(id), Book::forget)
            }
            done => done,
        }
    }

    /// Accepts records one after the other until one is refused; gives that one.
    pub(crate) fn try_put_all(
        &self,
        records: &mut std::vec::IntoIter<UserRecord>,
        receipts: &mut Receipts,
    ) -> Option<Refused> {
        let now = Instant::now();
        let mut state = self.lock();
        let refused = records.find_map(|record| match state.pipeline.put(now, record, None) {
            Ok(number) => {
                state.book.watch_with(number, receipts);
                None
            }
            Err(refused) => Some(refused),
        });
        let wake = state.must_wake();
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        refused
    }

    pub(crate) async fn put_with(self: &Arc<Self>, record: UserRecord, receipts: &mut Receipts) -> Result<(), Refused> {
        let (record, id) = self.room_for(record).await?;
        self.accept(record, Some(id), |book, number| book.watch_with(number, receipts))
    }

    /// Waits until there is room for this record; then the room is promised to it.
    async fn room_for(self: &Arc<Self>, record: UserRecord) -> Result<(UserRecord, WaitId), Refused> {
        let began = Instant::now();
        let (sender, receiver) = oneshot::channel();
        let mut place = {
            let mut state = self.lock();
            if state.ended {
                return Err(Refused::new(record, Error::Closed));
            }
            let id = state.pipeline.wait(&record);
            state.waits.insert(id, sender);
            InLine { stream: Arc::clone(self), id, holds: true }
        };
        self.poke();
        let admitted = receiver.await.unwrap_or(Err(Error::Closed));
        // The promise is taken up by the put that follows at once.
        place.holds = false;
        if let Some(metrics) = &self.metrics {
            metrics.waited_for_room(began.elapsed());
        }
        match admitted {
            Ok(()) => Ok((record, place.id)),
            Err(error) => Err(Refused::new(record, error)),
        }
    }

    /// Lets the task look at once.
    pub(crate) fn poke(&self) {
        self.wake.notify_one();
    }

    pub(crate) async fn flush(&self) -> Result<(), Error> {
        self.flushed(|state| state.pipeline.flush(Instant::now())).await
    }

    /// Takes no more records and waits until all are settled, or cannot be.
    pub(crate) async fn drain(&self) -> Result<(), Error> {
        self.flushed(|state| {
            state.closing.get_or_insert_default();
            state.pipeline.close(Instant::now())
        })
        .await
    }

    async fn flushed(&self, begin: impl FnOnce(&mut State) -> FlushId) -> Result<(), Error> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.lock();
            let id = begin(&mut state);
            state.flushes.insert(id, sender);
            if state.ended {
                // No task is left that would tell; and there is nothing but this to tell.
                state.act();
                state.flushes.clear();
            }
        }
        self.poke();
        receiver.await.unwrap_or(Err(Error::Closed))
    }

    /// Gives up whatever is left, tells everybody, and lets the task end. Gives the failures since `drain`.
    pub(crate) fn end(&self) -> Vec<Failure> {
        let deliveries = {
            let mut state = self.lock();
            state.ended = true;
            state.pipeline.abandon(Instant::now());
            let (_, deliveries) = state.act();
            deliveries
        };
        self.deliver(deliveries);
        self.poke();
        self.lock().closing.take().unwrap_or_default()
    }

    /// The task is gone, for a fault of ours or with its runtime: everybody who waits is told, and nothing is relied on.
    pub(crate) fn end_without_task(&self) {
        if catch_unwind(AssertUnwindSafe(|| self.end())).is_err() {
            tracing::error!(stream = %self.name, "records could not be given back");
        }
        let (waits, flushes) = {
            let mut state = self.lock();
            state.ended = true;
            (std::mem::take(&mut state.waits), std::mem::take(&mut state.flushes))
        };
        // Those who wait see that nobody will answer.
        drop((waits, flushes));
        self.publish_health(Health::Failing { reason: "the stream's task is gone".to_owned() });
    }

    pub(crate) fn resume(&self, shard: Option<&ShardId>) -> usize {
        let resumed = self.lock().pipeline.resume(Instant::now(), shard);
        self.poke();
        resumed
    }

    /// Tells receipts and hook. Without the lock, because wakers and hooks are other people's code.
    pub(crate) fn deliver(&self, deliveries: Vec<Delivery>) {
        let mut wakers: Vec<Waker> = Vec::new();
        let mut unheard = Vec::new();
        for delivery in deliveries {
            match delivery {
                Delivery::Stored { landed, pages, records, waited } => {
                    if let Some(metrics) = &self.metrics {
                        metrics.stored(waited);
                    }
                    for (page, places) in pages {
                        page.store(&landed, &records[places], &mut wakers);
                    }
                }
                Delivery::Failed { page: Some(page), number, failure } => {
                    unheard.extend(page.fail(number, *failure, &mut wakers));
                }
                Delivery::Failed { page: None, failure, .. } => unheard.push(*failure),
            }
        }
        wakers.into_iter().for_each(Waker::wake);
        unheard.into_iter().for_each(|failure| tell(self.hook.as_ref(), failure));
    }

    pub(crate) fn publish_health(&self, health: Health) {
        self.health.send_if_modified(|known| {
            let changed = *known != health;
            if changed {
                tracing::info!(stream = %self.name, ?health, "health");
                *known = health;
            }
            changed
        });
    }

    pub(crate) fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    pub(crate) fn stats(&self) -> StreamStats {
        StreamStats::of(&self.name, &self.lock().pipeline, Instant::now(), self.in_order_alone)
    }
}

/// A place in line for room. Dropped before its record is put, it gives up the place, or the promise.
struct InLine {
    stream: Arc<Stream>,
    id: WaitId,
    holds: bool,
}

impl Drop for InLine {
    fn drop(&mut self) {
        if self.holds {
            let mut state = self.stream.lock();
            state.waits.remove(&self.id);
            state.pipeline.leave(self.id);
            drop(state);
            self.stream.poke();
        }
    }
}

fn is_full(refused: &Refused) -> bool {
    matches!(refused.error(), Error::Full { .. })
}

impl fmt::Debug for Stream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Stream").field("name", &self.name).finish_non_exhaustive()
    }
}
