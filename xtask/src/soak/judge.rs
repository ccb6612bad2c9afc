//! The verdict: from what was put, what the workers noted, what stood in the rows when one was killed, and what is there in
//! the end. What comes twice must lie behind a checkpoint that was read when its worker was dead; all else is a fault.
//! Pure. Called by `run`; `told` puts it in words.

mod told;

use super::notes::{Group, Line, Note, Tenure};
use super::sink::Effect;
use std::collections::BTreeMap;
use tailwater_record::ShardId;
use tailwater_store::{Lease, Progress};

/// Everything that is known.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// The key of each number that was put.
    pub(super) keys: Vec<usize>,
    /// What each process noted, in the order in which they were started.
    pub(super) runs: Vec<(String, Vec<Line>)>,
    pub(super) kills: Vec<Kill>,
    /// The table, in the order in which it was written.
    pub(super) effects: Vec<Effect>,
    /// The rows in the end.
    pub(super) rows: Vec<Lease>,
    pub(super) unreadable: Vec<String>,
}

/// One process that was killed.
#[derive(Clone, Debug)]
pub(super) struct Kill {
    pub(super) run: String,
    pub(super) at: i64,
    /// The rows that named its worker, as they stood when it was dead.
    pub(super) rows: Vec<Lease>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) faults: Vec<String>,
    pub(super) records: usize,
    pub(super) deliveries: usize,
    pub(super) tenures: usize,
    /// Deliveries that came again because the worker was killed before a checkpoint.
    pub(super) again_after_kill: usize,
    /// Those that came again because a worker that lives could not renew.
    pub(super) again_after_loss: usize,
    pub(super) losses: usize,
    pub(super) takeovers: Vec<Takeover>,
    /// Leases of the killed whose shard delivered nothing more.
    pub(super) not_taken_over: usize,
}

/// A shard that went from one who was killed to its next owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Takeover {
    pub(super) by: By,
    /// From the kill to the first delivery.
    pub(super) millis: i64,
}

/// Who took over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    /// One of the same name.
    Same,
    /// Another, while nobody else was killed.
    Another,
    /// Another, and somebody else was killed meanwhile: the leader, perhaps, or who was to take over.
    AnotherInTheEnd,
}

/// A tenure, as it was noted.
#[derive(Debug)]
struct Noted<'e> {
    run: &'e str,
    from: &'e Progress,
    first: Option<i64>,
    /// The last that was handled.
    last: Option<&'e Progress>,
    is_lost: bool,
}

type Shard = (Group, ShardId);
type Tenures<'e> = BTreeMap<Shard, BTreeMap<u64, Noted<'e>>>;

/// Judges.
pub(super) fn judge(evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict { records: evidence.keys.len(), ..Verdict::default() };
    let tenures = tenures(evidence, &mut verdict);
    check_checkpoints(evidence, &tenures, &mut verdict);
    check_deliveries(evidence, &tenures, &mut verdict);
    check_effects(evidence, &mut verdict);
    check_rows(evidence, &mut verdict);
    measure_takeovers(evidence, &tenures, &mut verdict);
    verdict
}

/// Each tenure is one process's, and goes forward from where it began.
fn tenures<'e>(evidence: &'e Evidence, verdict: &mut Verdict) -> Tenures<'e> {
    let mut tenures = Tenures::new();
    for (run, lines) in &evidence.runs {
        for Line { at, tenure, note } in lines {
            let shard = tenures.entry((tenure.group, tenure.shard.clone())).or_default();
            if let Note::Begun(from) = note {
                verdict.tenures += 1;
                let noted = Noted { run, from, first: None, last: None, is_lost: false };
                if let Some(other) = shard.insert(tenure.token, noted) {
                    verdict.faults.push(format!("{tenure}: begun by {run} after {}", other.run));
                }
                continue;
            }
            let Some(noted) = shard.get_mut(&tenure.token).filter(|noted| noted.run == run) else {
                verdict.faults.push(format!("{tenure}: {run} goes on with what it has not begun"));
                continue;
            };
            match note {
                Note::Handled(records) => {
                    noted.first.get_or_insert(*at);
                    for (number, place) in records {
                        if place <= noted.last.unwrap_or(noted.from) {
                            let behind = noted.last.unwrap_or(noted.from);
                            verdict.faults.push(format!("{tenure}: {number} at {place:?} comes after {behind:?}"));
                        }
                        noted.last = Some(place);
                    }
                }
                Note::Lost => {
                    noted.is_lost = true;
                    verdict.losses += 1;
                }
                Note::Begun(_) | Note::Ended | Note::Stopping => {}
            }
        }
    }
    tenures
}

