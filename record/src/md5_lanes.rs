//! MD5 of many independent messages, computed side by side in SIMD lanes.
//!
//! One MD5 is a chain of 64 dependent steps per block, so a single message
//! leaves most of the core idle. Kinesis makes us hash in bulk: every aggregate
//! ends with the MD5 of its ~50 KB body, and every partition key is hashed to
//! find its shard. Those messages are independent, so [`md5_each`] runs sixteen
//! of them at once.
//!
//! Callers: `kpl::pack` and `kpl::unpack` seal and verify many aggregates;
//! `hash_key` hashes many keys.
//!
//! The scalar code is the `md-5` crate. It also finishes what is left when too
//! few messages remain to fill lanes usefully.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::cmp::Reverse;
use std::slice;
use std::sync::OnceLock;

use md5::block_api::compress as compress_scalar;

/// How the lanes are computed. Chosen once by CPU; all give the same digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lanes {
    /// One message after the other.
    Scalar,
    /// Plain loops that the compiler turns into whatever SIMD the target
    /// always has: SSE2 or NEON.
    Portable,
    /// Sixteen lanes in pairs of 256-bit registers.
    Avx2,
    /// Sixteen lanes in 512-bit registers.
    Avx512,
}

impl Lanes {
    /// The fastest way that this CPU can run.
    ///
    /// Found once. A wrong digest would make readers take an aggregate for one
    /// plain record, so lanes are chosen only if they agree with scalar code
    /// on this very CPU.
    #[must_use]
    pub fn best() -> Self {
        static BEST: OnceLock<Lanes> = OnceLock::new();
        let fit = |lanes: &Self| lanes.runs_here() && lanes.agrees();
        *BEST.get_or_init(|| {
            let fastest_first = [Self::Avx512, Self::Avx2, Self::Portable];
            fastest_first.into_iter().find(fit).unwrap_or(Self::Scalar)
        })
    }

    /// Whether these lanes hash messages of one block and of several as scalar
    /// code does.
    fn agrees(self) -> bool {
        let bytes: Vec<u8> = (0..=255).cycle().take(40 * LANES).collect();
        let messages: Vec<&[u8]> = (0..2 * LANES).map(|lane| &bytes[lane..lane + 19 * lane]).collect();
        let mut agreed = 0;
        self.md5_each(&messages, |index, digest| agreed += usize::from(digest == md5(messages[index])));
        agreed == messages.len()
    }

    /// All ways that this CPU can run, [`Lanes::Scalar`] first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut all = vec![Self::Scalar, Self::Portable, Self::Avx2, Self::Avx512];
        all.retain(|lanes| lanes.runs_here());
        all
    }

    /// Hashes every message and hands its index and digest to `each`, in any
    /// order.
    ///
    /// A value that this CPU cannot run falls back to [`Lanes::Portable`].
    pub fn md5_each(self, messages: &[&[u8]], mut each: impl FnMut(usize, [u8; 16])) {
        let kernel = match self {
            Self::Scalar => {
                for (index, message) in messages.iter().enumerate() {
                    each(index, md5(message));
                }
                return;
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if self.runs_here() => Kernel { compress: x86::compress_avx2, fewest: 2 },
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if self.runs_here() => Kernel { compress: x86::compress_avx512, fewest: 2 },
            _ => Kernel { compress: portable::compress, fewest: 5 },
        };
        kernel.md5_each(messages, &mut each);
    }

    fn runs_here(self) -> bool {
        match self {
            Self::Scalar | Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }
}

/// The MD5 of one message.
#[must_use]
pub fn md5(message: &[u8]) -> [u8; 16] {
    let mut state = INIT;
    let (body, tail) = split(message);
    compress_scalar(&mut state, body);
    compress_scalar(&mut state, tail.left());
    digest(state)
}

/// Hashes every message in the fastest way this CPU has, and hands its index
/// and digest to `each`, in any order.
///
/// ```
/// # #[cfg(feature = "unstable-internals")] {
/// # use tailwater_record::md5_lanes::md5_each;
/// let keys: [&[u8]; 3] = [b"", b"a", b"abc"];
/// let mut digests = [[0; 16]; 3];
/// md5_each(&keys, |index, digest| digests[index] = digest);
/// assert_eq!(digests[2][..4], [0x90, 0x01, 0x50, 0x98]);
/// # }
/// ```
pub fn md5_each(messages: &[&[u8]], each: impl FnMut(usize, [u8; 16])) {
    Lanes::best().md5_each(messages, each);
}

type Block = [u8; 64];

/// Lanes of every kernel. Sixteen fill one AVX-512 register or two AVX2
/// registers; the two make two chains of dependent steps that hide each
/// other's latency.
const LANES: usize = 16;

/// The four chaining words of every lane, word by word.
type States = [[u32; LANES]; 4];

/// The blocks of every lane. All are at least as many as the kernel is to run.
type Inputs<'a> = [&'a [Block]; LANES];

