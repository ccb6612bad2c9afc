//! Effects and checkpoints in one transaction, in the file that holds the leases.
//! The table takes a record twice without complaint, so that whether it came once is a finding and not a rule of SQLite's.
//! Written by `worker`, made and read by `run`.

use super::worker::BUSY;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tailwater_consumer::Ticket;
use tailwater_record::ShardId;
use tailwater_store::{Lease, Progress};

type Fault = Box<dyn std::error::Error + Send + Sync>;

const TABLES: &str = "
CREATE TABLE effects (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    number INTEGER NOT NULL,
    shard TEXT NOT NULL,
    token INTEGER NOT NULL,
    sequence TEXT NOT NULL,
    sub_sequence INTEGER NOT NULL
);
CREATE TABLE tokens (shard TEXT PRIMARY KEY, token INTEGER NOT NULL);
";

/// A connection to the file.
pub(super) struct Sink(Mutex<Connection>);

/// A row of the table, which tells them in the order in which they were committed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Effect {
    pub(super) number: usize,
    pub(super) shard: ShardId,
    pub(super) token: u64,
    pub(super) place: Progress,
}

impl Sink {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        Ok(Self(Mutex::new(connection)))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn make_tables(&self) -> rusqlite::Result<()> {
        self.lock().execute_batch(TABLES)
    }

    /// Records and checkpoint, both or neither.
    pub(super) fn book(&self, ticket: &Ticket, records: &[(usize, Progress)]) -> Result<(), Fault> {
        self.transact(|transaction| {
            insert(transaction, ticket, records)?;
            Ok(ticket.commit_in(transaction)??)
        })
    }

    /// The records alone: half of the fault that the transaction is there to prevent.
    pub(super) fn book_records(&self, ticket: &Ticket, records: &[(usize, Progress)]) -> Result<(), Fault> {
        self.transact(|transaction| insert(transaction, ticket, records))
    }

    /// The checkpoint alone: the other half.
    pub(super) fn book_checkpoint(&self, ticket: &Ticket) -> Result<(), Fault> {
        self.transact(|transaction| Ok(ticket.commit_in(transaction)??))
    }

    fn transact(&self, work: impl FnOnce(&Connection) -> Result<(), Fault>) -> Result<(), Fault> {
        tokio::task::block_in_place(|| {
            let mut connection = self.lock();
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            work(&transaction)?;
            Ok(transaction.commit()?)
        })
    }

    /// How many records have an effect.
    pub(super) fn count(&self) -> rusqlite::Result<usize> {
        let count: i64 = self.lock().query_row("SELECT count(DISTINCT number) FROM effects", [], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    pub(super) fn effects(&self) -> Result<Vec<Effect>, Fault> {
        let connection = self.lock();
        let sql = "SELECT number, shard, token, sequence, sub_sequence FROM effects ORDER BY place";
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut effects = Vec::new();
        while let Some(row) = rows.next()? {
            let (shard, sequence): (String, String) = (row.get(1)?, row.get(3)?);
            let (number, token, sub_sequence): (i64, i64, i64) = (row.get(0)?, row.get(2)?, row.get(4)?);
            let place = Progress::from_text(&sequence, sub_sequence.try_into()?)?;
            let (number, token) = (number.try_into()?, token.try_into()?);
            effects.push(Effect { number, shard: shard.parse()?, token, place });
        }
        Ok(effects)
    }

    /// The fault of a store that forgets: the checkpoint of this row is taken back to its beginning.
    pub(super) fn set_back(&self, row: &Lease) -> rusqlite::Result<()> {
        let sql = "UPDATE tailwater_leases SET checkpoint = 'TRIM_HORIZON', checkpoint_sub_sequence_number = 0
            WHERE group_name = ?1 AND shard_id = ?2";
        self.lock().execute(sql, params![row.key.group.to_string(), row.key.shard.to_string()]).map(drop)
    }

    /// The fault of a file that rots: one row says nonsense.
    pub(super) fn spoil(&self) -> rusqlite::Result<()> {
        let sql = "UPDATE tailwater_leases SET checkpoint = 'nonsense'
            WHERE rowid = (SELECT max(rowid) FROM tailwater_leases)";
        self.lock().execute(sql, []).map(drop)
    }
}

/// Refuses a token smaller than one that was seen.
fn insert(connection: &Connection, ticket: &Ticket, records: &[(usize, Progress)]) -> Result<(), Fault> {
    let (shard, token) = (ticket.key().shard.to_string(), i64::try_from(ticket.commit().tenure)?);
    let seen = "SELECT token FROM tokens WHERE shard = ?1";
    let seen: Option<i64> = connection.query_row(seen, [&shard], |row| row.get(0)).optional()?;
    if let Some(seen) = seen.filter(|seen| *seen > token) {
        return Err(format!("token {token} of {shard} comes after {seen}").into());
    }
    let take = "INSERT INTO tokens VALUES (?1, ?2) ON CONFLICT DO UPDATE SET token = excluded.token";
    connection.execute(take, params![shard, token])?;
    let sql = "INSERT INTO effects (number, shard, token, sequence, sub_sequence) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut statement = connection.prepare(sql)?;
    for (number, place) in records {
        let (sequence, sub_sequence) = place.to_text();
        let (number, sub_sequence) = (i64::try_from(*number)?, i64::try_from(sub_sequence)?);
        statement.execute(params![number, shard, token, sequence, sub_sequence])?;
    }
    Ok(())
}
