//! The file from outside: how it is opened, what people and newer versions may have done to it, and the application's own
//! transactions. What every store must keep is in the conformance suite.

use super::*;
use crate::change::{Commitment, Renewal, Seen, Written};
use crate::contract::{Unreadable, UnreadableCause};
use crate::lease::{Origin, Pending};
use crate::progress::Progress;
use bytes::Bytes;
use proptest::prelude::*;
use rusqlite::TransactionBehavior;
use std::sync::atomic::{AtomicU32, Ordering};
use tailwater_record::{HashKey, HashRange, ShardId, Timestamp};

/// A folder of a test's own, gone with it.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tailwater-sqlite-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn file(&self) -> PathBuf {
        self.0.join("leases.db")
    }

    async fn store(&self) -> SqliteStore {
        let store = SqliteStore::open(self.file()).unwrap();
        store.prepare().await.unwrap();
        store
    }

    /// The file as the application or a person opens it.
    fn connection(&self) -> Connection {
        Connection::open(self.file()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn group() -> GroupName {
    "billing".parse().unwrap()
}

fn worker(number: u32) -> WorkerId {
    format!("worker-{number}").parse().unwrap()
}

fn key(shard: u32) -> LeaseKey {
    LeaseKey::new(group(), "111122223333:orders:1700000000".parse().unwrap(), ShardId::numbered(shard))
}

fn through(sequence: u64) -> Progress {
    Progress::Through { sequence: sequence.to_string().parse().unwrap(), sub_sequence: 0 }
}

async fn take(store: &SqliteStore, key: &LeaseKey, to: &WorkerId) -> Lease {
    let seen = Seen::of(&store.lease(key).await.unwrap().unwrap());
    store.apply(key, &Change::Assign { seen, to: Some(to.clone()) }).await.unwrap().done().unwrap()
}

async fn renew(store: &SqliteStore, lease: &Lease) -> Lease {
    let renewal = Renewal {
        worker: lease.owner.clone().unwrap(),
        incarnation: Incarnation::new(1),
        counter: lease.counter,
        knows_handoff: false,
        throughput: None,
        written: None,
    };
    store.apply(&lease.key, &Change::Renew(renewal)).await.unwrap().done().unwrap()
}

fn commit(lease: &Lease, sequence: u64) -> Commit {
    let (after, commitment) = (lease.progress.clone(), Commitment::new(through(sequence)));
    Commit { tenure: lease.tenure, incarnation: lease.incarnation, after, commitment }
}

fn is_setup<T: fmt::Debug>(outcome: Result<T, Error>, word: &str) {
    match outcome {
        Err(Error::Setup { reason }) => assert!(reason.contains(word), "{reason}"),
        other => panic!("{other:?}"),
    }
}

/// Unavailable, and certainly not done.
fn is_away<T: fmt::Debug>(outcome: Result<T, Error>) {
    let error = outcome.unwrap_err();
    assert!(error.is_retryable() && !error.may_have_happened(), "{error:?}");
}

// What is opened.

#[test]
fn what_each_connection_would_have_for_itself_is_refused() {
    is_setup(SqliteStore::open(":memory:"), "MemoryStore");
    is_setup(SqliteStore::open(""), "MemoryStore");
}

#[test]
fn a_path_is_never_taken_for_an_address() {
    let place = schema::place(Path::new("file:leases?mode=memory")).unwrap();
    assert!(place.is_absolute() && place.ends_with("file:leases?mode=memory"));
}

#[test]
fn what_is_no_database_is_refused() {
    let folder = Folder::new();
    std::fs::write(folder.file(), "Dear diary, today I was no database, and yesterday neither.".repeat(20)).unwrap();
    is_setup(SqliteStore::open(folder.file()), "not a database");
    is_away(SqliteStore::open(folder.0.join("missing/leases.db")));
}

#[tokio::test]
async fn a_file_is_opened_with_a_write_ahead_log_and_synced_whole() {
    let folder = Folder::new();
    let store = folder.store().await;
    let journal: String = folder.connection().query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(journal, "wal");
    let pragma = |name: &'static str| {
        store.read(move |connection| Ok(connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0))?))
    };
    assert_eq!(pragma("synchronous").await.unwrap(), 2, "FULL");
    assert_eq!(pragma("busy_timeout").await.unwrap(), 1500);
}

