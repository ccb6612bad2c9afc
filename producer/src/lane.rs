//! Everything that waits for one shard, and when the next of it may go.
//! Why a lane per shard: order is kept by sending one parcel of a lane at a time and a failed one first; and one shard's
//! trouble, its back-off and its pace stay its own.
//! Pure. Owned by `pipeline`.

use crate::aggregate::{Aggregator, Arrival, Sizes};
use crate::backoff::Backoff;
use crate::config::{Ordering, Settings};
use crate::error::Error;
use crate::pace::Pace;
use crate::parcel::Parcel;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tailwater_record::{HashRange, ShardId};
use tokio::time::Instant;

/// One shard's queue.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Nothing if the service spreads the records of the whole stream.
    pub(crate) shard: Option<ShardId>,
    pub(crate) range: HashRange,
    pub(crate) birth: Option<u64>,
    aggregator: Aggregator,
    /// What was tried before, and what shards before this one left over.
    first: VecDeque<Parcel>,
    queue: VecDeque<Parcel>,
    /// How many parcels are under way, or stored where it is not known yet what that means.
    pub(crate) under_way: usize,
    pub(crate) pace: Pace,
    pub(crate) backoff: Backoff,
    /// After throttling, which others share in, longer waits are fairer.
    pub(crate) restraint: Backoff,
    pub(crate) not_before: Option<Instant>,
    /// The listing of shards that is waited for, because this one proved wrong.
    pub(crate) awaits_listing: Option<u64>,
    pub(crate) stopped: Option<Arc<Error>>,
    /// Whether the shard takes no more records; what is under way is waited for.
    pub(crate) closing: bool,
    /// What its records take of the budget.
    pub(crate) used: u64,
    /// Whether that was more than its share when it was looked at last.
    pub(crate) over: bool,
    /// Its entry in the agenda.
    pub(crate) agenda: Option<Instant>,
    /// Whether that entry is of a closed parcel, and of how many bytes.
    pub(crate) head: Option<usize>,
    /// Since when small parcels pass a large one that waits for tokens.
    passed_since: Option<Instant>,
}

/// What a record changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It joined others.
    Joined,
    /// It is the first.
    Opened,
    /// It is the first after a parcel that was full.
    Filled,
    /// It is too large for the stream, and not taken.
    FitsNowhere,
}

/// When the next parcel may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// It has waited long enough for company.
    pub(crate) due: Instant,
    /// Its shard takes it, and has been left alone long enough after a failure.
    pub(crate) free: Instant,
    /// Its bytes, if it is closed.
    pub(crate) closed: Option<usize>,
    /// Its place behind the first.
    place: usize,
}

impl Next {
    pub(crate) fn at(&self) -> Instant {
        self.due.max(self.free)
    }
}

/// How much longer the waits after throttling are. What `pace` promises was measured with this.
const RESTRAINT: u32 = 6;
/// For how long small parcels may pass a large one. A bucket fills in half of that.
const PASSING: Duration = Duration::from_secs(1);
/// How far behind the first a parcel is looked for that may pass.
const PASSING_DEPTH: usize = 16;

impl Lane {
    pub(crate) fn new(now: Instant, settings: &Settings, shard: Option<ShardId>, range: HashRange) -> Self {
        Self {
            shard,
            range,
            birth: None,
            aggregator: Aggregator::new(settings.aggregate_bytes),
            first: VecDeque::new(),
            queue: VecDeque::new(),
            under_way: 0,
            pace: Pace::new(now, settings.shard_rate.rate()),
            backoff: Backoff::new(settings.first_wait, settings.longest_wait),
            restraint: Backoff::new(settings.first_wait * RESTRAINT, settings.longest_wait),
            not_before: None,
            awaits_listing: None,
            stopped: None,
            closing: false,
            used: 0,
            over: false,
            agenda: None,
            head: None,
            passed_since: None,
        }
    }

    /// Whether its open parcel is empty, so that a record without a key may as well go elsewhere.
    pub(crate) fn is_between_parcels(&self) -> bool {
        self.aggregator.is_empty()
    }

    /// How many attempts in a row have failed.
    pub(crate) fn failures(&self) -> u32 {
        self.backoff.failures() + self.restraint.failures()
    }

    /// Something succeeded, or somebody says that it will.
    pub(crate) fn recover(&mut self) {
        self.backoff.reset();
        self.restraint.reset();
        self.not_before = None;
    }

    /// Leaves the shard alone for a while after a failure; as long as it is, what else fails changes nothing.
    pub(crate) fn rest(&mut self, now: Instant, throttled: bool, least: Duration, chance: &mut fastrand::Rng) {
        if self.not_before.is_none_or(|not_before| not_before <= now) {
            let series = if throttled { &mut self.restraint } else { &mut self.backoff };
            self.not_before = Some(now + series.next(chance).max(least));
        }
    }

    /// Why nothing of it goes, if somebody must act.
    pub(crate) fn standstill(&self) -> Option<Error> {
        let cause = self.stopped.as_ref().map(Arc::clone)?;
        Some(Error::Stopped { shard: self.shard.clone(), cause })
    }

