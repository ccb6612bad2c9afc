//! Rows of workers: each start is another, and only it writes its row.

use super::{Broken, Kept, LISTINGS, Rows, group, same, worker};
use crate::name::GroupName;
use crate::worker::{CpuUse, Incarnation, WorkerRow};

pub(super) async fn each_start_of_a_worker_is_another(rows: &Rows) -> Kept {
    let billing = group("billing");
    for number in 1..5 {
        let incarnation = rows.of(number).enlist(&billing, &worker(1)).await?;
        same("the incarnation", &incarnation, &Incarnation::new(number as u64))?;
        // Nothing of the start before is left.
        are_listed(rows, &billing, vec![WorkerRow::new(worker(1), incarnation)]).await?;
        same("a beat is written", &rows.writer().beat(&billing, &full(1, incarnation)?).await?, &true)?;
    }
    same("another worker's", &rows.writer().enlist(&billing, &worker(2)).await?, &Incarnation::new(1))?;
    same("the next", &rows.reader().enlist(&billing, &worker(1)).await?, &Incarnation::new(5))
}

/// A row of which no field is as in a new one.
fn full(number: usize, incarnation: Incarnation) -> Result<WorkerRow, Broken> {
    let streams = ["111122223333:orders:1700000000", "111122223333:returns:1700000000"];
    let streams: Result<_, _> = streams.into_iter().map(str::parse).collect();
    Ok(WorkerRow {
        beat: 40,
        is_leaving: true,
        cpu: Some(CpuUse { percent: 41.5, target: 80.0 }),
        leases_max: Some(u32::MAX),
        streams: streams.map_err(|fault| Broken(format!("the suite is wrong: {fault}")))?,
        ..WorkerRow::new(worker(number), incarnation)
    })
}

pub(super) async fn a_beat_is_written_only_by_its_own_start(rows: &Rows) -> Kept {
    let billing = group("billing");
    let unknown = WorkerRow::new(worker(1), Incarnation::new(1));
    same("a beat of nobody is written", &rows.writer().beat(&billing, &unknown).await?, &false)?;
    are_listed(rows, &billing, Vec::new()).await?;

    let first = rows.writer().enlist(&billing, &worker(1)).await?;
    let second = rows.reader().enlist(&billing, &worker(1)).await?;
    let bystander = WorkerRow::new(worker(2), rows.writer().enlist(&billing, &worker(2)).await?);
    let there = full(1, second)?;
    same("a beat is written", &rows.writer().beat(&billing, &there).await?, &true)?;
    for incarnation in [first, second.next(), Incarnation::NONE] {
        let late = WorkerRow { beat: 90, ..WorkerRow::new(worker(1), incarnation) };
        same("a beat of another start is written", &rows.writer().beat(&billing, &late).await?, &false)?;
    }
    are_listed(rows, &billing, vec![there.clone(), bystander.clone()]).await?;
    let next = WorkerRow { beat: 41, cpu: None, leases_max: None, is_leaving: false, ..there };
    same("a beat is written", &rows.reader().beat(&billing, &next).await?, &true)?;
    are_listed(rows, &billing, vec![next, bystander]).await
}

pub(super) async fn a_worker_is_struck_off_only_as_it_was_seen(rows: &Rows) -> Kept {
    let billing = group("billing");
    let there = full(1, rows.writer().enlist(&billing, &worker(1)).await?)?;
    let bystander = WorkerRow::new(worker(2), rows.writer().enlist(&billing, &worker(2)).await?);
    same("a beat is written", &rows.writer().beat(&billing, &there).await?, &true)?;
    let others = [
        WorkerRow { beat: there.beat - 1, ..there.clone() },
        WorkerRow { beat: there.beat + 1, ..there.clone() },
        WorkerRow { incarnation: there.incarnation.next(), ..there.clone() },
        WorkerRow { incarnation: Incarnation::NONE, ..there.clone() },
        WorkerRow { worker: worker(3), ..there.clone() },
    ];
    for seen in others {
        same("one that was seen otherwise is struck off", &rows.writer().strike(&billing, &seen).await?, &false)?;
    }
    are_listed(rows, &billing, vec![there.clone(), bystander.clone()]).await?;
    // What else it told does not matter.
    let seen = WorkerRow { cpu: None, is_leaving: false, ..there.clone() };
    same("it is struck off", &rows.reader().strike(&billing, &seen).await?, &true)?;
    are_listed(rows, &billing, vec![bystander]).await?;
    same("it is struck off again", &rows.writer().strike(&billing, &seen).await?, &false)?;
    let beat = WorkerRow { beat: 41, ..there };
    same("a beat of one that was struck off is written", &rows.writer().beat(&billing, &beat).await?, &false)
}

pub(super) async fn the_listing_of_workers_is_whole(rows: &Rows) -> Kept {
    let billing = group("billing");
    let mut all = Vec::new();
    for number in 0..120 {
        let incarnation = rows.of(number).enlist(&billing, &worker(number)).await?;
        all.push(WorkerRow::new(worker(number), incarnation));
    }
    are_listed(rows, &billing, all).await
}

pub(super) async fn workers_of_two_groups_are_apart(rows: &Rows) -> Kept {
    let (billing, shipping) = (group("billing"), group("shipping"));
    for name in [&billing, &shipping] {
        same("the incarnation", &rows.writer().enlist(name, &worker(1)).await?, &Incarnation::new(1))?;
    }
    let there = full(1, Incarnation::new(1))?;
    same("a beat is written", &rows.writer().beat(&billing, &there).await?, &true)?;
    let new = WorkerRow::new(worker(1), Incarnation::new(1));
    are_listed(rows, &shipping, vec![new.clone()]).await?;
    same("it is struck off", &rows.writer().strike(&shipping, &new).await?, &true)?;
    are_listed(rows, &shipping, Vec::new()).await?;
    are_listed(rows, &billing, vec![there]).await
}

/// Waits until a listing tells these rows. No order is promised.
async fn are_listed(rows: &Rows, group: &GroupName, mut wanted: Vec<WorkerRow>) -> Kept {
    wanted.sort_by(|one, two| one.worker.cmp(&two.worker));
    let mut found = Vec::new();
    for _ in 0..LISTINGS {
        found = rows.reader().workers(group).await?;
        found.sort_by(|one, two| one.worker.cmp(&two.worker));
        if found == wanted {
            break;
        }
    }
    same("a listing of workers", &found, &wanted)
}
