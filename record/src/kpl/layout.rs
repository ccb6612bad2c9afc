//! The bytes of an aggregate: magic, protobuf fields, checksum. Numbers and small codecs only.
//! Why not a protobuf library: two messages of seven fields, whose sizes must be known before they are written and whose
//! payloads must not be copied when they are read. `docs/decisions/protobuf.md` tells more.

/// The first four bytes of every aggregate.
pub const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];

/// What every aggregate holds beside its protobuf message: the magic before it, an MD5 behind it.
pub const AGGREGATE_OVERHEAD: usize = MAGIC.len() + CHECKSUM;

pub(super) const CHECKSUM: usize = 16;

/// The most data that one Kinesis record may have.
pub(super) const DATA_MAX: usize = 10 * 1024 * 1024;

/// `AggregatedRecord`: the tables that records point into, then the records.
pub(super) mod aggregated_record {
    pub(in super::super) const PARTITION_KEY_TABLE: u32 = 1;
    pub(in super::super) const EXPLICIT_HASH_KEY_TABLE: u32 = 2;
    pub(in super::super) const RECORDS: u32 = 3;
}

/// `Record`: one user record.
pub(super) mod record {
    pub(in super::super) const PARTITION_KEY_INDEX: u32 = 1;
    pub(in super::super) const EXPLICIT_HASH_KEY_INDEX: u32 = 2;
    pub(in super::super) const DATA: u32 = 3;
    pub(in super::super) const TAGS: u32 = 4;
}

/// `Tag`: one header.
pub(super) mod tag {
    pub(in super::super) const KEY: u32 = 1;
    pub(in super::super) const VALUE: u32 = 2;
}

/// How a field's value is delimited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    GroupStart = 3,
    GroupEnd = 4,
    Fixed32 = 5,
}

/// The byte before a field's value; all our field numbers fit one.
pub(super) const fn key_byte(field: u32, wire: WireType) -> u8 {
    (field << 3) as u8 | wire as u8
}

/// How many bytes the varint of `value` takes.
pub(super) const fn varint_len(value: u64) -> usize {
    // Seven bits a byte: ceil(bits / 7), and at least one byte.
    (((u64::BITS - (value | 1).leading_zeros()) * 9 + 64) / 64) as usize
}

/// The size of a field with this many bytes as its value.
pub(super) const fn bytes_field_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

/// A few field keys and numbers, written where they belong. (Collected first and then copied, they would be read back
/// before they have left the store buffer, which costs more than the rest of a record's frame.)
pub(super) struct Head<'o> {
    out: &'o mut Vec<u8>,
    at: usize,
}

impl<'o> Head<'o> {
    /// Four keys and four numbers of ten bytes.
    const ROOM: usize = 44;

    #[inline]
    pub(super) fn new(out: &'o mut Vec<u8>) -> Self {
        let at = out.len();
        out.extend_from_slice(&[0; Self::ROOM]);
        Self { out, at }
    }

    #[inline]
    fn byte(&mut self, byte: u8) {
        self.out[self.at] = byte;
        self.at += 1;
    }

    #[inline]
    pub(super) fn key(&mut self, field: u32, wire: WireType) {
        self.byte(key_byte(field, wire));
    }

    #[inline]
    pub(super) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    /// Ends the head; what is appended next stands right behind it.
    #[inline]
    pub(super) fn end(self) {
        self.out.truncate(self.at);
    }
}

/// Appends a field whose value is bytes.
#[inline]
pub(super) fn put_bytes_field(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    let mut head = Head::new(out);
    head.key(field, WireType::Bytes);
    head.varint(value.len() as u64);
    head.end();
    out.extend_from_slice(value);
}

/// Bytes that are no protobuf message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NotProtobuf;

/// One field of a message.
pub(super) enum Value<'m> {
    Varint(u64),
    Bytes(&'m [u8]),
    /// A field of a type that none of ours has; already passed over.
    Other,
}

/// Walks over the fields of a message.
#[derive(Clone)]
pub(super) struct Fields<'m> {
    rest: &'m [u8],
}

/// Unknown groups may nest; deeper than this is no message that a writer made.
const GROUP_DEPTH: usize = 100;

impl<'m> Fields<'m> {
    pub(super) const fn of(message: &'m [u8]) -> Self {
        Self { rest: message }
    }

    /// How many bytes are not read yet.
    pub(super) const fn left(&self) -> usize {
        self.rest.len()
    }

    /// Reads what nearly every writer puts: a varint in this field, then bytes in that field, and nothing else. `None`
    /// if anything is different; then nothing has been read.
    #[inline(always)]
    pub(super) fn pair(&mut self, varint: u32, bytes: u32) -> Option<(u64, &'m [u8])> {
        let mut ahead = self.clone();
        let first = ahead.take(1).is_ok_and(|key| key[0] == key_byte(varint, WireType::Varint));
        let number = ahead.varint().ok().filter(|_| first)?;
        let second = ahead.take(1).is_ok_and(|key| key[0] == key_byte(bytes, WireType::Bytes));
        let value = ahead.bytes().ok().filter(|_| second && ahead.rest.is_empty())?;
        *self = ahead;
        Some((number, value))
    }

