//! Iterators and the tokens of listings: places that we hand out and must know again.
//! Why sealed: a reader may keep a token, but not make or mend one. A code over the whole, under a key of this broker's
//! own, tells ours from others; the stream's serial inside makes those of a deleted stream fail on its successor.
//! An iterator has the outward form of the service's: base64 over eight fixed bytes and so much more, by the stream's
//! name, that its length is among those that the service takes.
//! Pure. Called by `actions`.

use base64_simd::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tailwater_record::{AccountId, Region, StreamArn, Timestamp};

/// The secret under which tokens are sealed.
#[derive(Clone)]
pub struct TokenKey(Hmac<Sha256>);

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("TokenKey")
    }
}

/// A place in a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IteratorToken {
    /// The stream.
    pub stream: StreamArn,
    /// What tells it from others of the same name.
    pub serial: u64,
    /// The shard's number.
    pub shard: u32,
    /// The index of the record that is read next.
    pub position: u64,
    /// When it was handed out.
    pub issued: Timestamp,
}

/// Where a listing goes on, sealed. What is inside is the listing's own affair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListingToken {
    /// Which listing it belongs to.
    pub kind: u8,
    /// When it was handed out.
    pub issued: Timestamp,
    /// What the listing needs to go on.
    pub content: Vec<u8>,
}

/// What all iterators begin with.
const PREFIX: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];
/// How long they may be, decoded.
const LENGTHS: std::ops::RangeInclusive<usize> = 152..=280;
/// Digits of an account.
const ACCOUNT: usize = 12;
const VERSION: u8 = 1;
const CODE: usize = 16;

impl TokenKey {
    /// A key made of these bytes.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self(Hmac::new_from_slice(&secret).expect("a key may have any length"))
    }

    fn code(&self, kind: u8, content: &[u8]) -> [u8; CODE] {
        let mut mac = self.0.clone();
        mac.update(&[kind]);
        mac.update(content);
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        *whole.first_chunk().expect("a code has 32 bytes")
    }

    /// The content of what was sealed as `kind`, if it was sealed here.
    fn open(&self, kind: u8, sealed: &[u8]) -> Option<Vec<u8>> {
        let (content, code) = sealed.split_last_chunk::<CODE>()?;
        let expected = self.code(kind, content);
        // Compares without telling, by the time it takes, where two codes differ.
        let difference = expected.iter().zip(code).fold(0, |difference, (one, two)| difference | (one ^ two));
        (difference == 0).then(|| content.to_vec())
    }

    fn seal(&self, kind: u8, mut content: Vec<u8>) -> String {
        let code = self.code(kind, &content);
        content.extend_from_slice(&code);
        STANDARD.encode_to_string(content)
    }
}

/// The kind that iterators are sealed as; listings have others.
const ITERATOR: u8 = 0;

impl IteratorToken {
    /// The token as text.
    #[must_use]
    pub fn seal(&self, key: &TokenKey) -> String {
        let (account, region, name) = (self.stream.account().to_string(), self.stream.region(), self.stream.name());
        let mut content = Vec::with_capacity(*LENGTHS.end());
        content.extend_from_slice(&PREFIX);
        content.push(VERSION);
        content.extend_from_slice(&self.serial.to_be_bytes());
        content.extend_from_slice(&self.shard.to_be_bytes());
        content.extend_from_slice(&self.position.to_be_bytes());
        content.extend_from_slice(&self.issued.millis().to_be_bytes());
        content.extend_from_slice(account.as_bytes());
        for text in [region.as_str(), name.as_str()] {
            content.push(u8::try_from(text.len()).expect("a region has 63 characters at most, a stream's name 128"));
            content.extend_from_slice(text.as_bytes());
        }
        content.resize(LENGTHS.start() + (name.as_str().len() + 2) / 16 * 16 - CODE, 0);
        key.seal(ITERATOR, content)
    }

