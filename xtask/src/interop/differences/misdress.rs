//! Breaks what is around a document: method, headers, signature, the document's own form.
//! Pure. Called by `session`, for a few of all calls.

use super::call::{Body, Call, SIGNATURE};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// Breaks a call in one or two places.
pub(super) fn misdress(call: &mut Call, chance: &mut StdRng) {
    let times = if chance.random_ratio(1, 4) { 2 } else { 1 };
    for _ in 0..times {
        match chance.random_range(0..7) {
            0 => content(call, chance),
            1 => target(call, chance),
            2 | 3 => signature(call, chance),
            4 => method(call, chance),
            _ => body(call, chance),
        }
    }
}

fn pick(from: &[&'static str], chance: &mut StdRng) -> &'static str {
    from.choose(chance).copied().unwrap_or_default()
}

fn content(call: &mut Call, chance: &mut StdRng) {
    const KINDS: &[&str] = &[
        "",
        "application/json",
        "application/json; charset=utf-8",
        "application/x-amz-json-1.0",
        "application/x-amz-json-1.1; charset=utf-8",
        " application/x-amz-json-1.1 ;x",
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/x-amz-cbor-1.1",
    ];
    match pick(KINDS, chance) {
        "" => call.remove_header("content-type"),
        kind => call.set_header("content-type", kind),
    }
}

fn target(call: &mut Call, chance: &mut StdRng) {
    const TARGETS: &[&str] = &[
        "",
        "x",
        "x.y",
        "Kinesis_20131202",
        "Kinesis_20131202.",
        ".ListStreams",
        "Kinesis_20131202.Bogus",
        "Kinesis_20131202.listStreams",
        "kinesis_20131202.ListStreams",
        "Kinesis_20131202.ListStreams.x",
        "Kinesis_20131201.ListStreams",
        "DynamoDB_20120810.ListTables",
    ];
    match pick(TARGETS, chance) {
        "" => call.remove_header("x-amz-target"),
        target => call.set_header("x-amz-target", target),
    }
}

fn signature(call: &mut Call, chance: &mut StdRng) {
    const IN_QUERY: [&str; 5] = [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Credential=A%2F20261121%2Fus-east-1%2Fkinesis%2Faws4_request",
        "X-Amz-Signature=ab",
        "X-Amz-SignedHeaders=host",
        "X-Amz-Date=20261121T000000Z",
    ];
    const WORDS: [&str; 5] = [
        "AWS4-HMAC-SHA256 ",
        "Credential=A/B/us-east-1/kinesis/aws4_request, ",
        "SignedHeaders=host, ",
        "Signature=",
        "ab",
    ];
    match chance.random_range(0..8) {
        0 => call.remove_header("authorization"),
        1 => call.remove_header("x-amz-date"),
        2 => {
            call.remove_header("x-amz-date");
            call.set_header("date", "Sat, 21 Nov 2026 00:00:00 GMT");
        }
        3 => {
            let words: String = WORDS.iter().filter(|_| chance.random_ratio(2, 3)).copied().collect();
            call.set_header("authorization", if words.is_empty() { "x".to_owned() } else { words });
        }
        4 => call.path = format!("/?{}", IN_QUERY.join("&")),
        5 => {
            call.remove_header("authorization");
            let kept: Vec<&str> = IN_QUERY.iter().filter(|_| chance.random_ratio(4, 5)).copied().collect();
            call.path = format!("/?{}", kept.join("&"));
        }
        6 => {
            call.remove_header("authorization");
            let emptied = IN_QUERY
                .map(|pair| if chance.random_ratio(1, 4) { pair.split('=').next().unwrap_or("") } else { pair });
            call.path = format!("/x?{}", emptied.join("&"));
        }
        _ => call.set_header("authorization", SIGNATURE.replace(", ", ",")),
    }
}

fn method(call: &mut Call, chance: &mut StdRng) {
    match chance.random_range(0..6) {
        0 => call.method = "GET",
        1 => call.method = "PUT",
        2 => call.method = "OPTIONS",
        3 => {
            call.method = "OPTIONS";
            call.set_header("origin", "https://example.com");
            call.set_header("access-control-request-headers", "x-amz-target,authorization");
            call.set_header("access-control-request-method", "POST");
        }
        4 => call.set_header("origin", "https://example.com"),
        _ => call.path = "/any/path".to_owned(),
    }
}

fn body(call: &mut Call, chance: &mut StdRng) {
    const BODIES: &[&[u8]] = &[
        b"",
        b"{",
        b"[]",
        b"[1]",
        b"null",
        b"1",
        b"\"a\"",
        b"true",
        b"{}",
        b" {} ",
        b"{}x",
        b"{\"a\":1,}",
        b"{'a':1}",
        b"\xff",
        b"{\"StreamName\":\"\xff\"}",
        b"{\"StreamName\":\"a\",\"StreamName\":\"orders\"}",
        b"{\"StreamName\":\"\\u0061\"}",
        b"{\"StreamName\":\"a\\q\"}",
        b"{\"ShardCount\":01}",
        b"{\"ShardCount\":1e0,\"StreamName\":5}",
        b"{\"ShardCount\":NaN}",
        b"\xef\xbb\xbf{}",
        b"{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}",
        b"a1",
        b"\xa0",
        b"\xbf\xff",
        b"\xa1\x61\x61\x01",
    ];
    call.body = Body::Bytes(BODIES.choose(chance).copied().unwrap_or_default().to_vec());
}
