//! Collects parcels of many lanes to one request: what has lingered longest first, and whatever else is ready along with it.
//! Called by `pipeline` whenever time has passed.

use super::{Action, KEY_MAX, LaneKey, Pipeline, RequestId, Sent, UnderWay};
use crate::attempts::Trouble;
use crate::config::OuterKey;
use crate::lane::Next;
use crate::ledger::Keys;
use crate::parcel::Parcel;
use std::collections::VecDeque;
use tailwater_record::PartitionKey;
use tailwater_wire::shapes::PutRecordsRequestEntry;
use tokio::time::Instant;

impl Pipeline {
    /// Whether one more request may be under way.
    pub(super) fn may_send(&self) -> bool {
        // Encoded requests are larger than what they carry, and the budget knows only that.
        self.under_way.is_empty()
            || self.under_way.len() < self.settings.requests && self.bytes_under_way < self.settings.budget as usize / 4
    }

    /// Whether so much waits that lingering would gain nothing.
    pub(super) fn is_worth_a_request(&self) -> bool {
        self.heads >= self.settings.request_records
            || self.head_bytes >= self.settings.request_bytes
            || !self.suspects.is_empty()
    }

    /// Sends what may go.
    pub(super) fn collect(&mut self, now: Instant) {
        while self.may_send() {
            if let Some(parcels) = self.suspects.pop_front() {
                let parcels = self.still_sendable(now, parcels);
                if !parcels.is_empty() {
                    self.send(now, parcels);
                }
                continue;
            }
            if !self.is_worth_a_request() && self.agenda.first().is_none_or(|(at, _)| *at > now) {
                return;
            }
            let parcels = self.gather(now);
            if parcels.is_empty() {
                return;
            }
            self.send(now, parcels);
        }
    }

    /// Takes parcels for one request.
    fn gather(&mut self, now: Instant) -> Vec<(LaneKey, Parcel)> {
        let (mut ready, mut stale): (Vec<(Instant, LaneKey)>, Vec<LaneKey>) = Default::default();
        for (at, key) in &self.agenda {
            match self.lanes[*key].next(now, &self.settings) {
                Some(next) if is_ready(next, now) => ready.push((next.due, *key)),
                next if *at <= now || next.is_none() => stale.push(*key),
                _ => {}
            }
        }
        // What was entered for now may have been delayed since; it is entered anew, or it would be looked at for ever.
        for key in stale {
            self.schedule(now, key);
        }
        ready.sort_unstable();
        let mut ready: VecDeque<LaneKey> = ready.into_iter().map(|(_, key)| key).collect();
        let left = (self.settings.budget as usize / 4).saturating_sub(self.bytes_under_way);
        let most = self.settings.request_bytes.min(left);
        let (mut parcels, mut bytes) = (Vec::new(), 0);
        while let Some(key) = ready.pop_front() {
            let Some(next) = self.lanes[key].next(now, &self.settings).filter(|next| is_ready(*next, now)) else {
                continue;
            };
            let size = next.closed.unwrap_or_else(|| self.lanes[key].open_size());
            if !parcels.is_empty() && bytes + size + KEY_MAX > most {
                continue;
            }
            self.counts.closed_by_linger += u64::from(next.closed.is_none());
            let parcel = self.lanes[key].take(now, next);
            bytes += parcel.size + KEY_MAX;
            parcels.push((key, parcel));
            self.schedule(now, key);
            if parcels.len() >= self.settings.request_records {
                break;
            }
            // Where order is not kept, a lane may have more.
            ready.push_back(key);
        }
        parcels
    }

    fn send(&mut self, now: Instant, mut parcels: Vec<(LaneKey, Parcel)>) {
        Parcel::seal(parcels.iter_mut().map(|(_, parcel)| parcel));
        let id = RequestId(self.next_request);
        self.next_request += 1;
        let (mut bytes, mut sent) = (0, Vec::with_capacity(parcels.len()));
        let mut entries = Vec::with_capacity(parcels.len());
        for (key, parcel) in &mut parcels {
            if parcel.attempts.count() == 0 {
                self.retries.earn();
                self.counts.parcels += 1;
            }
            parcel.attempts.begin();
            parcel.sent = Some(now);
            parcel.listing = self.listing;
            let entry = self.entry(*key, parcel);
            bytes += parcel.size + entry.partition_key.as_ref().map_or(0, |key| key.as_str().len());
            sent.push(Sent {
                records: parcel.numbers.len(),
                bytes: parcel.size,
                waited: now.saturating_duration_since(parcel.accepted),
                attempt: parcel.attempts.count(),
            });
            entries.push(entry);
        }
        self.counts.requests += 1;
        self.counts.sent += entries.len() as u64;
        self.bytes_under_way += bytes;
        self.under_way.insert(id, UnderWay { parcels, bytes, sent: now });
        self.actions.push_back(Action::Send { id, entries, parcels: sent });
    }

    fn entry(&self, key: LaneKey, parcel: &mut Parcel) -> PutRecordsRequestEntry {
        let shard = self.lanes[key].shard.as_ref();
        let (hash_key, bare) = (parcel.hash_key, self.goes_bare(key, parcel));
        let packed = parcel.packed();
        let own = packed.partition_key();
        let outer = |key: &PartitionKey| Some(key.clone());
        let partition_key = match &self.settings.outer_key {
            _ if bare => None,
            _ if !packed.is_aggregated() => outer(own),
            OuterKey::Kpl => outer(&self.kpl_key),
            OuterKey::First => outer(own),
            OuterKey::Shard => shard.and_then(|shard| shard.to_string().parse().ok()).or_else(|| outer(&self.kpl_key)),
        };
        // A plain record falls where its key says, if it was given no other place.
        let needs_hash_key = packed.is_aggregated() || packed.explicit_hash_key().is_some();
        let mut entry = PutRecordsRequestEntry::new(packed.data().clone(), self.kpl_key.clone());
        entry.partition_key = partition_key;
        entry.explicit_hash_key = (needs_hash_key && shard.is_some()).then_some(hash_key);
        entry
    }

    /// Whether it travels without any key: only a stream that spreads its records takes that. Refused once, it gets one.
    pub(super) fn goes_bare(&self, key: LaneKey, parcel: &mut Parcel) -> bool {
        let was_refused = || parcel.attempts.failed().iter().any(|attempt| attempt.trouble == Trouble::Refused);
        let may =
            self.lanes[key].shard.is_none() && self.ledger.keys(parcel.numbers[0]) != Keys::Given && !was_refused();
        may && !parcel.is_aggregated()
    }
}

/// Whether it may go, at least along with others.
fn is_ready(next: Next, now: Instant) -> bool {
    next.free <= now && (next.due <= now || next.closed.is_some())
}
