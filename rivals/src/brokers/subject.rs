//! Whom we measure: our broker, three others, and a server that answers constant bytes.
//! Why that one: what it reaches is the driver's own ceiling, so figures far below it are the brokers'.
//! Each runs as its users run it, in memory, on a free port of the loopback address. Called by `measure`.

use crate::http::Connection;
use crate::process::Process;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(60);
/// How long to wait before it is asked again.
const PAUSE: Duration = Duration::from_millis(1);

/// Somebody's broker, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Tailwater,
    Ferrokinesis,
    Kinesalite,
    KinesisLocal,
    Null,
}

/// Where the programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) tailwater: PathBuf,
    pub(crate) ferrokinesis: PathBuf,
    /// The folder in which npm has installed the brokers in Node.
    pub(crate) node: PathBuf,
    /// What keeps them to the loopback address.
    pub(crate) loopback: PathBuf,
    /// Where all write what they have to say.
    pub(crate) logs: PathBuf,
}

/// A server that answers.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    /// How long it took until it did.
    pub(crate) start: Duration,
}

impl Subject {
    pub(crate) const ALL: [Self; 5] =
        [Self::Tailwater, Self::Ferrokinesis, Self::Kinesalite, Self::KinesisLocal, Self::Null];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tailwater => "tailwater",
            Self::Ferrokinesis => "ferrokinesis",
            Self::Kinesalite => "kinesalite",
            Self::KinesisLocal => "kinesis-local",
            Self::Null => "null",
        }
    }

    /// Whether what it is told is kept.
    pub(crate) const fn keeps(self) -> bool {
        !matches!(self, Self::Null)
    }

    /// Starts it and asks it until it answers.
    pub(crate) fn start(self, programs: &Programs) -> Result<Server, Box<dyn Error>> {
        let (address, spare) = free_addresses()?;
        let mut command = self.command(programs, address, spare)?;
        let began = Instant::now();
        let mut process = Process::start(&mut command, &programs.logs.join(format!("{}.log", self.name())))?;
        loop {
            let asked = Connection::open(address).and_then(|mut socket| socket.call("ListStreams", b"{}"));
            let fault = match asked.and_then(|answer| answer.ok("ListStreams")) {
                Ok(_) => return Ok(Server { process, address, start: began.elapsed() }),
                Err(fault) => fault,
            };
            process.runs()?;
            if began.elapsed() > START {
                return Err(format!("no answer after {START:?}: {fault}").into());
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn command(self, programs: &Programs, address: SocketAddr, spare: SocketAddr) -> Result<Command, Box<dyn Error>> {
        let port = address.port().to_string();
        let node = |program: &str| {
            let mut command = Command::new("node");
            command.arg("--require").arg(&programs.loopback).arg(programs.node.join("node_modules").join(program));
            command
        };
        let mut command = match self {
            Self::Tailwater => Command::new(&programs.tailwater),
            Self::Ferrokinesis => Command::new(&programs.ferrokinesis),
            Self::Kinesalite => node("kinesalite/cli.js"),
            Self::KinesisLocal => node("kinesis-local/main.js"),
            Self::Null => Command::new(std::env::current_exe()?),
        };
        match self {
            Self::Tailwater => command.args(["broker", "--memory", "--listen", &address.to_string()]),
            Self::Ferrokinesis => command.arg(&port),
            Self::Kinesalite => command.args(["--port", &port]),
            Self::KinesisLocal => command
                // It looks for its certificate in the folder it runs in, and wants a port for TLS too.
                .current_dir(programs.node.join("node_modules/kinesis-local"))
                .env("KINESIS_MOCK_PLAIN_PORT", &port)
                .env("KINESIS_MOCK_TLS_PORT", spare.port().to_string()),
            Self::Null => command.args(["null", &port]),
        };
        Ok(command)
    }
}

/// Two addresses that nobody listens on. Another process may be quicker; then the server ends, and says why.
fn free_addresses() -> std::io::Result<(SocketAddr, SocketAddr)> {
    let (one, other) = (TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
    Ok((one.local_addr()?, other.local_addr()?))
}
