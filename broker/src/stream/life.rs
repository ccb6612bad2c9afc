//! Where a stream is in its life, and what it is turning into.
//! A change is decided when it is asked for and takes effect when its moment has come; nobody waits for it with a timer,
//! because whoever looks at the stream lets time pass first. So a thousand streams cost nothing while nobody looks.
//! Pure. Called by `stream`.

use std::num::NonZeroU32;
use tailwater_record::{HashKey, Timestamp};
use tailwater_wire::shapes::{KeyId, StreamMode, StreamStatus};

/// Where a stream is in its life.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Life {
    stage: Stage,
}

#[derive(Clone, Debug, PartialEq)]
enum Stage {
    Active,
    /// Until the moment, when something happens to it.
    Until(Timestamp, Change),
}

/// What a stream turns into.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// It comes to be.
    Create,
    /// It goes.
    Delete,
    Split {
        shard: u32,
        at: HashKey,
    },
    Merge {
        lower: u32,
        upper: u32,
    },
    Scale {
        target: NonZeroU32,
    },
    Mode {
        mode: StreamMode,
        warm_throughput: Option<u32>,
    },
    WarmThroughput(u32),
    RecordSize(u32),
    /// Encrypts with this key from then on, or no more.
    Encryption(Option<KeyId>),
}

impl Life {
    pub(crate) fn new(ready: Timestamp) -> Self {
        Self::until(ready, Change::Create)
    }

    /// As it is between changes.
    pub(crate) fn active() -> Self {
        Self { stage: Stage::Active }
    }

    /// As it is while a change is under way.
    pub(crate) fn until(due: Timestamp, change: Change) -> Self {
        Self { stage: Stage::Until(due, change) }
    }

    /// The change that is under way, and its moment.
    pub(crate) fn pending(&self) -> Option<(Timestamp, &Change)> {
        match &self.stage {
            Stage::Active => None,
            Stage::Until(due, change) => Some((*due, change)),
        }
    }

    pub(crate) fn status(&self) -> StreamStatus {
        match &self.stage {
            Stage::Active => StreamStatus::Active,
            Stage::Until(_, Change::Create) => StreamStatus::Creating,
            Stage::Until(_, Change::Delete) => StreamStatus::Deleting,
            Stage::Until(..) => StreamStatus::Updating,
        }
    }

    pub(crate) fn is_active(&self) -> bool {
        matches!(self.stage, Stage::Active)
    }

    /// Whether records can be put and read.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.status(), StreamStatus::Active | StreamStatus::Updating)
    }

    /// Begins a change. One that is under way is overtaken: only a deletion comes while another is.
    pub(crate) fn begin(&mut self, change: Change, due: Timestamp) {
        self.stage = Stage::Until(due, change);
    }

    /// The change whose moment has come, and that moment. A stream that is gone stays so.
    pub(crate) fn pass(&mut self, now: Timestamp) -> Option<(Change, Timestamp)> {
        match &self.stage {
            Stage::Until(due, change) if *due <= now && *change != Change::Delete => {
                let due = *due;
                let Stage::Until(_, change) = std::mem::replace(&mut self.stage, Stage::Active) else {
                    unreachable!("a change was under way")
                };
                Some((change, due))
            }
            _ => None,
        }
    }

    /// Whether it is gone.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        matches!(&self.stage, Stage::Until(due, Change::Delete) if *due <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_change_takes_effect_once_when_its_moment_has_come() {
        let mut life = Life::new(at(10));
        assert_eq!((life.status(), life.serves()), (StreamStatus::Creating, false));
        assert_eq!(life.pass(at(9)), None);
        assert_eq!(life.pass(at(12)), Some((Change::Create, at(10))));
        assert_eq!(life.pass(at(12)), None);
        assert!(life.is_active());
        life.begin(Change::RecordSize(2048), at(20));
        assert_eq!((life.status(), life.serves()), (StreamStatus::Updating, true));
        assert_eq!(life.pass(at(20)), Some((Change::RecordSize(2048), at(20))));
        assert!(life.is_active());
    }

    #[test]
    fn a_deletion_overtakes_and_stays() {
        let mut life = Life::new(at(10));
        life.begin(Change::Delete, at(5));
        assert_eq!((life.status(), life.serves(), life.is_over(at(4))), (StreamStatus::Deleting, false, false));
        assert_eq!(life.pass(at(50)), None);
        assert!(life.is_over(at(5)) && life.is_over(at(500)));
    }
}
