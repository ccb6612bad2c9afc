//! Lets pages in a browser call, if that is wanted. Off by default: a page of anybody's could read and write otherwise.

use super::exchange::Answer;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use hyper::http::request::Parts;
use tailwater_wire::http::header::REQUEST_ID;

/// A page that may call.
pub(super) struct Page {
    origin: HeaderValue,
}

const EXPOSED: &str = "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date";

impl Page {
    /// The page that a request comes from, if it comes from one that is allowed.
    pub(super) fn of(head: &Parts, allowed: &str) -> Option<Self> {
        let origin = head.headers.get(ORIGIN)?;
        let allowed_value = HeaderValue::from_str(allowed).ok()?;
        (allowed == "*" || *origin == allowed_value).then_some(Self { origin: allowed_value })
    }

    /// The answer to a browser that asks before it calls.
    pub(super) fn preflight(&self, head: &Parts, id: &str) -> hyper::Response<Answer> {
        let mut answer = hyper::Response::new(Answer::empty());
        let headers = answer.headers_mut();
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("172800"));
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        for (asked, allowed) in [
            (ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_ALLOW_HEADERS),
            (ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_ALLOW_METHODS),
        ] {
            if let Some(value) = head.headers.get(asked) {
                headers.insert(allowed, value.clone());
            }
        }
        answer
    }

    /// Lets the page read an answer.
    pub(super) fn admit(&self, answer: &mut hyper::Response<Answer>) {
        let headers = answer.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        headers.insert(VARY, HeaderValue::from_static("Origin"));
    }
}
