//! The shards of a stream: which one takes a hash key, and how they come and go.
//! A reshard is one step: before it the parents take records, after it the children do, and at every moment the shards
//! that take records hold the whole space of hash keys, each key once.
//! Pure. Called by `stream`.

use super::sequence::second;
use super::shard::{Parents, Shard};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;
use tailwater_record::{HashKey, HashRange, Timestamp};

/// All shards that are known, by number, and those that take records, by hash key.
#[derive(Debug)]
pub(crate) struct Shards {
    all: BTreeMap<u32, Shard>,
    /// Where the ranges of open shards start, and whose they are.
    open: Vec<(HashKey, u32)>,
    /// The number that the next shard gets.
    next: u32,
    began: Timestamp,
    /// Whether records are written down before they can be read.
    is_logged: bool,
    /// What has changed since it was written down, by shard.
    changed: BTreeMap<u32, Change>,
}

/// What has become of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Added,
    Closed,
}

impl Shards {
    /// A new stream's.
    pub(crate) fn new(count: NonZeroU32, now: Timestamp, is_logged: bool) -> Self {
        let mut shards = Self::none(now, is_logged);
        for range in HashRange::uniform(count) {
            shards.add(Parents::None, range, now, second(now));
        }
        shards
    }

    fn none(began: Timestamp, is_logged: bool) -> Self {
        Self { all: BTreeMap::new(), open: Vec::new(), next: 0, began, is_logged, changed: BTreeMap::new() }
    }

    /// Shards as they were written down; `next` is the number that the next one gets.
    pub(crate) fn restore(shards: impl IntoIterator<Item = Shard>, next: u32, began: Timestamp) -> Self {
        let mut restored = Self { next, ..Self::none(began, true) };
        for shard in shards {
            restored.next = restored.next.max(shard.number() + 1);
            if shard.is_open() {
                restored.open.push((shard.range().start(), shard.number()));
            }
            restored.all.insert(shard.number(), shard);
        }
        restored.open.sort_unstable();
        restored
    }

    /// The number that the next shard gets.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    /// Whether shards have come or closed since that was written down.
    pub(super) fn have_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Which have come or closed since that was asked last.
    pub(super) fn take_changed(&mut self) -> BTreeMap<u32, Change> {
        std::mem::take(&mut self.changed)
    }

    /// Makes undone what was not written down: these changes, and those since.
    pub(super) fn undo(&mut self, taken: BTreeMap<u32, Change>) {
        let mut changes = self.take_changed();
        changes.extend(taken);
        for (number, change) in changes {
            match change {
                Change::Added => {
                    self.all.remove(&number);
                    self.open.retain(|(_, open)| *open != number);
                    self.next = self.next.min(number);
                }
                Change::Closed => {
                    if let Some(shard) = self.all.get_mut(&number) {
                        shard.reopen();
                        let at = self.open.partition_point(|(start, _)| *start < shard.range().start());
                        self.open.insert(at, (shard.range().start(), number));
                    }
                }
            }
        }
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut Shard> {
        self.all.get_mut(&number)
    }

    /// All of them.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Shard> {
        self.all.values_mut()
    }

    fn add(&mut self, parents: Parents, range: HashRange, from: Timestamp, created: u64) -> u32 {
        let number = self.next;
        self.next += 1;
        self.all.insert(number, Shard::new(number, parents, range, from, created, self.is_logged));
        if self.is_logged {
            self.changed.insert(number, Change::Added);
        }
        let at = self.open.partition_point(|(start, _)| *start < range.start());
        self.open.insert(at, (range.start(), number));
        number
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Shard> {
        self.all.get(&number)
    }

    /// In the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Shard> {
        self.all.values()
    }

    /// Those numbered beyond `after`, in order.
    pub(crate) fn after(&self, after: Option<u32>) -> impl Iterator<Item = &Shard> {
        let from = after.map_or(Some(0), |after| after.checked_add(1));
        from.into_iter().flat_map(|from| self.all.range(from..)).map(|(_, shard)| shard)
    }

    /// Those that take records, in the order of their hash keys.
    #[cfg(test)]
    pub(crate) fn open(&self) -> impl ExactSizeIterator<Item = &Shard> {
        self.open.iter().map(|(_, number)| &self.all[number])
    }

    pub(crate) fn open_count(&self) -> usize {
        self.open.len()
    }

    /// When the first of them began.
    pub(crate) fn began(&self) -> Timestamp {
        self.began
    }

