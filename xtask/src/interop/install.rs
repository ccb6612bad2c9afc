//! Installs what is pinned beside a program of ours, by the ordinary clients, from wherever these are configured to fetch.
//! It lands under `target/interop`, never in the source tree, and is kept until a pin changes.
//! Called by `programs`, `model`, `brokers`, `sdks` and `producer`.

use crate::shell::{self, Outcome};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Copies what a `pom.xml` names, and all that needs, into a folder.
const MAVEN: &str = "mvn --quiet --batch-mode -DincludeScope=runtime \
                     org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy-dependencies";

/// Packages that are pinned in one folder and installed in another.
pub(crate) struct Pinned {
    sources: PathBuf,
    home: PathBuf,
    pins: &'static [&'static str],
}

impl Pinned {
    /// The files `pins` in `interop/SOURCES` say what is installed in `target/interop/HOME`.
    pub(crate) fn new(sources: &str, home: &str, pins: &'static [&'static str]) -> Self {
        let top = shell::top();
        Self { sources: top.join("interop").join(sources), home: top.join("target/interop").join(home), pins }
    }

    pub(crate) fn sources(&self) -> &Path {
        &self.sources
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The interpreter that has the packages of `python`.
    pub(crate) fn interpreter(&self) -> PathBuf {
        self.home.join("bin/python")
    }

    /// Packages of PyPI, by `requirements.txt`.
    pub(crate) fn python(&self) -> Outcome {
        self.once(|| {
            shell::run(shell::command("python3 -m venv").arg(&self.home))?;
            // All are pinned, so nothing is to be resolved.
            let options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
            let mut pip = Command::new(self.interpreter());
            shell::run(pip.args(options).arg("--requirement").arg(self.sources.join("requirements.txt")))
        })
    }

    /// Packages of npm, by `package-lock.json`.
    pub(crate) fn node(&self) -> Outcome {
        self.once(|| {
            self.copy(self.pins)?;
            let mut npm = shell::command("npm ci --loglevel=error --ignore-scripts --no-audit --no-fund");
            shell::run(npm.current_dir(&self.home))
        })
    }

    /// Packages of Maven, by `pom.xml`, and the program in `src` compiled beside them.
    pub(crate) fn java(&self) -> Outcome {
        self.once(|| {
            let mut maven = shell::command(MAVEN);
            maven.arg("--file").arg(self.sources.join("pom.xml"));
            shell::run(maven.arg(format!("-DoutputDirectory={}", self.home.join("packages").display())))
        })?;
        let mut sources = Vec::new();
        let folder = self.sources.join("src");
        for file in named(&folder, fs::read_dir(&folder))? {
            sources.push(named(&folder, file)?.path());
        }
        sources.sort();
        let mut javac = shell::command("javac --release 17 -encoding UTF-8");
        javac.arg("-d").arg(self.home.join("classes")).arg("-cp").arg(self.home.join("packages/*"));
        shell::run(javac.args(sources))
    }

    /// Where Java finds the program and its packages.
    pub(crate) fn class_path(&self) -> OsString {
        let mut path = self.home.join("classes").into_os_string();
        path.push(":");
        path.push(self.home.join("packages/*"));
        path
    }

    /// A program in Rust, by `Cargo.lock`. Built each time: cargo knows what is up to date.
    pub(crate) fn rust(&self) -> Outcome {
        let mut cargo = shell::command("cargo build --quiet --locked");
        cargo.arg("--manifest-path").arg(self.sources.join("Cargo.toml"));
        shell::run(cargo.arg("--target-dir").arg(&self.home))
    }

    /// Installs into an empty folder, unless just this is there already.
    pub(crate) fn once(&self, install: impl FnOnce() -> Outcome) -> Outcome {
        let read = |pin: &&str| named(&self.sources.join(pin), fs::read(self.sources.join(pin)));
        let pins = self.pins.iter().map(read).collect::<Result<Vec<_>, _>>()?.concat();
        // Written last, so that an installation cut short is begun anew.
        let stamp = self.home.join("installed");
        if fs::read(&stamp).is_ok_and(|installed| installed == pins) {
            return Ok(());
        }
        if self.home.exists() {
            named(&self.home, fs::remove_dir_all(&self.home))?;
        }
        named(&self.home, fs::create_dir_all(&self.home))?;
        install()?;
        Ok(named(&stamp, fs::write(&stamp, pins))?)
    }

    /// Copies files of the sources beside what is installed.
    pub(crate) fn copy(&self, files: &[&str]) -> Outcome {
        for file in files {
            let source = self.sources.join(file);
            named(&source, fs::copy(&source, self.home.join(file)))?;
        }
        Ok(())
    }
}

/// An error that names the file.
pub(crate) fn named<T>(path: &Path, done: io::Result<T>) -> Result<T, String> {
    done.map_err(|fault| format!("{}: {fault}", path.display()))
}
