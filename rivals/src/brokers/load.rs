//! Puts records as fast as a server takes them, over one connection or several, and keeps what it answered.
//! Bodies are there before the clock starts; answers are looked at after it has stopped. In between, a connection writes
//! its body's number, which is a few letters a record, and waits.
//! Called by `measure`.

use crate::http::Connection;
use crate::record::{Body, RECORDS};
use crate::subject::Server;
use std::error::Error;
use std::ops::Range;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How much is put.
#[derive(Clone, Debug)]
pub(crate) struct Plan<'s> {
    pub(crate) stream: &'s str,
    /// One for each; they are told apart by their records.
    pub(crate) connections: Range<u8>,
    /// No call begins later than that.
    pub(crate) time: Duration,
    /// No more calls than these, all connections together.
    pub(crate) calls: u64,
}

/// What was put.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) calls: Vec<Call>,
    /// From the first call's beginning to the last one's end.
    pub(crate) wall: Duration,
    /// What the server spent on it.
    pub(crate) cpu: Duration,
}

/// One call that was answered.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) connection: u8,
    pub(crate) call: u32,
    pub(crate) took: Duration,
    pub(crate) answer: Vec<u8>,
}

/// Puts until the plan is fulfilled. Fails if a call does.
pub(crate) fn put(server: &Server, plan: &Plan<'_>) -> Result<Load, Box<dyn Error>> {
    let begin = Barrier::new(plan.connections.len() + 1);
    let left = AtomicU64::new(plan.calls);
    let (calls, wall, spent) = thread::scope(|scope| {
        let run = |connection| {
            let (begin, left) = (&begin, &left);
            scope.spawn(move || {
                let ready = Connection::open(server.address);
                let body = Body::new(plan.stream, connection);
                begin.wait();
                run(ready?, body, connection, plan.time, left)
            })
        };
        let threads: Vec<_> = plan.connections.clone().map(run).collect();
        let spent = server.process.cpu();
        begin.wait();
        let began = Instant::now();
        let results: Vec<_> = threads.into_iter().map(thread::ScopedJoinHandle::join).collect();
        (results, began.elapsed(), spent)
    });
    let cpu = server.process.cpu()?.saturating_sub(spent?);
    let mut load = Load { calls: Vec::new(), wall, cpu };
    for connection in calls {
        let connection = connection.map_err(|_| "a connection's thread panicked")?;
        load.calls.extend(connection.map_err(|fault| format!("PutRecords: {fault}"))?);
    }
    Ok(load)
}

fn run(
    mut socket: Connection,
    mut body: Body,
    connection: u8,
    time: Duration,
    left: &AtomicU64,
) -> Result<Vec<Call>, Box<dyn Error + Send + Sync>> {
    let began = Instant::now();
    let mut calls = Vec::new();
    let take = || left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
    while began.elapsed() < time && take() {
        let call = u32::try_from(calls.len())?;
        body.set_call(call);
        let asked = Instant::now();
        let answer = socket.call("PutRecords", &body.bytes)?;
        let took = asked.elapsed();
        calls.push(Call { connection, call, took, answer: answer.ok("PutRecords")? });
    }
    Ok(calls)
}

impl Load {
    /// Records that were sent, stored or not.
    pub(crate) fn sent(&self) -> usize {
        self.calls.len() * RECORDS
    }

    /// How long a call took, of a hundred sorted calls the one at this place.
    pub(crate) fn percentile(&self, place: usize) -> Duration {
        let mut took: Vec<Duration> = self.calls.iter().map(|call| call.took).collect();
        took.sort_unstable();
        let last = took.len().saturating_sub(1);
        took.get(last * place / 100).copied().unwrap_or_default()
    }
}
