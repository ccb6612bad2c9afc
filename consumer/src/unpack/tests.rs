//! Whole pages against a list of what was put into them, whatever the rules and wherever the checkpoint. `batch` tests
//! with the same pages.

use super::*;
use proptest::prelude::*;
use proptest::sample::Index;
use tailwater_record::kpl::Packer;
use tailwater_record::{HashKey, UserRecord};

/// An aggregate with a right checksum, of one record that can be read and one that points nowhere.
const BROKEN: [u8; 43] = *b"\xf3\x89\x9a\xc2\x0a\x03pk1\x1a\x07\x08\x00\x1a\x03one\x1a\x07\x08\x05\x1a\x03two\
    \xca\xae\x2e\x4e\xd1\x64\x3a\xb7\x78\x03\xce\x29\x01\x06\xd0\x20";

/// A user record as it was put, and where it must come out.
#[derive(Clone, Debug)]
pub(crate) struct Put {
    /// Which Kinesis record of the page it is in.
    pub(crate) outer: usize,
    pub(crate) progress: Progress,
    pub(crate) record: UserRecord,
    pub(crate) is_aggregated: bool,
    pub(crate) is_readable: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) page: Vec<shapes::Record>,
    pub(crate) puts: Vec<Put>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Delivered,
    Passed,
    Handled,
    SetAside,
    Unreadable,
}

#[derive(Clone, Debug)]
enum Kind {
    Bare(Vec<u8>),
    Packed(Vec<UserRecord>),
    Damaged(Vec<UserRecord>),
    Broken,
}

impl World {
    /// A page of one aggregate.
    pub(crate) fn packed(records: Vec<UserRecord>) -> Self {
        Self::of(&[Kind::Packed(records)])
    }

    /// A page of records of these sizes.
    pub(crate) fn bare(sizes: &[u64]) -> Self {
        Self::of(&sizes.iter().map(|size| Kind::Bare(vec![7; *size as usize])).collect::<Vec<_>>())
    }

    fn of(kinds: &[Kind]) -> Self {
        let (mut page, mut puts) = (Vec::new(), Vec::new());
        for (outer, kind) in kinds.iter().enumerate() {
            let number = 100 + outer as u64 * 7;
            let sequence: SequenceNumber = number.to_string().parse().unwrap();
            let mut put = |sub_sequence: usize, record: UserRecord, is_aggregated, is_readable| {
                let progress = Progress::Through { sequence: sequence.clone(), sub_sequence: sub_sequence as u64 };
                puts.push(Put { outer, progress, record, is_aggregated, is_readable });
            };
            let (data, partition_key) = match kind {
                Kind::Bare(data) => {
                    put(0, UserRecord::new(data.clone()), false, true);
                    (Bytes::from(data.clone()), None)
                }
                Kind::Packed(records) | Kind::Damaged(records) => {
                    let mut packer = Packer::new();
                    records.iter().for_each(|record| packer.push(record).unwrap());
                    let packed = packer.take().unwrap().seal();
                    let (key, is_aggregated) = (packed.partition_key().clone(), packed.is_aggregated());
                    let mut data = packed.into_data().to_vec();
                    if is_aggregated && matches!(kind, Kind::Damaged(_)) {
                        *data.last_mut().unwrap() ^= 1;
                    }
                    match kind {
                        Kind::Packed(records) if is_aggregated => {
                            (0..).zip(records).for_each(|(sub, record)| put(sub, record.clone(), true, true));
                        }
                        _ => put(0, UserRecord::new(data.clone()).with_partition_key(key.clone()), false, true),
                    }
                    (data.into(), Some(key))
                }
                Kind::Broken => {
                    let record = |data: &'static str| UserRecord::new(data).with_partition_key("pk1".parse().unwrap());
                    put(0, record("one"), true, true);
                    put(1, record("two"), true, false);
                    (Bytes::from_static(&BROKEN), Some("pk1".parse().unwrap()))
                }
            };
            page.push(shapes::Record {
                sequence_number: sequence,
                approximate_arrival_timestamp: Some(Timestamp::from_millis(number as i64)),
                data,
                partition_key,
                encryption_type: None,
            });
        }
        Self { page, puts }
    }

    /// What must become of each record.
    pub(crate) fn fates(&self, rules: &Unpacking, after: &Progress) -> Vec<Fate> {
        let is_before = |outer: usize| match after {
            Progress::AtTimestamp | Progress::TrimHorizon | Progress::Latest => false,
            Progress::Through { sequence, .. } => self.page[outer].sequence_number < *sequence,
            Progress::ShardEnd => true,
        };
        let is_off = rules.spreads || rules.on_stray == OnStray::Deliver;
        let is_stray = |put: &Put| {
            let hash_key = put.record.hash_key();
            !is_off
                && put.is_aggregated
                && put.is_readable
                && rules.range.is_some_and(|range| !range.contains(hash_key.unwrap()))
        };
        let fate = |put: &Put| {
            let has_stray = || self.puts.iter().any(|other| other.outer == put.outer && is_stray(other));
            if is_before(put.outer) {
                Fate::Passed
            } else if put.progress <= *after {
                Fate::Handled
            } else if !put.is_readable {
                Fate::Unreadable
            } else if is_stray(put) || (rules.on_stray == OnStray::KclRule && has_stray()) {
                Fate::SetAside
            } else {
                Fate::Delivered
            }
        };
        self.puts.iter().map(fate).collect()
    }

