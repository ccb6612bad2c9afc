//! Measures what others made beside us: `rivals/` for what is in Rust, `interop/aggregates/measure.*` for the rest.
//! Why here: cargo builds no Python and no Node, and a ratio needs all of them on one machine, one after the other.
//! The first table is the `codecs` program's own; the lines of Python and Node come below it, in the same form.
//! `brokers` measures servers instead.

pub(crate) mod brokers;

use crate::interop::programs::Language;
use crate::shell::{self, Outcome};
use std::collections::HashMap;
use std::error::Error;
use std::process::{Command, Stdio};

const CODECS: &str = "cargo run --quiet --release --manifest-path rivals/Cargo.toml --bin codecs";
/// Whom all are compared with, as the table calls it.
const COMPARED: &str = "prost, naive";

/// Measures packing and unpacking.
pub(crate) fn codecs() -> Outcome {
    for language in Language::ALL {
        language.install()?;
    }
    let table = output(&mut shell::command(CODECS))?;
    print!("{table}");
    let compared = compared(&table)?;
    for language in Language::ALL {
        for line in output(&mut language.program("measure")?)?.lines() {
            println!("{}", row(line, &compared).ok_or_else(|| format!("{language} printed no row: {line}"))?);
        }
    }
    Ok(())
}

/// Records per CPU second of the one that all are compared with, by workload and direction.
type Compared = HashMap<(String, String), f64>;

fn compared(table: &str) -> Result<Compared, String> {
    let mut rates = Compared::new();
    for line in table.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if let [workload, direction, COMPARED, rate, ..] = cells.as_slice() {
            let rate = rate.parse().map_err(|fault| format!("no rate in `{line}`: {fault}"))?;
            rates.insert(((*workload).to_owned(), (*direction).to_owned()), rate);
        }
    }
    Ok(rates)
}

/// A line of the table, from one that `measure` printed.
fn row(line: &str, compared: &Compared) -> Option<String> {
    let [records, bytes, direction, codec, rate] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
    let (size, rate): (f64, f64) = (bytes.parse().ok()?, rate.parse().ok()?);
    let workload = format!("{records} x {bytes} B");
    let ratio = rate / compared.get(&(workload.clone(), direction.to_owned()))?;
    let payload = rate * size / 1e9;
    Some(format!("| {workload} | {direction} | {codec} | {rate:.0} | {payload:.3} | {ratio:.2} |"))
}

/// What the command prints; its complaints go to our standard error.
fn output(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let shown = format!("{command:?}");
    eprintln!("$ {shown}");
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|fault| format!("cannot start `{shown}`: {fault}"))?;
    if !output.status.success() {
        return Err(format!("`{shown}` failed: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout).map_err(|fault| format!("`{shown}` printed no text: {fault}"))?)
}
