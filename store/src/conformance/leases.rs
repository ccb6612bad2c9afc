//! Rows as such: made once, read back whole, taken away as they were seen, and told apart.

use super::{
    Broken, Kept, Rows, are_listed, group, holds, is_there, key, made, refused, same, through, together, worker,
};
use crate::change::{Applied, Change, Seen};
use crate::key::LeaseKey;
use crate::lease::{Lease, Origin, Pending};
use crate::progress::Progress;
use crate::worker::Incarnation;
use bytes::Bytes;
use tailwater_record::{HashKey, HashRange, ShardId, Timestamp};

pub(super) async fn what_is_prepared_again_keeps_its_rows(rows: &Rows) -> Kept {
    let lease = made(rows, full(key(0))).await?;
    rows.reader().prepare().await?;
    rows.writer().prepare().await?;
    is_there(rows, &lease).await
}

pub(super) async fn a_row_is_made_once(rows: &Rows) -> Kept {
    let lease = made(rows, full(key(0))).await?;
    let other = Lease::new(lease.key.clone());
    same("a row of the same key is made", &rows.reader().create(&other).await?, &false)?;
    same("the same row is made again", &rows.writer().create(&lease).await?, &false)?;
    is_there(rows, &lease).await
}

pub(super) async fn what_is_not_there_is_told(rows: &Rows) -> Kept {
    made(rows, Lease::new(key(0))).await?;
    let absent = Lease::new(key(1));
    same("the row", &rows.reader().lease(&absent.key).await?, &None)?;
    let changes = [
        Change::Assign { seen: Seen::default(), to: Some(worker(1)) },
        Change::Seek { counter: 0, progress: Progress::TrimHorizon, origin: Origin::TrimHorizon },
        Change::Children([ShardId::numbered(2)].into()),
        Change::Range(HashRange::FULL),
    ];
    for change in changes {
        let answer = rows.writer().apply(&absent.key, &change).await?;
        same(&format!("the answer to {change:?}"), &answer, &Applied::Refused(None))?;
    }
    same("a row is removed", &rows.writer().remove(&absent).await?, &false)?;
    same("the row", &rows.reader().lease(&absent.key).await?, &None)
}

/// A row of which no field is as in a new one.
pub(super) fn full(key: LeaseKey) -> Lease {
    Lease {
        key,
        owner: Some(worker(2)),
        handoff_from: Some(worker(1)),
        counter: 9312,
        tenure: 9300,
        incarnation: Incarnation::new(17),
        owner_switches: 5,
        progress: through(40),
        state: Some(Bytes::from_static(b"state")),
        pending: Some(Pending { progress: through(50), state: Some(Bytes::from_static(b"pending")) }),
        origin: Origin::At(Timestamp::from_millis(1_441_215_410_867)),
        parents: [ShardId::numbered(2), ShardId::numbered(3)].into(),
        children: [ShardId::numbered(8), ShardId::numbered(9)].into(),
        range: Some(HashRange::FULL),
        throughput: Some(412.25),
    }
}

pub(super) async fn every_field_survives(rows: &Rows) -> Kept {
    let number = |digits: &str| digits.parse().map_err(|error| Broken(format!("the suite is wrong: {error}")));
    let greatest = Progress::Through {
        sequence: number("49646437577108476416916876405825929425585429676275269634")?,
        sub_sequence: i64::MAX as u64,
    };
    let long = Progress::Through { sequence: number(&"9".repeat(129))?, sub_sequence: 0 };
    let top = HashRange::new(HashKey::new(u128::MAX - 1), HashKey::MAX).ok();
    let full = full(key(0));
    let kinds = [
        Lease { counter: i64::MAX as u64, tenure: i64::MAX as u64 - 1, ..full.clone() },
        Lease {
            progress: greatest.clone(),
            pending: Some(Pending { progress: greatest, state: None }),
            ..full.clone()
        },
        Lease { progress: long, range: top, ..full.clone() },
        Lease { progress: Progress::TrimHorizon, origin: Origin::TrimHorizon, ..full.clone() },
        Lease { progress: Progress::Latest, origin: Origin::Latest, ..full.clone() },
        Lease { progress: Progress::AtTimestamp, origin: Origin::At(Timestamp::EPOCH), ..full.clone() },
        Lease { progress: Progress::ShardEnd, state: None, ..full.clone() },
        Lease { owner: None, handoff_from: None, range: None, throughput: None, ..full.clone() },
        Lease { handoff_from: None, pending: None, throughput: Some(0.000_001), ..full.clone() },
        Lease { parents: [].into(), ..full.clone() },
        Lease { children: [].into(), throughput: Some(0.0), ..full.clone() },
        full,
    ];
    for (shard, lease) in (0..).zip(kinds) {
        is_there(rows, &made(rows, Lease { key: key(shard), ..lease }).await?).await?;
    }
    Ok(())
}

