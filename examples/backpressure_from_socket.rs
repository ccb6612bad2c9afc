//! Puts what comes from a socket, and never holds more of it than its budget: for whoever takes records from a network that
//! may be faster than the stream. While there is no room, `send` waits and the socket is not read; then TCP's own window
//! fills up, and the sender is held up. Nothing piles up here, and nothing is dropped.
//!
//! The sender is part of the example. It writes as fast as it can; the stream takes 1 MiB a second.
//!
//! `cargo run --example backpressure_from_socket`, or `-- my-stream` to put to a stream on AWS

mod support;

use std::net::SocketAddr;
use std::time::Duration;
use support::{Fault, Place};
use tailwater::producer::{Config, Producer};
use tailwater::record::UserRecord;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpSocket;
use tokio::time::Instant;

const LINES: u64 = 2_000;
const LINE_BYTES: usize = 1_000;
const BUDGET: u64 = 256 * 1024;
/// What the kernel may keep on each side, so that it shows with two megabytes what would show anyway with more.
const SOCKET_BYTES: u32 = 32 * 1024;

#[tokio::main]
async fn main() -> Result<(), Fault> {
    run(std::env::args().nth(1)).await.map(|_| ())
}

#[derive(Debug)]
#[allow(dead_code, reason = "read by the test of this example")]
pub(crate) struct Outcome {
    pub(crate) stored: u64,
    pub(crate) read: usize,
    /// The most that was outstanding when a line was taken from the socket.
    pub(crate) most_outstanding: u64,
    /// How often there was no room for the next line.
    pub(crate) waits: u64,
    /// How long the sender needed to get rid of everything.
    pub(crate) sending: Duration,
}

pub(crate) async fn run(on_aws: Option<String>) -> Result<Outcome, Fault> {
    let place = Place::new(on_aws, "lines", 1).await?;
    let mut reader = place.reader().await?;
    let producer = Producer::new(place.client(), Config::default().with_budget(BUDGET))?;
    let lines = producer.stream(place.stream());

    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(SOCKET_BYTES)?;
    socket.bind("127.0.0.1:0".parse()?)?;
    let listener = socket.listen(1)?;
    let sender = tokio::spawn(write_lines(listener.local_addr()?));

    let (connection, _) = listener.accept().await?;
    let mut incoming = BufReader::new(connection).lines();
    let mut most_outstanding = 0;
    // This is all there is to it: the next line is not asked for before there was room for the last.
    while let Some(line) = incoming.next_line().await? {
        lines.send(UserRecord::new(line)).await?;
        most_outstanding = most_outstanding.max(lines.stats().outstanding_bytes);
    }
    let sending = sender.await??;
    lines.flush().await?;

    let stats = lines.stats();
    let closed = producer.close(Duration::from_secs(10)).await;
    assert!(closed.unknown.is_empty(), "nothing is left in doubt");
    let read = reader.read(usize::try_from(stats.stored)?).await?.data.len();
    println!(
        "{:.1} MB came through {} KiB: the sender needed {sending:.2?}, and {} lines had to wait for room",
        (stats.stored * LINE_BYTES as u64) as f64 / 1e6,
        BUDGET / 1024,
        stats.waits
    );
    println!("{} stored, {read} read back; at most {most_outstanding} of {BUDGET} bytes outstanding", stats.stored);
    Ok(Outcome { stored: stats.stored, read, most_outstanding, waits: stats.waits, sending })
}

/// The other end: knows nothing of Kinesis, and only notices that it cannot write.
async fn write_lines(to: SocketAddr) -> Result<Duration, Fault> {
    let socket = TcpSocket::new_v4()?;
    socket.set_send_buffer_size(SOCKET_BYTES)?;
    let mut connection = socket.connect(to).await?;
    let began = Instant::now();
    let mut longest = Duration::ZERO;
    for number in 0..LINES {
        let began = Instant::now();
        connection.write_all(format!("{number:<width$}\n", width = LINE_BYTES).as_bytes()).await?;
        longest = longest.max(began.elapsed());
    }
    connection.shutdown().await?;
    println!("the sender was held up for {longest:.0?} at one line");
    Ok(began.elapsed())
}
