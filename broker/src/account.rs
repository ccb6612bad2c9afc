//! The streams of one account in one region, and what belongs to the account as a whole.
//! Why locks here and nowhere below: a stream's state is pure and has one writer at a time, who is whoever holds its lock.
//! Streams do not wait for one another; no lock is held across an await.
//! Called by `here`, on behalf of the actions.

use crate::stream::Stream;
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tailwater_record::{AccountId, Region, StreamArn, StreamName, Timestamp};
use tailwater_wire::shapes::StreamMode;

/// One account in one region.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) region: Region,
    streams: RwLock<BTreeMap<StreamName, Arc<Mutex<Stream>>>>,
    commitment: Mutex<Commitment>,
}

/// Whether the account has committed itself to a throughput.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Commitment {
    pub(crate) started: Option<Timestamp>,
    /// When it ends, or ended, if that was asked for.
    pub(crate) ends: Option<Timestamp>,
}

impl Commitment {
    pub(crate) fn holds(self, now: Timestamp) -> bool {
        self.started.is_some() && self.ends.is_none_or(|ends| now < ends)
    }
}

/// What all streams together use of the account's quotas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) open_shards: usize,
    pub(crate) on_demand: usize,
    pub(crate) creating: usize,
}

impl Account {
    pub(crate) fn new(id: AccountId, region: Region) -> Self {
        Self { id, region, streams: RwLock::default(), commitment: Mutex::default() }
    }

    pub(crate) fn arn(&self, name: &StreamName) -> StreamArn {
        StreamArn::new(self.region.clone(), self.id, name.clone())
    }

    /// The stream of this name, unless it is gone.
    pub(crate) fn stream(&self, name: &StreamName, now: Timestamp) -> Option<Arc<Mutex<Stream>>> {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        let stream = Arc::clone(streams.get(name)?);
        drop(streams);
        let over = locked(&stream).life.is_over(now);
        if over {
            self.forget(name, now);
            return None;
        }
        Some(stream)
    }

    /// Takes away a stream that is gone, unless another one has its name by now.
    fn forget(&self, name: &StreamName, now: Timestamp) {
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        if streams.get(name).is_some_and(|stream| locked(stream).life.is_over(now)) {
            streams.remove(name);
        }
    }

    /// Adds a stream, if `make` agrees to it, given what the others use. No other stream comes or goes meanwhile.
    pub(crate) fn add<F>(
        &self,
        name: &StreamName,
        now: Timestamp,
        make: impl FnOnce(bool, Usage) -> Result<Stream, F>,
    ) -> Result<(), F> {
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        let exists = streams.get(name).is_some_and(|stream| !locked(stream).life.is_over(now));
        let usage = usage(streams.values(), now);
        let stream = make(exists, usage)?;
        streams.insert(name.clone(), Arc::new(Mutex::new(stream)));
        Ok(())
    }

    /// The streams behind a name, in order.
    pub(crate) fn after(&self, name: Option<&StreamName>) -> Vec<(StreamName, Arc<Mutex<Stream>>)> {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        let behind = streams.range::<StreamName, _>((name.map_or(Unbounded, Excluded), Unbounded));
        behind.map(|(name, stream)| (name.clone(), Arc::clone(stream))).collect()
    }

    pub(crate) fn usage(&self, now: Timestamp) -> Usage {
        let streams: Vec<_> = self.after(None).into_iter().map(|(_, stream)| stream).collect();
        usage(streams.iter(), now)
    }

    /// Forgets what is too old, and streams that are gone.
    pub(crate) fn sweep(&self, now: Timestamp) {
        for (name, stream) in self.after(None) {
            let over = {
                let mut stream = locked(&stream);
                stream.pass(now);
                stream.trim(now);
                stream.life.is_over(now)
            };
            if over {
                self.forget(&name, now);
            }
        }
    }

    pub(crate) fn commitment(&self) -> MutexGuard<'_, Commitment> {
        self.commitment.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes reserved for records.
    pub(crate) fn held(&self) -> usize {
        self.after(None).iter().map(|(_, stream)| locked(stream).shards.held()).sum()
    }
}

fn usage<'s>(streams: impl Iterator<Item = &'s Arc<Mutex<Stream>>>, now: Timestamp) -> Usage {
    let mut usage = Usage::default();
    for stream in streams {
        let mut stream = locked(stream);
        stream.pass(now);
        if !stream.life.is_over(now) {
            usage.open_shards += stream.shards.open_count();
            usage.on_demand += usize::from(stream.mode == StreamMode::OnDemand);
            usage.creating += usize::from(stream.status() == tailwater_wire::shapes::StreamStatus::Creating);
        }
    }
    usage
}

/// A stream in the hands of its one writer. A writer that panicked left it as it was after the last whole step.
pub(crate) fn locked(stream: &Mutex<Stream>) -> MutexGuard<'_, Stream> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}
