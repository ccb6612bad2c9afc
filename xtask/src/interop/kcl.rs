//! Reads our own broker with the KCL itself, across a split and a merge, once in each encoding its SDK can speak.
//! Why: the KCL ends a shard only if everything about its end is as the service has it, and otherwise waits in silence;
//! so what its lease table says at the end is a proof that no test of ours can give.
//! The program is in `interop/kcl`: it judges, here its lines are printed and counted. Called by `main`.

mod install;
mod tables;

use self::install::Java;
use self::tables::Tables;
use super::ours::OurBroker;
use crate::shell::Outcome;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::thread;

/// What the SDK for Java can be told to speak.
#[derive(Clone, Copy, Debug)]
enum Encoding {
    Cbor,
    Json,
}

impl Encoding {
    const ALL: [Self; 2] = [Self::Cbor, Self::Json];

    const fn name(self) -> &'static str {
        match self {
            Self::Cbor => "CBOR",
            Self::Json => "JSON",
        }
    }

    /// CBOR is what it speaks untold.
    const fn option(self) -> Option<&'static str> {
        match self {
            Self::Cbor => None,
            Self::Json => Some("-Daws.cborEnabled=false"),
        }
    }
}

/// Both encodings at the same time: most of it is the KCL's own waiting.
pub(crate) fn run(short: bool) -> Outcome {
    Java::Tables.install()?;
    Java::Reader.install()?;
    // A split takes its time on the service; in the long run it does here, too.
    let broker = OurBroker::start(if short { &[] } else { &["--transition", "500"] })?;
    let tables = Tables::start()?;
    let mut sum = Sum::default();
    let (broker, tables) = (broker.url(), tables.url());
    thread::scope(|scope| {
        let attempts = Encoding::ALL.map(|encoding| {
            let attempt = scope.spawn(move || {
                attempt(encoding, broker, tables, short).unwrap_or_else(|fault| {
                    println!("{}: FAILED: {fault}", encoding.name());
                    Sum { passed: 0, failed: 1 }
                })
            });
            (encoding, attempt)
        });
        for (encoding, attempt) in attempts {
            let done = attempt.join().map_err(|_| format!("{}: its thread panicked", encoding.name()))?;
            sum.passed += done.passed;
            sum.failed += done.failed;
        }
        Ok::<(), String>(())
    })?;
    println!("{} passed, {} failed", sum.passed, sum.failed);
    if sum.failed == 0 { Ok(()) } else { Err(format!("interop kcl: {} failed", sum.failed).into()) }
}

#[derive(Default)]
struct Sum {
    passed: usize,
    failed: usize,
}

impl Sum {
    fn count(&mut self, line: &str) {
        if line.starts_with("ok ") {
            self.passed += 1;
        } else if line.starts_with("FAILED ") {
            self.failed += 1;
        }
    }
}

/// Runs the program to its end, which comes within its own deadline, and prints what it says.
fn attempt(encoding: Encoding, broker: &str, tables: &str, short: bool) -> Result<Sum, String> {
    let mut command = Java::Reader.command();
    let log = Java::Reader.home().join(format!("{}.log", encoding.name().to_lowercase()));
    command.arg(format!("-Dorg.slf4j.simpleLogger.logFile={}", log.display()));
    command.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"]);
    command.args(encoding.option()).args(["Main", broker, tables, "polling"]).args(short.then_some("--short"));
    let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut program = Ended(started.map_err(|fault| format!("cannot start java: {fault}"))?);
    let lines = program.0.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines);
    let mut sum = Sum::default();
    for line in lines.map_while(Result::ok) {
        println!("{}: {line}", encoding.name());
        sum.count(&line);
    }
    let status = program.0.wait().map_err(|fault| fault.to_string())?;
    if !status.success() && sum.failed == 0 {
        return Err(format!("it ended with {status}; see {}", log.display()));
    }
    if sum.failed > 0 {
        println!("{}: what the KCL logged is in {}", encoding.name(), log.display());
    }
    Ok(sum)
}

/// A process that does not outlive this.
#[derive(Debug)]
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It has ended already, or it ends now; there is nobody to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
