//! Reads what is sent as a consumer would, and holds it against what was put.
//! Called for every entry of a request.

use super::{Oracle, Packet, Verdict};
use tailwater_record::kpl::{MAGIC, Unpacked, unpack};
use tailwater_record::{HashKey, UserRecord};
use tailwater_wire::shapes::PutRecordsRequestEntry;

impl Oracle {
    /// What a reader would make of an entry, and whether it is what was put.
    pub(super) fn read(&self, entry: PutRecordsRequestEntry) -> Result<Packet, String> {
        let (mut ids, mut hash_keys) = (Vec::new(), Vec::new());
        let aggregated = match unpack(entry.data.clone(), None) {
            Unpacked::Plain(data) => {
                let mut record = UserRecord::new(data);
                if let Some(key) = &entry.partition_key {
                    record = record.with_partition_key(key.clone());
                }
                if let Some(key) = entry.explicit_hash_key {
                    record = record.with_explicit_hash_key(key);
                }
                self.recognize(&record, &mut ids, &mut hash_keys)?;
                false
            }
            Unpacked::Aggregated(aggregate) => {
                ensure!(aggregate.unreadable().is_none(), "an aggregate cannot be read");
                for inside in aggregate.entries() {
                    let record = inside.to_record().map_err(|fault| format!("a record cannot be read: {fault}"))?;
                    self.recognize(&record, &mut ids, &mut hash_keys)?;
                }
                true
            }
        };
        let poison = ids.iter().any(|id| self.shadows[*id].poison);
        // What is left of a refused request goes where it was meant to go, though the shards be others now.
        let left = ids.iter().any(|id| self.shadows[*id].invalid);
        let first = hash_keys.first().filter(|_| !left);
        let meant = first.and_then(|key| self.ranges.iter().find(|range| range.contains(*key))).copied();
        Ok(Packet { entry, ids, hash_keys, aggregated, poison, meant })
    }

    fn recognize(&self, read: &UserRecord, ids: &mut Vec<usize>, hash_keys: &mut Vec<HashKey>) -> Verdict {
        let id = id_of(read).filter(|id| *id < self.shadows.len()).ok_or("a record that nobody put")?;
        let put = &self.shadows[id].record;
        ensure!(read.data() == put.data() && read.headers() == put.headers(), "record {id} was changed on its way");
        let key = put.partition_key().map_or("-", |key| key.as_str());
        let found = read.partition_key().map_or("-", |key| key.as_str());
        ensure!(key == found, "record {id} travels under the key {found}, not {key}");
        let placed = put.partition_key().is_none() || read.explicit_hash_key() == put.explicit_hash_key();
        ensure!(placed || self.ever_spread, "record {id} lost its hash key");
        ids.push(id);
        hash_keys.push(self.shadows[id].hash_key.or(read.hash_key()).unwrap_or(HashKey::MIN));
        Ok(())
    }
}

/// The id that the payload begins with, perhaps behind an aggregate's magic.
fn id_of(record: &UserRecord) -> Option<usize> {
    let data = record.data();
    let data = data.strip_prefix(&MAGIC).unwrap_or(data);
    let id = data.get(..4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(id)).ok()
}