    /// The shard that takes this hash key.
    pub(crate) fn of(&mut self, key: HashKey) -> &mut Shard {
        let at = self.open.partition_point(|(start, _)| *start <= key);
        self.at(at - 1)
    }

    /// One of those that take records, counted round and round.
    pub(crate) fn turn(&mut self, turn: usize) -> &mut Shard {
        self.at(turn % self.open.len())
    }

    fn at(&mut self, place: usize) -> &mut Shard {
        let (_, number) = self.open[place];
        self.all.get_mut(&number).expect("every open shard is known")
    }

    /// The shards that a closed one was split or merged into.
    pub(crate) fn children(&self, number: u32) -> impl Iterator<Item = &Shard> {
        self.after(Some(number)).filter(move |shard| shard.parents().numbers().any(|parent| parent == number))
    }

    /// Splits an open shard; `at` begins the upper part. `None` if a part would be empty.
    pub(crate) fn split(&mut self, number: u32, at: HashKey, now: Timestamp) -> Option<(u32, u32)> {
        let (low, high) = self.all.get(&number)?.range().split(at)?;
        let (from, created) = self.close(&[number], now);
        let low = self.add(Parents::Split(number), low, from, created);
        Some((low, self.add(Parents::Split(number), high, from, created)))
    }

    /// Merges two open neighbours, the lower one first. `None` if they are none.
    pub(crate) fn merge(&mut self, lower: u32, upper: u32, now: Timestamp) -> Option<u32> {
        let range = self.neighbours(lower, upper)?;
        let (from, created) = self.close(&[lower, upper], now);
        Some(self.add(Parents::Merge(lower, upper), range, from, created))
    }

    /// The range of two neighbours together, if the second begins where the first ends.
    pub(crate) fn neighbours(&self, lower: u32, upper: u32) -> Option<HashRange> {
        let (lower, upper) = (self.all.get(&lower)?.range(), self.all.get(&upper)?.range());
        lower.merge(upper).filter(|_| lower.start() < upper.start())
    }

    /// Closes parents. Gives the moment and the second with which their children begin.
    fn close(&mut self, parents: &[u32], now: Timestamp) -> (Timestamp, u64) {
        let (mut until, mut created) = (now, 0);
        // First all, then the latest of them for all: parents end together.
        for _ in 0..2 {
            for parent in parents {
                if let Some(shard) = self.all.get_mut(parent) {
                    until = shard.close(until);
                    created = created.max(shard.created() + 1).max(second(until) + 1);
                }
            }
        }
        self.open.retain(|(_, number)| !parents.contains(number));
        if self.is_logged {
            for parent in parents {
                self.changed.entry(*parent).or_insert(Change::Closed);
            }
        }
        (until.plus(Duration::from_millis(1)), created)
    }

    /// Splits and merges until there are `target` shards of equal width. Gives how many were made on the way.
    pub(crate) fn scale(&mut self, target: NonZeroU32, now: Timestamp) -> usize {
        let before = self.next;
        let ranges: Vec<HashRange> = HashRange::uniform(target).collect();
        let starts: Vec<HashKey> = ranges.iter().map(|range| range.start()).collect();
        self.cut(&starts, now);
        for range in ranges {
            while self.halve(range, now) {}
        }
        (self.next - before) as usize
    }

    /// Splits until a shard begins at each of these keys. From the middle outwards, so that few generations follow on
    /// one another, however many there are.
    fn cut(&mut self, starts: &[HashKey], now: Timestamp) {
        let Some(middle) = starts.get(starts.len() / 2) else { return };
        let shard = self.of(*middle);
        if shard.range().start() < *middle {
            let number = shard.number();
            self.split(number, *middle, now);
        }
        self.cut(&starts[..starts.len() / 2], now);
        self.cut(&starts[starts.len() / 2 + 1..], now);
    }

    /// Merges the shards of a range two by two. Whether more than one is left.
    fn halve(&mut self, range: HashRange, now: Timestamp) -> bool {
        let inside = self.open.iter().filter(|(start, _)| range.contains(*start));
        let inside: Vec<u32> = inside.map(|(_, number)| *number).collect();
        for pair in inside.chunks_exact(2) {
            self.merge(pair[0], pair[1], now);
        }
        inside.len() > 2
    }

    /// Forgets records stored before `horizon`, and, if that may be, shards that ended before it.
    pub(crate) fn trim(&mut self, horizon: Timestamp, forgets: bool) {
        self.all.retain(|_, shard| {
            shard.trim(horizon);
            !(forgets && shard.is_spent(horizon))
        });
    }

