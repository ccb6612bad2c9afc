//! Encode, sign, send, read, judge, and maybe again. Everything that is the same for all operations.

use crate::config::Config;
use crate::coordinates::{Coordinates, Names};
use crate::credentials::{CachedCredentials, Keys};
use crate::endpoint::account_of;
use crate::error::Error;
use crate::judge::{Verdict, judge};
use crate::retry::RetryBudget;
use crate::skew::{self, Skew};
use crate::subscription::Subscription;
use crate::transport::{Cut, Sent, Transport};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use std::sync::{Arc, Mutex, PoisonError};
use tailwater_record::{AccountId, Timestamp};
use tailwater_wire::http::header;
use tailwater_wire::shape::Shape;
use tailwater_wire::shapes::{Call, SubscribeToShardInput};
use tailwater_wire::sigv4::{BodyHash, sign};
use tailwater_wire::{Body, Codec, Operation, Request, Response, RetryClass, event_stream};
use tokio::time::{Instant, sleep_until, timeout_at};

/// What all calls of a client share.
#[derive(Debug)]
pub(crate) struct Caller {
    config: Config,
    transport: Arc<dyn Transport>,
    credentials: CachedCredentials,
    skew: Skew,
    budget: Mutex<RetryBudget>,
    chance: Mutex<fastrand::Rng>,
}

/// An answer that was read whole.
struct Whole {
    response: Response,
    body: Bytes,
}

/// A call as it is said, however often.
struct Spoken<'i, S> {
    operation: Operation,
    input: &'i S,
    codec: Codec,
    body: Bytes,
    /// Taken once.
    hash: BodyHash,
}

impl<'i, S: Shape> Spoken<'i, S> {
    fn new(operation: Operation, input: &'i S, codec: Codec, size_hint: usize) -> Self {
        let body = codec.encode_sized(input, size_hint);
        Self { operation, input, codec, hash: BodyHash::of(&body), body }
    }

    fn at(&self, attempt: u32, request_id: Option<&str>) -> Box<Coordinates> {
        Box::new(Coordinates::of(self.operation, self.input, attempt, request_id.map(str::to_owned)))
    }

    /// The account that an ARN of the input names.
    fn account(&self) -> Option<AccountId> {
        let names = Names::of(self.input);
        account_of(&names.stream_arn.or(names.consumer_arn).or(names.resource_arn)?)
    }
}

