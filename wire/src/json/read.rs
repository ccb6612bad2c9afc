//! JSON to shapes: a reader that is pulled member by member.
//! The document is checked to be UTF-8 once, so texts are lent out of it as they stand.

use super::text::{base64_fault, truth, unescape};
use crate::shape::{Base64Fault, Found, Halt, Reading, Source};
use base64_simd::{Out, STANDARD};
use bytes::Bytes;
use std::borrow::Cow;
use tailwater_record::Timestamp;

/// A JSON document being read.
pub(crate) struct JsonSource<'d> {
    text: &'d str,
    bytes: &'d [u8],
    at: usize,
    reading: Reading,
}

/// Values nest no deeper than this. The service's own shapes reach five levels; more is passed over, up to here.
const DEPTH_MAX: usize = 128;

impl<'d> JsonSource<'d> {
    pub(crate) fn new(bytes: &'d [u8], reading: Reading) -> Result<Self, Halt> {
        let text = std::str::from_utf8(bytes);
        let text = text.map_err(|fault| Halt::Malformed { at: fault.valid_up_to(), expected: "UTF-8" })?;
        Ok(Self { text, bytes, at: 0, reading })
    }

    pub(crate) fn into_reading(self) -> Reading {
        self.reading
    }

    #[cold]
    fn malformed<T>(&self, expected: &'static str) -> Result<T, Halt> {
        Err(Halt::Malformed { at: self.at, expected })
    }

    /// The next byte that is no white space, not yet taken.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    #[inline]
    fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), Halt> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        self.malformed(expected)
    }

    fn word(&mut self, word: &'static str) -> Result<(), Halt> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        self.malformed(word)
    }

    /// Fails unless a value of this kind comes next.
    #[inline]
    fn expect(&mut self, first: u8) -> Result<(), Halt> {
        if self.peek() == Some(first) {
            self.at += 1;
            return Ok(());
        }
        Err(Halt::Kind(self.found()?))
    }

    /// The content of a text behind its opening quote, as it stands, and whether escapes are in it.
    #[inline]
    fn raw_text(&mut self) -> Result<(&'d str, bool), Halt> {
        let start = self.at;
        let mut escaped = false;
        loop {
            match memchr::memchr2(b'"', b'\\', &self.bytes[self.at..]) {
                None => {
                    self.at = self.bytes.len();
                    return self.malformed("the closing quote of a text");
                }
                Some(length) if self.bytes[self.at + length] == b'"' => {
                    let end = self.at + length;
                    self.at = end + 1;
                    return Ok((&self.text[start..end], escaped));
                }
                Some(length) => {
                    escaped = true;
                    // Past the escaped character, which may be a quote.
                    self.at = (self.at + length + 2).min(self.bytes.len());
                }
            }
        }
    }

    /// As `raw_text`, for names and keys, most of which are short: a plain loop finds their end before a search begins.
    #[inline]
    fn raw_short_text(&mut self) -> Result<(&'d str, bool), Halt> {
        const SHORT: usize = 24;
        let start = self.at;
        let near = &self.bytes[start..self.bytes.len().min(start + SHORT)];
        match near.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
            Some(length) if near[length] == b'"' => {
                self.at = start + length + 1;
                Ok((&self.text[start..start + length], false))
            }
            _ => self.raw_text(),
        }
    }

    /// The text behind its opening quote.
    #[inline]
    fn content(&mut self) -> Result<Cow<'d, str>, Halt> {
        let start = self.at;
        let (raw, escaped) = self.raw_short_text()?;
        if raw.bytes().fold(false, |found, byte| found | (byte < 0x20)) {
            self.at = start;
            return self.malformed("a text without control characters");
        }
        if escaped { unescape(raw, start).map(Cow::Owned) } else { Ok(Cow::Borrowed(raw)) }
    }

    /// A number's text, by the grammar of JSON.
    fn number(&mut self) -> Result<&'d str, Halt> {
        if !matches!(self.peek(), Some(b'-' | b'0'..=b'9')) {
            return Err(Halt::Kind(self.found()?));
        }
        let start = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        let whole = self.digits()?;
        if whole > 1 && self.bytes[self.at - whole] == b'0' {
            return self.malformed("a number without leading zeros");
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn digits(&mut self) -> Result<usize, Halt> {
        let count = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 { self.malformed("a digit") } else { Ok(count) }
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }
}

