//! Both encodings against a second, slow writer and reader of the same shapes, and against bytes that are no document.

use super::*;
use crate::shape::{Constraint, Found, Step};
use crate::shapes::*;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tailwater_record::{HashKey, PartitionKey, SequenceNumber, ShardId, StreamName, Timestamp};

const BOTH: [Codec; 2] = [Codec::Json, Codec::Cbor];

pub(crate) fn any_name() -> impl Strategy<Value = StreamName> {
    "[a-zA-Z0-9_.-]{1,128}".prop_map(|text| text.parse().unwrap())
}

fn any_key() -> impl Strategy<Value = PartitionKey> {
    prop_oneof!["[a-z0-9-]{1,40}", "\\PC{1,60}", "[\"\\\\/\n\t\u{8}\u{0}\u{1f}😀é]{1,20}"]
        .prop_map(|text| text.parse().unwrap())
}

fn any_data() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

fn any_sequence() -> impl Strategy<Value = SequenceNumber> {
    prop_oneof![9 => "[1-9][0-9]{55}", 1 => "0|[1-9][0-9]{0,128}"].prop_map(|text| text.parse().unwrap())
}

fn any_shard() -> impl Strategy<Value = ShardId> {
    (0..1000_u32).prop_map(ShardId::numbered)
}

fn any_moment() -> impl Strategy<Value = Timestamp> {
    (-2_000_000_000_000..4_000_000_000_000_i64).prop_map(Timestamp::from_millis)
}

fn any_encryption() -> impl Strategy<Value = EncryptionType> {
    prop_oneof![Just(EncryptionType::None), Just(EncryptionType::Kms)]
}

fn any_put() -> impl Strategy<Value = PutRecordsInput> {
    let entry = (any_data(), prop::option::of(any::<u128>()), prop::option::weighted(0.9, any_key()));
    let entry = entry.prop_map(|(data, hash_key, partition_key)| PutRecordsRequestEntry {
        data,
        explicit_hash_key: hash_key.map(HashKey::new),
        partition_key,
    });
    (prop::collection::vec(entry, 1..20), prop::option::of(any_name()), prop::option::of(any::<bool>()))
        .prop_map(|(records, stream_name, dry_run)| PutRecordsInput { records, stream_name, stream_arn: None, dry_run })
}

fn any_put_answer() -> impl Strategy<Value = PutRecordsOutput> {
    let stored = (any_sequence(), any_shard()).prop_map(|(sequence, shard)| PutRecordsResultEntry {
        sequence_number: Some(sequence),
        shard_id: Some(shard),
        ..Default::default()
    });
    let failed = ("[A-Za-z]{1,40}", "\\PC{0,80}").prop_map(|(code, message)| PutRecordsResultEntry {
        error_code: Some(code.parse().unwrap()),
        error_message: Some(message.parse().unwrap()),
        ..Default::default()
    });
    let entries = prop::collection::vec(prop_oneof![stored, failed], 1..20);
    (entries, prop::option::of(any_encryption())).prop_map(|(records, encryption_type)| PutRecordsOutput {
        failed_record_count: Some(records.iter().filter(|entry| entry.error_code.is_some()).count() as u32),
        records,
        encryption_type,
    })
}

fn any_child() -> impl Strategy<Value = ChildShard> {
    (any_shard(), prop::collection::vec(any_shard(), 1..3), any::<u128>(), any::<u128>()).prop_map(
        |(shard_id, parent_shards, start, end)| ChildShard {
            shard_id,
            parent_shards,
            hash_key_range: HashKeyRange { starting_hash_key: HashKey::new(start), ending_hash_key: HashKey::new(end) },
        },
    )
}

