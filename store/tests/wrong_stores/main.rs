//! Stores that are wrong on purpose: the suite finds each, and names what it breaks. A suite that lets one pass proves
//! nothing.

#![allow(clippy::unwrap_used, reason = "a test")]

mod store;

use store::WrongStore;
use tailwater_store::conformance::{Promise, Rows, check_all, promises};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Nothing,
    ForgetsWhenPrepared,
    MakesOverWhatIsThere,
    MakesWhatIsNotThere,
    RemovesWhateverIsThere,
    RemovesWithoutProgress,
    RefusesWithoutRow,
    TellsAndDoesNotWrite,
    JudgesLongBeforeItWrites,
    TakesAwayBeforeItWrites,
    TouchesTheNextRow,
    ReadsWhatWasThereBefore,
    KeepsBytesAsText,
    KeepsNamesAsAscii,
    LeavesOutThePlaceInTheAggregate,
    ForgetsTheStreamsCreation,
    ForgetsTheCaseOfGroups,
    ListsAllButTheLast,
    ListsBackwards,
    ListsAllGroups,
    RenewsWithAnyCounter,
    RenewsForAnyWorker,
    RenewsForAnOlderStart,
    RenewsInSpiteOfAHandoff,
    RenewsWithoutTenureForANewStart,
    GoesBack,
    LeavesOutTheState,
    TakesTheStateAway,
    KeepsWhatWasPrepared,
    AssignsWhoeverHasIt,
    AssignsWithAnyCounter,
    AssignsWithoutTenure,
    AssignsWithoutCountingSwitches,
    OffersToAThird,
    CountsOffers,
    CommitsInAnyTenure,
    CommitsBeforeTheFirstRenewal,
    CountsCommits,
    SeeksWithAnyCounter,
    SeeksWithinTheTenure,
    ForgetsChildren,
    StartsUnderTheSameNumber,
    StartsWithTheRowOfBefore,
    BeatsForAnyStart,
    BeatsForNobody,
    StrikesWhateverIsThere,
    MixesWorkersOfGroups,
    SwapsAnyLock,
    PutsALockOverAnother,
    TakesAnyLockAway,
    MixesLocksOfGroups,
    WritesAnyRecord,
    SkipsVersionsOfRecords,
    MixesRecordsOfGroups,
}

use Wrong::*;