    /// Those that must come out.
    pub(crate) fn due(&self, rules: &Unpacking, after: &Progress) -> Vec<Put> {
        let fates = self.fates(rules, after);
        self.puts.iter().zip(fates).filter(|(_, fate)| *fate == Fate::Delivered).map(|(put, _)| put.clone()).collect()
    }

    /// A checkpoint: one of the words, or at a record.
    pub(crate) fn checkpoint(&self, at: Index) -> Progress {
        let words = [Progress::AtTimestamp, Progress::TrimHorizon, Progress::Latest, Progress::ShardEnd];
        let beyond = |sub_sequence| Progress::Through { sequence: "99999".parse().unwrap(), sub_sequence };
        let mut all = self.puts.iter().map(|put| put.progress.clone()).collect::<Vec<_>>();
        all.extend(words);
        all.extend([beyond(0), beyond(u64::MAX)]);
        // Beyond the last place of a record, as when somebody else counted what is inside.
        all.extend(
            self.page
                .iter()
                .map(|record| Progress::Through { sequence: record.sequence_number.clone(), sub_sequence: u64::MAX }),
        );
        all.swap_remove(at.index(all.len()))
    }

    /// How far the page goes.
    pub(crate) fn end(&self) -> Option<Progress> {
        self.puts.last().map(|put| put.progress.clone())
    }
}

fn user_record() -> impl Strategy<Value = UserRecord> {
    let explicit = prop::option::weighted(0.2, any::<u128>());
    (0..12_u8, explicit, prop::collection::vec(any::<u8>(), 0..40), prop::bool::weighted(0.1)).prop_map(
        |(key, explicit, data, has_headers)| {
            let record = UserRecord::new(data).with_partition_key(format!("key-{key}").parse().unwrap());
            let record = explicit.into_iter().map(HashKey::new).fold(record, UserRecord::with_explicit_hash_key);
            if !has_headers {
                return record;
            }
            record.with_headers([("trace", "abc"), ("kind", "")].into_iter().collect())
        },
    )
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    let records = || prop::collection::vec(user_record(), 1..12);
    let kind = prop_oneof![
        2 => prop::collection::vec(any::<u8>(), 0..60).prop_map(Kind::Bare),
        6 => records().prop_map(Kind::Packed),
        1 => records().prop_map(Kind::Damaged),
        1 => Just(Kind::Broken),
    ];
    prop::collection::vec(kind, 0..10).prop_map(|kinds| World::of(&kinds))
}

pub(crate) fn rules() -> impl Strategy<Value = Unpacking> {
    let policy = prop_oneof![Just(OnStray::SetAside), Just(OnStray::KclRule), Just(OnStray::Deliver)];
    let range = (any::<u128>(), any::<bool>()).prop_map(|(at, is_lower)| {
        let (lower, upper) = HashRange::FULL.split(HashKey::new(at.max(1))).expect("inside the range");
        if is_lower { lower } else { upper }
    });
    let range = prop_oneof![6 => range.prop_map(Some), 1 => Just(None), 1 => Just(Some(HashRange::FULL))];
    (policy, range, prop::bool::weighted(0.1)).prop_map(|(on_stray, range, spreads)| Unpacking {
        on_stray,
        range,
        spreads,
    })
}

fn shard() -> ShardId {
    ShardId::numbered(3)
}

fn delivered(opened: &[Opened], after: &Progress) -> Vec<Progress> {
    let each = |opened: &Opened| -> Vec<Progress> {
        let sub_sequence = |entry: Option<Entry<'_>>| entry.map_or(0, |entry| entry.sub_sequence());
        let progress = |sub_sequence| Progress::Through { sequence: opened.sequence.clone(), sub_sequence };
        opened.entries(after).map(|entry| progress(sub_sequence(entry))).collect()
    };
    opened.iter().flat_map(each).collect()
}

/// What the KCL's own loop gives of an aggregate: it takes back what it gave when it meets a stray, and stops.
fn by_the_kcl(puts: &[&Put], range: HashRange) -> Vec<Progress> {
    let mut given = Vec::new();
    for put in puts {
        if !put.is_readable {
            break;
        }
        if !range.contains(put.record.hash_key().unwrap()) {
            given.clear();
            break;
        }
        given.push(put.progress.clone());
    }
    given
}