fn any_get_answer() -> impl Strategy<Value = GetRecordsOutput> {
    let record = (
        any_sequence(),
        prop::option::of(any_moment()),
        any_data(),
        prop::option::weighted(0.9, any_key()),
        prop::option::of(any_encryption()),
    );
    let record = record.prop_map(|(sequence_number, arrival, data, partition_key, encryption_type)| Record {
        sequence_number,
        approximate_arrival_timestamp: arrival,
        data,
        partition_key,
        encryption_type,
    });
    (
        prop::collection::vec(record, 0..20),
        prop::option::of("[A-Za-z0-9+/=]{1,200}"),
        prop::option::of(0..u64::MAX / 2),
        prop::option::of(prop::collection::vec(any_child(), 0..3)),
    )
        .prop_map(|(records, iterator, millis_behind_latest, child_shards)| GetRecordsOutput {
            records,
            next_shard_iterator: iterator.map(|text| text.parse().unwrap()),
            millis_behind_latest,
            child_shards,
        })
}

fn any_creation() -> impl Strategy<Value = CreateStreamInput> {
    let tags = prop::collection::btree_map("\\PC{1,30}", "\\PC{0,30}", 1..9);
    (any_name(), prop::option::of(1..1000_u32), prop::option::of(tags)).prop_map(|(name, shard_count, tags)| {
        let tags = tags.map(|tags| {
            TagMap(tags.into_iter().map(|(key, value)| (key.parse().unwrap(), value.parse().unwrap())).collect())
        });
        CreateStreamInput { shard_count, tags, ..CreateStreamInput::on_demand(name) }
    })
}

/// The second writer: a tree of values, in the most pedestrian way.
fn tree(members: &[(&str, Option<Value>)]) -> Value {
    let present = members.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?)));
    Value::Object(present.collect::<Map<String, Value>>())
}

fn text(value: &impl ToString) -> Option<Value> {
    Some(Value::String(value.to_string()))
}

fn seconds(moment: Timestamp) -> Option<Value> {
    let millis = moment.millis();
    Some(if millis % 1000 == 0 { json!(millis / 1000) } else { json!(millis as f64 / 1000.0) })
}

fn put_tree(input: &PutRecordsInput) -> Value {
    let records = input.records.iter().map(|entry| {
        tree(&[
            ("Data", text(&BASE64_STANDARD.encode(&entry.data))),
            ("ExplicitHashKey", entry.explicit_hash_key.as_ref().and_then(text)),
            ("PartitionKey", entry.partition_key.as_ref().and_then(text)),
        ])
    });
    tree(&[
        ("Records", Some(records.collect())),
        ("StreamName", input.stream_name.as_ref().and_then(text)),
        ("DryRun", input.dry_run.map(Value::Bool)),
    ])
}

fn put_answer_tree(output: &PutRecordsOutput) -> Value {
    let records = output.records.iter().map(|entry| {
        tree(&[
            ("SequenceNumber", entry.sequence_number.as_ref().and_then(text)),
            ("ShardId", entry.shard_id.as_ref().and_then(text)),
            ("ErrorCode", entry.error_code.as_ref().and_then(text)),
            ("ErrorMessage", entry.error_message.as_ref().and_then(text)),
        ])
    });
    tree(&[
        ("FailedRecordCount", output.failed_record_count.map(|count| json!(count))),
        ("Records", Some(records.collect())),
        ("EncryptionType", output.encryption_type.as_ref().and_then(text)),
    ])
}

fn get_answer_tree(output: &GetRecordsOutput) -> Value {
    let records = output.records.iter().map(|record| {
        tree(&[
            ("SequenceNumber", text(&record.sequence_number)),
            ("ApproximateArrivalTimestamp", record.approximate_arrival_timestamp.and_then(seconds)),
            ("Data", text(&BASE64_STANDARD.encode(&record.data))),
            ("PartitionKey", record.partition_key.as_ref().and_then(text)),
            ("EncryptionType", record.encryption_type.as_ref().and_then(text)),
        ])
    });
    let children = output.child_shards.as_ref().map(|children| {
        let child = |child: &ChildShard| {
            let range = tree(&[
                ("StartingHashKey", text(&child.hash_key_range.starting_hash_key)),
                ("EndingHashKey", text(&child.hash_key_range.ending_hash_key)),
            ]);
            tree(&[
                ("ShardId", text(&child.shard_id)),
                ("ParentShards", Some(child.parent_shards.iter().filter_map(text).collect())),
                ("HashKeyRange", Some(range)),
            ])
        };
        children.iter().map(child).collect()
    });
    tree(&[
        ("Records", Some(records.collect())),
        ("NextShardIterator", output.next_shard_iterator.as_ref().and_then(text)),
        ("MillisBehindLatest", output.millis_behind_latest.map(|millis| json!(millis))),
        ("ChildShards", children),
    ])
}

