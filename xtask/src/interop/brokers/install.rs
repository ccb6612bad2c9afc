//! Installs the brokers that are pinned in `interop/brokers`, each by its ordinary client, under `target/interop/brokers`.
//! They are kept until a pin changes. Called by `brokers`.

use crate::shell::{self, Outcome};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What brokers come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Package {
    Node,
    Python,
    Rust,
}

impl Package {
    /// Installs what is pinned, unless it is there already.
    pub(super) fn install(self) -> Outcome {
        let pins = self.pins().iter().map(|pin| read(&sources().join(pin))).collect::<Result<Vec<_>, _>>()?.concat();
        // Written last, so that an installation cut short is begun anew.
        let stamp = self.home().join("installed");
        if fs::read(&stamp).is_ok_and(|installed| installed == pins) {
            return Ok(());
        }
        if self.home().exists() {
            named(&self.home(), fs::remove_dir_all(self.home()))?;
        }
        named(&self.home(), fs::create_dir_all(self.home()))?;
        match self {
            Self::Node => {
                for pin in self.pins() {
                    named(&sources().join(pin), fs::copy(sources().join(pin), self.home().join(pin)))?;
                }
                let mut npm = shell::command("npm ci --loglevel=error --ignore-scripts --no-audit --no-fund");
                shell::run(npm.current_dir(self.home()))?;
            }
            Self::Python => {
                shell::run(shell::command("python3 -m venv").arg(self.home()))?;
                let options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
                let mut pip = Command::new(self.home().join("bin/python"));
                shell::run(pip.args(options).arg("--requirement").arg(sources().join("requirements.txt")))?;
            }
            Self::Rust => {
                let mut cargo = shell::command("cargo install --quiet --locked --path interop/brokers/ferrokinesis");
                // What is built on the way is of no use to us, and never beside what is ours.
                let built = self.home().join("built");
                shell::run(cargo.arg("--root").arg(self.home()).arg("--target-dir").arg(&built))?;
                named(&built, fs::remove_dir_all(&built))?;
            }
        }
        Ok(named(&stamp, fs::write(&stamp, pins))?)
    }

    const fn pins(self) -> &'static [&'static str] {
        match self {
            Self::Node => &["package.json", "package-lock.json"],
            Self::Python => &["requirements.txt"],
            Self::Rust => &["ferrokinesis/Cargo.toml", "ferrokinesis/Cargo.lock", "ferrokinesis/src/main.rs"],
        }
    }

    pub(super) fn home(self) -> PathBuf {
        shell::top().join("target/interop/brokers").join(match self {
            Self::Node => "node",
            Self::Python => "python",
            Self::Rust => "rust",
        })
    }
}

pub(super) fn sources() -> PathBuf {
    shell::top().join("interop/brokers")
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    named(file, fs::read(file))
}

fn named<T>(path: &Path, done: io::Result<T>) -> Result<T, String> {
    done.map_err(|fault| format!("{}: {fault}", path.display()))
}
