//! Bugs for the producer.

use super::mutants;

const PIPELINE: &str = "producer/src/pipeline.rs";
const DOOR: &str = "producer/src/pipeline/door.rs";
const ENDING: &str = "producer/src/pipeline/ending.rs";
const LANE: &str = "producer/src/lane.rs";
const RESHARDING: &str = "producer/src/pipeline/resharding.rs";
const SENDING: &str = "producer/src/pipeline/sending.rs";
const SETTLE: &str = "producer/src/settle.rs";
const SETTLING: &str = "producer/src/pipeline/settling.rs";

mutants! {
    "room is given back when a record is sent" in SENDING:
        "parcel.attempts.begin();" => "parcel.attempts.begin(); self.room.give_back(std::mem::take(&mut parcel.cost));";
    "a younger record overtakes one that failed" in LANE:
        "self.first.push_front(parcel);" => "self.queue.push_back(parcel);";
    "an aggregate is judged by its first record" in SETTLING:
        "match judge_landing(aggregated, |range| span.is_within(range), told)" =>
        "match judge_landing(aggregated, |range| range.contains(span.low), told)";
    "the map is cleared while it is listed anew" in RESHARDING:
        "self.inquiry.under_way = true;" => "self.inquiry.under_way = true; self.knowledge = Knowledge::None;";
    "nothing waits before it is put again" in SETTLING:
        "lane.rest(now, trouble == Trouble::Throttled, least, &mut self.chance);" => "let _ = least;";
    "the retry budget is not asked" in SETTLING:
        "let least = if self.retries.spend() {" => "let least = if self.retries.spend() || self.settings.requests > 0 {";
    "an aggregate is not split with its shard" in RESHARDING:
        "if parcel.span.is_within(self.lanes[key].range) && !parcel.has_struck() && fits {" =>
        "if !parcel.has_struck() && fits {";
    "the gate before children is open" in PIPELINE:
        "self.closing.iter().any(|other| *other != key && overlaps(*other))" =>
        "self.closing.iter().any(|other| *other == key && overlaps(*other))";
    "a stream that was made anew is taken for the old one" in SETTLING:
        "*own == shard && (self.births_mean_nothing || lane.birth == birth(&sequence))" => "*own == shard";
    "answers are not counted" in SETTLING:
        "Ok(entries) if entries.len() == parcels.len() => {" => "Ok(entries) => {";
    "a record that was struck is settled again" in ENDING:
        "self.fail(shard, error, parcel.attempts.clone(), struck, cost);\n    }\n}" =>
        "self.fail(shard, error, parcel.attempts.clone(), struck, cost);\n        parcel.numbers[0] = 0;\n    }\n}";
    "what is under way does not expire" in ENDING:
        "for (key, parcel) in under_way.values_mut().flat_map(|request| &mut request.parcels) {" =>
        "for (key, parcel) in under_way.values_mut().flat_map(|request| &mut request.parcels).take(0) {";
    "a record without a key comes back with one" in SETTLING:
        "(Keys::HashOnly | Keys::None, _) => bare()," => "(Keys::HashOnly | Keys::None, _) => record,";
    "half of a refused request is forgotten" in SETTLING:
        "self.suspects.push_back(other);" => "drop(other);";
    "what landed in an unknown shard is stored" in SETTLE:
        "Told::Unknown => Landing::Unknown," => "Told::Unknown => Landing::Right,";
    "waiting records ignore a lower limit" in RESHARDING:
        "let smaller = record_limit < self.record_limit;" => "let smaller = record_limit == 0;";
    "nobody looks at the line when one leaves it" in PIPELINE:
        "self.room.leave(id);\n        self.admit();" => "self.room.leave(id);";
    "a flush ends one record early" in ENDING:
        "_ if first_open >= mark =>" => "_ if first_open + 1 >= mark =>";
    "a failure does not stop its lane" in SETTLING:
        "self.lanes[key].stopped = Some(cause);" => "drop(cause);";
    "a stop is forgotten when the shard is split" in RESHARDING:
        "self.stop(now, key, &cause);" => "drop(cause);";
    "what is ambiguous is put again though it must not" in SETTLING:
        "self.settings.on_ambiguity == OnAmbiguity::Fail" => "self.settings.requests == 0";
    "one request too many" in SENDING:
        "self.under_way.len() < self.settings.requests" => "self.under_way.len() <= self.settings.requests";
    "attempts are forgotten when records are packed anew" in RESHARDING:
        "parcel.attempts = attempts.clone();" => "parcel.attempts = Attempts::default();";
    "a record's key is not counted" in DOOR:
        "record.data().len() + key.as_str().len()" => "record.data().len()";
    "a flush is not told of the last answer" in SETTLING:
        "self.admit();\n        self.report_flushes();" => "self.admit();";
    "a listing that was under way is trusted" in SETTLING:
        "self.listing + 1 + u64::from(self.inquiry.under_way)" => "self.listing + 1";
}
