//! Puts as much as you like, and tells how fast it went and how long each record took from its put to its receipt; and,
//! with `--consumers 2`, how long it took until one of two consumers handled it.
//!
//! `cargo run --release --example load` keeps a thousand records under way for ten seconds (a *closed loop*: it puts the
//! next when one is settled, so it goes as fast as the answers come). `-- --rate 1000` puts a thousand records a second
//! whatever the answers do (an *open loop*: a record's time counts from the moment at which it was meant to be put, so
//! that a stall is felt by all the records behind it, as it would be by users). `-- --help` tells the rest.
//!
//! Without `--stream` or `--endpoint` there is a broker in this process, listening on a loopback port: calls travel
//! through real sockets. It keeps everything it is given in memory, and its work counts in the CPU time and memory told.

mod arguments;
mod driver;
mod reading;
mod records;
mod report;

pub(crate) use arguments::Arguments;
use clap::Parser;
use cpu_time::ProcessTime;
use driver::{Driver, Pressure};
use futures_util::future::join_all;
use reading::{Readers, Stamp};
use records::Records;
use report::Report;
use std::error::Error;
use std::time::Duration;
use tailwater::broker::{self, Broker, ListenConfig, Listener};
use tailwater::client::{self, Client, StaticCredentials};
use tailwater::local;
use tailwater::producer::{Config, OnFailure, Ordering, Producer, ShardRate};
use tailwater::record::StreamName;
use tailwater::wire::shapes::CreateStreamInput;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

type Fault = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let arguments = Arguments::parse();
    let json = arguments.json.clone();
    let report = run(arguments).await?;
    match json.as_deref() {
        Some("-") => println!("{}", serde_json::to_string_pretty(&report)?),
        Some(file) => {
            print!("{report}");
            std::fs::write(file, serde_json::to_string_pretty(&report)? + "\n")?;
        }
        None => print!("{report}"),
    }
    Ok(())
}

/// How long what is under way at the end may take.
const DRAIN: Duration = Duration::from_secs(60);

pub(crate) async fn run(arguments: Arguments) -> Result<Report, Fault> {
    let place = Place::new(&arguments).await?;
    let (stop, stopped) = watch::channel(false);
    let stamp = (arguments.consumers > 0).then(Stamp::new);
    let readers = match stamp {
        Some(stamp) => Some(Readers::start(&place, &arguments, stamp).await?),
        None => None,
    };
    let mut producers = Vec::new();
    let mut drivers = Vec::new();
    for number in 0..arguments.producers {
        // Each as if it were alone: connections of its own, and no knowledge of the others.
        let producer = Producer::new(place.client()?, config(&arguments))?;
        let records = Records::new(arguments.size, arguments.keys, number, stamp)?;
        drivers.push(Driver::new(producer.stream(place.stream.clone()), records, stopped.clone()));
        producers.push(producer);
    }

    let (began, cpu) = (Instant::now(), ProcessTime::now());
    let share = f64::from(arguments.producers);
    let mut tasks = JoinSet::new();
    for driver in drivers {
        let pressure = match arguments.rate {
            Some(rate) => Pressure::Rate(rate / share),
            None => Pressure::InFlight((arguments.in_flight / arguments.producers as usize).max(1)),
        };
        tasks.spawn(driver.drive(pressure));
    }
    tokio::select! {
        biased;
        pressed = tokio::signal::ctrl_c() => {
            pressed?;
            eprintln!("stopping; what is under way is waited for");
        }
        () = tokio::time::sleep(Duration::from_secs_f64(arguments.seconds)) => {}
        // A driver ends by itself only if it cannot go on.
        ended = tasks.join_next() => {
            ended.ok_or("there is no producer")???;
        }
    }
    stop.send_replace(true);
    join_all(producers.iter().map(|producer| producer.close(DRAIN))).await;
    let mut seen = driver::Seen::default();
    while let Some(driven) = tasks.join_next().await {
        seen.add(driven??);
    }
    let time = began.elapsed();
    let handled = match readers {
        Some(readers) => Some(readers.finish(seen.latencies.len()).await),
        None => None,
    };
    let stats = producers.iter().flat_map(|producer| producer.stats().streams).collect::<Vec<_>>();
    let is_here = place.is_in_this_process();
    let report = Report::new(&arguments, time, cpu.elapsed(), seen, handled.as_ref(), &stats, is_here);
    place.close().await;
    Ok(report)
}

fn config(arguments: &Arguments) -> Config {
    let config = Config::default()
        .with_aggregation(!arguments.no_aggregation)
        .with_ordering(if arguments.unordered { Ordering::None } else { Ordering::PerShard })
        .with_shard_rate(if arguments.unlimited { ShardRate::Unlimited } else { ShardRate::Service })
        // A failure is counted; the load goes on.
        .with_on_failure(OnFailure::Skip);
    match arguments.linger_ms {
        Some(linger) => config.with_linger(Duration::from_millis(linger)),
        None => config,
    }
}

/// Where the load is put.
struct Place {
    stream: StreamName,
    way: Way,
    broker: Option<(Broker, Option<Listener>)>,
}

/// How a client gets there.
enum Way {
    InProcess(Broker),
    Http(Box<client::Config>),
}

impl Place {
    async fn new(arguments: &Arguments) -> Result<Self, Fault> {
        let mut broker = None;
        let way = if arguments.in_process {
            let opened = Broker::open(broker::Config::default())?;
            broker = Some((opened.clone(), None));
            Way::InProcess(opened)
        } else if let Some(url) = &arguments.endpoint {
            Way::Http(Box::new(of_a_broker(url)?))
        } else if arguments.stream.is_some() {
            Way::Http(Box::new(client::Config::from_environment()?))
        } else {
            let opened = Broker::open(broker::Config::default())?;
            let listener = opened.listen(ListenConfig::on("127.0.0.1:0".parse()?)).await?;
            let config = of_a_broker(&listener.url())?;
            broker = Some((opened, Some(listener)));
            Way::Http(Box::new(config))
        };
        let stream = arguments.stream.as_deref().unwrap_or("load").parse()?;
        let place = Self { stream, way, broker };
        if arguments.stream.is_none() {
            let create = CreateStreamInput::provisioned(place.stream.clone(), arguments.shards);
            place.client()?.create_stream(&create).await?;
        }
        Ok(place)
    }

    fn client(&self) -> Result<Client, Fault> {
        Ok(match &self.way {
            Way::InProcess(broker) => local::client(broker)?,
            Way::Http(config) => Client::new(client::Config::clone(config))?,
        })
    }

    fn is_in_this_process(&self) -> bool {
        self.broker.is_some()
    }

    async fn close(self) {
        if let Some((_, Some(listener))) = self.broker {
            listener.close().await;
        }
    }
}

/// A broker verifies no signature, but asks for one.
fn of_a_broker(url: &str) -> Result<client::Config, Fault> {
    let credentials = StaticCredentials::new("local", "local", None);
    Ok(client::Config::new("us-east-1".parse()?).with_credentials(credentials).with_endpoint_url(url.parse()?))
}
