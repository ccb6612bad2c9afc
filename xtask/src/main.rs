//! The repository's own tools, run as `cargo xtask TASK`.
//! `gate` is what a change must pass before it lands; `interop` talks to what others wrote; `rivals` measures beside it.

mod gate;
mod interop;
mod mutants;
mod rivals;
mod resharding;
mod shell;
mod sim;
mod soak;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask TASK

  gate                          format, lints, docs, packages, licences; what must pass before a change lands
  interop aggregates [--short]  exchange aggregates with aws-kinesis-agg in Python and Node
  interop brokers [--short]     try our client on every local broker there is
  interop differences [--short] [--seed N]
                                say the same to our broker and to others', and compare each answer
  interop kcl [--short]         read our broker with the KCL in Java, across a split and a merge
  interop model                 compare our shapes with the service's model, as botocore carries it
  interop producer [--short]    write with our producer, and find every record with readers in Python, Node and Java
  interop sdks [--short]        try our broker with other people's SDKs
  mutants producer|consumer [NAME]
                                plant known bugs, one at a time, and see that the simulation finds each
  rivals codecs                 measure packing and unpacking beside prost, Python and Node
  rivals brokers [--short]      measure our broker beside every other one, by the CPU time of the server
  sim producer|consumer [--seeds N] [--first S]
                                live through many histories of the producer's pipeline, or of whole consumers
  sim consumer --trace SEED     tell everything that happens in one history
  soak consumer [--kills N] [--seed S] [--short]
                                kill workers that share a file of leases, and see that nothing is lost";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["gate"] => gate::run_all(),
        ["interop", "aggregates"] => interop::aggregates::run(interop::aggregates::BATCHES),
        ["interop", "aggregates", "--short"] => interop::aggregates::run(interop::aggregates::BATCHES_SHORT),
        ["interop", "brokers"] => interop::brokers::run(false),
        ["interop", "brokers", "--short"] => interop::brokers::run(true),
        ["interop", "differences", rest @ ..] => interop::differences::run(rest),
        ["interop", "kcl"] => interop::kcl::run(false),
        ["interop", "kcl", "--short"] => interop::kcl::run(true),
        ["interop", "model"] => interop::model::run(),
        ["interop", "producer"] => interop::producer::run(interop::producer::RECORDS),
        ["interop", "producer", "--short"] => interop::producer::run(interop::producer::RECORDS_SHORT),
        ["interop", "sdks"] => interop::sdks::run(false),
        ["interop", "sdks", "--short"] => interop::sdks::run(true),
        ["rivals", "codecs"] => rivals::codecs(),
        ["rivals", "brokers"] => rivals::brokers::run(false),
        ["rivals", "brokers", "--short"] => rivals::brokers::run(true),
        ["mutants", "producer"] => mutants::run(&mutants::PRODUCER, ""),
        ["mutants", "producer", name] => mutants::run(&mutants::PRODUCER, name),
        ["mutants", "consumer"] => mutants::run(&mutants::CONSUMER, ""),
        ["mutants", "consumer", name] => mutants::run(&mutants::CONSUMER, name),
        ["sim", "producer", rest @ ..] => sim::run(&sim::PRODUCER, rest),
        ["sim", "consumer", "--trace", seed] => sim::trace(seed),
        ["sim", "consumer", rest @ ..] => sim::run(&sim::CONSUMER, rest),
        ["soak", "consumer", rest @ ..] => soak::run(rest),
        // What the soak starts, and kills.
        ["soak-worker", rest @ ..] => soak::worker::run(rest),
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}
