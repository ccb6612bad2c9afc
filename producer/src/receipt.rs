//! What a put gives: a promise to tell where the record landed, or to give it back.
//! Why pages: a receipt for each record would cost an allocation for each. Sixty-four share one, which lives as long as
//! any of them is held or open.

use crate::config::Hook;
use crate::failure::Failure;
use crate::ledger::PAGE;
use crate::pages::Pages;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tailwater_record::{SequenceNumber, ShardId};

/// Where a record is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// In this shard.
    pub shard: ShardId,
    /// Under this number, which it may share with others.
    pub sequence: SequenceNumber,
    /// At this place among those.
    pub sub_sequence: u64,
    /// After so many attempts.
    pub attempts: u32,
}

/// Tells where a record landed, or gives it back. Dropping it cancels nothing; if the record then fails, the failure hook
/// is told.
///
/// # Cancellation
/// Polling it changes nothing but who is woken.
#[must_use = "whoever does not want to know says `send`"]
pub struct Receipt {
    page: Arc<Page>,
    place: usize,
    is_read: bool,
}

/// The receipts of records that were put together.
///
/// It is a receipt for each, in order, when iterated over; [`all`](Self::all) waits for all of them.
#[must_use = "whoever does not want to know says `send`"]
#[derive(Default)]
pub struct Receipts {
    /// Pages, each with the places on it.
    pages: VecDeque<(Arc<Page>, std::ops::Range<usize>)>,
}

/// What became of records that were put together.
#[must_use = "failed records are in it"]
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Settled {
    /// How many are stored.
    pub stored: u64,
    /// Those that were given up, in order.
    pub failures: Vec<Failure>,
}

/// Receipts that share an allocation.
pub(crate) struct Page {
    slots: Mutex<[Slot; PAGE]>,
    hook: Option<Hook>,
}

enum Slot {
    Open,
    Awaited(Waker),
    /// Nobody wants to know.
    Forgotten,
    Stored(Arc<Landed>, u32),
    Failed(Box<Failure>),
    Read,
}

/// What all records of a Kinesis record share.
pub(crate) struct Landed {
    pub(crate) shard: ShardId,
    pub(crate) sequence: SequenceNumber,
    pub(crate) attempts: u32,
}

impl Page {
    fn slots(&self) -> MutexGuard<'_, [Slot; PAGE]> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pages that are open, by record number.
pub(crate) struct Book {
    pages: Pages<Arc<Page>>,
    /// Told of failures that nobody reads.
    hook: Option<Hook>,
}

impl Book {
    pub(crate) fn new(hook: Option<Hook>) -> Self {
        Self { pages: Pages::default(), hook }
    }

    /// The place for a record that was just accepted. Numbers come in order, from 0.
    #[inline]
    fn page(&mut self, number: u64) -> (&Arc<Page>, usize) {
        let place = (number % PAGE as u64) as usize;
        if place == 0 {
            let slots = Mutex::new([const { Slot::Open }; PAGE]);
            self.pages.push(Arc::new(Page { slots, hook: self.hook.clone() }));
        }
        (self.pages.last_mut().expect("pushed above, or open while it is not full"), place)
    }

    /// A receipt for a record that was just accepted.
    #[inline]
    pub(crate) fn watch(&mut self, number: u64) -> Receipt {
        let (page, place) = self.page(number);
        Receipt { page: Arc::clone(page), place, is_read: false }
    }

    /// Adds a record that was just accepted to others.
    #[inline]
    pub(crate) fn watch_with(&mut self, number: u64, receipts: &mut Receipts) {
        let (page, place) = self.page(number);
        match receipts.pages.back_mut() {
            Some((last, places)) if Arc::ptr_eq(last, page) && places.end == place => places.end += 1,
            _ => receipts.pages.push_back((Arc::clone(page), place..place + 1)),
        }
    }

    /// Notes that nobody wants to know about a record that was just accepted.
    #[inline]
    pub(crate) fn forget(&mut self, number: u64) {
        let (page, place) = self.page(number);
        page.slots()[place] = Slot::Forgotten;
    }

    /// Lets go of a page of which all are settled.
    pub(crate) fn close(&mut self, page: u64) {
        self.pages.close(page);
    }

