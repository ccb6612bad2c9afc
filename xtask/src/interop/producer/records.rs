//! Random user records, as odd as they may be: of any size up to the largest, with keys of any letters or none, and with
//! payloads that look like aggregates or are.
//! Pure: one seed, the same records. Called by `producer`.

use crate::interop::batches::{Script, headers, partition_key};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use tailwater_record::kpl::{MAGIC, Packer};
use tailwater_record::{Error, HashKey, PartitionKey, UserRecord};
use tailwater_wire::limits;

/// Few enough that most keys come often, or there would be no order to keep.
const KEYS: usize = 300;
const HASH_KEYS: usize = 40;
/// What a record of the largest size leaves to its key, its headers and the frame of an aggregate.
const FRAME: usize = 16 * 1024;

/// So many records.
pub(super) fn records(seed: u64, count: usize) -> Result<Vec<UserRecord>, Error> {
    let chance = &mut StdRng::seed_from_u64(seed);
    let mut keys = Vec::with_capacity(KEYS);
    for _ in 0..KEYS {
        let script = *[Script::Ascii, Script::Unicode, Script::Digits].choose(chance).unwrap_or(&Script::Ascii);
        keys.push(partition_key(script, chance)?);
    }
    let mut hash_keys = vec![HashKey::MIN, HashKey::MAX];
    hash_keys.extend((0..HASH_KEYS).map(|_| HashKey::new(chance.random())));
    (0..count).map(|_| record(&keys, &hash_keys, chance)).collect()
}

fn record(keys: &[PartitionKey], hash_keys: &[HashKey], chance: &mut StdRng) -> Result<UserRecord, Error> {
    let key = keys.choose(chance).filter(|_| chance.random_ratio(97, 100)).cloned();
    if chance.random_ratio(1, 5000) {
        return Ok(largest(key, chance));
    }
    let mut record = UserRecord::new(data(chance)?);
    if let Some(key) = key {
        record = record.with_partition_key(key);
    }
    if let Some(hash_key) = hash_keys.choose(chance).filter(|_| chance.random_ratio(3, 10)) {
        record = record.with_explicit_hash_key(*hash_key);
    }
    if chance.random_ratio(1, 20) {
        record = record.with_headers(headers(chance));
    }
    Ok(record)
}

/// As large as a stream takes it, or a little smaller and in need of a frame.
fn largest(key: Option<PartitionKey>, chance: &mut StdRng) -> UserRecord {
    let limit = limits::RECORD_BYTES_DEFAULT.value as usize;
    // Without a key it travels under one of a single letter.
    let exact = limit - key.as_ref().map_or(1, |key| key.as_str().len());
    let record = match chance.random_range(0..3) {
        0 => UserRecord::new(random(exact, chance)),
        1 => UserRecord::new(random(limit - FRAME, chance)).with_headers(headers(chance)),
        _ => UserRecord::new([&MAGIC[..], &random(limit - FRAME, chance)].concat()),
    };
    key.into_iter().fold(record, UserRecord::with_partition_key)
}

fn data(chance: &mut StdRng) -> Result<Bytes, Error> {
    Ok(match chance.random_range(0..200) {
        0 => random(chance.random_range(8 * 1024..=64 * 1024), chance).into(),
        1..=4 => Bytes::new(),
        // The magic alone, too little behind it for a checksum, and something that is no checksum.
        5..=7 => [&MAGIC[..], &random(chance.random_range(0..=100), chance)].concat().into(),
        8..=10 => aggregate(chance)?,
        // Around the lengths at which a varint grows.
        11..=20 => random(chance.random_range(120..=135), chance).into(),
        21..=120 => random(chance.random_range(1..=200), chance).into(),
        _ => random(chance.random_range(1..=2048), chance).into(),
    })
}

/// An aggregate as a payload, such as somebody's who moves records from one stream to another.
fn aggregate(chance: &mut StdRng) -> Result<Bytes, Error> {
    let mut packer = Packer::new();
    for _ in 0..chance.random_range(2..=5) {
        let record = UserRecord::new(random(chance.random_range(0..=50), chance));
        let pushed = packer.push(&record.with_partition_key(partition_key(Script::Ascii, chance)?));
        debug_assert!(pushed.is_ok(), "a few small records fit");
    }
    Ok(packer.take().map(|unsealed| unsealed.seal().into_data()).unwrap_or_default())
}

fn random(length: usize, chance: &mut StdRng) -> Vec<u8> {
    let mut data = vec![0; length];
    chance.fill_bytes(&mut data);
    data
}
