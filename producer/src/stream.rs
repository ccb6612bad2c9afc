//! One stream's producer, shared by its handles and its task: the pipeline behind a lock, receipts, and those who wait.
//! Why a lock and no channel: a put is a few dozen nanoseconds of work, less than handing it over would cost, and its
//! refusal is known at once.

use crate::config::Hook;
use crate::error::Error;
use crate::failure::{Failure, Refused};
use crate::health::Health;
use crate::intake::WaitId;
use crate::metrics::StreamMetrics;
use crate::pipeline::{Action, Failed, FlushId, Pipeline};
use crate::receipt::{Book, Landed, Page, Receipt, Receipts};
use crate::stats::{ShardStats, StreamStats};
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;
use tailwater_record::{ShardId, StreamRef, UserRecord};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

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

pub(crate) struct State {
    pub(crate) pipeline: Pipeline,
    book: Book,
    waits: HashMap<WaitId, oneshot::Sender<Result<(), Error>>>,
    flushes: HashMap<FlushId, oneshot::Sender<Result<(), Error>>>,
    /// What the task sleeps towards; nothing while it is awake, or sleeps until it is woken.
    pub(crate) armed: Option<Instant>,
    pub(crate) asleep: bool,
    /// The task is to end.
    pub(crate) ended: bool,
    /// Failures since the producer began to close.
    closing: Option<Vec<Failure>>,
}

/// A settlement on its way to those who hold the receipts: done without the lock.
pub(crate) enum Delivery {
    Stored {
        landed: Arc<Landed>,
        pages: Vec<(Arc<Page>, std::ops::Range<usize>)>,
        records: Vec<(u64, u32)>,
        waited: Duration,
    },
    Failed {
        page: Option<Arc<Page>>,
        number: u64,
        failure: Box<Failure>,
    },
}

impl Stream {
    pub(crate) fn new(
        name: StreamRef,
        pipeline: Pipeline,
        hook: Option<Hook>,
        metrics: Option<StreamMetrics>,
        in_order_alone: bool,
    ) -> Self {
        let state = State {
            pipeline,
            book: Book::default(),
            waits: HashMap::new(),
            flushes: HashMap::new(),
            armed: None,
            asleep: false,
            ended: false,
            closing: None,
        };
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
        let number = state.pipeline.put(now, record, admitted)?;
        let noted = note(&mut state.book, number);
        let wake = state.must_wake();
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        Ok(noted)
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
            state.pipeline.abandon(Instant::now());
            state.ended = true;
            let (_, deliveries) = state.act();
            deliveries
        };
        self.deliver(deliveries);
        self.poke();
        self.lock().closing.take().unwrap_or_default()
    }

    /// Something of ours is wrong, so nothing that it says is relied on but what can be given back.
    pub(crate) fn end_after_panic(&self) {
        if catch_unwind(AssertUnwindSafe(|| self.end())).is_err() {
            tracing::error!(stream = %self.name, "records could not be given back");
        }
        let mut state = self.lock();
        // Those who wait see that nobody will answer.
        state.waits.clear();
        state.flushes.clear();
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
        unheard.into_iter().for_each(|failure| self.tell_hook(failure));
    }

    fn tell_hook(&self, failure: Failure) {
        let Some(hook) = &self.hook else {
            let (shard, stream) = (&failure.shard, &self.name);
            return tracing::warn!(%stream, ?shard, error = %failure.error, "a record was given up that nobody waits for");
        };
        if catch_unwind(AssertUnwindSafe(|| hook(failure))).is_err() {
            tracing::error!(stream = %self.name, "the failure hook panicked");
        }
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
        let now = Instant::now();
        let state = self.lock();
        let pipeline = &state.pipeline;
        let counts = pipeline.counts.clone();
        let shards = pipeline.lanes().map(|lane| ShardStats {
            shard: lane.shard.clone(),
            waiting: lane.waiting(),
            under_way: lane.under_way,
            bytes: lane.used,
            share: lane.pace.share(now),
            failures: lane.failures(),
            stopped: lane.stopped.as_ref().map(|cause| cause.to_string()),
        });
        StreamStats {
            stream: self.name.to_string(),
            accepted: counts.accepted,
            accepted_bytes: counts.accepted_bytes,
            stored: counts.stored,
            failed: counts.failed,
            outstanding: pipeline.outstanding(),
            outstanding_bytes: pipeline.bytes_outstanding(),
            budget: pipeline.budget(),
            oldest: pipeline.oldest().map(|oldest| now.saturating_duration_since(oldest)),
            refused: counts.refused,
            waits: counts.waits,
            kinesis_records: counts.parcels,
            attempts: counts.sent,
            kinesis_records_stored: counts.stored_parcels,
            stored_bytes: counts.stored_bytes,
            requests: counts.requests,
            requests_under_way: pipeline.requests_under_way(),
            request_time: (counts.answered > 0).then(|| counts.request_time.div_f64(counts.answered as f64)),
            closed_by_size: counts.closed_by_size,
            closed_by_linger: counts.closed_by_linger,
            closed_by_flush: counts.closed_by_flush,
            retries: counts.retries,
            throttled: counts.throttled,
            transient: counts.transient,
            ambiguous: counts.ambiguous,
            misplaced: counts.misplaced,
            bisected: counts.bisected,
            packed_anew: counts.packed_anew,
            descriptions: counts.descriptions,
            one_record_per_round_trip: self.in_order_alone,
            health: pipeline.trend.health(now),
            shards: shards.collect(),
        }
    }
}

