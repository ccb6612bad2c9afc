//! The tables of workers, locks and group records. As in `leases`, whoever calls what writes here holds the file's write
//! lock.

use super::cells::{Cells, as_json, corrupt, needed, stored};
use super::fault::Fault;
use crate::contract::UnreadableCause;
use crate::group::GroupRecord;
use crate::lock::{Lock, LockVersion};
use crate::name::{GroupName, WorkerId};
use crate::worker::{CpuUse, Incarnation, WorkerRow};
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Duration;

/// Starts a worker. A row that cannot be read is no reason for a worker not to start: of it only the incarnation counts,
/// and all else is written anew.
pub(super) fn enlist(connection: &Connection, group: &GroupName, worker: &WorkerId) -> Result<Incarnation, Fault> {
    let sql = "SELECT incarnation FROM main.tailwater_workers WHERE group_name = ?1 AND worker_id = ?2";
    let before = connection
        .query_row(sql, [group.as_str(), worker.as_str()], |row| Ok(Cells(row).whole("incarnation")))
        .optional()?;
    let before = match before.transpose() {
        Ok(number) => Incarnation::new(number.flatten().unwrap_or_default()),
        Err(cause) => {
            tracing::warn!(%group, %worker, %cause, "the incarnation cannot be read; the worker begins with the first");
            Incarnation::NONE
        }
    };
    let row = WorkerRow::new(worker.clone(), before.next());
    let sql = "INSERT INTO main.tailwater_workers (group_name, worker_id, incarnation, beat, is_leaving, cpu_percent, \
        cpu_target, leases_max, stream_names) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
        ON CONFLICT (group_name, worker_id) DO UPDATE SET incarnation = excluded.incarnation, beat = excluded.beat, \
        is_leaving = excluded.is_leaving, cpu_percent = excluded.cpu_percent, cpu_target = excluded.cpu_target, \
        leases_max = excluded.leases_max, stream_names = excluded.stream_names";
    write_worker(connection, sql, group, &row)?;
    Ok(row.incarnation)
}

/// Writes a worker's row if there is one of the same incarnation.
pub(super) fn beat(connection: &Connection, group: &GroupName, row: &WorkerRow) -> Result<bool, Fault> {
    let sql = "UPDATE main.tailwater_workers SET beat = ?4, is_leaving = ?5, cpu_percent = ?6, cpu_target = ?7, \
        leases_max = ?8, stream_names = ?9 WHERE group_name = ?1 AND worker_id = ?2 AND incarnation = ?3";
    Ok(write_worker(connection, sql, group, row)? == 1)
}

fn write_worker(connection: &Connection, sql: &str, group: &GroupName, row: &WorkerRow) -> Result<usize, Fault> {
    let name = worker_name(group.as_str(), row.worker.as_str());
    let cells = params![
        group.as_str(),
        row.worker.as_str(),
        stored(&name, "incarnation", row.incarnation.number())?,
        stored(&name, "beat", row.beat)?,
        row.is_leaving,
        row.cpu.map(|cpu| cpu.percent),
        row.cpu.map(|cpu| cpu.target),
        row.leases_max,
        (!row.streams.is_empty()).then(|| as_json(&row.streams)),
    ];
    Ok(connection.execute(sql, cells)?)
}

/// Strikes a worker off if it is as it was seen.
pub(super) fn strike(connection: &Connection, group: &GroupName, seen: &WorkerRow) -> Result<bool, Fault> {
    let name = worker_name(group.as_str(), seen.worker.as_str());
    let sql = "DELETE FROM main.tailwater_workers \
        WHERE group_name = ?1 AND worker_id = ?2 AND incarnation = ?3 AND beat = ?4";
    let cells = params![
        group.as_str(),
        seen.worker.as_str(),
        stored(&name, "incarnation", seen.incarnation.number())?,
        stored(&name, "beat", seen.beat)?,
    ];
    Ok(connection.execute(sql, cells)? == 1)
}

/// The workers of a group whose rows can be read.
pub(super) fn workers(connection: &Connection, group: &GroupName) -> Result<Vec<WorkerRow>, Fault> {
    let sql = "SELECT * FROM main.tailwater_workers WHERE group_name = ?1 ORDER BY worker_id";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([group.as_str()])?;
    let mut workers = Vec::new();
    while let Some(row) = rows.next()? {
        match read_worker(Cells(row)) {
            Ok(worker) => workers.push(worker),
            Err(cause) => {
                let row = worker_name(group.as_str(), &Cells(row).shown("worker_id"));
                tracing::warn!(row, %cause, "a worker's row cannot be read; it is left out");
            }
        }
    }
    Ok(workers)
}

fn worker_name(group: &str, worker: &str) -> String {
    format!("{group}/{worker}")
}

