//! `GetRecords`.
//! The stream is held only while the page is taken out of it; its records are taken apart, and written, afterwards.

use super::Action;
use super::get_shard_iterator::seal;
use crate::here::Here;
use crate::stream::block::{Limit, Stored};
use crate::stream::sequence::{Parts, second};
use crate::texts::{Named, argument, dry_run, iterator_expired};
use crate::token::IteratorToken;
use tailwater_record::ShardId;
use tailwater_wire::shapes::{ChildShard, EncryptionType, GetRecordsInput, GetRecordsOutput, Record};
use tailwater_wire::{Fault, limits};

impl Action for GetRecordsInput {
    fn act(self, here: &Here<'_>) -> Result<GetRecordsOutput, Fault> {
        let token = IteratorToken::open(here.key(), self.shard_iterator.as_str(), here.now);
        let token = token.ok_or_else(|| argument("Invalid ShardIterator."))?;
        let life = here.config().iterator_life;
        if here.now.since(token.issued) > life {
            return Err(iterator_expired(token.issued, here.now, life));
        }
        let most = limits::GET_RECORDS_RECORDS.value as usize;
        let limit = Limit {
            records: self.limit.map_or(most, |limit| limit as usize).min(most),
            bytes: limits::GET_RECORDS_BYTES.value as usize,
        };
        let id = ShardId::numbered(token.shard);
        let absent = |named: Named<'_>| named.shard_does_not_exist(&id);
        let (draft, children, created) = here.with_stream_or(None, Some(&token.stream), absent, |stream, named| {
            if stream.serial != token.serial || !stream.facts.life.serves() {
                return Err(absent(named));
            }
            stream.freshen(token.shard, here.now);
            let shard = stream.shards.get(token.shard).ok_or_else(|| absent(named))?;
            if self.dry_run == Some(true) {
                return Err(dry_run());
            }
            let draft = shard.read(token.position, limit, stream.horizon(here.now));
            let children: Option<Vec<ChildShard>> =
                draft.may_end().then(|| stream.shards.children(token.shard).map(ChildShard::from).collect());
            Ok((draft, children, shard.created()))
        })?;
        let reading = here.read(draft.is_at_hand(), || draft.finish(here.now))?;
        let record = |stored: Stored| {
            let parts = Parts { created, shard: token.shard, index: stored.index, time: second(stored.arrival) };
            Record {
                sequence_number: parts.number(),
                approximate_arrival_timestamp: Some(stored.arrival),
                data: stored.data,
                partition_key: stored.key,
                encryption_type: stored.encrypted.then_some(EncryptionType::Kms),
            }
        };
        let mut records = Vec::with_capacity(reading.page.count);
        reading.page.each(|stored| records.push(record(stored)));
        let ended = reading.next.is_none();
        let next = reading.next.map(|position| IteratorToken { position, issued: here.now, ..token });
        Ok(GetRecordsOutput {
            records,
            next_shard_iterator: next.and_then(|next| seal(here, &next)),
            millis_behind_latest: Some(reading.behind),
            child_shards: children.filter(|_| ended),
        })
    }

    fn answer_size(output: &GetRecordsOutput) -> usize {
        let record = |record: &Record| {
            let key = record.partition_key.as_ref().map_or(0, |key| key.as_str().len());
            record.data.len().div_ceil(3) * 4 + key + 192
        };
        1024 + output.records.iter().map(record).sum::<usize>()
    }
}
