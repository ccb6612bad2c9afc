//! The service, as far as a producer meets it: shards, what they store, and everything that can go wrong on the way.
//! Chance decides what fails, within what the seed has switched on. Called by the simulation's loop.

use crate::pipeline::Description;
use crate::route::Listed;
use crate::sim::oracle::Packet;
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use tailwater_client::{self as client, Coordinates, Cut, Sent};
use tailwater_record::{HashKey, HashRange, SequenceNumber, ShardId};
use tailwater_wire::shapes::PutRecordsResultEntry;
use tailwater_wire::{Fault, FaultCode, Operation};

/// One shard of one of the streams that had the name.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) id: ShardId,
    number: u32,
    pub(super) range: HashRange,
    created: u64,
    /// Which of the streams of the name it belongs to.
    pub(super) stream: u32,
    open: bool,
    index: u64,
    records: f64,
    bytes: f64,
    filled: u64,
}

/// How often each thing goes wrong, in thousandths.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    /// Of an entry.
    pub(super) entry_failure: u32,
    pub(super) entry_throttle: u32,
    pub(super) entry_refusal: u32,
    /// Of a request, on its way.
    pub(super) lost_reply: u32,
    pub(super) unsent: u32,
    pub(super) late: u32,
    pub(super) slow: u32,
    /// Of a request, at the service.
    pub(super) limit_exceeded: u32,
    pub(super) unavailable: u32,
    pub(super) expired: u32,
    pub(super) miscount: u32,
    /// Of a description.
    pub(super) undescribed: u32,
    pub(super) torn: u32,
    pub(super) stale: u32,
}

/// What is stored: which entry, where, under which number.
pub(super) type Stored = (usize, usize, SequenceNumber);

/// The service.
#[derive(Debug)]
pub(super) struct World {
    pub(super) faults: Faults,
    /// What a shard takes in a second, if it is limited.
    pub(super) rate: Option<(f64, f64)>,
    pub(super) record_limit: usize,
    /// Whether the service spreads records by itself.
    pub(super) spreads: bool,
    pub(super) exists: bool,
    pub(super) denied: bool,
    pub(super) storm: bool,
    pub(super) shards: Vec<Shard>,
    pub(super) stream: u32,
    next_number: u32,
}

/// Seconds before the simulation's first.
const EPOCH: u64 = 1_700_000_000;

impl World {
    pub(super) fn new(shards: u32) -> Self {
        let mut world = Self {
            faults: Faults::default(),
            rate: None,
            record_limit: 1 << 20,
            spreads: false,
            exists: true,
            denied: false,
            storm: false,
            shards: Vec::new(),
            stream: 0,
            next_number: 0,
        };
        world.lay_out(0, shards);
        world
    }

    fn lay_out(&mut self, now: u64, shards: u32) {
        for range in HashRange::uniform(NonZeroU32::new(shards.max(1)).unwrap_or(NonZeroU32::MIN)) {
            self.add(now, range);
        }
    }

    fn add(&mut self, now: u64, range: HashRange) {
        let number = self.next_number;
        self.next_number += 1;
        // To delete a stream takes the service longer than a second, so none begins in the second in which another did.
        let before = self.shards.iter().rfind(|shard| shard.stream != self.stream);
        let created = (EPOCH + now / 1_000_000).max(before.map_or(0, |shard| shard.created + 1));
        let (records, bytes) = self.rate.unwrap_or_default();
        let (id, stream) = (ShardId::numbered(number), self.stream);
        self.shards.push(Shard {
            id,
            number,
            range,
            created,
            stream,
            open: true,
            index: 0,
            records,
            bytes,
            filled: now,
        });
    }

    fn open(&self) -> Vec<usize> {
        (0..self.shards.len()).filter(|at| self.shards[*at].open).collect()
    }

