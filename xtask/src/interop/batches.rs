//! Random user records, as batches that become one aggregate each.
//! Why here: both ends of an exchange must be given the same records, and a failure must be repeatable from its seed.
//! A batch depends on seed and number only, so any one can be made again without those before it.
//! Pure. Called by `aggregates`; `producer` makes records of its own, with these keys and headers.

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use tailwater_record::kpl::MAGIC;
use tailwater_record::{HashKey, Headers, PartitionKey, UserRecord};

const RECORDS_MAX: usize = 60;
const KEY_CHARACTERS_MAX: usize = 256;
const DATA_MAX: usize = 2 * 1024;
/// At most this many per batch, because the other packages refuse aggregates over 1 MiB.
const LARGE_MAX: usize = 3;
const LARGE_DATA: usize = 200 * 1024;

/// The batch of this number.
pub(crate) fn batch(seed: u64, number: usize) -> Result<Vec<UserRecord>, tailwater_record::Error> {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(number as u64).to_le_bytes());
    let chance = &mut StdRng::from_seed(key);

    // One record alone is a case of its own: it travels raw, unless it has headers or begins like an aggregate.
    let alone = chance.random_ratio(1, 10);
    let records = if alone { 1 } else { chance.random_range(2..=RECORDS_MAX) };
    let distinct = chance.random_range(1..=records);
    let script = match chance.random_range(0..10) {
        0 => Script::Digits,
        1..=4 => Script::Unicode,
        _ => Script::Ascii,
    };
    let keys = (0..distinct).map(|_| partition_key(script, chance)).collect::<Result<Vec<_>, _>>()?;
    let distinct_hash_keys = chance.random_range(1..=records);
    let small = script == Script::Digits;
    let hash_keys: Vec<HashKey> = (0..distinct_hash_keys).map(|_| hash_key(small, chance)).collect();
    let with_hash_key = *[0.0, 0.5, 1.0].choose(chance).unwrap_or(&0.0);
    let with_headers = *[0.0, 0.0, 0.3].choose(chance).unwrap_or(&0.0);
    let magic = if alone { 0.5 } else { 0.02 };
    let mut large = if chance.random_ratio(1, 30) { chance.random_range(1..=LARGE_MAX) } else { 0 };

    let record = |_| {
        let is_large = large > 0 && chance.random_ratio(1, 4);
        large -= usize::from(is_large);
        let mut record = UserRecord::new(data(is_large, magic, chance));
        if let Some(key) = keys.choose(chance) {
            record = record.with_partition_key(key.clone());
        }
        if chance.random_bool(with_hash_key)
            && let Some(hash_key) = hash_keys.choose(chance)
        {
            record = record.with_explicit_hash_key(*hash_key);
        }
        if chance.random_bool(with_headers) {
            record = record.with_headers(headers(chance));
        }
        record
    };
    Ok((0..records).map(record).collect())
}

/// What partition keys are made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// All of it, controls and quotes included.
    Ascii,
    /// Any character of one to four bytes.
    Unicode,
    /// Numbers, because Node's writer mixes these up; see `aggregates`.
    Digits,
}

/// A partition key of any length.
pub(crate) fn partition_key(script: Script, chance: &mut StdRng) -> Result<PartitionKey, tailwater_record::Error> {
    let characters = match chance.random_range(0..10) {
        0 => KEY_CHARACTERS_MAX,
        1 | 2 => chance.random_range(1..=KEY_CHARACTERS_MAX),
        _ => chance.random_range(1..=24),
    };
    match script {
        Script::Ascii => text(characters, Script::Ascii, chance).parse(),
        Script::Unicode => text(characters, Script::Unicode, chance).parse(),
        Script::Digits => chance.random_range(0..1000).to_string().parse(),
    }
}

fn text(characters: usize, script: Script, chance: &mut StdRng) -> String {
    (0..characters)
        .map(|_| match (script, chance.random_range(0..4)) {
            (Script::Ascii | Script::Digits, _) => char::from(chance.random_range(0..0x80_u8)),
            // One to four bytes are equally likely, else almost all would be four.
            (Script::Unicode, 0) => chance.random_range('\0'..'\u{80}'),
            (Script::Unicode, 1) => chance.random_range('\u{80}'..'\u{800}'),
            (Script::Unicode, 2) => chance.random_range('\u{800}'..='\u{ffff}'),
            (Script::Unicode, _) => chance.random_range('\u{10000}'..=char::MAX),
        })
        .collect()
}

fn hash_key(small: bool, chance: &mut StdRng) -> HashKey {
    if small {
        return HashKey::new(chance.random_range(0..1000));
    }
    match chance.random_range(0..10) {
        0 => HashKey::MAX,
        // Any length of text, but too long to be an index to Node.
        1 => HashKey::new(u128::from(chance.random::<u64>()) + (1 << 32)),
        _ => HashKey::new(chance.random()),
    }
}

fn data(large: bool, magic: f64, chance: &mut StdRng) -> Bytes {
    let length = match chance.random_range(0..8) {
        _ if large => LARGE_DATA,
        0 => 0,
        // Around the lengths at which a varint grows.
        1 => chance.random_range(120..=135),
        _ => chance.random_range(1..=DATA_MAX),
    };
    let mut data = vec![0; length];
    chance.fill_bytes(&mut data);
    if chance.random_bool(magic) {
        data.splice(0..0, MAGIC);
    }
    data.into()
}

/// A few headers.
pub(crate) fn headers(chance: &mut StdRng) -> Headers {
    let count = chance.random_range(1..=3);
    let header = |_| {
        let (name, value) = (chance.random_range(0..40), chance.random_range(0..200));
        (text(name, Script::Ascii, chance), text(value, Script::Unicode, chance))
    };
    (0..count).map(header).collect()
}
