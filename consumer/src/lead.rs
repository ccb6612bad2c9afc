//! The lock of the group's leader, as this worker sees it: when to try for it, when to show life, when to let go.
//! The KCL's protocol, with its own code: a version that stood still for longer than the duration beside it may be replaced
//! by whoever saw it stand. Nobody compares clocks.
//! Pure. Called by `worker`.

use crate::watch::Watch;
use std::time::Duration;
use tailwater_store::{Lock, LockVersion, WorkerId};
use tokio::time::Instant;

/// This worker's part in the leadership.
#[derive(Debug)]
pub(crate) struct Lead {
    me: WorkerId,
    lease: Duration,
    held: Option<Held>,
    writing: Option<Writing>,
    not_before: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    version: LockVersion,
    /// Whose place was taken, if it was a stranger's: whoever sees that version sees what was there before.
    over: Option<LockVersion>,
    /// When the write was asked for that last succeeded.
    since: Instant,
}

/// A write under way.
#[derive(Debug)]
struct Writing {
    version: LockVersion,
    over: Option<LockVersion>,
    asked: Instant,
}

/// A write of the lock.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Swap {
    pub(crate) seen: Option<LockVersion>,
    pub(crate) lock: Option<Lock>,
}

impl Lead {
    pub(crate) fn new(me: WorkerId, lease: Duration) -> Self {
        Self { me, lease, held: None, writing: None, not_before: None }
    }

    /// Whether this worker may still act as leader. It stops a tenth of the time before others may take over.
    pub(crate) fn is_leader(&self, now: Instant) -> bool {
        self.held.as_ref().is_some_and(|held| now < held.since + self.lease - self.lease / 10)
    }

