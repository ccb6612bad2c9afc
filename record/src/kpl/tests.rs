//! The format against vectors that other implementations made, against a protobuf library, and against itself.

use super::layout::{AGGREGATE_OVERHEAD, MAGIC};
use super::*;
use crate::md5_lanes::{Lanes, md5};
use crate::{HashKey, HashRange, Headers, UserRecord};
use bytes::Bytes;
use proptest::prelude::*;

const V1: &str = "f3899ac20a03706b310a03706b321a0908001a0568656c6c6f1a0b08011a076b\
                  696e657369731a0408001a00e5737e613a03e023b335a9bc7873020d";
const V2: &str = "f3899ac20a06757365722d310a06757365722d32120130122733343032383233\
                  3636393230393338343633343633333734363037343331373638323131343535\
                  1a0a080010001a04000102031a0708011a036162631a09080010011a0378797a\
                  38e47b0561538298771a855698f55630";
const V4: &str = "f3899ac20a08d0bad0bbd18ed1871a0808001a04757466381a0908001a056167\
                  61696ef017dd13b6202271d818f6dafebf9c65";
const V6: &str = "f3899ac20a03706b311a0f08001a036f6e6522060a016b1201761a0c08001a0374776f22030a016b\
                  9e8dfd8f6462423e41a08f581022eb0e";
const V7: &str = "f3899ac20a03706b311a0708001a036f6e6578018c8e6614098bf7d7e6ea7e2ff5b0722b";
const N4: &str = "f3899ac2d41d8cd98f00b204e9800998ecf8427e";
const N5: &str = "f3899ac20a05706b0340fea99022f1bef4abd88572327b33";
const N6: &str = "f3899ac20a03706b311a0708001a036f6e651a0708051a0374776fcaae2e4ed1643ab77803ce290106d020";

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn plain(key: &str, data: impl Into<Bytes>) -> UserRecord {
    UserRecord::new(data).with_partition_key(key.parse().unwrap())
}

fn pack<'r>(records: impl IntoIterator<Item = &'r UserRecord>) -> Packed {
    let mut packer = Packer::new();
    for record in records {
        let predicted = packer.size_with(record).unwrap();
        packer.push(record).unwrap();
        assert_eq!(packer.size(), predicted);
    }
    let size = packer.size();
    let packed = packer.take().expect("not empty").seal();
    assert_eq!(packed.data().len(), size, "predicted and real size");
    packed
}

fn aggregate(data: impl Into<Bytes>) -> Aggregate {
    match unpack(data.into(), None) {
        Unpacked::Aggregated(aggregate) => aggregate,
        Unpacked::Plain(_) => panic!("not read as an aggregate"),
    }
}

fn contents(data: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    aggregate(data).records().map(|entry| (entry.partition_key().to_owned(), entry.data().to_vec())).collect()
}

fn is_plain(data: Vec<u8>) -> bool {
    matches!(unpack(data.clone().into(), None), Unpacked::Plain(same) if same == data)
}

#[test]
fn what_is_packed_is_what_other_writers_pack() {
    let v1 = [plain("pk1", "hello"), plain("pk2", "kinesis"), plain("pk1", "")];
    assert_eq!(pack(&v1).data(), &unhex(V1));
    assert_eq!(pack(&v1).hash_key().to_string(), "329398341438914906102347661116985167824");
    assert_eq!(pack(&v1).partition_key().as_str(), "pk1");
    let v2 = [
        plain("user-1", &[0, 1, 2, 3][..]).with_explicit_hash_key(HashKey::MIN),
        plain("user-2", "abc"),
        plain("user-1", "xyz").with_explicit_hash_key(HashKey::MAX),
    ];
    assert_eq!(pack(&v2).data(), &unhex(V2));
    assert_eq!(pack(&v2).hash_key(), HashKey::MIN);
    let v4 = [plain("ключ", "utf8"), plain("ключ", "again")];
    assert_eq!(pack(&v4).data(), &unhex(V4));
    let v5: Vec<UserRecord> = (0..130_u8).map(|place| plain(&format!("k{place:03}"), vec![place])).collect();
    let v5 = pack(&v5);
    assert_eq!(v5.data().len(), 1712);
    assert_eq!(v5.data()[1696..], unhex("66abd904424a6c0385cfeb1bb05683b0"));
}

