//! Each kind of change: made if its condition holds, refused with the row as it is if not.

use super::leases::full;
use super::{Kept, Rows, done, holds, is_there, key, made, refused, same, through, worker};
use crate::change::{Change, Commit, Commitment, Renewal, Seen, Written};
use crate::lease::{Lease, Origin, Pending};
use crate::progress::Progress;
use crate::worker::Incarnation;
use bytes::Bytes;
use tailwater_record::{HashKey, HashRange, ShardId, Timestamp};

/// The row, owned, and renewed once by the first start of its owner.
async fn owned(rows: &Rows) -> Result<Lease, super::Broken> {
    let lease = made(rows, Lease::new(key(0))).await?;
    let lease = done(rows, &lease, Change::Assign { seen: Seen::of(&lease), to: Some(worker(1)) }).await?;
    done(rows, &lease, Change::Renew(renewal(&lease))).await
}

/// A renewal by who may renew.
fn renewal(lease: &Lease) -> Renewal {
    Renewal {
        worker: lease.actual_owner().cloned().unwrap_or_else(|| worker(1)),
        incarnation: lease.incarnation.max(Incarnation::new(1)),
        counter: lease.counter,
        knows_handoff: false,
        throughput: None,
        written: None,
    }
}

fn checkpoint(lease: &Lease, sequence: u64, state: Option<&'static [u8]>) -> Change {
    let commitment = Commitment { progress: through(sequence), state: state.map(Bytes::from_static) };
    Change::Renew(Renewal { written: Some(Written::Checkpoint(commitment)), ..renewal(lease) })
}

fn commit(lease: &Lease, sequence: u64) -> Commit {
    let commitment = Commitment::new(through(sequence));
    Commit { tenure: lease.tenure, incarnation: lease.incarnation, after: lease.progress.clone(), commitment }
}

pub(super) async fn a_renewal_counts(rows: &Rows) -> Kept {
    let mut lease = owned(rows).await?;
    for throughput in [None, Some(17.5), None, Some(0.0)] {
        let before = lease.clone();
        lease = done(rows, &lease, Change::Renew(Renewal { throughput, ..renewal(&lease) })).await?;
        let kept = throughput.or(before.throughput);
        same("a renewal", &lease, &Lease { counter: before.counter + 1, throughput: kept, ..before })?;
    }
    Ok(())
}

pub(super) async fn a_renewal_is_refused_if_anything_has_changed(rows: &Rows) -> Kept {
    let lease = owned(rows).await?;
    let lease =
        done(rows, &lease, Change::Renew(Renewal { incarnation: Incarnation::new(3), ..renewal(&lease) })).await?;
    let right = renewal(&lease);
    let wrong = [
        Renewal { worker: worker(2), ..right.clone() },
        Renewal { counter: right.counter - 1, ..right.clone() },
        Renewal { counter: right.counter + 1, ..right.clone() },
        Renewal { incarnation: Incarnation::new(2), ..right.clone() },
    ];
    for wrong in wrong {
        let written = Some(Written::Checkpoint(Commitment::new(through(9))));
        refused(rows, &lease, Change::Renew(wrong.clone())).await?;
        refused(rows, &lease, Change::Renew(Renewal { written, throughput: Some(1.0), ..wrong })).await?;
    }
    let free = done(rows, &lease, Change::Assign { seen: Seen::of(&lease), to: None }).await?;
    refused(rows, &free, Change::Renew(Renewal { counter: free.counter, ..right })).await
}

pub(super) async fn a_start_of_the_owner_begins_a_tenure(rows: &Rows) -> Kept {
    let first = owned(rows).await?;
    let again =
        done(rows, &first, Change::Renew(Renewal { incarnation: Incarnation::new(2), ..renewal(&first) })).await?;
    same("the tenure of a new start", &again.tenure, &again.counter)?;
    let next = done(rows, &again, Change::Renew(renewal(&again))).await?;
    same("the tenure of a start that goes on", &next.tenure, &again.tenure)?;
    refused(rows, &next, Change::Commit(commit(&first, 7))).await?;
    refused(rows, &next, Change::Renew(Renewal { incarnation: Incarnation::new(1), ..renewal(&next) })).await
}

