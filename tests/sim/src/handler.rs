//! What handlers do: take their time, fail, panic, and say in five ways what they have handled.

use crate::invariants::Thread;
use crate::plan::{Mode, millis};
use crate::store::Store;
use crate::world::World;
use std::sync::Arc;
use std::time::Duration;
use tailwater::consumer::{Batch, Begin, Checkpoint, CheckpointError, Handler};
use tailwater::record::ShardId;
use tailwater::store::Progress;
use tokio::time::{sleep, timeout};

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failed(String);

impl From<CheckpointError> for Failed {
    fn from(fault: CheckpointError) -> Self {
        Self(fault.to_string())
    }
}

impl From<Failed> for Box<dyn std::error::Error + Send + Sync> {
    fn from(failed: Failed) -> Self {
        failed.0.into()
    }
}

/// What goes wrong in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    Fails,
    Panics,
}

/// The handler of one shard.
pub(crate) struct Hand {
    store: Store,
    worker: String,
    shard: ShardId,
    chance: fastrand::Rng,
    thread: Thread,
    /// How far this one has handled.
    handled: Option<Progress>,
}

/// A call that is going on; over when this is dropped.
struct Seat<'h> {
    world: &'h World,
    process: usize,
    shard: &'h ShardId,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.world.lock().watch.rise(self.process, self.shard);
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.store.world.lock().watch.unmade(self.store.process, &self.shard);
    }
}

/// What stands beside a checkpoint that is made by hand.
fn beside(progress: &Progress) -> String {
    let (sequence, sub_sequence) = progress.to_text();
    format!("{sequence}/{sub_sequence}")
}

impl Hand {
    pub(crate) fn new(store: Store, worker: String, seed: u64, begin: &Begin) -> Self {
        let shard = begin.shard.clone();
        {
            let mut state = store.world.lock();
            state.note(format_args!("p{} begins {shard} behind {:?}", store.process, begin.from));
            state.watch.made(store.process, &worker, &shard, &begin.from);
            state.vacancies.began(&shard);
            let is_begun = matches!(begin.from, Progress::Through { .. });
            let is_right =
                begin.state.as_deref() == is_begun.then(|| beside(&begin.from)).as_deref().map(str::as_bytes);
            if store.world.plan.mode == Mode::ByHand && !is_right {
                state.watch.violate(format_args!("p{} finds {:?} beside {:?}", store.process, begin.state, begin.from));
            }
        }
        let thread = Thread::new(begin.from.clone());
        Self { store, worker, shard, chance: fastrand::Rng::with_seed(seed), thread, handled: None }
    }

    fn world(&self) -> Arc<World> {
        Arc::clone(&self.store.world)
    }

    fn trouble(&mut self) -> (Trouble, Duration) {
        let troubles = self.store.world.lock().weather.troubles();
        let most = self.store.world.plan.pace.as_millis() as u64;
        let mut takes = millis(&mut self.chance, 0, most);
        if self.chance.u32(..1000) < troubles.slow {
            takes += millis(&mut self.chance, 1_000, 40_000);
        }
        let trouble = match self.chance.u32(..1000) {
            chance if chance < troubles.fails => Trouble::Fails,
            chance if chance < troubles.fails + troubles.panics => Trouble::Panics,
            _ => Trouble::None,
        };
        (trouble, takes)
    }

    fn come_to_grief(trouble: Trouble) -> Result<(), Failed> {
        match trouble {
            Trouble::None => Ok(()),
            Trouble::Fails => Err(Failed("as the seed says".to_owned())),
            // Past the hook, which would print it.
            Trouble::Panics => std::panic::resume_unwind(Box::new("as the seed says")),
        }
    }

    fn take_effect(&mut self, records: &[(usize, Progress)]) {
        let items: Vec<usize> = records.iter().map(|(item, _)| *item).collect();
        self.store.world.lock().take_effect(self.store.process, &self.shard, &items);
        self.handled = records.last().map(|(_, at)| at.clone()).or(self.handled.take());
    }

