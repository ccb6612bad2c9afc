//! The steps of MD5, and the kernel in plain loops.
//!
//! The compiler vectorizes it for whatever SIMD the target always has: SSE2 or
//! NEON. The kernels for x86-64 share the order of the steps.

use super::{Inputs, LANES, States};

/// The constants of RFC 1321: the integer part of 2^32 * abs(sin(i + 1)).
#[rustfmt::skip]
pub(super) const K: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

/// The 64 steps of one block. `$step` has three const parameters: the round,
/// the rotation, and 32 minus the rotation, which stable Rust cannot compute
/// from another const parameter. It returns the new `$a`.
macro_rules! md5_steps {
    ($step:ident $more:tt ($a:ident, $b:ident, $c:ident, $d:ident, $w:ident, $k:ident)) => {
        md5_steps!(@round $step $more $a $b $c $d $w $k; 0 [7 25 12 20 17 15 22 10]
            0 [0 1 2 3] 4 [4 5 6 7] 8 [8 9 10 11] 12 [12 13 14 15]);
        md5_steps!(@round $step $more $a $b $c $d $w $k; 1 [5 27 9 23 14 18 20 12]
            16 [1 6 11 0] 20 [5 10 15 4] 24 [9 14 3 8] 28 [13 2 7 12]);
        md5_steps!(@round $step $more $a $b $c $d $w $k; 2 [4 28 11 21 16 16 23 9]
            32 [5 8 11 14] 36 [1 4 7 10] 40 [13 0 3 6] 44 [9 12 15 2]);
        md5_steps!(@round $step $more $a $b $c $d $w $k; 3 [6 26 10 22 15 17 21 11]
            48 [0 7 14 5] 52 [12 3 10 1] 56 [8 15 6 13] 60 [4 11 2 9]);
    };
    (@round $step:ident $more:tt $a:ident $b:ident $c:ident $d:ident $w:ident $k:ident;
        $round:tt $rotate:tt $($first:tt $words:tt)*) => {
        $(md5_steps!(@four $step $more $a $b $c $d $w $k; $round $rotate $first $words);)*
    };
    (@four $step:ident [$($more:tt)*] $a:ident $b:ident $c:ident $d:ident $w:ident $k:ident;
        $round:tt [$l0:tt $r0:tt $l1:tt $r1:tt $l2:tt $r2:tt $l3:tt $r3:tt]
        $first:tt [$w0:tt $w1:tt $w2:tt $w3:tt]) => {
        $a = $step::<$round, $l0, $r0, $($more)*>($a, $b, $c, $d, &$w[$w0], $k[$first]);
        $d = $step::<$round, $l1, $r1, $($more)*>($d, $a, $b, $c, &$w[$w1], $k[$first + 1]);
        $c = $step::<$round, $l2, $r2, $($more)*>($c, $d, $a, $b, &$w[$w2], $k[$first + 2]);
        $b = $step::<$round, $l3, $r3, $($more)*>($b, $c, $d, $a, &$w[$w3], $k[$first + 3]);
    };
}
#[cfg(target_arch = "x86_64")]
pub(super) use md5_steps;

type Words = [u32; LANES];

/// See `Kernel::compress`.
pub(super) fn compress(states: &mut States, inputs: &Inputs<'_>, _: usize, blocks: usize) {
    let mut words = [[0; LANES]; 16];
    for block in 0..blocks {
        for (lane, input) in inputs.iter().enumerate() {
            for (word, bytes) in words.iter_mut().zip(input[block].as_chunks().0) {
                word[lane] = u32::from_le_bytes(*bytes);
            }
        }
        let mut next = *states;
        let [mut a, mut b, mut c, mut d] = next.each_mut();
        md5_steps!(step[](a, b, c, d, words, K));
        let next = [a, b, c, d];
        for (sums, words) in states.iter_mut().zip(next) {
            for (sum, word) in sums.iter_mut().zip(words) {
                *sum = sum.wrapping_add(*word);
            }
        }
    }
}

/// One step of all lanes. Never inlined: the compiler vectorizes this loop
/// well, but makes scalar code of 64 such loops in one function.
#[inline(never)]
fn step<'a, const ROUND: u8, const LEFT: u32, const RIGHT: u32>(
    a: &'a mut Words,
    b: &Words,
    c: &Words,
    d: &Words,
    w: &Words,
    k: u32,
) -> &'a mut Words {
    for lane in 0..LANES {
        let (x, y, z) = (b[lane], c[lane], d[lane]);
        let mixed = match ROUND {
            0 => z ^ (x & (y ^ z)),
            1 => (y & !z).wrapping_add(x & z),
            2 => x ^ (y ^ z),
            _ => y ^ (x | !z),
        };
        let sum = a[lane].wrapping_add(w[lane].wrapping_add(k)).wrapping_add(mixed);
        a[lane] = x.wrapping_add((sum << LEFT) | (sum >> RIGHT));
    }
    a
}
