//! What a shard is called.
//! Every put answer carries one, so the form the service uses, `shardId-` and twelve digits, is kept as a number.

use crate::Error;
use crate::newtype::{check_name, through_text};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The id of a shard, such as `shardId-000000000012`.
///
/// Ids are ordered as their texts are, which for the service's own form is the order of creation. Any name of 1 to 128
/// characters of `a-z A-Z 0-9 _ . -` is taken, as the service's model does.
///
/// ```
/// use tailwater_record::ShardId;
///
/// let id: ShardId = "shardId-000000000012".parse()?;
/// assert_eq!(id, ShardId::numbered(12));
/// assert_eq!(id.number(), Some(12));
/// # Ok::<(), tailwater_record::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ShardId(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    /// Printed as `shardId-` and at least twelve digits.
    Numbered(u64),
    Named(Arc<str>),
}

const PREFIX: &str = "shardId-";
const DIGITS: usize = 12;

impl ShardId {
    /// The id that the service gives to the shard created as number `number` of its stream, from 0.
    #[must_use]
    pub fn numbered(number: u32) -> Self {
        Self(Repr::Numbered(number.into()))
    }

    /// The text in ASCII, if it has the service's form: for whoever writes very many of them.
    #[must_use]
    pub fn text(&self) -> Option<[u8; PREFIX.len() + DIGITS]> {
        let mut rest = self.number()?;
        let mut text = *b"shardId-000000000000";
        for digit in text.iter_mut().rev() {
            if rest == 0 {
                break;
            }
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        Some(text)
    }

    /// The number in the id, if it has the service's form.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        match self.0 {
            Repr::Numbered(number) => Some(number),
            Repr::Named(_) => None,
        }
    }
}

impl FromStr for ShardId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = text.strip_prefix(PREFIX).filter(|digits| digits.len() == DIGITS);
        if let Some(number) = digits.and_then(decimal) {
            return Ok(Self(Repr::Numbered(number)));
        }
        check_name("shard id", text)?;
        Ok(Self(Repr::Named(text.into())))
    }
}

/// Digits alone, which `u64::from_str` does not insist on.
fn decimal(digits: &str) -> Option<u64> {
    digits.bytes().try_fold(0_u64, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u64::from(byte - b'0')))
}

impl fmt::Display for ShardId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0, self.text()) {
            (_, Some(text)) => out.write_str(std::str::from_utf8(&text).expect("ASCII digits behind an ASCII prefix")),
            (Repr::Named(text), None) => out.write_str(text),
            (Repr::Numbered(_), None) => unreachable!("a number has a text"),
        }
    }
}

impl fmt::Debug for ShardId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "\"{self}\"")
    }
}

impl PartialOrd for ShardId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ShardId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (&self.0, &other.0) {
            (Repr::Numbered(one), Repr::Numbered(two)) => one.cmp(two),
            (Repr::Named(one), Repr::Named(two)) => one.cmp(two),
            _ => self.to_string().cmp(&other.to_string()),
        }
    }
}

through_text!(ShardId, "shard id");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_leaves_as_it_came(text in "[a-zA-Z0-9_.-]{1,128}") {
            prop_assert_eq!(text.parse::<ShardId>().unwrap().to_string(), text);
        }

        #[test]
        fn ids_are_ordered_as_their_texts(
            one in "shardId-[0-9]{11,13}|[a-z-]{1,9}",
            two in "shardId-[0-9]{11,13}|[a-z-]{1,9}",
        ) {
            let (first, second): (ShardId, ShardId) = (one.parse().unwrap(), two.parse().unwrap());
            prop_assert_eq!(first.cmp(&second), one.cmp(&two));
            prop_assert_eq!(first == second, one == two);
        }
    }

    #[test]
    fn signs_and_other_digits_are_not_numbers() {
        assert!("shardId-+00000000012".parse::<ShardId>().is_err());
        assert_eq!("shardId-00000000012".parse::<ShardId>().unwrap().number(), None);
        assert_eq!("shardId-999999999999".parse::<ShardId>().unwrap().number(), Some(999_999_999_999));
    }
}
