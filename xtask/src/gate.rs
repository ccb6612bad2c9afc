//! What a change must pass before it lands: format, lints, docs, packages, licences.

use crate::shell::{Outcome, command, run, top};
use std::path::{Path, PathBuf};
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
    "-p tailwater-producer --no-default-features",
    "-p tailwater-store --no-default-features",
    "-p tailwater-consumer --no-default-features",
    "-p tailwater-broker --no-default-features",
    "-p tailwater --no-default-features --features broker",
    "-p tailwater --no-default-features --features producer",
    "-p tailwater --no-default-features --features consumer",
];

/// What is published, in an order in which each needs only those before it.
const PACKAGES: &[&str] = &[
    "tailwater-record",
    "tailwater-wire",
    "tailwater-client",
    "tailwater-producer",
    "tailwater-store",
    "tailwater-consumer",
    "tailwater-broker",
    "tailwater",
    "tailwater-cli",
];

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
    forget_packages()?;
    let names: Vec<String> = PACKAGES.iter().map(|name| format!("-p {name}")).collect();
    // What is checked is the tree as it stands, which may not be committed yet.
    run(&mut command(&format!("cargo package --quiet --allow-dirty {}", names.join(" "))))
}

/// Removes what cargo keeps of packages that an earlier run made and built: it takes one of the same version for the same,
/// and would build today's client against yesterday's wire. Of the registries, only those without a name, which are such
/// runs' own.
fn forget_packages() -> Outcome {
    let target = top().join("target");
    if target.join("package").exists() {
        std::fs::remove_dir_all(target.join("package"))?;
    }
    forget_ours(&target.join("debug").join(".fingerprint"))?;
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).ok_or("no home folder")?;
    for kind in ["src", "cache"] {
        let Ok(registries) = home.join("registry").join(kind).read_dir() else { continue };
        for registry in registries {
            let registry = registry?;
            if registry.file_name().to_string_lossy().starts_with('-') {
                forget_ours(&registry.path())?;
            }
        }
    }
    Ok(())
}

/// Removes what a folder holds under our packages' names.
fn forget_ours(folder: &Path) -> Outcome {
    let Ok(entries) = folder.read_dir() else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tailwater"));
        match (ours, path.is_dir()) {
            (false, _) => {}
            (true, true) => std::fs::remove_dir_all(path)?,
            (true, false) => std::fs::remove_file(path)?,
        }
    }
    Ok(())
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
