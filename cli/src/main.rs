//! The command `tailwater`. One file per command; here is only the choice between them.

mod broker;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Kinesis on your machine.
#[derive(Debug, Parser)]
#[command(name = "tailwater", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a local Kinesis for any SDK.
    Broker(Box<broker::Arguments>),
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let done = match command {
        Command::Broker(arguments) => broker::run(*arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("tailwater: {fault}");
            ExitCode::FAILURE
        }
    }
}
