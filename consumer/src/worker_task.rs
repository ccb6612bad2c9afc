//! The one task of a worker: lets the machine's time pass, does what it says, and brings it the answers.
//! No rule lives here. It runs on a thread of its own unless that is switched off, so that leases are renewed whatever
//! handlers do to the runtime's threads; what speaks to the service or runs handlers is spawned where the consumer was
//! started.

use crate::balance::Strategy;
use crate::cpu::Cpu;
use crate::event::Event;
use crate::handler::MakeHandler;
use crate::link::Link;
use crate::shard_task::{ShardTask, Unwritten};
use crate::state::{Inner, ShardSlot};
use crate::stream::{Described, Listed, list};
use crate::worker::action::{Action, Observation, Order, Outcome, Purpose, Wanted};
use futures_util::FutureExt;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tailwater_store::{Applied, Change, Error, GroupRecord, Lease, LeaseKey, Moved, StreamIdentity, Wish};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// What a task of the worker's brings.
enum Done {
    Observed(Result<Observation, Error>),
    Wrote(LeaseKey, Purpose, Box<Result<Applied, Error>>),
    Looked(LeaseKey, Result<bool, Error>),
    Beaten(Result<bool, Error>),
    Locked(Result<bool, Error>),
    Discovered(StreamIdentity, Wanted, Listed),
    Created(StreamIdentity, Result<usize, Error>),
    Gone(LeaseKey, Outcome),
    /// Nobody waits for it.
    Nothing,
}

/// Serves a worker until it has left. Should it panic, or go with its runtime, everybody who waits is told so.
pub(crate) async fn run<M: MakeHandler>(
    inner: Arc<Inner>,
    make: Arc<M>,
    runtime: Handle,
    mut living: watch::Receiver<()>,
) {
    let mut shell = Shell { inner: Arc::clone(&inner), make, runtime, work: JoinSet::new(), cpu: Cpu::default() };
    let served = tokio::select! {
        biased;
        // Nothing is ever sent: the handle is gone.
        _ = living.changed() => Ok(()),
        served = AssertUnwindSafe(shell.serve()).catch_unwind() => served,
    };
    // A handler that blocks its thread cannot be stopped, and is not waited for.
    let _ = timeout(Duration::from_secs(1), shell.work.shutdown()).await;
    if served.is_err() {
        tracing::error!(group = %inner.group, worker = %inner.me, "the worker's task panicked; the worker has ended");
        let mut state = inner.lock();
        state.fault.get_or_insert(crate::Error::Ended);
    }
}

struct Shell<M> {
    inner: Arc<Inner>,
    make: Arc<M>,
    runtime: Handle,
    work: JoinSet<Done>,
    cpu: Cpu,
}

impl<M: MakeHandler> Shell<M> {
    async fn serve(&mut self) {
        loop {
            let wake_at = loop {
                let wall = self.inner.wall();
                let (actions, wake_at) = {
                    let mut state = self.inner.lock();
                    let now = Instant::now();
                    state.armed = None;
                    state.worker.tick(now, wall);
                    let mut actions = Vec::new();
                    while let Some(action) = state.worker.next_action() {
                        match action {
                            Action::Settled(serials, outcome) => state.settle(serials, outcome),
                            Action::Order(key, order) => state.order(&key, order),
                            Action::Refetch(key) => {
                                if let Some(slot) = state.shards.get(&key) {
                                    slot.refetch.notify_one();
                                }
                            }
                            action => actions.push(action),
                        }
                    }
                    let wake_at = state.worker.wake_at(now);
                    if actions.is_empty() {
                        // As good as for ever, where nothing is to be waited for.
                        state.armed = Some(wake_at.unwrap_or(now + Duration::from_secs(86_400)));
                    }
                    (actions, wake_at)
                };
                if actions.is_empty() {
                    break wake_at;
                }
                for action in actions {
                    self.perform(action);
                }
            };
            if self.inner.lock().worker.has_left() && self.work.is_empty() {
                return;
            }
            let asleep = async {
                match wake_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(done) = self.work.join_next() => {
                    self.take(done);
                    while let Some(done) = self.work.try_join_next() {
                        self.take(done);
                    }
                }
                () = self.inner.wake.notified() => {}
                () = asleep => {}
            }
        }
    }

