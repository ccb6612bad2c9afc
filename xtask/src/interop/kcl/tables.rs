//! DynamoDB Local, in which the KCL keeps its leases: a process on a free port of the loopback address.
//! Called by `kcl`.

use super::Ended;
use super::install::Java;
use crate::interop::install::named;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// Running tables. Dropped, they are gone.
#[derive(Debug)]
pub(super) struct Tables {
    url: String,
    /// Its input is held open: with that it ends, so that it does not outlive us, however we end.
    _process: Ended,
}

impl Tables {
    /// Starts it, and waits until it has said where it listens.
    pub(super) fn start() -> Result<Self, Box<dyn Error>> {
        let mut command = Java::Tables.command();
        command.arg(format!("-Dsqlite4java.library.path={}", Java::Tables.packages().display())).arg("Tables");
        let log = Java::Tables.home().join("tables.log");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(named(&log, File::create(&log))?);
        let mut process = Ended(command.spawn().map_err(|fault| format!("cannot start java: {fault}"))?);
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().ok_or("its output is not piped")?).read_line(&mut line)?;
        if !line.starts_with("http://") {
            return Err(format!("DynamoDB Local does not listen; see {}", log.display()).into());
        }
        Ok(Self { url: line.trim_end().to_owned(), _process: process })
    }

    /// Where it listens, such as `http://127.0.0.1:8000`.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}
