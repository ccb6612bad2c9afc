//! The two sides of a comparison: our broker, and one of somebody else's, each a process of its own on the loopback
//! address. A peer that ends, which some requests make it do, is told as such; then both sides are started anew.
//! Called by `session`.

use super::call::Call;
use super::http::{Answer, Connection, Sent};
use super::memory::{Memory, Who};
use crate::interop::install::Pinned;
use crate::interop::ours::OurBroker;
use serde_json::json;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Somebody else's broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// Follows the service as it was until 2020, to the letter.
    Kinesalite,
    /// Knows consumers, filters and modes; has texts of its own, which are not compared.
    KinesisMock,
}

impl Peer {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Kinesalite => "kinesalite",
            Self::KinesisMock => "kinesis-local",
        }
    }

    /// Whether its words are the service's, as far as it is known.
    pub(super) const fn speaks_as_the_service(self) -> bool {
        matches!(self, Self::Kinesalite)
    }
}

/// How long streams take to change, in milliseconds, on both sides.
pub(super) const SLOWLY: u64 = 1500;

/// What takes its time in kinesis-local, if it is not told otherwise.
const CHANGES: [&str; 11] = [
    "CREATE_STREAM",
    "DELETE_STREAM",
    "SPLIT_SHARD",
    "MERGE_SHARDS",
    "UPDATE_SHARD_COUNT",
    "UPDATE_STREAM_MODE",
    "REGISTER_STREAM_CONSUMER",
    "DEREGISTER_STREAM_CONSUMER",
    "START_STREAM_ENCRYPTION",
    "STOP_STREAM_ENCRYPTION",
    "UPDATE_MAX_RECORD_SIZE",
];

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// There are requests that kinesalite never answers; each costs this much.
const PATIENCE_KINESALITE: Duration = Duration::from_secs(1);

fn pinned() -> Pinned {
    Pinned::new("brokers", "brokers/node", &["package.json", "package-lock.json"])
}

/// Installs the peers, unless they are there.
pub(super) fn install() -> crate::shell::Outcome {
    pinned().node()
}

/// What became of a request.
#[derive(Clone, Debug)]
pub(super) enum Became {
    Answered(Answer),
    /// Time ran out.
    Silent,
    /// The process is no more.
    Ended,
}

/// A running broker. Dropped, it is gone.
#[derive(Debug)]
pub(super) struct Side {
    connection: Connection,
    process: Process,
}

#[derive(Debug)]
enum Process {
    Ours(#[expect(dead_code, reason = "kept until it is dropped")] OurBroker),
    Theirs(Child),
}

impl Side {
    /// Our broker, as users run it, whose streams change at once or take a while. Pages may call, as they may with peers.
    pub(super) fn ours(slow: bool) -> Result<Self, Box<dyn Error>> {
        let slowly = SLOWLY.to_string();
        let mut arguments = vec!["--cors", "*"];
        if slow {
            arguments.extend(["--transition", &slowly]);
        }
        let broker = OurBroker::start(&arguments)?;
        let address: SocketAddr = broker.url().trim_start_matches("http://").parse()?;
        Ok(Self { connection: Connection::new(address, PATIENCE), process: Process::Ours(broker) })
    }

    /// A peer, once it listens.
    pub(super) fn theirs(peer: Peer, slow: bool) -> Result<Self, Box<dyn Error>> {
        let (address, spare) = (free_address()?, free_address()?);
        let (home, sources) = (pinned().home().join("node_modules"), pinned().sources().join("loopback.cjs"));
        let mut command = Command::new("node");
        command.arg("--require").arg(sources).env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION");
        let duration = if slow { SLOWLY } else { 0 }.to_string();
        match peer {
            Peer::Kinesalite => {
                command.arg(home.join("kinesalite/cli.js")).args(["--port", &address.port().to_string()]);
                // As many shards as our broker lets an account have.
                command.args(["--shardLimit", "20000"]);
                for word in ["--createStreamMs", "--deleteStreamMs", "--updateStreamMs"] {
                    command.args([word, &duration]);
                }
            }
            Peer::KinesisMock => {
                let folder = home.join("kinesis-local");
                command.arg(folder.join("main.js")).current_dir(folder);
                command.env("KINESIS_MOCK_PLAIN_PORT", address.port().to_string());
                command.env("KINESIS_MOCK_TLS_PORT", spare.port().to_string());
                command.env("SHARD_LIMIT", "20000");
                for change in CHANGES {
                    command.env(format!("{change}_DURATION"), "0ms");
                }
            }
        }
        let log = pinned().home().join(format!("{}-compared.log", peer.name()));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(log)?);
        let mut process = command.spawn().map_err(|fault| format!("cannot start {}: {fault}", peer.name()))?;
        let output = process.stdout.take();
        // From here on, whatever goes wrong, dropping it ends the process.
        let patience = if peer == Peer::Kinesalite { PATIENCE_KINESALITE } else { PATIENCE };
        let mut side = Self { connection: Connection::new(address, patience), process: Process::Theirs(process) };
        let mut output = BufReader::new(output.ok_or("its output is not piped")?);
        match peer {
            Peer::Kinesalite => {
                let mut line = String::new();
                if output.read_line(&mut line)? == 0 {
                    return Err("kinesalite ended before it listened".into());
                }
            }
            Peer::KinesisMock => side.wait_until_it_answers()?,
        }
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Ok(side)
    }

    /// Asks until it answers; it does not say when it listens.
    fn wait_until_it_answers(&mut self) -> Result<(), Box<dyn Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        for _ in 0..600 {
            let sent = Call::new("ListStreams", json!({})).fill(Who::Theirs, &Memory::default());
            if matches!(self.ask(&sent), Became::Answered(_)) {
                return Ok(());
            }
            runtime.block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
        }
        Err("no answer for half a minute".into())
    }

    /// Sends a request, and says what became of it.
    pub(super) fn ask(&mut self, sent: &Sent) -> Became {
        match self.connection.ask(sent) {
            Ok(answer) => Became::Answered(answer),
            Err(_) if self.connection.is_refused() => Became::Ended,
            Err(_) => Became::Silent,
        }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        if let Process::Theirs(process) = &mut self.process {
            // It has ended already, or it ends now; there is nobody to tell.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// An address that nobody listens on. Another process may be quicker; then the peer ends, and says why in its log.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
