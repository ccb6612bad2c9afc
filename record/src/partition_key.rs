//! The partition key: what decides the shard of a record that brings no hash key of its own.

use crate::Error;
use crate::newtype::through_text;
use bytes::Bytes;
use bytestring::ByteString;
use std::fmt;
use std::str::FromStr;

/// A partition key: 1 to 256 Unicode characters (so up to 1,024 bytes). Cheap to clone; it may be a slice of a larger
/// buffer, such as the answer it was read from.
///
/// ```
/// use tailwater_record::{HashKey, PartitionKey};
///
/// let key: PartitionKey = "user-1".parse()?;
/// assert_eq!(HashKey::of(&key).to_string(), "285573413173782752570879317399258818820");
/// assert!("k".repeat(257).parse::<PartitionKey>().is_err());
/// # Ok::<(), tailwater_record::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionKey(ByteString);

const NOUN: &str = "partition key";
const CHARACTERS_MAX: usize = 256;

impl PartitionKey {
    /// The refusal of a text that has more bytes than any key; its characters are not counted, there may be millions.
    pub(crate) fn too_long(text: &str) -> Error {
        Error::Length { noun: NOUN, length: text.len(), min: 1, max: CHARACTERS_MAX }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PartitionKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        check(text)?;
        Ok(Self(text.into()))
    }
}

/// Takes the bytes as they are, without a copy.
impl TryFrom<Bytes> for PartitionKey {
    type Error = Error;

    fn try_from(bytes: Bytes) -> Result<Self, Error> {
        let text = ByteString::try_from(bytes);
        let text = text.map_err(|fault| Error::NotUtf8 { noun: NOUN, at: fault.valid_up_to() })?;
        check(&text)?;
        Ok(Self(text))
    }
}

fn check(text: &str) -> Result<(), Error> {
    // A text has at least as many bytes as characters, so most keys need no count.
    let length = if text.len() <= CHARACTERS_MAX { text.len() } else { text.chars().count() };
    if length == 0 || length > CHARACTERS_MAX {
        return Err(Error::Length { noun: NOUN, length, min: 1, max: CHARACTERS_MAX });
    }
    Ok(())
}

impl AsRef<str> for PartitionKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartitionKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for PartitionKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", &*self.0)
    }
}

through_text!(PartitionKey, "partition key");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_counts_characters_not_bytes() {
        assert!("ключ".repeat(64).parse::<PartitionKey>().is_ok());
        let refused = "ключ".repeat(65).parse::<PartitionKey>().unwrap_err();
        assert_eq!(refused, Error::Length { noun: NOUN, length: 260, min: 1, max: 256 });
        assert!("".parse::<PartitionKey>().is_err());
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused_with_their_place() {
        let refused = PartitionKey::try_from(Bytes::from_static(b"ab\xff")).unwrap_err();
        assert_eq!(refused, Error::NotUtf8 { noun: NOUN, at: 2 });
    }
}
