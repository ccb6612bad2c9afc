//! The two names that every answer carries, by which people find it again in a log.
//! Chance comes from a seed of the broker's own and a count, so that no lock and no thread's generator is needed.
//! Called by `broker`.

use base64_simd::STANDARD;
use std::sync::atomic::{AtomicU64, Ordering};

/// Hands out names.
#[derive(Debug)]
pub(crate) struct Ids {
    seed: u64,
    count: AtomicU64,
}

/// Words of chance that one answer takes: two for its id, nine for the other.
const WORDS: u64 = 11;

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, count: AtomicU64::new(0) }
    }

    /// A request id, which is a UUID, and the second name, which is 72 bytes in base64.
    pub(crate) fn next(&self) -> (String, String) {
        let first = self.count.fetch_add(WORDS, Ordering::Relaxed);
        let word = |place: u64| scatter(self.seed.wrapping_add((first + place).wrapping_mul(GOLDEN)));
        let (high, low) = (word(0) & !0xf000 | 0x4000, word(1) & !(3 << 62) | 2 << 62);
        let uuid = format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        );
        let mut bytes = [0; 72];
        for (place, chunk) in (2..).zip(bytes.chunks_exact_mut(8)) {
            chunk.copy_from_slice(&word(place).to_be_bytes());
        }
        (uuid, STANDARD.encode_to_string(bytes))
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The mixing step of SplitMix64: every bit of the input moves half the bits of the output.
fn scatter(mut word: u64) -> u64 {
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_services_form_and_do_not_repeat() {
        let ids = Ids::new(42);
        let names: Vec<(String, String)> = (0..100).map(|_| ids.next()).collect();
        for (uuid, second) in &names {
            let groups: Vec<usize> = uuid.split('-').map(str::len).collect();
            assert_eq!((groups.as_slice(), second.len()), (&[8, 4, 4, 4, 12][..], 96));
            assert!(uuid[14..].starts_with('4') && "89ab".contains(&uuid[19..20]), "{uuid}");
        }
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }
}
