//! The task of one shard: fetches, hands batches to the handler, and says how far it has come.
//! A handler's error ends nothing here: the same records come again, or the shard stops; never does a checkpoint pass what
//! was not handled. Spawned by `worker_task` when a shard may be handled, and joined by it.

mod end;
mod spacing;

use crate::backoff::Backoff;
use crate::batch::page::Page;
use crate::batch::{Batch, BatchOf};
use crate::checkpoint::Checkpoint;
use crate::config::OnFailure;
use crate::error::Error;
use crate::event::Event;
use crate::fetch::{Fetched, Fetching};
use crate::handler::{Begin, Fault, Handler, MakeHandler};
use crate::link::Link;
use crate::snapshot::ShardView;
use crate::state::{Inner, StreamInfo};
use crate::unpack::{Facts, Unpacking};
use crate::worker::action::{Order, Outcome};
use futures_util::FutureExt;
pub(crate) use spacing::Unwritten;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tailwater_store::{Lease, Progress};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;

/// What the task of a shard is made of.
pub(crate) struct ShardTask<M> {
    pub(crate) inner: Arc<Inner>,
    pub(crate) lease: Lease,
    pub(crate) stream: Arc<StreamInfo>,
    pub(crate) link: Arc<Link>,
    pub(crate) orders: watch::Receiver<Order>,
    pub(crate) refetch: Arc<Notify>,
    pub(crate) view: Arc<Mutex<ShardView>>,
    pub(crate) make: Arc<M>,
    pub(crate) chance: fastrand::Rng,
    /// How far records were handled, or passed: where fetching begins.
    pub(crate) at: Progress,
    pub(crate) unwritten: Unwritten,
}

/// How serving a handler ended.
enum Served {
    Ended,
    Drained,
    Abandoned,
    Panicked,
    Failed(String),
}

/// What came of one call.
enum Tried {
    Done,
    Failed(Fault),
    Panicked,
    Abandoned,
}

impl<M: MakeHandler> ShardTask<M> {
    /// Handles the shard until it ends, or until it is told to stop.
    pub(crate) async fn run(mut self) -> Outcome {
        let key = self.lease.key.clone();
        self.inner.tell(&Event::Begun { key: key.clone(), from: self.lease.progress.clone() });
        let mut backoff = Backoff::default();
        let outcome = loop {
            self.at = self.link.handled();
            let begin = self.begin();
            let Ok(mut handler) = std::panic::catch_unwind(AssertUnwindSafe(|| self.make.make(&begin))) else {
                self.inner.tell(&Event::HandlerPanicked { key: key.clone() });
                match self.rest(&mut backoff).await {
                    None => continue,
                    Some(_) => break Outcome::Stopped,
                }
            };
            let served = self.serve(&mut handler, &begin).await;
            match served {
                Served::Ended => break Outcome::Ended,
                Served::Drained => break Outcome::Stopped,
                Served::Abandoned => {
                    self.leave(&mut handler).await;
                    break Outcome::Stopped;
                }
                Served::Failed(error) => break Outcome::Failed(error),
                Served::Panicked => {
                    self.inner.tell(&Event::HandlerPanicked { key: key.clone() });
                    self.failing("the handler panicked".to_owned());
                    if self.rest(&mut backoff).await.is_some() {
                        self.leave(&mut handler).await;
                        break Outcome::Stopped;
                    }
                    self.recall();
                    self.read_row().await;
                }
            }
        };
        if !matches!(outcome, Outcome::Failed(_)) {
            self.link.sever();
        }
        outcome
    }

    /// The handler lets go of what it holds for the shard; how is its own affair.
    async fn leave(&self, handler: &mut M::Handler) {
        self.link.sever();
        let _ = AssertUnwindSafe(handler.lost()).catch_unwind().await;
    }

    fn begin(&self) -> Begin {
        Begin {
            stream: self.lease.key.stream.clone(),
            shard: self.lease.key.shard.clone(),
            from: self.at.clone(),
            state: self.lease.state.clone(),
            pending: self.lease.pending.clone(),
            checkpoint: self.checkpoint(),
        }
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::new(Arc::clone(&self.link))
    }

    /// How long to wait after this failure.
    fn wait(&mut self, backoff: &mut Backoff) -> Duration {
        let settings = &self.inner.settings;
        backoff.next(settings.first_wait, settings.longest_wait, &mut self.chance)
    }

