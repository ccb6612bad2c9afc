//! Sequence numbers, laid out as the service lays them out.
//! Why not a plain counter: there are libraries that read the fields, and a number must tell, when it comes back as the
//! start of a reading, whether it came from this shard of this stream.
//!
//! From the top of 186 bits: 2 bits that are always `10`, the second in which the shard was made (36), the low four bits
//! of the shard's number, the index of the record (64), a zero byte, the second in which it was stored (36), the shard's
//! number (32), the version (4). So numbers of a shard are ordered by index, and those of a child behind its parent's.
//! Pure. Called wherever a number is handed out or comes in.

use tailwater_record::{SequenceNumber, Timestamp};

/// The index with which a shard is closed; no record has it.
pub(crate) const CLOSED: u64 = i64::MAX as u64;

/// What a number says, if it has the present layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// The second in which the shard was made.
    pub(crate) created: u64,
    /// The number of the shard.
    pub(crate) shard: u32,
    /// The index of the record in its shard.
    pub(crate) index: u64,
    /// The second in which the record was stored.
    pub(crate) time: u64,
}

/// A number that the service may have issued at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issued {
    /// In the present layout.
    Present(Parts),
    /// In the layout before, which kept the shard's number in the same place.
    Past {
        /// The number of the shard.
        shard: u32,
    },
    /// In the first layout.
    First {
        /// The number of the shard.
        shard: u32,
    },
}

const TOP: u64 = 0b10 << 56;
/// The service's own bound for the second of creation.
const CREATED_END: u64 = 16_025_175_000;
const SECONDS: u64 = (1 << 36) - 1;

impl Parts {
    /// The number.
    pub(crate) fn number(self) -> SequenceNumber {
        let Self { created, shard, index, time } = self;
        let (created, time, shard) = (created & SECONDS, time & SECONDS, u64::from(shard));
        SequenceNumber::from_words([
            TOP | created << 20 | (shard & 0xf) << 16 | index >> 48,
            index << 16 | time >> 28,
            time << 36 | shard << 4 | 2,
        ])
    }
}

impl Issued {
    /// What a number says; `None` if no service can have issued it.
    pub(crate) fn read(number: &SequenceNumber) -> Option<Self> {
        let [high, middle, low] = number.words()?;
        if high >> 1 == 0 {
            return first_layout(high, u128::from(middle) << 64 | u128::from(low));
        }
        // Strictly between 2^185 and one and a half times that.
        if high >> 56 != 0b10 || [high, middle, low] == [TOP, 0, 0] {
            return None;
        }
        let shard = (low >> 4 & u64::from(u32::MAX)) as u32;
        match low & 0xf {
            2 => {
                let created = high >> 20 & SECONDS;
                let index = high << 48 | middle >> 16;
                let time = (middle & 0xff) << 28 | low >> 36;
                let plausible = created < CREATED_END && index <= CLOSED;
                plausible.then_some(Self::Present(Parts { created, shard, index, time }))
            }
            1 => Some(Self::Past { shard }),
            0 => Some(Self::First { shard }),
            _ => None,
        }
    }

    /// The number of the shard, whatever the layout.
    pub(crate) fn shard(self) -> u32 {
        match self {
            Self::Present(Parts { shard, .. }) | Self::Past { shard } | Self::First { shard } => shard,
        }
    }
}

/// What a number below 2^129 says. Its fields are counted in hexadecimal digits from the top: one that tells nothing, nine
/// for the second of creation, eighteen more, four for the shard.
fn first_layout(top: u64, rest: u128) -> Option<Issued> {
    const LEAST: u128 = 1 << 124;
    let digits = match top {
        0 if rest < LEAST => format!("{:x}", rest + LEAST),
        0 => format!("{rest:x}"),
        _ => format!("{top:x}{rest:032x}"),
    };
    let field = |range: std::ops::Range<usize>| u64::from_str_radix(digits.get(range)?, 16).ok();
    field(1..10).filter(|created| *created < CREATED_END)?;
    Some(Issued::First { shard: u32::try_from(field(28..32)?).ok()? })
}

/// The second of a moment, as numbers carry it.
pub(crate) fn second(moment: Timestamp) -> u64 {
    moment.millis().max(0).unsigned_abs() / 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(shard: u32, index: u64, time: u64) -> Parts {
        Parts { created: 1_700_000_000, shard, index, time }
    }

    #[test]
    fn numbers_are_those_of_the_service() {
        let table = [
            (parts(0, 0, 1_700_000_000), "49646437577108476416916876405825929425585429676275269634"),
            (parts(1, 0, 1_700_000_000), "49646437577130777162115407028967465143858078037781250066"),
            (parts(0, 7, 1_700_000_123), "49646437577108476416916876405834391906322740532993851394"),
            (parts(0, CLOSED, 1_700_000_999), "49646437577119626789516141717395488358902207878610812930"),
            (parts(17, 5, 1_700_000_500), "49646437577130777162115407028973509772956185543393149202"),
        ];
        for (parts, text) in table {
            assert_eq!(parts.number().to_string(), text);
            assert_eq!(Issued::read(&text.parse().unwrap()), Some(Issued::Present(parts)));
        }
    }

    #[test]
    fn what_no_service_issued_is_not_read() {
        let power = |exponent: u32| {
            let mut words = [0; 3];
            words[2 - exponent as usize / 64] = 1 << (exponent % 64);
            words
        };
        let read = |words| Issued::read(&SequenceNumber::from_words(words));
        assert_eq!(read(power(185)), None);
        assert_eq!(read([TOP, 0, 1]), Some(Issued::Past { shard: 0 }));
        assert_eq!(read([TOP, 0, 3]), None);
        assert_eq!(read([0b11 << 56, 0, 2]), None);
        assert_eq!(read([0, 0, 7]), Some(Issued::First { shard: 7 }));
        assert_eq!(read([1, 0, 0x70]), Some(Issued::First { shard: 7 }));
        // Made in a second that the service's own bound excludes.
        assert_eq!(read([0, u64::MAX, u64::MAX]), None);
        assert_eq!(read([2, 0, 0]), None);
        assert_eq!(Issued::read(&"9".repeat(100).parse().unwrap()), None);
    }

    proptest! {
        #[test]
        fn a_number_reads_back(created in 0..CREATED_END, shard: u32, index in 0..=CLOSED, time in 0..=SECONDS) {
            let parts = Parts { created, shard, index, time };
            prop_assert_eq!(Issued::read(&parts.number()), Some(Issued::Present(parts)));
        }

        #[test]
        fn order_is_by_index_and_then_by_time(shard: u32, one: (u64, u32), two: (u64, u32)) {
            let number = |(index, time): (u64, u32)| parts(shard, index >> 1, u64::from(time)).number();
            prop_assert_eq!(number(one).cmp(&number(two)), (one.0 >> 1, one.1).cmp(&(two.0 >> 1, two.1)));
        }
    }
}