    /// The next field's number and value, `None` at the end.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'m>)>, NotProtobuf> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (field, wire) = self.key()?;
        let value = match wire {
            WireType::Varint => Value::Varint(self.varint()?),
            WireType::Bytes => Value::Bytes(self.bytes()?),
            _ => {
                self.pass_over(field, wire)?;
                Value::Other
            }
        };
        Ok(Some((field, value)))
    }

    #[inline(always)]
    fn key(&mut self) -> Result<(u32, WireType), NotProtobuf> {
        let key = u32::try_from(self.varint()?).map_err(|_| NotProtobuf)?;
        let wire = match key & 7 {
            0 => WireType::Varint,
            1 => WireType::Fixed64,
            2 => WireType::Bytes,
            3 => WireType::GroupStart,
            4 => WireType::GroupEnd,
            5 => WireType::Fixed32,
            _ => return Err(NotProtobuf),
        };
        if key >> 3 == 0 { Err(NotProtobuf) } else { Ok((key >> 3, wire)) }
    }

    #[inline(always)]
    fn varint(&mut self) -> Result<u64, NotProtobuf> {
        match *self.rest {
            [one, ref rest @ ..] if one < 0x80 => {
                self.rest = rest;
                Ok(one.into())
            }
            [one, two, ref rest @ ..] if two < 0x80 => {
                self.rest = rest;
                Ok(u64::from(one & 0x7f) | u64::from(two) << 7)
            }
            _ => self.long_varint(),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<u64, NotProtobuf> {
        let mut value = 0;
        for (place, byte) in self.rest.iter().copied().enumerate().take(10) {
            // The tenth byte may bring only the 64th bit.
            if place == 9 && byte > 1 {
                return Err(NotProtobuf);
            }
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                self.rest = &self.rest[place + 1..];
                return Ok(value);
            }
        }
        Err(NotProtobuf)
    }

    #[inline(always)]
    fn bytes(&mut self) -> Result<&'m [u8], NotProtobuf> {
        let len = usize::try_from(self.varint()?).map_err(|_| NotProtobuf)?;
        self.take(len)
    }

    #[inline(always)]
    fn take(&mut self, len: usize) -> Result<&'m [u8], NotProtobuf> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(NotProtobuf)?;
        self.rest = rest;
        Ok(taken)
    }

    #[cold]
    fn pass_over(&mut self, field: u32, wire: WireType) -> Result<(), NotProtobuf> {
        let mut open = Vec::new();
        let (mut field, mut wire) = (field, wire);
        loop {
            match wire {
                WireType::Varint => drop(self.varint()?),
                WireType::Fixed64 => drop(self.take(8)?),
                WireType::Bytes => drop(self.bytes()?),
                WireType::Fixed32 => drop(self.take(4)?),
                WireType::GroupStart if open.len() < GROUP_DEPTH => open.push(field),
                WireType::GroupEnd if open.last() == Some(&field) => drop(open.pop()),
                WireType::GroupStart | WireType::GroupEnd => return Err(NotProtobuf),
            }
            if open.is_empty() {
                return Ok(());
            }
            (field, wire) = self.key()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varint_is_as_long_as_predicted_and_reads_back() {
        let edges = (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]).chain([u64::MAX]);
        for value in edges {
            let mut written = Vec::new();
            let mut head = Head::new(&mut written);
            head.varint(value);
            head.end();
            assert_eq!(written.len(), varint_len(value), "{value}");
            let mut fields = Fields::of(&written);
            assert_eq!(fields.varint(), Ok(value));
            assert!(fields.rest.is_empty());
        }
    }

    #[test]
    fn a_varint_of_more_than_64_bits_is_refused() {
        let mut eleven = [0xff; 11];
        eleven[10] = 0;
        assert_eq!(Fields::of(&eleven).varint(), Err(NotProtobuf));
        let mut overflow = [0xff; 10];
        overflow[9] = 2;
        assert_eq!(Fields::of(&overflow).varint(), Err(NotProtobuf));
        assert_eq!(Fields::of(&[0xff]).varint(), Err(NotProtobuf));
    }

    #[test]
    fn unknown_groups_are_passed_over_and_unbalanced_ones_refused() {
        // Field 15 as a group that holds a varint and another group, then field 1 = 7.
        let mut fields = Fields::of(&[0x7b, 0x08, 0x01, 0x13, 0x14, 0x7c, 0x08, 0x07]);
        assert!(matches!(fields.next(), Ok(Some((15, Value::Other)))));
        assert!(matches!(fields.next(), Ok(Some((1, Value::Varint(7))))));
        assert!(matches!(fields.next(), Ok(None)));
        for unbalanced in [&[0x7b][..], &[0x7c], &[0x7b, 0x13, 0x7c], &[0x7b; 200]] {
            assert!(Fields::of(unbalanced).next().is_err());
        }
    }
}
