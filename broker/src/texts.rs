//! What the service says when it refuses, word for word where its words are known.
//! Why one file: programs match on these texts, Terraform's provider among them; here they can be compared with their
//! sources at a glance.
//! Pure. Called by `actions` and `find`.

use crate::stream::shard::BadStart;
use tailwater_record::{AccountId, HashRange, SequenceNumber, ShardId, StreamName, Timestamp};
use tailwater_wire::shapes::{ShardIteratorType, StreamStatus};
use tailwater_wire::{Fault, FaultCode};

/// Refuses an argument.
pub(crate) fn argument(message: impl Into<String>) -> Fault {
    Fault::new(FaultCode::InvalidArgument, message)
}

/// Refuses what breaks a rule of the API's own.
pub(crate) fn validation(message: impl Into<String>) -> Fault {
    Fault::new(FaultCode::Validation, message)
}

pub(crate) fn limit(message: impl Into<String>) -> Fault {
    Fault::new(FaultCode::LimitExceeded, message)
}

pub(crate) fn in_use(message: impl Into<String>) -> Fault {
    Fault::new(FaultCode::ResourceInUse, message)
}

pub(crate) fn not_found(message: impl Into<String>) -> Fault {
    Fault::new(FaultCode::ResourceNotFound, message)
}

/// All checks were passed, and nothing was to be done.
pub(crate) fn dry_run() -> Fault {
    Fault::new(FaultCode::DryRunOperation, "Request would have succeeded, but DryRun flag is set.")
}

/// What was asked for could not be made certain, and did not happen.
pub(crate) fn unwritten() -> Fault {
    Fault::new(FaultCode::InternalFailure, "The log could not be written, so nothing was changed. Try again.")
}

/// Records are there, and the disk does not give them.
pub(crate) fn unreadable() -> Fault {
    Fault::new(FaultCode::InternalFailure, "The records could not be read from the log. Try again.")
}

/// Whose stream it is, as texts name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'n> {
    pub(crate) stream: &'n StreamName,
    pub(crate) account: AccountId,
}

impl Named<'_> {
    pub(crate) fn not_found(self) -> Fault {
        not_found(format!("Stream {} under account {} not found.", self.stream, self.account))
    }

    pub(crate) fn exists(self) -> Fault {
        in_use(format!("Stream {} under account {} already exists.", self.stream, self.account))
    }

    pub(crate) fn not_active(self, status: &StreamStatus) -> Fault {
        let Self { stream, account } = self;
        in_use(format!("Stream {stream} under account {account} not ACTIVE, instead in state {status}"))
    }

    pub(crate) fn on_demand(self) -> Fault {
        let Self { stream, account } = self;
        validation(format!("Request is invalid. Stream {stream} under account {account} is in On-Demand mode."))
    }

    pub(crate) fn not_on_demand(self) -> Fault {
        let Self { stream, account } = self;
        argument(format!("Request is invalid. Stream {stream} under account {account} is not in On-Demand mode."))
    }

    /// As split and merge say it.
    pub(crate) fn shard_not_found(self, shard: &ShardId) -> Fault {
        let Self { stream, account } = self;
        not_found(format!("Could not find shard {shard} in stream {stream} under account {account}."))
    }

    /// As readers are told.
    pub(crate) fn shard_does_not_exist(self, shard: &ShardId) -> Fault {
        let Self { stream, account } = self;
        not_found(format!("Shard {shard} in stream {stream} under account {account} does not exist"))
    }

    pub(crate) fn shard_closed(self, shard: &ShardId) -> Fault {
        let Self { stream, account } = self;
        argument(format!(
            "Shard {shard} in stream {stream} under account {account} has already been merged or split, and thus is not \
             eligible for merging or splitting."
        ))
    }

    pub(crate) fn not_adjacent(self, one: &ShardId, other: &ShardId) -> Fault {
        let Self { stream, account } = self;
        argument(format!(
            "Shards {one} and {other} in stream {stream} under account {account} are not an adjacent pair of shards \
             eligible for merging"
        ))
    }

    pub(crate) fn cannot_split_there(self, shard: &ShardId, key: &str, range: HashRange) -> Fault {
        let Self { stream, account } = self;
        let (start, end) = (range.start(), range.end());
        argument(format!(
            "NewStartingHashKey {key} used in SplitShard() on shard {shard} in stream {stream} under account {account} is \
             not both greater than one plus the shard's StartingHashKey {start} and less than the shard's EndingHashKey \
             {end}."
        ))
    }

    pub(crate) fn retention_shorter(self, asked: i32, present: u64) -> Fault {
        let Self { stream, .. } = self;
        argument(format!(
            "Requested retention period ({asked} hours) for stream {stream} can not be shorter than existing retention \
             period ({present} hours). Use DecreaseRetentionPeriod API."
        ))
    }

    pub(crate) fn retention_longer(self, asked: i32, present: u64) -> Fault {
        let Self { stream, .. } = self;
        argument(format!(
            "Requested retention period ({asked} hours) for stream {stream} can not be longer than existing retention \
             period ({present} hours). Use IncreaseRetentionPeriod API."
        ))
    }

    pub(crate) fn ordering(self, number: &SequenceNumber) -> Fault {
        let Self { stream, account } = self;
        argument(format!(
            "ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {stream} under account {account} is \
             invalid."
        ))
    }

    /// A number at which a reading cannot start.
    pub(crate) fn bad_start(self, shard: &ShardId, number: &SequenceNumber, why: BadStart) -> Fault {
        let Self { stream, account } = self;
        let used = format!(
            "StartingSequenceNumber {number} used in GetShardIterator on shard {shard} in stream {stream} under account \
             {account} is invalid"
        );
        match why {
            BadStart::Unreadable => argument(format!("{used}.")),
            BadStart::OtherStream => argument(format!("{used} because it did not come from this stream.")),
            BadStart::FirstLayout => Fault::bare(FaultCode::InternalFailure),
            BadStart::OtherShard(other) => {
                // The service reads the field with its sign.
                let signed = i64::from(other as i32);
                let other = if signed < 0 { format!("-{:011}", -signed) } else { format!("{signed:012}") };
                argument(format!(
                    "Invalid StartingSequenceNumber. It encodes shardId-{other}, while it was used in a call to a shard \
                     with {shard}"
                ))
            }
        }
    }

    pub(crate) fn tag_characters(self, verb: &str) -> Fault {
        let Self { stream, account } = self;
        let done = if verb == "add" { "to" } else { "from" };
        argument(format!(
            "Failed to {verb} tags {done} stream {stream} under account {account} because some tags contained illegal \
             characters. The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'."
        ))
    }

    pub(crate) fn too_many_tags(self) -> Fault {
        let Self { stream, account } = self;
        argument(format!(
            "Failed to add tags to stream {stream} under account {account} because a given stream cannot have more than \
             10 tags associated with it."
        ))
    }
}