#[tokio::test]
async fn a_file_without_our_tables_is_told_apart_from_an_empty_one() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file()).unwrap();
    is_setup(store.lease(&key(0)).await, "tailwater_leases");
    is_setup(store.create(&Lease::new(key(0))).await, "tailwater_leases");
}

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn many_may_make_one_file_at_once() {
    for _ in 0..8 {
        let folder = Folder::new();
        let start = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (folder, start) = (&folder, &start);
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    start.wait();
                    // Waiting is not fair, and disks of test machines are slow.
                    let store = SqliteStore::open_with_busy_timeout(folder.file(), PATIENCE).unwrap();
                    runtime.block_on(async {
                        store.prepare().await.unwrap();
                        store.prepare().await.unwrap();
                        assert!(store.create(&Lease::new(key(number))).await.unwrap());
                    });
                });
            }
        });
        let rows: u32 =
            folder.connection().query_row("SELECT count(*) FROM tailwater_leases", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 8);
    }
}

#[test]
fn a_file_that_is_being_written_is_opened_when_it_is_free() {
    for _ in 0..3 {
        let folder = Folder::new();
        let other = folder.connection();
        other.execute_batch("CREATE TABLE numbers (number); BEGIN IMMEDIATE").unwrap();
        let start = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                SqliteStore::open_with_busy_timeout(folder.file(), PATIENCE).unwrap();
            });
            let other = other;
            start.wait();
            // Enough to do that the store comes while the file is locked. The journal is then not a write-ahead log yet, and
            // SQLite does not wait by itself.
            for number in 0..3000 {
                other.execute("INSERT INTO numbers VALUES (?1)", [number]).unwrap();
            }
            other.execute_batch("COMMIT").unwrap();
        });
    }
}

#[tokio::test]
async fn a_handle_shows_its_path_and_no_row() {
    let folder = Folder::new();
    let store = folder.store().await;
    assert_eq!(format!("{store:?}"), format!("SqliteStore({})", folder.file().display()));
}

#[test]
fn a_store_may_be_asked_from_any_runtime() {
    let folder = Folder::new();
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = runtime().block_on(folder.store());
    assert!(runtime().block_on(store.create(&Lease::new(key(0)))).unwrap());
    assert!(runtime().block_on(store.lease(&key(0))).unwrap().is_some());
}

#[tokio::test]
async fn while_someone_else_writes_it_is_busy_and_can_still_be_read() {
    let folder = Folder::new();
    // Kept: the last to close a file locks everyone out for a moment.
    let kept = folder.store().await;
    assert!(kept.create(&Lease::new(key(0))).await.unwrap());
    let store = SqliteStore::open_with_busy_timeout(folder.file(), Duration::ZERO).unwrap();
    let other = folder.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    is_away(store.create(&Lease::new(key(1))).await);
    assert!(store.lease(&key(0)).await.unwrap().is_some());
    other.execute_batch("COMMIT").unwrap();
    assert!(store.create(&Lease::new(key(1))).await.unwrap());
}

// What stands in it.

fn words() -> impl Strategy<Value = String> {
    "[^\\p{Cc}]{1,40}".prop_filter("bytes", |text| text.len() <= 256)
}

fn progress() -> impl Strategy<Value = Progress> {
    prop_oneof![
        Just(Progress::AtTimestamp),
        Just(Progress::TrimHorizon),
        Just(Progress::Latest),
        ("[1-9][0-9]{0,128}", 0..=i64::MAX as u64).prop_map(|(sequence, sub_sequence)| Progress::Through {
            sequence: sequence.parse().unwrap(),
            sub_sequence
        }),
        Just(Progress::ShardEnd),
    ]
}

fn blob() -> impl Strategy<Value = Option<Bytes>> {
    proptest::option::of(proptest::collection::vec(any::<u8>(), 0..50).prop_map(Bytes::from))
}

