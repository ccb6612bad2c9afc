use super::*;
use md5::{Digest, Md5};
use proptest::prelude::*;

fn reference(message: &[u8]) -> [u8; 16] {
    Md5::digest(message).into()
}

/// Deterministic bytes that differ between messages and positions.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Checks every message exactly once, in every way this CPU has.
fn check(messages: &[Vec<u8>]) {
    let slices: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let expected: Vec<_> = slices.iter().map(|m| Some(reference(m))).collect();
    for lanes in Lanes::available() {
        let mut got = vec![None; slices.len()];
        lanes.md5_each(&slices, |index, digest| {
            assert_eq!(got[index].replace(digest), None, "{lanes:?}: {index} came twice");
        });
        assert!(got == expected, "{lanes:?}: wrong digest among {} messages", slices.len());
    }
    let mut got = vec![None; slices.len()];
    md5_each(&slices, |index, digest| got[index] = Some(digest));
    assert!(got == expected, "md5_each: wrong digest among {} messages", slices.len());
}

fn hex(digest: [u8; 16]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn rfc_1321_vectors() {
    let vectors: [(&str, &str); 7] = [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("a", "0cc175b9c0f1b6a831c399e269772661"),
        ("abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"),
        (
            "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
            "57edf4a22be3c955ac49da2e2107b67a",
        ),
    ];
    let messages = vectors.map(|(message, _)| message.as_bytes());
    for (message, digest) in vectors {
        assert_eq!(hex(md5(message.as_bytes())), digest);
    }
    for lanes in Lanes::available() {
        lanes.md5_each(&messages, |i, digest| assert_eq!(hex(digest), vectors[i].1, "{lanes:?}"));
    }
}

#[test]
fn every_short_length() {
    let mut messages: Vec<_> = (0..=200).map(|len| noise(len, len as u64)).collect();
    for message in &messages {
        assert_eq!(md5(message), reference(message));
        // The same message in all lanes, so that all end together.
        check(&vec![message.clone(); LANES]);
    }
    check(&messages);
    // Shorter ones after longer ones, which must not leave bytes behind.
    messages.reverse();
    check(&messages);
}

#[test]
fn every_count_around_the_lanes() {
    for count in 0..=2 * LANES + 2 {
        let index = |i: usize| i as u64;
        check(&(0..count).map(|i| noise(16, index(i))).collect::<Vec<_>>());
        check(&(0..count).map(|i| noise(1000, index(i))).collect::<Vec<_>>());
        check(&(0..count).map(|i| noise(i * 37, index(i))).collect::<Vec<_>>());
    }
}

#[test]
fn aggregates_and_keys_together() {
    let messages: Vec<_> = (0..60)
        .map(|i: usize| match i % 3 {
            0 => noise(30_000 + i * 457, i as u64),
            _ => noise(i, i as u64),
        })
        .collect();
    check(&messages);
}

#[test]
fn lanes_this_cpu_may_lack_still_work() {
    let messages = vec![noise(100, 1); 20];
    let slices: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    for lanes in [Lanes::Scalar, Lanes::Portable, Lanes::Avx2, Lanes::Avx512] {
        let mut count = 0;
        lanes.md5_each(&slices, |_, digest| {
            count += 1;
            assert_eq!(digest, reference(&messages[0]), "{lanes:?}");
        });
        assert_eq!(count, messages.len());
    }
}

#[test]
fn best_is_available() {
    let available = Lanes::available();
    assert_eq!(available[0], Lanes::Scalar);
    assert!(available.contains(&Lanes::best()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_messages(lens in prop::collection::vec(prop_oneof![0..80usize, 0..10_240usize], 0..50), seed: u64) {
        let messages: Vec<_> = lens.iter().zip(0..).map(|(&len, i)| noise(len, seed ^ i)).collect();
        check(&messages);
    }
}