    async fn serve(&mut self, handler: &mut M::Handler, begin: &Begin) -> Served {
        let mut backoff = Backoff::default();
        for attempt in 1.. {
            match self.tried(handler.start(begin)).await {
                Tried::Done => break,
                Tried::Abandoned => return Served::Abandoned,
                Tried::Panicked => return Served::Panicked,
                Tried::Failed(fault) => {
                    if let Some(served) = self.failed(attempt, fault, &mut backoff).await {
                        return served;
                    }
                }
            }
        }
        let mut fetching = self.fetch();
        loop {
            let due = self.written_due();
            let written_due = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            let fetched = tokio::select! {
                biased;
                order = ordered(&mut self.orders) => return match order {
                    Order::Abandon => Served::Abandoned,
                    Order::Drain | Order::Run => self.drain(handler, fetching).await,
                },
                () = self.refetch.notified() => {
                    fetching = self.fetch();
                    continue;
                }
                () = written_due => {
                    self.write_now();
                    continue;
                }
                fetched = fetching.next() => fetched,
            };
            match fetched {
                Fetched::Page(page) => {
                    if let Some(served) = self.page(handler, page).await {
                        return served;
                    }
                }
                Fetched::Ended(children) => return self.end(handler, children).await,
                Fetched::Panicked => fetching = self.fetch(),
            }
        }
    }

    fn fetch(&mut self) -> Fetching {
        let of = Arc::new(BatchOf {
            stream: self.lease.key.stream.clone(),
            shard: self.lease.key.shard.clone(),
            rules: Unpacking {
                on_stray: self.inner.settings.on_stray,
                range: self.lease.range,
                spreads: self.stream.spreads,
            },
            checkpoint: Some(self.checkpoint()),
        });
        Fetching::begin(&self.inner, &self.lease, &self.stream, &self.view, of, self.at.clone(), self.chance.u64(..))
    }

    /// Hands a page over, batch by batch.
    async fn page(&mut self, handler: &mut M::Handler, page: Page) -> Option<Served> {
        for (batch, facts) in page {
            self.told(&facts);
            if let Some(served) = self.batch(handler, batch).await {
                return Some(served);
            }
            // Between batches is where a shard that is handed over stops; the rest is fetched by its next owner.
            if *self.orders.borrow() != Order::Run {
                return None;
            }
        }
        None
    }

    fn told(&self, facts: &Facts) {
        let key = &self.lease.key;
        for aside in &facts.set_aside {
            let (sequence, records) = (aside.sequence.to_string(), aside.records);
            self.inner.tell(&Event::SetAside { key: key.clone(), sequence, records });
        }
        for unreadable in &facts.unreadable {
            let (sequence, records) = (unreadable.sequence.to_string(), unreadable.records);
            self.inner.tell(&Event::UnreadableRecords { key: key.clone(), sequence, records });
        }
    }

    /// Delivers a batch until it is handled.
    async fn batch(&mut self, handler: &mut M::Handler, mut batch: Batch) -> Option<Served> {
        self.link.deliver(batch.end());
        let mut backoff = Backoff::default();
        let (records, bytes) = (batch.len() as u64, batch.bytes());
        for attempt in 1_u32.. {
            if batch.is_empty() {
                break;
            }
            let began = Instant::now();
            let must_wake = {
                let mut state = self.inner.lock();
                state.worker.handling(&self.lease.key, Some(began), 0);
                state.must_wake()
            };
            if must_wake {
                self.inner.wake.notify_one();
            }
            self.view().attempt = attempt;
            let span = tracing::debug_span!(
                "records", stream = %self.lease.key.stream, shard = %self.lease.key.shard, records = batch.len(), attempt
            );
            let before = self.link.handled();
            let tried = self.tried(handler.records(&batch).instrument(span)).await;
            let done = matches!(tried, Tried::Done);
            self.inner.lock().worker.handling(&self.lease.key, None, if done { bytes } else { 0 });
            if let Some(metrics) = &self.inner.metrics {
                metrics.handled(began.elapsed(), if done { batch.len() } else { 0 });
            }
            match tried {
                Tried::Done => break,
                Tried::Abandoned => return Some(Served::Abandoned),
                Tried::Panicked => return Some(Served::Panicked),
                Tried::Failed(fault) => {
                    // What failed now is not what failed last.
                    if self.link.handled() > before {
                        backoff.reset();
                    }
                    if let Some(served) = self.failed(attempt, fault, &mut backoff).await {
                        return Some(served);
                    }
                }
            }
            self.read_row().await;
            batch = batch.behind(&self.link.handled()).with_attempt(attempt.saturating_add(1));
        }
        self.handled(&batch, records);
        None
    }

