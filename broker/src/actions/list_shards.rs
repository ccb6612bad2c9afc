//! `ListShards`.

use super::{Action, listing};
use crate::here::Here;
use crate::stream::filter::Filter;
use crate::stream::{Stream, shard_number};
use crate::texts::{Named, argument};
use tailwater_record::{ShardId, StreamArn, Timestamp};
use tailwater_wire::shapes::{
    ListShardsInput, ListShardsOutput, NextToken, Shard, ShardFilter, ShardFilterType, StreamStatus,
};
use tailwater_wire::{Fault, limits};

impl Action for ListShardsInput {
    fn act(self, here: &Here<'_>) -> Result<ListShardsOutput, Fault> {
        let page = u64::from(self.max_results.unwrap_or(u32::MAX)).min(limits::LIST_SHARDS_PAGE.value) as usize;
        let Some(token) = &self.next_token else {
            if self.stream_name.is_none() && self.stream_arn.is_none() {
                return Err(argument("Either NextToken or StreamName should be provided."));
            }
            return here.with_stream(self.stream_name.as_ref(), self.stream_arn.as_ref(), |stream, named| {
                if self.stream_creation_timestamp.is_some_and(|created| !made_at(stream, created)) {
                    return Err(named.not_found());
                }
                let filter = self.shard_filter.as_ref().map(|filter| read(filter, named)).transpose()?;
                let after = self.exclusive_start_shard_id.as_ref();
                let after = after.map(|id| shard_number(id).ok_or_else(|| named.shard_not_found(id))).transpose()?;
                list(here, stream, named, filter, after, page)
            });
        };
        for (given, member) in [
            (self.stream_name.is_some(), "StreamName"),
            (self.stream_arn.is_some(), "StreamARN"),
            (self.exclusive_start_shard_id.is_some(), "ExclusiveStartShardId"),
            (self.stream_creation_timestamp.is_some(), "StreamCreationTimestamp"),
            (self.shard_filter.is_some(), "ShardFilter"),
        ] {
            if given {
                return Err(argument(format!("NextToken and {member} cannot be provided together.")));
            }
        }
        let place = Place::open(here, token)?;
        here.with_stream(None, Some(&place.arn), |stream, named| {
            if stream.serial != place.serial {
                return Err(named.not_found());
            }
            list(here, stream, named, place.filter, Some(place.after), page)
        })
    }

    fn answer_size(output: &ListShardsOutput) -> usize {
        256 + output.shards.as_ref().map_or(0, Vec::len) * 400
    }
}

/// Whether a stream was made at this moment; callers who have it from elsewhere may know the second alone.
pub(super) fn made_at(stream: &Stream, created: Timestamp) -> bool {
    let exact = stream.created == created;
    exact || (created.millis() % 1000 == 0 && stream.created.millis().div_euclid(1000) == created.millis() / 1000)
}

fn read(filter: &ShardFilter, named: Named<'_>) -> Result<Filter, Fault> {
    let by_time = matches!(filter.filter_type, ShardFilterType::AtTimestamp | ShardFilterType::FromTimestamp);
    let by_id = filter.filter_type == ShardFilterType::AfterShardId;
    let kind = filter.filter_type.as_str();
    if filter.timestamp.is_some() != by_time {
        let word = if by_time { "must be" } else { "cannot be" };
        return Err(argument(format!("Timestamp {word} provided with a ShardFilter of type {kind}.")));
    }
    if filter.shard_id.is_some() != by_id {
        let word = if by_id { "must be" } else { "cannot be" };
        return Err(argument(format!("ShardId {word} provided with a ShardFilter of type {kind}.")));
    }
    let moment = filter.timestamp.unwrap_or(Timestamp::EPOCH);
    Ok(match &filter.filter_type {
        ShardFilterType::AfterShardId => {
            let id = filter.shard_id.as_ref();
            let number = id.and_then(shard_number);
            Filter::After(number.ok_or_else(|| named.shard_not_found(id.unwrap_or(&ShardId::numbered(0))))?)
        }
        ShardFilterType::AtTrimHorizon => Filter::AtTrimHorizon,
        ShardFilterType::FromTrimHorizon => Filter::FromTrimHorizon,
        ShardFilterType::AtLatest => Filter::AtLatest,
        ShardFilterType::AtTimestamp => Filter::At(moment),
        ShardFilterType::FromTimestamp => Filter::From(moment),
        other => return Err(argument(format!("ShardFilter of type {other} is not known."))),
    })
}

