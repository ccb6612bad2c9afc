//! `PutRecord` and `PutRecords`.
//! What can be said of the request alone is said before the stream is held: sizes, and the hash of every key. Then all
//! records of the call are numbered and stored in one go, in the order of the call.

use super::Action;
use super::tags::unseen;
use crate::here::{Here, serving};
use crate::stream::Stream;
use crate::stream::block::Entry;
use crate::stream::sequence::{Issued, Parts, second};
use crate::texts::{Named, argument, dry_run};
use bytes::Bytes;
use tailwater_record::{HashKey, PartitionKey, SequenceNumber, ShardId, hash_keys};
use tailwater_wire::shapes::{
    PutRecordInput, PutRecordOutput, PutRecordsInput, PutRecordsOutput, PutRecordsRequestEntry, PutRecordsResultEntry,
    RecordDistributionStrategy,
};
use tailwater_wire::{Fault, limits};

impl Action for PutRecordInput {
    fn act(self, here: &Here<'_>) -> Result<PutRecordOutput, Fault> {
        let hash = self.explicit_hash_key.or_else(|| self.partition_key.as_ref().map(HashKey::of));
        here.with_stream(self.stream_name.as_ref(), self.stream_arn.as_ref(), |stream, named| {
            serving(stream, named)?;
            if spreads_by_key(stream) && self.partition_key.is_none() {
                return Err(unseen("partitionKey"));
            }
            fits(stream, named, &self.data, self.partition_key.as_ref())?;
            if let Some(number) = &self.sequence_number_for_ordering {
                let issued = Issued::read(number).ok_or_else(|| named.ordering(number))?;
                if matches!(issued, Issued::Present(Parts { time, .. }) if time > second(here.now)) {
                    return Err(named.ordering(number));
                }
            }
            if self.dry_run == Some(true) {
                return Err(dry_run());
            }
            let (shard_id, sequence_number) = put(stream, here, hash, self.partition_key.as_ref(), &self.data);
            Ok(PutRecordOutput { shard_id, sequence_number, encryption_type: stream.encryption() })
        })
    }
}

impl Action for PutRecordsInput {
    fn act(self, here: &Here<'_>) -> Result<PutRecordsOutput, Fault> {
        let payload: usize = self.records.iter().map(|entry| size(&entry.data, entry.partition_key.as_ref())).sum();
        if payload as u64 > limits::PUT_RECORDS_BYTES.value {
            let mib = limits::PUT_RECORDS_BYTES.value / 1024 / 1024;
            return Err(argument(format!("Records size exceeds {mib} MB limit")));
        }
        let hashes = hashes(&self.records);
        here.with_stream(self.stream_name.as_ref(), self.stream_arn.as_ref(), |stream, named| {
            serving(stream, named)?;
            let by_key = spreads_by_key(stream);
            for (place, entry) in self.records.iter().enumerate() {
                if by_key && entry.partition_key.is_none() {
                    return Err(unseen(&format!("records.{}.member.partitionKey", place + 1)));
                }
                fits(stream, named, &entry.data, entry.partition_key.as_ref())?;
            }
            if self.dry_run == Some(true) {
                return Err(dry_run());
            }
            let records = self.records.iter().zip(hashes).map(|(entry, hash)| {
                let (shard, number) = put(stream, here, hash, entry.partition_key.as_ref(), &entry.data);
                PutRecordsResultEntry {
                    sequence_number: Some(number),
                    shard_id: Some(shard),
                    error_code: None,
                    error_message: None,
                }
            });
            let records = records.collect();
            Ok(PutRecordsOutput { failed_record_count: Some(0), records, encryption_type: stream.encryption() })
        })
    }

    fn answer_size(output: &PutRecordsOutput) -> usize {
        128 + output.records.len() * 128
    }
}

/// The hash key of every record, as far as it follows from the record.
fn hashes(records: &[PutRecordsRequestEntry]) -> Vec<Option<HashKey>> {
    let hashed = |entry: &&PutRecordsRequestEntry| entry.explicit_hash_key.is_none();
    let keys: Vec<&PartitionKey> =
        records.iter().filter(hashed).filter_map(|entry| entry.partition_key.as_ref()).collect();
    let mut of_keys = hash_keys(&keys).into_iter();
    let hash = |entry: &PutRecordsRequestEntry| match (entry.explicit_hash_key, &entry.partition_key) {
        (Some(explicit), _) => Some(explicit),
        (None, Some(_)) => of_keys.next(),
        (None, None) => None,
    };
    records.iter().map(hash).collect()
}

fn spreads_by_key(stream: &Stream) -> bool {
    stream.facts.distribution != RecordDistributionStrategy::Auto
}

fn size(data: &Bytes, key: Option<&PartitionKey>) -> usize {
    data.len() + key.map_or(0, |key| key.as_str().len())
}

fn fits(stream: &Stream, named: Named<'_>, data: &Bytes, key: Option<&PartitionKey>) -> Result<(), Fault> {
    let (size, most) = (size(data, key), stream.facts.record_bytes);
    if size <= most {
        return Ok(());
    }
    let Named { stream, account } = named;
    Err(argument(format!(
        "A record of {size} bytes of data and partition key exceeds the limit of stream {stream} under account {account}: \
         {most} bytes."
    )))
}

/// Numbers and stores one record; readers see it from then on, or once the log has it.
fn put(
    stream: &mut Stream,
    here: &Here<'_>,
    hash: Option<HashKey>,
    key: Option<&PartitionKey>,
    data: &Bytes,
) -> (ShardId, SequenceNumber) {
    let encrypted = stream.facts.key.is_some();
    let hash = hash.filter(|_| spreads_by_key(stream));
    stream.put(here.now, hash, Entry { key, data, encrypted })
}