pub(super) async fn all_bytes_survive(rows: &Rows) -> Kept {
    let all: Bytes = (0..=u8::MAX).cycle().take(10_000).collect();
    let pending = Some(Pending { progress: through(50), state: Some(all.slice(128..)) });
    let zero = Some(Bytes::from_static(&[0]));
    for (shard, state) in (0..).zip([Some(all.clone()), zero, Some(Bytes::from_static(b"\xFF\xFE'\"\\\r\n")), None]) {
        let lease = Lease { key: key(shard), state, pending: pending.clone(), ..full(key(shard)) };
        is_there(rows, &made(rows, lease).await?).await?;
    }
    Ok(())
}

pub(super) async fn names_survive_whatever_their_letters(rows: &Rows) -> Kept {
    let longest = "ü".repeat(128);
    let names = ["Ωμέγα", "労働者-7", "👷🏽‍♀️", " ", "a'b\"c`d\\e", "%_*?;--", "NULL", "0012", "x/y:z", &longest];
    for (shard, name) in (0..).zip(names) {
        let name = |error| Broken(format!("the suite is wrong about {name:?}: {error}"));
        let owner = names[shard as usize].parse().map_err(name)?;
        let key = LeaseKey { group: names[shard as usize].parse().map_err(name)?, ..key(shard) };
        let lease = made(rows, Lease { owner: Some(owner), ..full(key) }).await?;
        is_there(rows, &lease).await?;
        are_listed(rows, &lease.key.group.clone(), vec![lease]).await?;
    }
    for (shard, id) in (20..).zip(["a", "A", "shardId-1", "shardId-0000000000001", "x.y_z-", "NULL"]) {
        let shard_id = id.parse().map_err(|error| Broken(format!("the suite is wrong about {id:?}: {error}")))?;
        let parents = [shard_id, ShardId::numbered(shard)].into();
        let lease = Lease { parents, ..full(key(shard)) };
        is_there(rows, &made(rows, lease.clone()).await?).await?;
        let named = key(0).sibling(id.parse().map_err(|error| Broken(format!("the suite is wrong: {error}")))?);
        is_there(rows, &made(rows, full(named)).await?).await?;
    }
    Ok(())
}

pub(super) async fn what_is_written_is_read_at_once(rows: &Rows) -> Kept {
    let mut there = made(rows, Lease::new(key(0))).await?;
    for round in 0..50 {
        let change = Change::Assign { seen: Seen::exactly(&there), to: Some(worker(round)) };
        let answer = rows.of(round).apply(&there.key, &change).await?;
        there = answer.done().ok_or_else(|| Broken("a change was judged by a row of long ago".to_owned()))?;
        same("what another handle reads", &rows.of(round + 1).lease(&there.key).await?, &Some(there.clone()))?;
        same("what the same handle reads", &rows.of(round).lease(&there.key).await?, &Some(there.clone()))?;
    }
    same("the row is removed", &rows.writer().remove(&there).await?, &true)?;
    same("the row", &rows.reader().lease(&there.key).await?, &None)
}

pub(super) async fn a_row_is_taken_away_only_as_it_was_seen(rows: &Rows) -> Kept {
    let there = made(rows, full(key(0))).await?;
    let bystander = made(rows, full(key(1))).await?;
    let others = [
        Lease { counter: there.counter + 1, ..there.clone() },
        Lease { counter: there.counter - 1, ..there.clone() },
        Lease { progress: Progress::ShardEnd, ..there.clone() },
        Lease { progress: Progress::Through { sequence: one(), sub_sequence: 1 }, ..there.clone() },
    ];
    for seen in others {
        same("a row that was seen otherwise is removed", &rows.writer().remove(&seen).await?, &false)?;
        is_there(rows, &there).await?;
    }
    // What else stands in it does not matter.
    let seen = Lease { owner: None, handoff_from: None, state: None, ..there.clone() };
    same("the row is removed", &rows.writer().remove(&seen).await?, &true)?;
    same("the row", &rows.reader().lease(&there.key).await?, &None)?;
    same("it is removed again", &rows.writer().remove(&seen).await?, &false)?;
    is_there(rows, &bystander).await?;
    is_there(rows, &made(rows, Lease::new(key(0))).await?).await
}

