//! What a change must pass before it lands: format, lints, docs, packages, licences.

use crate::shell::{Outcome, command, run};
use std::process::Stdio;

/// The combinations of features that must build without a warning. Picked by hand: each default, each feature alone,
/// and all of them together; the full powerset takes hours and finds nothing more.
const COMBINATIONS: &[&str] = &[
    "--workspace --all-targets",
    "--workspace --all-targets --all-features",
    "-p tailwater --no-default-features",
    "-p tailwater-record --no-default-features",
    "-p tailwater-wire --no-default-features",
    "-p tailwater-client --no-default-features",
];

/// What is published, in an order in which each needs only those before it.
const PACKAGES: &[&str] = &["tailwater-record", "tailwater-wire", "tailwater-client", "tailwater"];

/// Runs every check; stops at the first that fails.
pub(crate) fn run_all() -> Outcome {
    run(&mut command("cargo fmt --all --check"))?;
    for combination in COMBINATIONS {
        run(&mut command(&format!("cargo clippy {combination} -- -D warnings")))?;
    }
    run(command("cargo doc --workspace --no-deps --all-features").env("RUSTDOCFLAGS", "-D warnings"))?;
    packages()?;
    run(&mut command("cargo deny --all-features check --hide-inclusion-graph licenses bans sources"))?;
    advisories()
}

/// Builds each package as a user would get it.
fn packages() -> Outcome {
    let names: Vec<String> = PACKAGES.iter().map(|name| format!("-p {name}")).collect();
    // What is checked is the tree as it stands, which may not be committed yet.
    run(&mut command(&format!("cargo package --quiet --allow-dirty {}", names.join(" "))))
}

/// Looks the dependencies up among known advisories, where their database can be had.
fn advisories() -> Outcome {
    let fetched = command("cargo deny fetch db").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if fetched.is_ok_and(|status| status.success()) {
        return run(&mut command("cargo deny --all-features check --hide-inclusion-graph advisories"));
    }
    println!("advisories: NOT CHECKED (the database cannot be reached from here)");
    Ok(())
}