fn read_worker(cells: Cells<'_>) -> Result<WorkerRow, UnreadableCause> {
    let leases_max = cells.whole("leases_max")?.map(u32::try_from).transpose();
    Ok(WorkerRow {
        worker: needed("worker_id", cells.parsed("worker_id")?)?,
        incarnation: Incarnation::new(needed("incarnation", cells.whole("incarnation")?)?),
        beat: needed("beat", cells.whole("beat")?)?,
        is_leaving: cells.flag("is_leaving")?,
        // What is no number at all SQLite keeps as nothing.
        cpu: (cells.real("cpu_percent")?.zip(cells.real("cpu_target")?))
            .map(|(percent, target)| CpuUse { percent, target }),
        leases_max: leases_max.map_err(|_| corrupt("leases_max", "is more than 4294967295"))?,
        streams: cells.json("stream_names")?.unwrap_or_default(),
    })
}

/// Who leads the group.
pub(super) fn lock(connection: &Connection, group: &GroupName) -> Result<Option<Lock>, Fault> {
    let sql = "SELECT * FROM main.tailwater_locks WHERE group_name = ?1";
    let row = connection.query_row(sql, [group.as_str()], |row| Ok(read_lock(Cells(row)))).optional()?;
    row.transpose().map_err(|cause| Fault::unreadable(lock_name(group), cause))
}

/// Puts this lock there, or none, if what is there is what was seen.
pub(super) fn swap_lock(
    connection: &Connection,
    group: &GroupName,
    seen: Option<LockVersion>,
    next: Option<&Lock>,
) -> Result<bool, Fault> {
    if lock(connection, group)?.map(|lock| lock.version) != seen {
        return Ok(false);
    }
    let Some(next) = next else {
        connection.execute("DELETE FROM main.tailwater_locks WHERE group_name = ?1", [group.as_str()])?;
        return Ok(true);
    };
    let sql = "INSERT INTO main.tailwater_locks (group_name, owner_name, record_version_number, lease_duration) \
        VALUES (?1, ?2, ?3, ?4) ON CONFLICT (group_name) DO UPDATE SET owner_name = excluded.owner_name, \
        record_version_number = excluded.record_version_number, lease_duration = excluded.lease_duration";
    // Rounded up: who waits for a lock may wait too long, and never too short.
    let millis = u64::try_from(next.lease.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
    let version = format!("{:032x}", next.version.bits());
    let millis = stored(&lock_name(group), "lease_duration", millis)?;
    connection.execute(sql, params![group.as_str(), next.holder.as_str(), version, millis])?;
    Ok(true)
}

fn lock_name(group: &GroupName) -> String {
    format!("lock of {group}")
}

fn read_lock(cells: Cells<'_>) -> Result<Lock, UnreadableCause> {
    let column = "record_version_number";
    let version = u128::from_str_radix(needed(column, cells.text(column)?)?, 16);
    Ok(Lock {
        holder: needed("owner_name", cells.parsed("owner_name")?)?,
        version: LockVersion::new(version.map_err(|_| corrupt(column, "is not a number of 32 hexadecimal digits"))?),
        lease: Duration::from_millis(needed("lease_duration", cells.whole("lease_duration")?)?),
    })
}

/// What the group knows.
pub(super) fn group(connection: &Connection, group: &GroupName) -> Result<GroupRecord, Fault> {
    let sql = "SELECT * FROM main.tailwater_groups WHERE group_name = ?1";
    let row = connection.query_row(sql, [group.as_str()], |row| Ok(read_group(Cells(row)))).optional()?;
    row.transpose().map(Option::unwrap_or_default).map_err(|cause| Fault::unreadable(group_name(group), cause))
}

/// Puts this record there if it follows upon the one there.
pub(super) fn swap_group(connection: &Connection, of: &GroupName, record: &GroupRecord) -> Result<bool, Fault> {
    if group(connection, of)?.version.checked_add(1) != Some(record.version) {
        return Ok(false);
    }
    let sql = "INSERT INTO main.tailwater_groups (group_name, version, wishes, moves) VALUES (?1, ?2, ?3, ?4) \
        ON CONFLICT (group_name) DO UPDATE SET version = excluded.version, wishes = excluded.wishes, \
        moves = excluded.moves";
    let version = stored(&group_name(of), "version", record.version)?;
    connection.execute(sql, params![of.as_str(), version, as_json(&record.wishes), as_json(&record.moves)])?;
    Ok(true)
}

fn group_name(group: &GroupName) -> String {
    format!("record of {group}")
}

fn read_group(cells: Cells<'_>) -> Result<GroupRecord, UnreadableCause> {
    Ok(GroupRecord {
        version: needed("version", cells.whole("version")?)?,
        wishes: needed("wishes", cells.json("wishes")?)?,
        moves: needed("moves", cells.json("moves")?)?,
    })
}
