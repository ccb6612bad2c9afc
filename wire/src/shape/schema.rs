//! What a shape consists of, as data: names, kinds, requirements, limits.
//! Read by error texts, and by the test that compares us with the service's model.

use std::fmt;

/// A structure: its name in the service's model, and its members.
#[derive(Debug, PartialEq, Eq)]
pub struct Schema {
    /// The name in the service's model.
    pub name: &'static str,
    /// The members, in our order.
    pub members: &'static [MemberSchema],
}

/// One member of a structure.
#[derive(Debug, PartialEq, Eq)]
pub struct MemberSchema {
    /// The name on the wire.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What it holds.
    pub kind: Kind,
    /// The least and greatest number, or the fewest and most elements, if the member limits them.
    pub bounds: Option<(i64, i64)>,
}

/// What a member holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text with a rule.
    Text(&'static TextRule),
    /// Bytes, of which there are at most so many.
    Blob(usize),
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// A moment.
    Timestamp,
    /// Any number of these.
    List(&'static Self),
    /// Texts by texts.
    Map(&'static TextRule, &'static TextRule),
    /// A structure.
    Structure(&'static Schema),
}

/// In words, as a reader is told what was expected.
impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Text(_) => "text",
            Self::Blob(_) => "a blob",
            Self::Integer => "a whole number",
            Self::Boolean => "true or false",
            Self::Timestamp => "a timestamp",
            Self::List(_) => "a list",
            Self::Map(..) => "a map",
            Self::Structure(_) => "a structure",
        })
    }
}

/// What a text must be.
#[derive(Debug, PartialEq, Eq)]
pub struct TextRule {
    /// The fewest characters.
    pub min: usize,
    /// The most characters.
    pub max: usize,
    /// The pattern, as the service's model writes it.
    pub pattern: Option<&'static str>,
    /// The only texts there are, if the service lists them.
    pub values: &'static [&'static str],
}

impl TextRule {
    /// A text of `min` to `max` characters.
    pub(crate) const fn length(min: usize, max: usize) -> Self {
        Self { min, max, pattern: None, values: &[] }
    }

    /// A text of `min` to `max` characters that matches a pattern.
    pub(crate) const fn pattern(min: usize, max: usize, pattern: &'static str) -> Self {
        Self { min, max, pattern: Some(pattern), values: &[] }
    }
}