/// Puts before each member one that nobody knows, and nulls for those that are absent.
fn strange(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut odd = Map::new();
            for (name, value) in members {
                odd.insert(format!("X{name}"), json!({"deep": [1, -2.5e3, null, {"a\"": "\\u0041"}, true, []]}));
                odd.insert(name.clone(), strange(value));
            }
            odd.insert("StreamARN".to_owned(), Value::Null);
            odd.insert("StreamId".to_owned(), json!("reserved"));
            Value::Object(odd)
        }
        Value::Array(items) => items.iter().map(strange).collect(),
        other => other.clone(),
    }
}

/// The same document as Java's encoder would write it: containers of unknown length, texts and bytes in pieces, and a
/// tag in front that says it is CBOR.
fn in_pieces(document: &[u8]) -> Vec<u8> {
    fn walk(items: &mut minicbor::Decoder<'_>, out: &mut Vec<u8>) {
        use minicbor::data::Type;
        let start = items.position();
        match items.datatype().unwrap() {
            Type::Map => {
                out.push(0xbf);
                (0..items.map().unwrap().unwrap() * 2).for_each(|_| walk(items, out));
                out.push(0xff);
            }
            Type::Array => {
                out.push(0x9f);
                (0..items.array().unwrap().unwrap()).for_each(|_| walk(items, out));
                out.push(0xff);
            }
            Type::String => {
                let text = items.str().unwrap();
                let middle = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap();
                out.push(0x7f);
                for part in [&text[..middle], &text[middle..]] {
                    minicbor::Encoder::new(&mut *out).str(part).unwrap();
                }
                out.push(0xff);
            }
            Type::Bytes => {
                let bytes = items.bytes().unwrap();
                out.push(0x5f);
                for part in bytes.chunks(7) {
                    minicbor::Encoder::new(&mut *out).bytes(part).unwrap();
                }
                out.push(0xff);
            }
            Type::Tag => {
                let tag = items.tag().unwrap();
                minicbor::Encoder::new(&mut *out).tag(tag).unwrap();
                walk(items, out);
            }
            _ => {
                items.skip().unwrap();
                out.extend_from_slice(&items.input()[start..items.position()]);
            }
        }
    }
    let mut out = vec![0xd9, 0xd9, 0xf7];
    walk(&mut minicbor::Decoder::new(document), &mut out);
    out
}

fn check<T: Shape + PartialEq + std::fmt::Debug>(shape: &T, slow: &Value) {
    let json = Codec::Json.encode(shape);
    assert_eq!(&serde_json::from_slice::<Value>(&json).unwrap(), slow, "what we write, read by another");
    for document in [slow.to_string(), serde_json::to_string_pretty(&strange(slow)).unwrap()] {
        let read = Codec::Json.decode_request::<T>(&document.clone().into());
        assert_eq!(read.as_ref(), Ok(shape), "what another writes, read by us: {document}");
    }
    round_trip(shape);
}

fn round_trip<T: Shape + PartialEq + std::fmt::Debug>(shape: &T) {
    for codec in BOTH {
        let document = codec.encode(shape);
        assert_eq!(codec.decode_request::<T>(&document).as_ref(), Ok(shape), "{codec:?}");
        assert_eq!(codec.decode_response::<T>(&document).as_ref(), Ok(shape), "{codec:?}");
    }
    let pieces = in_pieces(&Codec::Cbor.encode(shape));
    assert_eq!(Codec::Cbor.decode_request::<T>(&pieces.into()).as_ref(), Ok(shape), "in pieces");
}