fn one() -> tailwater_record::SequenceNumber {
    "40".parse().expect("a number")
}

pub(super) async fn groups_are_apart_however_alike_their_names(rows: &Rows) -> Kept {
    let names = ["billing", "Billing", "billing ", "billing/", "billin", "billin_", "b%", "caf\u{e9}", "cafe\u{301}"];
    let mut all = Vec::new();
    for (counter, name) in (1..).zip(names) {
        let key = LeaseKey { group: group(name), ..key(0) };
        all.push(made(rows, Lease { counter, tenure: counter, ..Lease::new(key) }).await?);
    }
    for lease in &all {
        is_there(rows, lease).await?;
        are_listed(rows, &lease.key.group, vec![lease.clone()]).await?;
    }
    let (first, others) = all.split_first().ok_or_else(|| Broken("the suite has no names".to_owned()))?;
    let change = Change::Assign { seen: Seen::exactly(first), to: Some(worker(1)) };
    let after = super::done(rows, first, change).await?;
    same("the row is removed", &rows.writer().remove(&after).await?, &true)?;
    for lease in others {
        is_there(rows, lease).await?;
    }
    Ok(())
}

pub(super) async fn streams_of_one_name_are_apart(rows: &Rows) -> Kept {
    let texts = [
        "111122223333:orders:1700000000",
        "111122223333:orders:1700000001",
        "111122223333:orders:170000000",
        "111122223333:Orders:1700000000",
        "111122223334:orders:1700000000",
        "000000000001:orders:1700000000",
    ];
    let mut all = Vec::new();
    for (counter, text) in (1..).zip(texts) {
        let stream = text.parse().map_err(|fault| Broken(format!("the suite is wrong about {text}: {fault}")))?;
        let lease = Lease { counter, ..Lease::new(LeaseKey { stream, ..key(0) }) };
        all.push(made(rows, lease).await?);
    }
    for lease in &all {
        is_there(rows, lease).await?;
    }
    let change = Change::Assign { seen: Seen { counter: Some(2), ..Seen::default() }, to: None };
    refused(rows, &all[0], change.clone()).await?;
    all[1] = super::done(rows, &all[1], change).await?;
    are_listed(rows, &group("billing"), all).await
}

pub(super) async fn a_listing_is_whole_and_in_order(rows: &Rows) -> Kept {
    are_listed(rows, &group("billing"), Vec::new()).await?;
    // More than a page holds of a store that tells rows in pages of a megabyte or of some hundred rows.
    let state: Bytes = (0..=u8::MAX).cycle().take(4000).collect();
    let mut all: Vec<Lease> =
        (0..300).map(|shard| Lease { state: Some(state.clone()), ..Lease::new(key(shard * 7919 % 300)) }).collect();
    // Numbers of different lengths, which are not ordered as their texts are.
    for created in ["9", "10", "999999999", "1000000000"] {
        let stream = format!("111122223333:orders:{created}").parse();
        let stream = stream.map_err(|fault| Broken(format!("the suite is wrong about {created}: {fault}")))?;
        all.push(full(LeaseKey { stream, ..key(0) }));
    }
    let made = together(all.iter().enumerate().map(|(number, lease)| rows.of(number).create(lease))).await;
    for made in made {
        holds("that a row is made", made?)?;
    }
    let other = Lease::new(LeaseKey { group: group("shipping"), ..key(0) });
    holds("that a row is made", rows.writer().create(&other).await?)?;
    are_listed(rows, &group("billing"), all.clone()).await?;
    are_listed(rows, &group("shipping"), vec![other]).await?;
    let gone = all.swap_remove(150);
    holds("that a row is removed", rows.writer().remove(&gone).await?)?;
    are_listed(rows, &group("billing"), all).await
}
