//! Tries our broker with other people's SDKs, each by its own client, waiters and paginators: the programs in
//! `interop/sdks`, every one with a broker of its own, so that each may count what is in its account.
//! Why: each SDK has its own encoder, parser and notion of HTTP, and what one passes over, another refuses.
//! `program` knows how each is installed and run. Called by `main`.

mod program;

use self::program::Program;
use super::ours::OurBroker;
use crate::shell::Outcome;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::num::NonZero;
use std::process::{Child, Stdio};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

/// Long enough that a waiter meets a stream that is not there yet, and short enough to be waited for a hundred times.
const TRANSITION: [&str; 2] = ["--transition", "200"];
/// How long a program may say nothing: some of its checks wait, and what they wait for has half a minute.
const SILENCE: Duration = Duration::from_secs(120);

/// Runs all programs, with smaller amounts if `short`.
pub(crate) fn run(short: bool) -> Outcome {
    for program in Program::ALL {
        program.install().map_err(|fault| format!("{program}: {fault}"))?;
    }
    // They wait more than they work, so that a processor serves two.
    let workers = 2 * thread::available_parallelism().map_or(1, NonZero::get);
    let queue = Mutex::new(Program::ALL.into_iter());
    let tallies = thread::scope(|scope| {
        let work = || {
            let mut tallies = Vec::new();
            while let Some(program) = next(&queue) {
                tallies.push(attempt(program, short));
            }
            tallies
        };
        let workers: Vec<_> = (0..workers.min(Program::ALL.len())).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(thread::ScopedJoinHandle::join).collect::<Result<Vec<_>, _>>()
    });
    let tallies = tallies.map_err(|_| "a thread that tries a program panicked")?.concat();
    let (passed, failed) = tallies.iter().fold((0, 0), |sum, tally| (sum.0 + tally.passed, sum.1 + tally.failed));
    println!("{passed} passed, {failed} failed");
    if failed == 0 { Ok(()) } else { Err(format!("interop sdks: {failed} failed").into()) }
}

fn next(queue: &Mutex<impl Iterator<Item = Program>>) -> Option<Program> {
    // Only a panic in `next` of an array's iterator could poison it.
    queue.lock().ok()?.next()
}

/// What came of one program's checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
}

/// Runs the program to its end, and prints what it said, all at once.
fn attempt(program: Program, short: bool) -> Tally {
    let mut lines = Vec::new();
    let ended = listen(program, short, &mut lines).map_err(|fault| fault.to_string());
    let (tally, fault) = judge(&lines, ended);
    lines.extend(fault.map(|fault| format!("FAILED to run: {fault}")));
    let told: String = lines.iter().map(|line| format!("{program}: {line}\n")).collect();
    print!("{told}");
    tally
}

/// Counts what a program said, and tells what is wrong with how it ended.
fn judge(lines: &[String], ended: Result<bool, String>) -> (Tally, Option<String>) {
    let mut tally = Tally {
        passed: lines.iter().filter(|line| line.starts_with("ok ")).count(),
        failed: lines.iter().filter(|line| line.starts_with("FAILED ")).count(),
    };
    let sum = format!("{} passed, {} failed", tally.passed, tally.failed);
    let fault = match ended {
        Err(fault) => Some(fault),
        // One that stopped half way has said no sum; one that counts otherwise is not understood.
        Ok(_) if lines.last() != Some(&sum) => Some(format!("its last line is not: {sum}")),
        Ok(well) if well != (tally.failed == 0) => Some("its exit code and its checks do not agree".to_owned()),
        Ok(_) if tally.passed == 0 => Some("it checked nothing".to_owned()),
        Ok(_) => None,
    };
    tally.failed += usize::from(fault.is_some());
    (tally, fault)
}

/// The program's lines, as far as it came; whether it ended well.
fn listen(program: Program, short: bool, lines: &mut Vec<String>) -> Result<bool, Box<dyn Error>> {
    let broker = OurBroker::start(&TRANSITION)?;
    let mut command = program.command();
    command.arg(broker.url()).args(program.flags());
    if short {
        command.arg("--short");
    }
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut running = Running(child.map_err(|fault| format!("cannot start it: {fault}"))?);
    let output = running.0.stdout.take().ok_or("its output is not piped")?;
    let (sender, said) = mpsc::channel();
    let reader = thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            let over = line.is_err();
            if sender.send(line).is_err() || over {
                return;
            }
        }
    });
    loop {
        match said.recv_timeout(SILENCE) {
            Ok(line) => lines.push(line?),
            Err(mpsc::RecvTimeoutError::Timeout) => return Err(format!("it said nothing for {SILENCE:?}").into()),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    reader.join().map_err(|_| "the thread that reads its output panicked")?;
    Ok(running.0.wait()?.success())
}

/// A program's process. Dropped, it is gone.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, or it ends now; there is nobody to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::{Tally, judge};

    fn judged(said: &[&str], ended: Result<bool, String>) -> (usize, usize) {
        let lines: Vec<String> = said.iter().map(|line| (*line).to_owned()).collect();
        let (Tally { passed, failed }, _) = judge(&lines, ended);
        (passed, failed)
    }

    #[test]
    fn a_program_that_says_and_does_the_same_is_believed() {
        let said = ["ok one", "not offered: Two", "ok three", "2 passed, 0 failed"];
        assert_eq!(judged(&said, Ok(true)), (2, 0));
        let said = ["ok one", "FAILED two: why", "1 passed, 1 failed"];
        assert_eq!(judged(&said, Ok(false)), (1, 1));
    }

    #[test]
    fn a_program_that_did_not_come_to_its_end_has_failed() {
        assert_eq!(judged(&["ok one"], Ok(false)), (1, 1));
        assert_eq!(judged(&["ok one"], Err("it said nothing".to_owned())), (1, 1));
        assert_eq!(judged(&[], Ok(true)), (0, 1));
    }

    #[test]
    fn a_program_that_contradicts_itself_has_failed() {
        assert_eq!(judged(&["ok one", "2 passed, 0 failed"], Ok(true)), (1, 1));
        assert_eq!(judged(&["ok one", "1 passed, 0 failed"], Ok(false)), (1, 1));
        assert_eq!(judged(&["FAILED one: why", "0 passed, 1 failed"], Ok(true)), (0, 2));
        assert_eq!(judged(&["0 passed, 0 failed"], Ok(true)), (0, 1));
    }
}
