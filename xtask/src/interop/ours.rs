//! Our own broker, as users run it: the built program, a process of its own on a free port of the loopback address.
//! Why not inside this process: what others' programs meet must be what is shipped, its listener and its exit included.
//! Called by `sdks`, `kcl`, `producer` and `soak`.

use crate::shell;
use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::thread::{self, JoinHandle};

/// Built once, so that all that are started are the same, whatever is edited meanwhile.
static SHIPPED: OnceLock<Result<(), String>> = OnceLock::new();
static QUICK: OnceLock<Result<(), String>> = OnceLock::new();

fn build(arguments: &str) -> Result<(), String> {
    let mut cargo = shell::command(&format!("cargo build --quiet{arguments} --package tailwater-cli"));
    shell::run(&mut cargo).map_err(|fault| fault.to_string())
}

/// A running broker that keeps all in memory. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct OurBroker {
    url: String,
    process: Child,
    /// Reads on, so that the broker never waits for a reader of its output; ends with the broker.
    reader: Option<JoinHandle<()>>,
}

impl OurBroker {
    /// Builds it as it is shipped, starts it, and waits until it has said where it listens.
    pub(crate) fn start(extra_args: &[&str]) -> Result<Self, Box<dyn Error>> {
        SHIPPED.get_or_init(|| build(" --release")).clone()?;
        Self::spawn(&target().join("release/tailwater"), extra_args)
    }

    /// The same, built as tests are: for whom its speed does not matter.
    pub(crate) fn start_quickly_built(extra_args: &[&str]) -> Result<Self, Box<dyn Error>> {
        QUICK.get_or_init(|| build("")).clone()?;
        Self::spawn(&target().join("debug/tailwater"), extra_args)
    }

    fn spawn(program: &Path, extra_args: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(program);
        command.args(["broker", "--memory", "--listen", "127.0.0.1:0"]).args(extra_args);
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|fault| format!("cannot start {}: {fault}", program.display()))?;
        let output = process.stdout.take().map(BufReader::new);
        // From here on, whatever goes wrong, dropping it ends the process.
        let mut broker = Self { url: String::new(), process, reader: None };
        let mut output = output.ok_or("the broker's output is not piped")?;
        let mut line = String::new();
        output.read_line(&mut line)?;
        broker.url = url(&line).ok_or_else(|| format!("no address in the broker's first line: {line:?}"))?.to_owned();
        broker.reader = Some(thread::spawn(move || read_out(output)));
        Ok(broker)
    }

    /// Where it listens, such as `http://127.0.0.1:4567`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for OurBroker {
    fn drop(&mut self) {
        // It has ended already, or it ends now; there is nobody to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn read_out(output: BufReader<ChildStdout>) {
    for line in output.split(b'\n') {
        if line.is_err() {
            return;
        }
    }
}

/// Where cargo builds, for us as for the broker.
fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| shell::top().join("target"), |folder| shell::top().join(folder))
}

fn url(line: &str) -> Option<&str> {
    let url = &line[line.find("http://")?..];
    let end = url.find(|letter: char| letter.is_whitespace() || "\"'`,;)<>".contains(letter)).unwrap_or(url.len());
    Some(url[..end].trim_end_matches(['/', '.']))
}

#[cfg(test)]
mod tests {
    use super::url;

    #[test]
    fn the_address_is_found_in_the_first_line() {
        let known = Some("http://127.0.0.1:4567");
        assert_eq!(url("tailwater broker listens on http://127.0.0.1:4567, in memory\n"), known);
        assert_eq!(url("http://127.0.0.1:4567/\n"), known);
        assert_eq!(url("it listens on http://127.0.0.1:4567.\n"), known);
        assert_eq!(url("no address\n"), None);
    }
}
