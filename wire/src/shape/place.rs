//! Where in a document something is wrong, and what.
//! While reading, a place is a chain of stack frames and costs nothing; only a fault makes a path of it. No error holds
//! the value itself, which may be a user's data.

use super::schema::Kind;
use super::source::{Base64Fault, Found};
use std::fmt;

/// Why a document could not be read as the shape it should have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Send a whole document in the encoding that was named.
    #[error("the document breaks off or is malformed at byte {at}: expected {expected}")]
    Malformed {
        /// Where reading stopped.
        at: usize,
        /// What should have stood there.
        expected: &'static str,
    },
    /// Send a value of the kind that belongs there.
    #[error("{place} should be {expected}, but is {found}")]
    Kind {
        /// Which member.
        place: Path,
        /// What belongs there.
        expected: Kind,
        /// What stands there.
        found: Found,
    },
    /// Encode the blob in base64 with padding.
    #[error("{place} is not base64: {fault}")]
    Base64 {
        /// Which member.
        place: Path,
        /// What is wrong.
        fault: Base64Fault,
    },
    /// Keep each of the limits named.
    #[error("{} of the members break a limit: {}", problems.len(), list(problems))]
    Invalid {
        /// Every limit of the model that is broken, at most [`PROBLEMS_MAX`](Self::PROBLEMS_MAX).
        problems: Vec<Problem>,
    },
    /// Give names and numbers that exist: they keep every limit of the model and still cannot be.
    #[error("{} of the members cannot be: {}", problems.len(), list(problems))]
    Refused {
        /// Each of them, at most [`PROBLEMS_MAX`](Self::PROBLEMS_MAX).
        problems: Vec<Problem>,
    },
}

impl DecodeError {
    /// How many broken limits are collected before reading stops caring; the service tells ten.
    pub const PROBLEMS_MAX: usize = 10;
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

/// One broken limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which member.
    pub place: Path,
    /// Which limit.
    pub constraint: Constraint,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.place, self.constraint)
    }
}

/// A limit that a member must keep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Constraint {
    /// It must be there.
    #[error("is missing")]
    Required,
    /// It must be at least this number.
    #[error("is below {0}")]
    MinValue(i64),
    /// It must be at most this number.
    #[error("is above {0}")]
    MaxValue(i64),
    /// It must have at least so many characters, bytes or elements.
    #[error("has a length of {found}; the limit is at least {min}")]
    MinLength {
        /// How many it has.
        found: usize,
        /// How many it needs.
        min: usize,
    },
    /// It may have at most so many characters, bytes or elements.
    #[error("has a length of {found}; the limit is at most {max}")]
    MaxLength {
        /// How many it has.
        found: usize,
        /// How many it may have.
        max: usize,
    },
    /// It must match this pattern.
    #[error("does not match {0}")]
    Pattern(&'static str),
    /// It must be one of these.
    #[error("is none of {}", .0.join(", "))]
    OneOf(&'static [&'static str]),
    /// It keeps the model's limits and is still no such name or number.
    #[error("is refused: {0}")]
    Refused(#[from] tailwater_record::Error),
}

/// A way into a document, such as `Records[3].PartitionKey`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(Vec<Step>);

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into a member.
    Member(&'static str),
    /// Into an element of a list, from 0.
    Item(usize),
    /// Into the value of a map's entry, by its place, from 0.
    Entry(usize),
    /// Into the key of a map's entry, by its place, from 0.
    EntryKey(usize),
}

impl Path {
    /// The steps, from outside in.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl From<&[Step]> for Path {
    fn from(steps: &[Step]) -> Self {
        Self(steps.to_vec())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return out.write_str("the document");
        }
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Member(name) if depth == 0 => out.write_str(name)?,
                Step::Member(name) => write!(out, ".{name}")?,
                Step::Item(index) => write!(out, "[{index}]")?,
                Step::Entry(index) => write!(out, "{{{index}}}")?,
                Step::EntryKey(index) => write!(out, "{{key {index}}}")?,
            }
        }
        Ok(())
    }
}

/// Where reading stands, as a chain up the stack.
#[derive(Clone, Copy, Debug)]
pub struct Place<'p> {
    outer: Option<&'p Self>,
    step: Option<Step>,
}

impl<'p> Place<'p> {
    /// The document itself.
    pub(crate) const fn root() -> Self {
        Self { outer: None, step: None }
    }

    /// One step further in.
    pub(crate) const fn then(&'p self, step: Step) -> Self {
        Self { outer: Some(self), step: Some(step) }
    }

    pub(crate) fn path(&self) -> Path {
        let mut steps = Vec::new();
        let mut place = Some(self);
        while let Some(here) = place {
            steps.extend(here.step);
            place = here.outer;
        }
        steps.reverse();
        Path(steps)
    }
}

/// Why reading cannot go on. Sources know no place; `at` adds it.
#[derive(Debug)]
pub enum Halt {
    Malformed { at: usize, expected: &'static str },
    Kind(Found),
    Base64(Base64Fault),
    Placed(Box<DecodeError>),
}

impl Halt {
    /// Says where it happened and what belonged there, unless that is known already.
    #[cold]
    pub(crate) fn at(self, place: &Place<'_>, expected: Kind) -> Self {
        Self::Placed(Box::new(match self {
            Self::Malformed { at, expected } => DecodeError::Malformed { at, expected },
            Self::Kind(found) => DecodeError::Kind { place: place.path(), expected, found },
            Self::Base64(fault) => DecodeError::Base64 { place: place.path(), fault },
            Self::Placed(_) => return self,
        }))
    }

    pub(crate) fn into_error(self, expected: Kind) -> DecodeError {
        match self.at(&Place::root(), expected) {
            Self::Placed(error) => *error,
            Self::Malformed { .. } | Self::Kind(_) | Self::Base64(_) => unreachable!("`at` places every halt"),
        }
    }
}
