//! This worker's view of one lease: whether it may still act on it, and what it writes next to its row.
//! Why apart from the row: the row is what everybody sees; whether I may act on it depends on when I last renewed it, by
//! my own clock. All writes to a row go through here, one at a time, because each names the counter that the last one left.
//! Pure. Called by `worker`.

use std::collections::VecDeque;
use std::time::Duration;
use tailwater_store::{
    Applied, Change, Commitment, Error, Incarnation, Lease, Pending, Progress, Renewal, WorkerId, Written,
};
use tokio::time::Instant;

/// How often and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// When others may take a lease that is not renewed.
    pub(crate) failover: Duration,
    /// How often it is renewed.
    pub(crate) renewal: Duration,
    /// How long a checkpoint may wait for the next renewal.
    pub(crate) linger: Duration,
}

/// A right to a shard, until told otherwise.
#[derive(Debug)]
pub(crate) struct Tenure {
    me: (WorkerId, Incarnation),
    pace: Pace,
    /// The row as the last answer told it.
    row: Lease,
    /// When the last renewal that succeeded was asked for.
    renewed: Instant,
    /// A write under way.
    writing: Option<Writing>,
    /// When the first write was asked for that named the present counter and whose answer was lost.
    unsure: Option<Instant>,
    /// No write before this.
    not_before: Option<Instant>,
    failures: u32,
    /// A renewal is wanted now.
    hurry: bool,
    /// A checkpoint that may wait, and since when.
    lazy: Option<(Instant, Commitment)>,
    asks: VecDeque<Ask>,
    throughput: Option<f64>,
}

#[derive(Debug)]
struct Writing {
    asked: Instant,
    written: Option<Written>,
    /// Who asked for it.
    serials: Vec<u64>,
}

/// A write that somebody waits for.
#[derive(Debug)]
struct Ask {
    serial: u64,
    written: Written,
}

/// What an answer means.
#[derive(Debug, PartialEq)]
pub(crate) enum Learned {
    /// The lease is held on.
    Held {
        /// These writes are done.
        done: Vec<u64>,
        /// It is news that it is to be handed over.
        hand_over: bool,
    },
    /// It is not known what came of it, or it was too early; it is tried again.
    Again {
        /// It is news that the lease is to be handed over.
        hand_over: bool,
    },
    /// Somebody else has it, or it is gone.
    Lost,
}

impl Tenure {
    /// A lease that is about to be renewed first, by this start of this worker.
    pub(crate) fn new(now: Instant, me: (WorkerId, Incarnation), pace: Pace, row: Lease) -> Self {
        Self {
            me,
            pace,
            row,
            renewed: now,
            writing: None,
            unsure: None,
            not_before: None,
            failures: 0,
            hurry: true,
            lazy: None,
            asks: VecDeque::new(),
            throughput: None,
        }
    }

    pub(crate) fn row(&self) -> &Lease {
        &self.row
    }

    /// When this worker must have stopped: a tenth of the time before others may begin, counted from when the last renewal
    /// was asked for, which was before anybody saw it.
    pub(crate) fn fence(&self) -> Instant {
        self.renewed + self.pace.failover - self.pace.failover / 10
    }

    /// Whether the row has been written in this tenure.
    pub(crate) fn is_adopted(&self) -> bool {
        self.row.incarnation == self.me.1
    }

