//! A broker, a producer, a way between them that fails as it is told, and a reader who keeps the KCL's rule.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tailwater::broker::{self, Broker};
use tailwater::client::{self, Answer, Client, Cut, Endpoint, Sent, StaticCredentials, Transport};
use tailwater::local::{self, LocalTransport};
use tailwater::producer::{Config, Failure, Producer, StreamProducer};
use tailwater::record::kpl::{Unpacked, unpack};
use tailwater::record::{HashRange, ShardId, StreamName, UserRecord};
use tailwater::wire::http::header;
use tailwater::wire::shapes::{
    CreateStreamInput, GetRecordsInput, GetShardIteratorInput, ListShardsInput, ShardIteratorType,
};
use tailwater::wire::{Fault, FaultCode, Request, Response};
use tokio::sync::Notify;
use tokio::time::Instant;

/// What becomes of a request.
pub(crate) enum Fate {
    /// It reaches the broker.
    Pass,
    /// It does not, and that is certain.
    Unsent,
    /// It does, and nobody hears of it.
    ReplyLost,
    /// It is refused.
    Refused(FaultCode),
    /// It waits until somebody says so, then reaches the broker.
    Held(Arc<Notify>),
    /// It reaches the broker, and the answer comes so much later.
    Slow(Duration),
    /// Whatever carries it fails.
    Panic,
}

type Judge = dyn FnMut(&str, &Request) -> Fate + Send;

/// Decides about each request by its operation.
#[derive(Clone)]
pub(crate) struct Way {
    broker: LocalTransport,
    judge: Arc<Mutex<Box<Judge>>>,
}

impl fmt::Debug for Way {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Way")
    }
}

impl Way {
    /// From now on requests are judged so.
    pub(crate) fn judge(&self, judge: impl FnMut(&str, &Request) -> Fate + Send + 'static) {
        *self.judge.lock().unwrap() = Box::new(judge);
    }

    /// The next puts meet these fates, those after pass.
    pub(crate) fn puts(&self, fates: impl IntoIterator<Item = Fate>) {
        let mut fates: VecDeque<Fate> = fates.into_iter().collect();
        self.judge(
            move |operation, _| {
                if operation == "PutRecords" { fates.pop_front().unwrap_or(Fate::Pass) } else { Fate::Pass }
            },
        );
    }
}

impl Transport for Way {
    fn send<'t>(&'t self, to: &'t Endpoint, request: Request, deadline: Instant) -> Answer<'t> {
        let operation = request.headers.get(header::AMZ_TARGET).unwrap_or_default();
        let operation = operation.rsplit('.').next().unwrap_or_default().to_owned();
        let fate = (self.judge.lock().unwrap())(&operation, &request);
        let codec = tailwater::wire::Codec::Json;
        let cut = |sent| Cut { sent, reason: "as the test says".to_owned() };
        Box::pin(async move {
            match fate {
                Fate::Pass => self.broker.send(to, request, deadline).await,
                Fate::Unsent => Err(cut(Sent::Nothing)),
                Fate::ReplyLost => {
                    self.broker.send(to, request, deadline).await?;
                    Err(cut(Sent::Unknown))
                }
                Fate::Refused(code) => Ok(Response::fault(&Fault::new(code, "as the test says"), codec)),
                Fate::Held(until) => {
                    until.notified().await;
                    self.broker.send(to, request, deadline).await
                }
                Fate::Slow(time) => {
                    let answer = self.broker.send(to, request, deadline).await;
                    tokio::time::sleep(time).await;
                    answer
                }
                Fate::Panic => panic!("as the test says"),
            }
        })
    }
}

/// A broker with a stream `s`, and a producer for it.
pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) way: Way,
    pub(crate) producer: Producer,
    pub(crate) stream: StreamProducer,
}

pub(crate) fn name() -> StreamName {
    "s".parse().unwrap()
}

impl World {
    pub(crate) async fn new(shards: u32, config: Config) -> Self {
        Self::with_stream(Some(CreateStreamInput::provisioned(name(), shards)), config).await
    }