#[test]
fn what_others_packed_is_read() {
    let texts = |pairs: &[(&str, &str)]| -> Vec<(String, Vec<u8>)> {
        pairs.iter().map(|(key, data)| ((*key).to_owned(), data.as_bytes().to_vec())).collect()
    };
    assert_eq!(contents(unhex(V1)), texts(&[("pk1", "hello"), ("pk2", "kinesis"), ("pk1", "")]));
    assert_eq!(contents(unhex(V4)), texts(&[("ключ", "utf8"), ("ключ", "again")]));
    assert_eq!(contents(unhex(V7)), texts(&[("pk1", "one")]));
    let v3 =
        [unhex("f3899ac20a01611a870108001a8201"), vec![0x41; 130], unhex("f52bdcf1062fe8f2d946b1e71fe589fd")].concat();
    assert_eq!(contents(v3), [("a".to_owned(), vec![0x41; 130])]);

    let v2 = aggregate(unhex(V2));
    let hash_keys: Vec<Option<HashKey>> = v2.records().map(|entry| entry.explicit_hash_key()).collect();
    assert_eq!(hash_keys, [Some(HashKey::MIN), None, Some(HashKey::MAX)]);
    assert_eq!(v2.records().map(|entry| entry.sub_sequence()).collect::<Vec<_>>(), [0, 1, 2]);

    let v6 = aggregate(unhex(V6));
    let headers: Vec<Vec<(&str, &str)>> = v6.records().map(|entry| entry.headers().collect()).collect();
    assert_eq!(headers, [[("k", "v")], [("k", "")]]);
}

#[test]
fn what_is_not_quite_an_aggregate_is_plain() {
    let mut n1 = unhex(V1);
    n1[0] = 0xf4;
    assert!(is_plain(n1));
    let mut n2 = unhex(V1);
    *n2.last_mut().unwrap() = 0x0c;
    assert!(is_plain(n2));
    let mut n3 = unhex(V1);
    n3.pop();
    assert!(is_plain(n3));
    assert!(is_plain(unhex(N4)));
    assert!(is_plain(unhex(N5)));
    for short in 0..=AGGREGATE_OVERHEAD {
        assert!(is_plain(unhex(V1)[..short].to_vec()));
    }
}

#[test]
fn a_record_that_points_nowhere_ends_the_reading_and_is_counted() {
    let n6 = aggregate(unhex(N6));
    assert_eq!(n6.records().map(|entry| entry.data().to_vec()).collect::<Vec<_>>(), [b"one"]);
    let unreadable = n6.unreadable().unwrap();
    assert_eq!(
        (unreadable.first(), unreadable.records(), unreadable.cause()),
        (1, 1, UnreadableCause::PartitionKeyIndex)
    );
}

#[test]
fn a_faulty_hash_key_ends_the_reading_and_leading_zeros_do_not() {
    for (text, expected) in [
        ("7", Ok(HashKey::new(7))),
        ("007", Ok(HashKey::new(7))),
        ("000", Ok(HashKey::MIN)),
        ("", Err(UnreadableCause::HashKeyText)),
        ("-1", Err(UnreadableCause::HashKeyText)),
        ("340282366920938463463374607431768211456", Err(UnreadableCause::HashKeyText)),
    ] {
        let message = foreign::AggregatedRecord {
            partition_key_table: vec!["k".to_owned()],
            explicit_hash_key_table: vec![text.to_owned()],
            records: vec![foreign::record(0, None, b"first"), foreign::record(0, Some(0), b"second")],
        };
        let read = aggregate(message.sealed());
        let found = match read.unreadable() {
            Some(unreadable) => {
                assert_eq!(unreadable.first(), 1);
                Err(unreadable.cause())
            }
            None => Ok(read.records().nth(1).unwrap().explicit_hash_key().unwrap()),
        };
        assert_eq!(found, expected, "{text:?}");
    }
}