    /// Splits or merges something, if that is possible.
    pub(super) fn reshard(&mut self, now: u64, chance: &mut fastrand::Rng) {
        let mut open = self.open();
        open.sort_by_key(|at| self.shards[*at].range);
        if !self.exists || open.is_empty() {
            return;
        }
        let place = chance.usize(..open.len());
        let range = self.shards[open[place]].range;
        if open.len() > 1 && (open.len() > 6 || chance.bool()) {
            let (low, high) = if place == 0 { (0, 1) } else { (place - 1, place) };
            let merged = self.shards[open[low]].range.merge(self.shards[open[high]].range);
            if let Some(merged) = merged {
                self.shards[open[low]].open = false;
                self.shards[open[high]].open = false;
                self.add(now, merged);
            }
            return;
        }
        let (start, end) = (range.start().number(), range.end().number());
        let at = start + (end - start) / chance.u128(2..5);
        if let Some((low, high)) = range.split(HashKey::new(at)) {
            self.shards[open[place]].open = false;
            self.add(now, low);
            self.add(now, high);
        }
    }

    pub(super) fn delete(&mut self) {
        self.exists = false;
        self.shards.iter_mut().for_each(|shard| shard.open = false);
    }

    /// Makes the stream anew.
    pub(super) fn create(&mut self, now: u64, shards: u32) {
        if !self.exists {
            (self.exists, self.spreads, self.next_number) = (true, false, 0);
            self.stream += 1;
            self.lay_out(now, shards);
        }
    }

    /// Nothing goes wrong from now on.
    pub(super) fn heal(&mut self, now: u64) {
        self.faults = Faults::default();
        (self.denied, self.storm) = (false, false);
        self.create(now, 2);
    }

    /// What a description tells now, with the places of the shards in it.
    pub(super) fn describe(&self) -> Result<(Description, Vec<usize>), client::Error> {
        if !self.exists {
            return Err(refused(Operation::ListShards, FaultCode::ResourceNotFound));
        }
        let open = self.open();
        let listed = |at: &usize| {
            let shard = &self.shards[*at];
            Listed { shard: shard.id.clone(), range: shard.range, begins: shard.sequence(0, 0) }
        };
        let shards = open.iter().map(listed).collect();
        Ok((Description { record_limit: self.record_limit, spreads: self.spreads, mode: None, shards }, open))
    }

    /// Answers a request, and tells what it stored, whatever the answer says.
    pub(super) fn put(
        &mut self,
        now: u64,
        packets: &[Packet],
        chance: &mut fastrand::Rng,
    ) -> (Result<Vec<PutRecordsResultEntry>, client::Error>, Vec<Stored>) {
        let refuse = |code| (Err(refused(Operation::PutRecords, code)), Vec::new());
        let mut hits = |thousandths| chance.u32(..1000) < thousandths;
        if self.denied {
            return refuse(FaultCode::AccessDenied);
        }
        if hits(self.faults.expired) {
            return refuse(FaultCode::ExpiredToken);
        }
        if !self.exists {
            return refuse(FaultCode::ResourceNotFound);
        }
        if hits(self.faults.limit_exceeded) {
            return refuse(FaultCode::LimitExceeded);
        }
        let keyless = |packet: &Packet| packet.entry.partition_key.is_none() && !self.spreads;
        if packets.iter().any(|packet| packet.size() > self.record_limit || packet.poison || keyless(packet)) {
            return refuse(FaultCode::Validation);
        }
        let unavailable = hits(self.faults.unavailable);
        if unavailable && hits(500) {
            return refuse(FaultCode::ServiceUnavailable);
        }
        let miscount = hits(self.faults.miscount);
        // The service promises no order among the entries of a request.
        let mut order: Vec<usize> = (0..packets.len()).collect();
        chance.shuffle(&mut order);
        let (mut answers, mut stored) = (vec![PutRecordsResultEntry::default(); packets.len()], Vec::new());
        for place in order {
            answers[place] = self.put_one(now, place, &packets[place], chance, &mut stored);
        }
        if unavailable {
            return (Err(refused(Operation::PutRecords, FaultCode::InternalFailure)), stored);
        }
        if miscount {
            answers.pop();
        }
        (Ok(answers), stored)
    }