    pub(crate) async fn with_stream(stream: Option<CreateStreamInput>, config: Config) -> Self {
        let broker = Broker::open(broker::Config::default()).unwrap();
        let client = local::client(&broker).unwrap();
        if let Some(stream) = stream {
            client.create_stream(&stream).await.unwrap();
        }
        let way = Way { broker: LocalTransport::new(broker), judge: Arc::new(Mutex::new(Box::new(|_, _| Fate::Pass))) };
        let settings = client::Config::new("us-east-1".parse().unwrap())
            .with_credentials(StaticCredentials::new("local", "local", None));
        let through = Client::with_transport(settings, way.clone()).unwrap();
        let producer = Producer::new(through, config.with_seed(7)).unwrap();
        let stream = producer.stream(name());
        Self { client, way, producer, stream }
    }

    /// The shards, closed ones too, with their ranges.
    pub(crate) async fn shards(&self) -> Vec<(ShardId, HashRange, bool)> {
        let input = ListShardsInput { stream_name: Some(name()), ..Default::default() };
        let listed = self.client.list_shards(&input).await.unwrap().shards.unwrap();
        let shard = |shard: tailwater::wire::shapes::Shard| {
            let open = shard.sequence_number_range.ending_sequence_number.is_none();
            (shard.shard_id, HashRange::try_from(&shard.hash_key_range).unwrap(), open)
        };
        listed.into_iter().map(shard).collect()
    }

    /// What the KCL would give out of each shard: nothing of an aggregate that reaches outside.
    pub(crate) async fn read(&self) -> Vec<Read> {
        let mut read = Vec::new();
        for (shard, range, _) in self.shards().await {
            let input = GetShardIteratorInput {
                stream_name: Some(name()),
                shard_id: shard.clone(),
                shard_iterator_type: ShardIteratorType::TrimHorizon,
                starting_sequence_number: None,
                timestamp: None,
                stream_arn: None,
                dry_run: None,
            };
            let mut iterator = self.client.get_shard_iterator(&input).await.unwrap().shard_iterator;
            while let Some(shard_iterator) = iterator {
                let input = GetRecordsInput { shard_iterator, limit: None, stream_arn: None, dry_run: None };
                let page = self.client.get_records(&input).await.unwrap();
                let behind = page.millis_behind_latest != Some(0) || !page.records.is_empty();
                for record in page.records {
                    let number = record.sequence_number.clone();
                    match unpack(record.data.clone(), Some(range)) {
                        Unpacked::Plain(data) => {
                            let mut plain = UserRecord::new(data);
                            if let Some(key) = record.partition_key {
                                plain = plain.with_partition_key(key);
                            }
                            read.push(Read { shard: shard.clone(), number, sub_sequence: 0, record: plain });
                        }
                        Unpacked::Aggregated(aggregate) if aggregate.set_aside_len() == 0 => {
                            read.extend(aggregate.entries().map(|entry| Read {
                                shard: shard.clone(),
                                number: number.clone(),
                                sub_sequence: entry.sub_sequence(),
                                record: entry.to_record().unwrap(),
                            }));
                        }
                        Unpacked::Aggregated(_) => {}
                    }
                }
                iterator = page.next_shard_iterator.filter(|_| behind);
            }
        }
        read
    }

    /// The payloads that were read, as numbers, in the order of shards.
    pub(crate) async fn numbers(&self) -> Vec<u64> {
        self.read().await.iter().map(|read| number_in(&read.record)).collect()
    }
}

/// A record as a reader got it.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) shard: ShardId,
    pub(crate) number: tailwater::record::SequenceNumber,
    pub(crate) sub_sequence: u64,
    pub(crate) record: UserRecord,
}

/// A record that says which it is.
pub(crate) fn numbered(number: u64, key: &str) -> UserRecord {
    UserRecord::new(number.to_string()).with_partition_key(key.parse().unwrap())
}

pub(crate) fn number_in(record: &UserRecord) -> u64 {
    std::str::from_utf8(record.data()).unwrap().parse().unwrap()
}

/// A hook that keeps what it is told.
pub(crate) fn keeping() -> (Arc<Mutex<Vec<Failure>>>, impl Fn(Failure) + Send + Sync) {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&kept);
    (kept, move |failure| into.lock().unwrap().push(failure))
}
