//! A document as a tree, for whoever must quote a value back.
//! Why: errors hold no values, but the service's own texts do; whoever speaks as the service reads the body once more,
//! after it has been refused. No request that is in order is ever read this way.
//! Called by the broker, through `Codec::read_value`.

use super::place::{Halt, Path, Step};
use super::source::{Found, Source};

/// A value as it stands in a document.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Null.
    Null,
    /// True or false.
    Boolean(bool),
    /// A number, rounded down.
    Number(i64),
    /// Text.
    Text(String),
    /// Bytes; how many.
    Blob(usize),
    /// A list.
    List(Vec<Self>),
    /// A structure or map, in the order of the document.
    Map(Vec<(String, Self)>),
}

/// How deep a tree is read. No shape of the service reaches as far; what lies deeper is told as null.
const DEPTH_MAX: usize = 16;

impl Value {
    /// Where a path leads, if it leads anywhere. The key of an entry is not a value; `key_at` gives it.
    #[must_use]
    pub fn at(&self, path: &Path) -> Option<&Self> {
        path.steps().iter().try_fold(self, |value, step| match (value, step) {
            (_, Step::Member(name)) => value.member(name),
            (Self::Map(entries), Step::Entry(index)) => entries.get(*index).map(|(_, value)| value),
            (Self::List(items), Step::Item(index)) => items.get(*index),
            _ => None,
        })
    }

    /// The member of this name, if it is a structure that has one.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            // What stands last is what was read.
            Self::Map(entries) => entries.iter().rev().find_map(|(key, value)| (key == name).then_some(value)),
            _ => None,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The key of the entry that has this place in a map.
    #[must_use]
    pub fn key(&self, index: usize) -> Option<&str> {
        match self {
            Self::Map(entries) => entries.get(index).map(|(key, _)| key.as_str()),
            _ => None,
        }
    }

    pub(crate) fn read<S: Source>(source: &mut S, depth: usize) -> Result<Self, Halt> {
        if depth == DEPTH_MAX {
            return source.skip().map(|()| Self::Null);
        }
        match source.found()? {
            Found::Null => source.null().map(|_| Self::Null),
            Found::Boolean => source.boolean().map(Self::Boolean),
            Found::Number => source.integer().map(Self::Number),
            Found::Text => source.text(str::to_owned).map(Self::Text),
            Found::Blob => source.blob().map(|bytes| Self::Blob(bytes.len())),
            Found::List => {
                let mut items = Vec::new();
                source.list(|source| {
                    items.push(Self::read(source, depth + 1)?);
                    Ok(())
                })?;
                Ok(Self::List(items))
            }
            Found::Map => {
                let mut entries = Vec::new();
                source.map(|source, key| {
                    entries.push((key.to_owned(), Self::read(source, depth + 1)?));
                    Ok(())
                })?;
                Ok(Self::Map(entries))
            }
        }
    }
}

/// What kind of value it is; the value may be a payload.
impl std::fmt::Debug for Value {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Null => "Null",
            Self::Boolean(_) => "Boolean",
            Self::Number(_) => "Number",
            Self::Text(_) => "Text",
            Self::Blob(_) => "Blob",
            Self::List(_) => "List",
            Self::Map(_) => "Map",
        })
    }
}
