//! Whether the leases of a stream cover all its hash keys.
//! Why: a row that was never written, or was deleted by hand, shows nowhere else: nobody misses a shard that nobody knows.
//! One look may fall into a resharding, between the end of a parent and the rows of its children; so a hole is acted upon
//! only when it was seen three times in a row.
//!
//! Pure. Called by the leader for each stream, as often as it audits. Acting means `discover` from a fresh listing, which
//! creates nothing where nothing is missing, so that acting once too often costs one call.

use std::collections::BTreeMap;
use std::fmt;
use tailwater_record::{HashKey, HashRange, ShardId};
use tailwater_store::Lease;

/// So many looks in a row must show a hole before it is acted upon.
const CONFIDENCE: u32 = 3;

/// Hash keys that nothing covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) struct Hole(pub(crate) HashRange);

impl fmt::Display for Hole {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "no shard covers the hash keys {} to {}", self.0.start(), self.0.end())
    }
}

impl Hole {
    /// All that these ranges leave of the whole space, in order. They may overlap.
    pub(crate) fn all(ranges: impl IntoIterator<Item = HashRange>) -> Vec<Self> {
        let mut ranges: Vec<HashRange> = ranges.into_iter().collect();
        ranges.sort_unstable();
        let mut holes = Vec::new();
        // The first key not covered yet; none when the last one is.
        let mut open = Some(HashKey::MIN);
        for range in ranges {
            let Some(from) = open else { break };
            if range.start() > from {
                holes.extend(hole(from, HashKey::new(range.start().number() - 1)));
            }
            if range.end() >= from {
                open = range.end().number().checked_add(1).map(HashKey::new);
            }
        }
        holes.extend(open.and_then(|from| hole(from, HashKey::MAX)));
        holes
    }

    /// The first of them.
    pub(crate) fn first(ranges: impl IntoIterator<Item = HashRange>) -> Option<Self> {
        Self::all(ranges).into_iter().next()
    }
}

fn hole(from: HashKey, to: HashKey) -> Option<Hole> {
    HashRange::new(from, to).ok().map(Hole)
}

/// What is remembered of one stream from look to look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audit {
    /// How often in a row each hole was seen.
    seen: BTreeMap<Hole, u32>,
}

/// What a look has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// How the leases cover the hash keys.
    pub(crate) cover: Cover,
    /// Shards whose rows tell no range, to be filled in from the listing. Until then they cover nothing.
    pub(crate) unknown: Vec<ShardId>,
}

/// How the leases of a stream cover its hash keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cover {
    /// Without a hole.
    Whole,
    /// There are none: act at once.
    NoLeases,
    /// There are holes, none of which is certain yet.
    Watch(Vec<Hole>),
    /// These holes were there three times in a row: act.
    Act(Vec<Hole>),
}