fn list(
    here: &Here<'_>,
    stream: &mut Stream,
    named: Named<'_>,
    filter: Option<Filter>,
    after: Option<u32>,
    page: usize,
) -> Result<ListShardsOutput, Fault> {
    let status = stream.status();
    if !matches!(status, StreamStatus::Active | StreamStatus::Updating) {
        return Err(named.not_active(&status));
    }
    stream.trim(here.now);
    let horizon = stream.horizon(here.now);
    let shards = &stream.shards;
    let taken = |shard: &&crate::stream::shard::Shard| filter.is_none_or(|filter| filter.takes(shards, shard, horizon));
    let mut rest = shards.after(after).filter(taken);
    let mut last = None;
    let listed = rest.by_ref().take(page).inspect(|shard| last = Some(shard.number())).map(Shard::from).collect();
    let more = rest.next().is_some();
    drop(rest);
    let place =
        last.filter(|_| more).map(|after| Place { arn: stream.arn.clone(), serial: stream.serial, filter, after });
    Ok(ListShardsOutput { shards: Some(listed), next_token: place.and_then(|place| place.seal(here)) })
}

/// Where a listing goes on.
struct Place {
    arn: StreamArn,
    serial: u64,
    filter: Option<Filter>,
    after: u32,
}

impl Place {
    fn seal(&self, here: &Here<'_>) -> Option<NextToken> {
        let (kind, detail) = match self.filter {
            None => (0, 0),
            Some(Filter::After(number)) => (1, i64::from(number)),
            Some(Filter::AtTrimHorizon) => (2, 0),
            Some(Filter::FromTrimHorizon) => (3, 0),
            Some(Filter::AtLatest) => (4, 0),
            Some(Filter::At(moment)) => (5, moment.millis()),
            Some(Filter::From(moment)) => (6, moment.millis()),
        };
        let mut content = vec![kind];
        content.extend_from_slice(&detail.to_be_bytes());
        content.extend_from_slice(&self.after.to_be_bytes());
        content.extend_from_slice(&self.serial.to_be_bytes());
        content.extend_from_slice(self.arn.to_string().as_bytes());
        here.next_token(listing::SHARDS, content)
    }

    fn open(here: &Here<'_>, token: &NextToken) -> Result<Self, Fault> {
        let content = here.read_token(listing::SHARDS, token)?;
        Self::read(&content).ok_or_else(|| argument("Invalid NextToken."))
    }

    fn read(content: &[u8]) -> Option<Self> {
        let (kind, rest) = content.split_first()?;
        let (detail, rest) = rest.split_first_chunk()?;
        let (after, rest) = rest.split_first_chunk()?;
        let (serial, arn) = rest.split_first_chunk()?;
        let detail = i64::from_be_bytes(*detail);
        let filter = match kind {
            0 => None,
            1 => Some(Filter::After(u32::try_from(detail).ok()?)),
            2 => Some(Filter::AtTrimHorizon),
            3 => Some(Filter::FromTrimHorizon),
            4 => Some(Filter::AtLatest),
            5 => Some(Filter::At(Timestamp::from_millis(detail))),
            6 => Some(Filter::From(Timestamp::from_millis(detail))),
            _ => return None,
        };
        let arn = std::str::from_utf8(arn).ok()?.parse().ok()?;
        Some(Self { arn, serial: u64::from_be_bytes(*serial), filter, after: u32::from_be_bytes(*after) })
    }
}