/// Reads bytes as a handful of shapes of all kinds.
fn read_as_anything(codec: Codec, bytes: &Bytes) {
    let _ = codec.decode_request::<PutRecordsInput>(bytes);
    let _ = codec.decode_request::<CreateStreamInput>(bytes);
    let _ = codec.decode_request::<ListShardsInput>(bytes);
    let _ = codec.decode_request::<SubscribeToShardInput>(bytes);
    let _ = codec.decode_response::<GetRecordsOutput>(bytes);
    let _ = codec.decode_response::<DescribeStreamOutput>(bytes);
    let _ = crate::Fault::decode(codec, 400, bytes, None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn puts_are_written_and_read_as_the_slow_way_does(input in any_put()) {
        check(&input, &put_tree(&input));
    }

    #[test]
    fn answers_to_puts_are_written_and_read_as_the_slow_way_does(output in any_put_answer()) {
        // The model says that a count is at least one; the service sends zero. So it is read as a response only.
        let slow = put_answer_tree(&output);
        let json = Codec::Json.encode(&output);
        prop_assert_eq!(&serde_json::from_slice::<Value>(&json).unwrap(), &slow);
        for (codec, document) in [
            (Codec::Json, slow.to_string().into()),
            (Codec::Json, strange(&slow).to_string().into()),
            (Codec::Json, json),
            (Codec::Cbor, Codec::Cbor.encode(&output)),
            (Codec::Cbor, in_pieces(&Codec::Cbor.encode(&output)).into()),
        ] {
            let read = codec.decode_response::<PutRecordsOutput>(&document);
            prop_assert_eq!(read.as_ref(), Ok(&output));
        }
    }

    #[test]
    fn pages_of_records_are_written_and_read_as_the_slow_way_does(output in any_get_answer()) {
        check(&output, &get_answer_tree(&output));
    }

    #[test]
    fn tags_go_round(input in any_creation()) {
        round_trip(&input);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for codec in BOTH {
            read_as_anything(codec, &bytes.clone().into());
        }
    }

    #[test]
    fn damage_makes_it_fail_or_read_something_but_never_panic(
        output in any_get_answer(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        keep in any::<prop::sample::Index>(),
    ) {
        for codec in BOTH {
            let mut bytes = codec.encode(&output).to_vec();
            read_as_anything(codec, &bytes[..keep.index(bytes.len())].to_vec().into());
            for (place, byte) in &damage {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            read_as_anything(codec, &bytes.into());
        }
    }

    #[test]
    fn a_document_cut_short_is_never_taken_for_a_whole_one(input in any_put(), keep in any::<prop::sample::Index>()) {
        for codec in BOTH {
            let bytes = codec.encode(&input);
            let cut = bytes.slice(..keep.index(bytes.len()));
            let malformed = matches!(codec.decode_request::<PutRecordsInput>(&cut), Err(DecodeError::Malformed { .. }));
            prop_assert!(malformed);
        }
    }
}

#[test]
fn every_broken_limit_is_named_with_its_place_and_no_value() {
    let document = format!(
        r#"{{"StreamName":"no/slash","Records":[{{"Data":"","PartitionKey":"k"}},
            {{"Data":"","PartitionKey":"","ExplicitHashKey":"01"}},
            {{"PartitionKey":"{}","ExplicitHashKey":"340282366920938463463374607431768211456"}}]}}"#,
        "x".repeat(257)
    );
    let refused = Codec::Json.decode_request::<PutRecordsInput>(&document.into()).unwrap_err();
    let DecodeError::Invalid { problems } = &refused else { panic!("{refused:?}") };
    let found: Vec<String> = problems.iter().map(|problem| problem.to_string()).collect();
    assert_eq!(
        found,
        [
            "StreamName does not match [a-zA-Z0-9_.-]+",
            "Records[1].PartitionKey has a length of 0; the limit is at least 1",
            r"Records[1].ExplicitHashKey does not match ^(0|([1-9]\d{0,38}))$",
            "Records[2].PartitionKey has a length of 257; the limit is at most 256",
            "Records[2].Data is missing",
        ],
    );
    assert_eq!(problems[1].place.steps(), [Step::Member("Records"), Step::Item(1), Step::Member("PartitionKey")]);
    assert!(!refused.to_string().contains("no/slash") && !format!("{refused:?}").contains("xxx"), "{refused:?}");
}

