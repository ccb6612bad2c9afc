//! A store in memory with one fault, which is chosen.

use super::Wrong::{self, *};
use std::sync::Mutex;
use std::task::Poll;
use tailwater_store::{
    Answer, Applied, Change, Commit, Error, GroupName, GroupRecord, Incarnation, Lease, LeaseKey, LeaseStore, Listing,
    Lock, LockVersion, MemoryStore, Renewal, Seen, StreamIdentity, WorkerId, WorkerRow, Written,
};

/// Rows in memory, with one fault.
#[derive(Debug)]
pub(super) struct WrongStore {
    wrong: Wrong,
    rows: Mutex<MemoryStore>,
    before: Mutex<Option<Lease>>,
    is_prepared: Mutex<bool>,
}

impl WrongStore {
    pub(super) fn new(wrong: Wrong) -> Self {
        Self { wrong, rows: Mutex::default(), before: Mutex::default(), is_prepared: Mutex::default() }
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == wrong
    }

    fn rows(&self) -> MemoryStore {
        self.rows.lock().unwrap().clone()
    }

    /// The key under which a row is kept.
    fn kept_as(&self, key: &LeaseKey) -> LeaseKey {
        let LeaseKey { group, stream, shard } = key.clone();
        match self.wrong {
            ForgetsTheStreamsCreation => {
                LeaseKey { group, stream: StreamIdentity::new(stream.account(), stream.name().clone(), 0), shard }
            }
            ForgetsTheCaseOfGroups => LeaseKey { group: group.as_str().to_lowercase().parse().unwrap(), stream, shard },
            _ => key.clone(),
        }
    }

    /// What is left of a row when it is kept.
    fn kept(&self, mut lease: Lease) -> Lease {
        let as_text = |bytes: bytes::Bytes| String::from_utf8_lossy(&bytes).into_owned().into();
        match self.wrong {
            KeepsBytesAsText => lease.state = lease.state.map(as_text),
            KeepsNamesAsAscii => {
                let ascii = |name: WorkerId| name.as_str().replace(|letter: char| !letter.is_ascii(), "?");
                lease.owner = lease.owner.map(|name| ascii(name).parse().unwrap());
            }
            LeavesOutThePlaceInTheAggregate => {
                let (text, _) = lease.progress.to_text();
                lease.progress = tailwater_store::Progress::from_text(&text, 0).unwrap();
            }
            _ => {}
        }
        Lease { key: self.kept_as(&lease.key), ..lease }
    }

    async fn put(&self, lease: &Lease) -> Result<(), Error> {
        if let Some(there) = self.rows().lease(&lease.key).await? {
            self.rows().remove(&there).await?;
        }
        self.rows().create(lease).await.map(|_| ())
    }

    async fn applied(&self, key: &LeaseKey, change: &Change) -> Result<Applied, Error> {
        if self.is(MakesWhatIsNotThere) {
            self.rows().create(&Lease::new(key.clone())).await?;
        }
        let Some(there) = self.rows().lease(&self.kept_as(key)).await? else { return Ok(Applied::Refused(None)) };
        *self.before.lock().unwrap() = Some(there.clone());
        if self.is(TakesAwayBeforeItWrites) {
            self.rows().remove(&there).await?;
        }
        self.dawdle().await;
        let Some(next) = self.loosened(change, &there).of(&there) else {
            if self.is(TakesAwayBeforeItWrites) {
                self.put(&there).await?;
            }
            let row = Lease { key: key.clone(), ..there };
            return Ok(Applied::Refused(Some(row).filter(|_| !self.is(RefusesWithoutRow))));
        };
        let next = self.kept(self.spoilt(change, &there, next));
        if !self.is(TellsAndDoesNotWrite) {
            self.put(&next).await?;
        }
        let neighbour = key.sibling("shardId-000000000001".parse().unwrap());
        if self.is(TouchesTheNextRow)
            && let Some(lease) = self.rows().lease(&neighbour).await?
        {
            self.put(&Lease { counter: lease.counter + 1, ..lease }).await?;
        }
        Ok(Applied::Done(Lease { key: key.clone(), ..next }))
    }

