//! Where members are read from. `json` and `cbor` implement it.

use super::place::{Constraint, DecodeError, Halt, Place, Problem};
use bytes::{Bytes, BytesMut};
use tailwater_record::Timestamp;

/// One document being read.
pub trait Source {
    /// Tells what comes next, without passing over it.
    fn found(&mut self) -> Result<Found, Halt>;
    /// Passes over a null, if one comes next, and tells so.
    fn null(&mut self) -> Result<bool, Halt>;
    /// Reads a structure or map, by handing over each key; the callee reads or passes over the value.
    fn map(&mut self, each: impl FnMut(&mut Self, &str) -> Result<(), Halt>) -> Result<(), Halt>;
    /// Reads a list, by calling back at each element.
    fn list(&mut self, each: impl FnMut(&mut Self) -> Result<(), Halt>) -> Result<(), Halt>;
    /// Reads text, lent for the call.
    fn text<T>(&mut self, read: impl FnOnce(&str) -> T) -> Result<T, Halt>;
    /// Reads text as bytes to keep.
    fn kept_text(&mut self) -> Result<Bytes, Halt>;
    /// Reads bytes to keep.
    fn blob(&mut self) -> Result<Bytes, Halt>;
    /// Reads a whole number; a fraction is rounded down, a greater number becomes the greatest.
    fn integer(&mut self) -> Result<i64, Halt>;
    /// Reads true or false.
    fn boolean(&mut self) -> Result<bool, Halt>;
    /// Reads a moment.
    fn timestamp(&mut self) -> Result<Timestamp, Halt>;
    /// Passes over whatever comes next.
    fn skip(&mut self) -> Result<(), Halt>;
    /// Fails unless all has been read.
    fn finish(&mut self) -> Result<(), Halt>;
    /// What the reading is about.
    fn reading(&mut self) -> &mut Reading;
}

/// How strictly a document is read, and what has been found wrong with it.
#[derive(Debug)]
pub struct Reading {
    strict: bool,
    problems: Vec<Problem>,
    /// What keeps the model's limits and still cannot be; told only if nothing breaks them.
    refusals: Vec<Problem>,
    /// Room for what must be copied out of the document: one allocation for many small pieces.
    arena: BytesMut,
}

impl Reading {
    /// A server reads requests strictly: every limit of the model counts. A client is liberal with answers.
    pub(crate) fn new(strict: bool) -> Self {
        Self { strict, problems: Vec::new(), refusals: Vec::new(), arena: BytesMut::new() }
    }

    pub(crate) fn is_strict(&self) -> bool {
        self.strict
    }

    /// Notes a broken limit; reading goes on, so that all are told at once.
    #[cold]
    pub(crate) fn problem(&mut self, place: &Place<'_>, constraint: Constraint) {
        let list = match constraint {
            Constraint::Refused(_) => &mut self.refusals,
            _ => &mut self.problems,
        };
        if list.len() < DecodeError::PROBLEMS_MAX {
            list.push(Problem { place: place.path(), constraint });
        }
    }

    pub(crate) fn into_error(self) -> DecodeError {
        if self.problems.is_empty() {
            return DecodeError::Refused { problems: self.refusals };
        }
        DecodeError::Invalid { problems: self.problems }
    }

    /// Copies bytes out. `expected` is how much may still come, so that the arena is made once.
    pub(crate) fn keep(&mut self, bytes: &[u8], expected: usize) -> Bytes {
        let room = self.room(bytes.len(), expected);
        room.copy_from_slice(bytes);
        self.arena.split().freeze()
    }

    /// Lends `len` bytes of room, whose beginning `kept` then takes.
    pub(crate) fn room(&mut self, len: usize, expected: usize) -> &mut [u8] {
        if self.arena.capacity() < len {
            self.arena = BytesMut::with_capacity(len.max(expected));
        }
        self.arena.resize(len, 0);
        &mut self.arena
    }

    /// Takes the first `len` bytes of the room that was lent last.
    pub(crate) fn kept(&mut self, len: usize) -> Bytes {
        self.arena.truncate(len);
        self.arena.split().freeze()
    }
}

/// What stood where something else belonged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Found {
    /// Null.
    #[error("null")]
    Null,
    /// True or false.
    #[error("true or false")]
    Boolean,
    /// A number.
    #[error("a number")]
    Number,
    /// Text.
    #[error("text")]
    Text,
    /// Bytes.
    #[error("a blob")]
    Blob,
    /// A list.
    #[error("a list")]
    List,
    /// A structure or map.
    #[error("a structure or map")]
    Map,
}

/// What is wrong with a base64 text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Base64Fault {
    /// Its length is no multiple of four.
    #[error("{0} characters, which is no multiple of 4")]
    Length(usize),
    /// A character that is not of the alphabet, or padding before the end.
    #[error("the character at {0} does not belong there")]
    Character(usize),
    /// The last group has bits that no encoder sets.
    #[error("the last group is not canonical")]
    LastGroup,
}