    /// As `trim`, of one shard.
    pub(crate) fn trim_one(&mut self, number: u32, horizon: Timestamp, forgets: bool) {
        let Some(shard) = self.all.get_mut(&number) else { return };
        shard.trim(horizon);
        if forgets && shard.is_spent(horizon) {
            self.all.remove(&number);
        }
    }

    /// Bytes reserved for records.
    pub(crate) fn held(&self) -> usize {
        self.all.values().map(Shard::held).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    fn count(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).unwrap()
    }

    #[derive(Clone, Debug)]
    enum Change {
        Split { key: u128 },
        Merge { key: u128 },
        Scale { target: u32 },
    }

    fn changes() -> impl Strategy<Value = Vec<(Change, i64)>> {
        let change = prop_oneof![
            any::<u128>().prop_map(|key| Change::Split { key }),
            any::<u128>().prop_map(|key| Change::Merge { key }),
            (1_u32..20).prop_map(|target| Change::Scale { target }),
        ];
        proptest::collection::vec((change, -5_i64..3000), 0..25)
    }

    fn tiles<'s>(shards: impl Iterator<Item = &'s Shard>) -> bool {
        let mut ranges: Vec<HashRange> = shards.map(Shard::range).collect();
        ranges.sort();
        ranges.into_iter().map(Some).reduce(|one, two| one?.merge(two?)).flatten() == Some(HashRange::FULL)
    }

    proptest! {
        #[test]
        fn open_shards_hold_every_key_once_at_every_moment(first in 1_u32..9, changes in changes(), keys: [u128; 8]) {
            let mut now = 0;
            let mut shards = Shards::new(count(first), at(now), false);
            let mut moments = vec![now];
            for (change, later) in changes {
                now += later;
                match change {
                    Change::Split { key } => {
                        let number = shards.of(HashKey::new(key)).number();
                        shards.split(number, HashKey::new(key), at(now));
                    }
                    Change::Merge { key } => {
                        let lower = shards.of(HashKey::new(key)).number();
                        let behind = shards.get(lower).unwrap().range().end().number().checked_add(1);
                        if let Some(behind) = behind {
                            let upper = shards.of(HashKey::new(behind)).number();
                            prop_assert!(shards.merge(upper, lower, at(now)).is_none());
                            prop_assert!(shards.merge(lower, upper, at(now)).is_some());
                        }
                    }
                    Change::Scale { target } => {
                        shards.scale(count(target), at(now));
                        let ranges: Vec<HashRange> = shards.open().map(Shard::range).collect();
                        prop_assert_eq!(ranges, HashRange::uniform(count(target)).collect::<Vec<_>>());
                    }
                }
                moments.push(now);
                prop_assert!(tiles(shards.open()));
                for key in keys {
                    prop_assert!(shards.of(HashKey::new(key)).range().contains(HashKey::new(key)));
                }
            }
            for moment in moments {
                let then = at(moment.max(0));
                let open = |shard: &&Shard| shard.from() <= then && shard.until().is_none_or(|until| until >= then);
                prop_assert!(tiles(shards.iter().filter(open)), "at {moment}");
            }
            for shard in shards.iter() {
                for parent in shard.parents().numbers().filter_map(|parent| shards.get(parent)) {
                    prop_assert!(parent.ending().unwrap() < shard.starting());
                    prop_assert_eq!(parent.until().unwrap().millis() + 1, shard.from().millis());
                    prop_assert!(shards.children(parent.number()).any(|child| child.number() == shard.number()));
                }
                prop_assert_eq!(shard.is_open(), shards.children(shard.number()).next().is_none());
            }
        }
    }

    #[test]
    fn doubling_and_halving_take_the_steps_that_the_service_takes() {
        for (from, to, made) in [(2, 4, 4), (4, 2, 2), (5, 5, 0), (1, 3, 4)] {
            assert_eq!(Shards::new(count(from), at(0), false).scale(count(to), at(9)), made, "{from} to {to}");
        }
    }

    #[test]
    fn spent_shards_are_forgotten_and_their_children_still_name_them() {
        let mut shards = Shards::new(count(1), at(0), false);
        shards.split(0, HashKey::new(1 << 127), at(1000));
        shards.trim(at(1000), true);
        assert!(shards.get(0).is_some());
        shards.trim(at(1001), true);
        assert!(shards.get(0).is_none());
        assert_eq!(shards.get(1).unwrap().parents(), Parents::Split(0));
        assert!(shards.of(HashKey::MIN).number() == 1 && shards.of(HashKey::MAX).number() == 2);
    }
}