    /// Lets others come between.
    async fn dawdle(&self) {
        let mut is_over = !self.is(JudgesLongBeforeItWrites) && !self.is(TakesAwayBeforeItWrites);
        std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            if std::mem::replace(&mut is_over, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// The change with a condition that this row fulfils, if that is what is wrong.
    fn loosened(&self, change: &Change, there: &Lease) -> Change {
        let counter = Some(there.counter);
        match (self.wrong, change.clone()) {
            (RenewsWithAnyCounter, Change::Renew(renewal)) => {
                Change::Renew(Renewal { counter: there.counter, ..renewal })
            }
            (RenewsForAnyWorker, Change::Renew(renewal)) => {
                let worker = there.actual_owner().unwrap_or(&renewal.worker).clone();
                Change::Renew(Renewal { worker, ..renewal })
            }
            (RenewsForAnOlderStart, Change::Renew(renewal)) => {
                Change::Renew(Renewal { incarnation: renewal.incarnation.max(there.incarnation), ..renewal })
            }
            (RenewsInSpiteOfAHandoff, Change::Renew(renewal)) => {
                Change::Renew(Renewal { knows_handoff: true, ..renewal })
            }
            (AssignsWhoeverHasIt, Change::Assign { seen, to }) => {
                Change::Assign { seen: Seen { counter: seen.counter, ..Seen::of(there) }, to }
            }
            (AssignsWithAnyCounter, Change::Assign { seen, to }) => {
                Change::Assign { seen: Seen { counter, ..seen }, to }
            }
            (OffersToAThird, Change::Offer { to, owner }) if there.handoff_from.is_some() => {
                Change::Assign { seen: Seen::of(there), to: Some(if owner == to { owner } else { to }) }
            }
            (CommitsInAnyTenure, Change::Commit(commit)) => Change::Commit(Commit { tenure: there.tenure, ..commit }),
            (SeeksWithAnyCounter, Change::Seek { progress, origin, .. }) => {
                Change::Seek { counter: there.counter, progress, origin }
            }
            (_, change) => change,
        }
    }

    /// What is wrongly made of a row.
    fn spoilt(&self, change: &Change, there: &Lease, next: Lease) -> Lease {
        let counter = next.counter + 1;
        let written = match change {
            Change::Renew(Renewal { written: Some(Written::Checkpoint(commitment)), .. }) => Some(commitment),
            Change::Commit(commit) => Some(&commit.commitment),
            _ => None,
        };
        match (self.wrong, change) {
            (RenewsWithoutTenureForANewStart, Change::Renew(_)) => Lease { tenure: there.tenure, ..next },
            (GoesBack, _) => match written {
                Some(commitment) => Lease { progress: commitment.progress.clone(), ..next },
                None => next,
            },
            (LeavesOutTheState, _) if written.is_some() => Lease { state: there.state.clone(), ..next },
            (TakesTheStateAway, _) if written.is_some_and(|written| written.state.is_none()) => {
                Lease { state: None, ..next }
            }
            (KeepsWhatWasPrepared, _) if written.is_some() => Lease { pending: there.pending.clone(), ..next },
            (AssignsWithoutTenure, Change::Assign { .. }) => Lease { tenure: there.tenure, ..next },
            (AssignsWithoutCountingSwitches, Change::Assign { .. }) => {
                Lease { owner_switches: there.owner_switches, ..next }
            }
            (CountsOffers, Change::Offer { .. }) | (CountsCommits, Change::Commit(_)) => Lease { counter, ..next },
            (SeeksWithinTheTenure, Change::Seek { .. }) => {
                Lease { tenure: there.tenure, incarnation: there.incarnation, ..next }
            }
            (ForgetsChildren, Change::Children(_)) => Lease { children: there.children.clone(), ..next },
            _ => next,
        }
    }

    /// The group under which something is kept.
    fn group_of(&self, group: &GroupName, mixed: Wrong) -> GroupName {
        if self.is(mixed) { "all".parse().unwrap() } else { group.clone() }
    }
}

impl LeaseStore for WrongStore {
    fn prepare(&self) -> Answer<'_, ()> {
        if std::mem::replace(&mut *self.is_prepared.lock().unwrap(), true) && self.is(ForgetsWhenPrepared) {
            *self.rows.lock().unwrap() = MemoryStore::new();
        }
        Box::pin(async { Ok(()) })
    }

    fn create<'a>(&'a self, lease: &'a Lease) -> Answer<'a, bool> {
        Box::pin(async move {
            let kept = self.kept(lease.clone());
            if self.is(MakesOverWhatIsThere) {
                return self.put(&kept).await.map(|()| true);
            }
            self.rows().create(&kept).await
        })
    }

    fn lease<'a>(&'a self, key: &'a LeaseKey) -> Answer<'a, Option<Lease>> {
        Box::pin(async move {
            let before = self.before.lock().unwrap().clone().filter(|lease| lease.key == *key);
            if self.is(ReadsWhatWasThereBefore) && before.is_some() {
                return Ok(before);
            }
            let there = self.rows().lease(&self.kept_as(key)).await?;
            Ok(there.map(|lease| Lease { key: key.clone(), ..lease }))
        })
    }

    fn leases<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Listing> {
        Box::pin(async move {
            let mut listing = self.rows().leases(group).await?;
            match self.wrong {
                ListsAllButTheLast => drop(listing.leases.pop()),
                ListsBackwards => listing.leases.reverse(),
                ListsAllGroups => {
                    let other = "billin".parse().unwrap();
                    if *group != other {
                        listing.leases.extend(self.rows().leases(&other).await?.leases);
                    }
                }
                _ => {}
            }
            Ok(listing)
        })
    }

    fn apply<'a>(&'a self, key: &'a LeaseKey, change: &'a Change) -> Answer<'a, Applied> {
        Box::pin(async move {
            if let (CommitsBeforeTheFirstRenewal, Change::Commit(commit)) = (self.wrong, change)
                && let Some(there) = self.rows().lease(key).await?
                && (there.tenure, there.incarnation) == (commit.tenure, commit.incarnation)
            {
                let next = Lease { progress: commit.commitment.progress.clone(), ..there };
                self.put(&next).await?;
                return Ok(Applied::Done(next));
            }
            self.applied(key, change).await
        })
    }

    fn remove<'a>(&'a self, seen: &'a Lease) -> Answer<'a, bool> {
        Box::pin(async move {
            let seen = self.kept(seen.clone());
            let Some(there) = self.rows().lease(&seen.key).await? else { return Ok(false) };
            match self.wrong {
                RemovesWhateverIsThere => self.rows().remove(&there).await,
                RemovesWithoutProgress => self.rows().remove(&Lease { progress: there.progress, ..seen }).await,
                JudgesLongBeforeItWrites if (there.counter, &there.progress) == (seen.counter, &seen.progress) => {
                    self.dawdle().await;
                    self.rows().remove(&seen).await?;
                    Ok(true)
                }
                _ => self.rows().remove(&seen).await,
            }
        })
    }

    fn enlist<'a>(&'a self, group: &'a GroupName, worker: &'a WorkerId) -> Answer<'a, Incarnation> {
        Box::pin(async move {
            let group = &self.group_of(group, MixesWorkersOfGroups);
            let before = self.rows().workers(group).await?.into_iter().find(|row| row.worker == *worker);
            match (self.wrong, before) {
                (StartsUnderTheSameNumber, Some(row)) => Ok(row.incarnation),
                (StartsWithTheRowOfBefore, Some(row)) => {
                    let incarnation = self.rows().enlist(group, worker).await?;
                    self.rows().beat(group, &WorkerRow { incarnation, ..row }).await?;
                    Ok(incarnation)
                }
                _ => self.rows().enlist(group, worker).await,
            }
        })
    }

    fn beat<'a>(&'a self, group: &'a GroupName, row: &'a WorkerRow) -> Answer<'a, bool> {
        Box::pin(async move {
            let group = &self.group_of(group, MixesWorkersOfGroups);
            let there = self.rows().workers(group).await?.into_iter().find(|there| there.worker == row.worker);
            match (self.wrong, there) {
                (BeatsForAnyStart, Some(WorkerRow { incarnation, .. })) => {
                    self.rows().beat(group, &WorkerRow { incarnation, ..row.clone() }).await
                }
                (BeatsForNobody, None) => {
                    self.rows().enlist(group, &row.worker).await?;
                    Ok(true)
                }
                _ => self.rows().beat(group, row).await,
            }
        })
    }

    fn strike<'a>(&'a self, group: &'a GroupName, seen: &'a WorkerRow) -> Answer<'a, bool> {
        Box::pin(async move {
            let group = &self.group_of(group, MixesWorkersOfGroups);
            let there = self.rows().workers(group).await?.into_iter().find(|there| there.worker == seen.worker);
            match there.filter(|_| self.is(StrikesWhateverIsThere)) {
                Some(there) => self.rows().strike(group, &there).await,
                None => self.rows().strike(group, seen).await,
            }
        })
    }

    fn workers<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Vec<WorkerRow>> {
        Box::pin(async move {
            let mut workers = self.rows().workers(&self.group_of(group, MixesWorkersOfGroups)).await?;
            if self.is(ListsAllButTheLast) {
                workers.pop();
            }
            Ok(workers)
        })
    }

    fn lock<'a>(&'a self, group: &'a GroupName) -> Answer<'a, Option<Lock>> {
        Box::pin(async move { self.rows().lock(&self.group_of(group, MixesLocksOfGroups)).await })
    }

    fn swap_lock<'a>(
        &'a self,
        group: &'a GroupName,
        seen: Option<LockVersion>,
        lock: Option<&'a Lock>,
    ) -> Answer<'a, bool> {
        Box::pin(async move {
            let group = &self.group_of(group, MixesLocksOfGroups);
            let there = self.rows().lock(group).await?.map(|lock| lock.version);
            let is_loose = match self.wrong {
                SwapsAnyLock => seen.is_some() && there.is_some() || seen.is_none() && lock.is_some(),
                PutsALockOverAnother => seen.is_none() && lock.is_some(),
                TakesAnyLockAway => lock.is_none() && there.is_some(),
                _ => false,
            };
            self.rows().swap_lock(group, if is_loose { there } else { seen }, lock).await
        })
    }

    fn group<'a>(&'a self, group: &'a GroupName) -> Answer<'a, GroupRecord> {
        Box::pin(async move { self.rows().group(&self.group_of(group, MixesRecordsOfGroups)).await })
    }

    fn swap_group<'a>(&'a self, group: &'a GroupName, record: &'a GroupRecord) -> Answer<'a, bool> {
        Box::pin(async move {
            let group = &self.group_of(group, MixesRecordsOfGroups);
            let there = self.rows().group(group).await?.version;
            let is_loose = match self.wrong {
                WritesAnyRecord => true,
                SkipsVersionsOfRecords => record.version > there,
                _ => false,
            };
            if !is_loose {
                return self.rows().swap_group(group, record).await;
            }
            // Written as the version that follows: what memory refuses otherwise.
            self.rows().swap_group(group, &GroupRecord { version: there + 1, ..record.clone() }).await
        })
    }
}
