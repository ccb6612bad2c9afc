//! What a seed decides: settings, what the users do, and what goes wrong. Each part is switched on or off by chance, so that
//! rare things meet each other.
//! Called by the simulation's loop at its start, and for each record.

use crate::config::{OnAmbiguity, OnFailure, Ordering, OuterKey, Settings, ShardRate};
use crate::sim::world::{Faults, World};
use bytes::{BufMut, BytesMut};
use fastrand::Rng;
use std::time::Duration;
use tailwater_record::kpl::MAGIC;
use tailwater_record::{HashKey, PartitionKey, UserRecord};

/// What happens to the service at some moment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Reshard,
    Delete,
    Create,
    Spread(bool),
    Limit(usize),
    Deny(bool),
    Storm(bool),
    Suspend(u64),
}

/// One history's plan.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) settings: Settings,
    pub(super) puts: u32,
    pub(super) burst: u32,
    pub(super) gap: u64,
    /// How long a request takes on its way.
    pub(super) latency: u64,
    pub(super) waits: bool,
    pub(super) flushes: bool,
    pub(super) resumes: bool,
    pub(super) ends: End,
    pub(super) changes: Vec<(u64, Change)>,
    keys: u32,
    bare: bool,
    hash_keys: bool,
    headers: bool,
    magic: bool,
    poison: bool,
    large: usize,
}

/// How the producer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Closed when all is well again.
    Closed,
    /// Closed while things still go wrong.
    ClosedEarly,
    Abandoned,
}

fn one_in(chance: &mut Rng, many: u32) -> bool {
    chance.u32(..many) == 0
}

fn one_of<T: Copy>(chance: &mut Rng, choices: &[T]) -> T {
    choices[chance.usize(..choices.len())]
}

/// A plan, and the service it is carried out on.
pub(super) fn plan(chance: &mut Rng) -> (Plan, World) {
    let settings = settings(chance);
    let shards = one_of(chance, &[1, 1, 2, 3, 5]);
    let mut world = World::new(shards);
    world.faults = faults(chance);
    if one_in(chance, 3) {
        world.rate = Some((one_of(chance, &[3.0, 10.0, 50.0]), one_of(chance, &[500.0, 3000.0, 20_000.0])));
    }
    let limited = one_in(chance, 4);
    if limited {
        world.record_limit = chance.usize(1200..4000);
    }
    let puts = chance.u32(5..120);
    let (burst, gap) = (one_of(chance, &[1, 3, 20, 70]), one_of(chance, &[0, 1000, 30_000, 400_000]));
    let time = (u64::from(puts) * gap / u64::from(burst)).max(200_000);
    let plan = Plan {
        changes: changes(chance, time, limited),
        puts,
        burst,
        gap,
        latency: one_of(chance, &[0, 500, 20_000, 300_000]),
        waits: chance.bool(),
        flushes: chance.bool(),
        resumes: chance.bool(),
        ends: if one_in(chance, 8) {
            End::Abandoned
        } else if one_in(chance, 4) {
            End::ClosedEarly
        } else {
            End::Closed
        },
        keys: one_of(chance, &[1, 3, 10, 1000]),
        bare: one_in(chance, 3),
        hash_keys: one_in(chance, 3),
        headers: one_in(chance, 4),
        magic: one_in(chance, 6),
        poison: one_in(chance, 6),
        large: if limited { world.record_limit } else { one_of(chance, &[0, 0, 500, 3000]) },
        settings,
    };
    (plan, world)
}

fn settings(chance: &mut Rng) -> Settings {
    let first = Duration::from_millis(one_of(chance, &[5, 50, 200]));
    Settings {
        ordering: if one_in(chance, 3) { Ordering::None } else { Ordering::PerShard },
        on_failure: if chance.bool() { OnFailure::Skip } else { OnFailure::Stop },
        on_ambiguity: if one_in(chance, 4) { OnAmbiguity::Fail } else { OnAmbiguity::Retry },
        aggregation: !one_in(chance, 5),
        outer_key: match chance.u8(..4) {
            0 => OuterKey::First,
            1 => OuterKey::Shard,
            _ => OuterKey::Kpl,
        },
        aggregate_bytes: one_of(chance, &[64, 200, 500, 2000, 256 * 1024]),
        aggregate_records: one_of(chance, &[2, 5, usize::MAX]),
        linger: Duration::from_millis(one_of(chance, &[0, 1, 10, 50, 300])),
        time_to_live: one_in(chance, 4).then(|| Duration::from_millis(one_of(chance, &[100, 1000, 20_000]))),
        budget: one_of(chance, &[1500, 6000, 64 * 1024]),
        requests: one_of(chance, &[1, 2, 8]),
        request_records: one_of(chance, &[1, 3, 10, 500]),
        request_bytes: one_of(chance, &[1024, 4000, 10 * 1024 * 1024]),
        shard_rate: match chance.u8(..3) {
            0 => ShardRate::Service,
            1 => ShardRate::Unlimited,
            _ => ShardRate::Of {
                records_per_second: one_of(chance, &[5.0, 50.0]),
                bytes_per_second: one_of(chance, &[2000.0, 20_000.0]),
            },
        },
        patience: Duration::from_millis(one_of(chance, &[500, 30_000])),
        first_wait: first,
        longest_wait: first * one_of(chance, &[1, 10, 100]),
        retry_budget: one_of(chance, &[0, 2, 10, 100]),
        recheck: Duration::from_secs(one_of(chance, &[2, 30, 300])),
    }
}

