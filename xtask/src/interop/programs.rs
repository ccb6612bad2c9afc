//! The programs in `interop/aggregates`, and the Python and Node they run in.
//! Why here: interop and rivals need the same two, with just the packages that are pinned there.

use super::install::Pinned;
use crate::shell::Outcome;
use std::error::Error;
use std::fmt;
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
        match self {
            Self::Python => self.pinned().python(),
            Self::Node => self.pinned().node(),
        }
    }

    /// The command that runs one of the programs, `exchange` or `measure`, in what is installed.
    pub(crate) fn program(self, name: &str) -> Result<Command, Box<dyn Error>> {
        let pinned = self.pinned();
        Ok(match self {
            Self::Python => {
                let mut command = Command::new(pinned.interpreter());
                // Whatever the locale, lines are UTF-8.
                command.env("PYTHONUTF8", "1").arg(pinned.sources().join(format!("{name}.py")));
                command
            }
            Self::Node => {
                // Node looks for packages beside the program, nowhere else.
                let file = format!("{name}.mjs");
                pinned.copy(&[&file])?;
                let mut command = Command::new("node");
                command.arg(pinned.home().join(file));
                command
            }
        })
    }

    fn pinned(self) -> Pinned {
        match self {
            Self::Python => Pinned::new("aggregates", "python", &["requirements.txt"]),
            Self::Node => Pinned::new("aggregates", "node", &["package.json", "package-lock.json"]),
        }
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
