//! Bugs for the consumer and the rows that it keeps.

use super::mutants;

const CHANGE: &str = "store/src/change.rs";
const CHECKPOINT: &str = "consumer/src/checkpoint.rs";
const CURSOR: &str = "consumer/src/fetch/cursor.rs";
const HOLDING: &str = "consumer/src/worker/holding.rs";
const LEAD: &str = "consumer/src/lead.rs";
const LETTING_GO: &str = "consumer/src/worker/letting_go.rs";
const MEMORY: &str = "store/src/memory.rs";
const SHARD: &str = "consumer/src/shard_task.rs";
const SHARD_END: &str = "consumer/src/shard_task/end.rs";
const TENURE: &str = "consumer/src/tenure.rs";
const WATCH: &str = "consumer/src/watch.rs";

mutants! {
    "renewal waits for the handler" in HOLDING:
        "if let Some(change) = tenure.next_write(now) {" =>
        "if held.handling.is_some() { tenure.end_last(now); return; }\n        if let Some(change) = tenure.next_write(now) {";
    "a child begins before its parents have ended" in HOLDING:
        "if parents.iter().any(|parent| self.known(parent) == Some(false)) {" => "if parents.len() > 2 {";
    "a failed batch is passed by the next checkpoint" in SHARD:
        "            self.read_row().await;\n            batch = batch.behind" =>
        "            let _ = self.checkpoint().advance(&batch.end());\n            self.read_row().await;\n            batch = batch.behind";
    "nobody stops before others may begin" in TENURE:
        "self.renewed + self.pace.failover - self.pace.failover / 10" => "self.renewed + self.pace.failover * 4";
    "a counter that stands still is young whenever it is seen" in WATCH:
        "if seen.counter != lease.counter {" => "if seen.counter <= lease.counter {";
    "a lease is old when it is seen first" in WATCH:
        "None => Seen { counter: lease.counter, counted: now, owners, owned: now }," =>
        "None => Seen { counter: lease.counter, counted: now - Duration::from_secs(3600), owners, owned: now },";
    "a handoff is finished when it is heard of" in LETTING_GO:
        "held.life = Life::Draining { deadline };\n                self.actions.push_back(Action::Order(key.clone(), Order::Drain));\n            }\n            Life::Adopting" =>
        "held.life = Life::Releasing;\n                self.actions.push_back(Action::Order(key.clone(), Order::Drain));\n                self.write(now, key);\n            }\n            Life::Adopting";
    "incarnations are not compared" in CHANGE:
        "if lease.incarnation != renewal.incarnation {" => "if lease.incarnation == Incarnation::NONE {";
    "an older start goes on showing life" in MEMORY:
        "there.filter(|there| there.incarnation == row.incarnation)" => "there.filter(|_| true)";
    "a tenure outlives a change of owners" in CHANGE:
        "next.counter += 1;\n                (next.tenure, next.incarnation) = (next.counter, Incarnation::NONE);\n                if lease.actual_owner()" =>
        "next.counter += 1;\n                if lease.actual_owner()";
    "a newer start keeps the tenure" in CHANGE:
        "(next.incarnation, next.tenure) = (renewal.incarnation, next.counter);" => "next.incarnation = renewal.incarnation;";
    "children of an ended shard are not made" in SHARD_END:
        "if !orphaned {" => "if !orphaned && rows.is_empty() {";
    "an expired iterator begins anew at the newest record" in CURSOR:
        "Failure::ExpiredIterator if !self.has_expired => {\n                self.has_expired = true;" =>
        "Failure::ExpiredIterator if !self.has_expired => {\n                self.has_expired = true;\n                self.place = Place::Latest(None);";
    "a leader plans on after another has taken the lead" in LEAD:
        "Some(lock) if watch.lock_still(now) > lock.lease" => "Some(lock) if watch.lock_still(now) >= Duration::ZERO";
    "progress goes back" in CHECKPOINT:
        "if *to < self.handled {" => "if *to < Progress::AtTimestamp {";
    "the first page passes over what is not handled" in CURSOR:
        "Progress::Through { sequence, .. } => Place::AtNumber(sequence.clone())," =>
        "Progress::Through { sequence, .. } => Place::AfterNumber(sequence.clone()),";
    "a checkpoint may pass what was delivered" in CHECKPOINT:
        "self.check(to)?;\n        self.handled.clone_from(to);" => "self.handled.clone_from(to);";
    "a late transaction is accepted twice" in CHANGE:
        " || lease.progress > commit.after {" => " {";
}
