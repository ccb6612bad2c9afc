//! Our reader of JSON against `serde_json`: what one refuses the other refuses, and both make the same of texts and
//! blobs.

#![no_main]

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::collections::BTreeMap;
use tailwater_fuzz::choices::Choices;
use tailwater_wire::Codec;
use tailwater_wire::shapes::{Empty, PutRecordInput, TagResourceInput};

/// We refuse to follow values deeper than 128; only below this is the library's judgement ours.
const DEPTH: usize = 100;

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    match choices.byte() % 5 {
        0 => document(Bytes::copy_from_slice(choices.rest())),
        1 => document([b"{\"X\":", choices.rest(), b"}"].concat().into()),
        2 => texts(choices.rest()),
        3 => texts(&choices.spliced(br#"{"a\u00e9":"\"\\\/\b\f\n\r\t\ud83d\ude00","b":""}"#)),
        _ => blob(choices.rest()),
    }
});

/// A document of which no member is known.
fn document(document: Bytes) {
    let ours = Codec::Json.decode_request::<Empty>(&document);
    if document.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() > DEPTH {
        return;
    }
    let library = serde_json::from_slice::<Value>(&document).is_ok_and(|value| value.is_object());
    // The library gives this name a meaning of its own.
    if !document.windows(11).any(|window| window == b"$serde_json") {
        assert_eq!(ours.is_ok(), library, "{ours:?}: {}", document.escape_ascii());
    }
}

/// A map of texts by texts.
fn texts(map: &[u8]) {
    let Ok(library) = serde_json::from_slice::<BTreeMap<String, String>>(map) else { return };
    let within = |text: &str, max: usize| text.chars().count() <= max;
    let allowed = !library.is_empty()
        && library.len() <= 200
        && library.iter().all(|(key, value)| !key.is_empty() && within(key, 128) && within(value, 256));
    let document =
        [b"{\"ResourceARN\":\"arn:aws:kinesis:us-east-1:123456789012:stream/s\",\"Tags\":".as_slice(), map, b"}"]
            .concat();
    match Codec::Json.decode_request::<TagResourceInput>(&document.into()) {
        Ok(ours) => {
            let ours = ours.tags.0.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            assert!(ours.eq(library.iter().map(|(key, value)| (&**key, &**value))), "{}", map.escape_ascii());
        }
        // Of a key that stands twice the library keeps one value; we look at both.
        Err(fault) => assert!(!allowed || map.windows(257).next().is_some(), "{fault}: {}", map.escape_ascii()),
    }
}

/// A blob in base64.
fn blob(text: &[u8]) {
    if str::from_utf8(text).is_err() || text.iter().any(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        return;
    }
    let ours = Codec::Json.decode_request::<PutRecordInput>(&[b"{\"Data\":\"", text, b"\"}"].concat().into());
    let ours = ours.ok().map(|input| input.data.to_vec());
    assert_eq!(ours, BASE64_STANDARD.decode(text).ok(), "{}", text.escape_ascii());
}
