//! Listings of every kind: those of the service, and some that no service would send. The long run stands in `model`.

mod model;

use super::*;
use proptest::prelude::*;
use tailwater_record::HashKey;

const MOMENT: Start = Start::At(Timestamp::from_millis(1_700_000_000_000));

fn group() -> GroupName {
    "billing".parse().unwrap()
}

fn stream() -> StreamIdentity {
    "111122223333:orders:1700000000".parse().unwrap()
}

fn id(number: u32) -> ShardId {
    ShardId::numbered(number)
}

fn number(shard: &ShardId) -> u32 {
    u32::try_from(shard.number().unwrap()).unwrap()
}

fn listed(number: u32, parents: &[u32], is_open: bool) -> ListedShard {
    ListedShard {
        shard: id(number),
        parents: parents.iter().copied().map(id).collect(),
        range: HashRange::FULL,
        begins: SequenceNumber::from_words([0, 0, number.into()]),
        is_open,
    }
}

fn leased(number: u32) -> Lease {
    let progress = Progress::Through { sequence: "42".parse().unwrap(), sub_sequence: 0 };
    Lease { counter: 5, progress, ..Lease::new(LeaseKey::new(group(), stream(), id(number))) }
}

fn ended(number: u32) -> Lease {
    Lease { progress: Progress::ShardEnd, ..leased(number) }
}

fn fresh(number: u32) -> Lease {
    Lease { counter: 0, progress: Progress::TrimHorizon, ..leased(number) }
}

/// The shards that get a row, and whether it is at the start that the group was given.
fn missing(shards: &[ListedShard], leases: &[Lease]) -> Vec<(u32, bool)> {
    let rows = missing_leases(&group(), &stream(), shards, leases, MOMENT).unwrap();
    rows.iter().map(|row| (number(&row.key.shard), row.progress == Progress::AtTimestamp)).collect()
}

/// The example of the KCL: {0, 1} became 6, {2, 3} became 7, {6, 7} became 8, 5 became 9 and 10.
fn epochs() -> Vec<ListedShard> {
    let mut shards: Vec<ListedShard> = (0..6).map(|number| listed(number, &[], number == 4)).collect();
    shards.extend([listed(6, &[0, 1], false), listed(7, &[2, 3], false), listed(8, &[6, 7], true)]);
    shards.extend([listed(9, &[5], true), listed(10, &[5], true)]);
    shards
}

#[test]
fn the_kcls_example_gives_the_kcls_rows() {
    let leases = [leased(4), leased(5), leased(7)];
    for (start, progress, origin) in [
        (Start::TrimHorizon, Progress::TrimHorizon, Origin::TrimHorizon),
        (MOMENT, Progress::AtTimestamp, Origin::At(Timestamp::from_millis(1_700_000_000_000))),
    ] {
        let rows = missing_leases(&group(), &stream(), &epochs(), &leases, start).unwrap();
        assert_eq!(rows.iter().map(|row| number(&row.key.shard)).collect::<Vec<_>>(), [0, 1]);
        for row in rows {
            assert_eq!((&row.progress, row.origin), (&progress, origin));
            assert_eq!((row.owner, row.counter, row.range), (None, 0, Some(HashRange::FULL)));
        }
    }
}

#[test]
fn below_a_shard_that_ended_a_row_begins_with_the_oldest_record() {
    let leases = [ended(4), ended(5), ended(7), leased(6)];
    assert_eq!(missing(&epochs(), &leases), [(9, false), (10, false)]);
    // The other parent of 8 was never leased, nor was any above it: it comes first.
    assert_eq!(missing(&epochs(), &[leased(4), leased(9), leased(10), ended(7)]), [(0, true), (1, true)]);
    let leases = [leased(4), leased(9), leased(10), ended(6), ended(7)];
    assert_eq!(missing(&epochs(), &leases), [(8, false)]);
}

#[test]
fn below_a_shard_that_ended_only_the_next_generation_gets_a_row() {
    let shards = [listed(0, &[], false), listed(1, &[0], false), listed(2, &[1], true)];
    assert_eq!(missing(&shards, &[ended(0)]), [(1, false)]);
    assert_eq!(missing(&shards, &[ended(0), leased(1)]), []);
    // The row of a shard that is listed no more tells as much.
    assert_eq!(missing(&shards[1..], &[ended(0)]), [(1, false)]);
    assert_eq!(missing(&shards[1..], &[leased(0)]), []);
}

#[test]
fn a_closed_shard_below_one_that_ended_gets_a_row_though_its_child_has_one() {
    let mut shards = vec![listed(0, &[], false), listed(1, &[], false), listed(2, &[0], false)];
    shards.push(listed(3, &[1, 2], true));
    assert_eq!(missing(&shards, &[ended(0), ended(1), leased(3)]), [(2, false)]);
}