    /// When to write next although nothing is seen.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let beat = self.held.as_ref().map(|held| held.since + self.lease / 3);
        match (beat, &self.writing) {
            (_, Some(_)) => None,
            (Some(beat), None) => Some(self.not_before.map_or(beat, |not_before| beat.max(not_before))),
            (None, None) => None,
        }
    }

    /// A sign of life, if one is due.
    pub(crate) fn beat(&mut self, now: Instant, version: impl FnOnce() -> LockVersion) -> Option<Swap> {
        let is_due = self.wake_at().is_some_and(|at| at <= now);
        let Held { version: seen, over, .. } = *self.held.as_ref()?;
        is_due.then(|| self.write(now, Some(seen), over, version()))
    }

    /// A try for the lock, if what was seen allows one.
    pub(crate) fn try_for(
        &mut self,
        now: Instant,
        lock: Option<&Lock>,
        watch: &Watch,
        version: impl FnOnce() -> LockVersion,
    ) -> Option<Swap> {
        if self.writing.is_some() || self.not_before.is_some_and(|not_before| now < not_before) {
            return None;
        }
        if let Some(held) = &self.held {
            // What is seen may be older than what was written; only a stranger's name says that it is gone, unless it is
            // the one whose place was taken.
            if lock.is_none_or(|lock| lock.holder == self.me || held.over == Some(lock.version)) {
                return None;
            }
            self.held = None;
        }
        match lock {
            None => Some(self.write(now, None, None, version())),
            // Mine, from before I was started: nobody else has that name.
            Some(lock) if lock.holder == self.me => Some(self.write(now, Some(lock.version), None, version())),
            Some(lock) if watch.lock_still(now) > lock.lease => {
                Some(self.write(now, Some(lock.version), Some(lock.version), version()))
            }
            Some(_) => None,
        }
    }

    fn write(
        &mut self,
        now: Instant,
        seen: Option<LockVersion>,
        over: Option<LockVersion>,
        version: LockVersion,
    ) -> Swap {
        self.writing = Some(Writing { version, over, asked: now });
        Swap { seen, lock: Some(Lock { holder: self.me.clone(), version, lease: self.lease }) }
    }

    /// What came of a write; `None` if that is not known. Tells whether leadership was gained by it.
    pub(crate) fn written(&mut self, now: Instant, done: Option<bool>) -> bool {
        let Some(Writing { version, over, asked }) = self.writing.take() else { return false };
        match done {
            Some(true) => {
                let gained = self.held.is_none();
                self.held = Some(Held { version, over, since: asked });
                gained
            }
            Some(false) => {
                self.held = None;
                false
            }
            None => {
                // It may stand there: then the next look shows my name, and it is taken up by its version.
                self.not_before = Some(now + self.lease / 10);
                false
            }
        }
    }

    /// Lets go of it, if it is held.
    pub(crate) fn release(&mut self) -> Option<Swap> {
        self.held.take().map(|held| Swap { seen: Some(held.version), lock: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(20);

    fn lead(name: &str) -> Lead {
        Lead::new(name.parse().unwrap(), LEASE)
    }

    #[test]
    fn a_lock_is_taken_over_only_when_it_has_stood_still_for_its_own_duration() {
        let (mut first, mut second, mut watch) = (lead("a"), lead("b"), Watch::default());
        let start = Instant::now();
        let swap = first.try_for(start, None, &watch, || LockVersion::new(1)).unwrap();
        assert!(first.written(start, Some(true)) && first.is_leader(start));
        let mut lock = swap.lock.unwrap();
        lock.lease = LEASE * 3;
        watch.observe(start, &[], &[], Some(&lock));
        assert_eq!(second.try_for(start + LEASE * 3, Some(&lock), &watch, || LockVersion::new(2)), None);
        let later = start + LEASE * 3 + Duration::from_millis(1);
        let swap = second.try_for(later, Some(&lock), &watch, || LockVersion::new(2)).unwrap();
        assert_eq!(swap.seen, Some(LockVersion::new(1)));
        assert!(!first.is_leader(later));
    }

    #[test]
    fn what_was_seen_before_the_lock_was_taken_over_does_not_take_it_away() {
        let (mut lead, mut watch) = (lead("b"), Watch::default());
        let start = Instant::now();
        let old = Lock { holder: "a".parse().unwrap(), version: LockVersion::new(1), lease: LEASE };
        watch.observe(start, &[], &[], Some(&old));
        let later = start + LEASE + Duration::from_millis(1);
        assert!(lead.try_for(later, Some(&old), &watch, || LockVersion::new(2)).is_some());
        assert!(lead.written(later, Some(true)));
        assert_eq!(lead.try_for(later, Some(&old), &watch, || LockVersion::new(3)), None);
        assert!(lead.is_leader(later));
        let beat = lead.wake_at().unwrap();
        assert!(lead.beat(beat, || LockVersion::new(4)).is_some() && !lead.written(beat, Some(true)));
        assert_eq!(lead.try_for(beat, Some(&old), &watch, || LockVersion::new(5)), None);
        assert!(lead.is_leader(beat));
        let stranger = Lock { holder: "c".parse().unwrap(), version: LockVersion::new(6), lease: LEASE };
        watch.observe(beat, &[], &[], Some(&stranger));
        assert_eq!(lead.try_for(beat, Some(&stranger), &watch, || LockVersion::new(7)), None);
        assert!(!lead.is_leader(beat));
    }

    #[test]
    fn a_leader_stops_before_others_may_begin_and_counts_from_when_it_asked() {
        let mut lead = lead("a");
        let start = Instant::now();
        lead.try_for(start, None, &Watch::default(), || LockVersion::new(1));
        lead.written(start + Duration::from_secs(5), Some(true));
        assert!(lead.is_leader(start + Duration::from_secs(17)));
        assert!(!lead.is_leader(start + Duration::from_secs(18)));
    }

    #[test]
    fn a_lost_sign_of_life_is_repeated_and_one_that_comes_too_late_ends_it() {
        let mut lead = lead("a");
        let start = Instant::now();
        lead.try_for(start, None, &Watch::default(), || LockVersion::new(1));
        lead.written(start, Some(true));
        let due = lead.wake_at().unwrap();
        assert_eq!(lead.beat(due, || LockVersion::new(2)).unwrap().seen, Some(LockVersion::new(1)));
        lead.written(due, None);
        assert!(lead.is_leader(due));
        let again = lead.wake_at().unwrap();
        assert!(lead.beat(again, || LockVersion::new(3)).is_some());
        lead.written(again, Some(false));
        assert!(!lead.is_leader(again));
    }
}
