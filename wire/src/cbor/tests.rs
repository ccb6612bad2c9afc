//! What is particular to CBOR: bytes as they are, moments as tagged milliseconds, every width of number.

use crate::Codec;
use crate::shapes::{GetRecordsInput, GetShardIteratorInput, PutRecordInput, ShardIteratorType};
use bytes::Bytes;
use minicbor::Encoder;
use minicbor::data::Tag;
use tailwater_record::{ShardId, Timestamp};

fn iterator_input(write: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Bytes {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out);
    encoder.map(3).unwrap().str("ShardId").unwrap().str("shardId-000000000001").unwrap();
    encoder.str("ShardIteratorType").unwrap().str("AT_TIMESTAMP").unwrap().str("Timestamp").unwrap();
    write(&mut encoder);
    out.into()
}

fn moment(document: &Bytes) -> Timestamp {
    Codec::Cbor.decode_request::<GetShardIteratorInput>(document).unwrap().timestamp.unwrap()
}

#[test]
fn a_moment_is_a_tag_over_whole_milliseconds() {
    let input = GetShardIteratorInput {
        stream_name: None,
        shard_id: ShardId::numbered(1),
        shard_iterator_type: ShardIteratorType::AtTimestamp,
        starting_sequence_number: None,
        timestamp: Some(Timestamp::from_millis(1_441_215_410_867)),
        stream_arn: None,
        dry_run: None,
    };
    let written = Codec::Cbor.encode(&input);
    // Tag 1, then an unsigned number of 64 bits.
    let expected = [&[0xc1, 0x1b][..], &1_441_215_410_867_u64.to_be_bytes()].concat();
    assert_eq!(written[written.len() - expected.len()..], expected);
}

#[test]
fn moments_of_other_encoders_are_understood() {
    let expected = Timestamp::from_millis(1_441_215_410_867);
    let tagged = iterator_input(|out| {
        out.tag(Tag::new(1)).unwrap().u64(1_441_215_410_867).unwrap();
    });
    let bare = iterator_input(|out| {
        out.u64(1_441_215_410_867).unwrap();
    });
    let seconds = iterator_input(|out| {
        out.tag(Tag::new(1)).unwrap().f64(1_441_215_410.867).unwrap();
    });
    for document in [tagged, bare, seconds] {
        assert_eq!(moment(&document), expected);
    }
    // 16-bit floating point: 1.5, the smallest above zero, minus two.
    for (bits, millis) in [(0x3e00_u16, 1500), (0x0001, 0), (0xc000, -2000)] {
        let mut document = iterator_input(|_| ()).to_vec();
        document.push(0xf9);
        document.extend_from_slice(&bits.to_be_bytes());
        assert_eq!(moment(&document.into()), Timestamp::from_millis(millis));
    }
}

#[test]
fn numbers_of_every_width_are_read() {
    for number in [&[0x07][..], &[0x18, 7], &[0x19, 0, 7], &[0x1a, 0, 0, 0, 7], &[0x1b, 0, 0, 0, 0, 0, 0, 0, 7]] {
        let document = [&b"\xa2\x6dShardIterator\x61i\x65Limit"[..], number].concat();
        assert_eq!(Codec::Cbor.decode_request::<GetRecordsInput>(&document.into()).unwrap().limit, Some(7));
    }
    let negative = [&b"\xa2\x6dShardIterator\x61i\x65Limit\x3b"[..], &[0xff; 8]].concat();
    assert!(Codec::Cbor.decode_request::<GetRecordsInput>(&negative.into()).is_err());
}

#[test]
fn blobs_are_slices_of_the_document() {
    let document = Codec::Cbor.encode(&PutRecordInput::new(vec![7; 1000]));
    let read: PutRecordInput = Codec::Cbor.decode_request(&document).unwrap();
    assert!(document.as_ptr_range().contains(&read.data.as_ptr()));
}
