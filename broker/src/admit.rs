//! What a request must be before an operation sees it, in the order in which the service looks.
//! Why the order matters: SDKs and tests of theirs tell their mistakes by which answer comes first.
//! Pure. Called by `broker`.

use crate::authorize::{Claim, claim};
use bytes::Bytes;
use tailwater_wire::http::{HeaderFields, header};
use tailwater_wire::shape::DecodeError;
use tailwater_wire::shapes::Empty;
use tailwater_wire::{Body, Codec, Fault, FaultCode, Operation, Request, Response};

/// The most bytes a body may have: 10 MiB of data in base64, 500 keys of 256 characters, and what JSON adds.
pub(crate) const BODY_MAX: usize = 16 * 1024 * 1024;

/// A request that names an operation and brings a signature.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Admitted<'r> {
    pub(crate) operation: Operation,
    pub(crate) codec: Codec,
    pub(crate) claim: Claim<'r>,
}

/// How the content of a body is said to be encoded.
enum Content {
    Known(Codec),
    /// What the service understood before it had the present protocol; it answers in the old form.
    Legacy,
    Unknown,
}

/// Looks at a request, or answers it.
pub(crate) fn admit(request: &Request) -> Result<Admitted<'_>, Response> {
    if request.body.len() > BODY_MAX {
        return Err(too_large());
    }
    if &*request.method != "POST" {
        return Err(xml(403, FaultCode::AccessDenied.as_str(), NO_NAME));
    }
    let target = request.headers.get(header::AMZ_TARGET).unwrap_or_default();
    let (service, name) = target.split_once('.').unwrap_or((target, ""));
    let operation = Operation::of_target(target);
    let content = request.headers.get(header::CONTENT_TYPE).unwrap_or_default();
    let content = content_of(content);
    if request.body.is_empty() {
        let code = if operation.is_some() { FaultCode::Serialization } else { FaultCode::UnknownOperation };
        let codec = if matches!(content, Content::Known(Codec::Json)) { Codec::Json } else { Codec::Cbor };
        return Err(Response::fault(&Fault::bare(code), codec));
    }
    let codec = match content {
        Content::Known(codec) => codec,
        Content::Unknown if service.is_empty() || name.is_empty() => {
            return Err(xml(403, FaultCode::AccessDenied.as_str(), NO_NAME));
        }
        Content::Unknown => return Err(bare(404, "<UnknownOperationException/>\n")),
        Content::Legacy => {
            let (status, name) = match is_document(Codec::Json, &request.body) {
                true => (404, "UnknownOperationException"),
                false => (400, "SerializationException"),
            };
            let body = format!(r#"{{"Output":{{"__type":"com.amazon.coral.service#{name}"}},"Version":"1.0"}}"#);
            let mut response = bare(status, body);
            response.headers.add(header::CONTENT_TYPE, "application/json");
            return Err(response);
        }
    };
    let Some(operation) = operation else {
        let code = match is_document(codec, &request.body) {
            true => FaultCode::UnknownOperation,
            false => FaultCode::Serialization,
        };
        return Err(Response::fault(&Fault::bare(code), codec));
    };
    match claim(request) {
        Ok(claim) => Ok(Admitted { operation, codec, claim }),
        // What is no document is told before a missing signature is.
        Err(_) if !is_document(codec, &request.body) => {
            Err(Response::fault(&Fault::bare(FaultCode::Serialization), codec))
        }
        Err(fault) => Err(Response::fault(&fault, codec)),
    }
}

const NO_NAME: &str = "Unable to determine service/operation name to be authorized";

fn content_of(value: &str) -> Content {
    match Codec::of_content_type(value) {
        Some(codec) => Content::Known(codec),
        None if value.split(';').next().unwrap_or_default().trim() == "application/json" => Content::Legacy,
        None => Content::Unknown,
    }
}

/// Whether a body is one structure from beginning to end, whatever is in it.
fn is_document(codec: Codec, body: &Bytes) -> bool {
    let read: Result<Empty, DecodeError> = codec.decode_request(body);
    read.is_ok()
}

/// The answer to a body that is too large.
pub(crate) fn too_large() -> Response {
    bare(413, Bytes::new())
}

fn xml(status: u16, code: &str, message: &str) -> Response {
    bare(status, format!("<{code}>\n  <Message>{message}</Message>\n</{code}>\n"))
}