pub(super) async fn a_checkpoint_is_written_with_all_that_belongs_to_it(rows: &Rows) -> Kept {
    let lease = owned(rows).await?;
    holds("that the owner has changed", lease.owner_switches > 0)?;
    let pending = Pending { progress: through(9), state: Some(Bytes::from_static(b"begun")) };
    let written = Some(Written::Prepare(pending));
    let lease = done(rows, &lease, Change::Renew(Renewal { written, ..renewal(&lease) })).await?;

    let lease = done(rows, &lease, checkpoint(&lease, 5, Some(b"first"))).await?;
    same("what was prepared", &lease.pending, &None)?;
    same("how often the owner changed", &lease.owner_switches, &0)?;
    let lease = done(rows, &lease, checkpoint(&lease, 6, None)).await?;
    same("the state, left alone", &lease.state.as_deref(), &Some(b"first".as_slice()))?;
    let lease = done(rows, &lease, checkpoint(&lease, 6, Some(b"second"))).await?;
    same("the state, replaced", &lease.state.as_deref(), &Some(b"second".as_slice()))?;
    let lease = done(rows, &lease, Change::Renew(renewal(&lease))).await?;
    same("the state after a renewal", &lease.state.as_deref(), &Some(b"second".as_slice()))?;
    let lease = done(rows, &lease, checkpoint(&lease, 7, Some(b""))).await?;
    same("the state, taken away", &lease.state, &None)?;
    let end = Written::Checkpoint(Commitment::new(Progress::ShardEnd));
    done(rows, &lease, Change::Renew(Renewal { written: Some(end), ..renewal(&lease) })).await?;
    Ok(())
}

pub(super) async fn a_checkpoint_never_goes_back(rows: &Rows) -> Kept {
    let lease = owned(rows).await?;
    let lease = done(rows, &lease, checkpoint(&lease, 10, Some(b"ten"))).await?;
    // By number and not by text: 9 is less than 10.
    let lease = done(rows, &lease, checkpoint(&lease, 9, Some(b"nine"))).await?;
    same("the progress", &lease.progress, &through(10))?;
    same("the state", &lease.state.as_deref(), &Some(b"ten".as_slice()))?;
    let lease = done(rows, &lease, Change::Commit(commit(&lease, 9))).await?;
    same("the progress", &lease.progress, &through(10))?;
    let horizon = Written::Checkpoint(Commitment::new(Progress::TrimHorizon));
    let lease = done(rows, &lease, Change::Renew(Renewal { written: Some(horizon), ..renewal(&lease) })).await?;
    same("the progress", &lease.progress, &through(10))?;
    let Progress::Through { sequence, .. } = through(10) else { return Ok(()) };
    let within = Commitment::new(Progress::Through { sequence, sub_sequence: 3 });
    let within = Change::Commit(Commit { commitment: within, ..commit(&lease, 0) });
    let lease = done(rows, &lease, within).await?;
    done(rows, &lease, checkpoint(&lease, 10, None)).await?;
    Ok(())
}

pub(super) async fn what_is_prepared_stays_beside_until_a_checkpoint(rows: &Rows) -> Kept {
    let mut lease = owned(rows).await?;
    for (sequence, state) in [(5, None), (4, Some(Bytes::from_static(b"again")))] {
        let pending = Pending { progress: through(sequence), state };
        let written = Some(Written::Prepare(pending.clone()));
        lease = done(rows, &lease, Change::Renew(Renewal { written, ..renewal(&lease) })).await?;
        lease = done(rows, &lease, Change::Renew(renewal(&lease))).await?;
        same("what was prepared", &lease.pending, &Some(pending))?;
        same("the progress", &lease.progress, &Progress::TrimHorizon)?;
    }
    lease = done(rows, &lease, Change::Assign { seen: Seen::of(&lease), to: Some(worker(2)) }).await?;
    holds("that the next owner finds what was prepared", lease.pending.is_some())?;
    lease = done(rows, &lease, Change::Renew(renewal(&lease))).await?;
    lease = done(rows, &lease, Change::Commit(commit(&lease, 5))).await?;
    same("what was prepared", &lease.pending, &None)
}

pub(super) async fn an_assignment_begins_a_tenure(rows: &Rows) -> Kept {
    let mut lease = owned(rows).await?;
    for to in [Some(worker(2)), Some(worker(2)), None, Some(worker(1))] {
        let before = lease.clone();
        lease = done(rows, &lease, Change::Assign { seen: Seen::exactly(&lease), to: to.clone() }).await?;
        let switches = before.owner_switches + u64::from(before.owner != to);
        let wanted = Lease {
            owner: to,
            counter: before.counter + 1,
            tenure: before.counter + 1,
            incarnation: Incarnation::NONE,
            owner_switches: switches,
            ..before.clone()
        };
        same("an assignment", &lease, &wanted)?;
        if before.owner.is_some() {
            refused(rows, &lease, Change::Renew(renewal(&before))).await?;
        }
        refused(rows, &lease, Change::Commit(commit(&before, 7))).await?;
    }
    Ok(())
}

