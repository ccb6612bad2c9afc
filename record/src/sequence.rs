//! The number of a record in its shard.
//! Why a type: it is a decimal text of up to 129 digits that must be ordered as a number, and every record of every
//! read carries one. All that the service issues today have 56 digits and fit three machine words.

use crate::Error;
use crate::newtype::through_text;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A sequence number: a plain decimal number of up to 129 digits. Up to 57 digits need no allocation.
///
/// ```
/// use tailwater_record::SequenceNumber;
///
/// let early: SequenceNumber = "9".parse()?;
/// let late: SequenceNumber = "49646437577108476416916876405825929425585429676275269634".parse()?;
/// assert!(early < late);
/// # Ok::<(), tailwater_record::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SequenceNumber(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    /// Three groups of 19 digits, the most significant first.
    Short([u64; GROUPS]),
    /// 58 digits or more.
    Long(Box<str>),
}

const NOUN: &str = "sequence number";
const GROUPS: usize = 3;
/// The most digits of which every number fits a `u64`.
const GROUP_DIGITS: usize = 19;
const SHORT_DIGITS: usize = GROUPS * GROUP_DIGITS;
const DIGITS_MAX: usize = 129;

/// One more than the greatest number of a group.
const GROUP: u128 = 10_u128.pow(GROUP_DIGITS as u32);

impl SequenceNumber {
    /// The number whose 192 bits these are, the most significant word first. The service gives its bits a meaning; to
    /// us they are a number.
    ///
    /// ```
    /// use tailwater_record::SequenceNumber;
    ///
    /// let number = SequenceNumber::from_words([0, 1, 5]);
    /// assert_eq!(number, "18446744073709551621".parse()?);
    /// assert_eq!(number.words(), Some([0, 1, 5]));
    /// # Ok::<(), tailwater_record::Error>(())
    /// ```
    #[must_use]
    pub fn from_words(words: [u64; 3]) -> Self {
        let mut groups = [0; GROUPS];
        let mut rest = words;
        for group in groups.iter_mut().rev() {
            *group = split_off_group(&mut rest);
        }
        if rest == [0; 3] {
            return Self(Repr::Short(groups));
        }
        let [.., top] = rest;
        let [one, two, three] = groups;
        Self(Repr::Long(format!("{top}{one:019}{two:019}{three:019}").into()))
    }

    /// The digits; `None` if there are more than 57.
    ///
    /// ```
    /// use tailwater_record::SequenceNumber;
    ///
    /// let number: SequenceNumber = "4096".parse()?;
    /// assert_eq!(number.digits().expect("four digits").as_bytes(), b"4096");
    /// # Ok::<(), tailwater_record::Error>(())
    /// ```
    #[must_use]
    pub fn digits(&self) -> Option<Digits> {
        match &self.0 {
            Repr::Short(groups) => Some(Digits::of(groups)),
            Repr::Long(_) => None,
        }
    }

    /// The number as 192 bits, the most significant word first; `None` if it has more than 57 digits.
    #[must_use]
    pub fn words(&self) -> Option<[u64; 3]> {
        let Repr::Short(groups) = &self.0 else { return None };
        let mut words = [0_u64; 3];
        for group in groups {
            let mut carry = u128::from(*group);
            for word in words.iter_mut().rev() {
                carry += u128::from(*word) * GROUP;
                *word = carry as u64;
                carry >>= 64;
            }
        }
        Some(words)
    }
}

/// Divides a number of three words by `GROUP` and gives the remainder.
fn split_off_group(words: &mut [u64; 3]) -> u64 {
    let mut remainder = 0_u128;
    for word in words {
        let part = remainder << 64 | u128::from(*word);
        // A small part needs no division, and the first parts of most numbers are small.
        if part < GROUP {
            *word = 0;
            remainder = part;
        } else {
            *word = (part / GROUP) as u64;
            remainder = part % GROUP;
        }
    }
    remainder as u64
}

impl FromStr for SequenceNumber {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = text.as_bytes();
        if digits.len() <= SHORT_DIGITS {
            return short(digits).map(|groups| Self(Repr::Short(groups)));
        }
        if let Some(at) = digits.iter().position(|byte| !byte.is_ascii_digit()) {
            return Err(Error::NotDecimal { noun: NOUN, at });
        }
        if digits[0] == b'0' {
            return Err(Error::NotDecimal { noun: NOUN, at: 0 });
        }
        if digits.len() > DIGITS_MAX {
            return Err(Error::TooLarge { noun: NOUN, limit: "129 digits" });
        }
        Ok(Self(Repr::Long(text.into())))
    }
}

