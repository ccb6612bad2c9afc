//! What was acknowledged or read, and what must be found because of that.
//! Called by `workload`.

use std::collections::{BTreeMap, BTreeSet};
use tailwater_record::{SequenceNumber, ShardId, Timestamp};
use tailwater_wire::shapes::Record;

/// A stream in one of its lives: its name may be used again.
pub(super) type StreamLife = usize;

/// What happened, as far as somebody outside knows.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    /// Every payload that was sent, and what became of it.
    sent: Vec<Sent>,
    /// Every number that anybody has seen, and the payload under it.
    numbers: BTreeMap<(StreamLife, SequenceNumber), usize>,
    /// What was read of each shard.
    seen: BTreeMap<(StreamLife, ShardId), BTreeMap<SequenceNumber, usize>>,
    /// Stretches of a shard that one reader read without a jump: from its first number to its last.
    stretches: Vec<(StreamLife, ShardId, SequenceNumber, SequenceNumber)>,
    pub(super) acknowledged: u64,
    pub(super) read: u64,
}

#[derive(Debug)]
struct Sent {
    stream: StreamLife,
    at: Timestamp,
    /// Where it is, once that was acknowledged or read.
    found: Option<(ShardId, SequenceNumber)>,
    is_acknowledged: bool,
}

/// A payload names itself.
pub(super) fn payload(item: usize, size: usize) -> Vec<u8> {
    let mut bytes = vec![item as u8; size.max(8)];
    bytes[..8].copy_from_slice(&(item as u64).to_le_bytes());
    bytes
}

fn item_of(data: &[u8]) -> Option<usize> {
    let (name, rest) = data.split_first_chunk()?;
    let item = u64::from_le_bytes(*name) as usize;
    rest.iter().all(|byte| *byte == item as u8).then_some(item)
}

impl Oracle {
    /// A payload is on its way.
    pub(super) fn send(&mut self, stream: StreamLife, at: Timestamp) -> usize {
        self.sent.push(Sent { stream, at, found: None, is_acknowledged: false });
        self.sent.len() - 1
    }

    fn place(&mut self, item: usize, shard: &ShardId, number: &SequenceNumber) -> Result<(), String> {
        let Some(sent) = self.sent.get_mut(item) else { return Err(format!("record {item} was never sent")) };
        match &sent.found {
            Some(found) if *found != (shard.clone(), number.clone()) => {
                return Err(format!("record {item} is at {number} of {shard}, and was at {found:?}"));
            }
            _ => sent.found = Some((shard.clone(), number.clone())),
        }
        let other = self.numbers.insert((sent.stream, number.clone()), item).filter(|other| *other != item);
        other.map_or(Ok(()), |other| Err(format!("number {number} of {shard} is that of records {other} and {item}")))
    }

    /// A record was acknowledged.
    pub(super) fn acknowledge(&mut self, item: usize, shard: &ShardId, number: &SequenceNumber) -> Result<(), String> {
        self.place(item, shard, number)?;
        self.acknowledged += 1;
        self.sent[item].is_acknowledged = true;
        Ok(())
    }

    /// A page was read. Gives the first and last number in it.
    pub(super) fn read(
        &mut self,
        stream: StreamLife,
        shard: &ShardId,
        records: &[Record],
    ) -> Result<Option<(SequenceNumber, SequenceNumber)>, String> {
        let mut last: Option<&SequenceNumber> = None;
        for record in records {
            let number = &record.sequence_number;
            let item =
                item_of(&record.data).ok_or_else(|| format!("what is read at {number} of {shard} was never sent"))?;
            if self.sent.get(item).is_none_or(|sent| sent.stream != stream) {
                return Err(format!("record {item} at {number} of {shard} was never sent to this stream"));
            }
            if last.is_some_and(|last| last >= number) {
                return Err(format!("{number} of {shard} is read behind {last:?}"));
            }
            self.place(item, shard, number)?;
            self.read += 1;
            self.seen.entry((stream, shard.clone())).or_default().insert(number.clone(), item);
            last = Some(number);
        }
        Ok(records.first().map(|first| &first.sequence_number).cloned().zip(last.cloned()))
    }

    /// A reader went from one number to another without a jump.
    pub(super) fn went(&mut self, stream: StreamLife, shard: &ShardId, from: SequenceNumber, to: SequenceNumber) {
        self.stretches.push((stream, shard.clone(), from, to));
    }

    /// Holds all that is found of a stream, shard by shard, against what must be there: what was stored since `kept`, or
    /// was stored before and has been read just now.
    pub(super) fn judge(
        &self,
        stream: StreamLife,
        found: &BTreeMap<ShardId, BTreeSet<SequenceNumber>>,
        kept: Timestamp,
    ) -> Result<(), String> {
        let is_there =
            |shard: &ShardId, number: &SequenceNumber| found.get(shard).is_some_and(|found| found.contains(number));
        for (item, sent) in self.sent.iter().enumerate().filter(|(_, sent)| sent.stream == stream && sent.at >= kept) {
            if let Some((shard, number)) = &sent.found
                && !is_there(shard, number)
            {
                let how = if sent.is_acknowledged { "acknowledged" } else { "read" };
                return Err(format!(
                    "record {item} of stream {stream}, put at {}, was {how} at {number} of {shard}, and is lost",
                    sent.at.millis()
                ));
            }
        }
        for (of, shard, from, to) in self.stretches.iter().filter(|(of, ..)| *of == stream) {
            let Some(now) = found.get(shard) else { continue };
            let seen = self.seen.get(&(*of, shard.clone()));
            let missed = now.range(from..=to).find(|number| seen.is_none_or(|seen| !seen.contains_key(*number)));
            if let Some(missed) = missed {
                return Err(format!("a reader went from {from} to {to} of {shard}, and {missed} came in between"));
            }
        }
        Ok(())
    }
}
