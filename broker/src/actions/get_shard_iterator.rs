//! `GetShardIterator`.

use super::Action;
use crate::here::Here;
use crate::stream::shard::Start;
use crate::stream::shard_number;
use crate::texts::{Named, dry_run, no_timestamp, number_and_type, timestamp_ahead};
use crate::token::IteratorToken;
use tailwater_record::ShardId;
use tailwater_wire::Fault;
use tailwater_wire::shapes::{GetShardIteratorInput, GetShardIteratorOutput, ShardIterator, ShardIteratorType};

impl Action for GetShardIteratorInput {
    fn act(self, here: &Here<'_>) -> Result<GetShardIteratorOutput, Fault> {
        let number = shard_number(&self.shard_id);
        // Of a stream that is not there, readers hear that its shard is not.
        let absent = |named: Named<'_>| match number {
            Some(number) => named.shard_does_not_exist(&ShardId::numbered(number)),
            None => named.shard_not_found(&self.shard_id),
        };
        let found =
            here.with_stream_or(self.stream_name.as_ref(), self.stream_arn.as_ref(), absent, |stream, named| {
                let number = number.filter(|_| stream.facts.life.serves()).ok_or_else(|| absent(named))?;
                stream.freshen(number, here.now);
                let shard = stream.shards.get(number).ok_or_else(|| absent(named))?;
                let start = self.start(here)?;
                let sought = shard.position(&start).map_err(|why| match &start {
                    Start::Number { number, .. } => named.bad_start(&shard.id(), number, why),
                    Start::TrimHorizon | Start::Latest | Start::AtTimestamp(_) => absent(named),
                })?;
                if self.dry_run == Some(true) {
                    return Err(dry_run());
                }
                let (arn, serial) = (stream.arn.clone(), stream.serial);
                Ok((sought, IteratorToken { stream: arn, serial, shard: number, position: 0, issued: here.now }))
            });
        let (sought, token) = found?;
        let position = here.read(sought.is_at_hand(), || sought.finish())?;
        let token = IteratorToken { position, ..token };
        Ok(GetShardIteratorOutput { shard_iterator: seal(here, &token) })
    }
}

trait Starting {
    /// Where the reading is to start.
    fn start(&self, here: &Here<'_>) -> Result<Start, Fault>;
}

impl Starting for GetShardIteratorInput {
    fn start(&self, here: &Here<'_>) -> Result<Start, Fault> {
        let kind = &self.shard_iterator_type;
        let number = self.starting_sequence_number.as_ref();
        match (kind, number) {
            (ShardIteratorType::AtSequenceNumber, Some(number)) => {
                Ok(Start::Number { number: number.clone(), behind: false })
            }
            (ShardIteratorType::AfterSequenceNumber, Some(number)) => {
                Ok(Start::Number { number: number.clone(), behind: true })
            }
            (ShardIteratorType::AtSequenceNumber | ShardIteratorType::AfterSequenceNumber, None) => {
                Err(number_and_type(kind, false))
            }
            (_, Some(_)) => Err(number_and_type(kind, true)),
            (ShardIteratorType::Latest, None) => Ok(Start::Latest),
            (ShardIteratorType::AtTimestamp, None) => {
                let moment = self.timestamp.ok_or_else(no_timestamp)?;
                if moment > here.now { Err(timestamp_ahead(moment, here.now)) } else { Ok(Start::AtTimestamp(moment)) }
            }
            // Words that are not known do not come through the reading of a request.
            (_, None) => Ok(Start::TrimHorizon),
        }
    }
}

/// An iterator as text. It always fits.
pub(super) fn seal(here: &Here<'_>, token: &IteratorToken) -> Option<ShardIterator> {
    token.seal(here.key()).parse().ok()
}