    /// Whether the lease is to be handed over.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.row.handoff_from.is_some()
    }

    /// Whether something is to be written, or being written, that is more than a renewal.
    pub(crate) fn has_writes(&self) -> bool {
        self.writing.is_some() || self.lazy.is_some() || !self.asks.is_empty()
    }

    /// Nobody waits for a write any more; they are told.
    pub(crate) fn take_asks(&mut self) -> Vec<u64> {
        let under_way = self.writing.take().map(|writing| writing.serials).unwrap_or_default();
        under_way.into_iter().chain(self.asks.drain(..).map(|ask| ask.serial)).collect()
    }

    /// The last write of a tenure, which lets the lease go, may begin: nothing else will be written.
    pub(crate) fn begin_last(&mut self, now: Instant) -> bool {
        let may = !self.has_writes() && self.not_before.is_none_or(|not_before| not_before <= now);
        if may {
            self.writing = Some(Writing { asked: now, written: None, serials: Vec::new() });
        }
        may
    }

    /// The last write was not answered; it is tried again.
    pub(crate) fn end_last(&mut self, now: Instant) {
        (self.writing, self.hurry) = (None, true);
        self.failures += 1;
        self.not_before = Some(now + (self.pace.renewal / 16).saturating_mul(self.failures.min(8)));
    }

    /// A checkpoint that may wait for the next renewal.
    pub(crate) fn checkpoint(&mut self, now: Instant, commitment: Commitment) {
        match &mut self.lazy {
            Some((_, waiting)) => merge(waiting, commitment),
            none => *none = Some((now, commitment)),
        }
    }

    /// A write that somebody waits for.
    pub(crate) fn ask(&mut self, serial: u64, written: Written) {
        self.asks.push_back(Ask { serial, written });
    }

    pub(crate) fn measured(&mut self, throughput: f64) {
        self.throughput = Some(throughput);
    }

    /// A renewal is wanted now: something was seen that only a renewal can tell for sure.
    pub(crate) fn hurry(&mut self) {
        self.hurry = true;
    }

    /// When the next write is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        if self.writing.is_some() {
            return None;
        }
        let now_or = |at: Instant| self.not_before.map_or(at, |not_before| at.max(not_before));
        if self.hurry || !self.asks.is_empty() {
            return Some(now_or(self.renewed));
        }
        let renewal = self.renewed + self.pace.renewal;
        let lazy = self.lazy.as_ref().map(|(since, _)| *since + self.pace.linger);
        Some(now_or(lazy.map_or(renewal, |lazy| lazy.min(renewal))))
    }

    /// The write that is due, if one is.
    pub(crate) fn next_write(&mut self, now: Instant) -> Option<Change> {
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        let (written, serials) = self.gather();
        self.hurry = false;
        self.writing = Some(Writing { asked: now, written: written.clone(), serials });
        Some(Change::Renew(Renewal {
            worker: self.me.0.clone(),
            incarnation: self.me.1,
            counter: self.row.counter,
            knows_handoff: self.is_handed_over(),
            throughput: self.throughput,
            written,
        }))
    }

    /// One write carries all checkpoints that wait; what is prepared goes alone and in turn.
    fn gather(&mut self) -> (Option<Written>, Vec<u64>) {
        if let Some(Ask { written: Written::Prepare(_), .. }) = self.asks.front() {
            return self.asks.pop_front().map(|ask| (Some(ask.written), vec![ask.serial])).unwrap_or_default();
        }
        let mut gathered = self.lazy.take().map(|(_, commitment)| commitment);
        let mut serials = Vec::new();
        while let Some(Ask { written: Written::Checkpoint(_), .. }) = self.asks.front() {
            let Some(Ask { serial, written: Written::Checkpoint(commitment) }) = self.asks.pop_front() else { break };
            serials.push(serial);
            match &mut gathered {
                Some(gathered) => merge(gathered, commitment),
                none => *none = Some(commitment),
            }
        }
        (gathered.map(Written::Checkpoint), serials)
    }

    /// What came of the write under way.
    pub(crate) fn answered(&mut self, now: Instant, outcome: Result<Applied, Error>) -> Learned {
        let Some(writing) = self.writing.take() else { return Learned::Again { hand_over: false } };
        match outcome {
            Ok(Applied::Done(row)) => {
                self.renewed = writing.asked;
                self.take(row);
                Learned::Held { done: writing.serials, hand_over: false }
            }
            Ok(Applied::Refused(Some(row))) => self.refused(now, writing, row),
            Ok(Applied::Refused(None)) => Learned::Lost,
            Err(error) if error.is_retryable() => {
                if error.may_have_happened() {
                    self.unsure.get_or_insert(writing.asked);
                }
                self.failures += 1;
                self.put_back(writing);
                // Soon: a renewal that fails must not fail until it is too late.
                self.not_before = Some(now + (self.pace.renewal / 16).saturating_mul(self.failures.min(8)));
                Learned::Again { hand_over: false }
            }
            Err(_) => Learned::Lost,
        }
    }

    fn refused(&mut self, now: Instant, writing: Writing, row: Lease) -> Learned {
        if row.actual_owner() != Some(&self.me.0) || row.incarnation > self.me.1 {
            return Learned::Lost;
        }
        let hand_over = row.handoff_from.is_some() && !self.is_handed_over();
        let is_next = row.counter == self.row.counter + 1 && row.incarnation == self.me.1;
        // Nobody else writes with the number of my start, so an attempt whose answer was lost succeeded after all.
        if let Some(asked) = self.unsure.filter(|_| is_next) {
            let is_written = has(&row, writing.written.as_ref());
            self.renewed = asked;
            self.take(row);
            if is_written {
                return Learned::Held { done: writing.serials, hand_over };
            }
            self.put_back(writing);
            return Learned::Again { hand_over };
        }
        // What was seen of the row was older than a tenure of mine that is over: the next look tells what is to be done.
        if !self.is_adopted() && (row.incarnation == self.me.1 || row.is_ended()) {
            return Learned::Lost;
        }
        // Not renewed yet, and what was seen of the row was old; or only the handoff stood in the way.
        if !self.is_adopted() || (hand_over && row.counter == self.row.counter) {
            self.take(row);
            self.put_back(writing);
            self.not_before = Some(now);
            return Learned::Again { hand_over };
        }
        Learned::Lost
    }

    fn take(&mut self, row: Lease) {
        self.row = row;
        (self.unsure, self.failures, self.not_before) = (None, 0, None);
    }

    /// Puts what was not written in front of what came since.
    fn put_back(&mut self, writing: Writing) {
        let Writing { written, serials, asked } = writing;
        self.hurry = true;
        let Some(written) = written else { return };
        let Written::Checkpoint(commitment) = &written else {
            self.asks.extend(serials.first().map(|serial| Ask { serial: *serial, written }));
            self.asks.rotate_right(1);
            return;
        };
        if serials.is_empty() {
            let mut waiting = commitment.clone();
            if let Some((_, newer)) = self.lazy.take() {
                merge(&mut waiting, newer);
            }
            self.lazy = Some((asked, waiting));
        }
        for serial in serials.into_iter().rev() {
            self.asks.push_front(Ask { serial, written: written.clone() });
        }
    }

    /// Something else changed the row, and this is how it stands now: a seek, or a handoff seen in a listing.
    pub(crate) fn see(&mut self, row: &Lease) -> bool {
        let is_mine = row.actual_owner() == Some(&self.me.0) && row.incarnation == self.me.1;
        if is_mine && self.writing.is_none() && row.counter == self.row.counter && row.handoff_from.is_some() {
            let is_new = !self.is_handed_over();
            self.row.owner.clone_from(&row.owner);
            self.row.handoff_from.clone_from(&row.handoff_from);
            return is_new;
        }
        false
    }

    /// How far the row is known to be.
    pub(crate) fn progress(&self) -> &Progress {
        &self.row.progress
    }
}

/// Whether the row holds what was to be written.
fn has(row: &Lease, written: Option<&Written>) -> bool {
    match written {
        None => true,
        Some(Written::Checkpoint(Commitment { progress, state })) => {
            let state_stands = state.as_ref().is_none_or(|state| {
                if state.is_empty() { row.state.is_none() } else { row.state.as_ref() == Some(state) }
            });
            row.progress > *progress || (row.progress == *progress && state_stands)
        }
        Some(Written::Prepare(Pending { progress, state })) => {
            row.pending.as_ref().is_some_and(|pending| (&pending.progress, &pending.state) == (progress, state))
        }
    }
}

/// The farther of two checkpoints, with the state that was put down last.
fn merge(waiting: &mut Commitment, newer: Commitment) {
    if newer.progress >= waiting.progress {
        waiting.progress = newer.progress;
        if newer.state.is_some() {
            waiting.state = newer.state;
        }
    }
}

#[cfg(test)]
mod tests;
