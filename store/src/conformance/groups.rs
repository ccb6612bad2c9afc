//! The lock and the record of a group: whoever writes one names what was read.

use super::{Kept, Rows, group, key, same, through, worker};
use crate::group::{GroupRecord, Moved, Wish};
use crate::lock::{Lock, LockVersion};
use std::time::Duration;
use tailwater_record::Timestamp;

fn lock(holder: usize, version: u128) -> Lock {
    Lock { holder: worker(holder), version: LockVersion::new(version), lease: Duration::from_secs(120) }
}

pub(super) async fn a_lock_is_swapped_only_by_who_has_seen_it(rows: &Rows) -> Kept {
    let billing = group("billing");
    let first = lock(1, u128::MAX);
    let second = Lock { lease: Duration::from_millis(1), ..lock(2, 1 << 64) };
    let third = lock(2, 7);
    // Each step: what was seen, what is put there, whether that is done, and what is there then.
    let steps = [
        (None, None, true, None),
        (Some(&third), Some(&first), false, None),
        (Some(&third), None, false, None),
        (None, Some(&first), true, Some(&first)),
        (None, Some(&second), false, Some(&first)),
        (None, None, false, Some(&first)),
        (Some(&third), Some(&second), false, Some(&first)),
        (Some(&third), None, false, Some(&first)),
        (Some(&first), Some(&second), true, Some(&second)),
        (Some(&first), Some(&third), false, Some(&second)),
        (Some(&first), None, false, Some(&second)),
        (Some(&second), Some(&third), true, Some(&third)),
        (Some(&third), None, true, None),
        (Some(&third), None, false, None),
        (None, Some(&second), true, Some(&second)),
    ];
    for (number, (seen, next, is_done, after)) in steps.into_iter().enumerate() {
        let step = format!("step {number}, {seen:?} seen and {next:?} put there");
        let version = seen.map(|lock| lock.version);
        same(&step, &rows.of(number).swap_lock(&billing, version, next).await?, &is_done)?;
        same(&step, &rows.reader().lock(&billing).await?.as_ref(), &after)?;
    }
    Ok(())
}

pub(super) async fn locks_of_two_groups_are_apart(rows: &Rows) -> Kept {
    let (billing, shipping) = (group("billing"), group("shipping"));
    let (one, two) = (lock(1, 1), lock(2, 2));
    same("a lock is put there", &rows.writer().swap_lock(&billing, None, Some(&one)).await?, &true)?;
    same("the other group's lock", &rows.reader().lock(&shipping).await?, &None)?;
    same("a lock is put there", &rows.writer().swap_lock(&shipping, None, Some(&two)).await?, &true)?;
    same("a lock is taken away", &rows.writer().swap_lock(&billing, Some(one.version), None).await?, &true)?;
    same("the other group's lock", &rows.reader().lock(&shipping).await?, &Some(two))
}

/// A record with wishes and moves of every kind.
fn record(version: u64) -> GroupRecord {
    let moved = |number| Moved {
        key: key(number),
        from: (number > 0).then(|| worker(1)),
        to: (number != 1).then(|| worker(2)),
        reason: format!("\"worker-1\" hat {number} zu viel\u{1F6D2}\n"),
        at: Timestamp::from_millis(1_700_000_000_000 + i64::from(number)),
    };
    GroupRecord {
        version,
        wishes: vec![
            Wish::Pause { key: key(0) },
            Wish::Move { key: key(1), to: worker(2) },
            Wish::Seek { key: key(2), to: through(version), at: Some(Timestamp::EPOCH) },
            Wish::Seek { key: key(3), to: crate::progress::Progress::Latest, at: None },
        ],
        moves: (0..100).map(moved).collect(),
    }
}

pub(super) async fn a_record_is_written_only_by_who_has_read_the_last(rows: &Rows) -> Kept {
    let billing = group("billing");
    same("the first record", &rows.reader().group(&billing).await?, &GroupRecord::default())?;
    // Each step: which version is written, whether that is done, and which is there then.
    for (version, is_done, after) in [
        (0, false, 0),
        (2, false, 0),
        (1, true, 1),
        (1, false, 1),
        (3, false, 1),
        (0, false, 1),
        (2, true, 2),
        (3, true, 3),
    ] {
        let step = format!("version {version} is written");
        same(&step, &rows.writer().swap_group(&billing, &record(version)).await?, &is_done)?;
        let wanted = if after == 0 { GroupRecord::default() } else { record(after) };
        same(&step, &rows.reader().group(&billing).await?, &wanted)?;
    }
    let empty = GroupRecord { version: 4, ..GroupRecord::default() };
    same("an empty one is written", &rows.reader().swap_group(&billing, &empty).await?, &true)?;
    same("an empty one", &rows.writer().group(&billing).await?, &empty)
}

pub(super) async fn records_of_two_groups_are_apart(rows: &Rows) -> Kept {
    let (billing, shipping) = (group("billing"), group("shipping"));
    same("a record is written", &rows.writer().swap_group(&billing, &record(1)).await?, &true)?;
    same("the other group's record", &rows.reader().group(&shipping).await?, &GroupRecord::default())?;
    let other = GroupRecord { version: 1, ..GroupRecord::default() };
    same("a record is written", &rows.writer().swap_group(&shipping, &other).await?, &true)?;
    same("the first group's record", &rows.reader().group(&billing).await?, &record(1))
}