/// Of all characters, the service's first look lets these pass.
pub(crate) const TAG_CHARACTERS: &str = "Some tags contain invalid characters. Valid characters: Unicode letters, digits, \
                                         white space, _ . / = + - % @.";

pub(crate) fn retention_too_short(hours: i32) -> Fault {
    argument(format!(
        "Minimum allowed retention period is 24 hours. Requested retention period ({hours} hours) is too short."
    ))
}

pub(crate) fn retention_too_long(hours: i32) -> Fault {
    argument(format!(
        "Maximum allowed retention period is 8760 hours. Requested retention period ({hours} hours) is too long."
    ))
}

/// An iterator's type and its number do not go together.
pub(crate) fn number_and_type(asked: &ShardIteratorType, given: bool) -> Fault {
    let given = if given { "also a" } else { "no" };
    argument(format!(
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
         TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {asked} and {given} \
         StartingSequenceNumber."
    ))
}

pub(crate) fn no_timestamp() -> Fault {
    argument(
        "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp \
         parameter.",
    )
}

pub(crate) fn timestamp_ahead(asked: Timestamp, now: Timestamp) -> Fault {
    argument(format!(
        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: {}, \
         currentTimestampInMillis: {}",
        asked.millis(),
        now.millis()
    ))
}

pub(crate) fn iterator_expired(issued: Timestamp, now: Timestamp, life: std::time::Duration) -> Fault {
    let message = format!(
        "Iterator expired. The iterator was created at time {} while right now it is {} which is further in the future \
         than the tolerated delay of {} milliseconds.",
        date(issued),
        date(now),
        life.as_millis()
    );
    Fault::new(FaultCode::ExpiredIterator, message)
}

/// A moment as Java prints it: `Thu Jan 22 01:22:02 UTC 2015`.
fn date(moment: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = moment.millis().max(0) / 1000;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let weekday = DAYS[(days % 7) as usize];
    // Years that begin in March, in eras of 400, so that the leap day comes last.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = era * 400 + year_of_era + i64::from(month < 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{weekday} {} {day:02} {hour:02}:{minute:02}:{second:02} UTC {year}", MONTHS[month as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_javas() {
        for (seconds, text) in [
            (1_421_889_722, "Thu Jan 22 01:22:02 UTC 2015"),
            (0, "Thu Jan 01 00:00:00 UTC 1970"),
            (951_782_400, "Tue Feb 29 00:00:00 UTC 2000"),
            (1_795_255_199, "Sat Nov 21 09:59:59 UTC 2026"),
            (4_107_542_399, "Sun Feb 28 23:59:59 UTC 2100"),
        ] {
            assert_eq!(date(Timestamp::from_millis(seconds * 1000 + 999)), text);
        }
    }

    #[test]
    fn a_shard_that_a_number_names_is_printed_with_its_sign() {
        let stream = "s".parse().unwrap();
        let named = Named { stream: &stream, account: "000000000000".parse().unwrap() };
        let fault = named.bad_start(&ShardId::numbered(3), &"5".parse().unwrap(), BadStart::OtherShard(0x8000_0000));
        let message = fault.message.unwrap();
        assert!(message.contains("It encodes shardId--02147483648, while"), "{message}");
    }
}
