//! Shapes to CBOR.

use crate::shape::{Key, Sink};
use minicbor::data::Tag;
use minicbor::encode::{Encoder, Error};
use std::convert::Infallible;
use tailwater_record::Timestamp;

/// A CBOR document being written.
pub(crate) struct CborSink {
    out: Encoder<Vec<u8>>,
}

/// The tag of a moment.
pub(super) const EPOCH: u64 = 1;

impl CborSink {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { out: Encoder::new(Vec::with_capacity(bytes)) }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out.into_writer()
    }
}

/// A vector takes all that is written to it, and no value of ours refuses to be encoded.
fn written<T>(outcome: Result<T, Error<Infallible>>) {
    debug_assert!(outcome.is_ok(), "a vector takes all bytes");
}

impl Sink for CborSink {
    #[inline]
    fn map(&mut self, entries: usize, write: impl FnOnce(&mut Self)) {
        written(self.out.map(entries as u64).map(drop));
        write(self);
    }

    #[inline]
    fn key(&mut self, key: Key) {
        written(self.out.str(key.name).map(drop));
    }

    fn name(&mut self, name: &str) {
        written(self.out.str(name).map(drop));
    }

    #[inline]
    fn list(&mut self, items: usize, write: impl FnOnce(&mut Self)) {
        written(self.out.array(items as u64).map(drop));
        write(self);
    }

    fn item(&mut self) {}

    #[inline]
    fn text(&mut self, text: &str) {
        written(self.out.str(text).map(drop));
    }

    #[inline]
    fn blob(&mut self, bytes: &[u8]) {
        written(self.out.bytes(bytes).map(drop));
    }

    fn integer(&mut self, number: i64) {
        written(self.out.i64(number).map(drop));
    }

    fn boolean(&mut self, value: bool) {
        written(self.out.bool(value).map(drop));
    }

    fn timestamp(&mut self, moment: Timestamp) {
        written(self.out.tag(Tag::new(EPOCH)).and_then(|out| out.i64(moment.millis())).map(drop));
    }
}
