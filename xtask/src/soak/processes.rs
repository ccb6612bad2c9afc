//! A worker's process, from its start to its end, however it comes: none outlives what is here.
//! Called by `run`.

use super::plan::Plant;
use super::worker::WORDS;
use std::env;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Where workers work.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) url: String,
    pub(super) stream: String,
    pub(super) plant: Plant,
}

/// A process that runs. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Process {
    /// The worker's name, which it may share with those before it.
    pub(super) name: String,
    /// Its own.
    pub(super) run: String,
    child: Child,
}

impl Place {
    pub(super) fn file(&self) -> PathBuf {
        self.folder.join("leases.db")
    }

    pub(super) fn notes(&self, run: &str) -> PathBuf {
        self.folder.join(format!("{run}.notes"))
    }

    fn log(&self, run: &str) -> PathBuf {
        self.folder.join(format!("{run}.log"))
    }
}

impl Process {
    pub(super) fn start(place: &Place, name: &str, serial: usize, seed: u64) -> io::Result<Self> {
        let run = format!("{serial:03}-{name}");
        let (file, notes, seed) = (place.file(), place.notes(&run), seed.to_string());
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let words: [&str; WORDS] =
            [name, &place.url, &place.stream, &text(&file), &text(&notes), &seed, place.plant.name()];
        // The very program that runs: the one on disk may have been built anew meanwhile.
        let program = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { env::current_exe()? };
        let mut command = Command::new(program);
        command.arg("soak-worker").args(words).stdin(Stdio::piped());
        let child = command.stdout(Stdio::null()).stderr(File::create(place.log(&run))?).spawn()?;
        Ok(Self { name: name.to_owned(), run, child })
    }

    /// SIGKILL, without waiting for what comes of it.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()
    }

    /// Waits until it is gone.
    pub(super) fn wait(&mut self) -> io::Result<()> {
        self.child.wait().map(drop)
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Tells it to end, and waits until it has, in order.
    pub(super) async fn end(mut self, within: Duration) -> Result<(), String> {
        drop(self.child.stdin.take());
        let limit = Instant::now() + within;
        loop {
            match self.ended() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(format!("{} ended with {status}", self.run)),
                Ok(None) if Instant::now() < limit => sleep(Duration::from_millis(50)).await,
                Ok(None) => return Err(format!("{} has not ended after {within:?}", self.run)),
                Err(fault) => return Err(format!("{}: {fault}", self.run)),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, or it ends now; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
