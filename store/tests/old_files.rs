//! A file that was written once is read for ever. Each layout has its dump in `files/`, as the `sqlite3` shell writes it, and
//! none is ever changed. The page on the format is held to the tables, too.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use rusqlite::Connection;
use rusqlite::types::Value;
use std::path::Path;
use std::time::Duration;
use support::Folder;
use tailwater_record::{HashKey, HashRange, ShardId, Timestamp};
use tailwater_store::{
    Applied, Change, CpuUse, GroupName, GroupRecord, Incarnation, Lease, LeaseKey, LeaseStore, Listing, Lock,
    LockVersion, Moved, Origin, Pending, Progress, Seen, SqliteStore, Wish, WorkerRow,
};

const LAYOUT_1: &str = include_str!("files/layout-1.sql");
const PAGE: &str = include_str!("../../docs/formats/sqlite.md");

fn billing() -> GroupName {
    "billing".parse().unwrap()
}

fn key(shard: u32) -> LeaseKey {
    LeaseKey::new(billing(), "111122223333:orders:1700000000".parse().unwrap(), ShardId::numbered(shard))
}

fn through(sequence: &str, sub_sequence: u64) -> Progress {
    Progress::Through { sequence: sequence.parse().unwrap(), sub_sequence }
}

/// What stands in the dump of layout 1: between them, these rows have every column full and empty.
fn leases() -> Vec<Lease> {
    let second = "49646437577108476416916876405825929425585429676275269634";
    let low = HashRange::new(HashKey::MIN, HashKey::new(u128::MAX / 2)).unwrap();
    vec![
        Lease::new(key(0)),
        Lease {
            owner: Some("worker-1".parse().unwrap()),
            handoff_from: Some("労働者-2".parse().unwrap()),
            counter: 9312,
            tenure: 9300,
            incarnation: Incarnation::new(17),
            owner_switches: 2,
            progress: through(second, 3),
            state: Some(b"\x00\xFFstate".as_slice().into()),
            pending: Some(Pending {
                progress: through("49646437577108476416916876405825929425585429676275269640", 0),
                state: Some(b"pending".as_slice().into()),
            }),
            origin: Origin::At(Timestamp::from_millis(1_441_215_410_867)),
            parents: [ShardId::numbered(5), ShardId::numbered(4)].into(),
            children: [ShardId::numbered(6)].into(),
            range: Some(HashRange::FULL),
            throughput: Some(412.25),
            ..Lease::new(key(1))
        },
        Lease {
            owner: Some("it's \"quoted\"".parse().unwrap()),
            counter: i64::MAX as u64,
            tenure: 1,
            progress: Progress::AtTimestamp,
            pending: Some(Pending { progress: Progress::ShardEnd, state: None }),
            origin: Origin::Latest,
            range: Some(low),
            ..Lease::new(key(2))
        },
        Lease { progress: Progress::ShardEnd, children: [ShardId::numbered(8)].into(), ..Lease::new(key(3)) },
        Lease { progress: Progress::Latest, ..Lease::new(key(7)) },
    ]
}

fn workers() -> Vec<WorkerRow> {
    let busy = WorkerRow {
        beat: 1234,
        is_leaving: true,
        cpu: Some(CpuUse { percent: 41.5, target: 80.0 }),
        leases_max: Some(12),
        streams: ["111122223333:orders:1700000000".parse().unwrap()].into(),
        ..WorkerRow::new("worker-1".parse().unwrap(), Incarnation::new(2))
    };
    vec![busy, WorkerRow::new("労働者-2".parse().unwrap(), Incarnation::new(1))]
}

fn lock() -> Lock {
    let version = LockVersion::new(0x0123_4567_89AB_CDEF_0011_2233_4455_6677);
    Lock { holder: "worker-1".parse().unwrap(), version, lease: Duration::from_secs(120) }
}

fn record() -> GroupRecord {
    let moment = Timestamp::from_millis(1_700_000_000_123);
    let moved = |from: Option<&str>, to: Option<&str>| Moved {
        key: key(1),
        from: from.map(|name| name.parse().unwrap()),
        to: to.map(|name| name.parse().unwrap()),
        reason: "worker-1 has \"2\" too many".to_owned(),
        at: moment,
    };
    GroupRecord {
        version: 1,
        wishes: vec![
            Wish::Pause { key: key(0) },
            Wish::Move { key: key(1), to: "労働者-2".parse().unwrap() },
            Wish::Seek { key: key(2), to: through("42", 1), at: None },
            Wish::Seek { key: key(3), to: Progress::AtTimestamp, at: Some(moment) },
        ],
        moves: [moved(Some("worker-1"), None), moved(None, Some("worker-1"))].into(),
    }
}

async fn write(store: &SqliteStore) {
    store.prepare().await.unwrap();
    for lease in leases() {
        assert!(store.create(&lease).await.unwrap());
    }
    for row in workers() {
        for _ in 0..row.incarnation.number() {
            store.enlist(&billing(), &row.worker).await.unwrap();
        }
        assert!(store.beat(&billing(), &row).await.unwrap());
    }
    assert!(store.swap_lock(&billing(), None, Some(&lock())).await.unwrap());
    assert!(store.swap_group(&billing(), &record()).await.unwrap());
}