fn lease() -> impl Strategy<Value = Lease> {
    let owner = || proptest::option::of(words().prop_map(|name| name.parse().unwrap()));
    let shards = || proptest::collection::btree_set((0_u32..9).prop_map(ShardId::numbered), 0..4);
    // One less than the most, so that a change may count once more.
    let number = || 0..i64::MAX as u64;
    let origin = prop_oneof![
        Just(Origin::TrimHorizon),
        Just(Origin::Latest),
        any::<i64>().prop_map(|millis| Origin::At(Timestamp::from_millis(millis)))
    ];
    let range = (any::<u128>(), any::<u128>())
        .prop_map(|(one, two)| HashRange::new(HashKey::new(one.min(two)), HashKey::new(one.max(two))).unwrap());
    let done = (progress(), blob(), proptest::option::of((progress(), blob())), origin);
    let throughput = proptest::option::of(proptest::num::f64::NORMAL | proptest::num::f64::ZERO);
    (
        (words(), owner(), owner()),
        (number(), number(), 0_u64..3, number()),
        done,
        (shards(), shards(), proptest::option::of(range), throughput),
    )
        .prop_map(|(names, numbers, done, rest)| Lease {
            key: LeaseKey { group: names.0.parse().unwrap(), ..key(3) },
            owner: names.1,
            handoff_from: names.2,
            counter: numbers.0,
            tenure: numbers.1,
            incarnation: Incarnation::new(numbers.2),
            owner_switches: numbers.3,
            progress: done.0,
            state: done.1,
            pending: done.2.map(|(progress, state)| Pending { progress, state }),
            origin: done.3,
            parents: rest.0,
            children: rest.1,
            range: rest.2,
            throughput: rest.3,
        })
}

/// A change that fits a row more often than not.
fn change(lease: &Lease, kind: u8, progress: Progress, state: Option<Bytes>) -> Change {
    let commitment = Commitment { progress: progress.clone(), state: state.clone() };
    match kind {
        0..4 => Change::Renew(Renewal {
            worker: lease.actual_owner().cloned().unwrap_or_else(|| worker(1)),
            incarnation: Incarnation::new(2),
            counter: lease.counter,
            knows_handoff: kind != 0,
            throughput: (kind == 1).then_some(0.1),
            written: match kind {
                2 => Some(Written::Prepare(Pending { progress, state })),
                3 => Some(Written::Checkpoint(commitment)),
                _ => None,
            },
        }),
        4 => Change::Assign { seen: Seen::exactly(lease), to: None },
        5 => Change::Assign { seen: Seen::default(), to: Some(worker(2)) },
        6 => Change::Offer { owner: lease.owner.clone().unwrap_or_else(|| worker(1)), to: worker(2) },
        7 => Change::Commit(Commit {
            tenure: lease.tenure,
            incarnation: lease.incarnation,
            after: lease.progress.clone(),
            commitment,
        }),
        8 => Change::Seek { counter: lease.counter, progress, origin: Origin::At(Timestamp::EPOCH) },
        9 => Change::Children([ShardId::numbered(9)].into()),
        _ => Change::Range(HashRange::FULL),
    }
}

fn in_memory() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    schema::make_tables(&connection).unwrap();
    connection
}

