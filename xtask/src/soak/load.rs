//! What goes on all the while: numbered records are put, in order for each key, and shards are split and merged.
//! Called by `run`.

use crate::resharding::{Fault, Resharding};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::VecDeque;
use std::time::Duration;
use tailwater_client::Client;
use tailwater_producer::{Config, Ordering, Producer, Receipt, ShardRate};
use tailwater_record::{PartitionKey, StreamName, UserRecord};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

pub(super) const KEYS: usize = 60;
const SHARDS_MIN: usize = 3;
const SHARDS_MAX: usize = 7;
/// How many records at the most are without an answer.
const WINDOW: usize = 2000;
const FILLER: usize = 300;
const PATIENCE: Duration = Duration::from_secs(60);

/// What was put.
#[derive(Debug)]
pub(super) struct Put {
    /// The key of each number.
    pub(super) keys: Vec<usize>,
    /// How many took more than one attempt; the service may have them twice.
    pub(super) repeated: usize,
    pub(super) reshards: usize,
}

/// Puts and reshards until it is told to stop; then everything that was put is stored.
pub(super) async fn run(
    client: Client,
    stream: StreamName,
    seed: u64,
    stop: watch::Receiver<bool>,
) -> Result<Put, Fault> {
    let (put, reshards) = tokio::try_join!(
        put(&client, &stream, StdRng::seed_from_u64(seed), stop.clone()),
        reshard(&client, &stream, StdRng::seed_from_u64(!seed), stop)
    )?;
    Ok(Put { reshards, ..put })
}

async fn put(
    client: &Client,
    stream: &StreamName,
    mut chance: StdRng,
    mut stop: watch::Receiver<bool>,
) -> Result<Put, Fault> {
    let config = Config::default()
        .with_ordering(Ordering::PerShard)
        .with_linger(Duration::from_millis(30))
        .with_shard_rate(ShardRate::Unlimited);
    let producer = Producer::new(client.clone(), config)?;
    let producing = producer.stream(stream.clone());
    let keys: Vec<PartitionKey> = (0..KEYS).map(|key| format!("key-{key}").parse()).collect::<Result<_, _>>()?;
    let mut put = Put { keys: Vec::new(), repeated: 0, reshards: 0 };
    let mut under_way = VecDeque::new();
    while !stopped(&mut stop, Duration::from_millis(chance.random_range(10..90))).await {
        for _ in 0..chance.random_range(1..30) {
            let (number, key) = (put.keys.len(), chance.random_range(0..KEYS));
            let filler = ".".repeat(chance.random_range(0..FILLER));
            let record = UserRecord::new(format!("{number} {filler}")).with_partition_key(keys[key].clone());
            under_way.push_back(producing.put(record).await?);
            put.keys.push(key);
        }
        while under_way.len() > WINDOW
            && let Some(receipt) = under_way.pop_front()
        {
            put.repeated += repeated(receipt).await?;
        }
    }
    producing.flush().await?;
    for receipt in under_way {
        put.repeated += repeated(receipt).await?;
    }
    let closed = producer.close(PATIENCE).await;
    let count = put.keys.len() as u64;
    if (closed.accepted, closed.stored, closed.failed) != (count, count, 0) {
        return Err(format!("{count} records were put, and the producer closed with {closed:?}").into());
    }
    Ok(put)
}

async fn repeated(receipt: Receipt) -> Result<usize, Fault> {
    let stored = timeout(PATIENCE, receipt).await.map_err(|_| "a record is not settled")?;
    Ok(usize::from(stored.map_err(|failure| format!("a record failed: {failure}"))?.attempts > 1))
}

async fn reshard(
    client: &Client,
    stream: &StreamName,
    mut chance: StdRng,
    mut stop: watch::Receiver<bool>,
) -> Result<usize, Fault> {
    let shards = Resharding::new(client, stream);
    let mut count = 0;
    while !stopped(&mut stop, Duration::from_millis(chance.random_range(1000..5000))).await {
        let open = shards.open().await?;
        let splits = open.len() <= SHARDS_MIN || (open.len() < SHARDS_MAX && chance.random());
        let place = chance.random_range(0..if splits { open.len() } else { open.len() - 1 });
        if splits {
            shards.split(open[place].clone()).await?;
        } else {
            shards.merge(open[place].1.clone(), open[place + 1].1.clone()).await?;
        }
        shards.wait_until_active().await?;
        count += 1;
    }
    Ok(count)
}

/// Waits so long; tells whether it is time to stop.
async fn stopped(stop: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    let told = async {
        // Nobody is left to tell: then it is time as well.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    tokio::select! {
        biased;
        () = told => true,
        () = sleep(pause) => false,
    }
}
