//! The kernels for x86-64 with AVX2 or AVX-512.
//!
//! They are intrinsics because the compiler does not find the shuffles that
//! transpose the message words, and makes scalar code of the steps of two
//! registers. Loads and stores are built from integers, so they need no
//! pointers; the compiler makes single instructions of them.

use super::{Block, Inputs, LANES, States, portable};

/// See `Kernel::compress`.
#[allow(unsafe_code)]
pub(super) fn compress_avx2(states: &mut States, inputs: &Inputs<'_>, active: usize, blocks: usize) {
    if !is_x86_feature_detected!("avx2") {
        portable::compress(states, inputs, active, blocks);
    } else if active <= 8 {
        // SAFETY: the CPU has AVX2, as checked above.
        unsafe { avx2::compress::<1>(states, inputs, blocks) }
    } else {
        // SAFETY: the CPU has AVX2, as checked above.
        unsafe { avx2::compress::<2>(states, inputs, blocks) }
    }
}

/// See `Kernel::compress`.
#[allow(unsafe_code)]
pub(super) fn compress_avx512(states: &mut States, inputs: &Inputs<'_>, active: usize, blocks: usize) {
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the CPU has AVX-512F, as checked above.
        unsafe { avx512::compress(states, inputs, blocks) }
    } else {
        portable::compress(states, inputs, active, blocks);
    }
}

mod avx2 {
    use super::super::portable::{K, md5_steps};
    use super::{Block, Inputs, States};
    use std::arch::x86_64::*;

    /// The same word of 8 lanes.
    type V = __m256i;