#[test]
fn records_outside_the_shard_are_set_aside_and_counted() {
    let (low, high) = HashRange::FULL.split(HashKey::new(1 << 127)).unwrap();
    for (shard, inside, outside) in [(low, vec![1], vec![0, 2]), (high, vec![0, 2], vec![1])] {
        for unpacked in
            [unpack(unhex(V1).into(), Some(shard)), unpack_all([unhex(V1).into()], Some(shard)).pop().unwrap()]
        {
            let Unpacked::Aggregated(read) = unpacked else { panic!("not read") };
            assert_eq!(read.records().map(|entry| entry.sub_sequence()).collect::<Vec<_>>(), inside);
            assert_eq!(read.set_aside().map(|entry| entry.sub_sequence()).collect::<Vec<_>>(), outside);
            assert_eq!(read.set_aside_len(), outside.len());
            assert_eq!(read.entries().len(), 3);
        }
    }
}

#[test]
fn a_record_alone_travels_raw_unless_it_needs_the_aggregate() {
    let packed = pack(&[plain("k", "alone")]);
    assert!(!packed.is_aggregated());
    assert_eq!(packed.data(), "alone");

    let traced = plain("k", "alone").with_headers(Headers::new().with("trace", "1"));
    let packed = pack([&traced]);
    assert!(packed.is_aggregated());
    assert_eq!(aggregate(packed.into_data()).records().next().unwrap().to_record().unwrap(), traced);
}

#[test]
fn a_forwarded_aggregate_neither_explodes_nor_vanishes() {
    for inner in [unhex(V1), unhex(N4), unhex(N5), MAGIC.to_vec()] {
        let forwarded = plain("k", inner.clone());
        let read = aggregate(pack([&forwarded]).into_data());
        assert_eq!(
            read.records().map(|entry| entry.to_record().unwrap()).collect::<Vec<_>>(),
            std::slice::from_ref(&forwarded)
        );
        let both = aggregate(pack([&plain("k", "other"), &forwarded]).into_data());
        assert_eq!(both.records().nth(1).unwrap().data(), inner);
    }
}

#[test]
fn a_full_packer_refuses_and_stays_as_it_was() {
    let record = plain("key", vec![7; 30]);
    let two = pack([&record, &record]).data().len();
    let mut packer = Packer::with_limit(two);
    packer.push(&record).unwrap();
    packer.push(&record).unwrap();
    let Err(PackError::Full { size, limit }) = packer.push(&plain("other", "")) else { panic!("not refused") };
    assert!(size > limit && limit == two);
    assert_eq!((packer.len(), packer.size()), (2, two));
    assert_eq!(packer.take().unwrap().seal().data(), pack([&record, &record]).data());
    assert!(packer.take().is_none());

    let mut packer = Packer::with_limit(10);
    assert_eq!(packer.push(&record), Err(PackError::TooLarge { size: 30, limit: 10 }));
    assert_eq!(packer.push(&UserRecord::new("x")), Err(PackError::NoPartitionKey));
    assert!(packer.is_empty() && packer.take().is_none());
}

#[test]
fn a_huge_key_shared_by_many_records_costs_no_more_than_one() {
    // A key of a megabyte, 100,000 records: checked anew for each record this would take minutes.
    let message = foreign::AggregatedRecord {
        partition_key_table: vec!["é".repeat(500_000)],
        explicit_hash_key_table: vec![],
        records: vec![foreign::record(0, None, b""); 100_000],
    };
    let read = aggregate(message.sealed());
    let long = |entry: &Entry<'_>| entry.partition_key().len() == 1_000_000 && entry.to_record().is_err();
    assert!(read.records().all(|entry| long(&entry)));
}