#[test]
fn what_stands_above_a_leased_shard_is_not_gone_back_to() {
    // 1 and 2 were open where reading began; the row of 2 was not written.
    let shards = [listed(0, &[], false), listed(1, &[0], true), listed(2, &[0], false), listed(3, &[2], true)];
    assert_eq!(missing(&shards, &[leased(1)]), [(2, true)]);
    assert_eq!(missing(&shards, &[leased(1), leased(3)]), []);
    assert_eq!(missing(&shards, &[]), [(0, true)]);
}

#[test]
fn the_other_parent_of_a_merge_gets_a_row_unless_the_merge_can_have_begun() {
    let shards = [listed(0, &[], false), listed(1, &[], false), listed(2, &[0, 1], true)];
    assert_eq!(missing(&shards, &[ended(0), fresh(2)]), [(1, true)]);
    assert_eq!(missing(&shards, &[ended(0), leased(2)]), []);
    let assigned = Lease { counter: 1, owner: Some("worker-1".parse().unwrap()), ..fresh(2) };
    assert_eq!(missing(&shards, &[ended(0), assigned.clone()]), [], "its row may be gone since it was read");
    assert_eq!(missing(&shards, &[leased(0), assigned]), [(1, true)]);
    // Both were open before reading began.
    assert_eq!(missing(&shards, &[fresh(2)]), []);
}

#[test]
fn rows_of_other_streams_and_groups_count_for_nothing() {
    let again = LeaseKey { stream: "111122223333:orders:1800000000".parse().unwrap(), ..leased(0).key };
    let other = LeaseKey { group: "audit".parse().unwrap(), ..leased(0).key };
    let leases = [Lease { key: again, ..leased(0) }, Lease { key: other, ..leased(0) }];
    assert_eq!(missing(&[listed(0, &[], true)], &leases), [(0, true)]);
}

#[test]
fn a_child_whose_parent_is_open_makes_the_listing_inconsistent() {
    let shards = [listed(0, &[], true), listed(1, &[0], true)];
    let told = missing_leases(&group(), &stream(), &shards, &[leased(0)], MOMENT);
    assert_eq!(told, Err(Inconsistent { parent: id(0), child: id(1) }));
}

#[test]
fn a_stream_without_leases_gets_all_that_is_listed_if_that_has_no_hole() {
    let halves = HashRange::uniform(std::num::NonZeroU32::new(2).unwrap()).collect::<Vec<_>>();
    let half = |number, parents: &[u32], at: usize| ListedShard { range: halves[at], ..listed(number, parents, true) };
    let shards = [half(7, &[3], 1), half(5, &[2], 0)];
    let rows = first_leases(&group(), &stream(), &shards, MOMENT).unwrap();
    assert_eq!(rows.iter().map(|row| number(&row.key.shard)).collect::<Vec<_>>(), [5, 7]);
    assert_eq!(rows[0].parents, BTreeSet::from([id(2)]));
    assert_eq!((rows[1].range, &rows[1].progress), (Some(halves[1]), &Progress::AtTimestamp));
    assert_eq!(first_leases(&group(), &stream(), &shards[..1], MOMENT), Err(Hole(halves[0])));
    assert_eq!(first_leases(&group(), &stream(), &shards[1..], MOMENT), Err(Hole(halves[1])));
    assert_eq!(first_leases(&group(), &stream(), &[], MOMENT), Err(Hole(HashRange::FULL)));
}

#[test]
fn a_stream_without_leases_is_listed_as_it_was_where_reading_begins() {
    let filter = Listing::of(false, Start::TrimHorizon).filter().unwrap();
    assert_eq!((filter.filter_type, filter.timestamp), (ShardFilterType::AtTrimHorizon, None));
    let filter = Listing::of(false, MOMENT).filter().unwrap();
    let moment = Timestamp::from_millis(1_700_000_000_000);
    assert_eq!((filter.filter_type, filter.timestamp), (ShardFilterType::AtTimestamp, Some(moment)));
    assert!(Listing::of(true, MOMENT).filter().is_none());
}

