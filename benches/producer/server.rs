//! A server that stores nothing and answers at once, in a process of its own, so that its work is not measured.
//! It tells each record the shard that it belongs to, by its explicit hash key; a number is the same for all.

use memchr::memmem;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use tailwater::record::{HashKey, PartitionKey};

const SERVE: &str = "--serve-constant-answers";
/// The numbers of all shards begin as this one does.
const NUMBER: [&str; 2] = [
    "49646437577108476416916876405825929425585429676275269634",
    "49646437577108476416916876405825929425585429676275269650",
];

/// Whether this process is to be the server.
pub(crate) fn is_asked_for() -> bool {
    std::env::args().any(|argument| argument == SERVE)
}

/// The server's process; it ends with this.
pub(crate) struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    pub(crate) fn start() -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut process = Command::new(program).arg(SERVE).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("it was asked for");
        BufReader::new(output).read_line(&mut line).expect("it tells its address");
        Self { process, address: line.trim().parse().expect("an address") }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing to lose.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves until killed.
pub(crate) fn serve(shards: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    println!("{}", listener.local_addr().expect("it is bound"));
    for socket in listener.incoming().flatten() {
        std::thread::spawn(move || answer_all(socket, shards));
    }
}

fn answer_all(mut socket: TcpStream, shards: usize) {
    let _ = socket.set_nodelay(true);
    let (mut room, mut held) = (vec![0; 1 << 20], Vec::new());
    loop {
        let Some(end) = memmem::find(&held, b"\r\n\r\n") else {
            match socket.read(&mut room) {
                Ok(0) | Err(_) => return,
                Ok(read) => held.extend_from_slice(&room[..read]),
            }
            continue;
        };
        let head = String::from_utf8_lossy(&held[..end]).to_ascii_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
        let start = end + 4;
        while held.len() < start + length {
            match socket.read(&mut room) {
                Ok(0) | Err(_) => return,
                Ok(read) => held.extend_from_slice(&room[..read]),
            }
        }
        let body = answer(&head, &held[start..start + length], shards);
        held.drain(..start + length);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(body.as_bytes())).is_err() {
            return;
        }
    }
}

fn answer(head: &str, body: &[u8], shards: usize) -> String {
    let width = u128::MAX / shards as u128 + 1;
    if head.contains("describestreamsummary") {
        return format!(
            r#"{{"StreamDescriptionSummary":{{"StreamName":"readings","StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/readings","StreamStatus":"ACTIVE","RetentionPeriodHours":24,"StreamCreationTimestamp":1,"EnhancedMonitoring":[],"OpenShardCount":{shards}}}}}"#
        );
    }
    if head.contains("listshards") {
        let shard = |number: usize| {
            let start = width * number as u128;
            let end = if number + 1 == shards { u128::MAX } else { start + (width - 1) };
            format!(
                r#"{{"ShardId":"shardId-{number:012}","HashKeyRange":{{"StartingHashKey":"{start}","EndingHashKey":"{end}"}},"SequenceNumberRange":{{"StartingSequenceNumber":"{}"}}}}"#,
                NUMBER[0]
            )
        };
        return format!(r#"{{"Shards":[{}]}}"#, (0..shards).map(shard).collect::<Vec<_>>().join(","));
    }
    const HASH_KEY: &[u8] = b"\"ExplicitHashKey\":\"";
    const PARTITION_KEY: &[u8] = b"\"PartitionKey\":\"";
    let (mut records, mut before) = (String::new(), 0);
    for place in memmem::find_iter(body, PARTITION_KEY) {
        let entry = std::mem::replace(&mut before, place)..place;
        let hash_key = match memmem::rfind(&body[entry.clone()], HASH_KEY) {
            Some(found) => {
                let digits =
                    body[entry.start + found + HASH_KEY.len()..].iter().take_while(|byte| byte.is_ascii_digit());
                digits.fold(0_u128, |number, digit| number * 10 + u128::from(digit - b'0'))
            }
            None => {
                let key = body[place + PARTITION_KEY.len()..].split(|byte| *byte == b'"').next().unwrap_or_default();
                let key: PartitionKey = String::from_utf8_lossy(key).parse().expect("a plain key");
                HashKey::of(&key).number()
            }
        };
        let comma = if records.is_empty() { "" } else { "," };
        let shard = hash_key / width;
        records += &format!(r#"{comma}{{"SequenceNumber":"{}","ShardId":"shardId-{shard:012}"}}"#, NUMBER[1]);
    }
    format!(r#"{{"FailedRecordCount":0,"Records":[{records}]}}"#)
}

/// Reads one answer and throws it away.
pub(crate) fn read_answer<S>(socket: &mut S, mut read: impl FnMut(&mut S, &mut [u8]) -> std::io::Result<usize>) {
    let (mut room, mut held) = (vec![0; 1 << 16], Vec::new());
    loop {
        let got = read(socket, &mut room).expect("it answers");
        assert!(got > 0, "it answers");
        held.extend_from_slice(&room[..got]);
        let Some(end) = memmem::find(&held, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&held[..end]).to_ascii_lowercase();
        let length: usize =
            head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).expect("a length");
        if held.len() >= end + 4 + length {
            return;
        }
    }
}
