//! What stands in a segment: a head, and frames behind one another.
//! Every frame has a checksum over itself, its place, and a salt of its segment, so that nothing is taken for a frame that
//! was not written there: neither what the disk tore, nor what another file left in the same blocks.
//! A frame also says how much of the file was certain when it was written. What is written once the bytes before it are
//! certain proves that they were; so at recovery a hole in front of such a frame is damage, and a hole behind the last one
//! is a tail that was never acknowledged.
//! The layout stands in `docs/formats/log.md`. Pure. Called by `append`, `segment` and `scan`.

use crate::stream::block::Block;
use bytes::Bytes;
use tailwater_record::Timestamp;

/// Bytes before a frame's content.
pub(crate) const HEAD: usize = 20;
/// Bytes before the records of a batch, inside its frame.
const BATCH: usize = 40;
/// Bytes at the beginning of a segment.
pub(crate) const SEGMENT_HEAD: usize = 64;
/// No frame has more content.
const MOST: u32 = 256 << 20;

/// The version of everything in the folder. A change of bytes that an older broker would misread takes another.
pub(crate) const FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"tailwlog";

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Records of one shard.
    Batch = 1,
    /// What a stream is, or what has changed about it.
    Stream = 2,
    /// What an account has agreed to.
    Account = 3,
    /// All streams and accounts have been told since the segment began.
    Told = 4,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Batch, Self::Stream, Self::Account, Self::Told].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// What is written at the beginning of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHead {
    pub(crate) number: u64,
    /// The log that it belongs to.
    pub(crate) log: u64,
    /// The segment before it, and how many of its bytes count; zero and zero if there is none.
    pub(crate) previous: u64,
    pub(crate) cut: u64,
}

/// Why a segment's head is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadFault {
    /// Nothing, or only a part of it, was written.
    Torn,
    /// It is of another format.
    Format(u32),
}

impl SegmentHead {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEAD] {
        let mut bytes = [0; SEGMENT_HEAD];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        for (at, number) in [(16, self.number), (24, self.log), (32, self.previous), (40, self.cut)] {
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        let code = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&code.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; SEGMENT_HEAD]) -> Result<Self, HeadFault> {
        let number =
            |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u64::from_le_bytes(*word));
        let small =
            |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u32::from_le_bytes(*word));
        if !bytes.starts_with(MAGIC) || small(60) != crc32fast::hash(&bytes[..60]) {
            return Err(HeadFault::Torn);
        }
        match small(8) {
            FORMAT => Ok(Self { number: number(16), log: number(24), previous: number(32), cut: number(40) }),
            format => Err(HeadFault::Format(format)),
        }
    }

    /// What frames of this segment are checked with.
    pub(crate) fn salt(&self) -> u32 {
        salt(self.log, self.number)
    }
}

/// What frames of a segment are checked with.
pub(crate) fn salt(log: u64, segment: u64) -> u32 {
    crc32fast::hash(&[log.to_le_bytes(), segment.to_le_bytes()].concat())
}

/// A frame's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    code: u32,
    /// Bytes of content.
    pub(crate) length: u32,
    pub(crate) kind: Kind,
    /// So much of the file was certain when this was written.
    pub(crate) certain: u64,
}

impl Head {
    /// Reads a head; `None` if no frame begins like this.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let [c0, c1, c2, c3, l0, l1, l2, l3, kind, 0, 0, 0, certain @ ..] = bytes.first_chunk::<HEAD>()? else {
            return None;
        };
        let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]);
        let kind = Kind::of(*kind).filter(|_| length <= MOST)?;
        Some(Self {
            code: u32::from_le_bytes([*c0, *c1, *c2, *c3]),
            length,
            kind,
            certain: u64::from_le_bytes(*certain),
        })
    }

    /// Bytes of the whole frame.
    pub(crate) fn size(&self) -> usize {
        HEAD + self.length as usize
    }
}