impl Audit {
    /// Looks at all rows of the stream. A shard that has ended covers nothing: its children do, begun or not.
    pub(crate) fn look<'a>(&mut self, leases: impl IntoIterator<Item = &'a Lease>) -> Finding {
        let (mut are_any, mut ranges, mut unknown) = (false, Vec::new(), Vec::new());
        for lease in leases {
            are_any = true;
            match lease.range {
                _ if lease.is_ended() => {}
                Some(range) => ranges.push(range),
                None => unknown.push(lease.key.shard.clone()),
            }
        }
        if !are_any {
            self.seen.clear();
            return Finding { cover: Cover::NoLeases, unknown };
        }
        let holes = Hole::all(ranges);
        let times = |hole: &Hole| self.seen.get(hole).map_or(1, |times| times.saturating_add(1));
        self.seen = holes.iter().map(|hole| (*hole, times(hole))).collect();
        let certain: Vec<Hole> =
            self.seen.iter().filter(|(_, times)| **times >= CONFIDENCE).map(|(hole, _)| *hole).collect();
        let cover = match (holes.is_empty(), certain.is_empty()) {
            (true, _) => Cover::Whole,
            (false, true) => Cover::Watch(holes),
            (false, false) => Cover::Act(certain),
        };
        Finding { cover, unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tailwater_store::{LeaseKey, Progress};

    fn range(from: u128, to: u128) -> HashRange {
        HashRange::new(HashKey::new(from), HashKey::new(to)).unwrap()
    }

    fn lease(shard: u32, range: Option<HashRange>, progress: Progress) -> Lease {
        let stream = "111122223333:orders:1700000000".parse().unwrap();
        let key = LeaseKey::new("billing".parse().unwrap(), stream, ShardId::numbered(shard));
        Lease { range, progress, ..Lease::new(key) }
    }

    fn half(shard: u32) -> Lease {
        let (from, to) = if shard.is_multiple_of(2) { (0, u128::MAX / 2) } else { (u128::MAX / 2 + 1, u128::MAX) };
        lease(shard, Some(range(from, to)), Progress::TrimHorizon)
    }

    #[test]
    fn a_hole_is_acted_upon_at_the_third_look_in_a_row_and_as_long_as_it_stays() {
        let (mut audit, rows) = (Audit::default(), [half(0)]);
        let holes = vec![Hole(range(u128::MAX / 2 + 1, u128::MAX))];
        assert_eq!(audit.look(&rows).cover, Cover::Watch(holes.clone()));
        assert_eq!(audit.look(&rows).cover, Cover::Watch(holes.clone()));
        assert_eq!(audit.look(&rows).cover, Cover::Act(holes.clone()));
        assert_eq!(audit.look(&rows).cover, Cover::Act(holes.clone()));
        assert_eq!(audit.look(&[half(0), half(1)]).cover, Cover::Whole);
        assert_eq!(audit.look(&rows).cover, Cover::Watch(holes));
    }

    #[test]
    fn a_hole_that_changes_is_counted_anew_and_another_one_is_counted_for_itself() {
        let mut audit = Audit::default();
        let low = |to| lease(0, Some(range(0, to)), Progress::TrimHorizon);
        assert!(matches!(audit.look(&[low(9)]).cover, Cover::Watch(_)));
        assert!(matches!(audit.look(&[low(9)]).cover, Cover::Watch(_)));
        assert!(matches!(audit.look(&[low(8)]).cover, Cover::Watch(_)));
        assert!(matches!(audit.look(&[low(9)]).cover, Cover::Watch(_)));
        assert!(matches!(audit.look(&[low(9)]).cover, Cover::Watch(_)));
        // The old hole is certain now; the one that is new in front of it is not.
        let late = lease(0, Some(range(5, 9)), Progress::TrimHorizon);
        assert_eq!(audit.look(&[late]).cover, Cover::Act(vec![Hole(range(10, u128::MAX))]));
    }

    #[test]
    fn a_parent_that_ended_covers_nothing_and_its_waiting_children_do() {
        let ended = Lease { progress: Progress::ShardEnd, range: Some(HashRange::FULL), ..half(0) };
        let mut audit = Audit::default();
        assert_eq!(audit.look(&[ended.clone(), half(2), half(3)]).cover, Cover::Whole);
        assert_eq!(audit.look(&[ended]).cover, Cover::Watch(vec![Hole(HashRange::FULL)]));
        let parent = Lease { range: Some(HashRange::FULL), ..half(0) };
        assert_eq!(audit.look(&[parent, half(2), half(3)]).cover, Cover::Whole);
    }

    #[test]
    fn rows_without_a_range_are_told_unless_they_ended() {
        let mut audit = Audit::default();
        let rows = [half(0), lease(1, None, Progress::TrimHorizon), lease(2, None, Progress::ShardEnd)];
        let finding = audit.look(&rows);
        assert_eq!(finding.unknown, [ShardId::numbered(1)]);
        assert!(matches!(finding.cover, Cover::Watch(_)));
    }

    #[test]
    fn a_stream_without_rows_is_told_at_once() {
        assert_eq!(Audit::default().look(&[]), Finding { cover: Cover::NoLeases, unknown: Vec::new() });
    }

    proptest! {
        #[test]
        fn a_key_is_in_a_hole_or_in_a_range_and_never_in_both(
            ends in prop::collection::vec((0_u128..64, 0_u128..64, any::<bool>()), 0..8),
        ) {
            // Small numbers, and the same at the upper end of the space.
            let place = |number, is_high| if is_high { u128::MAX - number } else { number };
            let ranges: Vec<HashRange> = ends
                .iter()
                .map(|(one, two, is_high)| (place(*one, *is_high), place(*two, *is_high)))
                .map(|(one, two)| range(one.min(two), one.max(two)))
                .collect();
            let holes = Hole::all(ranges.clone());
            for key in (0..66).flat_map(|number| [number, u128::MAX - number, u128::MAX / 2]).map(HashKey::new) {
                let is_covered = ranges.iter().any(|range| range.contains(key));
                let hits = holes.iter().filter(|hole| hole.0.contains(key)).count();
                prop_assert_eq!(hits, usize::from(!is_covered), "{}", key);
            }
            // Neighbours would be one hole.
            prop_assert!(holes.windows(2).all(|pair| pair[0].0.end().number() + 1 < pair[1].0.start().number()));
        }
    }
}
