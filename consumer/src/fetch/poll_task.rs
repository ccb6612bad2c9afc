//! Reads a shard by polling: makes the calls that the cursor wants, and passes pages on, with the room that they take.
//! No rule lives here. One page may wait for the handler while the next is read; more would only age.

use super::cursor::{Children, Cursor, CursorSettings, Failure, IteratorRequest, Page as Facts, Step, Verdict};
use crate::batch::BatchOf;
use crate::batch::page::Page;
use crate::event::Event;
use crate::snapshot::ShardView;
use crate::state::{Inner, StreamInfo};
use crate::stream::names;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tailwater_client::{Client, Error};
use tailwater_store::{Lease, LeaseKey, Progress};
use tailwater_wire::shapes::{ChildShard, GetRecordsInput, GetRecordsOutput, GetShardIteratorInput, ShardIterator};
use tailwater_wire::{FaultCode, RetryClass};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// What was read.
pub(crate) enum Fetched {
    /// Records.
    Page(Page),
    /// The shard's end, and what comes after it.
    Ended(Vec<ChildShard>),
    /// The task is gone, as it should not be.
    Panicked,
}

/// A shard that is being read. Dropped, it is read no more.
pub(crate) struct Fetching {
    pages: mpsc::Receiver<Fetched>,
    task: JoinHandle<()>,
}

impl Fetching {
    /// Begins behind what is handled.
    pub(crate) fn begin(
        inner: &Arc<Inner>,
        lease: &Lease,
        stream: &Arc<StreamInfo>,
        view: &Arc<Mutex<ShardView>>,
        of: Arc<BatchOf>,
        at: Progress,
        seed: u64,
    ) -> Self {
        let (pass, pages) = mpsc::channel(1);
        let settings =
            CursorSettings { idle: inner.settings.idle, is_paced: inner.settings.paced, ..CursorSettings::default() };
        let cursor = Cursor::new(Instant::now(), &at, lease.origin, settings, seed);
        let poll = Poll {
            inner: Arc::clone(inner),
            client: inner.client.once(),
            key: lease.key.clone(),
            stream: Arc::clone(stream),
            view: Arc::clone(view),
            of,
            at,
            cursor,
            pass,
            children: Vec::new(),
        };
        let task = tokio::spawn(poll.run());
        Self { pages, task }
    }

