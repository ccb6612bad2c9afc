//! Tries a Kinesis endpoint with the AWS SDK for Rust: its client, its waiters and its paginators.
//! Why: it is what a Rust program would otherwise use, and its parsers are stricter than most.
//! Usage: `tailwater-interop-sdk ENDPOINT [--short]`. A line per check, then the sum; the exit code tells whether all
//! passed. Called by `cargo xtask interop sdks`.

mod account;
mod channels;
mod consumers;
mod expect;
mod positions;
mod records;
mod settings;
mod shards;
mod streams;
mod world;

use std::process::ExitCode;
use world::World;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(endpoint) = words.first() else {
        eprintln!("usage: tailwater-interop-sdk ENDPOINT [--short]");
        return ExitCode::FAILURE;
    };
    let world = World::new(endpoint, words.iter().any(|word| word == "--short"));
    world.check("all of streams was tried", streams::run(&world)).await;
    world.check("all of records was tried", records::run(&world)).await;
    world.check("all of positions was tried", positions::run(&world)).await;
    world.check("all of shards was tried", shards::run(&world)).await;
    world.check("all of settings was tried", settings::run(&world)).await;
    world.check("all of account was tried", account::run(&world)).await;
    world.check("all of consumers was tried", consumers::run(&world)).await;
    world.check("all of channels was tried", channels::run(&world)).await;
    world.check("every operation that the SDK offers was called", async { world.all_operations_were_called() }).await;
    world.sum_up()
}