    /// Runs the first 8 * `GROUPS` lanes. The steps of the groups alternate, so
    /// that one group computes while the other waits for its result.
    #[target_feature(enable = "avx2")]
    pub(super) fn compress<const GROUPS: usize>(states: &mut States, inputs: &Inputs<'_>, blocks: usize) {
        let (inputs, _) = inputs.as_chunks::<8>();
        let zero = [_mm256_setzero_si256(); GROUPS];
        let mut sums = [zero; 4];
        for (sums, words) in sums.iter_mut().zip(&*states) {
            for (sum, words) in sums.iter_mut().zip(words.as_chunks().0) {
                *sum = load_words(words);
            }
        }
        for block in 0..blocks {
            let mut words = [zero; 16];
            for group in 0..GROUPS {
                for half in 0..2 {
                    let mut rows = [zero[0]; 8];
                    for (row, input) in rows.iter_mut().zip(inputs[group]) {
                        *row = load_half(&input[block], half);
                    }
                    for (i, word) in transpose(rows).into_iter().enumerate() {
                        words[half * 8 + i][group] = word;
                    }
                }
            }
            let [mut a, mut b, mut c, mut d] = sums;
            md5_steps!(step[GROUPS](a, b, c, d, words, K));
            for (sums, words) in sums.iter_mut().zip([a, b, c, d]) {
                for (sum, word) in sums.iter_mut().zip(words) {
                    *sum = _mm256_add_epi32(*sum, word);
                }
            }
        }
        for (words, sums) in states.iter_mut().zip(sums) {
            for (words, sum) in words.as_chunks_mut().0.iter_mut().zip(sums) {
                *words = store_words(sum);
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn step<const ROUND: u8, const LEFT: i32, const RIGHT: i32, const GROUPS: usize>(
        mut a: [V; GROUPS],
        b: [V; GROUPS],
        c: [V; GROUPS],
        d: [V; GROUPS],
        w: &[V; GROUPS],
        k: u32,
    ) -> [V; GROUPS] {
        let k = _mm256_set1_epi32(k.cast_signed());
        for group in 0..GROUPS {
            let (x, y, z) = (b[group], c[group], d[group]);
            let mut sum = _mm256_add_epi32(a[group], _mm256_add_epi32(w[group], k));
            // `x` is the newest word. Each form leaves little to do after it.
            let mixed = match ROUND {
                0 => _mm256_xor_si256(z, _mm256_and_si256(x, _mm256_xor_si256(y, z))),
                1 => {
                    sum = _mm256_add_epi32(sum, _mm256_andnot_si256(z, y));
                    _mm256_and_si256(x, z)
                }
                2 => _mm256_xor_si256(x, _mm256_xor_si256(y, z)),
                _ => {
                    let not_z = _mm256_xor_si256(z, _mm256_set1_epi32(-1));
                    _mm256_xor_si256(y, _mm256_or_si256(x, not_z))
                }
            };
            sum = _mm256_add_epi32(sum, mixed);
            let left = _mm256_slli_epi32::<LEFT>(sum);
            let right = _mm256_srli_epi32::<RIGHT>(sum);
            a[group] = _mm256_add_epi32(x, _mm256_or_si256(left, right));
        }
        a
    }

    /// Turns 8 words of each of 8 lanes into 8 lanes of each of 8 words.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn transpose(rows: [V; 8]) -> [V; 8] {
        let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
        let [a0, a1, a2, a3] = transpose_quarters(r0, r1, r2, r3);
        let [b0, b1, b2, b3] = transpose_quarters(r4, r5, r6, r7);
        [
            _mm256_permute2x128_si256::<0x20>(a0, b0),
            _mm256_permute2x128_si256::<0x20>(a1, b1),
            _mm256_permute2x128_si256::<0x20>(a2, b2),
            _mm256_permute2x128_si256::<0x20>(a3, b3),
            _mm256_permute2x128_si256::<0x31>(a0, b0),
            _mm256_permute2x128_si256::<0x31>(a1, b1),
            _mm256_permute2x128_si256::<0x31>(a2, b2),
            _mm256_permute2x128_si256::<0x31>(a3, b3),
        ]
    }

    /// Transposes 4x4 words in each half of the registers.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn transpose_quarters(r0: V, r1: V, r2: V, r3: V) -> [V; 4] {
        let low01 = _mm256_unpacklo_epi32(r0, r1);
        let high01 = _mm256_unpackhi_epi32(r0, r1);
        let low23 = _mm256_unpacklo_epi32(r2, r3);
        let high23 = _mm256_unpackhi_epi32(r2, r3);
        [
            _mm256_unpacklo_epi64(low01, low23),
            _mm256_unpackhi_epi64(low01, low23),
            _mm256_unpacklo_epi64(high01, high23),
            _mm256_unpackhi_epi64(high01, high23),
        ]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_half(block: &Block, half: usize) -> V {
        let (quads, _) = block.as_chunks::<8>();
        let quad = |i: usize| i64::from_le_bytes(quads[half * 4 + i]);
        _mm256_setr_epi64x(quad(0), quad(1), quad(2), quad(3))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_words(words: &[u32; 8]) -> V {
        let [a, b, c, d, e, f, g, h] = words.map(u32::cast_signed);
        _mm256_setr_epi32(a, b, c, d, e, f, g, h)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store_words(v: V) -> [u32; 8] {
        let words = [
            _mm256_extract_epi32::<0>(v),
            _mm256_extract_epi32::<1>(v),
            _mm256_extract_epi32::<2>(v),
            _mm256_extract_epi32::<3>(v),
            _mm256_extract_epi32::<4>(v),
            _mm256_extract_epi32::<5>(v),
            _mm256_extract_epi32::<6>(v),
            _mm256_extract_epi32::<7>(v),
        ];
        words.map(i32::cast_unsigned)
    }
}

/// Like `avx2` with one register for all lanes. The compiler merges the logic
/// operations into `vpternlogd`.
mod avx512 {
    use super::super::portable::{K, md5_steps};
    use super::{Block, Inputs, LANES, States};
    use std::arch::x86_64::*;
    use std::hint::black_box;

    /// The same word of all lanes.
    type V = __m512i;

    #[target_feature(enable = "avx512f")]
    pub(super) fn compress(states: &mut States, inputs: &Inputs<'_>, blocks: usize) {
        let zero = _mm512_setzero_si512();
        let mut sums = [zero; 4];
        for (sum, words) in sums.iter_mut().zip(&*states) {
            *sum = load_words(words);
        }
        // The compiler would add known constants last, which makes the chain of
        // dependent operations longer. (AVX2 gains nothing from hiding them.)
        let k = black_box(&K);
        for block in 0..blocks {
            let mut rows = [zero; LANES];
            for (row, input) in rows.iter_mut().zip(inputs) {
                *row = load_block(&input[block]);
            }
            let words = transpose(rows);
            let [mut a, mut b, mut c, mut d] = sums;
            md5_steps!(step[](a, b, c, d, words, k));
            for (sum, word) in sums.iter_mut().zip([a, b, c, d]) {
                *sum = _mm512_add_epi32(*sum, word);
            }
        }
        for (words, sum) in states.iter_mut().zip(sums) {
            *words = store_words(sum);
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn step<const ROUND: u8, const LEFT: i32, const RIGHT: i32>(a: V, b: V, c: V, d: V, w: &V, k: u32) -> V {
        let k = _mm512_set1_epi32(k.cast_signed());
        let mixed = match ROUND {
            0 => _mm512_or_si512(_mm512_and_si512(b, c), _mm512_andnot_si512(b, d)),
            1 => _mm512_or_si512(_mm512_and_si512(b, d), _mm512_andnot_si512(d, c)),
            2 => _mm512_xor_si512(b, _mm512_xor_si512(c, d)),
            _ => {
                let not_d = _mm512_xor_si512(d, _mm512_set1_epi32(-1));
                _mm512_xor_si512(c, _mm512_or_si512(b, not_d))
            }
        };
        let sum = _mm512_add_epi32(_mm512_add_epi32(a, _mm512_add_epi32(*w, k)), mixed);
        _mm512_add_epi32(b, _mm512_rol_epi32::<LEFT>(sum))
    }

    /// Turns 16 words of each of 16 lanes into 16 lanes of each of 16 words.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn transpose(rows: [V; 16]) -> [V; 16] {
        let mut quarters = [[rows[0]; 4]; 4];
        for (quarter, rows) in quarters.iter_mut().zip(rows.as_chunks().0) {
            *quarter = transpose_quarters(rows);
        }
        let mut words = rows;
        for i in 0..4 {
            let low01 = _mm512_shuffle_i32x4::<0x44>(quarters[0][i], quarters[1][i]);
            let high01 = _mm512_shuffle_i32x4::<0xee>(quarters[0][i], quarters[1][i]);
            let low23 = _mm512_shuffle_i32x4::<0x44>(quarters[2][i], quarters[3][i]);
            let high23 = _mm512_shuffle_i32x4::<0xee>(quarters[2][i], quarters[3][i]);
            words[i] = _mm512_shuffle_i32x4::<0x88>(low01, low23);
            words[4 + i] = _mm512_shuffle_i32x4::<0xdd>(low01, low23);
            words[8 + i] = _mm512_shuffle_i32x4::<0x88>(high01, high23);
            words[12 + i] = _mm512_shuffle_i32x4::<0xdd>(high01, high23);
        }
        words
    }

    /// Transposes 4x4 words in each quarter of the registers.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn transpose_quarters(rows: &[V; 4]) -> [V; 4] {
        let low01 = _mm512_unpacklo_epi32(rows[0], rows[1]);
        let high01 = _mm512_unpackhi_epi32(rows[0], rows[1]);
        let low23 = _mm512_unpacklo_epi32(rows[2], rows[3]);
        let high23 = _mm512_unpackhi_epi32(rows[2], rows[3]);
        [
            _mm512_unpacklo_epi64(low01, low23),
            _mm512_unpackhi_epi64(low01, low23),
            _mm512_unpacklo_epi64(high01, high23),
            _mm512_unpackhi_epi64(high01, high23),
        ]
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load_block(block: &Block) -> V {
        let (quads, _) = block.as_chunks::<8>();
        let quad = |i: usize| i64::from_le_bytes(quads[i]);
        _mm512_setr_epi64(quad(0), quad(1), quad(2), quad(3), quad(4), quad(5), quad(6), quad(7))
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load_words(words: &[u32; LANES]) -> V {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = words.map(u32::cast_signed);
        _mm512_setr_epi32(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store_words(v: V) -> [u32; LANES] {
        let mut words = [0; LANES];
        let quarters = [
            _mm512_extracti32x4_epi32::<0>(v),
            _mm512_extracti32x4_epi32::<1>(v),
            _mm512_extracti32x4_epi32::<2>(v),
            _mm512_extracti32x4_epi32::<3>(v),
        ];
        for (words, quarter) in words.as_chunks_mut().0.iter_mut().zip(quarters) {
            *words = [
                _mm_extract_epi32::<0>(quarter).cast_unsigned(),
                _mm_extract_epi32::<1>(quarter).cast_unsigned(),
                _mm_extract_epi32::<2>(quarter).cast_unsigned(),
                _mm_extract_epi32::<3>(quarter).cast_unsigned(),
            ];
        }
        words
    }
}
