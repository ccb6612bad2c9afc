//! The two encodings behind one door: a shape to bytes, bytes to a shape.
//! Called by the client (requests out, answers in) and by the broker (the other way round).

use crate::cbor::{CborSink, CborSource};
use crate::json::{JsonSink, JsonSource};
use crate::shape::{DecodeError, Place, Reading, Shape, Source};
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

    fn decode<T: Shape>(self, body: &Bytes, reading: Reading) -> Result<T, DecodeError> {
        let expected = T::KIND.noun();
        match self {
            Self::Json => {
                let mut source = JsonSource::new(body, reading).map_err(|halt| halt.into_error(expected))?;
                let value = read_whole(&mut source)?;
                value.ok_or_else(|| DecodeError::Invalid { problems: source.into_reading().into_problems() })
            }
            Self::Cbor => {
                let mut source = CborSource::new(body, reading);
                let value = read_whole(&mut source)?;
                value.ok_or_else(|| DecodeError::Invalid { problems: source.into_reading().into_problems() })
            }
        }
    }
}

fn read_whole<T: Shape, S: Source>(source: &mut S) -> Result<Option<T>, DecodeError> {
    let read = T::read(source, &Place::root(), None).and_then(|value| source.finish().map(|()| value));
    read.map_err(|halt| halt.into_error(T::KIND.noun()))
}

#[cfg(test)]
mod tests;