#[test]
fn children_begin_with_their_oldest_record_and_know_their_parents() {
    let parent = Lease { origin: Origin::At(Timestamp::EPOCH), ..leased(1) };
    let rows = child_leases(&parent, &[child(3, &[1, 2]), child(4, &[1])]).unwrap();
    assert_eq!(rows.iter().map(|row| number(&row.key.shard)).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(rows[0].parents, BTreeSet::from([id(1), id(2)]));
    for row in rows {
        assert_eq!((&row.key.group, &row.key.stream), (&group(), &stream()));
        assert_eq!((row.progress, row.origin), (Progress::TrimHorizon, Origin::TrimHorizon));
        assert_eq!((row.owner, row.counter, row.range), (None, 0, Some(HashRange::FULL)));
    }
}

#[test]
fn a_child_that_cannot_be_one_is_refused() {
    let refused = |told| child_leases(&leased(1), &[child(3, &[1]), told]).unwrap_err();
    assert_eq!(refused(child(4, &[2])), ChildFault::Stranger { parent: id(1), child: id(4) });
    assert_eq!(refused(child(4, &[])), ChildFault::Stranger { parent: id(1), child: id(4) });
    assert_eq!(refused(child(4, &[1, 4])), ChildFault::Itself { child: id(4) });
    let mut inverted = child(4, &[1]);
    inverted.hash_key_range.starting_hash_key = HashKey::new(2);
    inverted.hash_key_range.ending_hash_key = HashKey::new(1);
    assert_eq!(refused(inverted), ChildFault::NoRange { child: id(4) });
}

fn child(number: u32, parents: &[u32]) -> ChildShard {
    ChildShard {
        shard_id: id(number),
        parent_shards: parents.iter().copied().map(id).collect(),
        hash_key_range: HashRange::FULL.into(),
    }
}

#[test]
fn a_line_of_descent_may_be_as_long_as_the_listing() {
    let long: Vec<ListedShard> =
        (0..20_000_u32).rev().map(|at| listed(at, &[at.saturating_sub(1)], at == 19_999)).collect();
    assert_eq!(missing(&long, &[]), [(0, true)]);
    assert_eq!(missing(&long, &[ended(700)]), [(701, false)]);
}

#[test]
fn the_number_a_shard_began_with_orders_rows_and_parents_come_first_even_so() {
    let late = |number, begins, parents: &[u32]| ListedShard {
        begins: SequenceNumber::from_words([0, 0, begins]),
        ..listed(number, parents, true)
    };
    let shards = [late(0, 9, &[]), late(1, 5, &[]), late(2, 7, &[]), late(3, 1, &[2])];
    let rows = first_leases(&group(), &stream(), &shards, MOMENT).unwrap();
    assert_eq!(rows.iter().map(|row| number(&row.key.shard)).collect::<Vec<_>>(), [1, 2, 3, 0]);
}

proptest! {
    #[test]
    fn listings_that_make_no_sense_do_no_harm(
        shards in prop::collection::vec((0_u32..12, prop::collection::vec(0_u32..12, 0..3), 0_u64..6, any::<bool>()), 0..16),
        leases in prop::collection::btree_map(0_u32..12, 0_u8..3, 0..12),
    ) {
        let shards: Vec<ListedShard> = shards
            .iter()
            .map(|(number, parents, begins, is_open)| ListedShard {
                begins: SequenceNumber::from_words([0, 0, *begins]),
                ..listed(*number, parents, *is_open)
            })
            .collect();
        let mut leases: Vec<Lease> = leases
            .iter()
            .map(|(number, kind)| match kind {
                0 => leased(*number),
                1 => ended(*number),
                _ => fresh(*number),
            })
            .collect();
        let first = first_leases(&group(), &stream(), &shards, MOMENT).unwrap_or_default();
        // A shard that was split and merged at once may take a pass more; in the end nothing is missing.
        for _ in 0..=12 {
            let Ok(rows) = missing_leases(&group(), &stream(), &shards, &leases, MOMENT) else { break };
            let had: BTreeSet<LeaseKey> = leases.iter().map(|lease| lease.key.clone()).collect();
            let keys: BTreeSet<LeaseKey> = rows.iter().map(|row| row.key.clone()).collect();
            prop_assert!(keys.len() == rows.len() && keys.is_disjoint(&had));
            leases.extend(rows);
        }
        let rest = missing_leases(&group(), &stream(), &shards, &leases, MOMENT);

        prop_assert!(rest.is_err() || rest.is_ok_and(|rows| rows.is_empty()));
        let distinct: BTreeSet<&ShardId> = shards.iter().map(|shard| &shard.shard).collect();
        prop_assert_eq!(first.len(), distinct.len());
        // No row waits for itself, over whatever generations.
        let mut read: BTreeSet<&ShardId> = BTreeSet::new();
        let ids: BTreeSet<&ShardId> = first.iter().map(|row| &row.key.shard).collect();
        for row in &first {
            prop_assert!(row.parents.iter().all(|parent| read.contains(parent) || !ids.contains(parent)));
            read.insert(&row.key.shard);
        }
    }
}
