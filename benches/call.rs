//! What one call costs the caller: CPU time of the calling thread, against a server that answers with constant bytes, and
//! against a transport that does nothing. Beside it, the SHA-256 and the encoding of its body, which no call can do without.
//! `cargo bench --bench call`

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use support::{Subject, report};
use tailwater::client::{Answer, Client, Config, Endpoint, StaticCredentials, Transport};
use tailwater::record::PartitionKey;
use tailwater::wire::shapes::{Call, PutRecordInput, PutRecordsInput, PutRecordsRequestEntry};
use tailwater::wire::sigv4::BodyHash;
use tailwater::wire::{Body, Codec, Request, Response};
use tokio::time::Instant;

const CALLS: usize = 16;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let key: PartitionKey = "sensor-7".parse().expect("a plain key");

    let mut small = PutRecordInput::new(vec![7; 3000]);
    small.stream_name = Some("readings".parse().expect("a plain name"));
    small.partition_key = Some(key.clone());
    let stored = r#"{"ShardId":"shardId-000000000000","SequenceNumber":"49646437577108476416916876405825929425585429676275269634"}"#;
    calls(&runtime, "PutRecord, 4 KiB of body", &small, stored);

    let entry = PutRecordsRequestEntry::new(vec![7; 51_200], key);
    let mut large = PutRecordsInput::new(vec![entry; 15]);
    large.stream_name = Some("readings".parse().expect("a plain name"));
    let stored = format!(r#"{{"FailedRecordCount":0,"Records":[{}]}}"#, [stored; 15].join(","));
    calls(&runtime, "PutRecords, 1 MiB of body", &large, &stored);
}

fn calls<C: Call>(runtime: &tokio::runtime::Runtime, title: &str, input: &C, answer: &str) {
    let server = constant_server(answer);
    let body = Codec::Json.encode_sized(input, input.size_hint());
    let keys = StaticCredentials::new("AKIDEXAMPLE", "secret", None);
    let config = Config::new("us-east-1".parse().expect("a region")).with_credentials(keys);
    let url = format!("http://{server}").parse().expect("an address");
    let http = Client::new(config.clone().with_endpoint_url(url)).expect("a good configuration");
    let nowhere = Client::with_transport(config, Constant(answer.to_owned())).expect("a good configuration");
    // Several calls in a row, as a busy caller makes them.
    let call = |client: &Client| {
        runtime.block_on(async {
            for _ in 0..CALLS {
                client.call(input).await.expect("stored");
            }
        });
    };
    let (mut socket, mut room) = (TcpStream::connect(server).expect("it listens"), vec![0; 1 << 16]);
    socket.set_nodelay(true).expect("a socket");
    let mut plain = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\nX-Rest: {}\r\n\r\n", body.len(), "x".repeat(500))
        .into_bytes();
    plain.extend_from_slice(&body);
    println!("\nbody {} bytes", body.len());
    let subjects = vec![
        Subject::new("SHA-256 of the body", 1, body.len(), || BodyHash::of(&body)),
        Subject::new("encoding and SHA-256", 1, body.len(), || {
            BodyHash::of(&Codec::Json.encode_sized(input, input.size_hint()))
        }),
        Subject::new("the same bytes over a bare socket", 1, body.len(), || {
            socket.write_all(&plain).expect("it reads");
            socket.read(&mut room).expect("it answers")
        }),
        Subject::new("call, no transport", CALLS, CALLS * body.len(), || call(&nowhere)).under(1),
        Subject::new("call over HTTP on loopback", CALLS, CALLS * body.len(), || call(&http)).under(1),
    ];
    report(title, "calls", subjects);
}

/// Answers at once, without a wire.
#[derive(Clone, Debug)]
struct Constant(String);

impl Transport for Constant {
    fn send<'t>(&'t self, _: &'t Endpoint, _: Request, _: Instant) -> Answer<'t> {
        let mut response = Response::of(&tailwater::wire::shapes::Empty {}, Codec::Json);
        response.body = Body::Whole(self.0.clone().into());
        Box::pin(std::future::ready(Ok(response)))
    }
}

/// A server, on a thread of its own, that reads requests and answers each with the same bytes.
fn constant_server(body: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
    let address = listener.local_addr().expect("it is bound");
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: ";
    let answer = format!("{head}{}\r\n\r\n{body}", body.len()).into_bytes();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(mut socket) = socket else { return };
            socket.set_nodelay(true).expect("a socket");
            let answer = answer.clone();
            std::thread::spawn(move || {
                let (mut bytes, mut filled) = (vec![0; 4 << 20], 0);
                loop {
                    match socket.read(&mut bytes[filled..]) {
                        Ok(read) if read > 0 => filled += read,
                        _ => return,
                    }
                    if whole(&bytes[..filled]) {
                        filled = 0;
                        if socket.write_all(&answer).is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    address
}

/// Whether a request is there with its body.
fn whole(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).take(4096).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    bytes.len() >= end + 4 + length.unwrap_or_default()
}