#[test]
fn what_cannot_be_is_told_only_when_no_limit_is_broken() {
    let entry = r#"{"Data":"","PartitionKey":"k","ExplicitHashKey":"340282366920938463463374607431768211456"}"#;
    let whole = format!(r#"{{"StreamName":"s","Records":[{}]}}"#, [entry; 12].join(","));
    let refused = Codec::Json.decode_request::<PutRecordsInput>(&whole.into()).unwrap_err();
    let DecodeError::Refused { problems } = &refused else { panic!("{refused:?}") };
    assert_eq!(problems.len(), DecodeError::PROBLEMS_MAX);
    assert_eq!(
        problems[0].to_string(),
        "Records[0].ExplicitHashKey is refused: hash key is too large; the limit is 2^128 - 1"
    );
    let broken = format!(r#"{{"StreamName":"s","Records":[{},{{}}]}}"#, [entry; 12].join(","));
    let refused = Codec::Json.decode_request::<PutRecordsInput>(&broken.into()).unwrap_err();
    assert_eq!(refused.to_string(), "1 of the members break a limit: Records[12].Data is missing");
}

#[test]
fn keys_and_values_of_tags_are_told_apart() {
    let tags =
        format!(r#"{{"Tags":{{"{}":"v","k":"{}"}},"ResourceARN":"arn:nonsense"}}"#, "x".repeat(129), "y".repeat(257));
    let refused = Codec::Json.decode_request::<TagResourceInput>(&tags.into()).unwrap_err().to_string();
    assert!(refused.contains("Tags{key 0} has a length of 129"), "{refused}");
    assert!(refused.contains("Tags{1} has a length of 257"), "{refused}");
    assert!(refused.contains("ResourceARN does not match"), "{refused}");
}

#[test]
fn an_answer_may_break_limits_that_have_grown() {
    let long = "i".repeat(600);
    let page = format!(
        r#"{{"Records":[{{"SequenceNumber":"1","Data":"","PartitionKey":""}}],"NextShardIterator":"{long}","MillisBehindLatest":-1}}"#
    );
    let page: GetRecordsOutput = Codec::Json.decode_response(&page.into()).unwrap();
    assert_eq!(page.next_shard_iterator.unwrap().as_str(), long);
    assert_eq!((page.records[0].partition_key.clone(), page.millis_behind_latest), (None, None));
}

#[test]
fn an_answer_of_which_a_part_cannot_be_read_does_not_look_like_an_answer_without_it() {
    let shard = |hash_key: &str| {
        format!(
            r#"{{"Shards":[{{"ShardId":"shardId-000000000000","HashKeyRange":{{"StartingHashKey":"0","EndingHashKey":"{hash_key}"}},
            "SequenceNumberRange":{{"StartingSequenceNumber":"1"}}}}]}}"#
        )
    };
    assert_eq!(Codec::Json.decode_response::<ListShardsOutput>(&shard("7").into()).unwrap().shards.unwrap().len(), 1);
    assert!(Codec::Json.decode_response::<ListShardsOutput>(&shard("seven").into()).is_err());
    let put = r#"{"Records":[{"SequenceNumber":"odd","ShardId":"shardId-000000000000"}]}"#;
    assert!(Codec::Json.decode_response::<PutRecordsOutput>(&put.into()).is_err());
}

#[test]
fn a_document_that_is_not_whole_is_told_before_a_value_of_a_wrong_kind() {
    let refused = Codec::Json.decode_request::<PutRecordInput>(&Bytes::from_static(b"{\"Data\":5,@"));
    assert!(matches!(refused, Err(DecodeError::Malformed { .. })), "{refused:?}");
}

