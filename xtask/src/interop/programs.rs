//! The programs in `interop/aggregates`, and the Python and Node they run in.
//! Why here: interop and rivals need the same two, with just the packages that are pinned there. Both are made under
//! `target/interop` by the ordinary clients, from wherever these are configured to fetch, and kept until a pin changes.

use crate::shell::{self, Outcome};
use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who else reads and writes aggregates.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    Node,
}

impl Language {
    pub(crate) const ALL: [Self; 2] = [Self::Python, Self::Node];

    /// Installs what is pinned, unless it is there already.
    pub(crate) fn install(self) -> Outcome {
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
            Self::Python => {
                shell::run(shell::command("python3 -m venv").arg(self.home()))?;
                // All are pinned, so nothing is to be resolved.
                let options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
                let mut pip = Command::new(self.interpreter());
                shell::run(pip.args(options).arg("--requirement").arg(sources().join("requirements.txt")))?;
            }
            Self::Node => {
                self.copy(self.pins())?;
                let mut npm = shell::command("npm ci --loglevel=error --ignore-scripts --no-audit --no-fund");
                shell::run(npm.current_dir(self.home()))?;
            }
        }
        Ok(named(&stamp, fs::write(&stamp, pins))?)
    }

    /// The command that runs one of the programs, `exchange` or `measure`, in what is installed.
    pub(crate) fn program(self, name: &str) -> Result<Command, Box<dyn Error>> {
        let mut command = Command::new(self.interpreter());
        match self {
            // Whatever the locale, lines are UTF-8.
            Self::Python => command.env("PYTHONUTF8", "1").arg(sources().join(format!("{name}.py"))),
            Self::Node => {
                // Node looks for packages beside the program, nowhere else.
                let file = format!("{name}.mjs");
                self.copy(&[&file])?;
                command.arg(self.home().join(file))
            }
        };
        Ok(command)
    }

    fn pins(self) -> &'static [&'static str] {
        match self {
            Self::Python => &["requirements.txt"],
            Self::Node => &["package.json", "package-lock.json"],
        }
    }

    fn home(self) -> PathBuf {
        shell::top().join("target/interop").join(self.to_string().to_lowercase())
    }

    fn interpreter(self) -> PathBuf {
        match self {
            Self::Python => self.home().join("bin/python"),
            Self::Node => "node".into(),
        }
    }

    fn copy(self, files: &[&str]) -> Outcome {
        for file in files {
            let source = sources().join(file);
            named(&source, fs::copy(&source, self.home().join(file)))?;
        }
        Ok(())
    }
}

impl fmt::Display for Language {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Python => "Python",
            Self::Node => "Node",
        })
    }
}

fn sources() -> PathBuf {
    shell::top().join("interop/aggregates")
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    named(file, fs::read(file))
}

fn named<T>(path: &Path, done: io::Result<T>) -> Result<T, String> {
    done.map_err(|fault| format!("{}: {fault}", path.display()))
}