    /// Reads a token; `None` if it is not one of ours, or from the future.
    #[must_use]
    pub fn open(key: &TokenKey, text: &str, now: Timestamp) -> Option<Self> {
        let sealed = STANDARD.decode_to_vec(text).ok().filter(|sealed| LENGTHS.contains(&sealed.len()))?;
        let content = key.open(ITERATOR, &sealed)?;
        let rest = content.strip_prefix(&PREFIX)?.strip_prefix(&[VERSION])?;
        let (serial, rest) = rest.split_first_chunk()?;
        let (shard, rest) = rest.split_first_chunk()?;
        let (position, rest) = rest.split_first_chunk()?;
        let (issued, rest) = rest.split_first_chunk()?;
        let (account, rest) = rest.split_first_chunk::<ACCOUNT>()?;
        let (region, rest) = text_of(rest)?;
        let (name, _) = text_of(rest)?;
        let account: AccountId = std::str::from_utf8(account).ok()?.parse().ok()?;
        let region: Region = region.parse().ok()?;
        let issued = Timestamp::from_millis(i64::from_be_bytes(*issued));
        Some(Self {
            stream: StreamArn::new(region, account, name.parse().ok()?),
            serial: u64::from_be_bytes(*serial),
            shard: u32::from_be_bytes(*shard),
            position: u64::from_be_bytes(*position),
            issued,
        })
        .filter(|_| issued <= now)
    }
}

/// A text behind its length, and what follows.
fn text_of(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

impl ListingToken {
    /// The token as text.
    #[must_use]
    pub fn seal(&self, key: &TokenKey) -> String {
        let mut content = vec![VERSION];
        content.extend_from_slice(&self.issued.millis().to_be_bytes());
        content.extend_from_slice(&self.content);
        key.seal(self.kind, content)
    }

    /// Reads a token; `None` if it is not one of ours, from another listing, or from the future.
    #[must_use]
    pub fn open(key: &TokenKey, kind: u8, text: &str, now: Timestamp) -> Option<Self> {
        let content = key.open(kind, &STANDARD.decode_to_vec(text).ok()?)?;
        let (issued, content) = content.strip_prefix(&[VERSION])?.split_first_chunk()?;
        let issued = Timestamp::from_millis(i64::from_be_bytes(*issued));
        (issued <= now).then(|| Self { kind, issued, content: content.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn key() -> TokenKey {
        TokenKey::new([7; 32])
    }

    fn token(region: &str, name: &str) -> IteratorToken {
        let stream = StreamArn::new(region.parse().unwrap(), "012345678901".parse().unwrap(), name.parse().unwrap());
        IteratorToken { stream, serial: 1, shard: 2, position: 3, issued: NOW }
    }

    proptest! {
        #[test]
        fn an_iterator_reads_back_and_has_the_services_form(
            name in "[a-zA-Z0-9_.-]{1,128}", region in "[a-z0-9]{1,63}", serial: u64, shard: u32, position: u64,
        ) {
            let token = IteratorToken { serial, shard, position, ..token(&region, &name) };
            let text = token.seal(&key());
            prop_assert!(text.len() <= 512 && text.starts_with("AAAAAAAAAA"));
            let decoded = STANDARD.decode_to_vec(&text).unwrap();
            prop_assert_eq!(decoded.len(), 152 + (name.len() + 2) / 16 * 16);
            prop_assert_eq!(IteratorToken::open(&key(), &text, NOW), Some(token));
            prop_assert_eq!(IteratorToken::open(&key(), &text, NOW.minus(std::time::Duration::from_millis(1))), None);
            prop_assert_eq!(IteratorToken::open(&TokenKey::new([8; 32]), &text, NOW), None);
        }

        #[test]
        fn no_changed_byte_passes(at in 0_usize..168, with in 1_u8..) {
            let text = token("eu-central-1", "orders-of-today").seal(&key());
            let mut bytes = STANDARD.decode_to_vec(&text).unwrap();
            bytes[at] ^= with;
            prop_assert_eq!(IteratorToken::open(&key(), &STANDARD.encode_to_string(bytes), NOW), None);
        }

        #[test]
        fn any_text_is_refused_without_a_fuss(text in ".{0,400}") {
            prop_assert_eq!(IteratorToken::open(&key(), &text, NOW), None);
            prop_assert_eq!(ListingToken::open(&key(), 1, &text, NOW), None);
        }
    }

    #[test]
    fn a_listings_token_is_no_other_listings() {
        let token = ListingToken { kind: 2, issued: NOW, content: b"behind this".to_vec() };
        let text = token.seal(&key());
        assert_eq!(ListingToken::open(&key(), 2, &text, NOW), Some(token));
        assert_eq!(ListingToken::open(&key(), 3, &text, NOW), None);
        assert_eq!(ListingToken::open(&key(), 2, &text, NOW.minus(std::time::Duration::from_millis(1))), None);
        assert_eq!(ListingToken::open(&key(), ITERATOR, &text[4..], NOW), None);
    }
}
