//! The surface that every checked text type shares: parse at the door, `Display` to leave, `serde` through both.
//! One place, so that no type forgets a door or opens one that skips the check.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// Implements `TryFrom<&str>`, `TryFrom<String>` and `serde` over a type's `FromStr` and `Display`.
macro_rules! through_text {
    ($type:ty, $noun:literal) => {
        impl TryFrom<&str> for $type {
            type Error = crate::Error;
            fn try_from(text: &str) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl TryFrom<String> for $type {
            type Error = crate::Error;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(crate::newtype::FromText::new($noun))
            }
        }
    };
}

/// Defines a name: 1 to 128 characters of `[a-zA-Z0-9_.-]`, cheap to clone.
macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $noun:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(std::sync::Arc<str>);

        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = crate::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                crate::newtype::check_name($noun, text)?;
                Ok(Self(text.into()))
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(out, "{:?}", &*self.0)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        crate::newtype::through_text!($type, $noun);
    };
}

pub(crate) use {name, through_text};

/// The most characters a stream, consumer or shard name may have.
pub(crate) const NAME_MAX: usize = 128;

/// The rule that stream names, consumer names and shard ids share.
pub(crate) fn check_name(noun: &'static str, text: &str) -> Result<(), crate::Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if let Some(at) = text.bytes().position(|byte| !allowed(byte)) {
        return Err(crate::Error::Character { noun, at, allowed: "letters, digits, '_', '.', '-'" });
    }
    if text.is_empty() || text.len() > NAME_MAX {
        return Err(crate::Error::Length { noun, length: text.len(), min: 1, max: NAME_MAX });
    }
    Ok(())
}

/// Reads a `T` from whatever text a deserializer holds, borrowed or owned.
pub(crate) struct FromText<T> {
    noun: &'static str,
    made: PhantomData<T>,
}

impl<T> FromText<T> {
    pub(crate) fn new(noun: &'static str) -> Self {
        Self { noun, made: PhantomData }
    }
}

impl<T: FromStr<Err = crate::Error>> serde::de::Visitor<'_> for FromText<T> {
    type Value = T;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a {} as text", self.noun)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}
