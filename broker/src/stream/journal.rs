//! What of a stream has not been written down yet, and who waits for it.
//! What a stream is told to do happens at once; but until the log has it nobody hears of it. So each round of the log has
//! a [`Verdict`], and every answer that saw or made something new is held back until it is spoken. If the disk refuses,
//! the stream becomes what it was: it keeps, of all that may change, what it was when the log last had it.
//! Pure. Called by `stream`.

use super::Facts;
use std::collections::BTreeSet;
use tokio::sync::watch;

/// What of a stream has not been written down yet.
#[derive(Debug)]
pub(crate) struct Journal {
    /// As the log has it.
    certain: Facts,
    /// As the log is about to have it.
    told: Facts,
    staged: Stage,
    /// What is being written.
    taken: Option<Stage>,
    /// Whether records were put since that was asked last.
    has_put: bool,
}

/// What goes to the log in one round.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    speaker: Speaker,
    /// Whether the committer knows of it.
    is_queued: bool,
    /// Whether facts or shards have changed.
    pub(crate) tells: bool,
    /// Whether the stream is new to the log.
    pub(crate) is_new: bool,
    /// Shards with new records.
    pub(crate) shards: BTreeSet<u32>,
}

impl Stage {
    fn is_empty(&self) -> bool {
        !self.tells && self.shards.is_empty()
    }

    /// Says what became of it.
    pub(crate) fn speak(&self, is_written: bool) {
        self.speaker.speak(is_written);
    }
}

/// Whoever says what becomes of a round of the log.
#[derive(Debug)]
pub(crate) struct Speaker(watch::Sender<Option<bool>>);

impl Default for Speaker {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Speaker {
    pub(crate) fn speak(&self, is_written: bool) {
        self.0.send_replace(Some(is_written));
    }

    pub(crate) fn verdict(&self) -> Verdict {
        Verdict(self.0.subscribe())
    }
}

/// What becomes of a round of the log.
#[derive(Clone, Debug)]
pub(crate) struct Verdict(watch::Receiver<Option<bool>>);

impl Verdict {
    /// Waits for it. Whether all was written.
    pub(crate) async fn spoken(mut self) -> bool {
        self.0.wait_for(Option::is_some).await.is_ok_and(|verdict| *verdict == Some(true))
    }
}

impl Journal {
    /// Of a stream that the log has.
    pub(super) fn known(facts: Facts) -> Self {
        Self { certain: facts.clone(), told: facts, staged: Stage::default(), taken: None, has_put: false }
    }

    /// Of a stream that the log has never heard of.
    pub(super) fn new(facts: Facts) -> Self {
        let mut journal = Self::known(facts);
        (journal.staged.tells, journal.staged.is_new) = (true, true);
        journal
    }

    /// Whether the log has it as it is.
    pub(super) fn is_settled(&self) -> bool {
        self.staged.is_empty() && self.taken.is_none()
    }

    pub(super) fn put(&mut self, shard: u32) {
        self.staged.shards.insert(shard);
        self.has_put = true;
    }

    /// Notes what has changed.
    pub(super) fn note(&mut self, facts: &Facts, have_shards_changed: bool) {
        if have_shards_changed || self.told != *facts {
            self.staged.tells = true;
            self.told = facts.clone();
        }
    }

    /// What to wait for, for whoever has seen the stream, or has just put records.
    pub(super) fn verdict(&mut self) -> Option<Verdict> {
        let has_put = std::mem::take(&mut self.has_put);
        let staged = self.staged.tells || (has_put && !self.staged.is_empty());
        let taken = self.taken.as_ref().filter(|taken| taken.tells);
        let stage = if staged { Some(&self.staged) } else { taken };
        stage.map(|stage| stage.speaker.verdict())
    }

    /// Whether the committer has to be told, which then is.
    pub(super) fn queue(&mut self) -> bool {
        let is_first = !self.staged.is_queued && !self.staged.is_empty();
        self.staged.is_queued |= is_first;
        is_first
    }

    /// Whether something is being written.
    pub(super) fn is_taken(&self) -> bool {
        self.taken.is_some()
    }

    /// What is written now. What comes later is for the next round.
    pub(super) fn take(&mut self) -> &Stage {
        let staged = std::mem::take(&mut self.staged);
        self.taken.insert(staged)
    }

    /// What was taken has been written.
    pub(super) fn settle(&mut self, facts: Facts) -> Option<Stage> {
        self.certain = facts;
        self.taken.take()
    }

    /// What was taken, and what was staged since, has not been written and never was. Gives the facts as they were.
    pub(super) fn discard(&mut self) -> (Facts, Vec<Stage>) {
        self.told = self.certain.clone();
        let staged = std::mem::take(&mut self.staged);
        (self.certain.clone(), self.taken.take().into_iter().chain([staged]).collect())
    }
}
