//! Which batches are still in memory though they are in the log: the newest ones of all streams together, up to so many
//! bytes. Readers at the tip need no disk; the others do, however much there is.
//! Called by `commit`.

use crate::account::locked;
use crate::stream::Stream;
use crate::stream::block::Block;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

/// Batches in memory, oldest first.
#[derive(Debug)]
pub(crate) struct Cache {
    most: usize,
    bytes: usize,
    batches: VecDeque<Batch>,
}

#[derive(Debug)]
struct Batch {
    stream: Weak<Mutex<Stream>>,
    shard: u32,
    first: u64,
    bytes: usize,
    segment: u64,
}

impl Cache {
    pub(super) fn new(most: usize) -> Self {
        Self { most, bytes: 0, batches: VecDeque::new() }
    }

    pub(super) fn add(&mut self, stream: &Arc<Mutex<Stream>>, shard: u32, block: &Block<Bytes>, segment: u64) {
        let (bytes, stream) = (block.held(), Arc::downgrade(stream));
        self.bytes += bytes;
        self.batches.push_back(Batch { stream, shard, first: block.first, bytes, segment });
    }

    /// Lets go of the oldest while there is too much.
    pub(super) fn evict(&mut self) {
        while self.bytes > self.most
            && let Some(batch) = self.batches.pop_front()
        {
            self.bytes -= batch.bytes;
            if let Some(stream) = batch.stream.upgrade()
                && let Some(shard) = locked(&stream).shards.get_mut(batch.shard)
            {
                shard.records_mut().evict(batch.first);
            }
        }
    }

    /// The oldest segment of which something is in memory.
    pub(crate) fn oldest_segment(&self) -> Option<u64> {
        self.batches.front().map(|batch| batch.segment)
    }
}
