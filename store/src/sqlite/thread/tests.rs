//! Groups of requests as the thread meets them, and the thread's end.

use super::super::tests::Folder;
use super::*;
use std::sync::mpsc as blocking;
use tokio::sync::oneshot::error::TryRecvError;

fn connection(folder: &Folder) -> Connection {
    let connection = Connection::open(folder.file()).unwrap();
    connection.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE IF NOT EXISTS numbers (number)").unwrap();
    connection
}

fn numbers(connection: &Connection) -> Vec<u32> {
    let mut statement = connection.prepare("SELECT number FROM numbers ORDER BY number").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn insert(connection: &Connection, number: u32) -> Result<u32, Fault> {
    connection.execute("INSERT INTO numbers VALUES (?1)", [number])?;
    Ok(number)
}

type Answered = oneshot::Receiver<Result<u32, Error>>;

fn request(work: impl FnOnce(&Connection) -> Result<u32, Fault> + Send + 'static) -> (Box<dyn Request>, Answered) {
    let (answer, answered) = oneshot::channel();
    (Box::new(Asked { access: Access::Write, work: Some(work), outcome: None, answer }), answered)
}

fn nonsense(connection: &Connection) -> Result<u32, Fault> {
    connection.execute_batch("no such statement")?;
    Ok(0)
}

#[test]
fn a_request_that_fails_undoes_nothing_but_itself() {
    let folder = Folder::new();
    let connection = connection(&folder);
    let (first, mut one) = request(|connection| insert(connection, 1));
    let (second, mut two) = request(|connection| insert(connection, 2).and_then(|_| nonsense(connection)));
    let (third, mut three) = request(|connection| insert(connection, 3));
    write(&connection, vec![first, second, third]);
    assert_eq!(one.try_recv().unwrap().unwrap(), 1);
    assert!(matches!(two.try_recv().unwrap(), Err(Error::Setup { .. })));
    assert_eq!(three.try_recv().unwrap().unwrap(), 3);
    assert_eq!(numbers(&connection), [1, 3]);
}

#[test]
fn all_are_written_at_once_and_none_is_answered_before() {
    let folder = Folder::new();
    let connection = connection(&folder);
    let (first, mut one) = request(|connection| insert(connection, 1));
    let path = folder.file();
    let (seen, told) = blocking::channel();
    let (second, mut two) = request(move |connection| {
        seen.send((numbers(&Connection::open(path).unwrap()), one.try_recv().unwrap_err(), one)).unwrap();
        insert(connection, 2)
    });
    write(&connection, vec![first, second]);
    let (outside, answer, mut one) = told.recv().unwrap();
    assert_eq!((outside, answer), (vec![], TryRecvError::Empty));
    assert_eq!((one.try_recv().unwrap().unwrap(), two.try_recv().unwrap().unwrap()), (1, 2));
    assert_eq!(numbers(&Connection::open(folder.file()).unwrap()), [1, 2]);
}

#[test]
fn if_commit_fails_all_are_told_that_they_may_have_been_done() {
    let folder = Folder::new();
    let connection = connection(&folder);
    // A key that points nowhere is found at COMMIT.
    let children = "CREATE TABLE parents (id PRIMARY KEY); \
        CREATE TABLE children (parent REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED); PRAGMA foreign_keys = on";
    connection.execute_batch(children).unwrap();
    let (first, mut one) = request(|connection| insert(connection, 1));
    let (second, mut two) = request(|connection| {
        connection.execute_batch("INSERT INTO children VALUES (7)")?;
        insert(connection, 2)
    });
    write(&connection, vec![first, second]);
    for answer in [one.try_recv().unwrap(), two.try_recv().unwrap()] {
        let error = answer.unwrap_err();
        assert!(error.is_retryable() && error.may_have_happened(), "{error:?}");
    }
    assert!(connection.is_autocommit() && numbers(&connection).is_empty());
    let (next, mut three) = request(|connection| insert(connection, 3));
    write(&connection, vec![next]);
    assert_eq!(three.try_recv().unwrap().unwrap(), 3);
}

#[test]
fn if_sqlite_rolls_back_by_itself_nobody_is_told_that_it_was_done() {
    let folder = Folder::new();
    let connection = connection(&folder);
    let (first, mut one) = request(|connection| insert(connection, 1));
    let (second, mut two) = request(|connection| {
        connection.execute_batch("ROLLBACK")?;
        Ok(2)
    });
    let (third, mut three) = request(|connection| insert(connection, 3));
    write(&connection, vec![first, second, third]);
    for answer in [one.try_recv().unwrap(), two.try_recv().unwrap(), three.try_recv().unwrap()] {
        let error = answer.unwrap_err();
        assert!(error.is_retryable() && !error.may_have_happened(), "{error:?}");
    }
    assert!(numbers(&connection).is_empty());
}

#[test]
fn a_full_disk_is_told_to_all_who_were_to_be_written_together() {
    let folder = Folder::new();
    let connection = connection(&folder);
    connection.execute_batch("PRAGMA max_page_count = 20").unwrap();
    let (first, mut one) = request(|connection| insert(connection, 1));
    let (second, mut two) = request(|connection| {
        connection.execute_batch("INSERT INTO numbers VALUES (zeroblob(1000000))")?;
        Ok(2)
    });
    let (third, mut three) = request(|connection| insert(connection, 3));
    write(&connection, vec![first, second, third]);
    for answer in [one.try_recv().unwrap(), two.try_recv().unwrap(), three.try_recv().unwrap()] {
        let error = answer.unwrap_err();
        assert!(error.is_retryable() && !error.may_have_happened(), "{error:?}");
        assert!(error.to_string().contains("full"), "{error:?}");
    }
    assert!(numbers(&connection).is_empty());
}

#[tokio::test]
async fn what_waits_is_done_before_the_thread_ends() {
    let folder = Folder::new();
    let thread = Thread::start(connection(&folder)).unwrap();
    let (go, wait) = blocking::channel();
    {
        let first = thread.ask(Access::Write, move |connection| {
            wait.recv().unwrap();
            insert(connection, 1)
        });
        let second = thread.ask(Access::Write, |connection| insert(connection, 2));
        // Asked, and then given up: both are with the thread.
        for mut asked in [Box::pin(first) as std::pin::Pin<Box<dyn Future<Output = _>>>, Box::pin(second)] {
            let is_ready =
                std::future::poll_fn(|context| std::task::Poll::Ready(asked.as_mut().poll(context).is_ready()));
            assert!(!is_ready.await);
        }
    }
    go.send(()).unwrap();
    thread.join().unwrap();
    assert_eq!(numbers(&connection(&folder)), [1, 2]);
}

#[tokio::test]
async fn a_thread_that_panics_answers_that_the_store_is_closed() {
    let folder = Folder::new();
    let thread = Thread::start(connection(&folder)).unwrap();
    let outcome: Result<u32, Error> = thread
        .ask(Access::Write, |connection| {
            insert(connection, 1)?;
            panic!("planted")
        })
        .await;
    assert!(matches!(outcome, Err(Error::Closed)));
    let later = thread.ask(Access::Read, |_| Ok(())).await;
    assert!(matches!(later, Err(Error::Closed)));
    assert!(thread.join().is_err());
    // What the panic interrupted was not done.
    assert!(numbers(&connection(&folder)).is_empty());
}
