//! How far a shard has been handled: the KCL's extended sequence number, with its order and its texts.
//! Why not `record::Position`: that tells where to read; this tells what is done, and only this has an order.

use crate::name::NameFault;
use serde::{Deserialize, Serialize};
use tailwater_record::SequenceNumber;

/// How far a shard has been handled. Greater is farther.
///
/// ```
/// use tailwater_store::Progress;
///
/// let some = Progress::Through { sequence: "42".parse()?, sub_sequence: 3 };
/// assert!(Progress::TrimHorizon < some && some < Progress::ShardEnd);
/// # Ok::<(), tailwater_record::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Progress {
    /// Nothing; to begin at the moment that the row tells.
    AtTimestamp,
    /// Nothing; to begin with the oldest record kept.
    TrimHorizon,
    /// Nothing; to begin behind the newest record. Written by the KCL only: our rows tell the moment instead.
    Latest,
    /// Everything up to this user record, and it too.
    Through {
        /// The number of the Kinesis record.
        sequence: SequenceNumber,
        /// The place of the user record inside it, from 0.
        sub_sequence: u64,
    },
    /// Everything.
    ShardEnd,
}

impl Progress {
    /// The sequence number or the word that stands for it, and the place inside the Kinesis record: as the KCL stores both.
    #[must_use]
    pub fn to_text(&self) -> (String, u64) {
        match self {
            Self::AtTimestamp => ("AT_TIMESTAMP".to_owned(), 0),
            Self::TrimHorizon => ("TRIM_HORIZON".to_owned(), 0),
            Self::Latest => ("LATEST".to_owned(), 0),
            Self::Through { sequence, sub_sequence } => (sequence.to_string(), *sub_sequence),
            Self::ShardEnd => ("SHARD_END".to_owned(), 0),
        }
    }

    /// What [`to_text`](Self::to_text) wrote.
    pub fn from_text(text: &str, sub_sequence: u64) -> Result<Self, NameFault> {
        match text {
            "AT_TIMESTAMP" => Ok(Self::AtTimestamp),
            "TRIM_HORIZON" => Ok(Self::TrimHorizon),
            "LATEST" => Ok(Self::Latest),
            "SHARD_END" => Ok(Self::ShardEnd),
            digits => {
                let form = "a sequence number, AT_TIMESTAMP, TRIM_HORIZON, LATEST or SHARD_END";
                let sequence = digits.parse().map_err(|_| NameFault::Form { noun: "progress", form })?;
                Ok(Self::Through { sequence, sub_sequence })
            }
        }
    }

    /// Whether some record has been handled.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        matches!(self, Self::Through { .. } | Self::ShardEnd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn progress() -> impl Strategy<Value = Progress> {
        prop_oneof![
            Just(Progress::AtTimestamp),
            Just(Progress::TrimHorizon),
            Just(Progress::Latest),
            ("[1-9][0-9]{0,60}", 0_u64..5)
                .prop_map(|(text, sub_sequence)| Progress::Through { sequence: text.parse().unwrap(), sub_sequence }),
            Just(Progress::ShardEnd),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(progress in progress()) {
            let (text, sub_sequence) = progress.to_text();
            prop_assert_eq!(Progress::from_text(&text, sub_sequence).unwrap(), progress);
        }

        #[test]
        fn order_is_the_kcls(one in progress(), two in progress()) {
            // Numbers are compared as numbers; the words stand at -3, -2, -1 and beyond all numbers.
            let rank = |progress: &Progress| match progress {
                Progress::AtTimestamp => (0, String::new(), 0),
                Progress::TrimHorizon => (1, String::new(), 0),
                Progress::Latest => (2, String::new(), 0),
                Progress::Through { sequence, sub_sequence } => (3, format!("{:0>64}", sequence.to_string()), *sub_sequence),
                Progress::ShardEnd => (4, String::new(), 0),
            };
            prop_assert_eq!(one.cmp(&two), rank(&one).cmp(&rank(&two)));
        }
    }

    #[test]
    fn nonsense_is_no_progress() {
        for text in ["", "latest", "-4", "12x", "SHARD_END "] {
            assert!(Progress::from_text(text, 0).is_err(), "{text:?}");
        }
    }
}