/// A checkpoint that was read once is never undercut.
fn check_checkpoints(evidence: &Evidence, tenures: &Tenures<'_>, verdict: &mut Verdict) {
    let mut read: BTreeMap<Shard, Vec<(u64, &Progress)>> = BTreeMap::new();
    for kill in &evidence.kills {
        for row in &kill.rows {
            let Some(shard) = shard(row) else { continue };
            let read = read.entry(shard).or_default();
            if let Some((_, before)) = read.last().filter(|(_, before)| **before > row.progress) {
                verdict.faults.push(format!("{}: the checkpoint went from {before:?} to {:?}", row.key, row.progress));
            }
            read.push((row.tenure, &row.progress));
        }
    }
    for (shard, read) in read {
        for (token, noted) in tenures.get(&shard).into_iter().flatten() {
            let before = read.iter().filter(|(tenure, _)| tenure < token).map(|(_, progress)| *progress).max();
            if let Some(before) = before.filter(|before| noted.from < before) {
                let tenure = Tenure { group: shard.0, shard: shard.1.clone(), token: *token };
                verdict.faults.push(format!("{tenure}: begun behind {:?}, and {before:?} was written", noted.from));
            }
        }
    }
}

/// Everything is delivered, in the order of its key; what comes twice is explained.
fn check_deliveries(evidence: &Evidence, tenures: &Tenures<'_>, verdict: &mut Verdict) {
    let mut lines: Vec<&Line> = evidence.runs.iter().flat_map(|(_, lines)| lines).collect();
    // Lines of one process stay in their order.
    lines.sort_by_key(|line| line.at);
    let mut first: Vec<bool> = vec![false; evidence.keys.len()];
    let mut latest: BTreeMap<usize, usize> = BTreeMap::new();
    let mut places: BTreeMap<(&ShardId, &Progress), Vec<u64>> = BTreeMap::new();
    for Line { tenure, note, .. } in lines {
        let (Group::Noting, Note::Handled(records)) = (tenure.group, note) else { continue };
        for (number, place) in records {
            verdict.deliveries += 1;
            let (Some(is_known), Some(key)) = (first.get_mut(*number), evidence.keys.get(*number)) else {
                verdict.faults.push(format!("{tenure}: {number} was never put"));
                continue;
            };
            places.entry((&tenure.shard, place)).or_default().push(tenure.token);
            if !std::mem::replace(is_known, true)
                && let Some(before) = latest.insert(*key, *number).filter(|before| before > number)
            {
                verdict.faults.push(format!("{tenure}: {number} of key {key} comes after {before}"));
            }
        }
    }
    let lost: Vec<usize> = (0..first.len()).filter(|number| !first[*number]).collect();
    if let [number, ..] = lost[..] {
        verdict.faults.push(format!("{} records are lost, {number} is the first", lost.len()));
    }
    for ((shard, place), mut tokens) in places {
        tokens.sort_unstable();
        for pair in tokens.windows(2) {
            let tenure = Tenure { group: Group::Noting, shard: shard.clone(), token: pair[0] };
            match explain(evidence, tenures, &tenure, place, pair[1]) {
                Ok(Cause::Kill) => verdict.again_after_kill += 1,
                Ok(Cause::Loss) => verdict.again_after_loss += 1,
                Err(fault) => verdict.faults.push(fault),
            }
        }
    }
}

/// Why a record may come again.
enum Cause {
    Kill,
    Loss,
}

