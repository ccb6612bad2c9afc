use super::*;
use tailwater_store::LeaseKey;

fn place(number: u64) -> Progress {
    Progress::Through { sequence: number.to_string().parse().unwrap(), sub_sequence: 0 }
}

fn tenure(token: u64) -> Tenure {
    Tenure { group: Group::Noting, shard: shard_id(), token }
}

fn shard_id() -> ShardId {
    "shardId-000000000001".parse().unwrap()
}

fn row(token: u64, progress: Progress) -> Lease {
    let stream = "000000000000:soak:1".parse().unwrap();
    let mut row = Lease::new(LeaseKey::new("noting".parse().unwrap(), stream, shard_id()));
    (row.tenure, row.progress) = (token, progress);
    row
}

fn effect(number: usize, token: u64) -> Effect {
    Effect { number, shard: shard_id(), token, place: place(number as u64 + 1) }
}

/// These numbers, each at the place behind its own.
fn handled(at: i64, token: u64, numbers: std::ops::Range<usize>) -> Line {
    let records = numbers.map(|number| (number, place(number as u64 + 1))).collect();
    Line { at, tenure: tenure(token), note: Note::Handled(records) }
}

fn begun(at: i64, token: u64, from: Progress) -> Line {
    Line { at, tenure: tenure(token), note: Note::Begun(from) }
}

/// Ten records of two keys; one worker handles six of them, checkpoints three and is killed, another goes on.
fn right() -> Evidence {
    Evidence {
        keys: (0..10).map(|number| number % 2).collect(),
        runs: vec![
            ("000-a".to_owned(), vec![begun(10, 4, Progress::TrimHorizon), handled(11, 4, 0..4), handled(12, 4, 4..6)]),
            ("001-b".to_owned(), vec![begun(50, 9, place(3)), handled(51, 9, 3..10)]),
        ],
        kills: vec![Kill { run: "000-a".to_owned(), at: 20, rows: vec![row(4, place(3))] }],
        effects: (0..10).map(|number| effect(number, 4 + number as u64 / 5)).collect(),
        rows: vec![row(9, place(10))],
        unreadable: Vec::new(),
    }
}

/// What is found when the evidence is not quite right.
fn fault(spoil: impl FnOnce(&mut Evidence)) -> String {
    let mut evidence = right();
    spoil(&mut evidence);
    judge(&evidence).faults.join("; ")
}

#[test]
fn what_comes_again_after_a_kill_is_explained_by_the_checkpoint() {
    let verdict = judge(&right());
    assert_eq!(verdict.faults, [""; 0]);
    assert_eq!((verdict.deliveries, verdict.again_after_kill, verdict.tenures), (13, 3, 2));
    assert_eq!(verdict.takeovers, [Takeover { by: By::Another, millis: 31 }]);
}

#[test]
fn a_loss_is_found() {
    assert!(fault(|evidence| evidence.runs[1].1[1] = handled(51, 9, 3..9)).contains("1 records are lost, 9"));
    let early = |evidence: &mut Evidence| {
        evidence.runs[1].1 = vec![begun(50, 9, place(7)), handled(51, 9, 7..10)];
        evidence.kills[0].rows[0] = row(4, place(7));
    };
    assert!(fault(early).contains("1 records are lost, 6"));
    assert!(fault(|evidence| drop(evidence.effects.remove(4))).contains("1 records have no effect, 4"));
}

#[test]
fn what_comes_again_without_a_reason_is_found() {
    assert!(fault(|evidence| evidence.kills.clear()).contains("neither was killed with it nor lost it"));
    assert!(fault(|evidence| evidence.kills[0].rows.clear()).contains("neither was killed with it nor lost it"));
    assert!(fault(|evidence| evidence.kills[0].rows[0] = row(4, place(5))).contains("the checkpoint was at"));
    assert!(fault(|evidence| evidence.runs[1].1.push(handled(52, 9, 9..10))).contains("which is the same"));
    let lost = |evidence: &mut Evidence| {
        evidence.kills.clear();
        evidence.runs[0].1.push(Line { at: 13, tenure: tenure(4), note: Note::Lost });
    };
    assert_eq!(fault(lost), "");
}

#[test]
fn a_checkpoint_that_goes_back_is_found() {
    let back = |evidence: &mut Evidence| evidence.runs[1].1 = vec![begun(50, 9, place(2)), handled(51, 9, 2..10)];
    let found = fault(back);
    assert!(found.contains("begun behind") && found.contains("the checkpoint was at"), "{found}");
    let read = |evidence: &mut Evidence| {
        evidence.kills.push(Kill { run: "001-b".to_owned(), at: 60, rows: vec![row(9, place(2))] });
    };
    assert!(fault(read).contains("the checkpoint went from"));
}

#[test]
fn one_tenure_is_one_processs() {
    let shared = |evidence: &mut Evidence| evidence.runs[1].1 = vec![begun(50, 4, place(3)), handled(51, 4, 3..10)];
    assert!(fault(shared).contains("begun by 001-b after 000-a"));
    assert!(fault(|evidence| drop(evidence.runs[1].1.remove(0))).contains("what it has not begun"));
}

#[test]
fn the_order_of_a_key_is_kept() {
    let swapped = |evidence: &mut Evidence| {
        evidence.runs[0].1 = vec![begun(10, 4, Progress::TrimHorizon), handled(11, 4, 0..3)];
        evidence.runs[1].1 = vec![begun(50, 9, place(3)), handled(51, 9, 5..10), handled(40, 9, 3..5)];
        evidence.runs[1].1[1].at = 30;
    };
    assert!(fault(swapped).contains("of key 1 comes after"));
    assert!(fault(|evidence| evidence.effects.swap(2, 4)).contains("has its effect after"));
}

#[test]
fn an_effect_that_comes_twice_or_late_is_found() {
    assert!(fault(|evidence| evidence.effects.push(effect(9, 5))).contains("has 2 effects"));
    assert!(fault(|evidence| evidence.effects[9].token = 4).contains("effects of token 4 after 5"));
    assert!(fault(|evidence| evidence.effects.push(effect(10, 5))).contains("never put"));
}

#[test]
fn a_lease_that_is_kept_and_a_row_that_cannot_be_read_are_found() {
    assert!(fault(|evidence| evidence.rows[0].owner = Some("b".parse().unwrap())).contains("is still b's"));
    assert!(fault(|evidence| evidence.unreadable.push("row".to_owned())).contains("unreadable: row"));
}
