//! Requests and responses as plain values, which client and broker both speak, whatever carries them: a socket, or a
//! function call in the same process. No HTTP library shows in a signature.

use crate::shape::Shape;
use crate::shapes::Call;
use crate::{Codec, Fault, Operation};
use bytes::Bytes;
use futures_core::Stream;
use std::fmt;
use std::pin::Pin;

/// Names of headers that the protocol uses.
pub mod header {
    /// When the request was signed.
    pub const AMZ_DATE: &str = "x-amz-date";
    /// The session token of temporary credentials.
    pub const AMZ_SECURITY_TOKEN: &str = "x-amz-security-token";
    /// The operation.
    pub const AMZ_TARGET: &str = "x-amz-target";
    /// The signature.
    pub const AUTHORIZATION: &str = "authorization";
    /// The encoding of the body.
    pub const CONTENT_TYPE: &str = "content-type";
    /// The clock of whoever answers.
    pub const DATE: &str = "date";
    /// The name of the fault, beside the body.
    pub const ERROR_TYPE: &str = "x-amzn-errortype";
    /// Who is addressed.
    pub const HOST: &str = "host";
    /// The name of the answer, by which the service finds it again.
    pub const REQUEST_ID: &str = "x-amzn-requestid";
    /// A second name of the answer.
    pub const REQUEST_ID_2: &str = "x-amz-id-2";
}

/// Header fields, in order. Names are compared without regard to case.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderFields(Vec<(Box<str>, Box<str>)>);

impl HeaderFields {
    /// No fields.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The first value under this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// All values under this name.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Sets the only value under this name.
    pub fn set(&mut self, name: &str, value: impl Into<Box<str>>) {
        self.remove(name);
        self.add(name, value);
    }

    /// Takes away all values under this name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    }

    /// Adds a value under this name, beside those that are there.
    pub fn add(&mut self, name: &str, value: impl Into<Box<str>>) {
        self.0.push((name.to_ascii_lowercase().into(), value.into()));
    }

    /// All names, in lower case, and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// Names only: a value may be a signature or a session token.
impl fmt::Debug for HeaderFields {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// What is asked.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// `POST`, for all that is in the API.
    pub method: Box<str>,
    /// The path, and a query if there is one: `/`, for all that is in the API.
    pub target: Box<str>,
    /// The header fields.
    pub headers: HeaderFields,
    /// The body, whole.
    pub body: Bytes,
}

impl Request {
    /// A request for an operation, not signed yet.
    #[must_use]
    pub fn new(operation: Operation, codec: Codec, body: Bytes) -> Self {
        let mut headers = HeaderFields::new();
        headers.add(header::CONTENT_TYPE, codec.content_type());
        headers.add(header::AMZ_TARGET, operation.target());
        Self { method: "POST".into(), target: "/".into(), headers, body }
    }

    /// A request made of an operation's input, not signed yet.
    #[must_use]
    pub fn of<C: Call>(input: &C, codec: Codec) -> Self {
        Self::new(C::OPERATION, codec, codec.encode_sized(input, input.size_hint()))
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Request")
            .field("method", &self.method)
            .field("target", &self.target)
            .field("operation", &self.headers.get(header::AMZ_TARGET))
            .field("headers", &self.headers)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

/// What is answered.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderFields,
    /// The body.
    pub body: Body,
}

impl Response {
    /// The answer of an operation that succeeded. One without members has an empty body, as the service sends it.
    #[must_use]
    pub fn of<T: Shape>(output: &T, codec: Codec) -> Self {
        Self::of_sized(output, codec, 256)
    }

    /// As `of`, for an answer of about so many bytes.
    #[must_use]
    pub fn of_sized<T: Shape>(output: &T, codec: Codec, expected: usize) -> Self {
        let body = match T::SCHEMA.members {
            [] => Bytes::new(),
            _ => codec.encode_sized(output, expected),
        };
        Self::whole(200, codec, body)
    }

    /// The answer that tells a fault.
    #[must_use]
    pub fn fault(fault: &Fault, codec: Codec) -> Self {
        let mut response = Self::whole(fault.code.status(), codec, fault.encode(codec));
        response.headers.add(header::ERROR_TYPE, fault.code.as_str());
        response
    }

    fn whole(status: u16, codec: Codec, body: Bytes) -> Self {
        let mut headers = HeaderFields::new();
        headers.add(header::CONTENT_TYPE, codec.content_type());
        Self { status, headers, body: Body::Whole(body) }
    }
}

/// The body of an answer.
pub enum Body {
    /// All of it.
    Whole(Bytes),
    /// Piece by piece, as it comes; what a subscription is answered with.
    Streamed(BodyStream),
}

/// The pieces of a body. It ends after a fault.
pub type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, BodyFault>> + Send>>;

/// A body broke off.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body broke off: {reason}")]
pub struct BodyFault {
    /// What the transport says.
    pub reason: String,
}

impl fmt::Debug for Body {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => write!(out, "Whole({} bytes)", bytes.len()),
            Self::Streamed(_) => out.write_str("Streamed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::DescribeLimitsInput;

    #[test]
    fn header_names_are_compared_without_regard_to_case() {
        let mut headers = HeaderFields::new();
        headers.add("X-Amz-Date", "one");
        headers.add("x-amz-date", "two");
        assert_eq!(headers.get_all("X-AMZ-DATE").collect::<Vec<_>>(), ["one", "two"]);
        headers.set("x-Amz-date", "three");
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("x-amz-date", "three")]);
    }

    #[test]
    fn an_answer_without_members_is_empty_in_both_encodings() {
        for codec in [Codec::Json, Codec::Cbor] {
            let response = Response::of(&crate::shapes::Empty {}, codec);
            assert!(matches!(response.body, Body::Whole(body) if body.is_empty()));
            assert_eq!((response.status, response.headers.get("Content-Type")), (200, Some(codec.content_type())));
        }
    }

    #[test]
    fn debug_shows_neither_header_values_nor_the_body() {
        let mut request = Request::of(&DescribeLimitsInput {}, Codec::Json);
        request.headers.set(header::AUTHORIZATION, "AWS4-HMAC-SHA256 secret");
        request.body = "payload".into();
        let shown = format!("{request:?}");
        assert!(shown.contains("DescribeLimits") && shown.contains("7 bytes"), "{shown}");
        assert!(!shown.contains("secret") && !shown.contains("payload"), "{shown}");
    }
}
