//! Bodies that the service refuses, and its words.

use super::*;
use tailwater_wire::shape::Shape;
use tailwater_wire::shapes::*;

fn refused<T: Shape + std::fmt::Debug>(body: &str) -> (String, String) {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let error = Codec::Json.decode_request::<T>(&body).unwrap_err();
    let fault = refuse(&error, T::SCHEMA, Codec::Json, &body);
    (fault.code.to_string(), fault.message.unwrap_or_default())
}

#[test]
fn values_of_a_wrong_kind_are_told_alone() {
    let number = NUMBER;
    for (body, text) in [
        (r#"{"StreamName":true}"#, "class java.lang.Boolean can not be converted to an String".to_owned()),
        (r#"{"StreamName":1}"#, format!("class {number} can not be converted to an String")),
        (r#"{"StreamName":[]}"#, "Start of list found where not expected".to_owned()),
        (r#"{"StreamName":{}}"#, "Start of structure or map found where not expected.".to_owned()),
        (r#"{"ShardCount":"1"}"#, "class java.lang.String can not be converted to an Integer".to_owned()),
        (r#"{"Tags":[]}"#, "Start of list found where not expected".to_owned()),
        (r#"{"Tags":"x"}"#, "Expected map or null".to_owned()),
        (r#"{"StreamModeDetails":3}"#, "Expected null".to_owned()),
    ] {
        assert_eq!(refused::<CreateStreamInput>(body), ("SerializationException".to_owned(), text), "{body}");
    }
    for (body, text) in [
        (
            r#"{"Data":"abc"}"#,
            "'abc' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 3",
        ),
        (r#"{"Data":"a=bc"}"#, "'a=bc' can not be converted to a Blob: Invalid Base64 character: '='"),
        (
            r#"{"Data":"A+B="}"#,
            "'A+B=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected",
        ),
        (
            r#"{"Data":"é"}"#,
            "'é' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 1",
        ),
        (
            r#"{"Data":4.5}"#,
            "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to a Blob",
        ),
        (r#"{"DryRun":"maybe"}"#, "'MAYBE' can not be converted to an Boolean"),
    ] {
        assert_eq!(refused::<PutRecordInput>(body), ("SerializationException".to_owned(), text.to_owned()), "{body}");
    }
    let (_, text) = refused::<GetShardIteratorInput>(r#"{"Timestamp":"now"}"#);
    assert_eq!(text, "class java.lang.String can not be converted to milliseconds since epoch");
    assert_eq!(refused::<PutRecordsInput>(r#"{"Records":"x"}"#).1, "Expected list or null");
    assert_eq!(refused::<ListStreamsInput>("[]"), ("SerializationException".to_owned(), String::new()));
    assert_eq!(refused::<ListStreamsInput>("{"), ("SerializationException".to_owned(), String::new()));
}

#[test]
fn broken_limits_are_told_together() {
    let (code, text) = refused::<CreateStreamInput>(r#"{"StreamName":"a b","ShardCount":0}"#);
    assert_eq!(code, "ValidationException");
    assert_eq!(
        text,
        "2 validation errors detected: Value 'a b' at 'streamName' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: [a-zA-Z0-9_.-]+; Value '0' at 'shardCount' failed to satisfy constraint: Member must \
         have value greater than or equal to 1"
    );
    let (_, text) = refused::<CreateStreamInput>("{}");
    assert_eq!(
        text,
        "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: Member must not be null"
    );
    let (_, text) = refused::<ListStreamsInput>(r#"{"Limit":100000000000}"#);
    assert!(
        text.contains("Value '2147483647' at 'limit' failed to satisfy constraint: Member must have value less than")
    );
}

#[test]
fn lists_and_maps_are_told_as_the_service_tells_them() {
    let long = "k".repeat(129);
    let (_, text) = refused::<RemoveTagsFromStreamInput>(&format!(r#"{{"TagKeys":["a","","{long}"]}}"#));
    assert_eq!(
        text,
        format!(
            "1 validation error detected: Value '[a, , {long}]' at 'tagKeys' failed to satisfy constraint: Member must \
             satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than \
             or equal to 1]"
        )
    );
    let (_, text) = refused::<AddTagsToStreamInput>(&format!(r#"{{"Tags":{{"{long}":"b"}}}}"#));
    assert_eq!(
        text,
        format!(
            "1 validation error detected: Value '{{{long}=b}}' at 'tags' failed to satisfy constraint: Map keys must \
             satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than \
             or equal to 1]"
        )
    );
    let (_, text) = refused::<PutRecordsInput>(r#"{"StreamName":"s","Records":[{"Data":"","PartitionKey":""}]}"#);
    assert_eq!(
        text,
        "1 validation error detected: Value '' at 'records.1.member.partitionKey' failed to satisfy constraint: Member \
         must have length greater than or equal to 1"
    );
    let absent = |place: &str| {
        format!(
            "1 validation error detected: Value null at '{place}' failed to satisfy constraint: Member must not be null"
        )
    };
    assert_eq!(refused::<RemoveTagsFromStreamInput>(r#"{"TagKeys":["a",null]}"#).1, absent("tagKeys.2.member"));
    assert_eq!(refused::<AddTagsToStreamInput>(r#"{"Tags":{"a":null}}"#).1, absent("tags.a.member"));
    assert_eq!(refused::<PutRecordsInput>(r#"{"StreamName":"s","Records":[null]}"#).1, absent("records.1.member"));
    let (_, text) = refused::<PutRecordsInput>(r#"{"StreamName":"s","Records":[]}"#);
    assert!(
        text.contains("Value '[]' at 'records' failed to satisfy constraint: Member must have length greater"),
        "{text}"
    );
    let (_, text) = refused::<GetShardIteratorInput>(r#"{"StreamName":"s","ShardId":"0","ShardIteratorType":"FIRST"}"#);
    assert!(
        text.ends_with(
            "enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"
        ),
        "{text}"
    );
}

#[test]
fn a_hash_key_beyond_the_space_is_an_argument() {
    let key = "340282366920938463463374607431768211456";
    let (code, text) = refused::<PutRecordInput>(&format!(r#"{{"Data":"","ExplicitHashKey":"{key}"}}"#));
    assert_eq!(code, "InvalidArgumentException");
    assert_eq!(
        text,
        format!(
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {key}"
        )
    );
}
