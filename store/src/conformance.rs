//! The promises of a store as tests, for whoever writes one. Behind the feature `conformance`.
//! Each promise of `contract.rs` is a function that talks to a store and says what it found broken; those of one theme
//! stand in one file. What a change makes of a row is taken from `Change::of`, so there is one truth about it.
//!
//! ```
//! use tailwater_store::MemoryStore;
//! use tailwater_store::conformance::{Rows, check_all};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let report = check_all(|| async {
//!     let store = MemoryStore::new();
//!     Rows::new(store.clone()).with_handle(store)
//! });
//! report.await.assert_kept();
//! # }
//! ```
//!
//! What it cannot try, a store's own tests must: rows that cannot be read, what is there after a crash, what is told when
//! the store is away.

mod changes;
mod groups;
mod leases;
mod model;
mod races;
mod workers;

use crate::change::{Applied, Change};
use crate::contract::LeaseStore;
use crate::error::Error;
use crate::key::LeaseKey;
use crate::lease::Lease;
use crate::name::{GroupName, WorkerId};
use crate::progress::Progress;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use tailwater_record::ShardId;

/// Handles to the rows of one store. With two or more, what one writes another reads, and what races does so through all of
/// them: two connections, two clients, as two processes would have.
#[derive(Debug)]
pub struct Rows {
    handles: Vec<Arc<dyn LeaseStore>>,
}

impl Rows {
    /// Rows with one handle.
    #[must_use]
    pub fn new(store: impl LeaseStore + 'static) -> Self {
        Self { handles: vec![Arc::new(store)] }
    }

    /// Another handle to the same rows.
    #[must_use]
    pub fn with_handle(mut self, store: impl LeaseStore + 'static) -> Self {
        self.handles.push(Arc::new(store));
        self
    }

    /// The handle by which most is written.
    fn writer(&self) -> &dyn LeaseStore {
        self.of(0)
    }

    /// The handle by which is read what another has written, if there is more than one.
    fn reader(&self) -> &dyn LeaseStore {
        self.of(self.handles.len() - 1)
    }

    /// The handle of the racer of this number.
    fn of(&self, number: usize) -> &dyn LeaseStore {
        &*self.handles[number % self.handles.len()]
    }
}

/// Something that every store promises.
#[derive(Clone, Copy)]
pub struct Promise {
    name: &'static str,
    check: for<'a> fn(&'a Rows) -> Checking<'a>,
}

type Checking<'a> = Pin<Box<dyn Future<Output = Kept> + Send + 'a>>;

impl Promise {
    /// What is promised, in words.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether a store without rows keeps this; if not, what was found.
    ///
    /// # Cancellation
    ///
    /// Rows are left behind.
    pub async fn check(&self, rows: &Rows) -> Result<(), String> {
        let kept = async {
            for handle in &rows.handles {
                handle.prepare().await?;
            }
            (self.check)(rows).await
        };
        kept.await.map_err(|Broken(reason)| reason)
    }
}

impl fmt::Debug for Promise {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Promise({})", self.name)
    }
}

/// The promises of these names, which are functions.
macro_rules! promises {
    ($($theme:ident { $($name:ident),* $(,)? })*) => {
        &[$($(Promise { name: stringify!($name), check: |rows| Box::pin($theme::$name(rows)) }),*),*]
    };
}

/// All of them.
#[must_use]
pub fn promises() -> &'static [Promise] {
    promises! {
        leases {
            what_is_prepared_again_keeps_its_rows,
            a_row_is_made_once,
            what_is_not_there_is_told,
            every_field_survives,
            all_bytes_survive,
            names_survive_whatever_their_letters,
            what_is_written_is_read_at_once,
            a_row_is_taken_away_only_as_it_was_seen,
            groups_are_apart_however_alike_their_names,
            streams_of_one_name_are_apart,
            a_listing_is_whole_and_in_order,
        }
        changes {
            a_renewal_counts,
            a_renewal_is_refused_if_anything_has_changed,
            a_start_of_the_owner_begins_a_tenure,
            a_checkpoint_is_written_with_all_that_belongs_to_it,
            a_checkpoint_never_goes_back,
            what_is_prepared_stays_beside_until_a_checkpoint,
            an_assignment_begins_a_tenure,
            an_assignment_depends_on_the_owners_seen,
            an_offer_needs_a_sole_owner_and_leaves_the_counter,
            a_handoff_lets_the_old_owner_finish,
            a_commit_is_guarded_by_its_tenure,
            a_seek_ends_the_tenure,
            what_becomes_known_of_a_shard_is_added,
            a_change_touches_no_other_row,
        }
        workers {
            each_start_of_a_worker_is_another,
            a_beat_is_written_only_by_its_own_start,
            a_worker_is_struck_off_only_as_it_was_seen,
            the_listing_of_workers_is_whole,
            workers_of_two_groups_are_apart,
        }
        groups {
            a_lock_is_swapped_only_by_who_has_seen_it,
            locks_of_two_groups_are_apart,
            a_record_is_written_only_by_who_has_read_the_last,
            records_of_two_groups_are_apart,
        }
        races {
            of_many_makers_one_makes,
            of_a_hundred_takers_one_takes,
            of_many_renewals_with_one_counter_one_counts,
            of_many_removers_one_removes,
            of_many_swaps_one_is_made,
            racing_starts_are_different_ones,
            changes_that_do_not_conflict_are_all_made,
            each_change_is_made_once,
            a_call_that_is_given_up_harms_nothing,
        }
        model {
            a_long_history_goes_as_in_memory,
        }
    }
}