#[test]
fn words_for_true_and_false_are_understood() {
    for (word, expected) in [("true", true), ("YES", true), ("1", true), ("False", false), ("no", false), ("0", false)]
    {
        let document = format!(r#"{{"EnforceConsumerDeletion":"{word}"}}"#);
        let read: DeleteStreamInput = Codec::Json.decode_request(&document.clone().into()).unwrap();
        assert_eq!(read.enforce_consumer_deletion, Some(expected), "{word}");
        assert_eq!(Codec::Json.decode_response::<DeleteStreamInput>(&document.into()), Ok(read));
    }
}

#[test]
fn arns_are_judged_in_one_pass() {
    let (stream, consumer, resource) = ("StreamARN", "ConsumerARN", "ResourceARN");
    let owner = "arn:aws:kinesis:us-east-1:123456789012:";
    let fault = |member: &str, text: String| {
        let document = serde_json::json!({ member: text, "Tags": {"k": "v"} }).to_string().into();
        let refused = match member {
            "StreamARN" => Codec::Json.decode_request::<DeleteStreamInput>(&document).err(),
            "ConsumerARN" => Codec::Json.decode_request::<DescribeStreamConsumerInput>(&document).err(),
            _ => Codec::Json.decode_request::<TagResourceInput>(&document).err(),
        };
        match refused {
            None => "fine",
            Some(DecodeError::Refused { .. }) => "refused",
            Some(DecodeError::Invalid { problems }) if matches!(problems[0].constraint, Constraint::Pattern(_)) => {
                "pattern"
            }
            Some(_) => "other",
        }
    };
    for (member, text, expected) in [
        (stream, format!("{owner}stream/s"), "fine"),
        (stream, format!("{owner}stream/s/t"), "refused"),
        (stream, format!("{owner}stream/"), "pattern"),
        (stream, format!("{owner}stream/a b"), "pattern"),
        (stream, "arn:aws:s3:::bucket".to_owned(), "pattern"),
        (stream, format!("{owner}stream/s\n"), "pattern"),
        (consumer, format!("{owner}stream/s/consumer/c:1"), "fine"),
        (consumer, format!("{owner}stream/s/consumer/c:007"), "refused"),
        (consumer, format!("{owner}stream/s/consumer/c:"), "pattern"),
        (consumer, format!("{owner}odd/stream/s/consumer/c:1"), "refused"),
        (resource, format!("{owner}queue/q1"), "fine"),
        (resource, format!("{owner}stream/s/consumer/c:1"), "fine"),
        (resource, "nonsense".to_owned(), "pattern"),
    ] {
        assert_eq!(fault(member, text.clone()), expected, "{member} {text}");
    }
    // With a pattern that looks back, these would take hours.
    for member in [stream, consumer, resource] {
        let hostile = format!("arn:aws{}", ":kinesis::123456789012:stream/a".repeat(300_000));
        assert_eq!(fault(member, hostile), "pattern");
    }
}

#[test]
fn debug_shows_no_payload() {
    let put = PutRecordInput::new("SECRET");
    let puts = PutRecordsInput::new(vec![PutRecordsRequestEntry::new("SECRET", "key".parse().unwrap())]);
    let record = Record {
        sequence_number: "1".parse().unwrap(),
        approximate_arrival_timestamp: None,
        data: "SECRET".into(),
        partition_key: None,
        encryption_type: None,
    };
    let page = GetRecordsOutput {
        records: vec![record.clone()],
        next_shard_iterator: None,
        millis_behind_latest: None,
        child_shards: None,
    };
    let event = SubscribeToShardEvent {
        records: vec![record],
        continuation_sequence_number: None,
        millis_behind_latest: 0,
        child_shards: None,
    };
    let message = crate::event_stream::Message::Event(event.clone());
    for shown in
        [format!("{put:?}"), format!("{puts:?}"), format!("{page:?}"), format!("{event:?}"), format!("{message:?}")]
    {
        assert!(shown.contains("6 bytes") && !shown.contains("SECRET"), "{shown}");
    }
}

#[test]
fn no_more_than_ten_broken_limits_are_told() {
    let document = json!({"StreamName": "s", "Records": vec![json!({}); 600]});
    let refused = Codec::Json.decode_request::<PutRecordsInput>(&document.to_string().into());
    assert!(matches!(refused, Err(DecodeError::Invalid { problems }) if problems.len() == DecodeError::PROBLEMS_MAX));
}

#[test]
fn lists_and_numbers_keep_their_bounds_in_requests_and_are_free_in_answers() {
    let long = |count: usize| json!({"Records": vec![json!({"Data": "", "PartitionKey": "k"}); count]}).to_string();
    for (count, constraint) in
        [(0, Constraint::MinLength { found: 0, min: 1 }), (501, Constraint::MaxLength { found: 501, max: 500 })]
    {
        let refused = Codec::Json.decode_request::<PutRecordsInput>(&long(count).into());
        assert!(matches!(refused, Err(DecodeError::Invalid { problems }) if problems[0].constraint == constraint));
        assert!(Codec::Json.decode_response::<PutRecordsInput>(&long(count).into()).is_ok());
    }
    let limit = |limit: &str| format!(r#"{{"ShardIterator":"i","Limit":{limit}}}"#);
    for (text, constraint) in [
        ("0", Constraint::MinValue(1)),
        ("-7", Constraint::MinValue(1)),
        ("10001", Constraint::MaxValue(10_000)),
        ("1e30", Constraint::MaxValue(10_000)),
        ("99999999999999999999", Constraint::MaxValue(10_000)),
    ] {
        let refused = Codec::Json.decode_request::<GetRecordsInput>(&limit(text).into());
        let Err(DecodeError::Invalid { problems }) = refused else { panic!("{text}") };
        assert_eq!(problems[0].constraint, constraint, "{text}");
    }
    // Fractions are rounded down, as the service does.
    let read = Codec::Json.decode_request::<GetRecordsInput>(&limit("12.9").into()).unwrap();
    assert_eq!(read.limit, Some(12));
}

#[test]
fn a_word_that_is_not_known_is_refused_in_a_request_and_kept_in_an_answer() {
    let document = Bytes::from_static(br#"{"StreamMode":"HYBRID"}"#);
    let refused = Codec::Json.decode_request::<StreamModeDetails>(&document);
    assert!(matches!(refused, Err(DecodeError::Invalid { problems })
        if problems[0].constraint == Constraint::OneOf(&["PROVISIONED", "ON_DEMAND"])));
    let kept = Codec::Json.decode_response::<StreamModeDetails>(&document).unwrap();
    assert_eq!(kept.stream_mode, StreamMode::Other("HYBRID".into()));
}

#[test]
fn a_value_of_another_kind_is_named_with_its_place() {
    for (document, place, expected, found) in [
        (json!({"Data": 7}), "Data", "a blob", Found::Number),
        (json!({"Data": ["x"]}), "Data", "a blob", Found::List),
        (json!({"Data": "", "PartitionKey": true}), "PartitionKey", "text", Found::Boolean),
        (json!({"Data": "", "DryRun": "perhaps"}), "DryRun", "true or false", Found::Text),
        (json!([]), "the document", "a structure", Found::List),
        (json!("text"), "the document", "a structure", Found::Text),
    ] {
        let refused = Codec::Json.decode_request::<PutRecordInput>(&document.to_string().into()).unwrap_err();
        assert_eq!(refused.to_string(), format!("{place} should be {expected}, but is {found}"));
    }
    let nested = json!({"Records": [{"Data": ""}, 5]}).to_string();
    let refused = Codec::Json.decode_request::<PutRecordsInput>(&nested.into()).unwrap_err();
    assert_eq!(refused.to_string(), "Records[1] should be a structure, but is a number");
    // In CBOR, text is no blob, and null is no value of a required member.
    let refused =
        Codec::Cbor.decode_request::<PutRecordInput>(&Bytes::from_static(b"\xa1\x64Data\x63abc")).unwrap_err();
    assert_eq!(refused.to_string(), "Data should be a blob, but is text");
    let refused = Codec::Cbor.decode_request::<PutRecordInput>(&Bytes::from_static(b"\xa1\x64Data\xf6")).unwrap_err();
    assert_eq!(refused.to_string(), "1 of the members break a limit: Data is missing");
}

#[test]
fn nesting_without_end_is_refused_or_passed_over_without_recursion() {
    let deep = 1_000_000;
    for open in ["[", "{\"a\":", "[{\"a\":"] {
        let unknown = format!("{{\"X\":{}", open.repeat(deep));
        let refused = Codec::Json.decode_request::<ListStreamsInput>(&unknown.into());
        assert!(
            matches!(refused, Err(DecodeError::Malformed { expected: "at most 128 levels of nesting", .. })),
            "{refused:?}"
        );
    }
    let shallow = format!("{{\"X\":{}{}}}", "[".repeat(100), "]".repeat(100));
    assert!(Codec::Json.decode_request::<ListStreamsInput>(&shallow.into()).is_ok());
    for open in [&b"\x81"[..], b"\x9f", b"\xbf\x61a", b"\xd8\x2a"] {
        let unknown = [&b"\xa1\x61X"[..], &open.repeat(deep)].concat();
        assert!(Codec::Cbor.decode_request::<ListStreamsInput>(&unknown.into()).is_err());
    }
    let endless = [&b"\xa1\x64Data\x5b"[..], &u64::MAX.to_be_bytes()].concat();
    assert!(Codec::Cbor.decode_request::<PutRecordInput>(&endless.into()).is_err());
    let many = [&b"\xa1\x67Records\x9b"[..], &u64::MAX.to_be_bytes()].concat();
    assert!(Codec::Cbor.decode_request::<PutRecordsInput>(&many.into()).is_err());
}

#[test]
fn an_empty_answer_is_an_answer_without_members() {
    for codec in BOTH {
        assert_eq!(codec.decode_response::<Empty>(&Bytes::new()), Ok(Empty {}));
        assert!(codec.decode_response::<GetRecordsOutput>(&Bytes::new()).is_err());
        assert!(codec.decode_request::<Empty>(&Bytes::new()).is_err());
    }
}

#[test]
fn content_types_are_told_apart() {
    assert_eq!(Codec::of_content_type("application/x-amz-json-1.1"), Some(Codec::Json));
    assert_eq!(Codec::of_content_type(" Application/X-Amz-Cbor-1.1 ; charset=utf-8"), Some(Codec::Cbor));
    for other in ["", "application/json", "application/x-amz-json-1.0"] {
        assert_eq!(Codec::of_content_type(other), None);
    }
}

#[test]
fn any_document_reads_as_a_tree_and_paths_lead_into_it() {
    use crate::shape::{Path, Step, Value};
    let json = Bytes::from_static(br#"{"a":[1,{"b":"x"}],"t":{"k":null,"l":true},"a2":1e99}"#);
    let tree = Codec::Json.read_value(&json).unwrap();
    let at = |steps: &[Step]| tree.at(&Path::from(steps)).cloned();
    assert_eq!(at(&[Step::Member("a"), Step::Item(1), Step::Member("b")]), Some(Value::Text("x".to_owned())));
    assert_eq!(at(&[Step::Member("t"), Step::Entry(1)]), Some(Value::Boolean(true)));
    assert_eq!(at(&[Step::Member("a2")]), Some(Value::Number(i64::MAX)));
    assert_eq!(at(&[Step::Member("a"), Step::Item(2)]), None);
    assert_eq!(tree.at(&Path::from(&[Step::Member("t")][..])).and_then(|map| map.key(0)), Some("k"));
    let cbor = Codec::Cbor.encode(&PutRecordInput::new(vec![7; 9]));
    assert_eq!(Codec::Cbor.read_value(&cbor).unwrap().member("Data"), Some(&Value::Blob(9)));
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    assert!(Codec::Json.read_value(&deep.into()).is_some());
    assert!(Codec::Json.read_value(&Bytes::from_static(b"{} x")).is_none());
}
