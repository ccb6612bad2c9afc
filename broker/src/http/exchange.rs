//! HTTP's requests into `wire`'s, and `wire`'s answers into HTTP's.

use super::connection::{Connections, KIB};
use super::cors;
use crate::admit::{BODY_MAX, too_large};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tailwater_wire::http::{BodyFault, BodyStream, HeaderFields};
use tailwater_wire::{Request, Response};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// How long a client may pause within a body.
const PAUSE: Duration = Duration::from_secs(30);
/// How long a whole body may take, however steadily it drips.
const BODY: Duration = Duration::from_secs(300);
/// Room that is made for a body on its length's word alone.
const TRUSTED: usize = 1024 * 1024;

/// Answers one request.
pub(super) async fn answer(shared: &Connections, request: hyper::Request<Incoming>) -> hyper::Response<Answer> {
    let (broker, (head, body)) = (&shared.broker, request.into_parts());
    let page = shared.config.cors.as_deref().and_then(|allowed| cors::Page::of(&head, allowed));
    if let Some(page) = page.as_ref().filter(|_| head.method == hyper::Method::OPTIONS) {
        return page.preflight(&head, &broker.next_id());
    }
    // Given back once the body has been answered.
    let _room = room_for(&shared.room, &body).await;
    let read = timeout(BODY, read(&head, body)).await.unwrap_or(Err(Unread::Broken));
    let (response, cut) = match read {
        Ok(body) => (broker.answer(request_of(&head, body)).await, false),
        Err(Unread::TooLarge) => (too_large(), true),
        Err(Unread::Broken) => {
            // Nobody is there to read an answer, or somebody sends too slowly to be waited for.
            let mut response = hyper::Response::new(Answer::empty());
            *response.status_mut() = hyper::StatusCode::REQUEST_TIMEOUT;
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            return response;
        }
    };
    let mut answer = answer_of(response);
    // What is left of the body is not waited for.
    if cut && head.version < hyper::Version::HTTP_2 {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(page) = page {
        page.admit(&mut answer);
    }
    answer
}

/// Waits for room for a body: as much as it says that it needs, or as much as any may have.
async fn room_for<'r>(room: &'r Semaphore, body: &Incoming) -> Option<SemaphorePermit<'r>> {
    let most = body.size_hint().upper().and_then(|most| usize::try_from(most).ok());
    let needed = most.unwrap_or(BODY_MAX).min(BODY_MAX).div_ceil(KIB);
    room.acquire_many(u32::try_from(needed).unwrap_or(u32::MAX)).await.ok()
}

/// Why there is no body.
enum Unread {
    TooLarge,
    Broken,
}

async fn read(head: &hyper::http::request::Parts, mut body: Incoming) -> Result<Bytes, Unread> {
    let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > BODY_MAX) {
        return Err(Unread::TooLarge);
    }
    let mut whole = BytesMut::new();
    let mut first: Option<Bytes> = None;
    while let Some(frame) = timeout(PAUSE, body.frame()).await.map_err(|_| Unread::Broken)? {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        if whole.len() + first.as_ref().map_or(0, Bytes::len) + data.len() > BODY_MAX {
            return Err(Unread::TooLarge);
        }
        match first.take() {
            // A body in one piece is not copied.
            None if whole.is_empty() => first = Some(data),
            None => whole.extend_from_slice(&data),
            Some(piece) => {
                whole.reserve(
                    length.unwrap_or(0).clamp(piece.len() + data.len(), TRUSTED.max(piece.len() + data.len())),
                );
                whole.extend_from_slice(&piece);
                whole.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| whole.freeze()))
}

fn request_of(head: &hyper::http::request::Parts, body: Bytes) -> Request {
    let mut headers = HeaderFields::new();
    for (name, value) in &head.headers {
        // A value that is no text is nothing that we look at.
        if let Ok(value) = value.to_str() {
            headers.add(name.as_str(), value);
        }
    }
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    Request { method: head.method.as_str().into(), target: target.into(), headers, body }
}

fn answer_of(response: Response) -> hyper::Response<Answer> {
    let body = match response.body {
        tailwater_wire::Body::Whole(bytes) => Answer::Whole(bytes),
        tailwater_wire::Body::Streamed(pieces) => Answer::Streamed(pieces),
    };
    let mut answer = hyper::Response::new(body);
    *answer.status_mut() =
        hyper::StatusCode::from_u16(response.status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers.iter() {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            answer.headers_mut().append(name, value);
        }
    }
    answer
}

/// The body of an answer, as hyper takes it.
pub(super) enum Answer {
    Whole(Bytes),
    Streamed(BodyStream),
}

impl Answer {
    pub(super) fn empty() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Streamed(pieces) => {
                pieces.as_mut().poll_next(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Streamed(_) => SizeHint::default(),
        }
    }
}
