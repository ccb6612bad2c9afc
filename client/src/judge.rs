//! What an answer means. Pure; one function, so that HTTP statuses and names of faults become decisions in one place.

use bytes::Bytes;
use tailwater_wire::http::header;
use tailwater_wire::{Codec, Fault, Response, RetryClass};

/// What an answer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The service did what was asked; the body is its answer.
    Done,
    /// The service says no.
    Fault(Fault),
    /// Something else has answered: a proxy, a login page, a redirect.
    Alien(u16),
}

/// Judges a whole answer to a request in this encoding.
pub(crate) fn judge(codec: Codec, response: &Response, body: &Bytes) -> Verdict {
    let status = response.status;
    // Errors may come in another encoding than was asked in.
    let spoken = response.headers.get(header::CONTENT_TYPE).and_then(Codec::of_content_type).unwrap_or(codec);
    if (200..300).contains(&status) {
        // A page in another type is no answer of the service, however good its status.
        let foreign =
            response.headers.get(header::CONTENT_TYPE).is_some_and(|kind| Codec::of_content_type(kind).is_none());
        return if foreign && !body.is_empty() { Verdict::Alien(status) } else { Verdict::Done };
    }
    match Fault::decode(spoken, status, body, response.headers.get(header::ERROR_TYPE)) {
        Some(fault) if status >= 400 => Verdict::Fault(fault),
        _ => Verdict::Alien(status),
    }
}

impl Verdict {
    /// What may be done about it; nothing if all is well.
    pub(crate) fn retry_class(&self) -> Option<RetryClass> {
        match self {
            Self::Done => None,
            Self::Fault(fault) => Some(fault.code.retry_class()),
            Self::Alien(429) => Some(RetryClass::Throttled),
            Self::Alien(status) if *status >= 500 => Some(RetryClass::Transient),
            Self::Alien(_) => Some(RetryClass::Never),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tailwater_wire::http::HeaderFields;
    use tailwater_wire::{Body, FaultCode};

    fn answer(status: u16, content_type: Option<&str>, body: &str) -> Verdict {
        let mut headers = HeaderFields::new();
        if let Some(content_type) = content_type {
            headers.add(header::CONTENT_TYPE, content_type);
        }
        let body = Bytes::from(body.to_owned());
        judge(Codec::Json, &Response { status, headers, body: Body::Whole(body.clone()) }, &body)
    }

    #[test]
    fn answers_are_told_apart() {
        let json = Some("application/x-amz-json-1.1");
        let fault = |code: FaultCode| Verdict::Fault(Fault::bare(code));
        assert_eq!(answer(200, json, "{}"), Verdict::Done);
        assert_eq!(answer(200, None, ""), Verdict::Done);
        assert_eq!(answer(200, Some("text/html"), "<html>log in</html>"), Verdict::Alien(200));
        assert_eq!(answer(302, None, ""), Verdict::Alien(302));
        assert_eq!(answer(400, json, r#"{"__type":"ValidationException"}"#), fault(FaultCode::Validation));
        assert_eq!(answer(500, json, r#"{"__type":"InternalFailure"}"#), fault(FaultCode::InternalFailure));
        assert_eq!(answer(502, Some("text/html"), "<html>Bad Gateway</html>"), Verdict::Alien(502));
        assert_eq!(answer(413, None, ""), Verdict::Alien(413));
    }

    #[test]
    fn what_may_be_repeated_is_told_apart() {
        let class = |status, body| answer(status, None, body).retry_class();
        assert_eq!(class(200, "{}"), None);
        assert_eq!(class(400, r#"{"__type":"LimitExceededException"}"#), Some(RetryClass::Throttled));
        assert_eq!(class(400, r#"{"__type":"ResourceNotFoundException"}"#), Some(RetryClass::Never));
        assert_eq!(class(400, r#"{"__type":"ExpiredIteratorException"}"#), Some(RetryClass::Renew));
        assert_eq!(class(429, "slow down"), Some(RetryClass::Throttled));
        assert_eq!(class(503, ""), Some(RetryClass::Transient));
        assert_eq!(class(404, "<html>"), Some(RetryClass::Never));
    }

    proptest! {
        #[test]
        fn nothing_but_a_good_status_is_success(status in 100..600_u16, body in "\\PC{0,60}|\\{\"__type\":\"[a-zA-Z#:.]{0,20}\"\\}") {
            let verdict = answer(status, None, &body);
            prop_assert_eq!(verdict == Verdict::Done, (200..300).contains(&status));
        }
    }
}