fn faults(chance: &mut Rng) -> Faults {
    let mut rate = |many: u32, most: u32| if one_in(chance, many) { chance.u32(1..=most) } else { 0 };
    Faults {
        entry_failure: rate(3, 200),
        entry_throttle: rate(3, 500),
        entry_refusal: rate(10, 30),
        lost_reply: rate(3, 200),
        unsent: rate(4, 300),
        late: rate(6, 100),
        slow: rate(4, 200),
        limit_exceeded: rate(6, 300),
        unavailable: rate(5, 200),
        expired: rate(8, 200),
        miscount: rate(10, 100),
        undescribed: rate(4, 600),
        torn: rate(4, 500),
        stale: rate(3, 600),
    }
}

fn changes(chance: &mut Rng, time: u64, limited: bool) -> Vec<(u64, Change)> {
    let mut changes = Vec::new();
    let at = |chance: &mut Rng| chance.u64(..time);
    if one_in(chance, 2) {
        let many = one_of(chance, &[1, 3, 8]);
        let start = at(chance);
        // Either all over, or one upon the other.
        let together = chance.bool();
        changes.extend(
            (0..many).map(|_| (if together { start + chance.u64(..50_000) } else { at(chance) }, Change::Reshard)),
        );
    }
    if one_in(chance, 5) {
        let mut start = at(chance);
        for _ in 0..one_of(chance, &[1, 2, 4, 7]) {
            changes.push((start, Change::Delete));
            start += one_of(chance, &[1_100_000, 8_000_000]);
            changes.push((start, Change::Create));
            start += one_of(chance, &[100_000, 1_100_000, 2_000_000, 20_000_000]);
        }
    }
    let mut toggle = |chance: &mut Rng, many: u32, on: Change, off: Change| {
        if one_in(chance, many) {
            let start = at(chance);
            changes.push((start, on));
            changes.push((start + chance.u64(1000..3_000_000), off));
        }
    };
    toggle(chance, 10, Change::Spread(true), Change::Spread(false));
    toggle(chance, 10, Change::Deny(true), Change::Deny(false));
    toggle(chance, 6, Change::Storm(true), Change::Storm(false));
    toggle(chance, 10, Change::Suspend(3_600_000_000), Change::Suspend(1_500_000));
    if limited {
        let (less, more) = (chance.usize(300..2000), chance.usize(1000..5000));
        toggle(chance, 1, Change::Limit(less), Change::Limit(more));
        for _ in 0..one_of(chance, &[0, 0, 4]) {
            changes.push((at(chance), Change::Limit(chance.usize(250..1500))));
        }
    }
    if one_in(chance, 20) {
        changes.push((0, Change::Spread(true)));
    }
    changes
}

impl Plan {
    /// A record with this id in its payload, and whether the service hates it.
    pub(super) fn record(&self, chance: &mut Rng, id: usize) -> (UserRecord, bool) {
        let mut data = BytesMut::new();
        if self.magic && one_in(chance, 4) {
            data.extend_from_slice(&MAGIC);
        }
        data.put_u32_le(id as u32);
        let large = self.large > 0 && one_in(chance, 12);
        let more = if large { chance.usize(self.large / 2..self.large * 11 / 10) } else { chance.usize(..60) };
        data.put_bytes(id as u8, more);
        let mut record = UserRecord::new(data.freeze());
        let bare = self.bare && one_in(chance, 3);
        if !bare {
            let key: Result<PartitionKey, _> = format!("key {}", chance.u32(..self.keys)).parse();
            record = record.with_partition_key(key.expect("a plain key"));
        }
        if self.hash_keys && one_in(chance, 4) {
            let few = HashKey::new((u128::MAX / 8) * chance.u128(..9));
            record = record.with_explicit_hash_key(few);
        }
        if self.headers && one_in(chance, 3) {
            record =
                record.with_headers([("trace", "00-4bf9"), ("b", "")].into_iter().take(chance.usize(1..3)).collect());
        }
        (record, self.poison && one_in(chance, 15))
    }
}
