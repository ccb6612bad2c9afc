//! The table of leases: a row as it is read and written, and what the store does with one.
//! Columns bear the names of the KCL's attributes. Whoever calls what writes here has begun a transaction that holds the
//! file's write lock, so nothing comes between reading a row and writing it.

use super::cells::{Cells, as_json, corrupt, needed, stored};
use super::fault::Fault;
use crate::change::{Applied, Change};
use crate::contract::{Listing, Unreadable, UnreadableCause};
use crate::key::LeaseKey;
use crate::lease::{Lease, Origin, Pending};
use crate::name::GroupName;
use crate::progress::Progress;
use crate::worker::Incarnation;
use bytes::Bytes;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use std::collections::BTreeSet;
use tailwater_record::{HashRange, ShardId, Timestamp};

/// The layout of the rows that this version writes, and the newest that it reads.
const LAYOUT: u64 = 1;

/// How many columns make up a row's key; they stand first.
const KEYS: usize = 3;

/// The row of this key.
pub(super) fn lease(connection: &Connection, key: &LeaseKey) -> Result<Option<Lease>, Fault> {
    let sql = "SELECT * FROM main.tailwater_leases WHERE group_name = ?1 AND stream_name = ?2 AND shard_id = ?3";
    let key = params![key.group.as_str(), key.stream.to_string(), key.shard.to_string()];
    let row = connection.query_row(sql, key, |row| Ok(read(row))).optional()?;
    row.transpose().map_err(Fault::Unreadable)
}

/// All rows of a group.
pub(super) fn leases(connection: &Connection, group: &GroupName) -> Result<Listing, Fault> {
    let mut statement = connection.prepare("SELECT * FROM main.tailwater_leases WHERE group_name = ?1")?;
    let mut rows = statement.query([group.as_str()])?;
    let mut listing = Listing::default();
    while let Some(row) = rows.next()? {
        match read(row) {
            Ok(lease) => listing.leases.push(lease),
            Err(unreadable) => listing.unreadable.push(unreadable),
        }
    }
    // Keys are not ordered as their texts are.
    listing.leases.sort_by(|one, two| one.key.cmp(&two.key));
    listing.unreadable.sort_by(|one, two| one.row.cmp(&two.row));
    Ok(listing)
}

/// Writes this row if there is none of its key, readable or not.
pub(super) fn create(connection: &Connection, lease: &Lease) -> Result<bool, Fault> {
    let cells = cells(lease)?;
    let columns: Vec<&str> = cells.iter().map(|(column, _)| *column).collect();
    let places: Vec<String> = (1..=cells.len()).map(|place| format!("?{place}")).collect();
    let sql = format!(
        "INSERT INTO main.tailwater_leases ({}) VALUES ({}) ON CONFLICT DO NOTHING",
        columns.join(", "),
        places.join(", ")
    );
    let made = connection.execute(&sql, params_from_iter(cells.into_iter().map(|(_, value)| value)))?;
    Ok(made == 1)
}

/// Makes of a row what the change makes of it.
pub(super) fn apply(connection: &Connection, key: &LeaseKey, change: &Change) -> Result<Applied, Fault> {
    let Some(there) = lease(connection, key)? else { return Ok(Applied::Refused(None)) };
    let Some(next) = change.of(&there) else { return Ok(Applied::Refused(Some(there))) };
    // Columns that a newer version added keep what is in them: only ours are named.
    let cells = cells(&next)?;
    let sets = cells.iter().enumerate().skip(KEYS).map(|(at, (column, _))| format!("{column} = ?{}", at + 1));
    let sql = format!(
        "UPDATE main.tailwater_leases SET {} WHERE group_name = ?1 AND stream_name = ?2 AND shard_id = ?3",
        sets.collect::<Vec<_>>().join(", ")
    );
    connection.execute(&sql, params_from_iter(cells.into_iter().map(|(_, value)| value)))?;
    Ok(Applied::Done(next))
}

