//! A page that was read, on its way to become batches: cut piece by piece, so that of a page of 10 MiB only what is about
//! to be handled is taken apart.
//! Pure. Made by the shard's task of each answer.

use super::{BOOKKEEPING, Batch, BatchOf, Contents};
use crate::budget::Grant;
use crate::unpack::{Facts, unpack};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use std::vec;
use tailwater_store::Progress;
use tailwater_wire::shapes;

/// How many bytes of data a batch has at the most, if nobody says otherwise. One Kinesis record may have more.
pub(crate) const BATCH_BYTES: u64 = 1024 * 1024;

/// How many checksums are computed side by side.
pub(super) const SIDE_BY_SIDE: usize = 16;

/// A page of Kinesis records on its way to become batches. As an iterator it gives them in order, each with what became
/// of the Kinesis records that went into it.
pub(crate) struct Page {
    of: Arc<BatchOf>,
    records: vec::IntoIter<shapes::Record>,
    after: Progress,
    lag: Option<Duration>,
    batch_bytes: u64,
    grant: Option<Arc<Grant>>,
}

impl Page {
    /// A page of which everything up to `after` is handled already.
    pub(crate) fn new(of: Arc<BatchOf>, records: Vec<shapes::Record>, after: Progress) -> Self {
        Self { of, records: records.into_iter(), after, lag: None, batch_bytes: BATCH_BYTES, grant: None }
    }

    /// Sets how far it is behind the newest record.
    pub(crate) fn with_lag(self, lag: Option<Duration>) -> Self {
        Self { lag, ..self }
    }

    /// Sets how many bytes of data a batch has at the most; a Kinesis record is never split.
    pub(crate) fn with_batch_bytes(self, batch_bytes: u64) -> Self {
        Self { batch_bytes, ..self }
    }

    /// Sets the room that it takes, which is given back with the last of its batches.
    pub(crate) fn with_grant(self, grant: Grant) -> Self {
        Self { grant: Some(Arc::new(grant)), ..self }
    }

    /// What the Kinesis records not yet in batches take of the budget.
    pub(crate) fn bytes(&self) -> u64 {
        self.records.as_slice().iter().map(|record| record.data.len() as u64 + BOOKKEEPING).sum()
    }

    /// How many Kinesis records go into the next batch.
    fn portion(&self) -> usize {
        let mut bytes = 0;
        let fits = |record: &&shapes::Record| {
            bytes += record.data.len() as u64;
            bytes <= self.batch_bytes
        };
        let waiting = self.records.as_slice();
        let fit = waiting.iter().take_while(fits).count().max(1).min(waiting.len());
        // Checksums of a few beyond take as long as those of as many again.
        let beyond = if fit < waiting.len() && fit > SIDE_BY_SIDE { fit % SIDE_BY_SIDE } else { 0 };
        fit - beyond
    }
}

impl Iterator for Page {
    type Item = (Batch, Facts);

    fn next(&mut self) -> Option<Self::Item> {
        let portion = self.portion();
        if portion == 0 {
            return None;
        }
        let of = Arc::clone(&self.of);
        let (opened, facts) = unpack(self.records.by_ref().take(portion), &of.shard, &of.rules, &self.after);
        let contents = Arc::new(Contents { of, opened, lag: self.lag, _grant: self.grant.clone() });
        let (after, end) = (self.after.clone(), facts.end.clone());
        Some((Batch { contents, after, end, len: facts.delivered, attempt: 1 }, facts))
    }
}

/// Cuts a page into batches as a worker does; for our benches only.
#[cfg(feature = "unstable-internals")]
pub fn batches(
    records: Vec<shapes::Record>,
    on_stray: crate::OnStray,
    range: Option<tailwater_record::HashRange>,
) -> impl Iterator<Item = Batch> {
    let stream = "111122223333:orders:1700000000".parse().expect("an identity");
    let rules = crate::unpack::Unpacking { on_stray, range, spreads: false };
    let of = Arc::new(BatchOf { stream, shard: tailwater_record::ShardId::numbered(0), rules, checkpoint: None });
    Page::new(of, records, Progress::TrimHorizon).map(|(batch, _)| batch)
}

impl fmt::Debug for Page {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shard, records) = (&self.of.shard, self.records.len());
        out.debug_struct("Page").field("shard", shard).field("records", &records).finish_non_exhaustive()
    }
}
