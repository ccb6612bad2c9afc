//! A broker that runs for as long as it is tried: on a free port of the loopback address, ended by the process that was
//! started, also when the trial fails.
//! Called by `brokers`.

use super::Broker;
use super::install::Package;
use std::error::Error;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;
use tailwater_client::Client;
use tailwater_wire::shapes::ListStreamsInput;
use tokio::time::{Instant, sleep};

/// How long a broker may take until it answers.
const START: Duration = Duration::from_secs(60);

/// A broker's process. Dropped, it is gone.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    process: Child,
    log: PathBuf,
}

impl Server {
    /// Starts it; it may not listen yet.
    pub(super) fn start(broker: Broker) -> Result<Self, Box<dyn Error>> {
        let (address, spare) = free_addresses()?;
        let pinned = broker.package().pinned();
        let home = pinned.home();
        let log = home.join(format!("{}.log", broker.name()));
        let port = address.port().to_string();
        let mut command = match broker {
            Broker::Kinesalite => {
                let mut command = node("kinesalite/cli.js");
                command.args(["--port", &port]);
                command
            }
            Broker::KinesisMock => {
                let mut command = node("kinesis-local/main.js");
                // It looks for its certificate in the folder it runs in, and wants a port for TLS too.
                command.current_dir(home.join("node_modules/kinesis-local"));
                command.env("KINESIS_MOCK_PLAIN_PORT", &port);
                command.env("KINESIS_MOCK_TLS_PORT", spare.port().to_string());
                command
            }
            Broker::Moto => {
                let mut command = Command::new(home.join("bin/moto_server"));
                command.args(["--host", "127.0.0.1", "--port", &port]);
                command
            }
            Broker::Ferrokinesis => {
                let mut command = Command::new(home.join("bin/tailwater-interop-ferrokinesis"));
                command.arg(&port);
                command
            }
        };
        let output = File::create(&log).map_err(|fault| format!("{}: {fault}", log.display()))?;
        let command = command.stdout(output.try_clone()?).stderr(output);
        let process = command.spawn().map_err(|fault| format!("cannot start it: {fault}"))?;
        Ok(Self { address, process, log })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks it until it answers. Fails if it ends, or time runs out.
    pub(super) async fn wait_until_it_answers(&mut self, client: &Client) -> Result<(), Box<dyn Error>> {
        let over = Instant::now() + START;
        loop {
            let Err(fault) = client.once().list_streams(&ListStreamsInput::default()).await else { return Ok(()) };
            let log = self.log.display();
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("it ended with {status}; see {log}").into());
            }
            if Instant::now() >= over {
                return Err(format!("no answer after {START:?} ({fault}); see {log}").into());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, or it ends now; there is nobody to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One of the brokers in Node, kept to the loopback address.
fn node(program: &str) -> Command {
    let mut command = Command::new("node");
    let pinned = Package::Node.pinned();
    command.arg("--require").arg(pinned.sources().join("loopback.cjs"));
    command.arg(pinned.home().join("node_modules").join(program));
    command
}

/// Two addresses that nobody listens on. Another process may be quicker; then the broker ends, and says why in its log.
fn free_addresses() -> io::Result<(SocketAddr, SocketAddr)> {
    let (one, other) = (TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
    Ok((one.local_addr()?, other.local_addr()?))
}
