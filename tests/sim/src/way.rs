//! A worker's way to the broker, as good as the weather.

use crate::weather::To;
use crate::world::World;
use std::fmt;
use std::sync::Arc;
use tailwater::client::{Answer, Cut, Endpoint, Sent, Transport};
use tailwater::local::LocalTransport;
use tailwater::wire::http::header;
use tailwater::wire::{Codec, Fault, FaultCode, Request, Response};
use tokio::time::{Instant, sleep, timeout_at};

/// The way of one worker.
pub(crate) struct Way {
    pub(crate) world: Arc<World>,
    pub(crate) process: usize,
    pub(crate) broker: LocalTransport,
}

impl fmt::Debug for Way {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Way({})", self.process)
    }
}

impl Transport for Way {
    fn send<'t>(&'t self, to: &'t Endpoint, request: Request, deadline: Instant) -> Answer<'t> {
        let fate = self.world.lock().weather.fate(Instant::now(), self.process, To::Service);
        let cut = |sent| Cut { sent, reason: "as the seed says".to_owned() };
        let refused = |code| Ok(Response::fault(&Fault::new(code, "as the seed says"), Codec::Json));
        let is_read = request.headers.get(header::AMZ_TARGET).is_some_and(|target| target.ends_with("GetRecords"));
        let carried = async move {
            if !fate.before.is_zero() {
                sleep(fate.before).await;
            }
            if fate.refused {
                return Err(cut(Sent::Nothing));
            }
            if fate.throttled {
                return refused(FaultCode::ProvisionedThroughputExceeded);
            }
            if fate.expired && is_read {
                return refused(FaultCode::ExpiredIterator);
            }
            let answer = self.broker.send(to, request, deadline).await;
            if !fate.after.is_zero() {
                sleep(fate.after).await;
            }
            if fate.lost { Err(cut(Sent::Unknown)) } else { answer }
        };
        Box::pin(async move { timeout_at(deadline, carried).await.unwrap_or(Err(cut(Sent::Unknown))) })
    }
}
