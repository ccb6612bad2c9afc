//! Many subscriptions to a server that lets only a few streams onto a connection, and a reader that stalls.

#![allow(clippy::unwrap_used, reason = "a test")]

use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tailwater_client::{Client, Config, StaticCredentials};
use tailwater_record::{SequenceNumber, ShardId};
use tailwater_wire::event_stream::{CONTENT_TYPE, Message};
use tailwater_wire::shapes::{
    Record, ShardIteratorType, StartingPosition, SubscribeToShardEvent, SubscribeToShardInput,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server that pushes events on every stream, without end, as fast as they are taken.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// How many streams are open, over all connections.
    streams: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(streams_per_connection: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, streams) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counted, open) = (Arc::clone(&connections), Arc::clone(&streams));
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(socket, streams_per_connection, Arc::clone(&open)));
            }
        });
        Self { address, connections, streams, task }
    }

    fn client(&self, configure: impl FnOnce(Config) -> Config) -> Client {
        let config = Config::new("us-east-1".parse().unwrap())
            .with_endpoint_url(format!("http://{}", self.address).parse().unwrap())
            .with_credentials(StaticCredentials::new("AKIDEXAMPLE", "secret", None));
        Client::new(configure(config)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: TcpStream, streams_per_connection: u32, open: Arc<AtomicUsize>) {
    let handshake = h2::server::Builder::new().max_concurrent_streams(streams_per_connection).handshake(socket).await;
    let Ok(mut connection) = handshake else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        assert_eq!(request.headers()["x-amz-target"], "Kinesis_20131202.SubscribeToShard");
        let open = Arc::clone(&open);
        tokio::spawn(async move {
            let head = http::Response::builder().header("content-type", CONTENT_TYPE).body(()).unwrap();
            let mut stream = respond.send_response(head, false).unwrap();
            open.fetch_add(1, Ordering::SeqCst);
            push(&mut stream).await;
            open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// Pushes until the stream is cancelled.
async fn push(stream: &mut h2::SendStream<Bytes>) {
    let mut next = Message::Opening;
    for number in 1_u64.. {
        let mut bytes = next.encode().unwrap();
        while !bytes.is_empty() {
            stream.reserve_capacity(bytes.len());
            let Some(Ok(room)) = std::future::poll_fn(|context| stream.poll_capacity(context)).await else { return };
            let piece = bytes.split_to(room.min(bytes.len()));
            if stream.send_data(piece, false).is_err() {
                return;
            }
        }
        next = Message::Event(event(number));
    }
}

/// 64 KiB of payload.
fn event(number: u64) -> SubscribeToShardEvent {
    let sequence: SequenceNumber = number.to_string().parse().unwrap();
    SubscribeToShardEvent {
        records: vec![Record {
            sequence_number: sequence.clone(),
            approximate_arrival_timestamp: None,
            data: Bytes::from(vec![number as u8; 64 * 1024]),
            partition_key: None,
            encryption_type: None,
        }],
        continuation_sequence_number: Some(sequence),
        millis_behind_latest: 0,
        child_shards: None,
    }
}

fn input(shard: u32) -> SubscribeToShardInput {
    SubscribeToShardInput {
        consumer_arn: "arn:aws:kinesis:us-east-1:123456789012:stream/orders/consumer/c:1".parse().unwrap(),
        shard_id: ShardId::numbered(shard),
        starting_position: StartingPosition {
            position_type: ShardIteratorType::Latest,
            sequence_number: None,
            timestamp: None,
        },
        dry_run: None,
    }
}

async fn until(done: impl Fn() -> bool + Send + Sync) {
    let waited = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waited).await.expect("in time");
}

/// Longer than any machine is slow.
const PATIENT: Duration = Duration::from_secs(60);

/// Twenty events are 1.8 MB of frames: more than the window of a stream, and eight times that more than a connection's.
const EVENTS: u64 = 20;

async fn fifty_subscriptions_flow(server: &Server, client: &Client) {
    let mut subscriptions = Vec::new();
    for shard in 0..50 {
        subscriptions.push(client.subscribe_to_shard(&input(shard)).await.unwrap());
    }
    let mut stalled = subscriptions.swap_remove(0);
    let readers: Vec<_> = subscriptions
        .into_iter()
        .map(|mut subscription| {
            tokio::spawn(async move {
                for number in 1..=EVENTS {
                    assert_eq!(subscription.next().await.unwrap().unwrap(), event(number));
                }
            })
        })
        .collect();
    let all = async {
        for reader in readers {
            reader.await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("49 flow beside one that stalls");
    // What was not read has waited.
    assert_eq!(stalled.next().await.unwrap().unwrap(), event(1));
    drop(stalled);
    until(|| server.streams.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_subscriptions_flow_over_connections_of_ten_streams_though_one_reader_stalls() {
    let server = Server::start(10).await;
    // Patient enough that a slow machine is not taken for a full connection.
    let client = server.client(|config| config.with_subscription_patience(PATIENT).with_attempt_timeout(PATIENT));
    fifty_subscriptions_flow(&server, &client).await;
    assert_eq!(server.connections.load(Ordering::SeqCst), 7, "eight on a connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_allows_fewer_streams_than_hoped_is_found_out_and_heeded() {
    let server = Server::start(10).await;
    let client = server.client(|config| config.with_subscriptions_per_connection(100));
    fifty_subscriptions_flow(&server, &client).await;
    // Ten on the first, found full by the eleventh, which gets one of its own; then at most ten on each.
    let connections = server.connections.load(Ordering::SeqCst);
    // A machine so slow that a connection with room is taken for a full one costs a few more; heeding nothing costs 41.
    assert!((5..=25).contains(&connections), "{connections} connections");
}

#[tokio::test]
async fn a_dropped_subscription_frees_its_place_and_the_last_one_the_connection() {
    let server = Server::start(10).await;
    let client = server.client(|config| config);
    let mut first = client.subscribe_to_shard(&input(0)).await.unwrap();
    let second = client.subscribe_to_shard(&input(1)).await.unwrap();
    until(|| server.streams.load(Ordering::SeqCst) == 2).await;
    drop(second);
    until(|| server.streams.load(Ordering::SeqCst) == 1).await;
    assert_eq!(first.next().await.unwrap().unwrap(), event(1));
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    drop(first);
    until(|| server.streams.load(Ordering::SeqCst) == 0).await;
    let _third = client.subscribe_to_shard(&input(2)).await.unwrap();
    assert_eq!(server.connections.load(Ordering::SeqCst), 2, "the first was closed");
}
