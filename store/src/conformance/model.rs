//! A long history of random calls, beside the same history in memory: every answer is compared.
//! Why, beside the promises one by one: it finds what nobody thought of. Its seed is fixed, so it is the same every time.

use super::{Broken, Kept, Rows, group, key, same, through, worker};
use crate::change::{Change, Commit, Commitment, Renewal, Seen, Written};
use crate::contract::LeaseStore;
use crate::group::GroupRecord;
use crate::lease::{Lease, Origin, Pending};
use crate::lock::{Lock, LockVersion};
use crate::memory::MemoryStore;
use crate::progress::Progress;
use crate::worker::{Incarnation, WorkerRow};
use bytes::Bytes;
use std::time::Duration;
use tailwater_record::{HashRange, ShardId, Timestamp};

const CALLS: usize = 1500;

pub(super) async fn a_long_history_goes_as_in_memory(rows: &Rows) -> Kept {
    let model = MemoryStore::new();
    let mut chance = Chance(0x7A17_3A7E_5EED);
    for number in 0..CALLS {
        call(rows.of(number), &model, &mut chance)
            .await
            .map_err(|Broken(reason)| Broken(format!("call {number}: {reason}")))?;
        let key = key(chance.below(3) as u32);
        same(&format!("the row after call {number}"), &rows.reader().lease(&key).await?, &model.lease(&key).await?)?;
    }
    Ok(())
}

/// One call, made of both.
async fn call(store: &dyn LeaseStore, model: &MemoryStore, chance: &mut Chance) -> Kept {
    let key = key(chance.below(3) as u32);
    let billing = group("billing");
    let there = model.lease(&key).await?;
    let worker = worker(chance.below(3) as usize);
    match chance.below(20) {
        0 | 1 => {
            let lease = Lease { counter: chance.below(3), ..Lease::new(key) };
            same("create", &store.create(&lease).await?, &model.create(&lease).await?)
        }
        2 => {
            let Some(mut seen) = there else { return Ok(()) };
            seen.counter += chance.below(2);
            same("remove", &store.remove(&seen).await?, &model.remove(&seen).await?)
        }
        3 => {
            let (found, wanted) = (store.enlist(&billing, &worker).await?, model.enlist(&billing, &worker).await?);
            same("enlist", &found, &wanted)
        }
        4 => {
            let row = WorkerRow { beat: chance.below(3), ..WorkerRow::new(worker, Incarnation::new(chance.below(4))) };
            same("beat", &store.beat(&billing, &row).await?, &model.beat(&billing, &row).await?)
        }
        5 => {
            let row = WorkerRow { beat: chance.below(3), ..WorkerRow::new(worker, Incarnation::new(chance.below(4))) };
            same("strike", &store.strike(&billing, &row).await?, &model.strike(&billing, &row).await?)
        }
        6 => {
            let version = |number| LockVersion::new(number + (1 << 100));
            let seen = chance.maybe().then(|| version(u128::from(chance.below(2))));
            let lease = Duration::from_secs(chance.below(100));
            let lock = Lock { holder: worker, version: version(u128::from(chance.below(2))), lease };
            let lock = chance.maybe().then_some(&lock);
            let wanted = model.swap_lock(&billing, seen, lock).await?;
            same("swap_lock", &store.swap_lock(&billing, seen, lock).await?, &wanted)?;
            same("lock", &store.lock(&billing).await?, &model.lock(&billing).await?)
        }
        7 => {
            let version = model.group(&billing).await?.version + chance.below(3);
            let record = GroupRecord { version, ..GroupRecord::default() };
            let wanted = model.swap_group(&billing, &record).await?;
            same("swap_group", &store.swap_group(&billing, &record).await?, &wanted)?;
            same("group", &store.group(&billing).await?, &model.group(&billing).await?)
        }
        _ => {
            let change = change(&there.unwrap_or_else(|| Lease::new(key.clone())), chance);
            let (found, wanted) = (store.apply(&key, &change).await?, model.apply(&key, &change).await?);
            same(&format!("{change:?}"), &found, &wanted)
        }
    }
}

/// A change as somebody would try it who knows the row well, or not quite.
fn change(lease: &Lease, chance: &mut Chance) -> Change {
    let counter = lease.counter.saturating_sub(u64::from(chance.below(4) == 0));
    let named = worker(chance.below(3) as usize);
    let owner = lease.actual_owner().filter(|_| chance.below(5) > 0).cloned().unwrap_or_else(|| named.clone());
    let progress = match chance.below(8) {
        0 => Progress::ShardEnd,
        1 => Progress::TrimHorizon,
        _ => through(chance.below(30)),
    };
    let state = match chance.below(3) {
        0 => None,
        1 => Some(Bytes::new()),
        _ => Some(Bytes::from(vec![chance.below(256) as u8; 3])),
    };
    let commitment = Commitment { progress: progress.clone(), state };
    match chance.below(10) {
        0..=3 => Change::Renew(Renewal {
            worker: owner,
            incarnation: Incarnation::new(lease.incarnation.number().max(1) + chance.below(5) / 4),
            counter,
            knows_handoff: chance.maybe(),
            throughput: chance.maybe().then(|| chance.below(1000) as f64 / 8.0),
            written: match chance.below(3) {
                0 => None,
                1 => Some(Written::Checkpoint(commitment)),
                _ => Some(Written::Prepare(Pending {
                    progress,
                    state: commitment.state.filter(|state| !state.is_empty()),
                })),
            },
        }),
        4 | 5 => {
            let seen =
                if chance.maybe() { Seen::of(lease) } else { Seen { counter: Some(counter), ..Seen::of(lease) } };
            Change::Assign { seen, to: chance.maybe().then_some(named) }
        }
        6 => Change::Offer { owner, to: named },
        7 => Change::Commit(Commit {
            tenure: lease.tenure.saturating_sub(u64::from(chance.below(4) == 0)),
            incarnation: lease.incarnation,
            after: if chance.maybe() { lease.progress.clone() } else { progress },
            commitment,
        }),
        8 => Change::Seek { counter, progress, origin: Origin::At(Timestamp::from_millis(chance.below(9) as i64)) },
        _ if chance.maybe() => Change::Children([ShardId::numbered(chance.below(9) as u32)].into()),
        _ => Change::Range(HashRange::FULL),
    }
}

/// Numbers by chance, the same every time. SplitMix64, by Sebastiano Vigna.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn maybe(&mut self) -> bool {
        self.below(2) == 0
    }
}