/// Takes a row away if it is as it was seen.
pub(super) fn remove(connection: &Connection, seen: &Lease) -> Result<bool, Fault> {
    let there = lease(connection, &seen.key)?;
    let is_same = there.is_some_and(|there| (there.counter, &there.progress) == (seen.counter, &seen.progress));
    if !is_same {
        return Ok(false);
    }
    let sql = "DELETE FROM main.tailwater_leases WHERE group_name = ?1 AND stream_name = ?2 AND shard_id = ?3";
    let LeaseKey { group, stream, shard } = &seen.key;
    connection.execute(sql, params![group.as_str(), stream.to_string(), shard.to_string()])?;
    Ok(true)
}

fn read(row: &Row<'_>) -> Result<Lease, Unreadable> {
    let cells = Cells(row);
    read_cells(cells).map_err(|cause| {
        let [group, stream, shard] = ["group_name", "stream_name", "shard_id"].map(|column| cells.shown(column));
        Unreadable { row: format!("{group}/{stream}:{shard}"), cause }
    })
}

fn read_cells(cells: Cells<'_>) -> Result<Lease, UnreadableCause> {
    let layout = needed("layout", cells.whole("layout")?)?;
    if layout > LAYOUT {
        return Err(UnreadableCause::Newer { layout, known: LAYOUT });
    }
    if layout == 0 {
        return Err(corrupt("layout", "is 0"));
    }
    let key = LeaseKey {
        group: needed("group_name", cells.parsed("group_name")?)?,
        stream: needed("stream_name", cells.parsed("stream_name")?)?,
        shard: needed("shard_id", cells.parsed("shard_id")?)?,
    };
    let progress = progress(cells, "checkpoint", "checkpoint_sub_sequence_number")?;
    let pending = progress_if_any(cells, "pending_checkpoint", "pending_checkpoint_sub_sequence_number")?;
    let pending_state = cells.bytes("pending_checkpoint_state")?;
    Ok(Lease {
        key,
        owner: cells.parsed("lease_owner")?,
        handoff_from: cells.parsed("checkpoint_owner")?,
        counter: needed("lease_counter", cells.whole("lease_counter")?)?,
        tenure: needed("tenure", cells.whole("tenure")?)?,
        incarnation: Incarnation::new(needed("incarnation", cells.whole("incarnation")?)?),
        owner_switches: needed("owner_switches_since_checkpoint", cells.whole("owner_switches_since_checkpoint")?)?,
        progress,
        state: cells.bytes("checkpoint_state")?,
        pending: pending.map(|progress| Pending { progress, state: pending_state }),
        origin: origin(needed("origin", cells.text("origin")?)?)?,
        parents: cells.json("parent_shard_ids")?.unwrap_or_default(),
        children: cells.json("child_shard_ids")?.unwrap_or_default(),
        range: range(cells)?,
        throughput: cells.real("throughput_kbps")?,
    })
}

fn progress(cells: Cells<'_>, column: &'static str, sub_column: &'static str) -> Result<Progress, UnreadableCause> {
    needed(column, progress_if_any(cells, column, sub_column)?)
}

fn progress_if_any(
    cells: Cells<'_>,
    column: &'static str,
    sub_column: &'static str,
) -> Result<Option<Progress>, UnreadableCause> {
    let Some(text) = cells.text(column)? else { return Ok(None) };
    let sub_sequence = needed(sub_column, cells.whole(sub_column)?)?;
    let progress = Progress::from_text(text, sub_sequence);
    progress.map(Some).map_err(|fault| corrupt(column, &format!("makes no sense: {fault}")))
}

