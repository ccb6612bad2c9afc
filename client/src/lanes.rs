//! Subscriptions spread over connections.
//! Why: HTTP/2 lets a server say how many streams a connection may carry, and a request beyond that waits, silently, until
//! another ends. A subscription lasts minutes. So each connection gets few of them, and a server that turns out to allow
//! fewer still is remembered.

use crate::config::ConfigFault;
use crate::endpoint::Endpoint;
use crate::transport::{Cut, HttpSettings, Sent, exchange};
use futures_core::Stream;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tailwater_wire::http::{BodyFault, BodyStream};
use tailwater_wire::{Body, Request, Response};
use tokio::time::{Instant, timeout_at};

/// Connections for subscriptions.
#[derive(Clone, Debug)]
pub(crate) struct Lanes {
    settings: Arc<HttpSettings>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// How many subscriptions a connection gets, as far as it is known.
    per_lane: usize,
    lanes: Vec<Lane>,
    next_id: u64,
}

#[derive(Debug)]
struct Lane {
    id: u64,
    http: reqwest::Client,
    /// How many subscriptions stand on it or are on their way.
    taken: usize,
}

impl Lanes {
    pub(crate) fn new(settings: HttpSettings) -> Self {
        let per_lane = settings.subscriptions_per_connection;
        let state = State { per_lane, lanes: Vec::new(), next_id: 0 };
        Self { settings: Arc::new(settings), state: Arc::new(Mutex::new(state)) }
    }

    /// Sends a request on a connection that has room.
    pub(crate) async fn exchange(&self, to: &Endpoint, request: Request, deadline: Instant) -> Result<Response, Cut> {
        let (http, place, others) = self.take(false)?;
        if others == 0 {
            return exchange(&http, to, request, deadline).await.map(|response| place.keep(response));
        }
        let patience = deadline.min(Instant::now() + self.settings.subscription_patience);
        match timeout_at(patience, exchange(&http, to, request.clone(), deadline)).await {
            Ok(answer) => answer.map(|response| place.keep(response)),
            Err(_) => {
                // The server may let no more onto that connection. Given up, the request leaves the queue.
                drop(place);
                self.learn(others);
                let (http, place, _) = self.take(true)?;
                exchange(&http, to, request, deadline).await.map(|response| place.keep(response))
            }
        }
    }

    /// A place on a connection, and how many others are on it.
    fn take(&self, alone: bool) -> Result<(reqwest::Client, Place, usize), Cut> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let per_lane = state.per_lane;
        let found = state.lanes.iter_mut().find(|lane| !alone && lane.taken < per_lane);
        if let Some(lane) = found {
            lane.taken += 1;
            let place = Place { id: lane.id, state: Arc::clone(&self.state) };
            return Ok((lane.http.clone(), place, lane.taken - 1));
        }
        let http = self.settings.client(self.settings.subscription_version);
        let http = http.map_err(|fault: ConfigFault| Cut { sent: Sent::Nothing, reason: fault.to_string() })?;
        let id = state.next_id;
        state.next_id += 1;
        state.lanes.push(Lane { id, http: http.clone(), taken: 1 });
        Ok((http, Place { id, state: Arc::clone(&self.state) }, 0))
    }

    /// A connection with so many subscriptions took no other.
    fn learn(&self, others: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.per_lane = state.per_lane.min(others.max(1));
    }
}

/// One subscription's place; given back when dropped. A connection without subscriptions is closed.
#[derive(Debug)]
struct Place {
    id: u64,
    state: Arc<Mutex<State>>,
}

impl Place {
    /// Holds the place for as long as the answer's body is read.
    fn keep(self, response: Response) -> Response {
        let body = match response.body {
            Body::Streamed(pieces) => Body::Streamed(Box::pin(Placed { pieces, _place: self })),
            whole => whole,
        };
        Response { body, ..response }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = state.lanes.iter_mut().find(|lane| lane.id == self.id) {
            lane.taken -= 1;
        }
        state.lanes.retain(|lane| lane.taken > 0);
    }
}

/// A body that holds a place.
struct Placed {
    pieces: BodyStream,
    _place: Place,
}

impl Stream for Placed {
    type Item = Result<bytes::Bytes, BodyFault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.as_mut().poll_next(context)
    }
}