impl Source for JsonSource<'_> {
    fn found(&mut self) -> Result<Found, Halt> {
        match self.peek() {
            Some(b'"') => Ok(Found::Text),
            Some(b'{') => Ok(Found::Map),
            Some(b'[') => Ok(Found::List),
            Some(b't' | b'f') => Ok(Found::Boolean),
            Some(b'n') => Ok(Found::Null),
            Some(b'-' | b'0'..=b'9') => Ok(Found::Number),
            _ => self.malformed("a value"),
        }
    }

    #[inline]
    fn null(&mut self) -> Result<bool, Halt> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.word("null").map(|()| true)
    }

    #[inline]
    fn map(&mut self, mut each: impl FnMut(&mut Self, &str) -> Result<(), Halt>) -> Result<(), Halt> {
        self.expect(b'{')?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.take(b'"', "the name of a member")?;
            let key = self.content()?;
            self.take(b':', "a colon")?;
            each(self, &key)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.malformed("a comma or a closing brace"),
            }
        }
    }

    #[inline]
    fn list(&mut self, mut each: impl FnMut(&mut Self) -> Result<(), Halt>) -> Result<(), Halt> {
        self.expect(b'[')?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            each(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.malformed("a comma or a closing bracket"),
            }
        }
    }

    #[inline]
    fn text<T>(&mut self, read: impl FnOnce(&str) -> T) -> Result<T, Halt> {
        self.expect(b'"')?;
        self.content().map(|text| read(&text))
    }

    #[inline]
    fn kept_text(&mut self) -> Result<Bytes, Halt> {
        self.expect(b'"')?;
        let text = self.content()?;
        let left = self.left();
        Ok(self.reading.keep(text.as_bytes(), left / 4 * 3))
    }

    #[inline]
    fn blob(&mut self) -> Result<Bytes, Halt> {
        self.expect(b'"')?;
        let start = self.at;
        let (raw, escaped) = self.raw_text()?;
        // Some encoders escape the slash, which base64 has.
        let text = if escaped { Cow::Owned(unescape(raw, start)?) } else { Cow::Borrowed(raw) };
        let text = text.as_bytes();
        if !text.len().is_multiple_of(4) {
            return Err(Halt::Base64(Base64Fault::Length(text.len())));
        }
        let left = text.len() + self.left();
        let room = self.reading.room(text.len() / 4 * 3, left / 4 * 3);
        match STANDARD.decode(text, Out::from_slice(room)) {
            Ok(decoded) => {
                let len = decoded.len();
                Ok(self.reading.kept(len))
            }
            Err(_) => Err(Halt::Base64(base64_fault(text))),
        }
    }

    fn integer(&mut self) -> Result<i64, Halt> {
        let number = self.number()?;
        // Conversion from floating point rounds towards zero and saturates.
        Ok(number.parse().unwrap_or_else(|_| number.parse::<f64>().unwrap_or_default().floor() as i64))
    }

    fn boolean(&mut self) -> Result<bool, Halt> {
        match self.peek() {
            Some(b't') => self.word("true").map(|()| true),
            Some(b'f') => self.word("false").map(|()| false),
            // The service takes some words for it.
            Some(b'"') => {
                let start = self.at;
                match self.text(truth)? {
                    Some(value) => Ok(value),
                    None => {
                        self.at = start;
                        Err(Halt::Kind(Found::Text))
                    }
                }
            }
            _ => Err(Halt::Kind(self.found()?)),
        }
    }

    fn timestamp(&mut self) -> Result<Timestamp, Halt> {
        let seconds: f64 = self.number()?.parse().unwrap_or_default();
        Ok(Timestamp::from_millis((seconds * 1000.0).round() as i64))
    }

    fn skip(&mut self) -> Result<(), Halt> {
        // The brackets that are open, innermost last. No recursion: the document decides how deep it goes.
        let mut open = [0_u8; DEPTH_MAX];
        let mut depth = 0;
        loop {
            match self.found()? {
                Found::Text => {
                    self.at += 1;
                    self.content()?;
                }
                Found::Number => drop(self.number()?),
                Found::Boolean => drop(self.boolean()?),
                Found::Null => self.word("null")?,
                Found::List | Found::Map | Found::Blob => {
                    let Some(slot) = open.get_mut(depth) else {
                        return self.malformed("at most 128 levels of nesting");
                    };
                    // The closing byte is the opening one plus two in ASCII, for brackets and braces alike.
                    *slot = self.bytes[self.at] + 2;
                    depth += 1;
                    self.at += 1;
                    if self.peek() != Some(open[depth - 1]) {
                        self.name_in(open[depth - 1])?;
                        continue;
                    }
                }
            }
            // A value has ended; so may those around it.
            loop {
                let Some(closing) = depth.checked_sub(1).map(|top| open[top]) else { return Ok(()) };
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.name_in(closing)?;
                        break;
                    }
                    Some(byte) if byte == closing => {
                        self.at += 1;
                        depth -= 1;
                    }
                    _ => return self.malformed("a comma or a closing bracket"),
                }
            }
        }
    }

    fn finish(&mut self) -> Result<(), Halt> {
        if self.peek().is_some() { self.malformed("the end of the document") } else { Ok(()) }
    }

    fn reading(&mut self) -> &mut Reading {
        &mut self.reading
    }
}

impl JsonSource<'_> {
    /// Passes over a member's name, if the value before which it stands is in a map.
    fn name_in(&mut self, closing: u8) -> Result<(), Halt> {
        if closing == b'}' {
            self.take(b'"', "the name of a member")?;
            self.content()?;
            self.take(b':', "a colon")?;
        }
        Ok(())
    }
}
