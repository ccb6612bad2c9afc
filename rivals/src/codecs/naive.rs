//! The aggregate as one would write it in an afternoon: prost's derive, owned strings and vectors, a map for the keys.
//! Why: it is what a Rust user has without us, and so what every ratio in the table is to.
//! It is generous to itself where that costs nothing: it takes its records by value, so no payload is copied on the way
//! in, and moves every payload out.

use md5::{Digest, Md5};
use prost::Message;
use std::collections::HashMap;

const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];
const CHECKSUM: usize = 16;

/// A user record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UserRecord {
    pub(crate) partition_key: String,
    pub(crate) explicit_hash_key: Option<String>,
    pub(crate) data: Vec<u8>,
}

#[derive(Message)]
struct AggregatedRecord {
    #[prost(string, repeated, tag = "1")]
    partition_key_table: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    explicit_hash_key_table: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    records: Vec<Record>,
}

#[derive(Message)]
struct Record {
    #[prost(uint64, required, tag = "1")]
    partition_key_index: u64,
    #[prost(uint64, optional, tag = "2")]
    explicit_hash_key_index: Option<u64>,
    #[prost(bytes = "vec", required, tag = "3")]
    data: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    tags: Vec<Tag>,
}

#[derive(Message)]
struct Tag {
    #[prost(string, required, tag = "1")]
    key: String,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

/// A table of keys that holds each once.
#[derive(Default)]
struct Table {
    keys: Vec<String>,
    indices: HashMap<String, u64>,
}

impl Table {
    fn index(&mut self, key: String) -> u64 {
        if let Some(index) = self.indices.get(&key) {
            return *index;
        }
        let index = self.keys.len() as u64;
        self.keys.push(key.clone());
        self.indices.insert(key, index);
        index
    }
}

/// The records as the data of one Kinesis record.
pub(crate) fn pack(records: Vec<UserRecord>) -> Vec<u8> {
    let (mut partition_keys, mut hash_keys) = (Table::default(), Table::default());
    let records = records.into_iter().map(|record| Record {
        partition_key_index: partition_keys.index(record.partition_key),
        explicit_hash_key_index: record.explicit_hash_key.map(|key| hash_keys.index(key)),
        data: record.data,
        tags: Vec::new(),
    });
    let records = records.collect();
    let message =
        AggregatedRecord { partition_key_table: partition_keys.keys, explicit_hash_key_table: hash_keys.keys, records };
    let message = message.encode_to_vec();
    let mut data = Vec::with_capacity(MAGIC.len() + message.len() + CHECKSUM);
    data.extend_from_slice(&MAGIC);
    data.extend_from_slice(&message);
    data.extend_from_slice(&Md5::digest(&message));
    data
}

/// The user records in the data of a Kinesis record; `None` if it is no aggregate.
pub(crate) fn unpack(data: &[u8]) -> Option<Vec<UserRecord>> {
    let message = data.strip_prefix(&MAGIC)?;
    let (message, checksum) = message.split_at_checked(message.len().checked_sub(CHECKSUM)?)?;
    if Md5::digest(message)[..] != *checksum {
        return None;
    }
    let message = AggregatedRecord::decode(message).ok()?;
    let (partition_keys, hash_keys) = (message.partition_key_table, message.explicit_hash_key_table);
    let records = message.records.into_iter().map(|record| {
        let explicit_hash_key = match record.explicit_hash_key_index {
            Some(index) => Some(hash_keys.get(usize::try_from(index).ok()?)?.clone()),
            None => None,
        };
        let partition_key = partition_keys.get(usize::try_from(record.partition_key_index).ok()?)?.clone();
        Some(UserRecord { partition_key, explicit_hash_key, data: record.data })
    });
    records.collect()
}
