//! Why a lease moves, or finds nobody: with its numbers, in words for an operator.
//! Why words here and not where they are shown: the leader writes them beside the move it has made.
//! Made by `place`, `count` and `load`.

use std::fmt;
use std::time::Duration;
use tailwater_store::{LeaseKey, StreamIdentity, WorkerId};

/// Why a lease moves.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reason {
    /// Nobody has it.
    Unowned,
    /// Its owner is gone.
    Gone { owner: WorkerId },
    /// Its owner lives, but has let it expire.
    Neglected { owner: WorkerId, expired_for: Duration },
    /// Its owner should have handed it over by now.
    HandoffOverdue { owner: WorkerId, next: WorkerId },
    /// Its owner went away in the middle of handing it over.
    HandoffCut { owner: WorkerId, next: WorkerId },
    /// Its owner is leaving.
    Leaving { owner: WorkerId },
    /// Its owner no longer reads the stream.
    NotRead { owner: WorkerId, stream: StreamIdentity },
    /// An operator wants it there.
    Wish { to: WorkerId },
    /// Its owner has more leases than it wants.
    OverLimit { owner: WorkerId, has: usize, limit: usize },
    /// Its owner gives it up for a lease that fits nowhere else.
    MakesRoom { owner: WorkerId, for_key: LeaseKey },
    /// The one has more than the other.
    Uneven { from: Burden, to: Burden, even: Figure },
    /// The one has more than the other, and can give nothing to it directly: this move is one of a chain.
    UnevenByWay { from: Burden, to: Burden },
}

/// How much a worker has to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Burden {
    pub(crate) worker: WorkerId,
    pub(crate) figure: Figure,
}

/// A load, as it was counted or measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Figure {
    Leases(f64),
    KibPerSecond(f64),
    CpuPercent(f64),
}

/// Why a lease finds nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Nobody is there.
    NoWorker,
    /// Nobody who is there reads the stream.
    NoReader,
    /// All who read the stream have as much as they want.
    AllFull { readers: usize },
    /// Only its owner could have it, who let it expire.
    OnlyItsOwner,
    /// The worker is not there, or leaves.
    NotThere,
    /// The worker does not read the stream.
    DoesNotRead,
    /// The worker has as much as it wants.
    Full,
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unowned => write!(out, "nobody has it"),
            Self::Gone { owner } => write!(out, "{owner} is gone"),
            Self::Neglected { owner, expired_for } => {
                write!(out, "{owner} lives, but its lease expired {:.1} s ago", expired_for.as_secs_f64())
            }
            Self::HandoffOverdue { owner, next } => write!(out, "{owner} has not handed it to {next} in time"),
            Self::HandoffCut { owner, next } => write!(out, "{owner} was to hand it to {next}, and is gone"),
            Self::Leaving { owner } => write!(out, "{owner} is leaving"),
            Self::NotRead { owner, stream } => write!(out, "{owner} does not read {stream}"),
            Self::Wish { to } => write!(out, "an operator wants {to} to have it"),
            Self::OverLimit { owner, has, limit } => write!(out, "{owner} has {has} leases and wants at most {limit}"),
            Self::MakesRoom { owner, for_key } => write!(out, "{owner} makes room for {for_key}"),
            Self::Uneven { from, to, even } => write!(out, "{from}, {to}; even would be {even}"),
            Self::UnevenByWay { from, to } => write!(out, "{from}, {to}; between them it goes by way of others"),
        }
    }
}

impl fmt::Display for Burden {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.figure {
            Figure::Leases(_) => "has",
            Figure::KibPerSecond(_) => "handles",
            Figure::CpuPercent(_) => "is busy at",
        };
        write!(out, "{} {verb} {}", self.worker, self.figure)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leases(1.0) => write!(out, "1 lease"),
            Self::Leases(leases) if leases.fract() == 0.0 => write!(out, "{leases:.0} leases"),
            Self::Leases(leases) => write!(out, "{leases:.1} leases"),
            Self::KibPerSecond(kib) => write!(out, "{kib:.1} KiB/s"),
            Self::CpuPercent(percent) => write!(out, "{percent:.0} %"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWorker => write!(out, "no worker is there"),
            Self::NoReader => write!(out, "no worker that is there reads its stream"),
            Self::AllFull { readers } => write!(out, "the workers that read its stream are full, all {readers}"),
            Self::OnlyItsOwner => write!(out, "nobody but its owner, who let it expire, could have it"),
            Self::NotThere => write!(out, "it is not there, or leaving"),
            Self::DoesNotRead => write!(out, "it does not read the stream"),
            Self::Full => write!(out, "it is full"),
        }
    }
}
