//! What is asked for on the command line.

use std::str::FromStr;

/// Puts as much as you like, and tells how fast it went and how long each record took.
#[derive(Clone, Debug, clap::Parser)]
pub(crate) struct Arguments {
    /// Records that are kept under way, by all producers together.
    #[arg(long, value_name = "N", default_value_t = 1000, conflicts_with = "rate")]
    pub(crate) in_flight: usize,
    /// Records that are put in a second, whatever the answers do.
    #[arg(long, value_name = "R", value_parser = positive)]
    pub(crate) rate: Option<f64>,
    /// For how long.
    #[arg(long, value_name = "S", default_value = "10", value_parser = positive)]
    pub(crate) seconds: f64,
    /// Bytes of a payload: `100`, or `50-2000` for anything in between.
    #[arg(long, default_value = "100")]
    pub(crate) size: Sizes,
    /// Keys: `uniform:N` or `zipf:N` for some of N, `none`, or `distinct` for another one each time.
    #[arg(long, default_value = "uniform:10000")]
    pub(crate) keys: Keys,
    /// Producers, each with connections of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) producers: u32,
    /// Consumers, each with connections of its own, that share the stream and read what is put. The time of each record
    /// is then also told from its put to its handler, and a payload has 16 bytes or more.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) consumers: u32,
    /// How long a consumer waits before it looks again when there was nothing new; as it thinks right, if not given.
    #[arg(long, value_name = "MS", requires = "consumers")]
    pub(crate) idle_ms: Option<u64>,
    /// Shards of the stream that is made for this.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) shards: u32,
    /// How long a record may wait for company; as the producer thinks right, if not given.
    #[arg(long, value_name = "MS")]
    pub(crate) linger_ms: Option<u64>,
    /// Keeps no order: many Kinesis records of a shard may be under way.
    #[arg(long)]
    pub(crate) unordered: bool,
    /// Puts each record as a Kinesis record of its own.
    #[arg(long)]
    pub(crate) no_aggregation: bool,
    /// Puts faster than AWS would take it, and reads faster than it would give it: for brokers without limits.
    #[arg(long)]
    pub(crate) unlimited: bool,
    /// A stream that exists: on AWS, by the usual environment, or at the endpoint.
    #[arg(long, value_name = "NAME")]
    pub(crate) stream: Option<String>,
    /// Another broker; a stream `load` is made there, unless one is named.
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// Calls the broker in this process without a socket.
    #[arg(long, conflicts_with_all = ["endpoint", "stream"])]
    pub(crate) in_process: bool,
    /// Writes the report to this file as JSON; `-` writes it to standard output, instead of the text.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<String>,
}

/// How large payloads are: any size from `least` to `most`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) least: usize,
    pub(crate) most: usize,
}

/// How records are keyed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keys {
    /// Any of so many, each as often.
    Uniform(usize),
    /// Any of so many, the first twice as often as the second, three times as often as the third.
    Zipf(usize),
    /// None; the producer chooses the shard.
    None,
    /// One for each record.
    Distinct,
}

impl FromStr for Sizes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (least, most) = text.split_once('-').unwrap_or((text, text));
        match (least.parse(), most.parse()) {
            (Ok(least), Ok(most)) if least <= most && most <= 1 << 20 => Ok(Self { least, most }),
            _ => Err("bytes, or two numbers of bytes as in 50-2000, up to 1048576"),
        }
    }
}

impl FromStr for Keys {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let some = |count: &str| count.parse().ok().filter(|count| (1..=10_000_000).contains(count));
        let keys = match text.split_once(':') {
            Some(("uniform", count)) => some(count).map(Self::Uniform),
            Some(("zipf", count)) => some(count).map(Self::Zipf),
            None if text == "none" => Some(Self::None),
            None if text == "distinct" => Some(Self::Distinct),
            _ => None,
        };
        keys.ok_or("uniform:N, zipf:N, none or distinct, with N from 1 to 10000000")
    }
}

fn positive(text: &str) -> Result<f64, &'static str> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or("a number above 0")
}