proptest! {
    #[test]
    fn each_record_has_one_fate_and_it_is_told(world in world(), rules in rules(), at: Index) {
        let after = world.checkpoint(at);
        let fates = world.fates(&rules, &after);
        let (opened, facts) = unpack(world.page.clone().into_iter(), &shard(), &rules, &after);
        let due: Vec<Progress> = world.due(&rules, &after).into_iter().map(|put| put.progress).collect();
        prop_assert_eq!(delivered(&opened, &after), due);
        prop_assert!(opened.iter().all(|opened| opened.count(&after) > 0));
        let count = |fate: Fate| fates.iter().filter(|found| **found == fate).count();
        let set_aside: usize = facts.set_aside.iter().map(|aside| aside.records).sum();
        let unreadable: usize = facts.unreadable.iter().map(|unreadable| unreadable.records).sum();
        prop_assert_eq!(facts.delivered, count(Fate::Delivered));
        prop_assert_eq!(facts.handled, count(Fate::Handled));
        prop_assert_eq!((set_aside, unreadable), (count(Fate::SetAside), count(Fate::Unreadable)));
        prop_assert_eq!(facts.opened + facts.passed, world.page.len());
        prop_assert_eq!(facts.end, world.end().map_or(after.clone(), |end| end.max(after)));
    }

    #[test]
    fn strays_are_told_with_their_shard_and_number(world in world(), rules in rules()) {
        let (_, facts) = unpack(world.page.clone().into_iter(), &shard(), &rules, &Progress::TrimHorizon);
        let fates = world.fates(&rules, &Progress::TrimHorizon);
        for (outer, record) in world.page.iter().enumerate() {
            let is_stray = |(put, fate): &(&Put, Fate)| put.outer == outer && *fate == Fate::SetAside;
            let records = world.puts.iter().zip(fates.clone()).filter(is_stray).count();
            let told: Vec<&SetAside> =
                facts.set_aside.iter().filter(|aside| aside.sequence == record.sequence_number).collect();
            let expected = SetAside { shard: shard(), sequence: record.sequence_number.clone(), records };
            prop_assert_eq!(told, if records == 0 { vec![] } else { vec![&expected] });
        }
    }

    #[test]
    fn the_kcl_rule_gives_what_the_kcl_gives(world in world(), rules in rules()) {
        let rules = Unpacking { on_stray: OnStray::KclRule, spreads: false, ..rules };
        let (opened, _) = unpack(world.page.clone().into_iter(), &shard(), &rules, &Progress::TrimHorizon);
        let mut expected = Vec::new();
        for outer in 0..world.page.len() {
            let puts: Vec<&Put> = world.puts.iter().filter(|put| put.outer == outer).collect();
            let aggregated = puts.iter().all(|put| put.is_aggregated);
            // It has no rule for what is no aggregate, and none for a shard that it cannot look up.
            let range = rules.range.filter(|_| aggregated).unwrap_or(HashRange::FULL);
            if aggregated {
                expected.extend(by_the_kcl(&puts, range));
            } else {
                expected.extend(puts.iter().map(|put| put.progress.clone()));
            }
        }
        prop_assert_eq!(delivered(&opened, &Progress::TrimHorizon), expected);
    }
}

#[test]
fn what_only_looks_like_an_aggregate_is_delivered_and_told() {
    let record = UserRecord::new("x").with_partition_key("k".parse().unwrap());
    let world = World::of(&[Kind::Damaged(vec![record; 3]), Kind::Bare(b"plain".to_vec())]);
    let rules = Unpacking { on_stray: OnStray::KclRule, range: None, spreads: false };
    let (opened, facts) = unpack(world.page.clone().into_iter(), &shard(), &rules, &Progress::Latest);
    assert_eq!((facts.delivered, facts.plain, opened.len()), (2, 2, 2));
    assert_eq!(facts.damaged, [world.page[0].sequence_number.clone()]);
}

#[test]
fn what_cannot_be_read_is_told_with_its_cause() {
    let world = World::of(&[Kind::Broken]);
    let rules = Unpacking { on_stray: OnStray::SetAside, range: None, spreads: false };
    let (_, facts) = unpack(world.page.clone().into_iter(), &shard(), &rules, &Progress::Latest);
    let sequence = world.page[0].sequence_number.clone();
    let cause = UnreadableCause::PartitionKeyIndex;
    assert_eq!(facts.unreadable, [Unreadable { shard: shard(), sequence, records: 1, cause }]);
    assert_eq!(facts.end, world.end().unwrap(), "what cannot be read is passed too");
}

#[test]
fn of_strays_alone_nothing_is_kept_and_yet_the_shard_comes_forward() {
    let record = UserRecord::new("x").with_partition_key("k".parse().unwrap()).with_explicit_hash_key(HashKey::MAX);
    let world = World::of(&[Kind::Packed(vec![record; 3])]);
    let (range, _) = HashRange::FULL.split(HashKey::new(7)).unwrap();
    for on_stray in [OnStray::SetAside, OnStray::KclRule] {
        let rules = Unpacking { on_stray, range: Some(range), spreads: false };
        let (opened, facts) = unpack(world.page.clone().into_iter(), &shard(), &rules, &Progress::TrimHorizon);
        assert_eq!((opened.len(), facts.delivered, facts.set_aside[0].records), (0, 0, 3));
        assert_eq!(facts.end, world.end().unwrap());
    }
}
