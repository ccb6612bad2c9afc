//! Tries our client on every local broker there is, with the suite of service behaviour that also runs against AWS.
//! Why: these are what users test with, so a client that only its own broker understands would be of no use to them.
//! What a broker does otherwise stands in `known`, with the reason. What fails and is not known fails the run; so does
//! what is known and does not show, so that the list stays true when a pin changes.
//! `install` and `server` bring the brokers up and down. Called by `main`.

mod install;
mod known;
mod server;
#[path = "../../../tests/aws/suite.rs"]
mod suite;

pub(crate) use self::install::Package;
use self::known::{KNOWN, Kind};
use self::server::Server;
use self::suite::{Outcome as Became, Report};
use crate::shell::Outcome;
use std::error::Error;
use std::time::Duration;
use tailwater_client::{Client, Config, StaticCredentials};
use tailwater_wire::Codec;

/// How long a broker may take to change a stream; they are told, or wont, to take half a second.
const PATIENCE: Duration = Duration::from_secs(10);

/// Somebody's broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broker {
    Kinesalite,
    KinesisMock,
    Moto,
    Ferrokinesis,
}

impl Broker {
    const SHORT: &[Self] = &[Self::Kinesalite, Self::KinesisMock, Self::Moto];
    const ALL: &[Self] = &[Self::Kinesalite, Self::KinesisMock, Self::Moto, Self::Ferrokinesis];

    const fn name(self) -> &'static str {
        match self {
            Self::Kinesalite => "kinesalite",
            Self::KinesisMock => "kinesis-mock",
            Self::Moto => "moto",
            Self::Ferrokinesis => "ferrokinesis",
        }
    }

    const fn package(self) -> Package {
        match self {
            Self::Kinesalite | Self::KinesisMock => Package::Node,
            Self::Moto => Package::Python,
            Self::Ferrokinesis => Package::Rust,
        }
    }

    const fn codecs(self) -> &'static [Codec] {
        match self {
            Self::Kinesalite | Self::KinesisMock | Self::Ferrokinesis => &[Codec::Json, Codec::Cbor],
            Self::Moto => &[Codec::Json],
        }
    }
}

/// Tries all brokers, or those that need no compiler.
pub(crate) fn run(short: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut tally = Tally::default();
    for broker in if short { Broker::SHORT } else { Broker::ALL } {
        if let Err(fault) = runtime.block_on(attempt(*broker, &mut tally)) {
            println!("{}: FAILED: {fault}", broker.name());
            tally.failed += 1;
        }
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 { Ok(()) } else { Err(format!("interop brokers: {} failed", tally.failed).into()) }
}

async fn attempt(broker: Broker, tally: &mut Tally) -> Result<(), Box<dyn Error>> {
    broker.package().install()?;
    let mut server = Server::start(broker)?;
    let config = Config::new("us-east-1".parse()?)
        .with_endpoint_url(format!("http://{}", server.address()).parse()?)
        .with_credentials(StaticCredentials::new("AKIDEXAMPLE", "secret", None));
    let client = Client::new(config)?;
    server.wait_until_it_answers(&client).await?;
    for codec in [Codec::Json, Codec::Cbor] {
        if broker.codecs().contains(&codec) {
            tally.judge(broker, codec, &suite::run(client.in_codec(codec), PATIENCE).await);
        } else {
            println!("{} in {}: not offered", broker.name(), spoken(codec));
        }
    }
    Ok(())
}

const fn spoken(codec: Codec) -> &'static str {
    match codec {
        Codec::Json => "JSON",
        Codec::Cbor => "CBOR",
    }
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
}

impl Tally {
    fn judge(&mut self, broker: Broker, codec: Codec, reports: &[Report]) {
        let passed = reports.iter().filter(|report| report.outcome == Became::Passed).count();
        println!("{} in {}: {passed} of {} steps passed", broker.name(), spoken(codec), reports.len());
        self.passed += passed;
        let known = |step: &str| KNOWN.iter().find(|known| known.is_about(broker, codec, step));
        for Report { step, outcome } in reports {
            match (outcome, known(step)) {
                (Became::Passed, None) => {}
                (Became::Passed, Some(known)) => {
                    self.fail(step, &format!("no longer so, though known: {}", known.reason));
                }
                (_, Some(known)) if known.explains(outcome) => match known.kind {
                    Kind::NotOffered => println!("  not offered: {step} ({})", known.reason),
                    Kind::Fault => println!("  known fault: {step} ({})", known.reason),
                },
                (Became::NotOffered(why), _) => self.fail(step, &format!("not offered, which is not known: {why}")),
                (Became::Failed(why), _) => self.fail(step, why),
            }
        }
    }

    fn fail(&mut self, step: &str, why: &str) {
        println!("  FAILED: {step}: {why}");
        self.failed += 1;
    }
}