const INIT: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// The longest message that fits in one block with its padding.
const ONE_BLOCK: usize = 55;

/// The end of a message: its last bytes, the padding and the bit length.
struct Tail {
    blocks: [Block; 2],
    /// The first block not yet hashed. Starts at 1 if one block is enough.
    at: usize,
}

impl Tail {
    fn left(&self) -> &[Block] {
        self.blocks.get(self.at..).unwrap_or_default()
    }
}

/// Splits a message into its whole blocks and its padded tail.
fn split(message: &[u8]) -> (&[Block], Tail) {
    let (body, rest) = message.as_chunks();
    let at = usize::from(rest.len() <= ONE_BLOCK);
    let mut blocks = [[0; 64]; 2];
    let bytes = &mut blocks.as_flattened_mut()[at * 64..];
    bytes[..rest.len()].copy_from_slice(rest);
    bytes[rest.len()] = 0x80;
    // RFC 1321 wants the bit length modulo 2^64.
    let bits = (message.len() as u64).wrapping_mul(8);
    blocks[1][56..].copy_from_slice(&bits.to_le_bytes());
    (body, Tail { blocks, at })
}

#[inline]
fn digest(state: [u32; 4]) -> [u8; 16] {
    let mut digest = [0; 16];
    for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_le_bytes();
    }
    digest
}

/// One way to run all lanes, and when it pays.
#[derive(Clone, Copy)]
struct Kernel {
    /// Runs this many blocks of every lane. Only the first `active` lanes
    /// matter, so a kernel may leave the others alone.
    compress: fn(&mut States, &Inputs<'_>, active: usize, blocks: usize),
    /// Scalar code is faster for fewer messages than this.
    fewest: usize,
}

impl Kernel {
    fn md5_each(self, messages: &[&[u8]], each: &mut impl FnMut(usize, [u8; 16])) {
        let mut long = Vec::new();
        let mut batch = Batch { blocks: [[0; 64]; LANES], indexes: [0; LANES], len: 0 };
        for (index, message) in messages.iter().enumerate() {
            if message.len() > ONE_BLOCK {
                long.push(index);
            } else {
                batch.push(index, message);
                if batch.len == LANES {
                    self.one_block_each(&mut batch, each);
                }
            }
        }
        self.one_block_each(&mut batch, each);
        // Longest first, so that no long message is left to run alone.
        long.sort_unstable_by_key(|&index| Reverse(messages[index].len()));
        self.long_each(messages, &long, each);
    }

