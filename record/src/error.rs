//! Why a text is not the name, key or number it was offered as.
//! One enum for the crate; each message names what was wrong, where, and the limit, and never repeats the value, which
//! may be a user's data. Made by the `FromStr` and `TryFrom` of the newtypes.

/// A text or number that was refused at the door.
///
/// ```
/// use tailwater_record::StreamName;
///
/// let refused = "orders/2026".parse::<StreamName>().unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "stream name has a character at byte 6 that is not allowed; allowed are letters, digits, '_', '.', '-'",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Shorten or lengthen the text.
    #[error("{noun} has {length} characters; allowed are {min} to {max}")]
    Length {
        /// What the text should have been.
        noun: &'static str,
        /// How many characters it has.
        length: usize,
        /// The fewest that are allowed.
        min: usize,
        /// The most that are allowed.
        max: usize,
    },
    /// Replace the character at `at`.
    #[error("{noun} has a character at byte {at} that is not allowed; allowed are {allowed}")]
    Character {
        /// What the text should have been.
        noun: &'static str,
        /// The first byte of the offending character.
        at: usize,
        /// What may stand there, in words.
        allowed: &'static str,
    },
    /// Write the number in plain decimal: no sign, no leading zero, no other character.
    #[error("{noun} is not a plain decimal number (see byte {at}): digits only, without sign or leading zeros")]
    NotDecimal {
        /// What the text should have been.
        noun: &'static str,
        /// The first byte that is wrong.
        at: usize,
    },
    /// Give a smaller number.
    #[error("{noun} is too large; the limit is {limit}")]
    TooLarge {
        /// What the number should have been.
        noun: &'static str,
        /// The greatest value or the greatest number of digits, in words.
        limit: &'static str,
    },
    /// Correct the named part of the ARN.
    #[error("{noun} is malformed: expected {expected}")]
    Arn {
        /// What the text should have been.
        noun: &'static str,
        /// The part that is missing or wrong, in words.
        expected: &'static str,
    },
    /// Give bytes that are UTF-8.
    #[error("{noun} is not UTF-8 (see byte {at})")]
    NotUtf8 {
        /// What the bytes should have been.
        noun: &'static str,
        /// The first byte that is wrong.
        at: usize,
    },
    /// Give a range whose end is not below its start.
    #[error("hash range ends below its start")]
    InvertedRange,
}
