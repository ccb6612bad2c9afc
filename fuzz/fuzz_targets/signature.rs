//! Signatures from anyone: what was signed is taken; whatever else an `Authorization` header says, it is taken only if
//! the genuine signature is in it.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tailwater_fuzz::choices::Choices;
use tailwater_record::{Region, Timestamp};
use tailwater_wire::http::header;
use tailwater_wire::sigv4::{BodyHash, Refusal, Signer, SigningKey, sign, verify};
use tailwater_wire::{Codec, Operation, Request};

const KEY_ID: &str = "AKIDEXAMPLE";

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    match choices.byte() % 4 {
        0 => anything_signed(&mut choices),
        1 => any_request(&mut choices),
        kind => any_header(&mut choices, kind == 2),
    }
});

fn key(has_token: bool) -> SigningKey {
    SigningKey::new(KEY_ID, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", has_token.then_some("token"))
}

fn check(request: &Request, now: Timestamp, has_token: bool) -> Result<Signer, Refusal> {
    let verified = verify(request, now, |id| (id == KEY_ID).then(|| key(has_token)));
    if let Err(refusal) = &verified {
        assert!(!refusal.to_string().is_empty());
    }
    verified
}

/// A request of any host, path, region, time and body is signed, and the signature verified.
fn anything_signed(choices: &mut Choices<'_>) {
    let has_token = choices.byte() % 2 == 1;
    let seconds = (0..4).fold(0, |seconds: i64, _| seconds << 8 | i64::from(choices.byte()));
    let now = Timestamp::from_millis(seconds * 1000 + 123);
    let Ok(text) = str::from_utf8(choices.rest()) else { return };
    let mut lines = text.splitn(4, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (region, host, target, body) = (line(), line(), line(), line());
    let region: Region = region.parse().unwrap_or_else(|_| "us-east-1".parse().expect("a region"));
    let mut request = Request::new(Operation::ListStreams, Codec::Json, Bytes::copy_from_slice(body.as_bytes()));
    request.target = format!("/{target}").into();
    let hash = BodyHash::of(&request.body);
    if sign(&mut request, host, &hash, &key(has_token), &region, now).is_err() {
        return;
    }
    let signer = Signer { access_key_id: KEY_ID.to_owned(), region };
    assert_eq!(check(&request, now, has_token), Ok(signer));
    request.body = [body.as_bytes(), b"."].concat().into();
    assert_eq!(check(&request, now, has_token), Err(Refusal::Mismatch));
}

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_123);

fn signed() -> (Request, String) {
    let mut request = Request::new(Operation::ListStreams, Codec::Json, "{}".into());
    let hash = BodyHash::of(&request.body);
    sign(&mut request, "localhost", &hash, &key(false), &"us-east-1".parse().expect("a region"), NOW).expect("signed");
    let authorization = request.headers.get(header::AUTHORIZATION).expect("signed").to_owned();
    (request, authorization)
}

/// An authorization header, from nothing or from a genuine one.
fn any_header(choices: &mut Choices<'_>, genuine: bool) {
    let (mut request, authorization) = signed();
    let signature = authorization.split("Signature=").nth(1).expect("a signature").to_owned();
    let text = if genuine { choices.spliced(authorization.as_bytes()) } else { choices.rest().to_vec() };
    let Ok(text) = String::from_utf8(text) else { return };
    request.headers.set(header::AUTHORIZATION, &*text);
    if let Ok(signer) = check(&request, NOW, false) {
        assert!(text.contains(&signature), "{text}");
        assert_eq!(signer, Signer { access_key_id: KEY_ID.to_owned(), region: "us-east-1".parse().expect("a region") });
    }
}

/// A genuine header on a request of which another part is replaced.
fn any_request(choices: &mut Choices<'_>) {
    let (mut request, _) = signed();
    let name =
        choices.one_of(&[header::AMZ_DATE, header::HOST, header::AMZ_TARGET, header::CONTENT_TYPE, "", "m", "t"]);
    let Ok(value) = str::from_utf8(choices.rest()) else { return };
    let before = match name {
        "" => None,
        "m" => Some(std::mem::replace(&mut request.method, value.into())),
        "t" => Some(std::mem::replace(&mut request.target, value.into())),
        name => request.headers.get(name).map(Box::from),
    };
    match name {
        "" => request.headers.add(header::AMZ_SECURITY_TOKEN, value),
        "m" | "t" => {}
        name => request.headers.set(name, value),
    }
    if check(&request, NOW, false).is_ok() {
        let before = before.expect("a token that the key does not have is refused");
        if name == "t" {
            assert_eq!(value, &*before, "the target is signed");
        } else {
            // What is not signed of a header: white space around its value, and runs of it inside.
            let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(squeezed(value), squeezed(&before), "{name} is signed");
        }
    }
}