fn short(digits: &[u8]) -> Result<[u64; GROUPS], Error> {
    if digits.is_empty() || (digits[0] == b'0' && digits.len() > 1) {
        return Err(Error::NotDecimal { noun: NOUN, at: 0 });
    }
    let mut groups = [0; GROUPS];
    let mut end = digits.len();
    for group in groups.iter_mut().rev() {
        let start = end.saturating_sub(GROUP_DIGITS);
        for (at, byte) in digits[start..end].iter().enumerate() {
            if !byte.is_ascii_digit() {
                // The lowest group is read first; the first wrong byte may stand in a higher one.
                let at = digits[..start].iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(start + at);
                return Err(Error::NotDecimal { noun: NOUN, at });
            }
            *group = *group * 10 + u64::from(byte - b'0');
        }
        end = start;
    }
    Ok(groups)
}

/// The digits of a sequence number that has 57 at most, in place: for whoever writes very many of them.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    text: [u8; SHORT_DIGITS],
    first: usize,
}

impl Digits {
    fn of(groups: &[u64; GROUPS]) -> Self {
        let mut text = [b'0'; SHORT_DIGITS];
        for (group, slot) in groups.iter().zip(text.chunks_exact_mut(GROUP_DIGITS)) {
            let mut rest = *group;
            // Two digits at a time, from the last; the first of nineteen stands alone.
            for pair in slot.rchunks_exact_mut(2) {
                let two = (rest % 100) as u8;
                rest /= 100;
                (pair[0], pair[1]) = (b'0' + two / 10, b'0' + two % 10);
            }
            slot[0] = b'0' + rest as u8;
        }
        let first = text.iter().position(|byte| *byte != b'0').unwrap_or(SHORT_DIGITS - 1);
        Self { text, first }
    }

    /// The digits, in ASCII.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[self.first..]
    }
}

impl AsRef<[u8]> for Digits {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Short(groups) => {
                out.write_str(std::str::from_utf8(Digits::of(groups).as_bytes()).expect("ASCII digits"))
            }
            Repr::Long(text) => out.write_str(text),
        }
    }
}

impl fmt::Debug for SequenceNumber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Short(one), Repr::Short(two)) => one.cmp(two),
            (Repr::Short(_), Repr::Long(_)) => Ordering::Less,
            (Repr::Long(_), Repr::Short(_)) => Ordering::Greater,
            (Repr::Long(one), Repr::Long(two)) => one.len().cmp(&two.len()).then_with(|| one.cmp(two)),
        }
    }
}

through_text!(SequenceNumber, "sequence number");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_leaves_as_it_came(text in "0|[1-9][0-9]{0,128}") {
            prop_assert_eq!(text.parse::<SequenceNumber>().unwrap().to_string(), text);
        }

        #[test]
        fn words_and_digits_tell_the_same_number(words: [u64; 3], shift in 0_u32..64, text in "0|[1-9][0-9]{0,56}") {
            let words = [words[0] >> shift, words[1], words[2]];
            let number = SequenceNumber::from_words(words);
            prop_assert_eq!(&number.to_string().parse::<SequenceNumber>().unwrap(), &number);
            prop_assert!(number.words().is_none_or(|found| found == words));
            prop_assert_eq!(number.words().is_none(), number.to_string().len() > 57);
            let given: SequenceNumber = text.parse().unwrap();
            prop_assert_eq!(SequenceNumber::from_words(given.words().unwrap()), given);
        }

        #[test]
        fn order_is_by_value(one in "0|[1-9][0-9]{0,75}", two in "0|[1-9][0-9]{0,75}") {
            let (first, second): (SequenceNumber, SequenceNumber) = (one.parse().unwrap(), two.parse().unwrap());
            let width = one.len().max(two.len());
            prop_assert_eq!(first.cmp(&second), format!("{one:0>width$}").cmp(&format!("{two:0>width$}")));
        }

        #[test]
        fn only_plain_numbers_pass(text in "[0-9+. -]{0,60}|0[0-9]{1,60}") {
            let plain = text == "0"
                || (!text.is_empty() && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
            prop_assert_eq!(text.parse::<SequenceNumber>().is_ok(), plain);
        }
    }

    #[test]
    fn the_fault_is_placed_at_the_first_wrong_byte() {
        let text = format!("1x{}y", "0".repeat(40));
        assert_eq!(text.parse::<SequenceNumber>(), Err(Error::NotDecimal { noun: NOUN, at: 1 }));
        assert!("9".repeat(130).parse::<SequenceNumber>().is_err());
    }

    #[test]
    fn serde_goes_through_the_text() {
        let number: SequenceNumber = serde_json::from_str("\"42\"").unwrap();
        assert_eq!(serde_json::to_string(&number).unwrap(), "\"42\"");
        assert!(serde_json::from_str::<SequenceNumber>("\"-42\"").is_err());
    }
}