    /// Brings an answer to the machine.
    fn take(&self, done: Result<Done, tokio::task::JoinError>) {
        let now = Instant::now();
        let mut state = self.inner.lock();
        state.armed = None;
        match done {
            Ok(Done::Observed(outcome)) => state.worker.observed(now, outcome),
            Ok(Done::Wrote(key, purpose, outcome)) => state.worker.wrote(now, &key, &purpose, *outcome),
            Ok(Done::Looked(key, outcome)) => state.worker.looked(now, &key, outcome),
            Ok(Done::Beaten(outcome)) => state.worker.beaten(now, outcome),
            Ok(Done::Locked(outcome)) => state.worker.locked(now, outcome),
            Ok(Done::Discovered(stream, wanted, Listed::Shards(shards))) => {
                state.worker.discovered(now, &stream, wanted, Ok(shards));
            }
            Ok(Done::Discovered(stream, wanted, Listed::Failed(error))) => {
                state.worker.discovered(now, &stream, wanted, Err(error));
            }
            Ok(Done::Discovered(stream, _, Listed::Anew(described))) => {
                let Described { identity, info, .. } = *described;
                state.streams.insert(identity.clone(), Arc::new(info));
                state.worker.made_anew(now, &stream, identity);
            }
            Ok(Done::Created(stream, outcome)) => state.worker.created(now, &stream, outcome),
            Ok(Done::Gone(key, outcome)) => {
                state.shards.remove(&key);
                state.worker.gone(now, &key, outcome);
            }
            Ok(Done::Nothing) => {}
            // Panics are caught inside, and nothing is aborted before the worker ends.
            Err(fault) => tracing::error!(group = %self.inner.group, %fault, "a task of the worker is gone"),
        }
    }

    fn perform(&mut self, action: Action) {
        let inner = Arc::clone(&self.inner);
        match action {
            Action::Observe => self.ask(async move { Done::Observed(observe(&inner).await) }),
            Action::Write { key, change, purpose } => self.ask(async move {
                if let (Some(metrics), Change::Renew(renewal)) = (&inner.metrics, &change) {
                    metrics.wrote(renewal.written.is_some());
                }
                let applied = timely(&inner, inner.store.apply(&key, &change)).await;
                Done::Wrote(key, purpose, Box::new(applied))
            }),
            Action::Look { key, parents } => self.ask(async move {
                let ended = all_ended(&inner, &parents).await;
                Done::Looked(key, ended)
            }),
            Action::Beat(mut row) => {
                if self.inner.settings.strategy == Strategy::Cpu {
                    row.cpu = self.cpu.look();
                    self.inner.lock().worker.set_cpu(row.cpu);
                }
                self.ask(async move { Done::Beaten(timely(&inner, inner.store.beat(&inner.group, &row)).await) });
            }
            Action::Swap(swap) => self.ask(async move {
                let written = inner.store.swap_lock(&inner.group, swap.seen, swap.lock.as_ref());
                Done::Locked(timely(&inner, written).await)
            }),
            Action::Create(stream, leases) => self.ask(async move {
                let created = create(&inner, &leases).await;
                Done::Created(stream, created)
            }),
            Action::Remove(lease) => self.ask(async move {
                let removed = timely(&inner, inner.store.remove(&lease)).await;
                unheeded(&inner, "to remove a row", removed)
            }),
            Action::Strike(row) => self.ask(async move {
                let struck = timely(&inner, inner.store.strike(&inner.group, &row)).await;
                unheeded(&inner, "to strike a worker off", struck)
            }),
            Action::Remember(moves) => self.ask(async move {
                let remembered = change_group(&inner, |group| group.remember(moves.clone())).await;
                unheeded(&inner, "to write moves down", remembered)
            }),
            Action::Seek { key, change, wish } => self.ask(async move {
                let sought = seek(&inner, &key, &change, &wish).await;
                unheeded(&inner, "to begin a lease anew", sought)
            }),
            Action::Discover(stream, wanted) => {
                let listing = async move {
                    let origin = inner.lock().worker.origin(&stream);
                    let listed = list(&inner, &stream, wanted, origin).await;
                    Done::Discovered(stream, wanted, listed)
                };
                self.work.spawn_on(listing, &self.runtime);
            }
            Action::Start(lease) => self.start(*lease),
            Action::Tell(event) => {
                if let Event::Superseded { worker } = &event {
                    let fault = crate::Error::Superseded { worker: worker.clone() };
                    self.inner.lock().fault.get_or_insert(fault);
                }
                self.inner.tell(&event);
            }
            Action::Order(..) | Action::Refetch(_) | Action::Settled(..) => unreachable!("done under the lock"),
        }
    }