fn explain(
    evidence: &Evidence,
    tenures: &Tenures<'_>,
    tenure: &Tenure,
    place: &Progress,
    again: u64,
) -> Result<Cause, String> {
    let noted = tenures.get(&(tenure.group, tenure.shard.clone())).and_then(|shard| shard.get(&tenure.token));
    let fault = |why: &str| Err(format!("{tenure}: {place:?} comes again in {again}, {why}"));
    let Some(noted) = noted else { return fault("and was never begun") };
    if again == tenure.token {
        return fault("which is the same");
    }
    let kill = evidence.kills.iter().find(|kill| kill.run == noted.run);
    let row = kill.and_then(|kill| kill.rows.iter().find(|row| is_of(row, tenure)));
    match row {
        Some(row) if *place > row.progress => Ok(Cause::Kill),
        Some(row) => fault(&format!("and the checkpoint was at {:?} when {} was killed", row.progress, noted.run)),
        None if noted.is_lost => Ok(Cause::Loss),
        None => fault(&format!("and {} neither was killed with it nor lost it", noted.run)),
    }
}

/// Each record has one effect; effects are in the order of keys, and of tokens.
fn check_effects(evidence: &Evidence, verdict: &mut Verdict) {
    let mut places: BTreeMap<(&ShardId, &Progress), usize> = BTreeMap::new();
    let mut has: Vec<bool> = vec![false; evidence.keys.len()];
    let (mut latest, mut tokens) = (BTreeMap::new(), BTreeMap::new());
    for Effect { number, shard, token, place } in &evidence.effects {
        let (Some(has), Some(key)) = (has.get_mut(*number), evidence.keys.get(*number)) else {
            verdict.faults.push(format!("booking: {number} was never put"));
            continue;
        };
        *places.entry((shard, place)).or_default() += 1;
        if !std::mem::replace(has, true)
            && let Some(before) = latest.insert(*key, *number).filter(|before| before > number)
        {
            verdict.faults.push(format!("booking: {number} of key {key} has its effect after {before}"));
        }
        if let Some(before) = tokens.insert(shard, token).filter(|before| *before > token) {
            verdict.faults.push(format!("booking: {shard} has effects of token {token} after {before}"));
        }
    }
    let without: Vec<usize> = (0..has.len()).filter(|number| !has[*number]).collect();
    if let [number, ..] = without[..] {
        verdict.faults.push(format!("booking: {} records have no effect, {number} is the first", without.len()));
    }
    for ((shard, place), times) in places.into_iter().filter(|(_, times)| *times > 1) {
        verdict.faults.push(format!("booking: {shard} {place:?} has {times} effects"));
    }
}

fn check_rows(evidence: &Evidence, verdict: &mut Verdict) {
    // Whoever handled a shard to its end keeps its row: there is nothing left to let go of.
    for row in evidence.rows.iter().filter(|row| !row.is_ended()) {
        if let Some(owner) = row.actual_owner() {
            verdict.faults.push(format!("{} is still {owner}'s", row.key));
        }
    }
    verdict.faults.extend(evidence.unreadable.iter().map(|row| format!("unreadable: {row}")));
}

/// How long shards of the killed delivered nothing.
fn measure_takeovers(evidence: &Evidence, tenures: &Tenures<'_>, verdict: &mut Verdict) {
    for kill in &evidence.kills {
        for row in kill.rows.iter().filter(|row| !row.is_ended()) {
            let Some(tenures) = shard(row).and_then(|shard| tenures.get(&shard)) else { continue };
            let mut later = tenures.range(row.tenure + 1..).map(|(_, noted)| noted);
            let Some((noted, first)) = later.find_map(|noted| Some((noted, noted.first?))) else {
                verdict.not_taken_over += 1;
                continue;
            };
            let is_disturbed = evidence.kills.iter().any(|other| kill.at < other.at && other.at < first);
            let by = match (named(noted.run) == named(&kill.run), is_disturbed) {
                (true, _) => By::Same,
                (false, false) => By::Another,
                (false, true) => By::AnotherInTheEnd,
            };
            verdict.takeovers.push(Takeover { by, millis: first - kill.at });
        }
    }
    verdict.takeovers.sort_unstable();
}

/// The worker's name in that of a process.
fn named(run: &str) -> &str {
    run.split_once('-').map_or(run, |(_, name)| name)
}

fn is_of(row: &Lease, tenure: &Tenure) -> bool {
    shard(row).is_some_and(|(group, shard)| group == tenure.group && shard == tenure.shard)
        && row.tenure == tenure.token
}

fn shard(row: &Lease) -> Option<Shard> {
    let group = Group::ALL.into_iter().find(|group| group.name() == row.key.group.as_str())?;
    Some((group, row.key.shard.clone()))
}

#[cfg(test)]
mod tests;
