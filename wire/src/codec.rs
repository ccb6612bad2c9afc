//! The two encodings behind one door: a shape to bytes, bytes to a shape.
//! Called by the client (requests out, answers in) and by the broker (the other way round).

use crate::cbor::{CborSink, CborSource};
use crate::json::{JsonSink, JsonSource};
use crate::shape::{DecodeError, Halt, Member, Place, Reading, Shape, Source, Value};
use crate::shapes::Empty;
use bytes::Bytes;

/// How a body is encoded.
///
/// ```
/// use tailwater_wire::Codec;
/// use tailwater_wire::shapes::PutRecordInput;
///
/// let mut input = PutRecordInput::new("21.5");
/// input.stream_name = Some("readings".parse()?);
/// input.partition_key = Some("sensor-7".parse()?);
/// let body = Codec::Json.encode(&input);
/// assert_eq!(body, r#"{"StreamName":"readings","Data":"MjEuNQ==","PartitionKey":"sensor-7"}"#);
/// assert_eq!(Codec::Json.decode_request::<PutRecordInput>(&body)?, input);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// `application/x-amz-json-1.1`: what every client speaks.
    Json,
    /// `application/x-amz-cbor-1.1`: what the Java SDK prefers; blobs travel as they are.
    Cbor,
}

impl Codec {
    /// The value of the `content-type` header.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/x-amz-cbor-1.1",
        }
    }

    /// The encoding that a `content-type` header names; parameters behind a semicolon do not matter.
    #[must_use]
    pub fn of_content_type(value: &str) -> Option<Self> {
        let value = value.split(';').next().unwrap_or_default().trim();
        [Self::Json, Self::Cbor].into_iter().find(|codec| codec.content_type().eq_ignore_ascii_case(value))
    }

    /// Encodes a request or response.
    #[must_use]
    pub fn encode<T: Shape>(self, shape: &T) -> Bytes {
        self.encode_sized(shape, 256)
    }

    /// Encodes into a buffer of about the right size, where it is known.
    #[must_use]
    pub fn encode_sized<T: Shape>(self, shape: &T, expected: usize) -> Bytes {
        match self {
            Self::Json => {
                let mut sink = JsonSink::with_capacity(expected);
                shape.write(&mut sink);
                sink.into_bytes().into()
            }
            Self::Cbor => {
                let mut sink = CborSink::with_capacity(expected);
                shape.write(&mut sink);
                sink.into_bytes().into()
            }
        }
    }

    /// Reads a request as the service does: every limit of its model counts, and all that are broken are told.
    pub fn decode_request<T: Shape>(self, body: &Bytes) -> Result<T, DecodeError> {
        self.decode(body, Reading::new(true))
    }

    /// Reads a response as a client should: what is there must make sense, but limits may have grown since.
    /// An empty body is an answer without members, as operations that answer nothing send it.
    pub fn decode_response<T: Shape>(self, body: &Bytes) -> Result<T, DecodeError> {
        if body.is_empty() {
            return Self::Json.decode(&Bytes::from_static(b"{}"), Reading::new(false));
        }
        self.decode(body, Reading::new(false))
    }

    /// Reads any document as a tree. For quoting what was refused; `None` if it is not whole.
    #[must_use]
    pub fn read_value(self, body: &Bytes) -> Option<Value> {
        let reading = Reading::new(false);
        match self {
            Self::Json => JsonSource::new(body, reading).and_then(|mut source| whole_value(&mut source)).ok(),
            Self::Cbor => whole_value(&mut CborSource::new(body, reading)).ok(),
        }
    }

    fn decode<T: Shape>(self, body: &Bytes, reading: Reading) -> Result<T, DecodeError> {
        let read = match self {
            Self::Json => JsonSource::new(body, reading)
                .and_then(|mut source| Ok((read_whole(&mut source)?, source.into_reading()))),
            Self::Cbor => {
                let mut source = CborSource::new(body, reading);
                read_whole(&mut source).map(|value| (value, source.into_reading()))
            }
        };
        match read {
            Ok((Some(value), _)) => Ok(value),
            Ok((None, reading)) => Err(reading.into_error()),
            Err(halt) => Err(self.form_fault(body).unwrap_or_else(|| halt.into_error(T::KIND))),
        }
    }

    /// What is wrong with the form of a document, wherever it is. A document that is not whole is told as such, also if
    /// a value before its end is of a wrong kind.
    #[cold]
    fn form_fault(self, body: &Bytes) -> Option<DecodeError> {
        let passed_over = match self {
            Self::Json => JsonSource::new(body, Reading::new(false)).and_then(|mut source| pass_over(&mut source)),
            Self::Cbor => pass_over(&mut CborSource::new(body, Reading::new(false))),
        };
        passed_over.err().map(|halt| halt.into_error(Empty::KIND))
    }
}

fn read_whole<T: Shape, S: Source>(source: &mut S) -> Result<Option<T>, Halt> {
    let value = T::read(source, &Place::root(), None)?;
    source.finish().map(|()| value)
}

fn whole_value<S: Source>(source: &mut S) -> Result<Value, Halt> {
    let value = Value::read(source, 0)?;
    source.finish().map(|()| value)
}

fn pass_over<S: Source>(source: &mut S) -> Result<(), Halt> {
    source.skip()?;
    source.finish()
}

#[cfg(test)]
mod tests;
