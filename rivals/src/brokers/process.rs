//! A server's process: started, watched from outside, and ended by its id, also when the run fails.
//! Why from outside: the CPU time and the memory of the server alone are what brokers are compared by, whatever they are
//! written in and however many threads they use.
//! Called by `subject`.

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// In how many parts the system counts a second of CPU time, on every Linux of ours.
const TICKS: u64 = 100;

/// A running process. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts it. What it prints goes to a file, of which only the last start is kept.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self, Box<dyn Error>> {
        let output = File::create(log).map_err(|fault| format!("{}: {fault}", log.display()))?;
        let started = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).spawn();
        Ok(Self(started.map_err(|fault| format!("cannot start {command:?}: {fault}"))?))
    }

    /// Fails if it has ended.
    pub(crate) fn runs(&mut self) -> Result<(), Box<dyn Error>> {
        match self.0.try_wait()? {
            Some(status) => Err(format!("the server ended with {status}").into()),
            None => Ok(()),
        }
    }

    /// CPU time that all its threads have spent so far, in the program and in the kernel.
    pub(crate) fn cpu(&self) -> Result<Duration, Box<dyn Error>> {
        let stat = self.read("stat")?;
        // The name in brackets may hold anything; behind it, the state is field 3 and the two times are 14 and 15.
        let fields = stat.rsplit_once(')').ok_or("no name in a process's state")?.1.split_whitespace();
        let ticks: Result<Vec<u64>, _> = fields.skip(11).take(2).map(str::parse).collect();
        Ok(Duration::from_millis(ticks?.iter().sum::<u64>() * 1000 / TICKS))
    }

    /// Bytes of memory that it holds.
    pub(crate) fn memory(&self) -> Result<u64, Box<dyn Error>> {
        let status = self.read("status")?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no memory in a process's state")?;
        let kilobytes: u64 = line.split_whitespace().next().ok_or("no amount of memory")?.parse()?;
        Ok(kilobytes * 1024)
    }

    fn read(&self, file: &str) -> Result<String, Box<dyn Error>> {
        let path = format!("/proc/{}/{file}", self.0.id());
        Ok(fs::read_to_string(&path).map_err(|fault| format!("{path}: {fault}"))?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, or it ends now; there is nobody to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
