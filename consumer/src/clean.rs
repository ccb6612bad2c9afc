//! Which rows may go.
//! Why with care: a row that has ended says two things to others. To a child: your parent has been read. To `discover`:
//! whatever is missing below me was never read. So it goes only when nobody needs either any more.
//!
//! Pure, and judged from one listing of all rows of a stream. Called by the leader, which takes each row away only if it
//! is still as it was seen. One generation goes at a time: a child's row is for the next listing.

use crate::audit::Hole;
use crate::discover::ListedShard;
use std::collections::{BTreeMap, BTreeSet};
use tailwater_record::ShardId;
use tailwater_store::{Incarnation, Lease};

/// Rows that have ended and may go: their children are known, have rows, and have begun; no row of a parent is left.
///
/// The parents' rows first, because a row below one that has ended is otherwise taken for one that was never written, and
/// written again.
pub(crate) fn finished(leases: &[Lease]) -> Vec<&Lease> {
    let rows = by_shard(leases);
    let has_children = |lease: &Lease| {
        let begun = |child: &ShardId| rows.get(child).is_some_and(|child| has_begun(child, &rows));
        !lease.children.is_empty() && lease.children.iter().all(begun)
    };
    // A parent may know of the child, or the child of the parent: rows of the KCL tell both, but not at once.
    let with_parent: BTreeSet<&ShardId> = leases.iter().flat_map(|lease| &lease.children).collect();
    let is_oldest = |lease: &Lease| {
        !with_parent.contains(&lease.key.shard) && !lease.parents.iter().any(|parent| rows.contains_key(parent))
    };
    leases.iter().filter(|lease| lease.is_ended() && has_children(lease) && is_oldest(lease)).collect()
}

/// Rows of shards that the service keeps no more, given all that it does keep.
///
/// - One that has ended goes when each child that the service still keeps has a row: then nothing is left to be told.
///   Whether the child has begun is no matter; no parent without a row holds it up.
/// - One that has not, and that nobody has, goes when nothing below waits for it. What does wait is better served by a
///   worker that takes the lease and is told by the service that this very shard is gone.
///
/// Nothing goes by a listing whose open shards have a hole: it is not whole, so what it lacks may be there.
pub(crate) fn garbage<'a>(leases: &'a [Lease], listed: &[ListedShard]) -> Vec<&'a Lease> {
    let open = listed.iter().filter(|shard| shard.is_open);
    if Hole::first(open.map(|shard| shard.range)).is_some() {
        return Vec::new();
    }
    let rows = by_shard(leases);
    let kept: BTreeSet<&ShardId> = listed.iter().map(|shard| &shard.shard).collect();
    let mut children: BTreeMap<&ShardId, BTreeSet<&ShardId>> = BTreeMap::new();
    for lease in leases {
        children.entry(&lease.key.shard).or_default().extend(&lease.children);
    }
    let by_rows = leases.iter().flat_map(|lease| lease.parents.iter().map(|parent| (parent, &lease.key.shard)));
    let by_listing = listed.iter().flat_map(|shard| shard.parents.iter().map(|parent| (parent, &shard.shard)));
    for (parent, child) in by_rows.chain(by_listing) {
        children.entry(parent).or_default().insert(child);
    }
    let may_go = |lease: &Lease| {
        let mut children = children.get(&lease.key.shard).into_iter().flatten();
        if lease.is_ended() {
            return children.all(|child| rows.contains_key(child) || !kept.contains(child));
        }
        let begun = |child: &&ShardId| rows.get(*child).map_or(!kept.contains(*child), |row| row.progress.has_begun());
        lease.actual_owner().is_none() && children.all(begun)
    };
    leases.iter().filter(|lease| !kept.contains(&lease.key.shard) && may_go(lease)).collect()
}

fn by_shard(leases: &[Lease]) -> BTreeMap<&ShardId, &Lease> {
    leases.iter().map(|lease| (&lease.key.shard, lease)).collect()
}