    fn put_one(
        &mut self,
        now: u64,
        place: usize,
        packet: &Packet,
        chance: &mut fastrand::Rng,
        stored: &mut Vec<Stored>,
    ) -> PutRecordsResultEntry {
        let failed = |code: FaultCode| PutRecordsResultEntry {
            error_code: code.as_str().parse().ok(),
            ..PutRecordsResultEntry::default()
        };
        let open = self.open();
        let at = if self.spreads {
            open[chance.usize(..open.len())]
        } else {
            let own = || packet.entry.partition_key.as_ref().map(HashKey::of);
            let hash_key = packet.entry.explicit_hash_key.or_else(own).unwrap_or(HashKey::MIN);
            let found = open.into_iter().find(|at| self.shards[*at].range.contains(hash_key));
            found.expect("open shards tile the hash keys")
        };
        let mut hits = |thousandths| chance.u32(..1000) < thousandths;
        if hits(self.faults.entry_refusal) {
            return failed(FaultCode::KmsAccessDenied);
        }
        if self.storm && hits(900) || hits(self.faults.entry_throttle) {
            return failed(if hits(800) { FaultCode::ProvisionedThroughputExceeded } else { FaultCode::KmsThrottling });
        }
        let (failure, kept) = (hits(self.faults.entry_failure), hits(500));
        if failure && !kept {
            return failed(FaultCode::InternalFailure);
        }
        let shard = &mut self.shards[at];
        if let Some(rate) = self.rate
            && !shard.takes(now, rate, packet.size() as f64)
        {
            return failed(FaultCode::ProvisionedThroughputExceeded);
        }
        shard.index += 1 + u64::from(hits(100));
        let sequence = shard.sequence(shard.index, EPOCH + now / 1_000_000);
        stored.push((place, at, sequence.clone()));
        if failure {
            return failed(FaultCode::InternalFailure);
        }
        PutRecordsResultEntry {
            sequence_number: Some(sequence),
            shard_id: Some(self.shards[at].id.clone()),
            ..PutRecordsResultEntry::default()
        }
    }
}

impl Shard {
    fn sequence(&self, index: u64, time: u64) -> SequenceNumber {
        let shard = u64::from(self.number);
        SequenceNumber::from_words([
            0b10 << 56 | self.created << 20 | (shard & 0xf) << 16 | index >> 48,
            index << 16 | time >> 28,
            time << 36 | shard << 4 | 2,
        ])
    }

    /// Takes tokens, or there are none.
    fn takes(&mut self, now: u64, (records, bytes): (f64, f64), size: f64) -> bool {
        let passed = (now - self.filled) as f64 / 1e6;
        self.filled = now;
        self.records = (self.records + passed * records).min(records.max(1.0));
        self.bytes = (self.bytes + passed * bytes).min(bytes);
        // What is larger than the bucket may have it when it is full.
        let taken = self.records >= 1.0 && (self.bytes >= size || self.bytes >= bytes);
        if taken {
            self.records -= 1.0;
            self.bytes -= size;
        }
        taken
    }
}

/// A description in which a shard is missing, or one stands twice.
pub(super) fn tear(description: &mut Description, chance: &mut fastrand::Rng) {
    let shards = &mut description.shards;
    let one = shards.swap_remove(chance.usize(..shards.len()));
    if chance.bool() {
        shards.extend([one.clone(), one]);
    }
}

pub(super) fn refused(operation: Operation, code: FaultCode) -> client::Error {
    client::Error::Refused { at: Box::new(Coordinates::new(operation)), fault: Fault::bare(code) }
}

pub(super) fn cut(operation: Operation, sent: Sent) -> client::Error {
    client::Error::Cut {
        at: Box::new(Coordinates::new(operation)),
        cut: Cut { sent, reason: "as was planned".to_owned() },
    }
}

/// The shards that a producer has been told of.
pub(super) type Told = BTreeSet<usize>;