    fn ask(&mut self, asking: impl Future<Output = Done> + Send + 'static) {
        self.work.spawn(asking);
    }

    fn start(&mut self, lease: Lease) {
        let key = lease.key.clone();
        let (orders, ordered) = watch::channel(Order::Run);
        let refetch = Arc::new(Notify::new());
        let link = Arc::new(Link::new(Arc::clone(&self.inner), &lease));
        let view = Arc::default();
        let (stream, chance) = {
            let mut state = self.inner.lock();
            let slot =
                ShardSlot { orders, refetch: Arc::clone(&refetch), link: Arc::clone(&link), view: Arc::clone(&view) };
            state.shards.insert(key.clone(), slot);
            (state.streams.get(&key.stream).map(Arc::clone), state.seed.fork())
        };
        let Some(stream) = stream else {
            // Taken off while this was on its way.
            self.work.spawn(async move { Done::Gone(key, Outcome::Stopped) });
            return;
        };
        let task = ShardTask {
            inner: Arc::clone(&self.inner),
            at: lease.progress.clone(),
            lease,
            stream,
            link,
            orders: ordered,
            refetch,
            view,
            make: Arc::clone(&self.make),
            chance,
            unwritten: Unwritten::default(),
        };
        let running = async move {
            let outcome = AssertUnwindSafe(task.run()).catch_unwind().await;
            Done::Gone(key, outcome.unwrap_or(Outcome::Stopped))
        };
        self.work.spawn_on(running, &self.runtime);
    }
}

/// An answer that does not come in time is taken for lost.
async fn timely<T>(inner: &Inner, asking: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let limit = inner.settings.store_timeout();
    match timeout(limit, asking).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::Unavailable { reason: format!("no answer within {limit:?}"), may_have_happened: true }),
    }
}

/// What failed is told, and tried again when it is wanted again.
fn unheeded<T>(inner: &Inner, asked: &'static str, outcome: Result<T, Error>) -> Done {
    if let Err(error) = outcome {
        inner.tell(&Event::StoreFailed { asked, error: error.to_string() });
    }
    Done::Nothing
}

async fn observe(inner: &Inner) -> Result<Observation, Error> {
    let (store, group) = (&inner.store, &inner.group);
    timely(inner, async {
        let (listing, workers, lock, record) =
            tokio::try_join!(store.leases(group), store.workers(group), store.lock(group), store.group(group))?;
        Ok(Observation { listing, workers, lock, group: record })
    })
    .await
}

async fn all_ended(inner: &Inner, parents: &BTreeSet<LeaseKey>) -> Result<bool, Error> {
    for parent in parents {
        if timely(inner, inner.store.lease(parent)).await?.is_some_and(|row| !row.is_ended()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// In order, up to the first that fails: a child's row must not stand without its parent's.
async fn create(inner: &Inner, leases: &[Lease]) -> Result<usize, Error> {
    let mut created = 0;
    for lease in leases {
        created += usize::from(timely(inner, inner.store.create(lease)).await?);
    }
    Ok(created)
}

/// Changes what the group knows, as often as somebody else is faster.
async fn change_group(inner: &Inner, change: impl Fn(&mut GroupRecord)) -> Result<(), Error> {
    loop {
        let mut record = timely(inner, inner.store.group(&inner.group)).await?;
        change(&mut record);
        record.version += 1;
        if timely(inner, inner.store.swap_group(&inner.group, &record)).await? {
            return Ok(());
        }
    }
}

/// The row first: a wish that is taken back without having been fulfilled would be lost.
async fn seek(inner: &Inner, key: &LeaseKey, change: &Change, wish: &Wish) -> Result<(), Error> {
    if let Applied::Done(row) = timely(inner, inner.store.apply(key, change)).await? {
        let moved = Moved {
            key: key.clone(),
            from: row.actual_owner().cloned(),
            to: row.owner,
            reason: format!("begun anew behind {:?}, as an operator wished", row.progress),
            at: inner.wall(),
        };
        change_group(inner, |group| {
            group.wishes.retain(|other| other != wish);
            group.remember([moved.clone()]);
        })
        .await?;
    }
    Ok(())
}
