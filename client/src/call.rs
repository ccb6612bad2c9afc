//! Encode, sign, send, read, judge, and maybe again. Everything that is the same for all operations.

use crate::config::Config;
use crate::coordinates::{Coordinates, Names};
use crate::credentials::{CachedCredentials, Keys};
use crate::endpoint::account_of;
use crate::error::Error;
use crate::judge::{Verdict, judge};
use crate::retry::Budget;
use crate::skew::{self, Skew};
use crate::transport::{Cut, Sent, Transport};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use std::sync::{Arc, Mutex, PoisonError};
use tailwater_wire::http::header;
use tailwater_wire::shapes::Call;
use tailwater_wire::sigv4::{BodyHash, sign};
use tailwater_wire::{Body, Codec, Request, Response, RetryClass};
use tokio::time::{Instant, sleep_until, timeout_at};

/// What all calls of a client share.
#[derive(Debug)]
pub(crate) struct Caller {
    config: Config,
    transport: Arc<dyn Transport>,
    credentials: CachedCredentials,
    skew: Skew,
    budget: Mutex<Budget>,
    chance: Mutex<fastrand::Rng>,
}

/// An answer that was read whole.
struct Whole {
    response: Response,
    body: Bytes,
}

impl Caller {
    pub(crate) fn new(config: Config, transport: Arc<dyn Transport>) -> Self {
        Self {
            credentials: CachedCredentials::new(Arc::clone(&config.credentials)),
            skew: Skew::default(),
            budget: Mutex::new(Budget::new(config.retry.budget)),
            chance: Mutex::new(config.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed)),
            transport,
            config,
        }
    }

    pub(crate) fn codec(&self) -> Codec {
        self.config.codec
    }

    /// Makes a call, and makes it again where that helps and `repeat` allows it.
    pub(crate) async fn call<C: Call>(&self, input: &C, codec: Codec, repeat: bool) -> Result<C::Output, Error> {
        let over = Instant::now() + self.config.call_timeout;
        let body = codec.encode_sized(input, input.size_hint());
        // Hashed once, however often it is sent.
        let hash = BodyHash::of(&body);
        let mut waits = self.config.retry.waits();
        let mut resigned = false;
        self.with_budget(Budget::earn);
        for attempt in 1.. {
            let deadline = over.min(Instant::now() + self.config.attempt_timeout);
            let failed = match self.attempt(input, codec, &body, &hash, attempt, deadline).await {
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
            if again >= over || !self.with_budget(Budget::spend) {
                return Err(error);
            }
            tracing::debug!(%error, ?wait, "calling again");
            sleep_until(again).await;
        }
        unreachable!("attempts are counted from one and the loop has no end")
    }

    fn with_budget<T>(&self, act: impl FnOnce(&mut Budget) -> T) -> T {
        act(&mut self.budget.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn attempt<C: Call>(
        &self,
        input: &C,
        codec: Codec,
        body: &Bytes,
        hash: &BodyHash,
        attempt: u32,
        deadline: Instant,
    ) -> Result<C::Output, Failed> {
        let at = |request_id: Option<&str>| Box::new(Coordinates::of(input, attempt, request_id.map(str::to_owned)));
        let keys = match timeout_at(deadline, self.credentials.get(self.config.clock.now())).await {
            Ok(Ok(keys)) => keys,
            Ok(Err(source)) => {
                let class = if source.is_retryable() { RetryClass::Transient } else { RetryClass::Never };
                return Err(Failed { error: Error::Credentials { at: at(None), source }, class });
            }
            Err(_) => {
                let cut = Cut { sent: Sent::Nothing, reason: "no credentials in time".to_owned() };
                return Err(Failed { error: Error::Cut { at: at(None), cut }, class: RetryClass::Transient });
            }
        };
        let cut = |cut: Cut| Failed { error: Error::Cut { at: at(None), cut }, class: RetryClass::Transient };
        let answer = self.exchange(input, codec, body, hash, &keys, deadline).await;
        let Whole { response, body } = match answer {
            Ok(whole) => whole,
            Err(Exchange::Cut(broken)) => return Err(cut(broken)),
            Err(Exchange::Unspeakable(reason)) => {
                return Err(Failed { error: Error::Unspeakable { at: at(None), reason }, class: RetryClass::Never });
            }
        };
        let at = || at(response.headers.get(header::REQUEST_ID));
        let verdict = judge(codec, &response, &body);
        let class = verdict.retry_class().unwrap_or(RetryClass::Never);
        match verdict {
            Verdict::Done => {
                let spoken =
                    response.headers.get(header::CONTENT_TYPE).and_then(Codec::of_content_type).unwrap_or(codec);
                let output = spoken.decode_response(&body);
                output.map_err(|source| Failed { error: Error::Unreadable { at: at(), source }, class })
            }
            Verdict::Fault(fault) => {
                let mut class = class;
                if let Some(distance) = skew::told_by(&fault.code, &response, self.config.clock.now()) {
                    self.skew.learn(distance);
                    class = RetryClass::Resign;
                } else if class == RetryClass::Resign {
                    self.credentials.forget(&keys);
                }
                Err(Failed { error: Error::Refused { at: at(), fault }, class })
            }
            Verdict::Alien(status) => Err(Failed { error: Error::Alien { at: at(), status }, class }),
        }
    }

    /// One request out, one whole answer in.
    async fn exchange<C: Call>(
        &self,
        input: &C,
        codec: Codec,
        body: &Bytes,
        hash: &BodyHash,
        keys: &Keys,
        deadline: Instant,
    ) -> Result<Whole, Exchange> {
        let names = Names::of(input);
        let arn = names.stream_arn.or(names.consumer_arn).or(names.resource_arn);
        let endpoint = self.config.endpoints.resolve(C::OPERATION.plane(), arn.as_deref().and_then(account_of));
        let mut request = Request::new(C::OPERATION, codec, body.clone());
        let now = self.skew.correct(self.config.clock.now());
        sign(&mut request, endpoint.authority(), hash, &keys.signing, &self.config.endpoints.region, now)
            .map_err(|fault| Exchange::Unspeakable(fault.to_string()))?;
        let mut response = self.transport.send(&endpoint, request, deadline).await.map_err(Exchange::Cut)?;
        let broken = |reason: String| Exchange::Cut(Cut { sent: Sent::All, reason });
        let body = match std::mem::replace(&mut response.body, Body::Whole(Bytes::new())) {
            Body::Whole(bytes) => bytes,
            Body::Streamed(mut pieces) => {
                let (limit, mut whole) = (self.config.answer_limit, BytesMut::new());
                let mut first = None;
                loop {
                    let piece = timeout_at(deadline, pieces.next()).await;
                    let piece = piece.map_err(|_| broken("the answer did not end in time".to_owned()))?;
                    let Some(piece) = piece else { break };
                    let piece = piece.map_err(|fault| broken(fault.reason))?;
                    if whole.len() + piece.len() > limit {
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
                first.unwrap_or_else(|| whole.freeze())
            }
        };
        Ok(Whole { response, body })
    }
}

/// An attempt that did not succeed, and what may be done about it.
struct Failed {
    error: Error,
    class: RetryClass,
}

/// An exchange that gave no whole answer.
enum Exchange {
    Cut(Cut),
    Unspeakable(String),
}

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Caller>();
};
