//! Histories of random changes by random hands: what holds of a row, whatever is tried.

use super::*;
use crate::key::LeaseKey;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

fn lease() -> Lease {
    let stream = "111122223333:orders:1700000000".parse().unwrap();
    Lease::new(LeaseKey::new("group".parse().unwrap(), stream, ShardId::numbered(0)))
}

fn worker() -> impl Strategy<Value = WorkerId> {
    (0_u8..3).prop_map(|number| format!("worker-{number}").parse().unwrap())
}

fn progress() -> impl Strategy<Value = Progress> {
    prop_oneof![
        3 => (1_u64..20, 0_u64..3).prop_map(|(sequence, sub_sequence)| Progress::Through {
            sequence: sequence.to_string().parse().unwrap(),
            sub_sequence
        }),
        1 => Just(Progress::ShardEnd),
    ]
}

fn commitment() -> impl Strategy<Value = Commitment> {
    (progress(), proptest::option::of(Just(Bytes::from_static(b"state"))))
        .prop_map(|(progress, state)| Commitment { progress, state })
}

/// A change as somebody would try it who has seen this row, perhaps long ago.
fn attempt(seen: Lease) -> impl Strategy<Value = Change> {
    let (renewed, assigned, tenure) = (seen.clone(), seen.clone(), seen.tenure);
    prop_oneof![
        4 => (worker(), 1_u64..4, any::<bool>(), proptest::option::of(commitment())).prop_map(
            move |(worker, incarnation, knows_handoff, commitment)| Change::Renew(Renewal {
                worker,
                incarnation: Incarnation::new(incarnation),
                counter: renewed.counter,
                knows_handoff,
                throughput: None,
                written: commitment.map(Written::Checkpoint),
            })
        ),
        2 => (proptest::option::of(worker()), any::<bool>()).prop_map(move |(to, exactly)| Change::Assign {
            seen: if exactly { Seen::exactly(&assigned) } else { Seen::of(&assigned) },
            to,
        }),
        2 => (worker(), worker()).prop_map(|(owner, to)| Change::Offer { owner, to }),
        2 => (commitment(), 0_u64..4).prop_map(move |(commitment, incarnation)| Change::Commit(Commit {
            tenure,
            incarnation: Incarnation::new(incarnation),
            after: Progress::ShardEnd,
            commitment,
        })),
    ]
}

proptest! {
    #[test]
    fn whatever_is_tried_a_row_only_goes_forward(
        (lags, tries) in (proptest::collection::vec(0_usize..3, 1..40), any::<u64>())
    ) {
        let mut runner = proptest::test_runner::TestRunner::new_with_rng(
            ProptestConfig::default(),
            proptest::test_runner::TestRng::from_seed(
                proptest::test_runner::RngAlgorithm::ChaCha,
                &[tries.to_le_bytes(); 4].concat(),
            ),
        );
        let mut history = vec![lease()];
        for lag in lags {
            let seen = history[history.len().saturating_sub(1 + lag)].clone();
            let before = history.last().unwrap().clone();
            let change = attempt(seen).new_tree(&mut runner).unwrap().current();
            let Some(after) = change.of(&before) else { continue };
            prop_assert!(after.progress >= before.progress, "{change:?}");
            prop_assert!(after.counter >= before.counter && after.tenure >= before.tenure, "{change:?}");
            prop_assert!(after.tenure <= after.counter);
            if after.actual_owner() != before.actual_owner() || after.incarnation != before.incarnation {
                prop_assert!(after.tenure > before.tenure, "a new owner has a token of its own: {change:?}");
            }
            if after.progress != before.progress {
                prop_assert!(before.actual_owner().is_some(), "only an owner comes forward: {change:?}");
                prop_assert_eq!(after.actual_owner(), before.actual_owner());
            }
            prop_assert!(after.handoff_from.is_none() || after.owner.is_some());
            history.push(after);
        }
    }
}