/// A file of long ago.
fn old(path: &Path) -> SqliteStore {
    Connection::open(path).unwrap().execute_batch(LAYOUT_1).unwrap();
    SqliteStore::open(path).unwrap()
}

#[tokio::test]
async fn a_file_of_layout_1_is_read_for_ever() {
    let folder = Folder::new();
    let store = old(&folder.new_file());
    store.prepare().await.unwrap();
    let listing = store.leases(&billing()).await.unwrap();
    assert_eq!(listing, Listing { leases: leases(), unreadable: Vec::new() });
    for lease in leases() {
        assert_eq!(store.lease(&lease.key).await.unwrap(), Some(lease));
    }
    assert_eq!(store.workers(&billing()).await.unwrap(), workers());
    assert_eq!(store.lock(&billing()).await.unwrap(), Some(lock()));
    assert_eq!(store.group(&billing()).await.unwrap(), record());
}

#[tokio::test]
async fn a_file_of_layout_1_can_be_worked_with() {
    let folder = Folder::new();
    let store = old(&folder.new_file());
    store.prepare().await.unwrap();
    for lease in leases().into_iter().filter(|lease| lease.counter < i64::MAX as u64) {
        let change = Change::Assign { seen: Seen::exactly(&lease), to: Some("worker-3".parse().unwrap()) };
        let next = change.of(&lease).unwrap();
        assert_eq!(store.apply(&lease.key, &change).await.unwrap(), Applied::Done(next));
    }
    let first = WorkerRow { beat: 1235, ..workers().swap_remove(0) };
    assert!(store.beat(&billing(), &first).await.unwrap());
    assert_eq!(store.enlist(&billing(), &first.worker).await.unwrap(), Incarnation::new(3));
    assert!(store.swap_lock(&billing(), Some(lock().version), None).await.unwrap());
    assert!(store.swap_group(&billing(), &GroupRecord { version: 2, ..record() }).await.unwrap());
}

const TABLES: [&str; 4] = ["tailwater_leases", "tailwater_workers", "tailwater_locks", "tailwater_groups"];

fn columns(connection: &Connection, table: &str) -> Vec<String> {
    connection.prepare(&format!("SELECT * FROM {table}")).unwrap().column_names().map(str::to_owned).collect()
}

fn cells(connection: &Connection, table: &str) -> Vec<Vec<Value>> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY rowid")).unwrap();
    let width = statement.column_count();
    let rows = statement.query_map([], |row| (0..width).map(|at| row.get(at)).collect()).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn what_is_written_today_is_layout_1_to_the_cell() {
    let folder = Folder::new();
    let (then, now) = (folder.new_file(), folder.new_file());
    drop(old(&then));
    let store = SqliteStore::open(&now).unwrap();
    write(&store).await;
    let (then, now) = (Connection::open(then).unwrap(), Connection::open(now).unwrap());
    for table in TABLES {
        assert_eq!(columns(&now, table), columns(&then, table));
        assert_eq!(cells(&now, table), cells(&then, table));
    }
}

#[test]
fn the_page_tells_every_column() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(LAYOUT_1).unwrap();
    let told: Vec<&str> = (PAGE.lines())
        .filter_map(|line| line.strip_prefix("| `").and_then(|line| line.split_once('`')).map(|(name, _)| name))
        .collect();
    let there: Vec<String> = TABLES.into_iter().flat_map(|table| columns(&connection, table)).collect();
    assert_eq!(told, there);
}

#[tokio::test]
async fn what_the_page_lets_people_do_leaves_rows_that_can_be_read() {
    let folder = Folder::new();
    let file = folder.new_file();
    let store = old(&file);
    for (number, part) in PAGE.split("```sql\n").skip(1).enumerate() {
        let (sql, _) = part.split_once("```").unwrap();
        let change = match number {
            0 => Some((
                1,
                Change::Seek { counter: 9312, progress: Progress::TrimHorizon, origin: leases().swap_remove(1).origin },
            )),
            1 => Some((2, Change::Assign { seen: Seen::default(), to: None })),
            _ => None,
        };
        let connection = Connection::open(&file).unwrap();
        // It has a counter that can grow no more.
        connection.execute_batch("UPDATE tailwater_leases SET lease_counter = 7 WHERE lease_counter > 10000").unwrap();
        let before = store.leases(&billing()).await.unwrap().leases;
        connection.execute_batch(sql).unwrap();
        let after = store.leases(&billing()).await.unwrap();
        assert!(after.unreadable.is_empty(), "{sql}");
        if let Some((shard, change)) = change {
            let change = match change {
                Change::Assign { to, .. } => Change::Assign { seen: Seen::of(&before[shard]), to },
                change => change,
            };
            // As the store itself would have done it, but for the switches, which are for people.
            let wanted = change.of(&before[shard]).unwrap();
            let found = Lease { owner_switches: wanted.owner_switches, ..after.leases[shard].clone() };
            assert_eq!(found, wanted, "{sql}");
        }
    }
    assert_eq!(store.lock(&billing()).await.unwrap(), None);
}

#[tokio::test]
#[ignore = "prints a file of today, of which the sqlite3 shell makes a dump when there is a new layout"]
async fn a_file_of_today() {
    let path = std::env::temp_dir().join(format!("tailwater-layout-{}.db", std::process::id()));
    write(&SqliteStore::open(&path).unwrap()).await;
    println!("sqlite3 {} .dump", path.display());
}
