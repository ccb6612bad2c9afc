//! Names that a group gives itself: its own and its workers'.
//! Checked once, when they are made from text; both become keys in stores that refuse empty or endless ones.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// What is wrong with a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameFault {
    /// It is empty or too long.
    #[error("a {noun} has 1 to {max} bytes, this one {length}")]
    Length {
        /// Of what.
        noun: &'static str,
        /// How long it is.
        length: usize,
        /// How long it may be.
        max: usize,
    },
    /// It holds a character that prints nothing.
    #[error("a {noun} has no control characters, this one has one at byte {at}")]
    Control {
        /// Of what.
        noun: &'static str,
        /// Where.
        at: usize,
    },
    /// It is not of the form that is asked for.
    #[error("a {noun} reads {form}")]
    Form {
        /// Of what.
        noun: &'static str,
        /// As which it should read.
        form: &'static str,
    },
}

const LENGTH_MAX: usize = 256;

fn check(noun: &'static str, text: &str) -> Result<(), NameFault> {
    if text.is_empty() || text.len() > LENGTH_MAX {
        return Err(NameFault::Length { noun, length: text.len(), max: LENGTH_MAX });
    }
    match text.char_indices().find(|(_, character)| character.is_control()) {
        Some((at, _)) => Err(NameFault::Control { noun, at }),
        None => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $noun:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(Arc<str>);

        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameFault;
            fn from_str(text: &str) -> Result<Self, NameFault> {
                check($noun, text)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{:?}", &*self.0)
            }
        }

        $crate::name::through_text!($type);
    };
}

/// Implements `TryFrom<&str>`, `TryFrom<String>` and `serde` over a type's `FromStr` and `Display`.
macro_rules! through_text {
    ($type:ty) => {
        impl TryFrom<&str> for $type {
            type Error = $crate::name::NameFault;
            fn try_from(text: &str) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl TryFrom<String> for $type {
            type Error = $crate::name::NameFault;
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
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use through_text;

name! {
    /// The name of a group of workers, which read a stream together. Two groups read all records independently. What the
    /// KCL calls the application's name.
    ///
    /// ```
    /// # use tailwater_store::GroupName;
    /// let group: GroupName = "billing".parse()?;
    /// assert!("".parse::<GroupName>().is_err());
    /// # Ok::<(), tailwater_store::NameFault>(())
    /// ```
    GroupName, "group name"
}

name! {
    /// The name of a worker, which no other worker of its group may bear at the same time. A worker that starts again
    /// under its name takes its leases up at once.
    ///
    /// ```
    /// # use tailwater_store::WorkerId;
    /// let worker: WorkerId = "host-7".parse()?;
    /// assert_eq!(worker.as_str(), "host-7");
    /// # Ok::<(), tailwater_store::NameFault>(())
    /// ```
    WorkerId, "worker id"
}
