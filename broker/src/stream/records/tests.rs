use super::*;
use crate::stream::block::Stored;
use crate::stream::page::Page;
use proptest::prelude::*;
use tailwater_record::PartitionKey;

const ALL: Limit = Limit { records: usize::MAX, bytes: usize::MAX };

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn page(records: &Records, from: u64, limit: Limit) -> Page {
    records.read(from, limit, at(i64::MIN), true).finish(at(0)).unwrap().page
}

fn index_of(sought: Sought) -> u64 {
    sought.finish().unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Append { size: usize, later: i64, keyless: bool },
    Trim { age: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let append = (prop_oneof![0_usize..300, 60_000_usize..300_000], -50_i64..400, any::<bool>())
        .prop_map(|(size, later, keyless)| Step::Append { size, later, keyless });
    let trim = (0_i64..5000).prop_map(|age| Step::Trim { age });
    proptest::collection::vec(prop_oneof![12 => append, 1 => trim], 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_shard_reads_as_a_list_would(steps in steps(), probe: (u64, i64), limit in 1_usize..200) {
        let mut now = 1_000_000;
        let (mut records, mut model) = (Records::new(at(now), false), Vec::<Stored>::new());
        let (mut next, mut first, mut newest) = (FIRST, FIRST, now);
        for step in steps {
            match step {
                Step::Append { size, later, keyless } => {
                    now += later;
                    newest = newest.max(now);
                    let key: Option<PartitionKey> = (!keyless).then(|| format!("k{}", next % 7).parse().unwrap());
                    let data = vec![next as u8; size];
                    let entry = Entry { key: key.as_ref(), data: &data, encrypted: size % 2 == 0 };
                    prop_assert_eq!(records.append(at(now), entry), (next, at(newest)));
                    let encrypted = entry.encrypted;
                    model.push(Stored { index: next, arrival: at(newest), key, data: data.into(), encrypted });
                    next += 1;
                }
                Step::Trim { age } => {
                    records.trim(at(now - age));
                    model.retain(|stored| stored.arrival >= at(now - age));
                    first = model.first().map_or(next, |stored| stored.index);
                }
            }
            prop_assert_eq!((records.next(), records.first()), (next, first));
        }
        prop_assert_eq!(&page(&records, 0, ALL).records(), &model);

        let from = first.saturating_sub(2) + probe.0 % (next - first + 4);
        let kept = model.iter().filter(|stored| stored.index >= from);
        let page = page(&records, from, Limit { records: limit, bytes: 500_000 });
        let mut size = 0;
        let expected: Vec<&Stored> = kept
            .take(limit)
            .take_while(|stored| {
                let before = size;
                size += stored.data.len() + stored.key.as_ref().map_or(0, |key| key.as_str().len());
                before == 0 || size <= 500_000
            })
            .collect();
        prop_assert_eq!(page.count, expected.len());
        prop_assert_eq!(page.records(), expected.iter().map(|stored| (*stored).clone()).collect::<Vec<_>>());
        prop_assert_eq!(page.newest, expected.last().map(|stored| stored.arrival));

        let moment = at(1_000_000 + probe.1.rem_euclid(20_000));
        let since = model.iter().find(|stored| stored.arrival >= moment).map_or(next, |stored| stored.index);
        prop_assert_eq!(index_of(records.since(moment)), since);
        if let Some(stored) = model.iter().find(|stored| stored.index == from) {
            let second = crate::stream::sequence::second(stored.arrival);
            prop_assert_eq!(index_of(records.number(from, second, false)), from);
            prop_assert_eq!(index_of(records.number(from, second, true)), from + 1);
        }
    }
}

#[test]
fn a_block_ends_before_its_moments_outgrow_it() {
    let mut records = Records::new(at(0), false);
    let entry = Entry { key: None, data: b"x", encrypted: false };
    let year = 365 * 24 * 3_600_000;
    for times in 0..3 {
        records.append(at(times * year), entry);
    }
    let arrivals: Vec<Timestamp> = page(&records, 0, ALL).records().into_iter().map(|stored| stored.arrival).collect();
    assert_eq!(arrivals, [at(0), at(year), at(2 * year)]);
}

#[test]
fn the_very_moment_of_a_record_finds_it_also_where_a_block_ends() {
    let mut records = Records::new(at(0), false);
    for millis in [1, 1, 2, 2, 3] {
        // So large that each ends its block.
        records.append(at(millis), Entry { key: None, data: &[0; BLOCK], encrypted: false });
    }
    for (moment, index) in [(0, 1), (1, 1), (2, 3), (3, 5), (4, 6)] {
        assert_eq!(index_of(records.since(at(moment))), index, "at {moment}");
    }
}

#[test]
fn a_record_of_a_hundred_bytes_takes_little_more() {
    let mut records = Records::new(at(0), false);
    let key: PartitionKey = "sensor-1234".parse().unwrap();
    for _ in 0..10_000 {
        records.append(at(5), Entry { key: Some(&key), data: &[7; 100], encrypted: false });
    }
    records.close();
    assert!(records.held() < 10_000 * 125, "{} bytes", records.held());
    records.trim(at(6));
    assert_eq!(records.held(), 0);
}