fn range(cells: Cells<'_>) -> Result<Option<HashRange>, UnreadableCause> {
    match (cells.parsed("starting_hash_key")?, cells.parsed("ending_hash_key")?) {
        (None, None) => Ok(None),
        (Some(start), Some(end)) => HashRange::new(start, end)
            .map(Some)
            .map_err(|error| corrupt("ending_hash_key", &format!("makes no sense: {error}"))),
        (None, Some(_)) => Err(corrupt("starting_hash_key", "is empty")),
        (Some(_), None) => Err(corrupt("ending_hash_key", "is empty")),
    }
}

const AT: &str = "AT_TIMESTAMP ";

fn origin(text: &str) -> Result<Origin, UnreadableCause> {
    match (text, text.strip_prefix(AT).map(str::parse)) {
        ("TRIM_HORIZON", _) => Ok(Origin::TrimHorizon),
        ("LATEST", _) => Ok(Origin::Latest),
        (_, Some(Ok(millis))) => Ok(Origin::At(Timestamp::from_millis(millis))),
        (_, Some(Err(_)) | None) => {
            Err(corrupt("origin", "is not TRIM_HORIZON, LATEST, or AT_TIMESTAMP and milliseconds"))
        }
    }
}

/// The columns and what is written into them, those of the key first.
fn cells(lease: &Lease) -> Result<[(&'static str, Value); 22], Fault> {
    let whole = |column, number| Ok::<_, Fault>((column, stored(&lease.key, column, number)?.into()));
    let text = |text: Option<String>| text.map_or(Value::Null, Value::Text);
    let bytes = |bytes: Option<&Bytes>| bytes.map_or(Value::Null, |bytes| Value::Blob(bytes.to_vec()));
    let shards = |shards: &BTreeSet<ShardId>| text((!shards.is_empty()).then(|| as_json(shards)));

    let (checkpoint, sub_sequence) = lease.progress.to_text();
    let pending = lease.pending.as_ref();
    let (pending_checkpoint, pending_sub_sequence) = pending.map(|pending| pending.progress.to_text()).unzip();
    let pending_sub_sequence = match pending_sub_sequence {
        Some(number) => whole("pending_checkpoint_sub_sequence_number", number)?,
        None => ("pending_checkpoint_sub_sequence_number", Value::Null),
    };
    Ok([
        ("group_name", Value::Text(lease.key.group.to_string())),
        ("stream_name", Value::Text(lease.key.stream.to_string())),
        ("shard_id", Value::Text(lease.key.shard.to_string())),
        whole("layout", LAYOUT)?,
        ("lease_owner", text(lease.owner.as_ref().map(ToString::to_string))),
        ("checkpoint_owner", text(lease.handoff_from.as_ref().map(ToString::to_string))),
        whole("lease_counter", lease.counter)?,
        whole("tenure", lease.tenure)?,
        whole("incarnation", lease.incarnation.number())?,
        whole("owner_switches_since_checkpoint", lease.owner_switches)?,
        ("checkpoint", Value::Text(checkpoint)),
        whole("checkpoint_sub_sequence_number", sub_sequence)?,
        ("checkpoint_state", bytes(lease.state.as_ref())),
        ("pending_checkpoint", text(pending_checkpoint)),
        pending_sub_sequence,
        ("pending_checkpoint_state", bytes(pending.and_then(|pending| pending.state.as_ref()))),
        ("origin", Value::Text(origin_text(lease.origin))),
        ("parent_shard_ids", shards(&lease.parents)),
        ("child_shard_ids", shards(&lease.children)),
        ("starting_hash_key", text(lease.range.map(|range| range.start().to_string()))),
        ("ending_hash_key", text(lease.range.map(|range| range.end().to_string()))),
        ("throughput_kbps", lease.throughput.map_or(Value::Null, Value::Real)),
    ])
}

fn origin_text(origin: Origin) -> String {
    match origin {
        Origin::TrimHorizon => "TRIM_HORIZON".to_owned(),
        Origin::Latest => "LATEST".to_owned(),
        Origin::At(moment) => format!("{AT}{}", moment.millis()),
    }
}
