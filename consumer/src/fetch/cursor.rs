//! Reads one shard by polling: which call comes next, when, and what its answer means.
//!
//! A cursor knows two places. The *iterator* is the service's: it lives five minutes, and a page brings the next one. The
//! *place* is ours, and from it an iterator can be had at any time: where reading was to begin, or behind the last record
//! that was taken in. Whatever goes wrong, the iterator is dropped and the place is not, so nothing is skipped or taken in
//! twice.
//! - The first iterator stands *at* the record of a checkpoint, not behind it: the rest of an aggregate may be to do. The
//!   caller passes over what is handled.
//! - Who begins behind the newest record has no place to come back to: a second look would stand behind what came
//!   meanwhile. So the service's date becomes the place as soon as it is told one, less a little for clocks that differ.
//! - An iterator that has waited nearly five minutes, for memory say, is not even tried.
//!
//! Pure: one call is out at a time, and the caller tells what became of it. If it does not, `next` asks for the same again.
//! Called by the task that polls.

use super::pace::Pace;
use crate::backoff::Backoff;
use std::time::Duration;
use tailwater_record::{SequenceNumber, Timestamp};
use tailwater_store::{Origin, Progress};
use tailwater_wire::limits::{SHARD_ITERATOR_CALLS, SHARD_ITERATOR_LIFE};
use tailwater_wire::shapes::{ShardIterator, ShardIteratorType};
use tokio::time::Instant;

/// An iterator is renewed so long before it would expire.
const EARLY: Duration = Duration::from_secs(30);

/// From one call for an iterator to the next.
const ITERATOR_GAP: Duration = Duration::from_millis(1000 / SHARD_ITERATOR_CALLS.value);

/// The service's date and the arrival times of records may differ by this much.
const CLOCKS: Duration = Duration::from_secs(2);

/// The first wait after a failure.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A page that contradicts itself is believed when it came so many times.
const TRIES: u32 = 10;

/// How a shard is polled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CursorSettings {
    /// The most records of a page.
    pub(crate) limit: u32,
    /// From call to call when there is nothing new.
    pub(crate) idle: Duration,
    /// Whether the service's limits of calls and bytes are kept; there are brokers that have none.
    pub(crate) is_paced: bool,
}

impl CursorSettings {
    /// The shortest `idle`: with less, the shard's calls would be spent on looking.
    pub(crate) const IDLE_MIN: Duration = Duration::from_millis(200);

    /// The longest, so that whatever is set can be reckoned with.
    pub(crate) const IDLE_MAX: Duration = Duration::from_secs(3600);
}

impl Default for CursorSettings {
    fn default() -> Self {
        Self { limit: 10_000, idle: Duration::from_secs(1), is_paced: true }
    }
}

/// What the caller must do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask for an iterator.
    Iterator(IteratorRequest),
    /// Read at most so many records.
    Read(ShardIterator, u32),
    /// Nothing before this moment.
    Wait(Instant),
    /// Nothing ever: the shard has been read to its end, or is gone.
    Ended,
}

/// An iterator that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IteratorRequest {
    pub(crate) kind: ShardIteratorType,
    pub(crate) sequence: Option<SequenceNumber>,
    pub(crate) timestamp: Option<Timestamp>,
}

/// What matters of a page. Its bytes are those that the service counts.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// The number of its last record, if it has any.
    pub(crate) last: Option<SequenceNumber>,
    pub(crate) bytes: u64,
    pub(crate) next: Option<ShardIterator>,
    /// How far behind the newest record it ends.
    pub(crate) behind: Option<Duration>,
    pub(crate) children: Children,
    /// When it was sent, by the service's clock.
    pub(crate) date: Option<Timestamp>,
}

/// What a page tells of the shards that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Children {
    /// Nothing.
    None,
    /// Some, each with its parents.
    Whole,
    /// Some, and not of each the parents.
    Faulty,
}

/// What is to be done with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is taken in.
    Taken,
    /// It is taken in, and it was the last.
    Last,
    /// It is dropped, since it contradicts itself. It will be read again.
    Dropped,
}

