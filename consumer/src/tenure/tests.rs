//! A tenure against a row that a store keeps, with answers that are lost, and hands that interfere.

use super::*;
use proptest::prelude::*;
use tailwater_record::ShardId;
use tailwater_store::{LeaseKey, Seen};

const PACE: Pace =
    Pace { failover: Duration::from_secs(10), renewal: Duration::from_millis(3308), linger: Duration::from_secs(2) };

fn me() -> (WorkerId, Incarnation) {
    ("me".parse().unwrap(), Incarnation::new(1))
}

fn assigned() -> Lease {
    let stream = "111122223333:orders:1700000000".parse().unwrap();
    let lease = Lease::new(LeaseKey::new("group".parse().unwrap(), stream, ShardId::numbered(0)));
    Change::Assign { seen: Seen::default(), to: Some(me().0) }.of(&lease).unwrap()
}

fn through(number: u64) -> Progress {
    Progress::Through { sequence: number.to_string().parse().unwrap(), sub_sequence: 0 }
}

/// What a store does.
fn apply(row: &mut Lease, change: &Change) -> Applied {
    match change.of(row) {
        Some(next) => {
            *row = next.clone();
            Applied::Done(next)
        }
        None => Applied::Refused(Some(row.clone())),
    }
}

fn away(may_have_happened: bool) -> Error {
    Error::Unavailable { reason: "lost".to_owned(), may_have_happened }
}

/// A tenure that has renewed its lease once.
fn adopted(now: Instant) -> (Tenure, Lease) {
    let mut row = assigned();
    let mut tenure = Tenure::new(now, me(), PACE, row.clone());
    let change = tenure.next_write(now).unwrap();
    let applied = apply(&mut row, &change);
    assert_eq!(tenure.answered(now, Ok(applied)), Learned::Held { done: vec![], hand_over: false });
    assert!(tenure.is_adopted());
    (tenure, row)
}

#[test]
fn one_write_carries_renewal_and_checkpoint() {
    let now = Instant::now();
    let (mut tenure, mut row) = adopted(now);
    tenure.checkpoint(now, Commitment::new(through(5)));
    assert_eq!(tenure.next_write(now), None, "it may wait");
    let due = tenure.due().unwrap();
    assert_eq!(due, now + PACE.linger);
    tenure.ask(1, Written::Checkpoint(Commitment::new(through(7))));
    let change = tenure.next_write(now).unwrap();
    let applied = apply(&mut row, &change);
    assert_eq!(tenure.answered(now, Ok(applied)), Learned::Held { done: vec![1], hand_over: false });
    assert_eq!((row.progress, tenure.due().unwrap()), (through(7), now + PACE.renewal));
}

#[test]
fn a_renewal_counts_from_when_it_was_asked_for() {
    let now = Instant::now();
    let (mut tenure, mut row) = adopted(now);
    let asked = now + PACE.renewal;
    let change = tenure.next_write(asked).unwrap();
    let applied = apply(&mut row, &change);
    tenure.answered(asked + Duration::from_secs(6), Ok(applied));
    assert_eq!(tenure.fence(), asked + Duration::from_secs(9));
}

#[test]
fn an_answer_that_was_lost_is_found_in_the_row() {
    let now = Instant::now();
    let (mut tenure, mut row) = adopted(now);
    tenure.ask(4, Written::Checkpoint(Commitment::new(through(9))));
    let change = tenure.next_write(now).unwrap();
    apply(&mut row, &change);
    assert_eq!(tenure.answered(now, Err(away(true))), Learned::Again { hand_over: false });
    let later = tenure.due().unwrap();
    let again = tenure.next_write(later).unwrap();
    let refused = apply(&mut row, &again);
    assert_eq!(tenure.answered(later, Ok(refused)), Learned::Held { done: vec![4], hand_over: false });
    assert_eq!(tenure.fence(), now + Duration::from_secs(9), "the first attempt renewed it, not the second");
}