impl Caller {
    pub(crate) fn new(config: Config, transport: Arc<dyn Transport>) -> Self {
        Self {
            credentials: CachedCredentials::new(Arc::clone(&config.credentials)),
            skew: Skew::default(),
            budget: Mutex::new(RetryBudget::new(config.retry.budget)),
            chance: Mutex::new(config.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed)),
            transport,
            config,
        }
    }

    pub(crate) fn codec(&self) -> Codec {
        self.config.codec
    }

    /// Makes a call, and makes it again where that helps and `repeat` allows it.
    /// Tells also by the service's clock when it was answered, if the answer says so.
    pub(crate) async fn call<C: Call>(
        &self,
        input: &C,
        codec: Codec,
        repeat: bool,
    ) -> Result<(C::Output, Option<Timestamp>), Error> {
        let over = Instant::now() + self.config.call_timeout;
        let spoken = Spoken::new(C::OPERATION, input, codec, input.size_hint());
        let mut waits = self.config.retry.waits();
        let mut resigned = false;
        self.with_budget(RetryBudget::earn);
        for attempt in 1.. {
            let deadline = over.min(Instant::now() + self.config.attempt_timeout);
            let failed = match self.attempt::<C>(&spoken, attempt, deadline).await {
                Ok(output) => return Ok(output),
                Err(failed) => failed,
            };
            let Failed { error, class } = failed;
            let wait = match class {
                _ if !repeat => return Err(error),
                RetryClass::Never | RetryClass::Renew => return Err(error),
                // Signed anew, it can go at once; a second refusal is not about time.
                RetryClass::Resign if resigned => return Err(error),
                RetryClass::Resign => {
                    resigned = true;
                    std::time::Duration::ZERO
                }
                RetryClass::Throttled | RetryClass::Transient => {
                    let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
                    match waits.next(&mut chance) {
                        Some(wait) => wait,
                        None => return Err(error),
                    }
                }
            };
            let again = Instant::now() + wait;
            if again >= over || !self.with_budget(RetryBudget::spend) {
                return Err(error);
            }
            tracing::debug!(%error, ?wait, "calling again");
            sleep_until(again).await;
        }
        unreachable!("attempts are counted from one and the loop has no end")
    }

    fn with_budget<T>(&self, act: impl FnOnce(&mut RetryBudget) -> T) -> T {
        act(&mut self.budget.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn attempt<C: Call>(
        &self,
        spoken: &Spoken<'_, C>,
        attempt: u32,
        deadline: Instant,
    ) -> Result<(C::Output, Option<Timestamp>), Failed> {
        let (head, keys) = self.head(spoken, attempt, deadline, Length::Short).await?;
        let whole = self.collect(head, deadline).await.map_err(|cut| Failed::cut(spoken.at(attempt, None), cut))?;
        if let Some(failed) = self.refusal(spoken, attempt, &whole, &keys) {
            return Err(failed);
        }
        let Whole { response, body } = whole;
        let told = response.headers.get(header::CONTENT_TYPE).and_then(Codec::of_content_type);
        let output = told.unwrap_or(spoken.codec).decode_response(&body).map_err(|source| {
            let at = spoken.at(attempt, response.headers.get(header::REQUEST_ID));
            Failed { error: Error::Unreadable { at, source }, class: RetryClass::Never }
        })?;
        Ok((output, skew::date(&response)))
    }

    /// Subscribes; the answer stays open.
    pub(crate) async fn subscribe(&self, input: &SubscribeToShardInput) -> Result<Subscription, Error> {
        // The service answers in JSON whatever it is asked in, and so do SDKs ask.
        let spoken = Spoken::new(Operation::SubscribeToShard, input, Codec::Json, SUBSCRIBE_BYTES);
        let mut resigned = false;
        for attempt in 1.. {
            let deadline = Instant::now() + self.config.attempt_timeout;
            let (head, keys) = match self.head(&spoken, attempt, deadline, Length::Long).await {
                Ok(head) => head,
                Err(failed) => return Err(failed.error),
            };
            let at = spoken.at(attempt, head.headers.get(header::REQUEST_ID));
            let is_events = |kind: &str| kind.starts_with(event_stream::CONTENT_TYPE);
            if head.status == 200 && head.headers.get(header::CONTENT_TYPE).is_some_and(is_events) {
                return Ok(Subscription::new(*at, head.body, self.config.silence_limit));
            }
            let whole = self.collect(head, deadline).await.map_err(|cut| Error::Cut { at: at.clone(), cut })?;
            let status = whole.response.status;
            match self.refusal(&spoken, attempt, &whole, &keys) {
                // Only what a new signature cures is said again: whoever subscribes decides about the rest.
                Some(Failed { class: RetryClass::Resign, .. }) if !resigned => resigned = true,
                Some(failed) => return Err(failed.error),
                None => return Err(Error::Alien { at, status }),
            }
        }
        unreachable!("attempts are counted from one and the loop has no end")
    }

    /// One signed request out, and the head of its answer.
    async fn head<S: Shape + Sync>(
        &self,
        spoken: &Spoken<'_, S>,
        attempt: u32,
        deadline: Instant,
        length: Length,
    ) -> Result<(Response, Keys), Failed> {
        let at = || spoken.at(attempt, None);
        let keys = match timeout_at(deadline, self.credentials.get(self.config.clock.now())).await {
            Ok(Ok(keys)) => keys,
            Ok(Err(source)) => {
                let class = if source.is_retryable() { RetryClass::Transient } else { RetryClass::Never };
                return Err(Failed { error: Error::Credentials { at: at(), source }, class });
            }
            Err(_) => {
                let cut = Cut { sent: Sent::Nothing, reason: "no credentials in time".to_owned() };
                return Err(Failed::cut(at(), cut));
            }
        };
        let endpoint = self.config.endpoints.resolve(spoken.operation.plane(), spoken.account());
        let mut request = Request::new(spoken.operation, spoken.codec, spoken.body.clone());
        let now = self.skew.correct(self.config.clock.now());
        let region = &self.config.endpoints.region;
        let signed = sign(&mut request, endpoint.authority(), &spoken.hash, &keys.signing, region, now);
        if let Err(fault) = signed {
            let error = Error::Unspeakable { at: at(), reason: fault.to_string() };
            return Err(Failed { error, class: RetryClass::Never });
        }
        let sent = match length {
            Length::Short => self.transport.send(&endpoint, request, deadline),
            Length::Long => self.transport.subscribe(&endpoint, request, deadline),
        };
        match sent.await {
            Ok(head) => Ok((head, keys)),
            Err(cut) => Err(Failed::cut(at(), cut)),
        }
    }

    /// The rest of an answer.
    async fn collect(&self, mut response: Response, deadline: Instant) -> Result<Whole, Cut> {
        let broken = |reason: String| Cut { sent: Sent::All, reason };
        let mut pieces = match std::mem::replace(&mut response.body, Body::Whole(Bytes::new())) {
            Body::Whole(body) => return Ok(Whole { response, body }),
            Body::Streamed(pieces) => pieces,
        };
        let (limit, mut first, mut whole) = (self.config.answer_limit, None, BytesMut::new());
        loop {
            let piece = timeout_at(deadline, pieces.next()).await;
            let piece = piece.map_err(|_| broken("the answer did not end in time".to_owned()))?;
            let Some(piece) = piece else { break };
            let piece: Bytes = piece.map_err(|fault| broken(fault.reason))?;
            if whole.len() + first.as_ref().map_or(0, Bytes::len) + piece.len() > limit {
                return Err(broken(format!("the answer is longer than {limit} bytes")));
            }
            // Most answers come in one piece, which then need not be copied.
            match first.take() {
                None if whole.is_empty() => first = Some(piece),
                None => whole.extend_from_slice(&piece),
                Some(before) => {
                    whole.extend_from_slice(&before);
                    whole.extend_from_slice(&piece);
                }
            }
        }
        let body = first.unwrap_or_else(|| whole.freeze());
        Ok(Whole { response, body })
    }

    /// What a whole answer refuses, and what is learned from that; nothing if it is a success.
    fn refusal<S: Shape>(&self, spoken: &Spoken<'_, S>, attempt: u32, whole: &Whole, keys: &Keys) -> Option<Failed> {
        let verdict = judge(spoken.codec, &whole.response, &whole.body);
        let mut class = verdict.retry_class()?;
        let at = spoken.at(attempt, whole.response.headers.get(header::REQUEST_ID));
        let error = match verdict {
            Verdict::Done => return None,
            Verdict::Alien(status) => Error::Alien { at, status },
            Verdict::Fault(fault) => {
                if let Some(distance) = skew::told_by(&fault.code, &whole.response, self.config.clock.now()) {
                    self.skew.learn(distance);
                    class = RetryClass::Resign;
                } else if class == RetryClass::Resign {
                    self.credentials.forget(keys);
                }
                Error::Refused { at, fault }
            }
        };
        Some(Failed { error, class })
    }
}

/// About what a subscription takes to ask for.
const SUBSCRIBE_BYTES: usize = 512;

/// How long an answer stays open.
enum Length {
    Short,
    Long,
}

/// An attempt that did not succeed, and what may be done about it.
struct Failed {
    error: Error,
    class: RetryClass,
}

impl Failed {
    fn cut(at: Box<Coordinates>, cut: Cut) -> Self {
        Self { error: Error::Cut { at, cut }, class: RetryClass::Transient }
    }
}

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Caller>();
};
