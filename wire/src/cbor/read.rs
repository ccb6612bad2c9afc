//! CBOR to shapes: a reader that is pulled member by member. Blobs are slices of the document, not copies.

use crate::shape::{Found, Halt, Reading, Source};
use bytes::Bytes;
use minicbor::data::Type;
use minicbor::decode::{Decoder, Error};
use std::borrow::Cow;
use tailwater_record::Timestamp;

/// A CBOR document being read.
pub(crate) struct CborSource<'d> {
    document: &'d Bytes,
    items: Decoder<'d>,
    reading: Reading,
}

impl<'d> CborSource<'d> {
    pub(crate) fn new(document: &'d Bytes, reading: Reading) -> Self {
        Self { document, items: Decoder::new(document), reading }
    }

    pub(crate) fn into_reading(self) -> Reading {
        self.reading
    }

    /// The next item's type, past tags that tell nothing to us, such as "this is CBOR".
    #[inline]
    fn next(&mut self) -> Result<Type, Halt> {
        loop {
            match self.items.datatype() {
                Ok(Type::Tag) => {
                    let tag = self.items.tag();
                    self.whole(tag, "a tag")?;
                }
                other => return self.whole(other, "an item"),
            }
        }
    }

    #[inline]
    fn whole<T>(&self, read: Result<T, Error>, expected: &'static str) -> Result<T, Halt> {
        read.map_err(|_| Halt::Malformed { at: self.items.position(), expected })
    }

    #[cold]
    fn kind<T>(&self, found: Type) -> Result<T, Halt> {
        Err(self.told(found).map_or_else(|halt| halt, Halt::Kind))
    }

    fn told(&self, found: Type) -> Result<Found, Halt> {
        Ok(match found {
            Type::Bool => Found::Boolean,
            Type::Null | Type::Undefined => Found::Null,
            Type::Bytes | Type::BytesIndef => Found::Blob,
            Type::String | Type::StringIndef => Found::Text,
            Type::Array | Type::ArrayIndef => Found::List,
            Type::Map | Type::MapIndef => Found::Map,
            number if is_number(number) => Found::Number,
            _ => return Err(Halt::Malformed { at: self.items.position(), expected: "an item" }),
        })
    }

    /// Runs `each` for every element of a container whose head has been read.
    #[inline]
    fn elements(
        &mut self,
        count: Option<u64>,
        mut each: impl FnMut(&mut Self) -> Result<(), Halt>,
    ) -> Result<(), Halt> {
        let mut seen = 0;
        loop {
            match count {
                Some(count) if seen == count => return Ok(()),
                Some(_) => {}
                None => {
                    let next = self.items.datatype();
                    if self.whole(next, "an item or the end of the container")? == Type::Break {
                        self.items.set_position(self.items.position() + 1);
                        return Ok(());
                    }
                }
            }
            each(self)?;
            seen += 1;
        }
    }

    #[inline]
    fn content(&mut self) -> Result<Cow<'d, str>, Halt> {
        match self.next()? {
            Type::String => {
                let text = self.items.str();
                self.whole(text, "text").map(Cow::Borrowed)
            }
            Type::StringIndef => {
                let parts = self.items.str_iter().and_then(|parts| parts.collect::<Result<String, Error>>());
                self.whole(parts, "text").map(Cow::Owned)
            }
            other => self.kind(other),
        }
    }

    /// A number that has a fraction, or may be too large for one that has not.
    fn fraction(&mut self, kind: Type) -> Result<f64, Halt> {
        let number = match kind {
            Type::F32 => self.items.f32().map(f64::from),
            Type::F64 => self.items.f64(),
            Type::F16 => half(self.items.input(), self.items.position()).inspect(|_| {
                self.items.set_position(self.items.position() + 3);
            }),
            other => return self.kind(other),
        };
        let number = self.whole(number, "a number")?;
        if number.is_nan() {
            return Err(Halt::Malformed { at: self.items.position(), expected: "a number" });
        }
        Ok(number)
    }

    fn whole_number(&mut self) -> Result<i64, Halt> {
        let number = self.items.int().map(i128::from);
        let number = self.whole(number, "a number")?;
        Ok(number.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }
}

const fn is_whole(found: Type) -> bool {
    matches!(
        found,
        Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int
    )
}

