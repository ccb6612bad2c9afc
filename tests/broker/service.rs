//! The suite of service behaviour, which also stands ready for AWS: in the process and over a socket, in both encodings.

use crate::suite::{self, Outcome};
use std::time::Duration;
use tailwater::broker::{Broker, Config, ListenConfig};
use tailwater::client::{self, Client, HttpVersion, StaticCredentials};
use tailwater::local;
use tailwater::wire::Codec;

const PATIENCE: Duration = Duration::from_secs(10);

async fn passes(client: &Client) {
    for codec in [Codec::Json, Codec::Cbor] {
        let reports = suite::run(client.in_codec(codec), PATIENCE).await;
        for report in reports {
            assert_eq!(report.outcome, Outcome::Passed, "{codec:?}, {}", report.step);
        }
    }
}

#[tokio::test]
async fn the_suite_passes_in_the_same_process() {
    let broker = Broker::open(Config::default()).unwrap();
    passes(&local::client(&broker).unwrap()).await;
}

#[tokio::test]
async fn the_suite_passes_while_changes_take_their_time() {
    let broker = Broker::open(Config::default().with_transition(Duration::from_millis(30))).unwrap();
    passes(&local::client(&broker).unwrap()).await;
}

#[tokio::test]
async fn the_suite_passes_over_a_socket() {
    let listener = Broker::open(Config::default()).unwrap();
    let listener = listener.listen(ListenConfig::on("127.0.0.1:0".parse().unwrap())).await.unwrap();
    for version in [HttpVersion::Http1, HttpVersion::Http2] {
        let config = client::Config::new("us-east-1".parse().unwrap())
            .with_endpoint_url(listener.url().parse().unwrap())
            .with_http_version(version)
            .with_credentials(StaticCredentials::new("AKIDEXAMPLE", "secret", None));
        passes(&Client::new(config).unwrap()).await;
    }
    listener.close().await;
}