#[test]
fn sealing_together_is_sealing_one_by_one() {
    for lanes in Lanes::available() {
        let groups: Vec<Vec<UserRecord>> = (0..21)
            .map(|group| (0..=group * 7).map(|place| plain("k", vec![place as u8; group * 3])).collect())
            .collect();
        let mut packer = Packer::new();
        let mut unsealed = Vec::new();
        for group in &groups {
            group.iter().for_each(|record| packer.push(record).unwrap());
            unsealed.extend(packer.take());
        }
        let sealed = seal_all_in(lanes, unsealed);
        assert_eq!(sealed, groups.iter().map(pack).collect::<Vec<_>>(), "{lanes:?}");
    }
}

/// The messages as a protobuf library sees them. Required fields are optional here, so that their absence shows.
mod foreign {
    use super::{MAGIC, md5};
    use prost::Message as _;

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct AggregatedRecord {
        #[prost(string, repeated, tag = "1")]
        pub(super) partition_key_table: Vec<String>,
        #[prost(string, repeated, tag = "2")]
        pub(super) explicit_hash_key_table: Vec<String>,
        #[prost(message, repeated, tag = "3")]
        pub(super) records: Vec<Record>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Record {
        #[prost(uint64, optional, tag = "1")]
        pub(super) partition_key_index: Option<u64>,
        #[prost(uint64, optional, tag = "2")]
        pub(super) explicit_hash_key_index: Option<u64>,
        #[prost(bytes = "vec", optional, tag = "3")]
        pub(super) data: Option<Vec<u8>>,
        #[prost(message, repeated, tag = "4")]
        pub(super) tags: Vec<Tag>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Tag {
        #[prost(string, optional, tag = "1")]
        pub(super) key: Option<String>,
        #[prost(string, optional, tag = "2")]
        pub(super) value: Option<String>,
    }

    pub(super) fn record(key: u64, hash_key: Option<u64>, data: &[u8]) -> Record {
        Record {
            partition_key_index: Some(key),
            explicit_hash_key_index: hash_key,
            data: Some(data.to_vec()),
            tags: Vec::new(),
        }
    }

    impl AggregatedRecord {
        pub(super) fn sealed(&self) -> Vec<u8> {
            seal(&self.encode_to_vec())
        }

        /// What the rules make of this message, told in the plainest way: the records that can be read, or nothing if
        /// a required field is missing.
        pub(super) fn expected(&self) -> Option<Vec<Read>> {
            let complete = |record: &Record| {
                record.partition_key_index.is_some()
                    && record.data.is_some()
                    && record.tags.iter().all(|tag| tag.key.is_some())
            };
            self.records
                .iter()
                .all(complete)
                .then(|| self.records.iter().map_while(|record| self.read(record)).collect())
        }

        fn read(&self, record: &Record) -> Option<Read> {
            let key = self.partition_key_table.get(usize::try_from(record.partition_key_index?).ok()?)?;
            let hash_key = match record.explicit_hash_key_index {
                None => None,
                Some(index) => {
                    let text = self.explicit_hash_key_table.get(usize::try_from(index).ok()?)?;
                    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                    Some(digits.then(|| text.parse().ok())??)
                }
            };
            let tags = record.tags.iter();
            let headers = tags.map(|tag| (tag.key.clone().unwrap_or_default(), tag.value.clone().unwrap_or_default()));
            Some((key.clone(), hash_key, record.data.clone()?, headers.collect()))
        }
    }

    pub(super) type Read = (String, Option<u128>, Vec<u8>, Vec<(String, String)>);

    pub(super) fn seal(message: &[u8]) -> Vec<u8> {
        [&MAGIC[..], message, &md5(message)].concat()
    }
}

fn read_by_us(data: Vec<u8>) -> Option<Vec<foreign::Read>> {
    let Unpacked::Aggregated(read) = unpack(data.into(), None) else { return None };
    let owned = |entry: Entry<'_>| {
        let headers = entry.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let hash_key = entry.explicit_hash_key().map(HashKey::number);
        (entry.partition_key().to_owned(), hash_key, entry.data().to_vec(), headers)
    };
    Some(read.records().map(owned).collect())
}

fn any_record() -> impl Strategy<Value = UserRecord> {
    let key = prop_oneof!["[a-c]{1,2}", "\\PC{1,40}", "[a-z]{256}"];
    let data = prop::collection::vec(any::<u8>(), 0..300);
    let hash_key = prop::option::weighted(0.3, prop_oneof![any::<u128>(), 0..3_u128]);
    let headers = prop::collection::vec(("\\PC{0,9}", "\\PC{0,200}"), 0..3);
    (key, data, hash_key, headers).prop_map(|(key, data, hash_key, headers)| {
        let record = plain(&key, data).with_headers(headers.into_iter().collect());
        match hash_key {
            Some(number) => record.with_explicit_hash_key(HashKey::new(number)),
            None => record,
        }
    })
}

fn any_message() -> impl Strategy<Value = foreign::AggregatedRecord> {
    let tag = (prop::option::weighted(0.9, "[a-z]{0,3}"), prop::option::of("[a-z]{0,3}"));
    let tag = tag.prop_map(|(key, value)| foreign::Tag { key, value });
    let record = (
        prop::option::weighted(0.95, prop_oneof![9 => 0..5_u64, 1 => any::<u64>()]),
        prop::option::weighted(0.3, prop_oneof![9 => 0..4_u64, 1 => any::<u64>()]),
        prop::option::weighted(0.95, prop::collection::vec(any::<u8>(), 0..20)),
        prop::collection::vec(tag, 0..2),
    );
    let record = record.prop_map(|(partition_key_index, explicit_hash_key_index, data, tags)| foreign::Record {
        partition_key_index,
        explicit_hash_key_index,
        data,
        tags,
    });
    (
        prop::collection::vec("\\PC{0,5}", 0..6),
        prop::collection::vec("[0-9]{1,39}|-1|", 0..5),
        prop::collection::vec(record, 0..9),
    )
        .prop_map(|(partition_key_table, explicit_hash_key_table, records)| foreign::AggregatedRecord {
            partition_key_table,
            explicit_hash_key_table,
            records,
        })
}

proptest! {
    #[test]
    fn what_is_packed_is_unpacked(records in prop::collection::vec(any_record(), 1..40)) {
        let packed = pack(&records);
        prop_assert_eq!(packed.records(), records.len());
        if packed.is_aggregated() {
            let read = aggregate(packed.data().clone());
            prop_assert_eq!(read.unreadable(), None);
            let read: Vec<UserRecord> = read.records().map(|entry| entry.to_record().unwrap()).collect();
            prop_assert_eq!(read, records);
        } else {
            prop_assert_eq!(records.len(), 1);
            prop_assert_eq!(packed.data(), records[0].data());
            prop_assert!(is_plain(packed.data().to_vec()));
        }
    }

    #[test]
    fn a_protobuf_library_reads_what_is_packed(records in prop::collection::vec(any_record(), 2..40)) {
        let packed = pack(&records);
        let message = &packed.data()[4..packed.data().len() - 16];
        let message = <foreign::AggregatedRecord as prost::Message>::decode(message).unwrap();
        let expected: Vec<foreign::Read> = records.iter().map(|record| (
            record.partition_key().unwrap().to_string(),
            record.explicit_hash_key().map(HashKey::number),
            record.data().to_vec(),
            record.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        )).collect();
        prop_assert_eq!(message.expected(), Some(expected));
    }

    #[test]
    fn what_a_protobuf_library_writes_is_read(message in any_message()) {
        let sealed = message.sealed();
        let expected = if sealed.len() == AGGREGATE_OVERHEAD { None } else { message.expected() };
        prop_assert_eq!(read_by_us(sealed), expected);
    }

    #[test]
    fn keys_are_read_wherever_they_stand(
        parts in prop::collection::vec((any_message(), prop::option::weighted(0.2, "[é-ö]{60,90}")), 1..4),
    ) {
        // Messages one behind the other are one message; so keys stand between records, and long ones too.
        let mut bytes = Vec::new();
        for (mut part, long) in parts {
            part.partition_key_table.extend(long);
            bytes.extend(prost::Message::encode_to_vec(&part));
        }
        let library = <foreign::AggregatedRecord as prost::Message>::decode(&*bytes).unwrap();
        let expected = if bytes.is_empty() { None } else { library.expected() };
        prop_assert_eq!(read_by_us(foreign::seal(&bytes)), expected);
    }

    #[test]
    fn what_lies_outside_is_told_by_the_hash_key_of_each_record(message in any_message(), start: u128, end: u128) {
        let shard = HashRange::new(HashKey::new(start.min(end)), HashKey::new(start.max(end))).unwrap();
        if let Unpacked::Aggregated(read) = unpack(message.sealed().into(), Some(shard)) {
            for entry in read.entries() {
                let hashed = HashKey::from_md5(md5(entry.partition_key().as_bytes()));
                let hash_key = entry.explicit_hash_key().unwrap_or(hashed);
                prop_assert_eq!(entry.is_outside(), !shard.contains(hash_key));
            }
            prop_assert_eq!(read.set_aside_len(), read.set_aside().count());
        }
    }

    #[test]
    fn a_damaged_message_is_read_as_a_protobuf_library_reads_it(
        message in any_message(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        keep in any::<prop::sample::Index>(),
        cut: bool,
    ) {
        let mut bytes = <foreign::AggregatedRecord as prost::Message>::encode_to_vec(&message);
        prop_assume!(!bytes.is_empty());
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cut {
            bytes.truncate(keep.index(bytes.len()) + 1);
        }
        let library = <foreign::AggregatedRecord as prost::Message>::decode(&*bytes).ok();
        let expected = library.and_then(|message| message.expected());
        prop_assert_eq!(read_by_us(foreign::seal(&bytes)), expected);
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        sealed: bool,
        start: u128,
        end: u128,
    ) {
        let data = if sealed { foreign::seal(&bytes) } else { [&MAGIC[..], &bytes].concat() };
        let shard = HashRange::new(HashKey::new(start.min(end)), HashKey::new(start.max(end))).unwrap();
        if let Unpacked::Aggregated(read) = unpack(data.clone().into(), Some(shard)) {
            for entry in read.entries() {
                let _ = (entry.partition_key(), entry.headers().count(), entry.to_record().is_ok());
            }
        }
        let _ = unpack_all([data.into()], Some(shard));
    }

    #[test]
    fn inside_and_outside_are_all_there_is(
        records in prop::collection::vec(any_record(), 2..30),
        shards in 2_u32..9,
    ) {
        let data = pack(&records).into_data();
        let mut found = vec![0; records.len()];
        for shard in HashRange::uniform(shards.try_into().unwrap()) {
            let Unpacked::Aggregated(read) = unpack(data.clone(), Some(shard)) else { panic!("not read") };
            prop_assert_eq!(read.records().count() + read.set_aside_len(), records.len());
            for entry in read.records() {
                let place = entry.sub_sequence() as usize;
                prop_assert!(shard.contains(records[place].hash_key().unwrap()));
                found[place] += 1;
            }
        }
        prop_assert!(found.iter().all(|times| *times == 1));
    }
}
