//! What a reader found: one line of its output, typed; and the digest by which payloads are compared.
//! Pure. Called by `readers`.

use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fmt;
use tailwater_record::{HashKey, SequenceNumber, ShardId};

/// By stream, in the order of reading.
pub(super) type Founds = HashMap<String, Vec<Found>>;

/// A user record, where and as a reader found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) key: Option<String>,
    pub(super) hash_key: Option<HashKey>,
    pub(super) digest: Digest,
}

/// Where a user record is: in a Kinesis record, and where in that.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) outer: Outer,
    pub(super) sub_sequence: u64,
}

/// Which Kinesis record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Outer {
    pub(super) shard: ShardId,
    pub(super) sequence: SequenceNumber,
}

/// The SHA-256 of a payload.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 32]);

impl Found {
    /// The stream and what was found there: `stream shard sequence sub-sequence key-in-hex hash-key sha256`.
    pub(super) fn read(line: &str) -> Result<(String, Self), String> {
        let words: Vec<&str> = line.split(' ').collect();
        let [stream, shard, sequence, sub_sequence, key, hash_key, digest] = words[..] else {
            return Err(format!("{} words, not 7", words.len()));
        };
        let wrong = |what: &str| format!("no {what}");
        let outer = Outer {
            shard: shard.parse().map_err(|_| wrong("shard"))?,
            sequence: sequence.parse().map_err(|_| wrong("sequence number"))?,
        };
        let place = Place { outer, sub_sequence: sub_sequence.parse().map_err(|_| wrong("sub-sequence number"))? };
        let key = match key {
            "-" => None,
            key => Some(bytes(key).and_then(|key| String::from_utf8(key).ok()).ok_or_else(|| wrong("key"))?),
        };
        let hash_key = match hash_key {
            "-" => None,
            hash_key => Some(hash_key.parse().map_err(|_| wrong("hash key"))?),
        };
        let digest = bytes(digest).and_then(|digest| digest.try_into().ok()).ok_or_else(|| wrong("digest"))?;
        Ok((stream.to_owned(), Self { place, key, hash_key, digest: Digest(digest) }))
    }
}

impl Digest {
    pub(super) fn of(data: &[u8]) -> Self {
        Self(Sha256::digest(data).into())
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex.chars().map(|digit| Some(digit.to_digit(16)? as u8)).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

impl fmt::Display for Outer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} of {}", self.sequence, self.shard)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{} of {}", self.outer.sequence, self.sub_sequence, self.outer.shard)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}
