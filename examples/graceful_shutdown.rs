//! Ends well: on ctrl-c or SIGTERM nothing more is taken, what is outstanding is stored within a deadline, and what became
//! of everything is told. For every service that is stopped or replaced while it puts records: without `close`, what is
//! outstanding is lost when the process ends.
//!
//! `cargo run --example graceful_shutdown` ends by itself after a second; `-- my-stream` puts to a stream on AWS until you
//! press ctrl-c

mod support;

use std::time::Duration;
use support::{Fault, Place};
use tailwater::producer::{Closed, Config, Producer, ShardRate};
use tailwater::record::UserRecord;

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let on_aws = std::env::args().nth(1);
    let told = told_to_end(on_aws.is_none());
    run(on_aws, told, DEADLINE).await.map(|_| ())
}

/// Well below the 10 s (docker) or 30 s (Kubernetes) after which a process is killed.
const DEADLINE: Duration = Duration::from_secs(8);

/// How it ended, and how many records could be read back.
pub(crate) async fn run(
    on_aws: Option<String>,
    told: impl Future<Output = Result<&'static str, Fault>> + Send,
    deadline: Duration,
) -> Result<(Closed, usize), Fault> {
    let place = Place::new(on_aws, "journal", 1).await?;
    let mut reader = place.reader().await?;
    // A slow shard, so that something is outstanding when it ends.
    let config = Config::default()
        .with_budget(256 * 1024)
        .with_aggregate_bytes(8 * 1024)
        .with_shard_rate(ShardRate::Of { records_per_second: 1000.0, bytes_per_second: 200_000.0 });
    let producer = Producer::new(place.client(), config)?;
    let journal = producer.stream(place.stream());

    let mut why = std::pin::pin!(told);
    let mut entry = 0_u64;
    let why = loop {
        let record = UserRecord::new(format!("entry {entry} {}", ".".repeat(100)));
        // A `send` that is dropped before it is ready has not put its record, so nothing is in doubt here.
        tokio::select! {
            biased;
            why = &mut why => break why?,
            sent = journal.send(record) => sent?,
        }
        entry += 1;
    };
    let stats = journal.stats();
    println!("{why}: {} entries accepted, {} stored, {} outstanding", stats.accepted, stats.stored, stats.outstanding);

    let closed = producer.close(deadline).await;
    println!("closed: {} accepted, {} stored, {} failed", closed.accepted, closed.stored, closed.failed);
    // What failed comes back, records and all. The first kind can be kept and put again next time; the second would
    // perhaps be stored twice then.
    println!("{} are certainly not stored, {} may be", closed.failures.len(), closed.unknown.len());
    let read = reader.read(entry as usize).await?.data.len();
    println!("{read} read back");
    Ok((closed, read))
}

async fn told_to_end(by_itself: bool) -> Result<&'static str, Fault> {
    let second = async {
        match by_itself {
            true => tokio::time::sleep(Duration::from_secs(1)).await,
            false => std::future::pending().await,
        }
    };
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let terminated = terminate.recv();
    #[cfg(not(unix))]
    let terminated = std::future::pending::<Option<()>>();
    tokio::select! {
        biased;
        pressed = tokio::signal::ctrl_c() => {
            pressed?;
            Ok("ctrl-c")
        }
        _ = terminated => Ok("SIGTERM"),
        () = second => Ok("a second is over"),
    }
}