const fn is_number(found: Type) -> bool {
    is_whole(found) || matches!(found, Type::F16 | Type::F32 | Type::F64)
}

/// A 16-bit floating point number, which the decoder leaves to a feature that brings another crate.
fn half(document: &[u8], at: usize) -> Result<f64, Error> {
    let Some(&[high, low]) = document.get(at + 1..at + 3) else { return Err(Error::end_of_input()) };
    let bits = u16::from_be_bytes([high, low]);
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * 2_f64.powi(exponent - 25),
    };
    Ok(if bits >> 15 == 1 { -magnitude } else { magnitude })
}

impl Source for CborSource<'_> {
    fn found(&mut self) -> Result<Found, Halt> {
        let next = self.next()?;
        self.told(next)
    }

    #[inline]
    fn null(&mut self) -> Result<bool, Halt> {
        let null = matches!(self.next()?, Type::Null | Type::Undefined);
        if null {
            self.items.set_position(self.items.position() + 1);
        }
        Ok(null)
    }

    #[inline]
    fn map(&mut self, mut each: impl FnMut(&mut Self, &str) -> Result<(), Halt>) -> Result<(), Halt> {
        let count = match self.next()? {
            Type::Map | Type::MapIndef => self.items.map(),
            other => return self.kind(other),
        };
        let count = self.whole(count, "a map")?;
        self.elements(count, |source| {
            let key = source.content()?;
            each(source, &key)
        })
    }

    #[inline]
    fn list(&mut self, each: impl FnMut(&mut Self) -> Result<(), Halt>) -> Result<(), Halt> {
        let count = match self.next()? {
            Type::Array | Type::ArrayIndef => self.items.array(),
            other => return self.kind(other),
        };
        let count = self.whole(count, "a list")?;
        self.elements(count, each)
    }

    #[inline]
    fn text<T>(&mut self, read: impl FnOnce(&str) -> T) -> Result<T, Halt> {
        self.content().map(|text| read(&text))
    }

    #[inline]
    fn kept_text(&mut self) -> Result<Bytes, Halt> {
        match self.content()? {
            Cow::Borrowed(text) => Ok(self.document.slice_ref(text.as_bytes())),
            Cow::Owned(text) => Ok(text.into()),
        }
    }

    #[inline]
    fn blob(&mut self) -> Result<Bytes, Halt> {
        match self.next()? {
            Type::Bytes => {
                let bytes = self.items.bytes();
                self.whole(bytes, "a blob").map(|bytes| self.document.slice_ref(bytes))
            }
            Type::BytesIndef => {
                let mut whole = Vec::new();
                let read = self
                    .items
                    .bytes_iter()
                    .and_then(|mut parts| parts.try_for_each(|part| part.map(|part| whole.extend_from_slice(part))));
                self.whole(read, "a blob").map(|()| Bytes::from(whole))
            }
            other => self.kind(other),
        }
    }

    fn integer(&mut self) -> Result<i64, Halt> {
        match self.next()? {
            whole if is_whole(whole) => self.whole_number(),
            other => self.fraction(other).map(|number| number.floor() as i64),
        }
    }

    fn boolean(&mut self) -> Result<bool, Halt> {
        match self.next()? {
            Type::Bool => {
                let value = self.items.bool();
                self.whole(value, "true or false")
            }
            other => self.kind(other),
        }
    }

    /// Whole numbers are milliseconds, tagged or not; fractions are seconds, as other encoders write them.
    fn timestamp(&mut self) -> Result<Timestamp, Halt> {
        match self.next()? {
            whole if is_whole(whole) => self.whole_number().map(Timestamp::from_millis),
            other => self.fraction(other).map(|seconds| Timestamp::from_millis((seconds * 1000.0).round() as i64)),
        }
    }

    fn skip(&mut self) -> Result<(), Halt> {
        let skipped = self.items.skip();
        self.whole(skipped, "an item")
    }

    fn finish(&mut self) -> Result<(), Halt> {
        let at = self.items.position();
        if at == self.document.len() { Ok(()) } else { Err(Halt::Malformed { at, expected: "the end" }) }
    }

    fn reading(&mut self) -> &mut Reading {
        &mut self.reading
    }
}