/// Whether somebody reads the shard, or has. Who owns it and renews may be waiting still, for another parent.
fn has_begun(lease: &Lease, rows: &BTreeMap<&ShardId, &Lease>) -> bool {
    let waits = || lease.parents.iter().any(|parent| rows.get(parent).is_some_and(|parent| !parent.is_ended()));
    let is_renewed = lease.actual_owner().is_some() && lease.incarnation != Incarnation::NONE;
    lease.progress.has_begun() || (is_renewed && !waits())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tailwater_record::{HashRange, SequenceNumber};
    use tailwater_store::{LeaseKey, Progress};

    fn lease(number: u32, parents: &[u32], children: &[u32], progress: Progress) -> Lease {
        let stream = "111122223333:orders:1700000000".parse().unwrap();
        let key = LeaseKey::new("billing".parse().unwrap(), stream, ShardId::numbered(number));
        let ids = |numbers: &[u32]| numbers.iter().map(|number| ShardId::numbered(*number)).collect();
        Lease { parents: ids(parents), children: ids(children), progress, ..Lease::new(key) }
    }

    fn renewed(lease: Lease) -> Lease {
        Lease { owner: Some("worker-1".parse().unwrap()), incarnation: Incarnation::new(1), counter: 3, ..lease }
    }

    fn some() -> Progress {
        Progress::Through { sequence: "42".parse().unwrap(), sub_sequence: 0 }
    }

    fn listed(number: u32, parents: &[u32]) -> ListedShard {
        ListedShard {
            shard: ShardId::numbered(number),
            parents: parents.iter().map(|parent| ShardId::numbered(*parent)).collect(),
            range: HashRange::FULL,
            begins: SequenceNumber::from_words([0, 0, number.into()]),
            is_open: true,
        }
    }

    fn numbers(leases: &[&Lease]) -> Vec<u64> {
        leases.iter().map(|lease| lease.key.shard.number().unwrap()).collect()
    }

    use Progress::{ShardEnd, TrimHorizon};

    #[test]
    fn a_row_goes_when_all_its_children_have_begun() {
        let parent = || lease(0, &[], &[1, 2], ShardEnd);
        let child = |number, progress| lease(number, &[0], &[], progress);
        assert_eq!(numbers(&finished(&[parent(), child(1, some()), child(2, ShardEnd)])), [0]);
        assert_eq!(numbers(&finished(&[parent(), child(1, some()), renewed(child(2, TrimHorizon))])), [0]);
        let unowned = Lease { owner: None, ..renewed(child(2, TrimHorizon)) };
        let assigned = Lease { incarnation: Incarnation::NONE, ..renewed(child(2, TrimHorizon)) };
        for second in [child(2, TrimHorizon), unowned, assigned] {
            assert!(finished(&[parent(), child(1, some()), second]).is_empty());
        }
        assert!(finished(&[parent(), child(1, some())]).is_empty(), "a child has no row");
        let unended = lease(0, &[], &[1], some());
        assert!(finished(&[unended, child(1, some())]).is_empty());
        let childless = lease(0, &[], &[], ShardEnd);
        assert!(finished(&[childless, child(1, some())]).is_empty(), "whether it has more children is not known");
    }

    #[test]
    fn the_oldest_generation_goes_first() {
        let mut rows = vec![
            lease(0, &[], &[1], ShardEnd),
            lease(1, &[0], &[2], ShardEnd),
            lease(2, &[1], &[3], ShardEnd),
            lease(3, &[2], &[], some()),
        ];
        for oldest in 0..3 {
            assert_eq!(numbers(&finished(&rows)), [oldest]);
            rows.remove(0);
        }
        assert!(finished(&rows).is_empty());
    }

    #[test]
    fn a_row_stays_while_one_that_names_it_as_a_child_is_left() {
        let rows = [lease(0, &[], &[1], some()), lease(1, &[], &[2], ShardEnd), lease(2, &[1], &[], some())];
        assert!(finished(&rows).is_empty());
    }

    #[test]
    fn an_owner_that_waits_for_the_other_parent_has_not_begun() {
        let child = renewed(lease(2, &[0, 1], &[], TrimHorizon));
        let rows = [lease(0, &[], &[2], ShardEnd), lease(1, &[], &[], some()), child.clone()];
        assert!(finished(&rows).is_empty());
        let rows = [lease(0, &[], &[2], ShardEnd), lease(1, &[], &[2], ShardEnd), child];
        assert_eq!(numbers(&finished(&rows)), [0, 1]);
    }

    #[test]
    fn the_row_of_a_shard_that_is_kept_is_no_garbage() {
        assert!(
            garbage(&[lease(0, &[], &[], ShardEnd), lease(1, &[], &[], some())], &[listed(0, &[]), listed(1, &[])])
                .is_empty()
        );
    }

    #[test]
    fn an_ended_row_of_a_shard_that_is_gone_goes_unless_a_child_that_is_kept_has_no_row() {
        let gone = || lease(0, &[], &[], ShardEnd);
        assert_eq!(numbers(&garbage(&[gone()], &[listed(1, &[])])), [0]);
        assert!(garbage(&[gone()], &[listed(1, &[0])]).is_empty());
        let rows = [gone(), lease(1, &[0], &[], TrimHorizon)];
        assert_eq!(numbers(&garbage(&rows, &[listed(1, &[0])])), [0]);
        let knows = || Lease { children: [ShardId::numbered(1)].into(), ..gone() };
        assert!(garbage(&[knows()], &[listed(1, &[])]).is_empty());
        assert_eq!(numbers(&garbage(&[knows()], &[listed(2, &[])])), [0], "the child is gone as well");
    }

    #[test]
    fn an_unended_row_of_a_shard_that_is_gone_goes_if_nobody_has_it_and_nothing_waits_for_it() {
        let gone = || lease(0, &[], &[], some());
        assert_eq!(numbers(&garbage(&[gone()], &[listed(1, &[])])), [0]);
        assert!(garbage(&[renewed(gone())], &[listed(1, &[])]).is_empty());
        let handed_over = Lease { handoff_from: Some("worker-1".parse().unwrap()), ..gone() };
        assert!(garbage(&[handed_over], &[listed(1, &[])]).is_empty());
        let child = |progress| lease(1, &[0], &[], progress);
        assert!(garbage(&[gone(), child(TrimHorizon)], &[listed(1, &[0])]).is_empty());
        assert!(garbage(&[gone(), renewed(child(TrimHorizon))], &[listed(1, &[0])]).is_empty());
        assert!(garbage(&[gone()], &[listed(1, &[0])]).is_empty(), "a child that is to come waits too");
        assert_eq!(numbers(&garbage(&[gone(), child(some())], &[listed(1, &[0])])), [0]);
    }

    #[test]
    fn nothing_is_garbage_by_a_listing_with_a_hole() {
        let rows = [lease(0, &[], &[], ShardEnd)];
        assert!(garbage(&rows, &[]).is_empty());
        assert!(garbage(&rows, &[ListedShard { is_open: false, ..listed(1, &[]) }]).is_empty());
    }
}
