//! From packed to ready: the checksum written, one by one or many at a time in SIMD lanes.
//! Called by the producer, once for each Kinesis record or for all that are ready together.

use super::layout::{CHECKSUM, MAGIC};
use crate::md5_lanes::{self, Lanes};
use crate::{HashKey, PartitionKey};
use bytes::Bytes;
use std::fmt;

/// A packed Kinesis record that still lacks its checksum.
#[must_use = "an unsealed record is no valid aggregate yet"]
pub struct Unsealed {
    pub(super) content: Content,
    pub(super) records: usize,
    pub(super) first: OuterKey,
}

pub(super) enum Content {
    Raw(Bytes),
    /// With room for the checksum at the end.
    Aggregate(Vec<u8>),
}

impl Unsealed {
    /// Writes the checksum.
    pub fn seal(self) -> Packed {
        let digest = self.message().map(md5_lanes::md5);
        self.finish(digest)
    }

    /// What the checksum is taken of; nothing if the record travels raw.
    fn message(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Raw(_) => None,
            Content::Aggregate(bytes) => Some(&bytes[MAGIC.len()..bytes.len() - CHECKSUM]),
        }
    }

    fn finish(self, digest: Option<[u8; CHECKSUM]>) -> Packed {
        let (data, aggregated) = match self.content {
            Content::Raw(data) => (data, false),
            Content::Aggregate(mut bytes) => {
                let start = bytes.len() - CHECKSUM;
                bytes[start..].copy_from_slice(&digest.unwrap_or_default());
                (bytes.into(), true)
            }
        };
        Packed { data, records: self.records, aggregated, first: self.first }
    }
}

impl fmt::Debug for Unsealed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Unsealed").field("records", &self.records).finish_non_exhaustive()
    }
}

/// Writes the checksums of many packed records at once, several at a time in SIMD lanes.
///
/// ```
/// use tailwater_record::UserRecord;
/// use tailwater_record::kpl::{Packer, seal_all};
///
/// let mut packer = Packer::new();
/// let mut unsealed = Vec::new();
/// for part in 0..4 {
///     for _ in 0..10 {
///         packer.push(&UserRecord::new(vec![part; 100]).with_partition_key("k".parse()?))?;
///     }
///     unsealed.extend(packer.take());
/// }
/// let packed = seal_all(unsealed);
/// assert!(packed.iter().all(|packed| packed.records() == 10));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn seal_all(unsealed: Vec<Unsealed>) -> Vec<Packed> {
    seal_all_in(Lanes::best(), unsealed)
}

/// As [`seal_all`], in lanes of the caller's choice.
#[cfg_attr(not(feature = "unstable-internals"), allow(unreachable_pub, reason = "public for our benches only"))]
pub fn seal_all_in(lanes: Lanes, unsealed: Vec<Unsealed>) -> Vec<Packed> {
    let messages: Vec<&[u8]> = unsealed.iter().map(|record| record.message().unwrap_or_default()).collect();
    let mut digests = vec![[0; CHECKSUM]; messages.len()];
    lanes.md5_each(&messages, |index, digest| digests[index] = digest);
    unsealed.into_iter().zip(digests).map(|(record, digest)| record.finish(Some(digest))).collect()
}

/// The data of one Kinesis record, ready to be put.
#[derive(Clone, PartialEq, Eq)]
pub struct Packed {
    data: Bytes,
    records: usize,
    aggregated: bool,
    first: OuterKey,
}

/// The keys of the record that an aggregate is routed by.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct OuterKey {
    pub(super) partition_key: PartitionKey,
    pub(super) explicit_hash_key: Option<HashKey>,
}

impl Packed {
    /// The bytes to put.
    #[must_use]
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// The bytes to put.
    #[must_use]
    pub fn into_data(self) -> Bytes {
        self.data
    }

    /// The partition key of the first user record. One record alone must be put under it, because its data does not
    /// hold it; an aggregate holds all keys, and may be put under any (the KPL takes `a`) with [`hash_key`](Self::hash_key)
    /// as its explicit hash key.
    #[must_use]
    pub fn partition_key(&self) -> &PartitionKey {
        &self.first.partition_key
    }

    /// Where the first user record falls, and with it the whole.
    #[must_use]
    pub fn hash_key(&self) -> HashKey {
        self.first.explicit_hash_key.unwrap_or_else(|| HashKey::of(&self.first.partition_key))
    }

    /// The explicit hash key of the first user record, if it was given one. One record alone does not hold it either.
    #[must_use]
    pub fn explicit_hash_key(&self) -> Option<HashKey> {
        self.first.explicit_hash_key
    }

    /// How many user records are inside.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }

    /// Whether the data is an aggregate; if not, it is the one user record itself.
    #[must_use]
    pub fn is_aggregated(&self) -> bool {
        self.aggregated
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Packed")
            .field("data", &format_args!("{} bytes", self.data.len()))
            .field("records", &self.records)
            .field("aggregated", &self.aggregated)
            .finish()
    }
}
