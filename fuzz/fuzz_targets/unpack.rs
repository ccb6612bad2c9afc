//! Aggregates from anyone: data that is one is taken apart alike in every way there is; the shard's range divides the
//! records and changes nothing else; what was taken apart can be packed again.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tailwater_fuzz::choices::Choices;
use tailwater_record::kpl::{Aggregate, Entry, MAGIC, Packer, Unpacked, unpack, unpack_all, unpack_all_in};
use tailwater_record::md5_lanes::{Lanes, md5};
use tailwater_record::{HashKey, HashRange, UserRecord};

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    let kind = choices.byte();
    let (one, two) = (HashKey::new(choices.wide_number()), HashKey::new(choices.wide_number()));
    let shard = HashRange::new(one.min(two), one.max(two)).expect("in order");
    let data: Bytes = match kind % 3 {
        0 => choices.rest().to_vec().into(),
        1 => signed(choices.rest()),
        _ => {
            let valid = packed([record("one", "k"), record("two", "ключ").with_explicit_hash_key(HashKey::MAX)].iter());
            let message = &valid[MAGIC.len()..valid.len() - 16];
            signed(&choices.spliced(message))
        }
    };

    let whole = unpack(data.clone(), None);
    let divided = unpack(data.clone(), Some(shard));
    let together = vec![data.clone(), Bytes::from_static(b"plain"), data.clone()];
    for (range, alone) in [(None, &whole), (Some(shard), &divided), (Some(HashRange::FULL), &whole)] {
        for read in [unpack_all(together.clone(), range)]
            .into_iter()
            .chain(Lanes::available().into_iter().map(|lanes| unpack_all_in(lanes, together.clone(), range)))
        {
            let [first, plain, last] = &read[..] else { panic!("{} of 3", read.len()) };
            assert!(matches!(plain, Unpacked::Plain(data) if data == "plain"));
            same(alone, first);
            same(alone, last);
        }
    }
    match (&whole, &divided) {
        (Unpacked::Plain(one), Unpacked::Plain(two)) => assert!(*one == data && *two == data, "given back as it came"),
        (Unpacked::Aggregated(whole), Unpacked::Aggregated(divided)) => {
            assert_eq!(whole.set_aside_len(), 0);
            check(whole, HashRange::FULL);
            check(divided, shard);
            assert!(whole.entries().map(content).eq(divided.entries().map(content)), "a range changes no record");
            assert_eq!(whole.unreadable(), divided.unreadable());
            pack_again(whole);
        }
        _ => panic!("whether data is an aggregate depends on the range"),
    }
});

/// A message, whatever it is, as an aggregate whose checksum is right.
fn signed(message: &[u8]) -> Bytes {
    [&MAGIC[..], message, &md5(message)].concat().into()
}

fn record(data: &'static str, key: &str) -> UserRecord {
    UserRecord::new(data)
        .with_partition_key(key.parse().expect("a key"))
        .with_headers([("n", "v")].into_iter().collect())
}

fn packed<'r>(records: impl Iterator<Item = &'r UserRecord>) -> Bytes {
    let mut packer = Packer::with_limit(64 * 1024 * 1024);
    for record in records {
        let promised = packer.size_with(record);
        packer.push(record).expect("room enough");
        assert_eq!(promised, Ok(packer.size()));
    }
    let promised = packer.size();
    let data = packer.take().expect("records were pushed").seal().into_data();
    assert_eq!(data.len(), promised);
    data
}

fn content(entry: Entry<'_>) -> (u64, &str, Option<HashKey>, &[u8], Vec<(&str, &str)>) {
    let headers = entry.headers().collect();
    (entry.sub_sequence(), entry.partition_key(), entry.explicit_hash_key(), entry.data(), headers)
}

fn same(one: &Unpacked, two: &Unpacked) {
    match (one, two) {
        (Unpacked::Plain(one), Unpacked::Plain(two)) => assert_eq!(one, two),
        (Unpacked::Aggregated(one), Unpacked::Aggregated(two)) => {
            assert!(one.entries().map(content).eq(two.entries().map(content)));
            assert!(one.entries().map(|entry| entry.is_outside()).eq(two.entries().map(|entry| entry.is_outside())));
            assert_eq!(one.set_aside_len(), two.set_aside_len());
            assert_eq!(one.unreadable(), two.unreadable());
        }
        _ => panic!("an aggregate in one way and plain in another"),
    }
}

fn check(aggregate: &Aggregate, shard: HashRange) {
    assert_eq!(aggregate.set_aside().count(), aggregate.set_aside_len());
    assert_eq!(aggregate.records().count() + aggregate.set_aside_len(), aggregate.entries().len());
    for (place, entry) in aggregate.entries().enumerate() {
        assert_eq!(entry.sub_sequence(), place as u64);
        assert_eq!(entry.data_bytes(), entry.data());
        let of_key = || HashKey::new(u128::from_be_bytes(md5(entry.partition_key().as_bytes())));
        let hash_key = entry.explicit_hash_key().unwrap_or_else(of_key);
        assert_eq!(entry.is_outside(), !shard.contains(hash_key));
        if let Ok(record) = entry.to_record() {
            assert_eq!(record.partition_key().map(|key| key.as_str()), Some(entry.partition_key()));
            assert_eq!(record.hash_key(), Some(hash_key));
            assert!(record.headers().iter().eq(entry.headers()));
        }
    }
    if let Some(unreadable) = aggregate.unreadable() {
        assert_eq!(unreadable.first(), aggregate.entries().len());
        assert!(unreadable.records() > 0);
    }
}

fn pack_again(aggregate: &Aggregate) {
    let records: Result<Vec<UserRecord>, _> = aggregate.entries().map(|entry| entry.to_record()).collect();
    // Other writers may put keys that we would not.
    let Ok(records) = records else { return };
    if records.is_empty() {
        return;
    }
    match unpack(packed(records.iter()), None) {
        Unpacked::Plain(data) => assert!(records.len() == 1 && *records[0].data() == data, "one record travels raw"),
        Unpacked::Aggregated(again) => assert!(again.entries().map(content).eq(aggregate.entries().map(content))),
    }
}
