//! That what is wrong is noticed: each test plants one fault in what a reader finds.

use super::super::write::Listed;
use super::*;
use tailwater_record::{HashKey, HashRange};

const READERS: [Reader; 3] = Reader::ALL;

fn range(start: u128, end: u128) -> HashRange {
    HashRange::new(HashKey::new(start), HashKey::new(end)).unwrap()
}

fn outer(shard: u32, sequence: u64) -> Outer {
    Outer { shard: ShardId::numbered(shard), sequence: sequence.to_string().parse().unwrap() }
}

/// Two shards; in the first an aggregate of three records, the second of which has a hash key, and a plain record. The
/// aggregate was first put to the other shard, where its records do not belong.
fn truth() -> Truth {
    let listed = |start, end| Listed { range: range(start, end), came_and_went: false };
    let shards = [(ShardId::numbered(0), listed(0, 99)), (ShardId::numbered(1), listed(100, u128::MAX))];
    let mut truth = Truth {
        ordered: true,
        records: Vec::new(),
        places: HashMap::new(),
        aggregates: [(outer(0, 7), Told::Exactly(HashKey::new(5)))].into(),
        payloads: HashMap::new(),
        shards: shards.into(),
        counted: Counted { stored: 2, misplaced: 1, ambiguous: 0 },
    };
    let told = [Told::Nothing, Told::Exactly(HashKey::new(5)), Told::Something, Told::Nothing];
    for (number, told) in told.into_iter().enumerate() {
        let (outer, sub_sequence) = if number == 3 { (outer(0, 8), 0) } else { (outer(0, 7), number as u64) };
        let place = Place { outer, sub_sequence };
        let digest = Digest::of(&[number as u8]);
        truth.places.insert(place.clone(), number);
        truth.payloads.entry(digest).or_default().push(number);
        let hash_key = (told != Told::Something).then_some(HashKey::new(5));
        let attempts = if number == 3 { 1 } else { 2 };
        truth.records.push(Expected { key: format!("key {number}"), told, hash_key, digest, place, attempts });
    }
    truth
}

/// What the reader finds if all is well.
fn found(reader: Reader, truth: &Truth) -> Vec<Found> {
    let as_told = |expected: &Expected| {
        let hash_key = match expected.told {
            _ if !truth.aggregates.contains_key(&expected.place.outer) => None,
            Told::Nothing => reader.invents_hash_keys().then_some(HashKey::new(5)),
            Told::Exactly(hash_key) => Some(hash_key),
            Told::Something => Some(HashKey::new(50)),
        };
        Found { place: expected.place.clone(), key: Some(expected.key.clone()), hash_key, digest: expected.digest }
    };
    let mut found: Vec<Found> = truth.records.iter().map(as_told).collect();
    if !reader.minds_hash_keys() {
        found.extend(misplaced(&found));
    }
    found
}

/// The aggregate, where it was put first.
fn misplaced(found: &[Found]) -> Vec<Found> {
    let elsewhere = |found: &Found| {
        let place = Place { outer: outer(1, 9), ..found.place.clone() };
        Found { place, ..found.clone() }
    };
    found[..3].iter().map(elsewhere).collect()
}

/// What is said once this was done to what each reader finds.
fn faults(plant: impl Fn(&mut Vec<Found>)) -> Vec<String> {
    let truth = truth();
    let judged = READERS.map(|reader| {
        let mut found = found(reader, &truth);
        plant(&mut found);
        truth.judge(reader, &found)
    });
    judged.into_iter().map(|judged| judged.expect_err("it is noticed").join("; ")).collect()
}

#[test]
fn what_is_right_is_agreed_to() {
    for reader in READERS {
        let truth = truth();
        let told = truth.judge(reader, &found(reader, &truth)).unwrap();
        assert!(told.contains("4 records") && told.contains("in order"), "{told}");
    }
}

#[test]
fn a_lost_record_is_missed() {
    assert!(faults(|found| drop(found.remove(1))).iter().all(|told| told.contains("record 1 0 times")));
}

#[test]
fn another_payload_key_or_hash_key_is_noticed() {
    assert!(faults(|found| found[0].digest = Digest::of(b"x")).iter().all(|told| told.contains("another payload")));
    assert!(faults(|found| found[3].key = None).iter().all(|told| told.contains("another key")));
    faults(|found| found[1].hash_key = None);
    faults(|found| found[3].hash_key = Some(HashKey::new(5)));
    faults(|found| found[2].hash_key = Some(HashKey::new(100)));
}

#[test]
fn another_place_is_noticed() {
    faults(|found| found[2].place.sub_sequence = 3);
    faults(|found| {
        let places = [found[0].place.clone(), found[1].place.clone()];
        [found[1].place, found[0].place] = places;
    });
}

#[test]
fn a_record_that_comes_twice_is_noticed() {
    assert!(faults(|found| found.push(found[3].clone())).iter().all(|told| told.contains("record 3 2 times")));
    // Put once, and there twice.
    faults(|found| found.push(Found { place: Place { outer: outer(0, 99), sub_sequence: 0 }, ..found[3].clone() }));
    // Put twice, and both right where they are.
    faults(|found| found.push(Found { place: Place { outer: outer(0, 99), sub_sequence: 0 }, ..found[0].clone() }));
}

#[test]
fn another_order_is_noticed() {
    assert!(faults(|found| found.swap(0, 3)).iter().all(|told| told.contains("which was put later")));
}

#[test]
fn a_misplaced_aggregate_is_for_those_only_who_do_not_mind_hash_keys() {
    let truth = truth();
    let all = found(Reader::Python, &truth);
    assert!(truth.judge(Reader::Python, &all[..4]).is_err(), "the producer counts one, and nobody finds it");
    let mut seen = found(Reader::Kcl, &truth);
    seen.extend(misplaced(&seen));
    assert!(truth.judge(Reader::Kcl, &seen).is_err(), "the KCL would give out what comes again");
}
