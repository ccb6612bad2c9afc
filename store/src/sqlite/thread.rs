//! The thread that has the connection: takes requests in the order in which they come, and writes in groups.
//! Why a thread: SQLite blocks, and a runtime's pool of blocking threads would do one request at a time all the same.
//! Why groups: what a write costs is the sync at COMMIT, and one sync serves all that came while the last was under way.
//!
//! ```text
//! ask ──► channel ──► as many as are there ──► the reads, each by itself, answered at once
//!                                         └──► the writes: BEGIN IMMEDIATE, each in a savepoint, COMMIT, answers
//! ```

use super::fault::{Fault, commit_failed};
use crate::error::Error;
use rusqlite::Connection;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// The most requests that wait, and the most that are written together.
const GROUP: usize = 256;

/// What a request does to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Looks at it, with one statement.
    Read,
    /// Changes it, perhaps.
    Write,
}

/// The thread, as those see it who ask it. It ends, and closes the file, when this is dropped and all is done that was
/// asked: who drops it in a runtime must not wait for that.
#[derive(Debug)]
pub(super) struct Thread {
    requests: mpsc::Sender<Box<dyn Request>>,
    #[cfg_attr(not(test), expect(dead_code, reason = "kept by who started it; waited for in tests"))]
    thread: JoinHandle<()>,
}

impl Thread {
    pub(super) fn start(connection: Connection) -> Result<Self, Error> {
        let (requests, waiting) = mpsc::channel(GROUP);
        let thread = std::thread::Builder::new()
            .name("tailwater-sqlite".to_owned())
            .spawn(move || serve(&connection, waiting))
            .map_err(|error| Error::Unavailable {
                reason: format!("no thread could be started: {error}"),
                may_have_happened: false,
            })?;
        Ok(Self { requests, thread })
    }

    /// Has the thread do this, and waits for it.
    pub(super) async fn ask<T, F>(&self, access: Access, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let request = Asked { access, work: Some(work), outcome: None, answer };
        self.requests.send(Box::new(request)).await.map_err(|_| Error::Closed)?;
        answered.await.unwrap_or(Err(Error::Closed))
    }

    #[cfg(test)]
    pub(super) fn join(self) -> std::thread::Result<()> {
        drop(self.requests);
        self.thread.join()
    }
}

/// What the thread is asked.
trait Request: Send {
    fn access(&self) -> Access;

    /// Does it; tells what went wrong.
    fn run(&mut self, connection: &Connection) -> Result<(), Error>;

    /// Answers with what came of it, or with this error.
    fn answer(self: Box<Self>, instead: Option<Error>);
}

struct Asked<T, F> {
    access: Access,
    work: Option<F>,
    outcome: Option<Result<T, Error>>,
    answer: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Request for Asked<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, Fault> + Send,
{
    fn access(&self) -> Access {
        self.access
    }

    fn run(&mut self, connection: &Connection) -> Result<(), Error> {
        let Some(work) = self.work.take() else { return Err(Error::Closed) };
        let outcome = self.outcome.insert(work(connection).map_err(Fault::told));
        outcome.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    fn answer(self: Box<Self>, instead: Option<Error>) {
        let outcome = instead.map(Err).or(self.outcome).unwrap_or(Err(Error::Closed));
        // Who asked may have gone away; then nobody wants to know.
        drop(self.answer.send(outcome));
    }
}

fn serve(connection: &Connection, mut waiting: mpsc::Receiver<Box<dyn Request>>) {
    let mut group = Vec::with_capacity(GROUP);
    while waiting.blocking_recv_many(&mut group, GROUP) > 0 {
        // All of them were asked before any is answered, so a read may come before the writes around it; then it need not
        // wait for the disk.
        let (reads, writes): (Vec<_>, Vec<_>) = group.drain(..).partition(|request| request.access() == Access::Read);
        for mut read in reads {
            let error = read.run(connection).err();
            read.answer(error);
        }
        if !writes.is_empty() {
            write(connection, writes);
        }
    }
}

/// Nothing is answered before all is durable: what a request is told may rest on what another of the group has written.
fn write(connection: &Connection, mut group: Vec<Box<dyn Request>>) {
    let error = write_all(connection, &mut group).err();
    if !connection.is_autocommit() {
        // A transaction left open would hold the lock against everyone. What cannot be rolled back is so already.
        drop(connection.execute_batch("ROLLBACK"));
    }
    for request in group {
        request.answer(error.clone());
    }
}

fn write_all(connection: &Connection, group: &mut [Box<dyn Request>]) -> Result<(), Error> {
    let run = |sql| connection.execute_batch(sql).map_err(|error| Fault::from(error).told());
    run("BEGIN IMMEDIATE")?;
    for request in group {
        run("SAVEPOINT request")?;
        let done = request.run(connection);
        if connection.is_autocommit() {
            // A full disk, for one, makes SQLite roll back by itself: the requests before this one are undone too.
            let reason = "the transaction was rolled back".to_owned();
            let unknown = Error::Unavailable { reason, may_have_happened: false };
            return Err(done.err().filter(Error::is_retryable).unwrap_or(unknown));
        }
        run(if done.is_ok() { "RELEASE request" } else { "ROLLBACK TO request; RELEASE request" })?;
    }
    connection.execute_batch("COMMIT").map_err(|error| commit_failed(&error))
}

#[cfg(test)]
mod tests;