/// Why there is no answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The shard gave too much to others, or to us.
    Throttled,
    /// The iterator is too old.
    ExpiredIterator,
    /// There is no such shard any more, or no such stream.
    Gone,
    /// The service makes no sense of the place, or of the iterator.
    InvalidArgument,
    /// Anything else.
    Other,
}

/// Where an iterator is to stand.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    TrimHorizon,
    At(Timestamp),
    /// Behind the newest record; or what is the same, now that the moment is known.
    Latest(Option<Timestamp>),
    AtNumber(SequenceNumber),
    AfterNumber(SequenceNumber),
}

/// Reads one shard.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    settings: CursorSettings,
    chance: fastrand::Rng,
    place: Place,
    /// And when it was asked for; it was made no earlier.
    iterator: Option<(ShardIterator, Instant)>,
    is_over: bool,
    pace: Pace,
    /// When an iterator was last asked for.
    renewed_at: Option<Instant>,
    /// When the last call was made.
    called_at: Instant,
    not_before: Instant,
    throttles: Backoff,
    failures: Backoff,
    /// Since the last page, an iterator has expired.
    has_expired: bool,
    /// Pages in a row that contradict themselves.
    in_vain: u32,
    fell_back: bool,
}

impl Cursor {
    /// Begins behind what was handled, or with it. Cursors of one shard need different seeds.
    pub(crate) fn new(now: Instant, progress: &Progress, origin: Origin, settings: CursorSettings, seed: u64) -> Self {
        let begins = match origin {
            Origin::TrimHorizon => Place::TrimHorizon,
            Origin::At(moment) => Place::At(moment),
            Origin::Latest => Place::Latest(None),
        };
        let place = match progress {
            Progress::Through { sequence, .. } => Place::AtNumber(sequence.clone()),
            Progress::TrimHorizon | Progress::ShardEnd => Place::TrimHorizon,
            Progress::AtTimestamp => begins,
            // What the row tells of the moment says the same more exactly.
            Progress::Latest if matches!(begins, Place::At(_)) => begins,
            Progress::Latest => Place::Latest(None),
        };
        let idle_min = if settings.is_paced { CursorSettings::IDLE_MIN } else { Duration::from_millis(1) };
        let settings = CursorSettings {
            limit: settings.limit.clamp(1, 10_000),
            idle: settings.idle.max(idle_min).min(CursorSettings::IDLE_MAX),
            is_paced: settings.is_paced,
        };
        Self {
            settings,
            chance: fastrand::Rng::with_seed(seed),
            place,
            iterator: None,
            is_over: *progress == Progress::ShardEnd,
            pace: Pace::new(now),
            renewed_at: None,
            called_at: now,
            not_before: now,
            throttles: Backoff::default(),
            failures: Backoff::default(),
            has_expired: false,
            in_vain: 0,
            fell_back: false,
        }
    }

    /// What to do now. Ask again when it is done and its outcome told, or the moment has come.
    pub(crate) fn next(&mut self, now: Instant) -> Step {
        if self.is_over {
            return Step::Ended;
        }
        let life = Duration::from_millis(SHARD_ITERATOR_LIFE.value).saturating_sub(EARLY);
        if self.iterator.as_ref().is_some_and(|(_, since)| now.saturating_duration_since(*since) >= life) {
            self.iterator = None;
        }
        let ready_at = match &self.iterator {
            Some(_) if self.settings.is_paced => self.pace.ready_at(now),
            Some(_) => now,
            None => self.renewed_at.map_or(now, |renewed| renewed + ITERATOR_GAP),
        };
        let ready_at = ready_at.max(self.not_before);
        if ready_at > now {
            return Step::Wait(ready_at);
        }
        self.called_at = now;
        match &self.iterator {
            Some((iterator, _)) => {
                self.pace.called(now, &mut self.chance);
                Step::Read(iterator.clone(), self.settings.limit)
            }
            None => {
                self.renewed_at = Some(now);
                Step::Iterator(self.place.request())
            }
        }
    }

    /// The iterator that was asked for, and the service's date with it.
    pub(crate) fn iterator(&mut self, iterator: ShardIterator, date: Option<Timestamp>) {
        self.iterator = Some((iterator, self.called_at));
        // An iterator to a moment tells nothing of what came since.
        if self.place == Place::Latest(None) {
            self.place.empty_until(date);
        }
    }

