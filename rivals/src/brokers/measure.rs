//! One round with one server, which is new each time: start it, put over one connection and over eight, drain, verify.
//! The size of what it holds is measured with another new one, so that nothing else has grown it.
//! Called by `main`.

use crate::drain::{Drained, drain};
use crate::http::Connection;
use crate::load::{Load, Plan, put};
use crate::null;
use crate::stream::{self, SHARDS};
use crate::subject::{Programs, Server, Subject};
use crate::verify::Acknowledged;
use std::error::Error;
use std::time::Duration;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) repetitions: usize,
    /// How long is put, before it counts and while it counts.
    pub(crate) warm: Duration,
    pub(crate) put: Duration,
    /// How long is drained, at the least; the same over and over, if there is little.
    pub(crate) drain: Duration,
    /// What is put to see how memory grows, and how long at the most.
    pub(crate) memory_records: usize,
    pub(crate) memory: Duration,
}

/// What a round gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub(crate) start: Duration,
    /// Bytes of memory of a server that has nothing to do yet.
    pub(crate) idle: u64,
    pub(crate) one: Rate,
    pub(crate) eight: Rate,
    pub(crate) drain: Rate,
}

/// How fast records went, and what a call took, if calls are alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) by_wall: f64,
    pub(crate) by_cpu: f64,
    pub(crate) half: Duration,
    pub(crate) most: Duration,
}

/// What memory a broker takes for what it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) records: usize,
    pub(crate) wall: Duration,
    pub(crate) before: u64,
    pub(crate) after: u64,
}

/// A stream, and what is known to be in it.
struct Filled {
    name: &'static str,
    acknowledged: Acknowledged,
}

/// Runs a round.
pub(crate) fn round(subject: Subject, programs: &Programs, extent: &Extent) -> Result<Round, Box<dyn Error>> {
    let mut server = subject.start(programs)?;
    let (start, idle) = (server.start, server.process.memory()?);
    let plan = |name, connections, time| Plan { stream: name, connections, time, calls: u64::MAX };
    let mut one = Filled::new(&server, "one")?;
    one.put(subject, &server, &plan("one", 0..1, extent.warm))?;
    let by_one = one.put(subject, &server, &plan("one", 1..2, extent.put))?.1;
    let mut eight = Filled::new(&server, "eight")?;
    let by_eight = eight.put(subject, &server, &plan("eight", 2..10, extent.put))?.1;
    let drain = drain_all(subject, &server, &[one, eight], extent.drain)?;
    server.process.runs()?;
    Ok(Round { start, idle, one: by_one, eight: by_eight, drain })
}

/// Fills a new server.
pub(crate) fn memory(subject: Subject, programs: &Programs, extent: &Extent) -> Result<Memory, Box<dyn Error>> {
    let server = subject.start(programs)?;
    let mut stream = Filled::new(&server, "memory")?;
    let before = server.process.memory()?;
    let calls = (extent.memory_records / crate::record::RECORDS) as u64;
    let plan = Plan { stream: stream.name, connections: 0..4, time: extent.memory, calls };
    let (load, _) = stream.put(subject, &server, &plan)?;
    let after = server.process.memory()?;
    drain_all(subject, &server, &[stream], Duration::ZERO)?;
    Ok(Memory { records: load.sent(), wall: load.wall, before, after })
}

impl Filled {
    fn new(server: &Server, name: &'static str) -> Result<Self, Box<dyn Error>> {
        let made = Connection::open(server.address).and_then(|mut socket| stream::make(&mut socket, name));
        made.map_err(|fault| format!("stream {name}: {fault}"))?;
        Ok(Self { name, acknowledged: Acknowledged::default() })
    }

    /// Puts, and remembers what was acknowledged; only that counts.
    fn put(&mut self, subject: Subject, server: &Server, plan: &Plan<'_>) -> Result<(Load, Rate), Box<dyn Error>> {
        let load = put(server, plan)?;
        let records = if subject.keeps() { self.acknowledged.add(&load)? } else { load.sent() };
        let rate =
            Rate { half: load.percentile(50), most: load.percentile(99), ..Rate::new(records, load.wall, load.cpu) };
        Ok((load, rate))
    }

    /// How many records each shard should have.
    fn expected(&self, subject: Subject) -> [usize; SHARDS] {
        if subject.keeps() { self.acknowledged.counts } else { [10 * null::PAGE; SHARDS] }
    }
}

/// Drains the streams, once at the least, and verifies what came the first time.
fn drain_all(subject: Subject, server: &Server, streams: &[Filled], time: Duration) -> Result<Rate, Box<dyn Error>> {
    let (mut records, mut wall, mut cpu) = (0, Duration::ZERO, Duration::ZERO);
    let mut first: Vec<Drained> = Vec::new();
    while first.is_empty() || wall < time {
        for stream in streams {
            let drained = drain(server, stream.name, stream.expected(subject))?;
            records += drained.records;
            wall += drained.wall;
            cpu += drained.cpu;
            if first.len() < streams.len() {
                first.push(drained);
            }
        }
    }
    for (stream, drained) in streams.iter().zip(&first).filter(|_| subject.keeps()) {
        stream.acknowledged.verify(&drained.pages).map_err(|fault| format!("stream {}: {fault}", stream.name))?;
    }
    Ok(Rate::new(records, wall, cpu))
}

impl Rate {
    fn new(records: usize, wall: Duration, cpu: Duration) -> Self {
        let records = records as f64;
        let (by_wall, by_cpu) = (records / wall.as_secs_f64(), records / cpu.as_secs_f64());
        Self { by_wall, by_cpu, half: Duration::ZERO, most: Duration::ZERO }
    }
}
