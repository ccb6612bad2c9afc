//! Where the examples run: against a broker in their own process, or against AWS when they are given a stream's name.
//! On AWS nothing is created, changed or deleted: the stream must exist, and nobody else should write to it meanwhile.
#![allow(dead_code, reason = "each example uses what it needs of this")]

mod reader;

pub(crate) use reader::Reader;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;
use tailwater::broker::{self, Broker};
use tailwater::client::{self, Client};
use tailwater::consumer;
use tailwater::local;
use tailwater::producer::StreamProducer;
use tailwater::record::{HashKey, HashRange, ShardId, StreamName, UserRecord};
use tailwater::wire::shapes::{CreateStreamInput, ListShardsInput, Shard, SplitShardInput};
use tokio::time::{Instant, sleep};

pub(crate) type Fault = Box<dyn Error + Send + Sync>;

/// A client, and the streams that an example may put to.
pub(crate) struct Place {
    client: Client,
    streams: Vec<StreamName>,
    broker: Option<Broker>,
}

impl Place {
    /// AWS, if a stream is named there; else a broker of our own with a stream of this name and so many shards.
    pub(crate) async fn new(on_aws: Option<String>, here: &str, shards: u32) -> Result<Self, Fault> {
        Self::with_streams(on_aws.into_iter().collect(), &[here], shards).await
    }

    /// The same for several streams.
    pub(crate) async fn with_streams(on_aws: Vec<String>, here: &[&str], shards: u32) -> Result<Self, Fault> {
        if !on_aws.is_empty() {
            let client = Client::new(client::Config::from_environment()?)?;
            let streams = on_aws.iter().map(|name| name.parse()).collect::<Result<Vec<StreamName>, _>>()?;
            return Ok(Self { client, streams, broker: None });
        }
        let broker = Broker::open(broker::Config::default())?;
        let client = local::client(&broker)?;
        let streams = here.iter().map(|name| name.parse()).collect::<Result<Vec<StreamName>, _>>()?;
        for stream in &streams {
            client.create_stream(&CreateStreamInput::provisioned(stream.clone(), shards)).await?;
        }
        Ok(Self { client, streams, broker: Some(broker) })
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// The first stream.
    pub(crate) fn stream(&self) -> StreamName {
        self.streams[0].clone()
    }

    pub(crate) fn streams(&self) -> &[StreamName] {
        &self.streams
    }

    /// The broker, if it is ours.
    pub(crate) fn broker(&self) -> Option<&Broker> {
        self.broker.as_ref()
    }

    pub(crate) fn is_aws(&self) -> bool {
        self.broker.is_none()
    }

    /// Reads what is put to the first stream from now on.
    pub(crate) async fn reader(&self) -> Result<Reader, Fault> {
        self.reader_of(&self.streams[0]).await
    }

    /// Reads what is put to this stream from now on.
    pub(crate) async fn reader_of(&self, stream: &StreamName) -> Result<Reader, Fault> {
        Reader::open(self.client(), stream.clone(), self.is_aws()).await
    }

    /// The same settings, in a hurry where the broker is ours: it has no limits that reads must keep to, and who runs an
    /// example does not want to wait until workers have noticed each other.
    pub(crate) fn in_a_hurry(&self, config: consumer::Config) -> consumer::Config {
        if self.is_aws() {
            return config;
        }
        let (idle, observation) = (Duration::from_millis(5), Duration::from_millis(100));
        config.with_paced(false).with_idle(idle).with_observation(observation)
    }

    /// How many shards of the first stream take records.
    pub(crate) async fn shards(&self) -> Result<usize, Fault> {
        Ok(open_shards(&self.client, &self.streams[0]).await?.len())
    }

    /// Splits the first open shard of the first stream in the middle; tells which that was. Our own broker only.
    pub(crate) async fn split_a_shard(&self) -> Result<ShardId, Fault> {
        if self.is_aws() {
            return Err("no shard of yours is split".into());
        }
        let shards = open_shards(&self.client, &self.streams[0]).await?;
        let (first, range) = shards.first().ok_or("a stream without shards")?;
        let middle = HashKey::new(range.start().number() + (range.end().number() - range.start().number()) / 2);
        let split = SplitShardInput {
            stream_name: Some(self.stream()),
            shard_to_split: first.shard_id.clone(),
            new_starting_hash_key: middle,
            stream_arn: None,
        };
        self.client.split_shard(&split).await?;
        Ok(first.shard_id.clone())
    }

    /// The shards of the first stream that came from this one.
    pub(crate) async fn children(&self, parent: &ShardId) -> Result<Vec<ShardId>, Fault> {
        let open = open_shards(&self.client, &self.streams[0]).await?;
        let children = open.into_iter().filter(|(shard, _)| shard.parent_shard_id.as_ref() == Some(parent));
        Ok(children.map(|(shard, _)| shard.shard_id).collect())
    }
}

/// The shards that take records, with their hash keys.
async fn open_shards(client: &Client, stream: &StreamName) -> Result<Vec<(Shard, HashRange)>, Fault> {
    let mut open = Vec::new();
    let mut pages = client.pages(ListShardsInput { stream_name: Some(stream.clone()), ..Default::default() });
    while let Some(page) = pages.next().await? {
        for shard in page.shards.unwrap_or_default() {
            if shard.sequence_number_range.ending_sequence_number.is_none() {
                let range = HashRange::try_from(&shard.hash_key_range)?;
                open.push((shard, range));
            }
        }
    }
    Ok(open)
}

/// Puts records and waits until all are stored.
pub(crate) async fn put_all(stream: &StreamProducer, records: Vec<UserRecord>) -> Result<(), Fault> {
    match stream.put_all(records).await?.all().await.failures.into_iter().next() {
        None => Ok(()),
        Some(failure) => Err(failure.into()),
    }
}

/// Waits until something is so; gives up after a minute.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> Result<bool, Fault>) -> Result<(), Fault> {
    let limit = Instant::now() + Duration::from_secs(60);
    while !is_so().await? {
        if Instant::now() > limit {
            return Err(format!("after a minute it is still not so: {what}").into());
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// A folder of its own, removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Self, Fault> {
        let folder = std::env::temp_dir().join(format!("tailwater-example-{:016x}", fastrand::u64(..)));
        std::fs::create_dir(&folder)?;
        Ok(Self(folder))
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left in a folder for temporary files harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