impl State {
    /// Whether the task must be woken for what has changed.
    #[inline]
    fn must_wake(&mut self) -> bool {
        if !self.asleep {
            return false;
        }
        let sooner = match (self.pipeline.wake_at(), self.armed) {
            (Some(wake), Some(armed)) => wake < armed,
            (Some(_), None) => true,
            (None, _) => false,
        };
        let wake = sooner || self.pipeline.has_actions();
        // Woken once is enough.
        self.asleep = !wake;
        wake
    }

    /// Performs what needs no waiting; gives what the task must do, and what is to be told without the lock.
    pub(crate) fn act(&mut self) -> (Vec<Action>, Vec<Delivery>) {
        let (mut work, mut deliveries) = (Vec::new(), Vec::new());
        while let Some(action) = self.pipeline.next_action() {
            match action {
                Action::Send { .. } | Action::Describe | Action::Tell(_) => work.push(action),
                Action::Stored(stored) => deliveries.push(self.stored(stored)),
                Action::Failed(failed) => self.failed(*failed, &mut deliveries),
                Action::Admit(id) => self.answer_wait(id, Ok(())),
                Action::Dismiss(id, error) => self.answer_wait(id, Err(error)),
                Action::Flushed(id, done) => {
                    if let Some(waiting) = self.flushes.remove(&id) {
                        // Who no longer waits need not be told.
                        let _ = waiting.send(done);
                    }
                }
            }
        }
        self.book.close_before(self.pipeline.first_open());
        (work, deliveries)
    }

    fn answer_wait(&mut self, id: WaitId, answer: Result<(), Error>) {
        if let Some(waiting) = self.waits.remove(&id) {
            // Who no longer waits gives the room back when it steps out of line.
            let _ = waiting.send(answer);
        }
    }

    fn stored(&self, stored: crate::pipeline::Stored) -> Delivery {
        let crate::pipeline::Stored { shard, sequence, attempts, waited, records } = stored;
        let mut pages: Vec<(Arc<Page>, std::ops::Range<usize>)> = Vec::new();
        let page_of = |number: u64| number / crate::ledger::PAGE as u64;
        let mut start = 0;
        while let Some((number, _)) = records.get(start) {
            let same = records[start..].iter().take_while(|(other, _)| page_of(*other) == page_of(*number)).count();
            if let Some(page) = self.book.find(*number) {
                pages.push((page, start..start + same));
            }
            start += same;
        }
        Delivery::Stored { landed: Arc::new(Landed { shard, sequence, attempts }), pages, records, waited }
    }

    fn failed(&mut self, failed: Failed, deliveries: &mut Vec<Delivery>) {
        let Failed { shard, error, attempts, records } = failed;
        for (number, record) in records {
            let failure = Failure { record, shard: shard.clone(), error: error.clone(), attempts: attempts.clone() };
            if let Some(closing) = &mut self.closing {
                closing.push(failure.clone());
            }
            deliveries.push(Delivery::Failed { page: self.book.find(number), number, failure: Box::new(failure) });
        }
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