    /// The page of an open record, shared so that it can be written without this book.
    pub(crate) fn find(&self, number: u64) -> Option<Arc<Page>> {
        self.pages.get(number / PAGE as u64).map(Arc::clone)
    }
}

impl Page {
    /// Tells that records of this page are stored: their numbers, with their places in the Kinesis record.
    pub(crate) fn store(&self, landed: &Arc<Landed>, records: &[(u64, u32)], wakers: &mut Vec<Waker>) {
        let mut slots = self.slots();
        for (number, sub_sequence) in records {
            let slot = &mut slots[(number % PAGE as u64) as usize];
            match std::mem::replace(slot, Slot::Stored(Arc::clone(landed), *sub_sequence)) {
                Slot::Awaited(waker) => wakers.push(waker),
                Slot::Forgotten => *slot = Slot::Read,
                Slot::Open | Slot::Stored(..) | Slot::Failed(_) | Slot::Read => {}
            }
        }
    }

    /// Tells that a record failed; gives the failure back if nobody holds the receipt.
    pub(crate) fn fail(&self, number: u64, failure: Failure, wakers: &mut Vec<Waker>) -> Option<Failure> {
        let mut slots = self.slots();
        let slot = &mut slots[(number % PAGE as u64) as usize];
        match std::mem::replace(slot, Slot::Read) {
            Slot::Forgotten => return Some(failure),
            Slot::Awaited(waker) => wakers.push(waker),
            Slot::Open | Slot::Stored(..) | Slot::Failed(_) | Slot::Read => {}
        }
        *slot = Slot::Failed(Box::new(failure));
        None
    }

    fn read(&self, place: usize, context: &mut Context<'_>) -> Poll<Result<Stored, Box<Failure>>> {
        let mut slots = self.slots();
        let slot = &mut slots[place];
        match std::mem::replace(slot, Slot::Read) {
            Slot::Stored(landed, sub_sequence) => Poll::Ready(Ok(Stored {
                shard: landed.shard.clone(),
                sequence: landed.sequence.clone(),
                sub_sequence: sub_sequence.into(),
                attempts: landed.attempts,
            })),
            Slot::Failed(failure) => Poll::Ready(Err(failure)),
            Slot::Read => panic!("a receipt is read once"),
            Slot::Open | Slot::Awaited(_) | Slot::Forgotten => {
                *slot = Slot::Awaited(context.waker().clone());
                Poll::Pending
            }
        }
    }

    fn drop_receipt(&self, place: usize) {
        // What is dropped or told is other people's code, and not for under a lock.
        let before = {
            let mut slots = self.slots();
            let before = std::mem::replace(&mut slots[place], Slot::Read);
            if let Slot::Open | Slot::Awaited(_) = before {
                slots[place] = Slot::Forgotten;
            }
            before
        };
        if let Slot::Failed(failure) = before {
            tell(self.hook.as_ref(), *failure);
        }
    }
}

/// Tells the hook of a failure that nobody else hears of, or else the log.
pub(crate) fn tell(hook: Option<&Hook>, failure: Failure) {
    let Some(hook) = hook else {
        let shard = failure.shard.as_ref();
        return tracing::warn!(?shard, error = %failure.error, "a record was given up that nobody waits for");
    };
    if catch_unwind(AssertUnwindSafe(|| hook(failure))).is_err() {
        tracing::error!("the failure hook panicked");
    }
}

impl Future for Receipt {
    type Output = Result<Stored, Box<Failure>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let read = self.page.read(self.place, context);
        self.is_read = read.is_ready();
        read
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if !self.is_read {
            self.page.drop_receipt(self.place);
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Receipt")
    }
}

impl Receipts {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pages.iter().map(|(_, places)| places.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Waits until every one of the records is settled.
    ///
    /// # Cancellation
    /// Dropping the future drops the receipts that were not read.
    pub async fn all(self) -> Settled {
        let mut settled = Settled::default();
        for receipt in self {
            match receipt.await {
                Ok(_) => settled.stored += 1,
                Err(failure) => settled.failures.push(*failure),
            }
        }
        settled
    }

    /// Adds the receipts of records that were put after these.
    pub fn append(&mut self, mut later: Self) {
        self.pages.append(&mut later.pages);
    }
}

impl Iterator for Receipts {
    type Item = Receipt;

    fn next(&mut self) -> Option<Receipt> {
        let (page, places) = self.pages.front_mut()?;
        let receipt = Receipt { page: Arc::clone(page), place: places.start, is_read: false };
        places.start += 1;
        if places.start == places.end {
            self.pages.pop_front();
        }
        Some(receipt)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl Drop for Receipts {
    fn drop(&mut self) {
        // Each is dropped as a single one would be.
        while self.next().is_some() {}
    }
}

impl fmt::Debug for Receipts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Receipts({})", self.len())
    }
}