    /// The size of the open parcel.
    pub(crate) fn open_size(&self) -> usize {
        self.aggregator.size()
    }

    /// Kinesis records that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.first.len() + self.queue.len() + usize::from(!self.aggregator.is_empty())
    }

    /// Adds a record.
    #[inline]
    pub(crate) fn push(&mut self, arrival: &Arrival, sizes: Sizes, linger: Duration) -> Pushed {
        let was_empty = self.aggregator.is_empty();
        let (closed, fits) = match self.aggregator.push(arrival, sizes) {
            Ok(closed) => (closed, true),
            Err(nowhere) => (nowhere.closed.map(|closed| *closed), false),
        };
        self.used += if fits { arrival.cost } else { 0 };
        let filled = closed.is_some();
        if let Some(mut parcel) = closed {
            parcel.due = parcel.accepted + linger;
            self.queue.push_back(parcel);
        }
        match (fits, filled, was_empty) {
            (false, ..) => Pushed::FitsNowhere,
            (true, true, _) => Pushed::Filled,
            (true, false, true) => Pushed::Opened,
            (true, false, false) => Pushed::Joined,
        }
    }

    /// Closes the open parcel, as if it had lingered.
    pub(crate) fn close_open(&mut self, now: Instant) -> bool {
        let Some(mut parcel) = self.aggregator.close() else { return false };
        parcel.due = now;
        self.queue.push_back(parcel);
        true
    }

    /// Makes all that waits due now; true if that closed a parcel.
    pub(crate) fn hurry(&mut self, now: Instant) -> bool {
        let closed = self.close_open(now);
        for parcel in self.first.iter_mut().chain(&mut self.queue) {
            parcel.due = parcel.due.min(now);
        }
        closed
    }

    /// Puts a parcel before all others.
    pub(crate) fn put_first(&mut self, parcel: Parcel) {
        self.used += parcel.cost;
        self.first.push_front(parcel);
    }

    /// Puts a parcel that an earlier shard left over behind those before it, and before the lane's own.
    pub(crate) fn inherit(&mut self, parcel: Parcel) {
        self.used += parcel.cost;
        self.first.push_back(parcel);
    }

    /// Everything that waits, in order.
    pub(crate) fn drain(&mut self) -> Vec<Parcel> {
        let open = self.aggregator.close();
        let parcels: Vec<Parcel> = self.first.drain(..).chain(self.queue.drain(..)).chain(open).collect();
        self.used -= parcels.iter().map(|parcel| parcel.cost).sum::<u64>();
        parcels
    }

    /// The number of the oldest record that waits here.
    pub(crate) fn oldest_number(&self) -> Option<u64> {
        let parcel = self.first.front().or_else(|| self.queue.front());
        parcel.and_then(|parcel| parcel.unsettled().next()).map(|(_, number)| number)
    }

    /// When the oldest record that waits here was accepted.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        let parcels = self.first.iter().chain(self.queue.front()).map(|parcel| parcel.accepted);
        parcels.chain(self.aggregator.accepted()).min()
    }

    /// What may go next, and when; nothing while something else must happen first.
    pub(crate) fn next(&self, now: Instant, settings: &Settings) -> Option<Next> {
        let most = match settings.ordering {
            Ordering::PerShard => 1,
            Ordering::None => settings.requests * settings.request_records,
        };
        if self.stopped.is_some() || self.closing || self.awaits_listing.is_some() || self.under_way >= most {
            return None;
        }
        let turn = |at: Instant| self.not_before.map_or(at, |not_before| at.max(not_before));
        let head = |parcel: &Parcel, place| Next {
            due: parcel.due,
            free: turn(self.pace.ready_at(now, parcel.size as u64)),
            closed: Some(parcel.size),
            place,
        };
        let Some(parcel) = self.first.front().or_else(|| self.queue.front()) else {
            let due = self.aggregator.accepted()? + settings.linger;
            let free = turn(self.pace.ready_at(now, self.aggregator.size() as u64));
            return Some(Next { due, free, closed: None, place: 0 });
        };
        let next = head(parcel, 0);
        let may_pass = settings.ordering == Ordering::None
            && next.due <= now
            && next.free > now
            && self.passed_since.is_none_or(|since| now.saturating_duration_since(since) < PASSING);
        if !may_pass {
            return Some(next);
        }
        let behind = self.first.iter().chain(&self.queue).enumerate().skip(1).take(PASSING_DEPTH);
        let passing = behind.map(|(place, parcel)| head(parcel, place)).find(|next| next.at() <= now);
        Some(passing.unwrap_or(next))
    }

    /// Takes what `next` told.
    pub(crate) fn take(&mut self, now: Instant, next: Next) -> Parcel {
        self.passed_since = (next.place > 0).then(|| self.passed_since.unwrap_or(now));
        let place = next.place;
        let parcel = match place.checked_sub(self.first.len()) {
            None => self.first.remove(place),
            Some(place) => self.queue.remove(place),
        };
        let parcel = parcel.or_else(|| self.aggregator.close()).expect("something waits");
        self.under_way += 1;
        self.pace.take(now, parcel.size as u64);
        parcel
    }
}
