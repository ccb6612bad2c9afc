//! Writes one part: makes its stream, puts its records while its shards are split and merged, and keeps every receipt.
//! An edge: it puts in pieces of any size, with pauses, flushes and single puts between them, as users do; and it puts the
//! first records behind a reshard when that was asked for, while those before it are under way. Called by `producer`.

use super::parts::{Part, Reshard};
use crate::resharding::{Fault, Resharding};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tailwater_client::Client;
use tailwater_producer::{Producer, Receipt, Stored, StreamProducer, StreamStats};
use tailwater_record::{HashRange, ShardId, StreamName, UserRecord};
use tailwater_wire::shapes::CreateStreamInput;
use tokio::sync::watch;

const SHARDS: u32 = 4;
const TOGETHER_MAX: usize = 100;
const PATIENCE: Duration = Duration::from_secs(60);

/// What was put, in order, and what became of it.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) records: Vec<UserRecord>,
    pub(super) stored: Vec<Stored>,
    /// All shards that there ever were.
    pub(super) shards: HashMap<ShardId, Listed>,
    pub(super) stats: StreamStats,
}

/// A shard, as it was listed at the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    pub(super) range: HashRange,
    /// Whether it came from a reshard and was closed by another.
    pub(super) came_and_went: bool,
}

/// Writes these records as this part says.
pub(super) async fn write(client: &Client, part: &Part, seed: u64, records: Vec<UserRecord>) -> Result<Written, Fault> {
    let name: StreamName = part.name.parse()?;
    client.create_stream(&CreateStreamInput::provisioned(name.clone(), SHARDS)).await?;
    let shards = Resharding::new(client, &name);
    shards.wait_until_active().await?;

    let producer = Producer::new(client.clone(), part.config(seed))?;
    let stream = producer.stream(name.clone());
    // The putting has come to this reshard; this reshard was asked for.
    let (reached, reaches) = watch::channel(0);
    let (asked, asks) = watch::channel(0);
    let putting = Putting { stream: &stream, part, chance: StdRng::seed_from_u64(seed), reached, asks };
    let resharding = reshard_all(&shards, part.reshards, reaches, asked);
    let (stored, ()) = tokio::try_join!(putting.run(&records), resharding)?;
    let closed = producer.close(PATIENCE).await;
    let count = records.len() as u64;
    if (closed.accepted, closed.stored, closed.failed) != (count, count, 0) {
        return Err(format!("{count} records were put, and the producer closed with {closed:?}").into());
    }
    let mut listed = HashMap::new();
    for shard in shards.list().await? {
        let closed = shard.sequence_number_range.ending_sequence_number.is_some();
        let came_and_went = closed && shard.parent_shard_id.is_some();
        let range = HashRange::try_from(&shard.hash_key_range)?;
        listed.insert(shard.shard_id, Listed { range, came_and_went });
    }
    Ok(Written { records, stored, shards: listed, stats: stream.stats() })
}

struct Putting<'p> {
    stream: &'p StreamProducer,
    part: &'p Part,
    chance: StdRng,
    reached: watch::Sender<usize>,
    asks: watch::Receiver<usize>,
}

impl Putting<'_> {
    async fn run(mut self, records: &[UserRecord]) -> Result<Vec<Stored>, Fault> {
        let sections = self.part.reshards.len() + 1;
        let (mut stored, mut under_way) = (Vec::with_capacity(records.len()), VecDeque::new());
        for (section, records) in records.chunks(records.len().div_ceil(sections)).enumerate() {
            self.reached.send_replace(section);
            self.asks.wait_for(|asked| *asked >= section).await?;
            let mut rest = records;
            while !rest.is_empty() {
                let pieces = rest.split_at(self.chance.random_range(1..=TOGETHER_MAX).min(rest.len()));
                rest = pieces.1;
                self.put(pieces.0, &mut under_way).await?;
                while under_way.len() > self.part.window
                    && let Some(receipt) = under_way.pop_front()
                {
                    stored.push(told(stored.len(), receipt).await?);
                }
            }
        }
        for receipt in under_way {
            stored.push(told(stored.len(), receipt).await?);
        }
        Ok(stored)
    }

    async fn put(&mut self, records: &[UserRecord], receipts: &mut VecDeque<Receipt>) -> Result<(), Fault> {
        if self.chance.random_ratio(1, 4) {
            for record in records {
                receipts.push_back(self.stream.put(record.clone()).await?);
            }
        } else {
            receipts.extend(self.stream.put_all(records.iter().cloned()).await?);
        }
        match self.chance.random_range(0..20) {
            0 => self.stream.flush().await?,
            1 => tokio::time::sleep(self.part.linger.mul_f64(self.chance.random_range(0.0..1.5))).await,
            _ => tokio::task::yield_now().await,
        }
        Ok(())
    }
}

async fn told(number: usize, receipt: Receipt) -> Result<Stored, String> {
    receipt.await.map_err(|failure| format!("record {number} failed: {failure}"))
}

/// Does one after the other, each when the putting has come so far.
async fn reshard_all(
    shards: &Resharding<'_>,
    reshards: &[Reshard],
    mut reaches: watch::Receiver<usize>,
    asked: watch::Sender<usize>,
) -> Result<(), Fault> {
    for (number, reshard) in (1..).zip(reshards) {
        reaches.wait_for(|reached| *reached >= number).await?;
        let open = shards.open().await?;
        let shard = |place: usize| open.get(place).cloned().ok_or_else(|| format!("there is no open shard {place}"));
        match *reshard {
            Reshard::Split(place) => shards.split(shard(place)?).await?,
            Reshard::Merge(place) => shards.merge(shard(place)?.1, shard(place + 1)?.1).await?,
        }
        asked.send_replace(number);
        shards.wait_until_active().await?;
    }
    Ok(())
}
