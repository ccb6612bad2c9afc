//! Puts each line of standard input as a record, as one does in a shell: `journalctl -f | lines_from_stdin`. Lines are spread
//! over all shards, or kept in order by a field of theirs. The lines are a `Stream` and the producer is a `Sink`, so
//! that one is forwarded to the other, no faster than there is room.
//!
//! `seq 100000 | cargo run --example lines_from_stdin`, with `-- --key-field 2` to keep lines of the same second word in
//! order, and with `-- my-stream` to put to a stream on AWS. On a terminal it puts lines of its own.

mod support;

use futures_util::{SinkExt, StreamExt, TryStreamExt, future, stream};
use std::io::IsTerminal;
use std::time::Duration;
use support::{Fault, Place};
use tailwater::producer::{Closed, Config, Producer};
use tailwater::record::UserRecord;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};

const LINES: &str = "GET alice /tea\nGET bob /coffee\nPOST alice /cup\nGET bob /milk\n";

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let arguments = std::env::args().skip(1).collect();
    if std::io::stdin().is_terminal() {
        println!("standard input is a terminal; putting these lines:\n{LINES}");
        run(arguments, LINES.as_bytes()).await.map(|_| ())
    } else {
        run(arguments, BufReader::new(tokio::io::stdin())).await.map(|_| ())
    }
}

/// What became of the lines, and those that could be read back.
pub(crate) async fn run(
    arguments: Vec<String>,
    input: impl AsyncBufRead + Unpin + Send,
) -> Result<(Closed, Vec<String>), Fault> {
    let (on_aws, field) = understood(arguments)?;
    let place = Place::new(on_aws, "lines", 4).await?;
    let mut reader = place.reader().await?;
    let config = Config::default().with_failure_hook(|failure| eprintln!("a line was given up: {failure}"));
    let producer = Producer::new(place.client(), config)?;

    let lines = stream::try_unfold(input.lines(), async |mut lines| {
        let line = lines.next_line().await?;
        Ok::<_, Fault>(line.map(|line| (line, lines)))
    });
    let records = lines.and_then(|line| future::ready(record(line, field)));
    records.forward(producer.stream(place.stream()).sink().sink_err_into()).await?;

    let closed = producer.close(Duration::from_secs(30)).await;
    println!("{} lines put, {} stored, {} failed", closed.accepted, closed.stored, closed.failed);
    let everything = reader.read(usize::try_from(closed.stored)?).await?;
    println!("{} read back from {} shard(s)", everything.data.len(), everything.shards);
    let read = everything.data.iter().map(|data| String::from_utf8_lossy(data).into_owned()).collect();
    Ok((closed, read))
}

/// A line with the key that keeps it in order, if one is wanted and there.
fn record(line: String, field: Option<usize>) -> Result<UserRecord, Fault> {
    let key = field.and_then(|field| line.split_whitespace().nth(field - 1)).map(str::parse).transpose()?;
    let record = UserRecord::new(line);
    Ok(match key {
        Some(key) => record.with_partition_key(key),
        None => record,
    })
}

fn understood(arguments: Vec<String>) -> Result<(Option<String>, Option<usize>), Fault> {
    let (mut on_aws, mut field) = (None, None);
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if argument == "--key-field" {
            field = Some(arguments.next().and_then(|field| field.parse().ok()).filter(|field| *field > 0));
        } else {
            on_aws = Some(argument);
        }
    }
    match field {
        Some(None) => Err("--key-field needs a number from 1".into()),
        field => Ok((on_aws, field.flatten())),
    }
}
