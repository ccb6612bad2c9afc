//! `tailwater broker`: a local Kinesis on a port, until it is told to stop.

use clap::ValueEnum;
use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tailwater_broker::{Broker, Config, ListenConfig, Tls};
use tailwater_record::{AccountId, Region};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What the command is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The address and port to listen on; port 0 takes one that is free.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4567")]
    listen: SocketAddr,
    /// Keep everything in memory. There is no other way yet.
    #[arg(long)]
    memory: bool,
    /// Serve every request as this account's. Otherwise an access key id of twelve digits names its account, and all
    /// others are served as 000000000000.
    #[arg(long, value_name = "ID")]
    account: Option<AccountId>,
    /// Serve every request as this region's. Otherwise the region is the one that a request is signed for.
    #[arg(long)]
    region: Option<Region>,
    /// How much of the service's limits to keep.
    #[arg(long, value_enum, default_value_t = Limits::Aws)]
    limits: Limits,
    /// How long a stream stays CREATING, UPDATING or DELETING, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    transition: u64,
    /// Speak TLS too, with this certificate chain in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Speak TLS too, with a certificate made at start.
    #[arg(long, conflicts_with = "tls_cert")]
    tls_self_signed: bool,
    /// Let pages of this origin call from a browser; '*' lets all.
    #[arg(long, value_name = "ORIGIN")]
    cors: Option<String>,
    /// Listen also where other machines reach it, although requests are not verified.
    #[arg(long)]
    insecure: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Limits {
    /// The quotas of accounts and streams.
    Aws,
    /// The same so far; rates of control calls and quotas of a day will count too.
    AwsStrict,
    /// None.
    Off,
}

impl From<Limits> for tailwater_broker::Limits {
    fn from(limits: Limits) -> Self {
        match limits {
            Limits::Aws => Self::Aws,
            Limits::AwsStrict => Self::AwsStrict,
            Limits::Off => Self::Off,
        }
    }
}

/// Runs the broker until the process is told to end.
pub(crate) fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(arguments))
}

async fn serve(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    // Before anybody is told that it runs: who tells it to stop must be heard from then on.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut config = Config::default()
        .with_limits(arguments.limits.into())
        .with_transition(Duration::from_millis(arguments.transition));
    if let Some(account) = arguments.account {
        config = config.with_account(account);
    }
    if let Some(region) = arguments.region.clone() {
        config = config.with_region(region);
    }
    let mut listen = ListenConfig::on(arguments.listen).with_exposure(arguments.insecure);
    if let Some(origin) = &arguments.cors {
        listen = listen.with_cors(origin);
    }
    if let Some(tls) = tls(&arguments)? {
        listen = listen.with_tls(tls);
    }
    let listener = Broker::open(config)?.listen(listen).await?;
    tell(&arguments, &listener.url());
    stop(&mut terminate, &mut interrupt).await;
    listener.close().await;
    Ok(())
}

fn tls(arguments: &Arguments) -> Result<Option<Tls>, Box<dyn Error>> {
    let read = |path: &PathBuf| std::fs::read(path).map_err(|fault| format!("{}: {fault}", path.display()));
    Ok(match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(certificates), Some(key)) => Some(Tls::pem(&read(certificates)?, &read(key)?)?),
        _ if arguments.tls_self_signed => Some(Tls::self_signed()?),
        _ => None,
    })
}

/// The first line is for programs too: it holds the address.
fn tell(arguments: &Arguments, url: &str) {
    let account = arguments.account.map_or_else(|| "any account".to_owned(), |account| format!("account {account}"));
    let region = arguments.region.as_ref().map_or_else(|| "any region".to_owned(), |region| format!("region {region}"));
    let told = format!(
        "tailwater broker listening on {url} ({account}, {region}; in memory, gone when it stops)\n\
         for example: aws kinesis list-streams --endpoint-url {url}\n"
    );
    // Whoever started it may have closed its output; it serves all the same.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(told.as_bytes()).and_then(|()| out.flush());
}

async fn stop(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
