//! Pages cut into batches, against what was put into the pages; and what a batch lends.

use super::page::{Page, SIDE_BY_SIDE};
use super::*;
use crate::budget::Budget;
use crate::unpack::tests::{Put, World, rules, world};
use crate::unpack::{Facts, OnStray};
use proptest::prelude::*;
use proptest::sample::Index;

fn of(rules: Unpacking) -> Arc<BatchOf> {
    let stream = "111122223333:orders:1700000000".parse().unwrap();
    Arc::new(BatchOf { stream, shard: ShardId::numbered(3), rules, checkpoint: None })
}

fn page(world: &World, rules: Unpacking, after: &Progress) -> Page {
    Page::new(of(rules), world.page.clone(), after.clone())
}

/// Everything that a record shows, for comparison with what was put.
fn assert_same(records: &[Record<'_>], puts: &[Put]) {
    assert_eq!(records.len(), puts.len());
    for (record, put) in records.iter().zip(puts) {
        assert_eq!(record.progress(), put.progress);
        assert_eq!(record.data(), put.record.data());
        assert_eq!(record.data_bytes(), put.record.data());
        assert_eq!(record.partition_key(), put.record.partition_key().map(|key| key.as_str()));
        assert_eq!(record.explicit_hash_key(), put.record.explicit_hash_key());
        assert_eq!(record.headers().collect::<Vec<_>>(), put.record.headers().iter().collect::<Vec<_>>());
        assert_eq!(record.to_record().unwrap(), put.record);
        assert_eq!(record.arrival().unwrap().to_string().parse::<f64>().unwrap() * 1000.0, {
            record.sequence().to_string().parse::<f64>().unwrap()
        });
    }
}

fn records(batches: &[Batch]) -> Vec<Record<'_>> {
    batches.iter().flat_map(Batch::records).collect()
}

proptest! {
    #[test]
    fn everything_comes_once_and_in_order_however_it_is_cut(
        world in world(), rules in rules(), at: Index, batch_bytes in 0..2000_u64,
    ) {
        let after = world.checkpoint(at);
        let (batches, facts): (Vec<Batch>, Vec<Facts>) =
            page(&world, rules, &after).with_batch_bytes(batch_bytes).unzip();
        assert_same(&records(&batches), &world.due(&rules, &after));
        for (batch, facts) in batches.iter().zip(&facts) {
            prop_assert_eq!(batch.records().len(), batch.len());
            prop_assert_eq!((batch.len(), batch.records().count()), (facts.delivered, facts.delivered));
            prop_assert_eq!(batch.is_empty(), batch.first().is_none());
            prop_assert!(batch.last().is_none_or(|last| last.progress() <= batch.end()));
            prop_assert!(batch.first().is_none_or(|first| first.progress() > after));
        }
        prop_assert!(batches.is_sorted_by_key(Batch::end));
        let end = world.end().map(|end| end.max(after));
        prop_assert_eq!(batches.last().map(Batch::end), end);
    }

    #[test]
    fn batches_are_as_large_as_they_may_be_and_no_kinesis_record_is_split(
        sizes in prop::collection::vec(0..40_u64, 0..100), batch_bytes in 0..2000_u64,
    ) {
        let world = World::bare(&sizes);
        let mut left = &sizes[..];
        for (batch, facts) in page(&world, RULES, &Progress::TrimHorizon).with_batch_bytes(batch_bytes) {
            let within = |count: &usize| left[..*count].iter().sum::<u64>() <= batch_bytes;
            let fit = (1..=left.len()).filter(within).max().unwrap_or(1);
            // Of more than can be checked side by side, the rest may wait.
            let is_round = facts.opened > 0 && facts.opened.is_multiple_of(SIDE_BY_SIDE);
            prop_assert!(facts.opened == fit || fit < left.len() && is_round && fit - facts.opened < SIDE_BY_SIDE);
            prop_assert_eq!(batch.len(), facts.opened);
            left = &left[facts.opened..];
        }
        prop_assert!(left.is_empty());
    }

    #[test]
    fn what_is_left_behind_a_place_is_what_unpacking_from_there_gives(
        world in world(), rules in rules(), at: Index, until: Index, batch_bytes in 0..2000_u64,
    ) {
        let (after, until) = (world.checkpoint(at), world.checkpoint(until));
        let farther = after.clone().max(until.clone());
        let cut = |after: &Progress| page(&world, rules, after).with_batch_bytes(batch_bytes).map(|(batch, _)| batch);
        for (batch, again) in cut(&after).zip(cut(&farther)) {
            let left = batch.with_attempt(4).behind(&until);
            prop_assert_eq!((left.end(), left.len(), left.attempt()), (again.end(), again.len(), 4));
            let shown = |batch: &Batch| batch.records().map(|record| format!("{record:?}")).collect::<Vec<_>>();
            prop_assert_eq!(shown(&left), shown(&again));
            prop_assert_eq!(left.records().len(), left.records().count());
        }
    }

    #[test]
    fn from_the_back_the_same_records_come(world in world(), rules in rules(), at: Index, from_back: Vec<bool>) {
        for (batch, _) in page(&world, rules, &world.checkpoint(at)) {
            let forward: Vec<Progress> = batch.records().map(|record| record.progress()).collect();
            let (mut records, mut front, mut back) = (batch.records(), Vec::new(), Vec::new());
            for is_back in from_back.iter().chain(std::iter::repeat(&true)) {
                let left = records.len();
                let next = if *is_back { records.next_back() } else { records.next() };
                let Some(next) = next else { break };
                if *is_back { back.push(next.progress()) } else { front.push(next.progress()) }
                prop_assert_eq!(records.len(), left - 1);
            }
            back.reverse();
            prop_assert_eq!([front, back].concat(), forward);
        }
    }
}

