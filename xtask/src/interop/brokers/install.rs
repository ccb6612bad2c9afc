//! The brokers that are pinned in `interop/brokers`, by what they come in. Called by `brokers`, and by `rivals`.

use crate::interop::install::{Pinned, named};
use crate::shell::{self, Outcome};
use std::fs;

/// What brokers come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Package {
    Node,
    Python,
    Rust,
}

impl Package {
    /// Installs what is pinned, unless it is there already.
    pub(crate) fn install(self) -> Outcome {
        let pinned = self.pinned();
        match self {
            Self::Node => pinned.node(),
            Self::Python => pinned.python(),
            Self::Rust => pinned.once(|| {
                let mut cargo = shell::command("cargo install --quiet --locked --path interop/brokers/ferrokinesis");
                // What is built on the way is of no use to us, and never beside what is ours.
                let built = pinned.home().join("built");
                shell::run(cargo.arg("--root").arg(pinned.home()).arg("--target-dir").arg(&built))?;
                Ok(named(&built, fs::remove_dir_all(&built))?)
            }),
        }
    }

    pub(crate) fn pinned(self) -> Pinned {
        match self {
            Self::Node => Pinned::new("brokers", "brokers/node", &["package.json", "package-lock.json"]),
            Self::Python => Pinned::new("brokers", "brokers/python", &["requirements.txt"]),
            Self::Rust => {
                let pins = &["ferrokinesis/Cargo.toml", "ferrokinesis/Cargo.lock", "ferrokinesis/src/main.rs"];
                Pinned::new("brokers", "brokers/rust", pins)
            }
        }
    }
}