    /// What was read next.
    ///
    /// Cancellation: nothing is lost.
    pub(crate) async fn next(&mut self) -> Fetched {
        self.pages.recv().await.unwrap_or(Fetched::Panicked)
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Poll {
    inner: Arc<Inner>,
    client: Client,
    key: LeaseKey,
    stream: Arc<StreamInfo>,
    view: Arc<Mutex<ShardView>>,
    of: Arc<BatchOf>,
    /// What is handled before the next page: a cursor that begins inside an aggregate reads it again.
    at: Progress,
    cursor: Cursor,
    pass: mpsc::Sender<Fetched>,
    children: Vec<ChildShard>,
}

impl Poll {
    async fn run(mut self) {
        let account = self.inner.budget.account(self.stream.record_limit, self.inner.settings.floor);
        loop {
            match self.cursor.next(Instant::now()) {
                Step::Wait(until) => sleep_until(until).await,
                Step::Iterator(request) => self.iterator(request).await,
                Step::Read(iterator, limit) => {
                    // Who has nothing to do with its page yet needs no next one, nor room for it.
                    let Ok(place) = self.pass.clone().reserve_owned().await else { return };
                    let mut grant = account.read().await;
                    let Some((output, verdict)) = self.read(iterator, limit.min(grant.limit())).await else { continue };
                    let GetRecordsOutput { records, millis_behind_latest, .. } = output;
                    if records.is_empty() || verdict == Verdict::Dropped {
                        continue;
                    }
                    let page = Page::new(Arc::clone(&self.of), records, self.at.clone());
                    grant.shrink_to(page.bytes());
                    let page = page
                        .with_lag(millis_behind_latest.map(Duration::from_millis))
                        .with_batch_bytes(self.inner.settings.batch_bytes as u64)
                        .with_grant(grant);
                    drop(place.send(Fetched::Page(page)));
                }
                Step::Ended => {
                    // Nobody who waits for the end is gone but with its lease.
                    let _ = self.pass.send(Fetched::Ended(std::mem::take(&mut self.children))).await;
                    return;
                }
            }
        }
    }

    async fn iterator(&mut self, request: IteratorRequest) {
        let (stream_name, stream_arn) = names(&self.stream.named);
        let input = GetShardIteratorInput {
            stream_name,
            shard_id: self.key.shard.clone(),
            shard_iterator_type: request.kind,
            starting_sequence_number: request.sequence,
            timestamp: request.timestamp,
            stream_arn,
            dry_run: None,
        };
        self.waits(true);
        let answer = self.client.dated(&input).await;
        self.waits(false);
        match answer {
            Ok((output, date)) => match output.shard_iterator {
                Some(iterator) => {
                    self.cursor.iterator(iterator, date);
                    self.view().fetch_error = None;
                }
                None => self.failed(Failure::Other, "an answer without an iterator".to_owned()),
            },
            Err(error) => self.failed(judge(&error), error.to_string()),
        }
        if self.cursor.fell_back() {
            self.inner.tell(&Event::FellBack { key: self.key.clone() });
        }
    }

    async fn read(&mut self, iterator: ShardIterator, limit: u32) -> Option<(GetRecordsOutput, Verdict)> {
        let (_, stream_arn) = names(&self.stream.named);
        let input = GetRecordsInput { shard_iterator: iterator, limit: Some(limit), stream_arn, dry_run: None };
        let began = Instant::now();
        self.waits(true);
        let answer = self.client.dated(&input).await;
        self.waits(false);
        let (mut output, date) = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.failed(judge(&error), error.to_string());
                return None;
            }
        };
        let bytes = output.records.iter().map(|record| record.data.len() as u64).sum();
        let behind = output.millis_behind_latest.map(Duration::from_millis);
        let children = output.child_shards.take().unwrap_or_default();
        let facts = Facts {
            last: output.records.last().map(|record| record.sequence_number.clone()),
            bytes,
            next: output.next_shard_iterator.take(),
            behind,
            children: match children.as_slice() {
                [] => Children::None,
                told if told.iter().all(|child| !child.parent_shards.is_empty()) => Children::Whole,
                _ => Children::Faulty,
            },
            date,
        };
        let verdict = self.cursor.page(Instant::now(), facts);
        if verdict == Verdict::Last {
            self.children = children;
        }
        if let Some(metrics) = &self.inner.metrics {
            metrics.fetched(began.elapsed(), bytes);
        }
        let mut view = self.view();
        (view.lag, view.fetch_error) = (behind.or(view.lag), None);
        drop(view);
        Some((output, verdict))
    }

    /// Says that an answer is waited for, or is not any more: an answer that never comes is noticed by that.
    fn waits(&self, waits: bool) {
        let since = waits.then(Instant::now);
        let must_wake = {
            let mut state = self.inner.lock();
            state.worker.fetching(&self.key, since);
            waits && state.must_wake()
        };
        if must_wake {
            self.inner.wake.notify_one();
        }
    }

    fn failed(&mut self, failure: Failure, error: String) {
        self.cursor.failed(Instant::now(), failure);
        let throttled = failure == Failure::Throttled;
        // An iterator that has grown too old is nobody's fault.
        if failure != Failure::ExpiredIterator {
            if !throttled {
                self.view().fetch_error = Some(error.clone());
            }
            self.inner.tell(&Event::FetchFailed { key: self.key.clone(), error, throttled });
        }
    }

    fn view(&self) -> std::sync::MutexGuard<'_, ShardView> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a refusal means for who reads.
fn judge(error: &Error) -> Failure {
    match error.code() {
        Some(FaultCode::ExpiredIterator) => Failure::ExpiredIterator,
        Some(FaultCode::ResourceNotFound) => Failure::Gone,
        Some(FaultCode::InvalidArgument) => Failure::InvalidArgument,
        Some(code) if code.retry_class() == RetryClass::Throttled => Failure::Throttled,
        Some(_) | None => Failure::Other,
    }
}