proptest! {
    #[test]
    fn what_is_written_is_read(lease in lease()) {
        let connection = in_memory();
        prop_assert!(leases::create(&connection, &lease).unwrap());
        prop_assert!(!leases::create(&connection, &Lease::new(lease.key.clone())).unwrap());
        prop_assert_eq!(leases::lease(&connection, &lease.key).unwrap(), Some(lease));
    }

    #[test]
    fn a_row_becomes_what_the_change_makes_of_it(
        lease in lease(),
        kind in 0_u8..11,
        progress in progress(),
        state in blob(),
    ) {
        let connection = in_memory();
        leases::create(&connection, &lease).unwrap();
        let bystander = Lease { key: lease.key.sibling(ShardId::numbered(4)), ..lease.clone() };
        leases::create(&connection, &bystander).unwrap();
        let change = change(&lease, kind, progress, state);
        let (answer, after) = match change.of(&lease) {
            Some(next) => (Applied::Done(next.clone()), next),
            None => (Applied::Refused(Some(lease.clone())), lease.clone()),
        };
        prop_assert_eq!(leases::apply(&connection, &lease.key, &change).unwrap(), answer);
        prop_assert_eq!(leases::lease(&connection, &lease.key).unwrap(), Some(after));
        prop_assert_eq!(leases::lease(&connection, &bystander.key).unwrap(), Some(bystander));
    }

    #[test]
    fn no_cell_makes_it_panic(column in 0_usize..22, kind in 0_u8..4, text in ".{0,20}", number in any::<i64>()) {
        let connection = in_memory();
        let lease = Lease { pending: Some(Pending { progress: through(1), state: None }), ..Lease::new(key(0)) };
        leases::create(&connection, &lease).unwrap();
        let column = columns(&connection).swap_remove(column);
        let value = match kind {
            0 => rusqlite::types::Value::Text(text),
            1 => rusqlite::types::Value::Integer(number),
            2 => rusqlite::types::Value::Real(number as f64 / 3.0),
            _ => rusqlite::types::Value::Blob(text.into_bytes()),
        };
        connection.execute(&format!("UPDATE tailwater_leases SET {column} = ?1"), [value]).unwrap();
        if let Ok(there) = leases::lease(&connection, &lease.key) {
            // Whatever can be read can be written as it was read.
            prop_assert!(there.is_none_or(|there| leases::apply(&connection, &there.key, &Change::Range(HashRange::FULL)).is_ok()));
        }
    }
}

fn columns(connection: &Connection) -> Vec<String> {
    let statement = connection.prepare("SELECT * FROM tailwater_leases").unwrap();
    statement.column_names().map(str::to_owned).collect()
}

