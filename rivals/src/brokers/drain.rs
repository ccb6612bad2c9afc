//! Reads all that a stream holds: over one connection, in the largest pages, shard after shard.
//! The clock stops with the last record that is known to be there; what comes behind it is asked for afterwards, so that
//! a record that came twice shows.
//! Called by `measure`.

use crate::http::Connection;
use crate::stream::{self, SHARDS};
use crate::subject::Server;
use memchr::memmem::Finder;
use std::error::Error;
use std::time::{Duration, Instant};

/// Pages without a record, one after the other, after which no more are expected.
const EMPTY: usize = 20;

/// What was read.
#[derive(Debug)]
pub(crate) struct Drained {
    pub(crate) pages: Vec<Page>,
    pub(crate) records: usize,
    pub(crate) wall: Duration,
    /// What the server spent on it.
    pub(crate) cpu: Duration,
}

/// An answer, and the shard that it is about.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) shard: usize,
    pub(crate) answer: Vec<u8>,
}

/// Reads the stream; `expected` is how many records each shard should have.
pub(crate) fn drain(server: &Server, name: &str, expected: [usize; SHARDS]) -> Result<Drained, Box<dyn Error>> {
    let spent = server.process.cpu()?;
    let began = Instant::now();
    let mut drained = Drained { pages: Vec::new(), records: 0, wall: Duration::ZERO, cpu: Duration::ZERO };
    let rest = drained.read(server, name, expected).map_err(|fault| format!("drain: {fault}"))?;
    drained.wall = began.elapsed();
    drained.cpu = server.process.cpu()?.saturating_sub(spent);
    drained.read_rest(server, rest).map_err(|fault| format!("behind the end: {fault}"))?;
    Ok(drained)
}

impl Drained {
    /// Gives the iterators behind what it has read.
    fn read(
        &mut self,
        server: &Server,
        name: &str,
        expected: [usize; SHARDS],
    ) -> Result<Vec<(usize, String)>, Box<dyn Error + Send + Sync>> {
        let mut socket = Connection::open(server.address)?;
        let mut rest = Vec::new();
        let record = Finder::new(br#""SequenceNumber""#);
        for (shard, expected) in expected.into_iter().enumerate() {
            let mut iterator = Some(stream::beginning(&mut socket, name, shard)?);
            let (mut read, mut empty) = (0, 0);
            while read < expected && empty < EMPTY {
                let Some(from) = iterator else { break };
                let answer = get(&mut socket, &from)?;
                iterator = stream::iterator(&answer, "NextShardIterator");
                let count = record.find_iter(&answer).count();
                read += count;
                empty = if count == 0 { empty + 1 } else { 0 };
                self.pages.push(Page { shard, answer });
            }
            self.records += read;
            rest.extend(iterator.map(|iterator| (shard, iterator)));
        }
        Ok(rest)
    }

    fn read_rest(&mut self, server: &Server, rest: Vec<(usize, String)>) -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut socket = Connection::open(server.address)?;
        for (shard, iterator) in rest {
            let answer = get(&mut socket, &iterator)?;
            self.pages.push(Page { shard, answer });
        }
        Ok(())
    }
}

fn get(socket: &mut Connection, iterator: &str) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    let body = format!(r#"{{"ShardIterator":"{iterator}","Limit":10000}}"#);
    socket.call("GetRecords", body.as_bytes())?.ok("GetRecords")
}
