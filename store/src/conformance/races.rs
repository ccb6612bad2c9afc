//! Calls that are under way at once, through all handles: each is judged by what another has left.

use super::{Broken, Kept, Rows, group, holds, is_there, key, made, same, through, together, worker};
use crate::change::{Applied, Change, Commit, Commitment, Renewal, Seen};
use crate::error::Error;
use crate::group::GroupRecord;
use crate::lease::Lease;
use crate::lock::{Lock, LockVersion};
use crate::worker::Incarnation;
use std::task::Poll;
use std::time::Duration;
use tailwater_record::{HashRange, ShardId};

const RACERS: usize = 40;

pub(super) async fn of_many_makers_one_makes(rows: &Rows) -> Kept {
    for shard in 0..5 {
        let leases: Vec<Lease> =
            (0..RACERS).map(|number| Lease { owner: Some(worker(number)), ..Lease::new(key(shard)) }).collect();
        let answers = together(leases.iter().enumerate().map(|(number, lease)| rows.of(number).create(lease))).await;
        is_there(rows, &leases[the_one(answers)?]).await?;
    }
    Ok(())
}

/// Who was told that it was done; exactly one may be.
fn the_one(answers: Vec<Result<bool, Error>>) -> Result<usize, Broken> {
    let mut winners = Vec::new();
    for (number, answer) in answers.into_iter().enumerate() {
        if answer? {
            winners.push(number);
        }
    }
    same("how many were told that it was done", &winners.len(), &1)?;
    Ok(winners[0])
}

pub(super) async fn of_a_hundred_takers_one_takes(rows: &Rows) -> Kept {
    let mut there = made(rows, Lease::new(key(0))).await?;
    for round in 0..5 {
        let seen = if round % 2 == 0 { Seen::of(&there) } else { Seen::exactly(&there) };
        let changes: Vec<Change> = (0..100)
            .map(|number| Change::Assign { seen: seen.clone(), to: Some(worker(round * 100 + number)) })
            .collect();
        there = one_is_made(rows, &there, &changes).await?;
    }
    Ok(())
}

pub(super) async fn of_many_renewals_with_one_counter_one_counts(rows: &Rows) -> Kept {
    let owned = Lease { owner: Some(worker(1)), counter: 1, tenure: 1, ..Lease::new(key(0)) };
    let mut there = made(rows, owned).await?;
    for _ in 0..5 {
        let renewal = Renewal {
            worker: worker(1),
            incarnation: Incarnation::new(1),
            counter: there.counter,
            knows_handoff: false,
            throughput: None,
            written: None,
        };
        // Each tells something else, so that the row tells who was first.
        let changes: Vec<Change> = (0..RACERS)
            .map(|number| Change::Renew(Renewal { throughput: Some(number as f64), ..renewal.clone() }))
            .collect();
        there = one_is_made(rows, &there, &changes).await?;
    }
    Ok(())
}

/// Tries changes at once of which the first that comes makes all others impossible; the row after it.
async fn one_is_made(rows: &Rows, there: &Lease, changes: &[Change]) -> Result<Lease, Broken> {
    let asked = changes.iter().enumerate().map(|(number, change)| rows.of(number).apply(&there.key, change));
    let answers = together(asked).await;
    let after = rows.reader().lease(&there.key).await?;
    let (mut winner, mut losers) = (None, 0);
    for (change, answer) in changes.iter().zip(answers) {
        match answer? {
            Applied::Done(row) => {
                same("a winner's row", &Some(&row), &change.of(there).as_ref())?;
                same("the row, and a winner's", &after.as_ref(), &Some(&row))?;
                winner = Some(row);
            }
            Applied::Refused(row) => {
                same("a loser's row", &row, &after)?;
                losers += 1;
            }
        }
    }
    same("how many lost", &losers, &(changes.len() - 1))?;
    winner.ok_or_else(|| Broken("nobody won".to_owned()))
}

pub(super) async fn of_many_removers_one_removes(rows: &Rows) -> Kept {
    let there = made(rows, Lease::new(key(0))).await?;
    let answers = together((0..RACERS).map(|number| rows.of(number).remove(&there))).await;
    the_one(answers)?;
    same("the row", &rows.reader().lease(&there.key).await?, &None)
}

pub(super) async fn of_many_swaps_one_is_made(rows: &Rows) -> Kept {
    let billing = group("billing");
    let mut seen = None;
    for round in 0..5 {
        let locks: Vec<Lock> = (0..RACERS)
            .map(|number| Lock {
                holder: worker(number),
                version: LockVersion::new((round * RACERS + number) as u128),
                lease: Duration::from_secs(120),
            })
            .collect();
        let asked =
            locks.iter().enumerate().map(|(number, lock)| rows.of(number).swap_lock(&billing, seen, Some(lock)));
        let winner = &locks[the_one(together(asked).await)?];
        same("the lock", &rows.reader().lock(&billing).await?.as_ref(), &Some(winner))?;
        seen = Some(winner.version);

        let record = GroupRecord { version: round as u64 + 1, ..GroupRecord::default() };
        let answers = together((0..RACERS).map(|number| rows.of(number).swap_group(&billing, &record))).await;
        the_one(answers)?;
    }
    Ok(())
}

