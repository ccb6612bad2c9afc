//! The programs in `interop/producer`: what each is installed from, how it is run, and how it reads otherwise than we do.
//! Called by `producer`; `judge` asks for the differences.

use super::found::{Found, Founds};
use crate::interop::install::{Pinned, named};
use crate::shell::Outcome;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Somebody's way to unpack aggregates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    Python,
    Node,
    Kcl,
}

impl Reader {
    pub(super) const ALL: [Self; 3] = [Self::Python, Self::Node, Self::Kcl];

    /// Whether it passes over an aggregate of which a record lies outside the shard's hash keys.
    pub(super) const fn minds_hash_keys(self) -> bool {
        match self {
            Self::Python | Self::Node => false,
            Self::Kcl => true,
        }
    }

    /// Whether it takes a record without an explicit hash key for one with the first in the aggregate's table.
    pub(super) const fn invents_hash_keys(self) -> bool {
        match self {
            Self::Python | Self::Node => true,
            Self::Kcl => false,
        }
    }

    fn pinned(self) -> Pinned {
        match self {
            Self::Python => Pinned::new("producer", "producer/python", &["requirements.txt"]),
            Self::Node => Pinned::new("producer", "producer/node", &["package.json", "package-lock.json"]),
            Self::Kcl => Pinned::new("producer", "producer/java", &["pom.xml"]),
        }
    }

    /// Installs what is pinned, unless it is there already, and builds what is to be built.
    pub(super) fn install(self) -> Outcome {
        let pinned = self.pinned();
        match self {
            Self::Python => pinned.python(),
            Self::Node => {
                pinned.node()?;
                // Node looks for packages beside the program, nowhere else.
                pinned.copy(&["read.mjs"])
            }
            Self::Kcl => pinned.java(),
        }
    }

    fn command(self) -> Command {
        let pinned = self.pinned();
        let mut command = match self {
            Self::Python => {
                let mut command = Command::new(pinned.interpreter());
                // Whatever the locale, lines are UTF-8; and nothing is written beside the program.
                command.env("PYTHONUTF8", "1").env("PYTHONDONTWRITEBYTECODE", "1");
                command.arg(pinned.sources().join("read.py"));
                command
            }
            Self::Node => {
                let mut command = Command::new("node");
                // It would warn of a Node that a later version is to want.
                command.arg("--no-warnings").arg(pinned.home().join("read.mjs"));
                command
            }
            Self::Kcl => {
                let mut command = Command::new("java");
                command.args(["-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp"]);
                command.arg(pinned.class_path()).arg("Read");
                command
            }
        };
        // What surrounds us shall not change whom it asks, nor how it speaks.
        for variable in ["AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KINESIS", "CBOR_ENABLED"] {
            command.env_remove(variable);
        }
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// What it finds in each of these streams. Its lines are kept beside what is installed.
    pub(super) fn read(self, url: &str, streams: &[&str]) -> Result<Founds, String> {
        let path = self.pinned().home().join("found.txt");
        let file = named(&path, File::create(&path))?;
        let mut command = self.command();
        command.arg(url).args(streams).stdin(Stdio::null()).stdout(file);
        let status = command.status().map_err(|fault| format!("cannot start {self}: {fault}"))?;
        if !status.success() {
            return Err(format!("{self} ended with {status}; what it found is in {}", path.display()));
        }
        let mut founds = Founds::new();
        for (number, line) in (1..).zip(BufReader::new(named(&path, File::open(&path))?).lines()) {
            let line = named(&path, line)?;
            let (stream, found) =
                Found::read(&line).map_err(|fault| format!("{}:{number}: {fault}", path.display()))?;
            founds.entry(stream).or_default().push(found);
        }
        Ok(founds)
    }
}

impl fmt::Display for Reader {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Python => "Python",
            Self::Node => "Node",
            Self::Kcl => "the KCL",
        })
    }
}
