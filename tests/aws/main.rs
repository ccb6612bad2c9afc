//! The suite of service behaviour against AWS, for anyone who has an account there.
//!
//! It makes a stream of two shards and a smaller one, writes a few dozen records, reshards, registers a consumer, and
//! deletes all of it; that takes some minutes and costs cents. A run that is cut short leaves streams whose names begin
//! with `tailwater-`. Region and keys come from the environment; with `AWS_ENDPOINT_URL_KINESIS` it asks any other server.
//!
//! It has never been run against AWS: nobody who worked on it had an account. It never runs by itself, only so:
//!
//! ```sh
//! cargo test --test aws -- --ignored --nocapture
//! ```

#[path = "suite.rs"]
mod suite;

use std::time::Duration;
use suite::Outcome;
use tailwater_client::{Client, Config};
use tailwater_wire::Codec;

/// A stream takes up to a minute to change, at times longer.
const PATIENCE: Duration = Duration::from_secs(300);

#[tokio::test]
#[ignore = "needs AWS"]
async fn the_service_does_what_the_suite_says() {
    let client = Client::new(Config::from_environment().expect("the environment says where and as whom"))
        .expect("what the environment says can be used");
    let mut failed = 0;
    for codec in [Codec::Json, Codec::Cbor] {
        for report in suite::run(client.in_codec(codec), PATIENCE).await {
            println!("{codec:?}, {}: {:?}", report.step, report.outcome);
            failed += usize::from(matches!(report.outcome, Outcome::Failed(_)));
        }
    }
    assert_eq!(failed, 0, "steps failed; each is told above");
}
