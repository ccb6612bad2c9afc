//! Which operations of a faulty disk fail, and in the middle of which one its machine goes off.
//! Pure. Called by the disk, once per operation.

use std::io;

/// The faults that are planned.
#[derive(Debug)]
pub(super) struct Plan {
    /// Of all such operations, this share fails.
    pub(super) syncs: f64,
    pub(super) writes: f64,
    pub(super) reads: f64,
    /// All files together may have so many bytes.
    pub(super) capacity: u64,
    /// So many operations are left before the machine goes off.
    pub(super) left: Option<u64>,
}

/// What an operation is to the plan.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Asks for what the system has in memory.
    Ask,
    Read,
    Write,
    /// Makes a file, which is written and synced once.
    Make,
    Sync,
}

/// How an operation ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    Well,
    Fails,
    /// The machine goes off in the middle of it.
    Off,
}

impl Plan {
    pub(super) fn calm() -> Self {
        Self { syncs: 0.0, writes: 0.0, reads: 0.0, capacity: u64::MAX, left: None }
    }

    /// What becomes of the next operation.
    pub(super) fn fate(&mut self, chance: &mut fastrand::Rng, kind: Kind) -> Fate {
        match self.left.as_mut() {
            Some(0) => {
                self.left = None;
                return Fate::Off;
            }
            Some(left) => *left -= 1,
            None => {}
        }
        let (first, second) = match kind {
            Kind::Ask => (0.0, 0.0),
            Kind::Read => (self.reads, 0.0),
            Kind::Write => (self.writes, 0.0),
            Kind::Make => (self.writes, self.syncs),
            Kind::Sync => (self.syncs, 0.0),
        };
        if chance.f64() < first || chance.f64() < second { Fate::Fails } else { Fate::Well }
    }
}

impl Fate {
    pub(super) fn result(self) -> io::Result<()> {
        match self {
            Self::Well => Ok(()),
            Self::Fails => Err(io::Error::other("the disk failed, as it was told to")),
            Self::Off => Err(off()),
        }
    }
}

/// What every operation says of a machine that is off, and whoever was on it when it went off, for ever after.
pub(super) fn off() -> io::Error {
    io::Error::other("the machine is off")
}
