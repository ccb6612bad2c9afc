//! Shapes to JSON.

use crate::shape::{Key, Sink};
use base64_simd::STANDARD;
use tailwater_record::Timestamp;

/// A JSON document being written.
pub(crate) struct JsonSink {
    out: Vec<u8>,
    /// Whether nothing stands yet in the map or list that is open.
    first: bool,
}

impl JsonSink {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes), first: true }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }
}

impl Sink for JsonSink {
    #[inline]
    fn map(&mut self, _: usize, write: impl FnOnce(&mut Self)) {
        self.out.push(b'{');
        self.first = true;
        write(self);
        self.first = false;
        self.out.push(b'}');
    }

    #[inline]
    fn key(&mut self, key: Key) {
        // The comma leads, so that a key is appended in one piece.
        self.out.extend_from_slice(&key.json.as_bytes()[usize::from(self.first)..]);
        self.first = false;
    }

    fn name(&mut self, name: &str) {
        self.item();
        self.text(name);
        self.out.push(b':');
    }

    #[inline]
    fn list(&mut self, _: usize, write: impl FnOnce(&mut Self)) {
        self.out.push(b'[');
        self.first = true;
        write(self);
        self.first = false;
        self.out.push(b']');
    }

    #[inline]
    fn item(&mut self) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
    }

    #[inline]
    fn text(&mut self, text: &str) {
        self.out.push(b'"');
        let bytes = text.as_bytes();
        // Looks at every byte, which takes fewer instructions than stopping at the first that matters.
        if bytes.iter().fold(false, |found, byte| found | needs_escape(*byte)) {
            self.escaped(bytes);
        } else {
            self.out.extend_from_slice(bytes);
        }
        self.out.push(b'"');
    }

    #[inline]
    fn plain(&mut self, text: &[u8]) {
        self.out.reserve(text.len() + 2);
        self.out.push(b'"');
        self.out.extend_from_slice(text);
        self.out.push(b'"');
    }

    #[inline]
    fn blob(&mut self, bytes: &[u8]) {
        self.out.push(b'"');
        STANDARD.encode_append(bytes, &mut self.out);
        self.out.push(b'"');
    }

    fn integer(&mut self, number: i64) {
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn boolean(&mut self, value: bool) {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn timestamp(&mut self, moment: Timestamp) {
        // As `Timestamp` displays itself, without the detour over a formatter: a page has ten thousand of them.
        let Ok(millis) = u64::try_from(moment.millis()) else {
            return self.out.extend_from_slice(moment.to_string().as_bytes());
        };
        self.integer((millis / 1000) as i64);
        let (tenths, hundredths, last) = (millis / 100 % 10, millis / 10 % 10, millis % 10);
        let shown = [b'.', b'0' + tenths as u8, b'0' + hundredths as u8, b'0' + last as u8];
        let length = match (tenths, hundredths, last) {
            (0, 0, 0) => 0,
            (_, 0, 0) => 2,
            (_, _, 0) => 3,
            _ => 4,
        };
        self.out.extend_from_slice(&shown[..length]);
    }
}

const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

impl JsonSink {
    #[cold]
    fn escaped(&mut self, bytes: &[u8]) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        for &byte in bytes {
            match byte {
                b'"' | b'\\' => self.out.extend_from_slice(&[b'\\', byte]),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                _ if needs_escape(byte) => {
                    let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
                    self.out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
                }
                _ => self.out.push(byte),
            }
        }
    }
}
