//! What an answer means: for a whole request that failed, for one entry of it, and for the user records inside.
//! Why the shard is looked at: a reader of the shard that an aggregate landed in passes it over whole if any record inside
//! belongs elsewhere. Such an aggregate counts as not written.
//! Pure. Asked by `pipeline` for every answer.

use crate::error::Error;
use crate::route::Told;
use std::sync::Arc;
use tailwater_client::{self as client, Sent};
use tailwater_record::{SequenceNumber, ShardId};
use tailwater_wire::shapes::PutRecordsResultEntry;
use tailwater_wire::{Fault, FaultCode, RetryClass};

/// What became of a request that brought no answers.
#[derive(Debug)]
pub(crate) enum Whole {
    /// The account asks for too much.
    Throttled,
    /// Nothing was stored; the same may succeed.
    Transient,
    /// Anything may have been stored.
    Ambiguous,
    /// Something in it is refused.
    Poisoned,
    /// Nothing of the kind will succeed.
    Permanent(Error),
}

/// Judges a request that failed as a whole.
pub(crate) fn judge_request(error: &Arc<client::Error>) -> Whole {
    let permanent = || Whole::Permanent(Error::Call { source: Arc::clone(error) });
    match &**error {
        client::Error::Refused { fault, .. } => match (&fault.code, fault.code.retry_class()) {
            (FaultCode::Validation | FaultCode::InvalidArgument | FaultCode::Serialization, _) => Whole::Poisoned,
            // The stream is being made or changed.
            (FaultCode::ResourceInUse, _) => Whole::Transient,
            (_, RetryClass::Throttled) => Whole::Throttled,
            (code, RetryClass::Transient) if code.may_have_happened() => Whole::Ambiguous,
            // The client fetches new keys, or corrects its clock, for the next attempt.
            (_, RetryClass::Transient | RetryClass::Resign) => Whole::Transient,
            (_, RetryClass::Renew | RetryClass::Never) => permanent(),
        },
        client::Error::Cut { cut, .. } if cut.sent == Sent::Nothing => Whole::Transient,
        client::Error::Cut { .. } => Whole::Ambiguous,
        client::Error::Credentials { source, .. } if source.is_retryable() => Whole::Transient,
        client::Error::Alien { status: 413, .. } => Whole::Poisoned,
        client::Error::Alien { status: 429, .. } => Whole::Throttled,
        client::Error::Alien { status: 500.., .. } => Whole::Ambiguous,
        _ => permanent(),
    }
}

/// What became of one entry.
#[derive(Debug)]
pub(crate) enum Entry {
    /// It is in this shard, under this number.
    Stored(ShardId, SequenceNumber),
    /// The shard, or the key service, is asked for too much.
    Throttled(FaultCode),
    /// The service failed. It may be stored.
    Ambiguous(FaultCode),
    /// It is refused for good.
    Refused(Error),
}

/// Judges one entry of an answer.
pub(crate) fn judge_entry(entry: PutRecordsResultEntry) -> Entry {
    let message = entry.error_message.map(|message| message.to_string());
    match (entry.error_code, entry.shard_id, entry.sequence_number) {
        (Some(code), _, _) => {
            // Entries bring no status; a name that is not known is taken for a refusal.
            let code = FaultCode::named(code.as_str(), 400);
            match code.retry_class() {
                RetryClass::Throttled => Entry::Throttled(code),
                RetryClass::Transient | RetryClass::Resign => Entry::Ambiguous(code),
                RetryClass::Renew | RetryClass::Never => {
                    Entry::Refused(Error::Refused { fault: Fault { code, message } })
                }
            }
        }
        (None, Some(shard), Some(number)) => Entry::Stored(shard, number),
        (None, _, _) => Entry::Refused(Error::Nonsense { reason: "an entry has neither a number nor a fault" }),
    }
}

/// What a stored parcel is to those who read its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Landing {
    /// All its records are where readers take them from.
    Right,
    /// Readers pass it over, in part or whole.
    Wrong,
    /// It depends on the hash keys of the shard, which are not known.
    Unknown,
}

/// Judges where a parcel landed. A plain record is never passed over, wherever it is.
pub(crate) fn judge_landing(
    aggregated: bool,
    within: impl FnOnce(tailwater_record::HashRange) -> bool,
    told: Told,
) -> Landing {
    match told {
        _ if !aggregated => Landing::Right,
        Told::Range(range) if within(range) => Landing::Right,
        Told::Range(_) => Landing::Wrong,
        Told::Unknown => Landing::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tailwater_record::HashRange;

    fn entry(code: Option<&str>, stored: bool) -> PutRecordsResultEntry {
        PutRecordsResultEntry {
            error_code: code.map(|code| code.parse().unwrap()),
            shard_id: stored.then(|| ShardId::numbered(1)),
            sequence_number: stored.then(|| "5".parse().unwrap()),
            error_message: None,
        }
    }

    #[test]
    fn entries_are_told_apart() {
        assert!(matches!(judge_entry(entry(None, true)), Entry::Stored(shard, _) if shard == ShardId::numbered(1)));
        let throttled = judge_entry(entry(Some("ProvisionedThroughputExceededException"), false));
        assert!(matches!(throttled, Entry::Throttled(FaultCode::ProvisionedThroughputExceeded)));
        assert!(matches!(judge_entry(entry(Some("KMSThrottlingException"), false)), Entry::Throttled(_)));
        assert!(matches!(judge_entry(entry(Some("InternalFailure"), false)), Entry::Ambiguous(_)));
        assert!(matches!(judge_entry(entry(Some("SomethingNew"), false)), Entry::Refused(_)));
        assert!(matches!(judge_entry(entry(None, false)), Entry::Refused(Error::Nonsense { .. })));
    }

    #[test]
    fn a_plain_record_is_right_anywhere_and_an_aggregate_only_within() {
        let told = Told::Range(HashRange::FULL);
        assert_eq!(judge_landing(false, |_| false, told), Landing::Right);
        assert_eq!(judge_landing(false, |_| false, Told::Unknown), Landing::Right);
        assert_eq!(judge_landing(true, |_| true, told), Landing::Right);
        assert_eq!(judge_landing(true, |_| false, told), Landing::Wrong);
        assert_eq!(judge_landing(true, |_| true, Told::Unknown), Landing::Unknown);
    }
}
