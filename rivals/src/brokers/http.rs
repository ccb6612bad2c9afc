//! One connection that speaks just enough HTTP/1.1: requests in one write, answers into one buffer.
//! Why by hand: a client's own work stands on the same cores as the server's, so it had better be next to nothing.
//! The signature is shaped as SDKs send it, but made up; no broker here verifies it.
//! Called by `stream`, `load` and `drain`.

use std::error::Error;
use std::io::{BufRead, BufReader, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

const SIGNED: &str = "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Date: 20261121T000000Z\r\n\
    Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/us-east-1/kinesis/aws4_request, \
    SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
    Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n";

/// A connection that is kept.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: BufReader<TcpStream>,
    host: SocketAddr,
}

/// What a request got.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(host: SocketAddr) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let socket = TcpStream::connect(host)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { socket: BufReader::with_capacity(64 * 1024, socket), host })
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn call(&mut self, operation: &str, body: &[u8]) -> Result<Answer, Box<dyn Error + Send + Sync>> {
        let (host, length) = (self.host, body.len());
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nX-Amz-Target: Kinesis_20131202.{operation}\r\n{SIGNED}\
             Content-Length: {length}\r\n\r\n"
        );
        let mut parts = [IoSlice::new(head.as_bytes()), IoSlice::new(body)];
        let mut parts = parts.as_mut_slice();
        while !parts.is_empty() {
            let sent = self.socket.get_mut().write_vectored(parts)?;
            if sent == 0 {
                return Err("the server takes no more".into());
            }
            IoSlice::advance_slices(&mut parts, sent);
        }
        self.read()
    }

    fn read(&mut self) -> Result<Answer, Box<dyn Error + Send + Sync>> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).ok_or("an answer without a status")?.parse()?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or("a header without a value")?;
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.trim().eq_ignore_ascii_case("chunked");
            }
        }
        let mut body = Vec::new();
        if !chunked {
            self.take(length, &mut body)?;
            return Ok(Answer { status, body });
        }
        loop {
            let line = self.line()?;
            let length = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)?;
            self.take(length, &mut body)?;
            // The end of the piece; behind the last one, of the body, for nobody here sends trailers.
            if !self.line()?.is_empty() {
                return Err("a piece of an answer is longer than it says".into());
            }
            if length == 0 {
                return Ok(Answer { status, body });
            }
        }
    }

    fn take(&mut self, length: usize, body: &mut Vec<u8>) -> Result<(), Box<dyn Error + Send + Sync>> {
        body.reserve_exact(length);
        let read = self.socket.by_ref().take(length as u64).read_to_end(body)?;
        if read == length { Ok(()) } else { Err("an answer breaks off".into()) }
    }

    fn line(&mut self) -> Result<String, Box<dyn Error + Send + Sync>> {
        let mut line = String::new();
        if self.socket.read_line(&mut line)? == 0 {
            return Err("the server has closed the connection".into());
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}

impl Answer {
    /// The body of what succeeded; otherwise an error that quotes it.
    pub(crate) fn ok(self, operation: &str) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        if self.status == 200 {
            return Ok(self.body);
        }
        let quoted: String = String::from_utf8_lossy(&self.body).chars().take(300).collect();
        Err(format!("{operation} got {}: {quoted}", self.status).into())
    }
}
