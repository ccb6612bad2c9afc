//! A connection on which anything can be said: also what no client of ours would send, and no library lets one send.
//! One request at a time, kept open between them; HTTP/1.1 only. Called by `side`.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What is sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// What comes back.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// A connection, made anew whenever it is gone.
#[derive(Debug)]
pub(super) struct Connection {
    address: SocketAddr,
    /// How long an answer may take.
    patience: Duration,
    stream: Option<BufReader<TcpStream>>,
}

impl Connection {
    pub(super) fn new(address: SocketAddr, patience: Duration) -> Self {
        Self { address, patience, stream: None }
    }

    /// Sends a request and reads the answer.
    pub(super) fn ask(&mut self, sent: &Sent) -> io::Result<Answer> {
        let kept = self.stream.is_some();
        match self.attempt(sent) {
            // The other end may have closed what lay idle; then it has not seen the request.
            Err(fault) if kept && is_closed(&fault) => self.attempt(sent),
            other => other,
        }
    }

    /// Whether nobody listens any more.
    pub(super) fn is_refused(&self) -> bool {
        TcpStream::connect(self.address).is_err_and(|fault| fault.kind() == ErrorKind::ConnectionRefused)
    }

    fn attempt(&mut self, sent: &Sent) -> io::Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(self.patience))?;
                stream.set_write_timeout(Some(self.patience))?;
                BufReader::new(stream)
            }
        };
        let written = stream.get_mut().write_all(&bytes(sent, self.address));
        // A body that is too large may be answered, and then not be read to its end.
        let answer = read(&mut stream).map_err(|fault| written.err().unwrap_or(fault))?;
        if answer.header("connection") != Some("close") && answer.status != 413 {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

fn is_closed(fault: &io::Error) -> bool {
    matches!(fault.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

fn bytes(sent: &Sent, address: SocketAddr) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\nhost: {address}\r\n", sent.method, sent.path);
    for (name, value) in &sent.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", sent.body.len()));
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&sent.body);
    bytes
}

fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Answer> {
    let status = loop {
        let status = line(stream)?;
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(ErrorKind::InvalidData)?;
        if status != 100 {
            break status;
        }
        line(stream)?;
    };
    let mut headers = Vec::new();
    loop {
        let field = line(stream)?;
        if field.is_empty() {
            break;
        }
        let (name, value) = field.split_once(':').ok_or(ErrorKind::InvalidData)?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut answer = Answer { status, headers, body: Vec::new() };
    if answer.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        loop {
            let size = usize::from_str_radix(line(stream)?.trim(), 16).map_err(|_| ErrorKind::InvalidData)?;
            let from = answer.body.len();
            answer.body.resize(from + size, 0);
            stream.read_exact(&mut answer.body[from..])?;
            line(stream)?;
            if size == 0 {
                return Ok(answer);
            }
        }
    }
    let length = answer.header("content-length").and_then(|length| length.parse().ok());
    match length {
        Some(length) => {
            answer.body.resize(length, 0);
            stream.read_exact(&mut answer.body)?;
        }
        None => {
            stream.read_to_end(&mut answer.body)?;
        }
    }
    Ok(answer)
}

fn line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end().len());
    Ok(line)
}
