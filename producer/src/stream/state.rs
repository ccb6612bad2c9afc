//! What stands behind a stream's lock: the pipeline, and by its names those who wait to be told.
//! Called with the lock held; what is other people's code (wakers, hooks) is left for later, as a `Delivery`.

use crate::config::Hook;
use crate::error::Error;
use crate::failure::Failure;
use crate::intake::WaitId;
use crate::ledger::PAGE;
use crate::pipeline::{Action, Failed, FlushId, Pipeline, Stored};
use crate::receipt::{Book, Landed, Page};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

pub(crate) struct State {
    pub(crate) pipeline: Pipeline,
    pub(super) book: Book,
    pub(super) waits: HashMap<WaitId, oneshot::Sender<Result<(), Error>>>,
    pub(super) flushes: HashMap<FlushId, oneshot::Sender<Result<(), Error>>>,
    /// What the task sleeps towards; nothing while it is awake, or sleeps until it is woken.
    pub(crate) armed: Option<Instant>,
    pub(crate) asleep: bool,
    /// The task is to end.
    pub(crate) ended: bool,
    /// Failures since the producer began to close.
    pub(super) closing: Option<Vec<Failure>>,
}

/// A settlement on its way to those who hold the receipts: done without the lock.
pub(crate) enum Delivery {
    Stored { landed: Arc<Landed>, pages: Vec<(Arc<Page>, Range<usize>)>, records: Vec<(u64, u32)>, waited: Duration },
    Failed { page: Option<Arc<Page>>, number: u64, failure: Box<Failure> },
}

impl State {
    pub(super) fn new(pipeline: Pipeline, hook: Option<Hook>) -> Self {
        Self {
            pipeline,
            book: Book::new(hook),
            waits: HashMap::new(),
            flushes: HashMap::new(),
            armed: None,
            asleep: false,
            ended: false,
            closing: None,
        }
    }

    /// Whether the task must be woken for what has changed.
    #[inline]
    pub(super) fn must_wake(&mut self) -> bool {
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
        for page in self.pipeline.take_closed_pages() {
            self.book.close(page);
        }
        (work, deliveries)
    }

    fn answer_wait(&mut self, id: WaitId, answer: Result<(), Error>) {
        if let Some(waiting) = self.waits.remove(&id) {
            // Who no longer waits gives the room back when it steps out of line.
            let _ = waiting.send(answer);
        }
    }

    fn stored(&self, stored: Stored) -> Delivery {
        let Stored { shard, sequence, attempts, waited, records } = stored;
        let mut pages: Vec<(Arc<Page>, Range<usize>)> = Vec::new();
        let page_of = |number: u64| number / PAGE as u64;
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
