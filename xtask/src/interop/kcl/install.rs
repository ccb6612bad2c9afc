//! The two programs in Java: what reads, and what keeps its leases. Called by `kcl` and `tables`.

use crate::interop::install::Pinned;
use crate::shell::Outcome;
use std::path::PathBuf;
use std::process::Command;

/// A program in Java, with packages of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Java {
    Reader,
    Tables,
}

impl Java {
    /// Fetches its packages, unless they are there already, and compiles it.
    pub(super) fn install(self) -> Outcome {
        self.pinned().java()
    }

    /// Java, with the program in its reach; the class is still to be said.
    pub(super) fn command(self) -> Command {
        let mut command = Command::new("java");
        // Quick to start rather than quick in the long run.
        command.args(["-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp"]).arg(self.pinned().class_path());
        // What surrounds us shall not change what it does: neither how it speaks, nor whom it asks where it runs.
        command.env_remove("CBOR_ENABLED").env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// Where it is installed.
    pub(super) fn home(self) -> PathBuf {
        self.pinned().home().to_owned()
    }

    /// Its packages' folder, in which native libraries are, too.
    pub(super) fn packages(self) -> PathBuf {
        self.home().join("packages")
    }

    fn pinned(self) -> Pinned {
        match self {
            Self::Reader => Pinned::new("kcl", "kcl/reader", &["pom.xml"]),
            Self::Tables => Pinned::new("kcl/tables", "kcl/tables", &["pom.xml"]),
        }
    }
}
