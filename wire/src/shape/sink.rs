//! Where members are written to. `json` and `cbor` implement it.

use std::fmt;
use tailwater_record::Timestamp;

/// A member's name, with the JSON it becomes, comma first, so that it is written in one piece.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub(crate) name: &'static str,
    pub(crate) json: &'static str,
}

impl Key {
    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }
}

/// One document being written.
pub trait Sink {
    /// Writes a structure or map of so many entries, by calling `key` or `name` before each value.
    fn map(&mut self, entries: usize, write: impl FnOnce(&mut Self));
    /// Writes the name of a structure's member.
    fn key(&mut self, key: Key);
    /// Writes the key of a map's entry.
    fn name(&mut self, name: &str);
    /// Writes a list, by calling `item` before each element.
    fn list(&mut self, items: usize, write: impl FnOnce(&mut Self));
    /// Begins an element of a list.
    fn item(&mut self);
    /// Writes text.
    fn text(&mut self, text: &str);
    /// Writes bytes.
    fn blob(&mut self, bytes: &[u8]);
    /// Writes a whole number.
    fn integer(&mut self, number: i64);
    /// Writes true or false.
    fn boolean(&mut self, value: bool);
    /// Writes a moment.
    fn timestamp(&mut self, moment: Timestamp);

    /// Writes ASCII letters, digits, and hyphens, in which nothing needs an escape.
    fn plain(&mut self, text: &[u8]) {
        self.text(std::str::from_utf8(text).expect("letters, digits and hyphens are UTF-8"));
    }
    /// Writes what a value displays, which is short: a number, an id, an ARN.
    fn display(&mut self, value: &impl fmt::Display) {
        let mut short = Short { bytes: [0; SHORT], len: 0 };
        match fmt::write(&mut short, format_args!("{value}")) {
            Ok(()) => self.text(std::str::from_utf8(&short.bytes[..short.len]).expect("whole texts were copied")),
            Err(fmt::Error) => self.text(&value.to_string()),
        }
    }
}

const SHORT: usize = 160;

/// Text on the stack; says no when it is full.
struct Short {
    bytes: [u8; SHORT],
    len: usize,
}

impl fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}