#[test]
fn nothing_is_copied() {
    let world = many(50);
    let source = world.page[0].data.as_ptr_range();
    let (batch, _) = page(&world, RULES, &Progress::TrimHorizon).next().unwrap();
    assert_eq!(batch.len(), 50);
    for record in batch.records() {
        assert!(source.contains(&record.data().as_ptr()) && source.contains(&record.data_bytes().as_ptr()));
        assert!(source.contains(&record.partition_key().unwrap().as_ptr()));
        assert!(source.contains(&record.to_record().unwrap().data().as_ptr()));
    }
    assert!(size_of::<Record<'_>>() <= 24, "small enough to be copied");
}

#[test]
fn a_resume_inside_an_aggregate_gives_exactly_the_rest() {
    let world = many(50);
    for (place, put) in world.puts.iter().enumerate() {
        let (batch, facts) = page(&world, RULES, &put.progress).next().unwrap();
        assert_same(&batch.records().collect::<Vec<_>>(), &world.puts[place + 1..]);
        assert_eq!((facts.handled, facts.delivered), (place + 1, 49 - place));
    }
}

#[test]
fn only_what_is_handed_out_is_unpacked() {
    let world = World { page: [many(50).page, many(50).page, many(50).page].concat(), puts: Vec::new() };
    let mut page = page(&world, RULES, &Progress::TrimHorizon).with_batch_bytes(1);
    let all = page.bytes();
    let (batch, facts) = page.next().unwrap();
    assert_eq!((batch.len(), facts.opened), (50, 1));
    assert_eq!(page.bytes(), all / 3 * 2);
    assert_eq!(batch.bytes(), all / 3 + 50 * ENTRY_BOOKKEEPING);
}

#[test]
fn the_room_of_a_page_is_given_back_with_the_last_of_its_batches() {
    let budget = Budget::new(1 << 30);
    let account = budget.account(1 << 20, 1 << 20);
    let grant = futures_util::FutureExt::now_or_never(account.read()).expect("there is room");
    let (world, held) = (World { page: [many(9).page, many(9).page].concat(), puts: Vec::new() }, grant.bytes());
    let mut page = page(&world, RULES, &Progress::TrimHorizon).with_batch_bytes(1).with_grant(grant);
    let (first, second) = (page.next().unwrap().0, page.next().unwrap().0);
    drop(page);
    drop(first);
    let left = second.behind(&Progress::TrimHorizon);
    drop(second);
    assert_eq!(budget.room().held, held);
    drop(left);
    assert_eq!(budget.room().held, 0);
}

#[test]
fn debug_shows_sizes_only() {
    let (batch, _) = page(&many(3), RULES, &Progress::TrimHorizon).next().unwrap();
    let shown = format!("{batch:?} {:?}", batch.records().collect::<Vec<_>>());
    assert!(shown.contains("records: 3") && shown.contains("6 bytes"), "{shown}");
    assert!(!shown.contains("secret") && !shown.contains("customer"), "{shown}");
}

const RULES: Unpacking = Unpacking { on_stray: OnStray::SetAside, range: None, spreads: false };

/// One aggregate of so many records.
fn many(count: usize) -> World {
    let key = |place: usize| format!("customer-{place}").parse().unwrap();
    World::packed((0..count).map(|place| UserRecord::new("secret").with_partition_key(key(place))).collect())
}