    /// Handles records as the plan says.
    async fn handle(&mut self, batch: &Batch, records: &[(usize, Progress)], trouble: Trouble) -> Result<(), Failed> {
        let checkpoint = batch.checkpoint().clone();
        // Some of it may be done when something goes wrong.
        let until = if trouble == Trouble::None { records.len() } else { self.chance.usize(..=records.len()) };
        let (done, left) = records.split_at(until);
        match self.store.world.plan.mode {
            Mode::Plain => self.take_effect(done),
            Mode::ByHand => {
                let mut rest = done;
                while !rest.is_empty() {
                    let (some, after) = rest.split_at(self.chance.usize(1..=rest.len()));
                    self.take_effect(some);
                    if let (Some((_, at)), true) = (some.last(), self.chance.bool()) {
                        checkpoint.commit_with(at, beside(at)).await?;
                    }
                    rest = after;
                }
                if trouble == Trouble::None {
                    checkpoint.commit_with(&batch.end(), beside(&batch.end())).await?;
                }
            }
            Mode::TwoStep => {
                let to = done.last().filter(|_| !left.is_empty()).map_or_else(|| batch.end(), |(_, at)| at.clone());
                if !done.is_empty() {
                    let prepared = checkpoint.prepare(&to, Some(beside(&to).into())).await?;
                    self.take_effect(done);
                    if left.is_empty() || self.chance.bool() {
                        prepared.commit().await?;
                    }
                }
            }
            Mode::Later => {
                self.take_effect(done);
                if left.is_empty() {
                    self.handled = Some(batch.end());
                    self.store.world.keep(&mut self.chance, checkpoint, batch.end());
                }
            }
            Mode::Transact => {
                let mut rest = done;
                while !rest.is_empty() {
                    let (some, after) = rest.split_at(self.chance.usize(1..=rest.len()));
                    let to =
                        if after.is_empty() && left.is_empty() { batch.end() } else { some[some.len() - 1].1.clone() };
                    self.transact(&checkpoint, &to, some).await?;
                    rest = after;
                }
            }
        }
        Self::come_to_grief(trouble)
    }

    async fn transact(
        &self,
        checkpoint: &Checkpoint,
        to: &Progress,
        records: &[(usize, Progress)],
    ) -> Result<(), Failed> {
        let ticket = checkpoint.ticket(to)?;
        let items = records.iter().map(|(item, _)| *item).collect();
        let patience = self.store.world.plan.observation();
        match timeout(patience, self.store.transact(ticket.key(), ticket.commit(), items)).await {
            Ok(Ok(true)) => Ok(ticket.committed()?),
            Ok(Ok(false)) => Err(Failed("the transaction is refused".to_owned())),
            Ok(Err(fault)) => Err(Failed(fault.to_string())),
            Err(_) => Err(Failed("the transaction takes too long".to_owned())),
        }
    }
}

impl Handler for Hand {
    type Error = Failed;

    async fn start(&mut self, _: &Begin) -> Result<(), Failed> {
        let world = self.world();
        let (trouble, takes) = self.trouble();
        let shard = self.shard.clone();
        let _seat = take_seat(&world, self.store.process, &self.worker, &shard);
        sleep(takes / 4).await;
        Self::come_to_grief(trouble)
    }

    async fn records(&mut self, batch: &Batch) -> Result<(), Failed> {
        let world = self.world();
        let (trouble, takes) = self.trouble();
        let shard = self.shard.clone();
        let _seat = take_seat(&world, self.store.process, &self.worker, &shard);
        let mut records = Vec::with_capacity(batch.len());
        for record in batch.records() {
            let item = std::str::from_utf8(record.data()).ok().and_then(|text| text.parse().ok());
            records.push((item.unwrap_or(usize::MAX), record.progress()));
        }
        {
            let mut state = world.lock();
            let items: Vec<usize> = records.iter().map(|(item, _)| *item).collect();
            let (process, attempt) = (self.store.process, batch.attempt());
            state.note(format_args!("p{process} is handed {items:?} of {shard} for the {attempt}. time, {trouble:?}"));
            state.watch.deliver(process, &shard, &mut self.thread, attempt, &records, &batch.end());
        }
        // What was not delivered cannot be handled, whatever a handler says.
        let beyond = Progress::ShardEnd;
        if self.chance.u32(..20) == 0 && batch.checkpoint().advance(&beyond).is_ok() {
            world.lock().watch.violate(format_args!("p{} may say that {shard} is at its end", self.store.process));
        }
        sleep(takes).await;
        self.handle(batch, &records, trouble).await
    }

    async fn ended(&mut self, _: &Checkpoint) -> Result<(), Failed> {
        let world = self.world();
        let (trouble, takes) = self.trouble();
        let shard = self.shard.clone();
        let _seat = take_seat(&world, self.store.process, &self.worker, &shard);
        sleep(takes / 4).await;
        Self::come_to_grief(trouble)
    }

    async fn stopping(&mut self, checkpoint: &Checkpoint) -> Result<(), Failed> {
        let world = self.world();
        let (trouble, takes) = self.trouble();
        let shard = self.shard.clone();
        let _seat = take_seat(&world, self.store.process, &self.worker, &shard);
        sleep(takes / 4).await;
        Self::come_to_grief(trouble)?;
        if let (Mode::Later, Some(handled)) = (world.plan.mode, &self.handled)
            && *handled > checkpoint.reached()
        {
            checkpoint.commit(handled).await?;
        }
        Ok(())
    }

    async fn lost(&mut self) {
        let takes = self.trouble().1;
        sleep(takes / 4).await;
    }
}

fn take_seat<'h>(world: &'h World, process: usize, worker: &str, shard: &'h ShardId) -> Seat<'h> {
    world.lock().watch.sit(process, worker, shard);
    Seat { world, process, shard }
}