pub(super) async fn racing_starts_are_different_ones(rows: &Rows) -> Kept {
    let (billing, worker) = (group("billing"), worker(1));
    let answers = together((0..RACERS).map(|number| rows.of(number).enlist(&billing, &worker))).await;
    let mut starts = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    starts.sort();
    let wanted: Vec<_> = (1..=RACERS as u64).map(Incarnation::new).collect();
    same("the incarnations of racing starts", &starts, &wanted)
}

pub(super) async fn changes_that_do_not_conflict_are_all_made(rows: &Rows) -> Kept {
    for shard in 0..10 {
        let there = Lease {
            owner: Some(worker(1)),
            counter: 7,
            tenure: 6,
            incarnation: Incarnation::new(1),
            ..Lease::new(key(shard))
        };
        let there = made(rows, there).await?;
        let renewal = Renewal {
            worker: worker(1),
            incarnation: Incarnation::new(1),
            counter: 7,
            knows_handoff: true,
            throughput: Some(2.5),
            written: None,
        };
        let commitment = Commitment::new(through(5));
        let changes = [
            Change::Renew(renewal),
            Change::Commit(Commit { tenure: 6, incarnation: Incarnation::new(1), after: through(5), commitment }),
            Change::Children([ShardId::numbered(8)].into()),
            Change::Range(HashRange::FULL),
            Change::Offer { owner: worker(1), to: worker(2) },
        ];
        // In whatever order they are made, this comes of them.
        let wanted = changes.iter().try_fold(there, |lease, change| change.of(&lease));
        let key = key(shard);
        let asked = changes.iter().enumerate().map(|(number, change)| rows.of(number).apply(&key, change));
        for answer in together(asked).await {
            holds("that changes which do not conflict are made", matches!(answer?, Applied::Done(_)))?;
        }
        same("what comes of them", &rows.reader().lease(&key).await?, &wanted)?;
    }
    Ok(())
}

const PEERS: usize = 8;
const SUCCESSES: usize = 10;

pub(super) async fn each_change_is_made_once(rows: &Rows) -> Kept {
    let there = made(rows, Lease::new(key(0))).await?;
    let answers = together((0..PEERS).map(|number| succeed_often(rows, there.clone(), number))).await;
    for answer in answers {
        answer?;
    }
    let after = rows.reader().lease(&key(0)).await?;
    same("how many changes were made", &after.map(|lease| lease.counter), &Some((PEERS * SUCCESSES) as u64))
}

/// Changes the row until that has succeeded often enough. Who is refused goes by the row that it is told, and so is refused
/// again only if someone else has succeeded since.
async fn succeed_often(rows: &Rows, mut there: Lease, number: usize) -> Kept {
    let (mut successes, mut refusals) = (0, 0);
    while successes < SUCCESSES {
        let change = Change::Assign { seen: Seen::exactly(&there), to: Some(worker(number)) };
        match rows.of(number).apply(&key(0), &change).await? {
            Applied::Done(lease) => {
                successes += 1;
                there = lease;
            }
            Applied::Refused(Some(lease)) => {
                refusals += 1;
                holds("that who is refused is so for a success of someone else", refusals <= PEERS * SUCCESSES)?;
                there = lease;
            }
            Applied::Refused(None) => return Err(Broken("the row is gone".to_owned())),
        }
    }
    Ok(())
}

pub(super) async fn a_call_that_is_given_up_harms_nothing(rows: &Rows) -> Kept {
    let mut there = made(rows, Lease::new(key(0))).await?;
    for number in 0..20 {
        let change = Change::Assign { seen: Seen::exactly(&there), to: Some(worker(number)) };
        let mut call = rows.of(number).apply(&there.key, &change);
        std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await;
        drop(call);
        // It was done or not, or will be when this is: whoever goes by the row succeeds in the end.
        let settled = Change::Assign { seen: Seen::exactly(&there), to: None };
        let answer = rows.of(number + 1).apply(&there.key, &settled).await?;
        let is_done = matches!(answer, Applied::Done(_));
        let (Applied::Done(row) | Applied::Refused(Some(row))) = answer else {
            return Err(Broken("the row is gone".to_owned()));
        };
        let wanted = if is_done { &settled } else { &change };
        same("the row, which is made by one of two", &Some(&row), &wanted.of(&there).as_ref())?;
        is_there(rows, &row).await?;
        there = row;
    }
    Ok(())
}