/// Checks each promise with rows of its own, which `make` makes; there must be none in the store yet.
///
/// # Cancellation
///
/// Rows are left behind.
pub async fn check_all<F, Made>(make: F) -> Report
where
    F: Fn() -> Made + Send + Sync,
    Made: Future<Output = Rows> + Send,
{
    let mut report = Report::default();
    for promise in promises() {
        match promise.check(&make().await).await {
            Ok(()) => report.kept.push(promise.name),
            Err(reason) => report.broken.push((promise.name, reason)),
        }
    }
    report
}

/// Which promises a store keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    kept: Vec<&'static str>,
    broken: Vec<(&'static str, String)>,
}

impl Report {
    /// Those that it keeps.
    #[must_use]
    pub fn kept(&self) -> &[&'static str] {
        &self.kept
    }

    /// Those that it breaks, and what was found.
    #[must_use]
    pub fn broken(&self) -> &[(&'static str, String)] {
        &self.broken
    }

    /// Panics with all that is broken.
    ///
    /// # Panics
    ///
    /// If anything is.
    pub fn assert_kept(&self) {
        assert!(self.broken.is_empty(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} promises kept, {} broken", self.kept.len(), self.broken.len())?;
        self.broken.iter().try_for_each(|(name, reason)| write!(out, "\n  {name}: {reason}"))
    }
}

/// What is found of a promise.
type Kept = Result<(), Broken>;

/// How a promise is broken.
#[derive(Debug)]
struct Broken(String);

impl From<Error> for Broken {
    #[track_caller]
    fn from(error: Error) -> Self {
        Self(format!("{error} ({})", Location::caller()))
    }
}

#[track_caller]
fn same<T: PartialEq + fmt::Debug>(what: &str, found: &T, wanted: &T) -> Kept {
    if found == wanted {
        return Ok(());
    }
    let (found, wanted) = (format!("{found:?}"), format!("{wanted:?}"));
    // Two rows that look the same differ in what they do not show.
    let found = if found == wanted { "the same with other bytes" } else { &found };
    Err(Broken(format!("{what}: {found} instead of {wanted} ({})", Location::caller())))
}

#[track_caller]
fn holds(what: &str, is_so: bool) -> Kept {
    if is_so { Ok(()) } else { Err(Broken(format!("{what} does not hold ({})", Location::caller()))) }
}

/// Makes a row.
async fn made(rows: &Rows, lease: Lease) -> Result<Lease, Broken> {
    same("a row is made", &rows.writer().create(&lease).await?, &true)?;
    Ok(lease)
}

/// Tries a change that is to be made of this row; the row after it.
async fn done(rows: &Rows, there: &Lease, change: Change) -> Result<Lease, Broken> {
    let next = change.of(there).ok_or_else(|| Broken(format!("the suite is wrong about {change:?}")))?;
    let answer = rows.writer().apply(&there.key, &change).await?;
    same(&format!("the answer to {change:?}"), &answer, &Applied::Done(next.clone()))?;
    is_there(rows, &next).await?;
    Ok(next)
}

/// Tries a change that is to be refused.
async fn refused(rows: &Rows, there: &Lease, change: Change) -> Kept {
    holds("that the suite is right about a refusal", change.of(there).is_none())?;
    let answer = rows.writer().apply(&there.key, &change).await?;
    same(&format!("the answer to {change:?}"), &answer, &Applied::Refused(Some(there.clone())))?;
    is_there(rows, there).await
}

async fn is_there(rows: &Rows, lease: &Lease) -> Kept {
    same("the row", &rows.reader().lease(&lease.key).await?.as_ref(), &Some(lease))
}

/// Listings may lag behind, so they are asked for until they are right, this often.
const LISTINGS: usize = 100;

/// Waits until a listing tells these rows.
async fn are_listed(rows: &Rows, group: &GroupName, mut wanted: Vec<Lease>) -> Kept {
    wanted.sort_by(|one, two| one.key.cmp(&two.key));
    for _ in 1..LISTINGS {
        if rows.reader().leases(group).await?.leases == wanted {
            return Ok(());
        }
    }
    let listing = rows.reader().leases(group).await?;
    same("rows that cannot be read", &listing.unreadable, &Vec::new())?;
    same("the keys of a listing", &keys(&listing.leases), &keys(&wanted))?;
    same("a listing", &listing.leases, &wanted)
}

fn keys(leases: &[Lease]) -> Vec<LeaseKey> {
    leases.iter().map(|lease| lease.key.clone()).collect()
}

fn group(name: &str) -> GroupName {
    name.parse().expect("a short name")
}

fn worker(number: usize) -> WorkerId {
    format!("worker-{number}").parse().expect("a short name")
}

fn key(shard: u32) -> LeaseKey {
    let stream = "111122223333:orders:1700000000".parse().expect("a stream identity");
    LeaseKey::new(group("billing"), stream, ShardId::numbered(shard))
}

fn through(sequence: u64) -> Progress {
    let sequence = sequence.to_string().parse().expect("a number");
    Progress::Through { sequence, sub_sequence: 0 }
}

/// What comes of all these, which are under way at once.
async fn together<F: Future>(asked: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut asked: Vec<_> = asked.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut is_ready = true;
        for (future, outcome) in asked.iter_mut().filter(|(_, outcome)| outcome.is_none()) {
            match future.as_mut().poll(context) {
                Poll::Ready(done) => *outcome = Some(done),
                Poll::Pending => is_ready = false,
            }
        }
        if is_ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    asked.into_iter().filter_map(|(_, outcome)| outcome).collect()
}
