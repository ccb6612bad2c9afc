//! Puts records under a given pressure, and takes the time of each.
//! Receipts are looked at as they become ready, in whatever order, also while a put waits for room: looked at in turn, a
//! slow shard's record would hide how fast the one behind it was.

use super::Fault;
use super::records::Records;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use hdrhistogram::Histogram;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tailwater::producer::{Error, Receipt, StreamProducer};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How hard a driver pushes.
pub(crate) enum Pressure {
    /// So many records are under way.
    InFlight(usize),
    /// So many records are put in a second.
    Rate(f64),
}

pub(crate) struct Driver {
    stream: StreamProducer,
    records: Records,
    stopped: watch::Receiver<bool>,
    open: FuturesUnordered<Pending>,
    seen: Seen,
}

/// What was measured.
pub(crate) struct Seen {
    /// From put, or when it should have been, to receipt, in microseconds; stored records only.
    pub(crate) latencies: Histogram<u64>,
    pub(crate) stored_bytes: u64,
    pub(crate) failed: u64,
    /// Records that should have been put by the end, and were not.
    pub(crate) overdue: u64,
}

/// A record under way.
struct Pending {
    from: Instant,
    bytes: u64,
    receipt: Receipt,
}

/// A record that is settled.
struct Done {
    took: Duration,
    bytes: u64,
    is_stored: bool,
}

/// How many records are put before receipts are looked at.
const TOGETHER: u64 = 64;

impl Driver {
    pub(crate) fn new(stream: StreamProducer, records: Records, stopped: watch::Receiver<bool>) -> Self {
        Self { stream, records, stopped, open: FuturesUnordered::new(), seen: Seen::default() }
    }

    /// Puts until it is told to stop; then waits for what is under way.
    pub(crate) async fn drive(mut self, pressure: Pressure) -> Result<Seen, Fault> {
        match pressure {
            Pressure::InFlight(most) => self.keep_under_way(most).await?,
            Pressure::Rate(rate) => self.put_at(rate).await?,
        }
        while let Some(done) = self.open.next().await {
            self.seen.note(done);
        }
        Ok(self.seen)
    }

    async fn keep_under_way(&mut self, most: usize) -> Result<(), Fault> {
        while !*self.stopped.borrow() {
            while self.open.len() < most {
                if self.put(Instant::now()).await?.is_over() {
                    return Ok(());
                }
            }
            if let Some(done) = self.open.next().await {
                self.seen.note(done);
            }
            self.note_what_is_ready();
        }
        Ok(())
    }

    async fn put_at(&mut self, rate: f64) -> Result<(), Fault> {
        let (began, mut number) = (Instant::now(), 0_u64);
        let due = |number: u64| began + Duration::from_secs_f64(number as f64 / rate);
        while !*self.stopped.borrow() {
            let together = number + TOGETHER;
            while due(number) <= Instant::now() && number < together {
                if self.put(due(number)).await?.is_over() {
                    break;
                }
                number += 1;
            }
            self.note_what_is_ready();
            tokio::select! {
                biased;
                _ = self.stopped.changed() => {}
                () = sleep_until(due(number)) => {}
                Some(done) = self.open.next() => self.seen.note(done),
            }
        }
        let by_now = (began.elapsed().as_secs_f64() * rate) as u64;
        self.seen.overdue = by_now.saturating_sub(number);
        Ok(())
    }

    /// Puts a record, and takes note of what is settled while it waits for room.
    async fn put(&mut self, from: Instant) -> Result<Put, Fault> {
        let record = self.records.next(from)?;
        let bytes = record.data().len() as u64;
        let receipt = match self.stream.try_put(record) {
            Err(refused) if matches!(refused.error(), Error::Full { .. }) => {
                let mut putting = pin!(self.stream.put(refused.into_record()));
                loop {
                    tokio::select! {
                        biased;
                        put = &mut putting => break put,
                        Some(done) = self.open.next() => self.seen.note(done),
                    }
                }
            }
            put => put,
        };
        match receipt {
            Ok(receipt) => {
                self.open.push(Pending { from, bytes, receipt });
                Ok(Put::Done)
            }
            // It is closed when the time is over.
            Err(refused) if matches!(refused.error(), Error::Closed) => Ok(Put::Over),
            Err(refused) => Err(refused.into()),
        }
    }

    fn note_what_is_ready(&mut self) {
        while let Some(Some(done)) = self.open.next().now_or_never() {
            self.seen.note(done);
        }
    }
}

/// What became of a put.
enum Put {
    Done,
    /// The producer takes no more.
    Over,
}

impl Put {
    fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }
}

impl Future for Pending {
    type Output = Done;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Done> {
        let settled = ready!(self.receipt.poll_unpin(context));
        Poll::Ready(Done { took: self.from.elapsed(), bytes: self.bytes, is_stored: settled.is_ok() })
    }
}

/// Room for times up to an hour, in microseconds.
pub(crate) fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("from 1 to more, in three digits")
}

impl Default for Seen {
    fn default() -> Self {
        Self { latencies: latencies(), stored_bytes: 0, failed: 0, overdue: 0 }
    }
}

impl Seen {
    fn note(&mut self, done: Done) {
        if done.is_stored {
            self.latencies.saturating_record(u64::try_from(done.took.as_micros()).unwrap_or(u64::MAX));
            self.stored_bytes += done.bytes;
        } else {
            self.failed += 1;
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.latencies.add(other.latencies).expect("the same bounds");
        self.stored_bytes += other.stored_bytes;
        self.failed += other.failed;
        self.overdue += other.overdue;
    }
}
