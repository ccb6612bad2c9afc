//! What is particular to JSON: base64, numbers, moments, texts.

use crate::shape::Base64Fault;
use crate::shapes::{GetShardIteratorInput, PutRecordInput, ShardIteratorType, TagResourceInput};
use crate::{Codec, DecodeError};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use proptest::prelude::*;
use tailwater_record::{ShardId, Timestamp};

fn put(data: &str) -> Result<PutRecordInput, DecodeError> {
    Codec::Json.decode_request(&format!("{{\"Data\":\"{data}\"}}").into())
}

fn base64_fault(data: &str) -> Base64Fault {
    match put(data) {
        Err(DecodeError::Base64 { place, fault }) if place.to_string() == "Data" => fault,
        other => panic!("{data}: {other:?}"),
    }
}

#[test]
fn a_blob_that_is_not_base64_is_told_apart() {
    assert_eq!(base64_fault("A"), Base64Fault::Length(1));
    assert_eq!(base64_fault("AAA"), Base64Fault::Length(3));
    assert_eq!(base64_fault("AA=A"), Base64Fault::Character(2));
    assert_eq!(base64_fault("===="), Base64Fault::Character(0));
    assert_eq!(base64_fault("AB-_"), Base64Fault::Character(2));
    assert_eq!(base64_fault("AB=="), Base64Fault::LastGroup);
    assert_eq!(base64_fault("AAAAAAB="), Base64Fault::LastGroup);
    // An escaped slash is a slash.
    assert_eq!(put("\\/\\/8=").unwrap().data, &[0xff, 0xff][..]);
}

#[test]
fn moments_are_seconds_with_milliseconds_behind_the_point() {
    let moment = |text: &str| -> Result<Timestamp, DecodeError> {
        let document = format!(
            r#"{{"StreamName":"s","ShardId":"shardId-000000000000","ShardIteratorType":"AT_TIMESTAMP","Timestamp":{text}}}"#
        );
        let read: GetShardIteratorInput = Codec::Json.decode_request(&document.into())?;
        Ok(read.timestamp.unwrap())
    };
    for (text, millis) in [
        ("1441215410.867", 1_441_215_410_867),
        ("1.441215410867E9", 1_441_215_410_867),
        ("1441215410", 1_441_215_410_000),
        ("0.0004", 0),
        ("-0.5", -500),
        ("1e300", i64::MAX),
    ] {
        assert_eq!(moment(text), Ok(Timestamp::from_millis(millis)), "{text}");
    }
    assert!(moment("\"2015-09-02T17:36:50Z\"").is_err());
    let input = GetShardIteratorInput {
        stream_name: None,
        shard_id: ShardId::numbered(1),
        shard_iterator_type: ShardIteratorType::AtTimestamp,
        starting_sequence_number: None,
        timestamp: Some(Timestamp::from_millis(1_441_215_410_860)),
        stream_arn: None,
        dry_run: None,
    };
    assert_eq!(
        Codec::Json.encode(&input),
        r#"{"ShardId":"shardId-000000000001","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1441215410.86}"#
    );
}

#[test]
fn what_is_not_json_is_refused() {
    for document in [
        "",
        " ",
        "{",
        "}",
        "{}x",
        "{} {}",
        "{\"Data\"}",
        "{\"Data\":}",
        "{\"Data\":\"\"",
        "{\"Data\":\"\",}",
        "{,}",
        "{\"Data\":\"\" \"x\":1}",
        "{'Data':''}",
        "{\"X\":01}",
        "{\"X\":+1}",
        "{\"X\":1.}",
        "{\"X\":.5}",
        "{\"X\":1e}",
        "{\"X\":tru}",
        "{\"X\":nul}",
        "{\"X\":[1,]}",
        "{\"X\":[1}",
        "{\"X\":{\"a\" 1}}",
        "{\"X\":\"\\x\"}",
        "{\"X\":\"\\u12\"}",
        "{\"X\":\"\u{1}\"}",
        "{\"PartitionKey\":\"\\ud800\"}",
        "{\"X\":\"\\\"}",
    ] {
        let read = Codec::Json.decode_request::<PutRecordInput>(&document.to_owned().into());
        assert!(matches!(read, Err(DecodeError::Malformed { .. })), "{document}: {read:?}");
    }
    let read = Codec::Json.decode_request::<PutRecordInput>(&Bytes::from_static(b"{\"X\":\"\xff\"}"));
    assert!(matches!(read, Err(DecodeError::Malformed { at: 6, expected: "UTF-8" })), "{read:?}");
}

proptest! {
    #[test]
    fn base64_is_taken_exactly_where_a_strict_library_takes_it(text in "[A-D/+=]{0,12}|[A-Za-z0-9+/]{0,80}={0,3}") {
        let read = put(&text).map(|input| input.data.to_vec()).ok();
        prop_assert_eq!(read, BASE64_STANDARD.decode(&text).ok());
    }

    #[test]
    fn texts_are_read_as_a_library_reads_them(text in "\\PC{1,40}|[\"\\\\/\n\u{0}\u{7f}😀]{1,9}") {
        // Every character as an escape, then as it is.
        let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
        let plain = serde_json::to_string(&text).unwrap();
        for quoted in [format!("\"{escaped}\""), plain] {
            let document = format!("{{\"Tags\":{{{quoted}:{quoted}}},\"ResourceARN\":\"arn:aws:kinesis:us-east-1:123456789012:stream/s\"}}");
            let read: TagResourceInput = Codec::Json.decode_request(&document.into()).unwrap();
            let (key, value) = read.tags.0.first_key_value().unwrap();
            prop_assert_eq!((key.as_str(), value.as_str()), (&*text, &*text));
        }
    }

    #[test]
    fn a_document_is_refused_wherever_a_library_refuses_it(document in "[\\[\\]{}:,\"ax\\\\0-9.eE+ -]{0,16}") {
        let whole = format!("{{\"X\":{document}}}");
        let ours = Codec::Json.decode_request::<crate::shapes::ListStreamsInput>(&whole.clone().into());
        let library = serde_json::from_str::<serde_json::Value>(&whole);
        prop_assert_eq!(ours.is_ok(), library.is_ok(), "{}", whole);
    }
}
