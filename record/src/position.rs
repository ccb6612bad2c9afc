//! Where reading starts, or has come to, in one shard.
//! An enum, because the protocols that store it mix magic words with numbers in one text.

use crate::{SequenceNumber, Timestamp};

/// A place in a shard.
///
/// ```
/// use tailwater_record::Position;
///
/// let finished = Position::After { sequence: "42".parse()?, sub_sequence: Some(3) };
/// assert_ne!(finished, Position::ShardEnd);
/// # Ok::<(), tailwater_record::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Position {
    /// Before the oldest record that is kept.
    TrimHorizon,
    /// Behind the newest record.
    Latest,
    /// Before the first record that arrived at this moment or later.
    AtTimestamp(Timestamp),
    /// Before this record.
    At {
        /// The number of the Kinesis record.
        sequence: SequenceNumber,
        /// The place of the user record inside it, from 0.
        sub_sequence: u64,
    },
    /// Behind this record.
    After {
        /// The number of the Kinesis record.
        sequence: SequenceNumber,
        /// The place of the user record inside it, from 0; `None` means behind all that the Kinesis record holds.
        sub_sequence: Option<u64>,
    },
    /// Behind the last record of a shard that takes no more.
    ShardEnd,
}