    /// Hashes and empties a batch of one-block messages. They all end
    /// together, so there is nothing to schedule.
    fn one_block_each(self, batch: &mut Batch, each: &mut impl FnMut(usize, [u8; 16])) {
        let len = std::mem::take(&mut batch.len);
        let mut states = INIT.map(|word| [word; LANES]);
        if len >= self.fewest {
            let inputs = batch.blocks.each_ref().map(slice::from_ref);
            (self.compress)(&mut states, &inputs, len, 1);
        } else {
            for (lane, block) in batch.blocks.iter().enumerate().take(len) {
                let mut state = INIT;
                compress_scalar(&mut state, slice::from_ref(block));
                put_lane(&mut states, lane, state);
            }
        }
        for (lane, &index) in batch.indexes.iter().enumerate().take(len) {
            each(index, digest(lane_of(&states, lane)));
        }
    }

    /// Hashes longer messages. A lane whose message ends takes the next one.
    fn long_each(self, messages: &[&[u8]], order: &[usize], each: &mut impl FnMut(usize, [u8; 16])) {
        let mut waiting = order.iter().map(|&index| Job::new(index, messages[index]));
        let mut jobs: Vec<Job<'_>> = waiting.by_ref().take(LANES).collect();
        let mut states = INIT.map(|word| [word; LANES]);
        while jobs.len() >= self.fewest {
            // Idle lanes repeat the first lane; nobody reads what they compute.
            let mut inputs = [jobs[0].left(); LANES];
            for (input, job) in inputs.iter_mut().zip(&jobs) {
                *input = job.left();
            }
            let blocks = inputs.iter().map(|input| input.len()).min().unwrap_or(0);
            (self.compress)(&mut states, &inputs, jobs.len(), blocks);
            // From the back, so that the last lane can move into a free one.
            for lane in (0..jobs.len()).rev() {
                jobs[lane].advance(blocks);
                if !jobs[lane].left().is_empty() {
                    continue;
                }
                each(jobs[lane].index, digest(lane_of(&states, lane)));
                if let Some(next) = waiting.next() {
                    jobs[lane] = next;
                    put_lane(&mut states, lane, INIT);
                } else {
                    let last = lane_of(&states, jobs.len() - 1);
                    put_lane(&mut states, lane, last);
                    jobs.swap_remove(lane);
                }
            }
        }
        for (lane, job) in jobs.iter().enumerate() {
            let mut state = lane_of(&states, lane);
            compress_scalar(&mut state, job.body);
            compress_scalar(&mut state, job.tail.left());
            each(job.index, digest(state));
        }
    }
}

#[inline]
fn lane_of(states: &States, lane: usize) -> [u32; 4] {
    states.each_ref().map(|words| words[lane])
}

fn put_lane(states: &mut States, lane: usize, state: [u32; 4]) {
    for (words, word) in states.iter_mut().zip(state) {
        words[lane] = word;
    }
}

/// One-block messages that wait until there is one for every lane.
struct Batch {
    blocks: [Block; LANES],
    indexes: [usize; LANES],
    len: usize,
}

impl Batch {
    /// Adds a message of at most [`ONE_BLOCK`] bytes. There must be room.
    #[inline]
    fn push(&mut self, index: usize, message: &[u8]) {
        let block = &mut self.blocks[self.len];
        *block = [0; 64];
        block[..message.len()].copy_from_slice(message);
        block[message.len()] = 0x80;
        block[56..58].copy_from_slice(&(message.len() as u16 * 8).to_le_bytes());
        self.indexes[self.len] = index;
        self.len += 1;
    }
}

/// A message on its way through a lane.
struct Job<'m> {
    index: usize,
    body: &'m [Block],
    tail: Tail,
}

impl<'m> Job<'m> {
    fn new(index: usize, message: &'m [u8]) -> Self {
        let (body, tail) = split(message);
        Self { index, body, tail }
    }

    /// The blocks that can be hashed without a stop: the body, then the tail.
    fn left(&self) -> &[Block] {
        if self.body.is_empty() { self.tail.left() } else { self.body }
    }

    fn advance(&mut self, blocks: usize) {
        if self.body.is_empty() {
            self.tail.at += blocks;
        } else {
            self.body = self.body.get(blocks..).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests;
