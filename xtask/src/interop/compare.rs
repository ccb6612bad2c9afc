//! Whether what came back is what was sent, record by record.
//! Why here: the other packages have known faults, and this is the one place that says where they are not compared.
//! Pure. Called by `aggregates`, once per batch and direction.

use super::exchange::Reading;
use super::programs::Language;
use std::collections::HashSet;
use tailwater_record::UserRecord;
use tailwater_record::kpl::{Packed, Unpacked};

/// What was found equal, and what was left out.
#[derive(Default)]
pub(crate) struct Agreed {
    pub(crate) records: usize,
    pub(crate) keys_left_out: usize,
    pub(crate) hash_keys_left_out: usize,
}

/// Whether they read what we packed. Headers they pass over, so these must not show in any other field.
///
/// Python and Node take a record without an explicit hash key, in an aggregate where another record has one, for one
/// with the first hash key of the table: they read the index that is not there as 0. Only there the hash key is not
/// compared; that the record has none is for `unpack` to know.
pub(crate) fn they_read(records: &[UserRecord], packed: &Packed, reading: &Reading) -> Result<Agreed, String> {
    let given = match reading {
        Reading::Plain(data) => {
            let same = !packed.is_aggregated() && records.iter().map(UserRecord::data).eq([data]);
            let agreed = Agreed { records: 1, ..Agreed::default() };
            return if same { Ok(agreed) } else { Err("taken for plain data".into()) };
        }
        Reading::Refused(complaint) | Reading::Aggregate { complaint: Some(complaint), .. } => {
            return Err(format!("refused: {complaint}"));
        }
        Reading::Aggregate { .. } if !packed.is_aggregated() => return Err("plain data taken for an aggregate".into()),
        Reading::Aggregate { records, complaint: None } => records,
    };
    if given.len() != records.len() {
        return Err(format!("{} records became {}", records.len(), given.len()));
    }
    let table = records.iter().any(|record| record.explicit_hash_key().is_some());
    let mut agreed = Agreed { records: records.len(), ..Agreed::default() };
    for (place, (record, given)) in records.iter().zip(given).enumerate() {
        if given.key.as_deref() != record.partition_key().map(|key| key.as_str()) {
            return Err(format!("record {place} has another partition key"));
        }
        let hash_key = record.explicit_hash_key().map(|key| key.to_string());
        if table && hash_key.is_none() {
            agreed.hash_keys_left_out += 1;
        } else if given.hash_key != hash_key {
            return Err(format!("record {place} has hash key {:?}, not {hash_key:?}", given.hash_key));
        }
        same_data(place, record.data(), &given.data)?;
    }
    Ok(agreed)
}

/// Whether we read what they packed.
///
/// Node keeps its tables in objects, and an object lists names that look like array indices first, by number: "7" is
/// written before "k" or "12", whatever came first, while the records' indices count by first use. Where that has
/// moved the table, the bytes name the wrong keys, so keys are not compared.
pub(crate) fn we_read(records: &[UserRecord], from: Language, unpacked: &Unpacked) -> Result<Agreed, String> {
    let aggregate = match unpacked {
        Unpacked::Plain(_) => return Err("taken for plain data".into()),
        Unpacked::Aggregated(aggregate) => aggregate,
    };
    if let Some(unreadable) = aggregate.unreadable() {
        return Err(format!("record {} is unreadable: {}", unreadable.first(), unreadable.cause()));
    }
    if aggregate.records().count() != records.len() {
        return Err(format!("{} records became {}", records.len(), aggregate.records().count()));
    }
    let keys = records.iter().filter_map(|record| record.partition_key().map(ToString::to_string));
    let hash_keys = records.iter().filter_map(|record| record.explicit_hash_key().map(|key| key.to_string()));
    let keys_moved = from == Language::Node && node_moves(keys);
    let hash_keys_moved = from == Language::Node && node_moves(hash_keys);

    let mut agreed = Agreed { records: records.len(), ..Agreed::default() };
    for (place, (record, entry)) in records.iter().zip(aggregate.records()).enumerate() {
        if keys_moved {
            agreed.keys_left_out += 1;
        } else if Some(entry.partition_key()) != record.partition_key().map(|key| key.as_str()) {
            return Err(format!("record {place} has another partition key"));
        }
        let (given, expected) = (entry.explicit_hash_key(), record.explicit_hash_key());
        if hash_keys_moved && given.is_some() && expected.is_some() {
            agreed.hash_keys_left_out += 1;
        } else if given != expected {
            return Err(format!("record {place} has hash key {given:?}, not {expected:?}"));
        }
        if entry.headers().next().is_some() {
            return Err(format!("record {place} has headers"));
        }
        same_data(place, record.data(), entry.data())?;
    }
    Ok(agreed)
}

fn same_data(place: usize, expected: &[u8], given: &[u8]) -> Result<(), String> {
    if expected == given {
        return Ok(());
    }
    let at = expected.iter().zip(given).take_while(|(expected, given)| expected == given).count();
    Err(format!("record {place} has {} bytes, not {}, and differs from byte {at}", given.len(), expected.len()))
}

/// Whether Node writes a table of these texts in another order than that of their first use.
fn node_moves(texts: impl Iterator<Item = String>) -> bool {
    let mut seen = HashSet::new();
    let used: Vec<String> = texts.filter(|text| seen.insert(text.clone())).collect();
    !used.is_sorted_by_key(|text| array_index(text).unwrap_or(u32::MAX))
}

/// The number, if JavaScript takes the text for an array index: canonical, and below 2^32 - 1.
fn array_index(text: &str) -> Option<u32> {
    text.parse().ok().filter(|index: &u32| *index != u32::MAX && index.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::node_moves;

    #[test]
    fn node_moves_numbers_to_the_front() {
        let moves = |texts: &[&str]| node_moves(texts.iter().map(|text| (*text).to_owned()));
        assert!(moves(&["k", "7"]));
        assert!(moves(&["12", "7"]));
        assert!(!moves(&["7", "12", "k", "7", "07", "4294967295"]));
    }
}