#[test]
fn a_stranger_who_renewed_is_not_taken_for_a_lost_answer() {
    let now = Instant::now();
    let (mut tenure, mut row) = adopted(now);
    row.counter += 1;
    let later = now + PACE.renewal;
    let change = tenure.next_write(later).unwrap();
    let refused = apply(&mut row, &change);
    assert_eq!(tenure.answered(later, Ok(refused)), Learned::Lost);
}

#[test]
fn a_handoff_is_learned_from_the_renewal_that_it_refuses_and_the_checkpoint_is_kept() {
    let now = Instant::now();
    let (mut tenure, mut row) = adopted(now);
    row = Change::Offer { owner: me().0, to: "other".parse().unwrap() }.of(&row).unwrap();
    tenure.ask(3, Written::Checkpoint(Commitment::new(through(2))));
    let change = tenure.next_write(now).unwrap();
    let refused = apply(&mut row, &change);
    assert_eq!(tenure.answered(now, Ok(refused)), Learned::Again { hand_over: true });
    let change = tenure.next_write(now).unwrap();
    let applied = apply(&mut row, &change);
    assert_eq!(tenure.answered(now, Ok(applied)), Learned::Held { done: vec![3], hand_over: false });
    assert_eq!(row.progress, through(2));
}

#[test]
fn a_newer_start_under_my_name_ends_the_tenure() {
    let now = Instant::now();
    let (mut tenure, mut row) = adopted(now);
    let newer = (me().0, Incarnation::new(2));
    let mut theirs = Tenure::new(now, newer, PACE, row.clone());
    let change = theirs.next_write(now).unwrap();
    let applied = apply(&mut row, &change);
    theirs.answered(now, Ok(applied));
    let later = now + PACE.renewal;
    let change = tenure.next_write(later).unwrap();
    let refused = apply(&mut row, &change);
    assert_eq!(tenure.answered(later, Ok(refused)), Learned::Lost);
}

proptest! {
    /// Whatever is lost, late or refused: what is told done stands in the row, no checkpoint is forgotten, and the row
    /// was renewed no earlier than the tenure believes.
    #[test]
    fn what_is_told_done_is_done(steps in proptest::collection::vec((0_u8..8, 0_u64..5000), 1..60)) {
        let mut now = Instant::now();
        let (mut tenure, mut row) = adopted(now);
        let (mut renewed_at, mut number, mut asked, mut done) = (now, 0_u64, Vec::new(), Vec::new());
        for (step, millis) in steps {
            now += Duration::from_millis(millis);
            number += 1;
            match step {
                0 => tenure.checkpoint(now, Commitment::new(through(number))),
                1 | 2 => {
                    tenure.ask(number, Written::Checkpoint(Commitment::new(through(number))));
                    asked.push(number);
                }
                3 => {
                    let pending = Pending { progress: through(number), state: None };
                    tenure.ask(number, Written::Prepare(pending));
                }
                4 => if let Some(offered) = (Change::Offer { owner: me().0, to: "b".parse().unwrap() }).of(&row) {
                    row = offered;
                },
                kind => if let Some(change) = tenure.next_write(now) {
                    let before = row.counter;
                    let outcome = match kind {
                        5 => { apply(&mut row, &change); Err(away(true)) }
                        6 => Err(away(millis % 2 == 0)),
                        _ => Ok(apply(&mut row, &change)),
                    };
                    if row.counter > before {
                        renewed_at = now;
                    }
                    match tenure.answered(now, outcome) {
                        Learned::Held { done: serials, .. } => done.extend(serials),
                        Learned::Again { .. } => {}
                        Learned::Lost => prop_assert!(false, "nobody else is here"),
                    }
                }
            }
            prop_assert!(tenure.fence() <= renewed_at + Duration::from_secs(9));
        }
        for _ in 0..100 {
            now += PACE.renewal;
            let Some(change) = tenure.next_write(now) else { break };
            let applied = apply(&mut row, &change);
            if let Learned::Held { done: serials, .. } = tenure.answered(now, Ok(applied)) {
                done.extend(serials);
            }
            for serial in &done {
                prop_assert!(!asked.contains(serial) || row.progress >= through(*serial), "told done: {serial}");
            }
        }
        for serial in asked {
            prop_assert!(done.contains(&serial), "forgotten: {serial}");
        }
    }
}