pub(super) async fn an_assignment_depends_on_the_owners_seen(rows: &Rows) -> Kept {
    let lease = owned(rows).await?;
    let to = Some(worker(3));
    let right = Seen::of(&lease);
    let wrong = [
        Seen::default(),
        Seen { owner: Some(worker(2)), ..right.clone() },
        Seen { handoff_from: Some(worker(2)), ..right.clone() },
        Seen { handoff_from: Some(worker(1)), ..right.clone() },
        Seen { counter: Some(lease.counter + 1), ..right.clone() },
        Seen { counter: Some(lease.counter - 1), ..right.clone() },
    ];
    for seen in wrong {
        refused(rows, &lease, Change::Assign { seen, to: to.clone() }).await?;
    }
    // Without a counter, renewals in between do not matter; with one they do.
    let exactly = Seen::exactly(&lease);
    let lease = done(rows, &lease, Change::Renew(renewal(&lease))).await?;
    refused(rows, &lease, Change::Assign { seen: exactly, to: to.clone() }).await?;
    let lease = done(rows, &lease, Change::Offer { owner: worker(1), to: worker(2) }).await?;
    refused(rows, &lease, Change::Assign { seen: right, to: to.clone() }).await?;
    let half = Seen { handoff_from: None, ..Seen::of(&lease) };
    refused(rows, &lease, Change::Assign { seen: half, to: to.clone() }).await?;
    let lease = done(rows, &lease, Change::Assign { seen: Seen::of(&lease), to }).await?;
    let free = done(rows, &lease, Change::Assign { seen: Seen::of(&lease), to: None }).await?;
    refused(rows, &free, Change::Assign { seen: Seen::of(&lease), to: Some(worker(1)) }).await
}

pub(super) async fn an_offer_needs_a_sole_owner_and_leaves_the_counter(rows: &Rows) -> Kept {
    let free = made(rows, Lease::new(key(1))).await?;
    refused(rows, &free, Change::Offer { owner: worker(1), to: worker(2) }).await?;
    let lease = owned(rows).await?;
    refused(rows, &lease, Change::Offer { owner: worker(2), to: worker(3) }).await?;
    refused(rows, &lease, Change::Offer { owner: worker(1), to: worker(1) }).await?;
    let offered = done(rows, &lease, Change::Offer { owner: worker(1), to: worker(2) }).await?;
    let wanted = Lease { owner: Some(worker(2)), handoff_from: Some(worker(1)), ..lease };
    same("an offer", &offered, &wanted)?;
    for owner in [worker(1), worker(2)] {
        refused(rows, &offered, Change::Offer { owner, to: worker(3) }).await?;
    }
    Ok(())
}

pub(super) async fn a_handoff_lets_the_old_owner_finish(rows: &Rows) -> Kept {
    let lease = owned(rows).await?;
    let lease = done(rows, &lease, Change::Offer { owner: worker(1), to: worker(2) }).await?;
    // Who does not know of it is refused, and learns of it by the row.
    refused(rows, &lease, Change::Renew(renewal(&lease))).await?;
    refused(rows, &lease, checkpoint(&lease, 5, None)).await?;
    let knowing = |lease: &Lease| Renewal { knows_handoff: true, ..renewal(lease) };
    // The one to come may not begin yet.
    refused(rows, &lease, Change::Renew(Renewal { worker: worker(2), ..knowing(&lease) })).await?;
    let lease = done(rows, &lease, Change::Renew(knowing(&lease))).await?;
    let written = Some(Written::Checkpoint(Commitment::new(through(5))));
    let lease = done(rows, &lease, Change::Renew(Renewal { written, ..knowing(&lease) })).await?;
    let lease = done(rows, &lease, Change::Commit(commit(&lease, 6))).await?;

    let after = done(rows, &lease, Change::Assign { seen: Seen::exactly(&lease), to: lease.owner.clone() }).await?;
    same("from whom it is handed over", &after.handoff_from, &None)?;
    same("the owner", &after.owner, &Some(worker(2)))?;
    refused(rows, &after, Change::Renew(knowing(&lease))).await?;
    refused(rows, &after, Change::Commit(commit(&lease, 9))).await?;
    done(rows, &after, Change::Renew(renewal(&after))).await?;
    Ok(())
}

