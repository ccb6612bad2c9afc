//! A server that answers constant bytes, of the size that a broker's answers have, and looks at nothing.
//! Why a process of its own: it is measured as the others are. Called by `main`, which `subject` starts anew for it.

use crate::record::{Index, RECORDS};
use crate::stream::{SHARDS, shard_id};
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// Records in a page.
pub(crate) const PAGE: usize = 10_000;

/// The answers, heads and all.
struct Answers {
    put: Vec<u8>,
    page: Vec<u8>,
    iterator: Vec<u8>,
    other: Vec<u8>,
}

/// Serves until the process is ended.
pub(crate) fn serve(port: u16) -> Result<(), Box<dyn Error>> {
    let answers = Arc::new(Answers::new());
    for socket in TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.incoming() {
        let (socket, answers) = (socket?, Arc::clone(&answers));
        // A connection that breaks off is its client's affair.
        thread::spawn(move || drop(answer_all(socket, &answers)));
    }
    Ok(())
}

fn answer_all(socket: TcpStream, answers: &Answers) -> Result<(), Box<dyn Error>> {
    socket.set_nodelay(true)?;
    let mut writer = socket.try_clone()?;
    let mut reader = BufReader::with_capacity(64 * 1024, socket);
    let (mut line, mut body) = (String::new(), Vec::new());
    loop {
        let (mut length, mut answer) = (0, &answers.other);
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.trim_end().is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim_end().parse()?;
            } else if let Some(value) = line.strip_prefix("X-Amz-Target: Kinesis_20131202.") {
                answer = match value.trim_end() {
                    "PutRecords" => &answers.put,
                    "GetRecords" => &answers.page,
                    "GetShardIterator" => &answers.iterator,
                    _ => &answers.other,
                };
            }
        }
        body.clear();
        reader.by_ref().take(length).read_to_end(&mut body)?;
        writer.write_all(answer)?;
    }
}

impl Answers {
    fn new() -> Self {
        let number = "4".repeat(56);
        let entry =
            |place: usize| format!(r#"{{"SequenceNumber":"{number}","ShardId":"{}"}}"#, shard_id(place % SHARDS));
        let entries: Vec<String> = (0..RECORDS).map(entry).collect();
        let record = |place: usize| {
            let index = Index { connection: 0, call: 0, place: (place % RECORDS) as u16 };
            format!(
                r#"{{"SequenceNumber":"{number}","ApproximateArrivalTimestamp":1700000000.123,"Data":"{}","PartitionKey":"{}"}}"#,
                index.payload(),
                index.key()
            )
        };
        let records: Vec<String> = (0..PAGE).map(record).collect();
        let iterator = "A".repeat(200);
        Self {
            put: answer(&format!(r#"{{"FailedRecordCount":0,"Records":[{}]}}"#, entries.join(","))),
            page: answer(&format!(
                r#"{{"Records":[{}],"NextShardIterator":"{iterator}","MillisBehindLatest":0}}"#,
                records.join(",")
            )),
            iterator: answer(&format!(r#"{{"ShardIterator":"{iterator}"}}"#)),
            other: answer(r#"{"StreamDescription":{"StreamStatus":"ACTIVE"}}"#),
        }
    }
}

fn answer(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {length}\r\n\r\n{body}")
        .into()
}
