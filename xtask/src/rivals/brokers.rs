//! Measures our broker beside others, all in one run: installs what is pinned in `interop/brokers`, builds ours as it is
//! shipped, and hands both to the `brokers` program in `rivals/`, which prints the tables.
//! What is installed is what `interop brokers` tries, in the same place.
//! Called by `main`.

use crate::interop::brokers::Package;
use crate::shell::{self, Outcome};
use std::env;

/// As it is shipped.
const OURS: &str = "cargo build --quiet --release --package tailwater-cli";
const MEASURE: &str = "cargo run --quiet --release --manifest-path rivals/Cargo.toml --bin brokers --";

/// Measures all brokers; `short` shows that it can be done, and little more.
pub(crate) fn run(short: bool) -> Outcome {
    Package::Node.install()?;
    Package::Rust.install()?;
    let (node, ferrokinesis) = (Package::Node.pinned(), Package::Rust.pinned());
    shell::run(&mut shell::command(OURS))?;
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let ours = shell::top().join(target).join("release/tailwater");
    let mut measure = shell::command(MEASURE);
    if short {
        measure.arg("--short");
    }
    measure.arg(ours).arg(ferrokinesis.home().join("bin/tailwater-interop-ferrokinesis"));
    measure.arg(node.home()).arg(node.sources().join("loopback.cjs"));
    shell::run(measure.arg(shell::top().join("target/rivals")))
}
