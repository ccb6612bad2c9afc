//! Iterators and tokens from anyone: what was not sealed here is refused, and so is every change to what was.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tailwater_broker::token::{IteratorToken, ListingToken, TokenKey};
use tailwater_fuzz::choices::Choices;
use tailwater_record::{StreamArn, Timestamp};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_123);

fuzz_target!(|input: &[u8]| {
    let key = TokenKey::new([7; 32]);
    let mut choices = Choices::new(input);
    match choices.byte() % 3 {
        0 => anything(&key, choices.rest()),
        1 => changed_iterator(&key, &mut choices),
        _ => changed_listing(&key, &mut choices),
    }
});

/// The code over a token has 128 bits; nobody guesses it.
fn anything(key: &TokenKey, input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    assert_eq!(IteratorToken::open(key, text, NOW), None);
    assert_eq!(ListingToken::open(key, 1, text, NOW), None);
}

fn changed_iterator(key: &TokenKey, choices: &mut Choices<'_>) {
    let number = |choices: &mut Choices<'_>| (0..8).fold(0, |number, _| number << 8 | u64::from(choices.byte()));
    let (serial, position, shard) = (number(choices), number(choices), number(choices) as u32);
    let (at, with) = (choices.byte(), choices.byte());
    let Some(name) = str::from_utf8(choices.rest()).ok().and_then(|name| name.parse().ok()) else { return };
    let account = "012345678901".parse().expect("twelve digits");
    let stream = StreamArn::new("eu-central-1".parse().expect("a region"), account, name);
    let token = IteratorToken { stream, serial, shard, position, issued: NOW };
    let text = token.seal(key);
    assert!(text.len() <= 512);
    assert_eq!(IteratorToken::open(key, &text, NOW), Some(token.clone()));
    let mut bytes = text.into_bytes();
    let place = usize::from(at) * bytes.len() / 256;
    if bytes[place] != with && with.is_ascii() {
        bytes[place] = with;
        let text = String::from_utf8(bytes).expect("ASCII stays ASCII");
        assert_eq!(IteratorToken::open(key, &text, NOW), None);
    }
}

fn changed_listing(key: &TokenKey, choices: &mut Choices<'_>) {
    let (at, with) = (choices.byte(), choices.byte());
    let token = ListingToken { kind: 2, issued: NOW, content: choices.rest().to_vec() };
    let text = token.seal(key);
    assert_eq!(ListingToken::open(key, 2, &text, NOW), Some(token));
    assert_eq!(ListingToken::open(key, 3, &text, NOW), None);
    let mut bytes = text.into_bytes();
    let place = usize::from(at) * bytes.len() / 256;
    if bytes[place] != with && with.is_ascii() {
        bytes[place] = with;
        let text = String::from_utf8(bytes).expect("ASCII stays ASCII");
        assert_eq!(ListingToken::open(key, 2, &text, NOW), None);
    }
}
