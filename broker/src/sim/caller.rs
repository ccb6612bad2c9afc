//! Asks a broker in the same process, typed, and lets answers wait until they are polled.

use crate::Broker;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tailwater_wire::http::header;
use tailwater_wire::shape::Shape;
use tailwater_wire::shapes::Call;
use tailwater_wire::{Body, Codec, Request, Response};

/// An answer that may still be held back.
pub(super) struct Asked {
    answer: Pin<Box<dyn Future<Output = Response>>>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Asked")
    }
}

/// What was refused: its status, and the words.
pub(super) type Refused = (u16, String);

/// Asks, up to where the answer is held back.
pub(super) fn ask<C: Call>(broker: &Broker, input: &C) -> Asked {
    let mut request = Request::of(input, Codec::Cbor);
    let authorization =
        "AWS4-HMAC-SHA256 Credential=any/day/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=any";
    request.headers.set(header::AUTHORIZATION, authorization);
    request.headers.set(header::AMZ_DATE, "20261121T000000Z");
    let broker = broker.clone();
    Asked { answer: Box::pin(async move { broker.answer(request).await }) }
}

impl Asked {
    /// The answer, if it has come.
    pub(super) fn poll<T: Shape>(&mut self) -> Option<Result<T, Refused>> {
        let Poll::Ready(response) = self.answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            return None;
        };
        let Body::Whole(body) = response.body else { return Some(Err((0, "a body in pieces".to_owned()))) };
        Some(if response.status == 200 {
            let read = Codec::Cbor.decode_response(&body);
            read.map_err(|fault| (0, format!("an answer that cannot be read: {fault}")))
        } else {
            Err((response.status, String::from_utf8_lossy(&body).into_owned()))
        })
    }
}
