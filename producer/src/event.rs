//! Everything worth telling an operator, as one enum: the log and the simulation read it.

use crate::error::Error;
use std::fmt;
use tailwater_record::ShardId;

/// Something happened to a stream's producer.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The stream was described; these shards are gone since, and these have come.
    Described {
        /// How many shards take records.
        shards: usize,
        /// How many of those known before do not.
        gone: usize,
        /// How many were not known before.
        come: usize,
        /// The largest record that the stream takes.
        record_limit: usize,
        /// Whether the service spreads records by itself.
        spreads: bool,
    },
    /// The stream could not be described.
    Undescribed {
        /// Why.
        error: Error,
    },
    /// The listing had a hole or an overlap, as in the middle of a reshard.
    Torn,
    /// A Kinesis record was stored in another shard than was meant.
    Misplaced {
        /// Where it was meant to go.
        meant: Option<ShardId>,
        /// Where it is.
        landed: ShardId,
    },
    /// A request was refused whole; what is to blame is looked for.
    Suspected {
        /// How many Kinesis records were in it.
        entries: usize,
    },
    /// A lane stands still.
    Stopped {
        /// Whose.
        shard: Option<ShardId>,
        /// Why.
        error: Error,
    },
}

impl Event {
    /// Whether somebody should look at it.
    #[must_use]
    pub(crate) fn is_warning(&self) -> bool {
        match self {
            Self::Described { .. } | Self::Torn | Self::Misplaced { .. } => false,
            Self::Undescribed { .. } | Self::Suspected { .. } | Self::Stopped { .. } => true,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |shard: &Option<ShardId>| shard.as_ref().map_or_else(|| "the stream".to_owned(), ShardId::to_string);
        match self {
            Self::Described { shards, gone, come, record_limit, spreads } => {
                write!(
                    out,
                    "described: {shards} shards ({gone} gone, {come} new), records up to {record_limit} bytes"
                )?;
                if *spreads { out.write_str(", spread by the service") } else { Ok(()) }
            }
            Self::Undescribed { error } => write!(out, "not described: {error}"),
            Self::Torn => out.write_str("the listing of shards has a hole or an overlap"),
            Self::Misplaced { meant, landed } => write!(out, "meant for {}, stored in {landed}", name(meant)),
            Self::Suspected { entries } => write!(out, "a request of {entries} records was refused whole"),
            Self::Stopped { shard, error } => write!(out, "the lane of {} is stopped: {error}", name(shard)),
        }
    }
}