pub(super) async fn a_commit_is_guarded_by_its_tenure(rows: &Rows) -> Kept {
    let assigned = made(rows, Lease { owner: Some(worker(1)), counter: 4, tenure: 4, ..Lease::new(key(1)) }).await?;
    // Nobody has renewed it yet, so nobody can have handled anything.
    refused(rows, &assigned, Change::Commit(commit(&assigned, 5))).await?;

    let lease = owned(rows).await?;
    let lease =
        done(rows, &lease, Change::Renew(Renewal { incarnation: Incarnation::new(2), ..renewal(&lease) })).await?;
    let lease = done(rows, &lease, Change::Renew(renewal(&lease))).await?;
    let right = commit(&lease, 5);
    let wrong = [
        Commit { tenure: right.tenure - 1, ..right.clone() },
        Commit { tenure: right.tenure + 1, ..right.clone() },
        Commit { tenure: lease.counter, ..right.clone() },
        Commit { incarnation: Incarnation::new(1), ..right.clone() },
        Commit { incarnation: Incarnation::new(3), ..right.clone() },
        Commit { incarnation: Incarnation::NONE, ..right.clone() },
    ];
    for wrong in wrong {
        refused(rows, &lease, Change::Commit(wrong)).await?;
    }
    let state = Some(Bytes::from_static(b"state"));
    let commitment = Commitment { progress: through(5), state: state.clone() };
    let commit = Commit { commitment, ..right };
    let after = done(rows, &lease, Change::Commit(commit.clone())).await?;
    // An earlier try whose answer was lost may arrive after a later one.
    refused(rows, &after, Change::Commit(commit)).await?;
    same("a commit", &after, &Lease { progress: through(5), state, owner_switches: 0, ..lease.clone() })?;
    // A renewal that was under way knows nothing of it.
    done(rows, &after, Change::Renew(renewal(&lease))).await?;
    Ok(())
}

pub(super) async fn a_seek_ends_the_tenure(rows: &Rows) -> Kept {
    let lease = owned(rows).await?;
    let lease = done(rows, &lease, checkpoint(&lease, 10, Some(b"ten"))).await?;
    let written = Some(Written::Prepare(Pending { progress: through(12), state: None }));
    let lease = done(rows, &lease, Change::Renew(Renewal { written, ..renewal(&lease) })).await?;
    let seek = |counter, progress, origin| Change::Seek { counter, progress, origin };
    for counter in [lease.counter - 1, lease.counter + 1] {
        refused(rows, &lease, seek(counter, through(3), Origin::TrimHorizon)).await?;
    }
    let back = done(rows, &lease, seek(lease.counter, through(3), Origin::TrimHorizon)).await?;
    let wanted = Lease {
        counter: lease.counter + 1,
        tenure: lease.counter + 1,
        incarnation: Incarnation::NONE,
        progress: through(3),
        pending: None,
        state: None,
        ..lease.clone()
    };
    same("a seek", &back, &wanted)?;
    refused(rows, &back, checkpoint(&lease, 11, None)).await?;
    refused(rows, &back, Change::Commit(commit(&lease, 11))).await?;
    let moment = Origin::At(Timestamp::from_millis(1_700_000_000_001));
    let back = done(rows, &back, seek(back.counter, Progress::AtTimestamp, moment)).await?;
    let lease = done(rows, &back, Change::Renew(renewal(&back))).await?;
    done(rows, &lease, checkpoint(&lease, 1, None)).await?;
    Ok(())
}

pub(super) async fn what_becomes_known_of_a_shard_is_added(rows: &Rows) -> Kept {
    let lease = made(rows, full(key(0))).await?;
    let children = [ShardId::numbered(30), ShardId::numbered(31)].into();
    let after = done(rows, &lease, Change::Children(children)).await?;
    let range = HashRange::new(HashKey::MIN, HashKey::MIN).unwrap_or(HashRange::FULL);
    let after = done(rows, &after, Change::Range(range)).await?;
    same("all else", &Lease { children: lease.children.clone(), range: lease.range, ..after.clone() }, &lease)?;
    done(rows, &after, Change::Children([].into())).await?;
    Ok(())
}

pub(super) async fn a_change_touches_no_other_row(rows: &Rows) -> Kept {
    let others = [made(rows, full(key(1))).await?, made(rows, full(key(2))).await?];
    let lease = owned(rows).await?;
    let lease = done(rows, &lease, checkpoint(&lease, 5, Some(b"five"))).await?;
    let lease = done(rows, &lease, Change::Commit(commit(&lease, 6))).await?;
    let lease = done(rows, &lease, Change::Offer { owner: worker(1), to: worker(2) }).await?;
    let lease = done(rows, &lease, Change::Assign { seen: Seen::of(&lease), to: None }).await?;
    let lease = done(rows, &lease, Change::Children([ShardId::numbered(5)].into())).await?;
    let lease = done(rows, &lease, Change::Range(HashRange::FULL)).await?;
    let back = Change::Seek { counter: lease.counter, progress: through(1), origin: Origin::Latest };
    done(rows, &lease, back).await?;
    for other in &others {
        is_there(rows, other).await?;
    }
    Ok(())
}