/// Every fault, and a promise that it breaks.
const FAULTS: &[(Wrong, &str)] = &[
    (ForgetsWhenPrepared, "what_is_prepared_again_keeps_its_rows"),
    (MakesOverWhatIsThere, "a_row_is_made_once"),
    (MakesOverWhatIsThere, "of_many_makers_one_makes"),
    (MakesWhatIsNotThere, "what_is_not_there_is_told"),
    (RemovesWhateverIsThere, "a_row_is_taken_away_only_as_it_was_seen"),
    (RemovesWithoutProgress, "a_row_is_taken_away_only_as_it_was_seen"),
    (RefusesWithoutRow, "a_renewal_is_refused_if_anything_has_changed"),
    (TellsAndDoesNotWrite, "a_renewal_counts"),
    (JudgesLongBeforeItWrites, "of_a_hundred_takers_one_takes"),
    (JudgesLongBeforeItWrites, "of_many_renewals_with_one_counter_one_counts"),
    (JudgesLongBeforeItWrites, "changes_that_do_not_conflict_are_all_made"),
    (JudgesLongBeforeItWrites, "each_change_is_made_once"),
    (JudgesLongBeforeItWrites, "of_many_removers_one_removes"),
    (TakesAwayBeforeItWrites, "a_call_that_is_given_up_harms_nothing"),
    (TouchesTheNextRow, "a_change_touches_no_other_row"),
    (ReadsWhatWasThereBefore, "what_is_written_is_read_at_once"),
    (KeepsBytesAsText, "all_bytes_survive"),
    (KeepsNamesAsAscii, "names_survive_whatever_their_letters"),
    (LeavesOutThePlaceInTheAggregate, "every_field_survives"),
    (ForgetsTheStreamsCreation, "streams_of_one_name_are_apart"),
    (ForgetsTheCaseOfGroups, "groups_are_apart_however_alike_their_names"),
    (ListsAllButTheLast, "a_listing_is_whole_and_in_order"),
    (ListsAllButTheLast, "the_listing_of_workers_is_whole"),
    (ListsBackwards, "a_listing_is_whole_and_in_order"),
    (ListsAllGroups, "groups_are_apart_however_alike_their_names"),
    (RenewsWithAnyCounter, "a_renewal_is_refused_if_anything_has_changed"),
    (RenewsWithAnyCounter, "of_many_renewals_with_one_counter_one_counts"),
    (RenewsForAnyWorker, "a_renewal_is_refused_if_anything_has_changed"),
    (RenewsForAnOlderStart, "a_start_of_the_owner_begins_a_tenure"),
    (RenewsInSpiteOfAHandoff, "a_handoff_lets_the_old_owner_finish"),
    (RenewsWithoutTenureForANewStart, "a_start_of_the_owner_begins_a_tenure"),
    (GoesBack, "a_checkpoint_never_goes_back"),
    (GoesBack, "a_long_history_goes_as_in_memory"),
    (LeavesOutTheState, "a_checkpoint_is_written_with_all_that_belongs_to_it"),
    (TakesTheStateAway, "a_checkpoint_is_written_with_all_that_belongs_to_it"),
    (KeepsWhatWasPrepared, "what_is_prepared_stays_beside_until_a_checkpoint"),
    (AssignsWhoeverHasIt, "an_assignment_depends_on_the_owners_seen"),
    (AssignsWithAnyCounter, "an_assignment_depends_on_the_owners_seen"),
    (AssignsWithoutTenure, "an_assignment_begins_a_tenure"),
    (AssignsWithoutCountingSwitches, "an_assignment_begins_a_tenure"),
    (OffersToAThird, "an_offer_needs_a_sole_owner_and_leaves_the_counter"),
    (CountsOffers, "an_offer_needs_a_sole_owner_and_leaves_the_counter"),
    (CommitsInAnyTenure, "a_commit_is_guarded_by_its_tenure"),
    (CommitsBeforeTheFirstRenewal, "a_commit_is_guarded_by_its_tenure"),
    (CountsCommits, "a_commit_is_guarded_by_its_tenure"),
    (SeeksWithAnyCounter, "a_seek_ends_the_tenure"),
    (SeeksWithinTheTenure, "a_seek_ends_the_tenure"),
    (ForgetsChildren, "what_becomes_known_of_a_shard_is_added"),
    (StartsUnderTheSameNumber, "each_start_of_a_worker_is_another"),
    (StartsUnderTheSameNumber, "racing_starts_are_different_ones"),
    (StartsWithTheRowOfBefore, "each_start_of_a_worker_is_another"),
    (BeatsForAnyStart, "a_beat_is_written_only_by_its_own_start"),
    (BeatsForNobody, "a_beat_is_written_only_by_its_own_start"),
    (StrikesWhateverIsThere, "a_worker_is_struck_off_only_as_it_was_seen"),
    (MixesWorkersOfGroups, "workers_of_two_groups_are_apart"),
    (SwapsAnyLock, "a_lock_is_swapped_only_by_who_has_seen_it"),
    (SwapsAnyLock, "of_many_swaps_one_is_made"),
    (PutsALockOverAnother, "a_lock_is_swapped_only_by_who_has_seen_it"),
    (TakesAnyLockAway, "a_lock_is_swapped_only_by_who_has_seen_it"),
    (MixesLocksOfGroups, "locks_of_two_groups_are_apart"),
    (WritesAnyRecord, "a_record_is_written_only_by_who_has_read_the_last"),
    (SkipsVersionsOfRecords, "a_record_is_written_only_by_who_has_read_the_last"),
    (MixesRecordsOfGroups, "records_of_two_groups_are_apart"),
];

async fn broken_by(wrong: Wrong) -> Vec<&'static str> {
    let make = || async move { Rows::new(WrongStore::new(wrong)) };
    check_all(make).await.broken().iter().map(|(name, _)| *name).collect()
}

#[tokio::test]
async fn what_is_wrong_is_found_and_named() {
    let mut last = (Nothing, Vec::new());
    for (wrong, promise) in FAULTS {
        if last.0 != *wrong {
            last = (*wrong, broken_by(*wrong).await);
        }
        assert!(last.1.contains(promise), "{wrong:?} does not break {promise}, but {:?}", last.1);
    }
}

#[tokio::test]
async fn every_promise_is_broken_by_some_store() {
    let idle: Vec<&str> =
        promises().iter().map(Promise::name).filter(|name| FAULTS.iter().all(|(_, promise)| promise != name)).collect();
    assert_eq!(idle, Vec::<&str>::new());
}

#[tokio::test]
async fn a_wrong_store_with_nothing_wrong_passes() {
    assert_eq!(broken_by(Nothing).await, Vec::<&str>::new());
}
