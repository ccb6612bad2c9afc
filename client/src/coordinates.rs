//! Which call an error is about. Read out of the input only when something has gone wrong: the input is written into a
//! sink that keeps the names and throws everything else away.

use std::fmt;
use tailwater_record::Timestamp;
use tailwater_wire::Operation;
use tailwater_wire::shape::{Key, Shape, Sink};

/// What was called, on what, at which attempt. Names only, never a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coordinates {
    /// The operation.
    pub operation: Operation,
    /// The stream, by name or ARN, if the input names one.
    pub stream: Option<String>,
    /// The shard, if the input names one.
    pub shard: Option<String>,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// The name that the service gave its answer, if it answered.
    pub request_id: Option<String>,
}

impl Coordinates {
    /// Those of a first call that nobody answered, for whoever makes an error by hand, as in a test.
    #[must_use]
    pub fn new(operation: Operation) -> Self {
        Self { operation, stream: None, shard: None, attempt: 1, request_id: None }
    }

    pub(crate) fn of(operation: Operation, input: &impl Shape, attempt: u32, request_id: Option<String>) -> Self {
        let names = Names::of(input);
        let stream = names.stream_arn.or(names.consumer_arn).or(names.stream_name);
        Self { operation, stream, shard: names.shard, attempt, request_id }
    }
}

impl fmt::Display for Coordinates {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.operation)?;
        if let Some(stream) = &self.stream {
            write!(out, " on {stream}")?;
        }
        if let Some(shard) = &self.shard {
            write!(out, ", {shard}")?;
        }
        write!(out, ", attempt {}", self.attempt)?;
        match &self.request_id {
            Some(id) => write!(out, ", request {id}"),
            None => Ok(()),
        }
    }
}

/// The names at the top of an input; what lists and structures hold is passed over.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) stream_name: Option<String>,
    pub(crate) stream_arn: Option<String>,
    pub(crate) consumer_arn: Option<String>,
    pub(crate) resource_arn: Option<String>,
    pub(crate) shard: Option<String>,
    member: &'static str,
    depth: usize,
}

impl Names {
    pub(crate) fn of(input: &impl Shape) -> Self {
        let mut names = Self::default();
        input.write(&mut names);
        names
    }
}

impl Sink for Names {
    fn map(&mut self, _: usize, write: impl FnOnce(&mut Self)) {
        if self.depth == 0 {
            self.depth += 1;
            write(self);
            self.depth -= 1;
        }
    }

    fn key(&mut self, key: Key) {
        self.member = key.name();
    }

    fn name(&mut self, _: &str) {}

    fn list(&mut self, _: usize, _: impl FnOnce(&mut Self)) {}

    fn item(&mut self) {}

    fn text(&mut self, text: &str) {
        let slot = match self.member {
            "StreamName" => &mut self.stream_name,
            "StreamARN" => &mut self.stream_arn,
            "ConsumerARN" => &mut self.consumer_arn,
            "ResourceARN" => &mut self.resource_arn,
            "ShardId" | "ShardToSplit" | "ShardToMerge" => &mut self.shard,
            _ => return,
        };
        *slot = Some(text.to_owned());
    }

    fn blob(&mut self, _: &[u8]) {}

    fn integer(&mut self, _: i64) {}

    fn boolean(&mut self, _: bool) {}

    fn timestamp(&mut self, _: Timestamp) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use tailwater_wire::shapes::{GetShardIteratorInput, PutRecordsInput, PutRecordsRequestEntry, ShardIteratorType};

    #[test]
    fn names_are_found_and_payloads_are_not() {
        let entry = PutRecordsRequestEntry::new("secret", "key".parse().unwrap());
        let mut input = PutRecordsInput::new(vec![entry]);
        input.stream_name = Some("orders".parse().unwrap());
        let shown = Coordinates::of(Operation::PutRecords, &input, 2, Some("id-1".to_owned())).to_string();
        assert_eq!(shown, "PutRecords on orders, attempt 2, request id-1");

        let input = GetShardIteratorInput {
            stream_name: Some("orders".parse().unwrap()),
            shard_id: tailwater_record::ShardId::numbered(3),
            shard_iterator_type: ShardIteratorType::Latest,
            starting_sequence_number: None,
            timestamp: None,
            stream_arn: Some("arn:aws:kinesis:us-east-1:123456789012:stream/orders".parse().unwrap()),
            dry_run: None,
        };
        let shown = Coordinates::of(Operation::GetShardIterator, &input, 1, None).to_string();
        let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/orders";
        assert_eq!(shown, format!("GetShardIterator on {arn}, shardId-000000000003, attempt 1"));
    }
}