/// An answer that does not say how it is encoded.
fn bare(status: u16, body: impl Into<Bytes>) -> Response {
    Response { status, headers: HeaderFields::new(), body: Body::Whole(body.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=A/B/us-east-1/kinesis/aws4_request, SignedHeaders=a, Signature=b";

    fn request(content: &str, target: &str, body: &'static str) -> Request {
        let mut headers = HeaderFields::new();
        headers.add(header::CONTENT_TYPE, content);
        headers.add(header::AMZ_TARGET, target);
        headers.add(header::AUTHORIZATION, SIGNED);
        headers.add(header::AMZ_DATE, "20261121T000000Z");
        Request { method: "POST".into(), target: "/any/path".into(), headers, body: body.into() }
    }

    fn answer(request: &Request) -> (u16, Option<String>, String) {
        let response = admit(request).unwrap_err();
        let Body::Whole(body) = response.body else { panic!("a whole body") };
        let content = response.headers.get(header::CONTENT_TYPE).map(str::to_owned);
        (response.status, content, String::from_utf8_lossy(&body).into_owned())
    }

    const JSON: &str = "application/x-amz-json-1.1";
    const CBOR: &str = "application/x-amz-cbor-1.1";
    const LIST: &str = "Kinesis_20131202.ListStreams";

    #[test]
    fn checks_come_in_the_services_order() {
        let denied = "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be \
                      authorized</Message>\n</AccessDeniedException>\n";
        let mut get = request(JSON, LIST, "{}");
        get.method = "GET".into();
        assert_eq!(answer(&get), (403, None, denied.to_owned()));
        let json = |text: &str| Some(text.to_owned());
        for (content, target, body, status, kind, text) in [
            (JSON, LIST, "", 400, json(JSON), r#"{"__type":"SerializationException"}"#),
            (JSON, "x.y", "", 400, json(JSON), r#"{"__type":"UnknownOperationException"}"#),
            ("text/plain", "", "x", 403, None, denied),
            ("text/plain", "ListStreams", "x", 403, None, denied),
            ("text/plain", "x.y", "x", 404, None, "<UnknownOperationException/>\n"),
            ("text/plain", LIST, "x", 404, None, "<UnknownOperationException/>\n"),
            (JSON, LIST, "[1]", 0, None, ""),
            (JSON, "x.y", "[1]", 400, json(JSON), r#"{"__type":"SerializationException"}"#),
            (JSON, "x.y", "{}", 400, json(JSON), r#"{"__type":"UnknownOperationException"}"#),
            (
                "application/json; charset=x",
                LIST,
                "{}",
                404,
                json("application/json"),
                r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#,
            ),
            (
                "application/json",
                LIST,
                "{",
                400,
                json("application/json"),
                r#"{"Output":{"__type":"com.amazon.coral.service#SerializationException"},"Version":"1.0"}"#,
            ),
        ] {
            let request = request(content, target, body);
            if status == 0 {
                // What the operation's own reading finds is told later.
                assert_eq!(admit(&request).unwrap().operation, Operation::ListStreams);
                continue;
            }
            assert_eq!(answer(&request), (status, kind, text.to_owned()), "{content} {target} {body}");
        }
        assert_eq!(answer(&request("", LIST, "")).1.as_deref(), Some(CBOR));
        let mut unsigned = request(JSON, LIST, "{}");
        unsigned.headers.remove(header::AUTHORIZATION);
        assert!(answer(&unsigned).2.contains("Missing Authentication Token"));
        unsigned.body = "{".into();
        assert_eq!(answer(&unsigned).2, r#"{"__type":"SerializationException"}"#);
        // What names no operation, or has no content that is known, is told before a missing signature too.
        for (content, target, status) in
            [(JSON, "x.y", 400), ("text/plain", LIST, 404), ("application/json", LIST, 404)]
        {
            let mut unsigned = request(content, target, "{}");
            unsigned.headers.remove(header::AUTHORIZATION);
            let (told, _, text) = answer(&unsigned);
            assert!(told == status && text.contains("UnknownOperationException"), "{content} {target}: {text}");
        }
    }

    #[test]
    fn a_body_that_is_too_large_is_not_looked_at() {
        let mut request = request(JSON, LIST, "{}");
        request.body = vec![b' '; BODY_MAX + 1].into();
        assert_eq!(answer(&request), (413, None, String::new()));
        request.method = "GET".into();
        assert_eq!(answer(&request).0, 413);
    }
}