    /// A page came. It must be handled as the answer says, or records are lost or come twice.
    #[must_use]
    pub(crate) fn page(&mut self, now: Instant, page: Page) -> Verdict {
        self.pace.page(now, page.bytes);
        self.throttles.reset();
        self.has_expired = false;
        let is_sound = match page.children {
            Children::None => page.next.is_some(),
            Children::Whole => page.next.is_none(),
            Children::Faulty => false,
        };
        self.in_vain = if is_sound { 0 } else { self.in_vain + 1 };
        if !is_sound && self.in_vain < TRIES {
            self.wait_after_failure(now);
            return Verdict::Dropped;
        }
        self.in_vain = 0;
        self.failures.reset();
        let has_records = page.last.is_some();
        match page.last {
            Some(last) => self.place = Place::AfterNumber(last),
            None => self.place.empty_until(page.date.map(|date| date.minus(page.behind.unwrap_or_default()))),
        }
        let is_at_tip = page.behind.map_or(!has_records, |behind| behind.is_zero());
        self.not_before = if is_at_tip { self.called_at + self.settings.idle } else { now };
        self.iterator = page.next.map(|iterator| (iterator, self.called_at));
        if self.iterator.is_some() {
            return Verdict::Taken;
        }
        self.is_over = true;
        Verdict::Last
    }

    /// The call had no answer.
    pub(crate) fn failed(&mut self, now: Instant, failure: Failure) {
        let was_read = self.iterator.is_some();
        match failure {
            Failure::Throttled => {
                let (first, longest) = if was_read { self.pace.throttled(now) } else { (ITERATOR_GAP, LONGEST_WAIT) };
                self.not_before = now + self.throttles.next(first, longest, &mut self.chance);
            }
            Failure::ExpiredIterator if !self.has_expired => {
                self.has_expired = true;
                self.iterator = None;
            }
            Failure::Gone => self.is_over = true,
            // The record of the place is no longer kept, so neither is any before it. From there this is not done again
            // before a record was taken in.
            Failure::InvalidArgument if !was_read && self.place.is_number() => {
                self.place = Place::TrimHorizon;
                self.fell_back = true;
            }
            Failure::ExpiredIterator | Failure::InvalidArgument => {
                self.iterator = None;
                self.wait_after_failure(now);
            }
            Failure::Other => self.wait_after_failure(now),
        }
    }

    /// Whether, since this was last asked, the record of the place turned out to be no longer kept, and reading went on
    /// with the oldest one that is.
    pub(crate) fn fell_back(&mut self) -> bool {
        std::mem::take(&mut self.fell_back)
    }

    /// The part of the shard that is believed to be ours, above 0 and up to 1.
    #[cfg(test)]
    pub(crate) fn share(&self, now: Instant) -> f64 {
        self.pace.share(now)
    }

    fn wait_after_failure(&mut self, now: Instant) {
        self.not_before = now + self.failures.next(FIRST_WAIT, LONGEST_WAIT, &mut self.chance);
    }
}

impl Place {
    fn request(&self) -> IteratorRequest {
        let (kind, sequence, timestamp) = match self {
            Self::TrimHorizon => (ShardIteratorType::TrimHorizon, None, None),
            Self::At(moment) | Self::Latest(Some(moment)) => (ShardIteratorType::AtTimestamp, None, Some(*moment)),
            Self::Latest(None) => (ShardIteratorType::Latest, None, None),
            Self::AtNumber(number) => (ShardIteratorType::AtSequenceNumber, Some(number.clone()), None),
            Self::AfterNumber(number) => (ShardIteratorType::AfterSequenceNumber, Some(number.clone()), None),
        };
        IteratorRequest { kind, sequence, timestamp }
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::AtNumber(_) | Self::AfterNumber(_))
    }

    /// Nothing was there up to this moment: matters to who began behind the newest record.
    fn empty_until(&mut self, moment: Option<Timestamp>) {
        if let (Self::Latest(known), Some(moment)) = (self, moment) {
            *known = Some(moment.minus(CLOCKS)).max(*known);
        }
    }
}

#[cfg(test)]
mod tests;