/// A store with one row, which somebody has changed by hand.
async fn spoilt(folder: &Folder, change: &str) -> SqliteStore {
    let store = folder.store().await;
    store.create(&Lease::new(key(0))).await.unwrap();
    store.create(&Lease::new(key(1))).await.unwrap();
    let changed = folder
        .connection()
        .execute(&format!("UPDATE tailwater_leases SET {change} WHERE shard_id = 'shardId-000000000000'"), [])
        .unwrap();
    assert_eq!(changed, 1);
    store
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_told_and_stays() {
    let newer = UnreadableCause::Newer { layout: 2, known: 1 };
    let corrupt = |column, reason: &str| UnreadableCause::Corrupt { column, reason: reason.to_owned() };
    for (change, cause) in [
        ("layout = 2, origin = 'of a kind unheard of'", newer),
        ("layout = 0", corrupt("layout", "is 0")),
        ("lease_counter = -1", corrupt("lease_counter", "is less than 0")),
        ("lease_counter = 'many'", corrupt("lease_counter", "is not a whole number")),
        ("tenure = 1.5", corrupt("tenure", "is not a whole number")),
        ("checkpoint_state = 'text'", corrupt("checkpoint_state", "is not a blob")),
        ("checkpoint = x'00'", corrupt("checkpoint", "is not text")),
        ("lease_owner = CAST(x'ff' AS TEXT)", corrupt("lease_owner", "is not UTF-8")),
        ("starting_hash_key = '1'", corrupt("ending_hash_key", "is empty")),
        ("pending_checkpoint = '1'", corrupt("pending_checkpoint_sub_sequence_number", "is empty")),
        ("throughput_kbps = 'fast'", corrupt("throughput_kbps", "is not a number")),
        (
            "origin = 'AT_TIMESTAMP noon'",
            corrupt("origin", "is not TRIM_HORIZON, LATEST, or AT_TIMESTAMP and milliseconds"),
        ),
    ] {
        let folder = Folder::new();
        let store = spoilt(&folder, change).await;
        let all = "SELECT * FROM tailwater_leases WHERE shard_id = 'shardId-000000000000'";
        let cells = |connection: Connection| {
            let read = |row: &rusqlite::Row<'_>| (0..22).map(|at| row.get::<_, rusqlite::types::Value>(at)).collect();
            connection.query_row(all, [], read)
        };
        // What cannot be decoded by rusqlite either is compared by its errors.
        let before: rusqlite::Result<Vec<_>> = cells(folder.connection());

        let unreadable = Unreadable { row: key(0).to_string(), cause: cause.clone() };
        let listing = store.leases(&group()).await.unwrap();
        assert_eq!(listing, Listing { leases: vec![Lease::new(key(1))], unreadable: vec![unreadable] }, "{change}");
        let is_told = |error: Error| match error {
            Error::Unreadable { row, cause: told } => (row, told) == (key(0).to_string(), cause.clone()),
            _ => false,
        };
        assert!(is_told(store.lease(&key(0)).await.unwrap_err()), "{change}");
        assert!(is_told(store.apply(&key(0), &Change::Range(HashRange::FULL)).await.unwrap_err()), "{change}");
        assert!(is_told(store.remove(&Lease::new(key(0))).await.unwrap_err()), "{change}");
        assert!(!store.create(&Lease::new(key(0))).await.unwrap(), "{change}");
        assert_eq!(cells(folder.connection()), before, "{change}");
    }
}

#[tokio::test]
async fn columns_of_a_newer_version_keep_what_is_in_them() {
    let folder = Folder::new();
    let store = folder.store().await;
    folder.connection().execute_batch("ALTER TABLE tailwater_leases ADD COLUMN mood TEXT DEFAULT 'calm'").unwrap();
    assert!(store.create(&Lease::new(key(0))).await.unwrap());
    folder.connection().execute_batch("UPDATE tailwater_leases SET mood = 'stormy'").unwrap();
    take(&store, &key(0), &worker(1)).await;
    let mood: String =
        folder.connection().query_row("SELECT mood FROM tailwater_leases", [], |row| row.get(0)).unwrap();
    assert_eq!(mood, "stormy");
}

#[tokio::test]
async fn a_counter_that_no_longer_fits_is_refused_and_not_wrapped() {
    let folder = Folder::new();
    let store = spoilt(&folder, &format!("lease_counter = {}", i64::MAX)).await;
    let last = store.lease(&key(0)).await.unwrap().unwrap();
    assert_eq!(last.counter, i64::MAX as u64);
    let assign = Change::Assign { seen: Seen::default(), to: Some(worker(1)) };
    assert!(matches!(store.apply(&key(0), &assign).await, Err(Error::Unreadable { .. })));
    assert_eq!(store.lease(&key(0)).await.unwrap(), Some(last));
    let beyond = Lease { tenure: u64::MAX, ..Lease::new(key(2)) };
    assert!(matches!(store.create(&beyond).await, Err(Error::Unreadable { .. })));
    assert_eq!(store.lease(&key(2)).await.unwrap(), None);
}

#[tokio::test]
async fn a_workers_row_that_cannot_be_read_is_left_out_and_taken_over() {
    let folder = Folder::new();
    let store = folder.store().await;
    for _ in 0..3 {
        store.enlist(&group(), &worker(1)).await.unwrap();
    }
    store.enlist(&group(), &worker(2)).await.unwrap();
    let spoil = |change| folder.connection().execute(&format!("UPDATE tailwater_workers SET {change}"), []).unwrap();
    spoil("stream_names = 'all' WHERE worker_id = 'worker-1'");
    assert_eq!(store.workers(&group()).await.unwrap(), [WorkerRow::new(worker(2), Incarnation::new(1))]);
    assert_eq!(store.enlist(&group(), &worker(1)).await.unwrap(), Incarnation::new(4));
    assert_eq!(store.workers(&group()).await.unwrap().len(), 2);
    spoil("incarnation = 'second' WHERE worker_id = 'worker-1'");
    assert_eq!(store.workers(&group()).await.unwrap().len(), 1);
    assert_eq!(store.enlist(&group(), &worker(1)).await.unwrap(), Incarnation::new(1));
    assert_eq!(store.workers(&group()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_lock_or_record_that_cannot_be_read_is_told_and_stays() {
    let folder = Folder::new();
    let store = folder.store().await;
    let lock = Lock { holder: worker(1), version: LockVersion::new(7), lease: Duration::from_secs(120) };
    assert!(store.swap_lock(&group(), None, Some(&lock)).await.unwrap());
    let record = GroupRecord { version: 1, ..GroupRecord::default() };
    assert!(store.swap_group(&group(), &record).await.unwrap());
    let spoil = |sql| assert_eq!(folder.connection().execute(sql, []).unwrap(), 1);
    spoil("UPDATE tailwater_locks SET record_version_number = 'the seventh'");
    spoil("UPDATE tailwater_groups SET wishes = 'a pony'");

    let is_told = |error: Error| assert!(matches!(error, Error::Unreadable { .. }), "{error:?}");
    is_told(store.lock(&group()).await.unwrap_err());
    is_told(store.swap_lock(&group(), None, Some(&lock)).await.unwrap_err());
    is_told(store.swap_lock(&group(), Some(lock.version), None).await.unwrap_err());
    is_told(store.group(&group()).await.unwrap_err());
    is_told(store.swap_group(&group(), &record).await.unwrap_err());
    spoil("UPDATE tailwater_locks SET record_version_number = '7' WHERE record_version_number = 'the seventh'");
    spoil("UPDATE tailwater_groups SET wishes = '[]' WHERE wishes = 'a pony'");
    assert_eq!(store.lock(&group()).await.unwrap(), Some(lock));
    assert_eq!(store.group(&group()).await.unwrap(), record);
}

// The application's own transactions.

async fn with_bookings(folder: &Folder) -> (SqliteStore, Lease, Connection) {
    let store = folder.store().await;
    store.create(&Lease::new(key(0))).await.unwrap();
    let lease = renew(&store, &take(&store, &key(0), &worker(1)).await).await;
    let connection = folder.connection();
    connection.execute_batch("CREATE TABLE bookings (amount INTEGER)").unwrap();
    (store, lease, connection)
}

fn bookings(folder: &Folder) -> u32 {
    folder.connection().query_row("SELECT count(*) FROM bookings", [], |row| row.get(0)).unwrap()
}

const BOOK: &str = "INSERT INTO bookings (amount) VALUES (42)";

#[tokio::test]
async fn an_effect_and_its_checkpoint_are_both_there_or_neither() {
    let folder = Folder::new();
    let (store, lease, mut connection) = with_bookings(&folder).await;

    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    transaction.execute(BOOK, []).unwrap();
    let Applied::Done(done) = SqliteStore::commit_in(&transaction, &key(0), &commit(&lease, 5)).unwrap() else {
        panic!("nobody else has the lease")
    };
    assert_eq!((&done.progress, done.counter), (&through(5), lease.counter));
    assert_eq!((store.lease(&key(0)).await.unwrap(), bookings(&folder)), (Some(lease.clone()), 0), "not yet committed");
    transaction.rollback().unwrap();
    assert_eq!((store.lease(&key(0)).await.unwrap(), bookings(&folder)), (Some(lease.clone()), 0));

    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    transaction.execute(BOOK, []).unwrap();
    assert!(SqliteStore::commit_in(&transaction, &key(0), &commit(&lease, 5)).unwrap().done().is_some());
    transaction.commit().unwrap();
    assert_eq!((store.lease(&key(0)).await.unwrap(), bookings(&folder)), (Some(done), 1));
    // Its renewals know nothing of it and go on.
    renew(&store, &lease).await;
}

#[tokio::test]
async fn a_transaction_of_an_earlier_tenure_is_refused() {
    let folder = Folder::new();
    let (store, early, mut connection) = with_bookings(&folder).await;
    let late = renew(&store, &take(&store, &key(0), &worker(2)).await).await;

    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    transaction.execute(BOOK, []).unwrap();
    let answer = SqliteStore::commit_in(&transaction, &key(0), &commit(&early, 5)).unwrap();
    assert_eq!(answer, Applied::Refused(Some(late.clone())));
    assert_eq!(SqliteStore::commit_in(&transaction, &key(9), &commit(&early, 5)).unwrap(), Applied::Refused(None));
    assert!(SqliteStore::commit_in(&transaction, &key(0), &commit(&late, 5)).unwrap().done().is_some());
}

#[tokio::test]
async fn nobody_comes_between_a_checkpoint_and_the_end_of_its_transaction() {
    let folder = Folder::new();
    let (_kept, lease, mut connection) = with_bookings(&folder).await;
    let store = SqliteStore::open_with_busy_timeout(folder.file(), Duration::ZERO).unwrap();
    let assign = Change::Assign { seen: Seen::of(&lease), to: Some(worker(2)) };

    // Of the same name, and not the table of leases.
    connection.execute_batch("CREATE TEMP TABLE tailwater_leases (layout)").unwrap();
    // Not begun as it should be: the lock is taken by `commit_in` itself, even if it refuses.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred).unwrap();
    let early = Commit { tenure: 0, ..commit(&lease, 5) };
    assert_eq!(SqliteStore::commit_in(&transaction, &key(0), &early).unwrap(), Applied::Refused(Some(lease.clone())));
    is_away(store.apply(&key(0), &assign).await);
    assert!(SqliteStore::commit_in(&transaction, &key(0), &commit(&lease, 5)).unwrap().done().is_some());
    is_away(store.apply(&key(0), &assign).await);
    transaction.commit().unwrap();
    assert_eq!(store.apply(&key(0), &assign).await.unwrap().done().unwrap().progress, through(5));
}

#[tokio::test]
async fn a_transaction_that_has_read_too_early_is_to_be_begun_anew() {
    let folder = Folder::new();
    let (store, lease, mut connection) = with_bookings(&folder).await;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred).unwrap();
    let _: u32 = transaction.query_row("SELECT count(*) FROM bookings", [], |row| row.get(0)).unwrap();
    // What the transaction sees from now on is not what is there: the lease has passed to another owner.
    let late = take(&store, &key(0), &worker(2)).await;
    is_away(SqliteStore::commit_in(&transaction, &key(0), &commit(&lease, 5)));
    transaction.rollback().unwrap();
    assert_eq!(store.lease(&key(0)).await.unwrap(), Some(late));
}

#[tokio::test]
async fn a_checkpoint_that_could_be_torn_from_its_effect_is_refused() {
    let folder = Folder::new();
    let (store, lease, connection) = with_bookings(&folder).await;
    let commit = commit(&lease, 5);
    is_setup(SqliteStore::commit_in(&connection, &key(0), &commit), "transaction");

    connection.execute_batch("CREATE TEMP TABLE scratch (x); BEGIN IMMEDIATE").unwrap();
    assert!(SqliteStore::commit_in(&connection, &key(0), &commit).unwrap().done().is_some());
    connection.execute_batch("ROLLBACK").unwrap();

    let other = folder.0.join("other.db");
    connection.execute("ATTACH ?1 AS other", [other.to_str().unwrap()]).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    is_setup(SqliteStore::commit_in(&connection, &key(0), &commit), "attached");
    drop(connection);

    let connection = Connection::open(other).unwrap();
    connection.execute_batch("CREATE TEMP TABLE tailwater_leases (x); BEGIN IMMEDIATE").unwrap();
    is_setup(SqliteStore::commit_in(&connection, &key(0), &commit), "tailwater_leases");
    assert_eq!(store.lease(&key(0)).await.unwrap(), Some(lease));
}

#[tokio::test]
async fn a_checkpoint_on_a_row_that_cannot_be_read_is_refused() {
    let folder = Folder::new();
    let (_kept, lease, connection) = with_bookings(&folder).await;
    connection.execute_batch("UPDATE tailwater_leases SET layout = 2; BEGIN IMMEDIATE").unwrap();
    let outcome = SqliteStore::commit_in(&connection, &key(0), &commit(&lease, 5));
    assert!(matches!(outcome, Err(Error::Unreadable { cause: UnreadableCause::Newer { layout: 2, known: 1 }, .. })));
}