fn owned(worker: &str) -> Lease {
    let assigned = Change::Assign { seen: Seen::default(), to: Some(worker.parse().unwrap()) };
    renew(worker, 1).of(&assigned.of(&lease()).unwrap()).unwrap()
}

fn renew(worker: &str, counter: u64) -> Change {
    Change::Renew(Renewal {
        worker: worker.parse().unwrap(),
        incarnation: Incarnation::new(1),
        counter,
        knows_handoff: false,
        throughput: None,
        written: None,
    })
}

#[test]
fn an_older_start_of_a_worker_fails_once_a_newer_has_renewed() {
    let held = owned("a");
    let Change::Renew(mut newer) = renew("a", held.counter) else { unreachable!() };
    newer.incarnation = Incarnation::new(2);
    let adopted = Change::Renew(newer).of(&held).unwrap();
    assert!(adopted.tenure > held.tenure);
    assert_eq!(renew("a", held.counter).of(&adopted), None);
    // Even if it should guess the counter.
    assert_eq!(renew("a", adopted.counter).of(&adopted), None);
}

#[test]
fn an_offer_leaves_the_counter_and_is_learned_by_the_next_renewal() {
    let held = owned("a");
    let offered = Change::Offer { owner: "a".parse().unwrap(), to: "b".parse().unwrap() }.of(&held).unwrap();
    assert_eq!((offered.counter, offered.tenure), (held.counter, held.tenure));
    assert_eq!(renew("a", held.counter).of(&offered), None);
    let Change::Renew(mut told) = renew("a", held.counter) else { unreachable!() };
    told.knows_handoff = true;
    let going_on = Change::Renew(told).of(&offered).unwrap();
    assert_eq!(going_on.tenure, held.tenure);
    assert_eq!(renew("b", going_on.counter).of(&going_on), None);
    let done = Change::Assign { seen: Seen::exactly(&going_on), to: going_on.owner.clone() }.of(&going_on).unwrap();
    assert_eq!((done.owner.as_ref().unwrap().as_str(), done.handoff_from.clone()), ("b", None));
    assert!(renew("b", done.counter).of(&done).is_some());
}

#[test]
fn a_checkpoint_ends_what_was_prepared_and_leaves_the_state_unless_told() {
    let mut held = owned("a");
    let through = |number: u64| Progress::Through { sequence: number.to_string().parse().unwrap(), sub_sequence: 0 };
    held.pending = Some(Pending { progress: through(7), state: None });
    held.state = Some(Bytes::from_static(b"kept"));
    let Change::Renew(mut renewal) = renew("a", held.counter) else { unreachable!() };
    renewal.written = Some(Written::Checkpoint(Commitment::new(through(5))));
    let written = Change::Renew(renewal.clone()).of(&held).unwrap();
    assert_eq!((written.progress, written.pending, written.state), (through(5), None, held.state.clone()));
    renewal.written = Some(Written::Checkpoint(Commitment { progress: through(5), state: Some(Bytes::new()) }));
    assert_eq!(Change::Renew(renewal).of(&held).unwrap().state, None);
}

#[test]
fn a_late_transaction_of_an_earlier_tenure_is_refused() {
    let held = owned("a");
    let commit = Change::Commit(Commit {
        tenure: held.tenure,
        incarnation: held.incarnation,
        after: Progress::TrimHorizon,
        commitment: Commitment::new(Progress::ShardEnd),
    });
    let away = Change::Assign { seen: Seen::of(&held), to: Some("b".parse().unwrap()) }.of(&held).unwrap();
    assert_eq!(commit.of(&away), None);
    let back = Change::Assign { seen: Seen::of(&away), to: held.owner.clone() }.of(&away).unwrap();
    assert_eq!(commit.of(&back), None, "also when the same worker has it again");
    let committed = commit.of(&held).unwrap();
    assert_eq!(committed.counter, held.counter, "renewals go on undisturbed");
    assert!(committed.is_ended());
    assert_eq!(commit.of(&committed), None, "nor twice, when the answer to the first was lost");
}