    /// The lease goes to somebody else: the handler's last chance for a checkpoint.
    async fn drain(&mut self, handler: &mut M::Handler, fetching: Fetching) -> Served {
        drop(fetching);
        self.write_now();
        let checkpoint = self.checkpoint();
        match self.tried(handler.stopping(&checkpoint)).await {
            Tried::Done => Served::Drained,
            Tried::Abandoned => Served::Abandoned,
            Tried::Panicked => {
                self.inner.tell(&Event::HandlerPanicked { key: self.lease.key.clone() });
                Served::Drained
            }
            Tried::Failed(fault) => {
                let error = fault.to_string();
                self.inner.tell(&Event::HandlerFailed { key: self.lease.key.clone(), attempt: 1, error });
                Served::Drained
            }
        }
    }

    /// What the handler before put beside its checkpoints is the next one's.
    fn recall(&mut self) {
        let state = self.inner.lock();
        if let Some(row) = state.worker.row(&self.lease.key).filter(|row| row.tenure == self.lease.tenure) {
            self.lease.state.clone_from(&row.state);
            self.lease.pending.clone_from(&row.pending);
        }
    }

    /// What the application wrote in transactions of its own counts, told or not.
    async fn read_row(&mut self) {
        if self.link.has_tickets()
            && let Ok(Some(row)) = self.inner.store.lease(&self.lease.key).await
            && row.tenure == self.lease.tenure
        {
            self.link.catch_up(&row.progress);
            (self.lease.state, self.lease.pending) = (row.state, row.pending);
        }
    }

    /// One call of the handler, given up when the lease is lost.
    async fn tried<E: Into<Fault>>(&mut self, call: impl Future<Output = Result<(), E>>) -> Tried {
        tokio::select! {
            biased;
            () = abandoned(&mut self.orders) => Tried::Abandoned,
            done = AssertUnwindSafe(call).catch_unwind() => match done {
                Ok(Ok(())) => Tried::Done,
                Ok(Err(fault)) => Tried::Failed(fault.into()),
                Err(_) => Tried::Panicked,
            },
        }
    }

    /// A call failed: waits until it may be made again, unless the policy or an order says otherwise.
    async fn failed(&mut self, attempt: u32, fault: Fault, backoff: &mut Backoff) -> Option<Served> {
        let (key, error) = (self.lease.key.clone(), fault.to_string());
        self.failing(error.clone());
        self.inner.tell(&Event::HandlerFailed { key: key.clone(), attempt, error: error.clone() });
        match self.inner.settings.on_failure {
            OnFailure::Retry => match self.rest(backoff).await {
                None => None,
                Some(Order::Abandon) => Some(Served::Abandoned),
                Some(Order::Drain | Order::Run) => Some(Served::Drained),
            },
            OnFailure::StopShard => Some(Served::Failed(error)),
            OnFailure::StopWorker => {
                {
                    let mut state = self.inner.lock();
                    let fault = Error::Handler { shard: key.to_string(), reason: error.clone() };
                    state.fault.get_or_insert(fault);
                    state.worker.end(Instant::now(), true);
                }
                self.inner.wake.notify_one();
                Some(Served::Failed(error))
            }
        }
    }

    fn failing(&self, error: String) {
        self.view().handler_error = Some(error);
    }

    /// Waits after a failure, or until there is an order.
    async fn rest(&mut self, backoff: &mut Backoff) -> Option<Order> {
        let until = Instant::now() + self.wait(backoff);
        tokio::select! {
            biased;
            order = ordered(&mut self.orders) => Some(order),
            () = sleep_until(until) => None,
        }
    }

    fn view(&self) -> MutexGuard<'_, ShardView> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until there is something else to do than to go on.
async fn ordered(orders: &mut watch::Receiver<Order>) -> Order {
    match orders.wait_for(|order| *order != Order::Run).await {
        Ok(order) => *order,
        // Nobody is left to give one.
        Err(_) => Order::Abandon,
    }
}

/// Waits until the lease is lost.
async fn abandoned(orders: &mut watch::Receiver<Order>) {
    // With nobody left to say so, it is lost as well.
    let _ = orders.wait_for(|order| *order == Order::Abandon).await;
}