fn code(salt: u32, at: u64, framed: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(&at.to_le_bytes());
    hasher.update(framed);
    hasher.finalize()
}

/// The content of a whole frame, if it is as it was written here.
pub(crate) fn content(salt: u32, at: u64, frame: &[u8]) -> Option<(Head, &[u8])> {
    let head = Head::read(frame)?;
    let whole = frame.get(..head.size())?;
    (code(salt, at, &whole[4..]) == head.code).then(|| (head, &whole[HEAD..]))
}

/// Frames on their way into a segment.
#[derive(Debug)]
pub(crate) struct Frames {
    salt: u32,
    /// Where the first of them is to stand.
    at: u64,
    certain: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Frames {
    pub(crate) fn new(salt: u32, at: u64, certain: u64, bytes: Vec<u8>) -> Self {
        Self { salt, at, certain, bytes }
    }

    /// Adds a frame whose content `write` appends. Gives its place and size.
    pub(crate) fn add(&mut self, kind: Kind, write: impl FnOnce(&mut Vec<u8>)) -> (u64, u32) {
        let start = self.bytes.len();
        self.bytes.resize(start + HEAD, 0);
        write(&mut self.bytes);
        let frame = &mut self.bytes[start..];
        let length = u32::try_from(frame.len() - HEAD).expect("content is far below four GiB");
        frame[4..8].copy_from_slice(&length.to_le_bytes());
        frame[8] = kind as u8;
        frame[12..20].copy_from_slice(&self.certain.to_le_bytes());
        let at = self.at + start as u64;
        let code = code(self.salt, at, &frame[4..]);
        frame[..4].copy_from_slice(&code.to_le_bytes());
        (at, length + HEAD as u32)
    }
}

/// Records of one shard, as a frame holds them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Batch {
    /// The stream.
    pub(crate) serial: u64,
    pub(crate) shard: u32,
    pub(crate) count: u32,
    pub(crate) first: u64,
    began: Timestamp,
    pub(crate) newest: Timestamp,
    bytes: Bytes,
}

/// How many bytes a batch takes.
pub(crate) fn batch_size(block: &Block<Bytes>) -> usize {
    HEAD + BATCH + block.bytes.len()
}

/// Writes a batch's content.
pub(crate) fn write_batch(serial: u64, shard: u32, block: &Block<Bytes>, out: &mut Vec<u8>) {
    let count = u32::try_from(block.count).expect("a block is small");
    out.extend_from_slice(&serial.to_le_bytes());
    out.extend_from_slice(&shard.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&block.first.to_le_bytes());
    out.extend_from_slice(&block.began.millis().to_le_bytes());
    out.extend_from_slice(&block.newest.millis().to_le_bytes());
    out.extend_from_slice(&block.bytes);
}

impl Batch {
    /// Reads a batch's content; its records have still to be looked at.
    pub(crate) fn read(content: &Bytes) -> Option<Self> {
        let (serial, rest) = content.split_first_chunk()?;
        let (shard, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (first, rest) = rest.split_first_chunk()?;
        let (began, rest) = rest.split_first_chunk()?;
        let (newest, _) = rest.split_first_chunk::<8>()?;
        Some(Self {
            serial: u64::from_le_bytes(*serial),
            shard: u32::from_le_bytes(*shard),
            count: u32::from_le_bytes(*count),
            first: u64::from_le_bytes(*first),
            began: Timestamp::from_millis(i64::from_le_bytes(*began)),
            newest: Timestamp::from_millis(i64::from_le_bytes(*newest)),
            bytes: content.slice(BATCH..),
        })
    }

    /// Its records, if they are what it says.
    pub(crate) fn block(self) -> Option<Block<Bytes>> {
        let Self { count, first, began, newest, bytes, .. } = self;
        Block::read_back(first, u64::from(count), began, bytes).filter(|block| block.newest == newest)
    }
}
