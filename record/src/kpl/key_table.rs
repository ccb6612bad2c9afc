//! The partition keys of an aggregate: each once, encoded as it will stand in the message, and found again by its bytes.
//! Why not a hash map: a key is looked up and then added in one step, its bytes stand in the message anyway, and this is
//! the hot spot of packing; with `hashbrown` a record of 100 bytes took a third longer to frame.

use super::layout::{aggregated_record, bytes_field_len, put_bytes_field};
use foldhash::fast::RandomState;
use std::hash::{BuildHasher, Hasher};

/// Keys by index, and indices by key.
pub(super) struct KeyTable {
    /// The encoded field of every key.
    encoded: Vec<u8>,
    /// Where each key's bytes begin in `encoded`, and how many they are.
    spans: Vec<(u32, u32)>,
    /// Open addressing: a key's hash in the upper half, its index plus one in the lower; 0 is free. At least half of
    /// them are free, and their number is a power of two.
    slots: Vec<u64>,
    /// Seeded differently in each process, so that nobody can choose keys that collide.
    hasher: RandomState,
}

/// Where a key stands, or would stand.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Known(u32),
    Free { slot: usize, hash: u32 },
}

const SLOTS_MIN: usize = 64;

impl KeyTable {
    pub(super) fn new() -> Self {
        Self { encoded: Vec::new(), spans: Vec::new(), slots: vec![0; SLOTS_MIN], hasher: RandomState::default() }
    }

    pub(super) fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// The index that the key at this place has, or would have.
    #[inline]
    pub(super) fn index(&self, place: Place) -> u32 {
        match place {
            Place::Known(index) => index,
            Place::Free { .. } => self.spans.len() as u32,
        }
    }

    /// By how much the encoded table would grow.
    #[inline]
    pub(super) fn growth(place: Place, key: &[u8]) -> usize {
        match place {
            Place::Known(_) => 0,
            Place::Free { .. } => bytes_field_len(key.len()),
        }
    }

    #[inline]
    pub(super) fn find(&self, key: &[u8]) -> Place {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        let hash = (hasher.finish() >> 32) as u32;
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let content = self.slots[slot];
            if content == 0 {
                return Place::Free { slot, hash };
            }
            if (content >> 32) as u32 == hash {
                let index = content as u32 - 1;
                let (start, len) = self.spans[index as usize];
                if self.encoded[start as usize..][..len as usize] == *key {
                    return Place::Known(index);
                }
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Adds the key at the place where it was not found.
    #[inline]
    pub(super) fn add(&mut self, place: Place, key: &[u8]) {
        let Place::Free { slot, hash } = place else { return };
        put_bytes_field(&mut self.encoded, aggregated_record::PARTITION_KEY_TABLE, key);
        self.spans.push(((self.encoded.len() - key.len()) as u32, key.len() as u32));
        self.slots[slot] = u64::from(hash) << 32 | self.spans.len() as u64;
        if self.spans.len() * 2 > self.slots.len() {
            self.grow();
        }
    }

    #[cold]
    fn grow(&mut self) {
        let larger = vec![0; self.slots.len() * 4];
        for content in std::mem::replace(&mut self.slots, larger).into_iter().filter(|content| *content != 0) {
            let mask = self.slots.len() - 1;
            let mut slot = (content >> 32) as usize & mask;
            while self.slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = content;
        }
    }

    pub(super) fn clear(&mut self) {
        // Clearing costs as much as there are slots, so a table that was large once becomes small again.
        if self.slots.len() > SLOTS_MIN && self.spans.len() * 16 < self.slots.len() {
            self.slots = vec![0; self.slots.len() / 4];
        } else {
            self.slots.fill(0);
        }
        self.encoded.clear();
        self.spans.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(table: &mut KeyTable, key: &str) -> u32 {
        let place = table.find(key.as_bytes());
        let index = table.index(place);
        table.add(place, key.as_bytes());
        index
    }

    #[test]
    fn keys_keep_their_index_while_the_table_grows_and_shrinks() {
        let mut table = KeyTable::new();
        for count in [10_000, 3, 1000, 0, 1, 1, 1, 10_000] {
            for round in 0..2 {
                for key in 0..count {
                    assert_eq!(add(&mut table, &format!("key {key}")), key, "round {round}");
                }
            }
            assert_eq!(table.spans.len(), count as usize);
            assert!(table.slots.len() >= 2 * table.spans.len());
            table.clear();
            assert!(table.encoded().is_empty());
        }
    }

    #[test]
    fn keys_whose_hashes_collide_are_told_apart() {
        let mut table = KeyTable::new();
        add(&mut table, "one");
        // A second key with the first one's hash, as 32 bits allow.
        let content = table.slots.iter().copied().find(|content| *content != 0).unwrap();
        let hash = (content >> 32) as u32;
        let slot = (hash as usize + 1) & (table.slots.len() - 1);
        table.add(Place::Free { slot, hash }, b"two");
        assert_eq!(add(&mut table, "one"), 0);
        assert_eq!(table.spans.len(), 2);
    }
}
