//! Time runs out: records expire, flushes are waited for, the producer closes.
//! Called by `pipeline` as time passes, and by the shell.

use super::{Action, FlushId, Knowledge, LaneKey, Pipeline, Unrouted};
use crate::error::Error;
use crate::lane::Lane;
use crate::ledger::GRAIN;
use crate::parcel::Parcel;
use std::sync::Arc;
use tailwater_record::{ShardId, UserRecord};
use tokio::time::Instant;

impl Pipeline {
    /// Sends all that was put so far as soon as it may go. `Flushed` comes when all of it is settled.
    pub(crate) fn flush(&mut self, now: Instant) -> FlushId {
        let id = FlushId(self.next_flush);
        self.next_flush += 1;
        self.flushes.push((id, self.ledger.next()));
        self.hurry(now);
        self.report_flushes();
        id
    }

    /// Takes no more records, sends the others away that wait for room, and flushes.
    pub(crate) fn close(&mut self, now: Instant) -> FlushId {
        self.closed = true;
        for id in self.room.dismiss() {
            self.actions.push_back(Action::Dismiss(id, Error::Closed));
        }
        self.flush(now)
    }

    /// Settles everything that is left as failed. What was under way may be stored.
    pub(crate) fn abandon(&mut self, now: Instant) {
        self.close(now);
        let unrouted: Vec<Unrouted> = self.unrouted.drain(..).collect();
        self.unrouted_bytes = 0;
        self.fail_unrouted(unrouted, Error::Abandoned { may_have_happened: false });
        let keys: Vec<LaneKey> = self.lanes.iter().map(|(key, _)| key).collect();
        for key in keys {
            for parcel in self.lanes[key].drain() {
                self.abandon_parcel(key, parcel, false);
            }
            self.schedule(now, key);
        }
        let under_way = std::mem::take(&mut self.under_way).into_values().flat_map(|request| request.parcels);
        let undecided =
            std::mem::take(&mut self.undecided).into_iter().map(|undecided| (undecided.lane, undecided.parcel));
        let sent: Vec<(LaneKey, Parcel)> = under_way.chain(undecided).collect();
        let suspects: Vec<(LaneKey, Parcel)> = self.suspects.drain(..).flatten().collect();
        self.bytes_under_way = 0;
        for (key, parcel) in sent {
            self.abandon_parcel(key, parcel, true);
        }
        for (key, parcel) in suspects {
            self.abandon_parcel(key, parcel, false);
        }
        self.report_flushes();
    }

    fn abandon_parcel(&mut self, key: LaneKey, mut parcel: Parcel, sent: bool) {
        let records: Vec<(u64, UserRecord)> =
            parcel.records().into_iter().map(|(_, number, record)| (number, record)).collect();
        if !records.is_empty() {
            let may_have_happened = sent || parcel.attempts.may_have_happened();
            let shard = self.lanes[key].shard.clone();
            self.fail(shard, Error::Abandoned { may_have_happened }, parcel.attempts, records, parcel.cost);
        }
    }

    /// Lets a stopped lane go on; all of them, if no shard is named. Tells how many were stopped.
    pub(crate) fn resume(&mut self, now: Instant, shard: Option<&ShardId>) -> usize {
        let stopped = |lane: &Lane| lane.stopped.is_some() && (shard.is_none() || lane.shard.as_ref() == shard);
        let keys: Vec<LaneKey> = self.lanes.iter().filter(|(_, lane)| stopped(lane)).map(|(key, _)| key).collect();
        for key in &keys {
            let lane = &mut self.lanes[*key];
            lane.stopped = None;
            lane.recover();
            self.schedule(now, *key);
        }
        if self.is_stopped().is_none() {
            self.trend.resumed();
        }
        keys.len()
    }

    fn hurry(&mut self, now: Instant) {
        self.route(now);
        let keys: Vec<LaneKey> = self.lanes.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.counts.closed_by_flush += u64::from(self.lanes[key].hurry(now));
            self.schedule(now, key);
        }
    }

    /// Tells those who wait for a flush that is over, or that cannot end before somebody acts.
    pub(super) fn report_flushes(&mut self) {
        if self.flushes.is_empty() {
            return;
        }
        let first_open = self.ledger.first_open();
        for (id, mark) in std::mem::take(&mut self.flushes) {
            let held = |lane: &&Lane| lane.oldest_number().is_some_and(|number| number < mark);
            let stopped = self.lanes().filter(held).find_map(Lane::standstill);
            match stopped {
                _ if first_open >= mark => self.actions.push_back(Action::Flushed(id, Ok(()))),
                Some(error) => self.actions.push_back(Action::Flushed(id, Err(error))),
                None => self.flushes.push((id, mark)),
            }
        }
    }

    /// When the next record may have to be given up for its age.
    pub(super) fn expires_at(&self) -> Option<Instant> {
        let lives =
            self.settings.time_to_live.and_then(|limit| self.ledger.oldest()?.checked_add(limit)?.checked_add(GRAIN));
        let patience = match self.knowledge {
            Knowledge::None => self.unrouted.front().map(|oldest| oldest.accepted + self.settings.patience),
            Knowledge::Shards(_) | Knowledge::Spread(_) => None,
        };
        [lives, patience].into_iter().flatten().min()
    }

    /// Gives up what is too old, wherever it is.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.expires_at().is_none_or(|at| at > now) {
            return;
        }
        match self.knowledge {
            Knowledge::None => self.lose_patience(now),
            // What expires stops what is behind it, and that is its lane.
            Knowledge::Shards(_) | Knowledge::Spread(_) => self.route(now),
        }
        let Some(limit) = self.settings.time_to_live else { return };
        // A clock that has not run for so long yet has nothing that is so old.
        let Some(before) = now.checked_sub(limit) else { return };
        let expired = Error::Expired { limit, may_have_happened: false };
        let old = self.unrouted.partition_point(|arrival| arrival.accepted <= before);
        let records: Vec<Unrouted> = self.unrouted.drain(..old).collect();
        self.unrouted_bytes -= records.iter().map(|arrival| arrival.cost).sum::<u64>();
        self.fail_unrouted(records, expired);
        let keys: Vec<LaneKey> = self.lanes.iter().map(|(key, _)| key).collect();
        for key in keys {
            if self.lanes[key].oldest().is_some_and(|oldest| oldest <= before) {
                self.expire_waiting(now, key, before, limit);
            }
        }
        let mut under_way = std::mem::take(&mut self.under_way);
        for (key, parcel) in under_way.values_mut().flat_map(|request| &mut request.parcels) {
            self.expire_sent(now, *key, parcel, before, limit);
        }
        self.under_way = under_way;
        let mut undecided = std::mem::take(&mut self.undecided);
        for waiting in &mut undecided {
            self.expire_sent(now, waiting.lane, &mut waiting.parcel, before, limit);
        }
        self.undecided.extend(undecided);
        let mut suspects = std::mem::take(&mut self.suspects);
        for (key, parcel) in suspects.iter_mut().flatten() {
            self.expire_sent(now, *key, parcel, before, limit);
        }
        self.suspects.extend(suspects);
        self.admit();
    }

    /// The shards could not be listed for so long that records are not kept waiting.
    fn lose_patience(&mut self, now: Instant) {
        let Some(before) = now.checked_sub(self.settings.patience) else { return };
        let old = self.unrouted.partition_point(|arrival| arrival.accepted <= before);
        let records: Vec<Unrouted> = self.unrouted.drain(..old).collect();
        self.unrouted_bytes -= records.iter().map(|arrival| arrival.cost).sum::<u64>();
        let unanswered = Error::Nonsense { reason: "the description has not been answered" };
        let source = Arc::new(self.inquiry.last_error.clone().unwrap_or(unanswered));
        self.fail_unrouted(records, Error::NoShards { waited: self.settings.patience, source });
        self.admit();
    }

    /// Gives up what waits in a lane and is too old; the rest of its parcel is packed anew.
    fn expire_waiting(&mut self, now: Instant, key: LaneKey, before: Instant, limit: std::time::Duration) {
        let (mut rest, mut lost) = (Vec::new(), false);
        for mut parcel in self.lanes[key].drain() {
            if parcel.accepted <= before {
                let shard = self.lanes[key].shard.clone();
                let may_have_happened = parcel.attempts.may_have_happened();
                let (struck, cost) = self.strike(&mut parcel, before);
                if !struck.is_empty() {
                    lost = true;
                    let error = Error::Expired { limit, may_have_happened };
                    self.fail(shard, error, parcel.attempts.clone(), struck, cost);
                }
            }
            if !parcel.is_struck() {
                rest.push(parcel);
            }
        }
        self.inherit(now, rest);
        if lost {
            self.stop(now, key, &Error::Expired { limit, may_have_happened: false });
        }
        self.weigh(key);
        self.schedule(now, key);
    }

    /// Gives up what is too old in a parcel that is not waiting; it stays where it is until it is answered.
    fn expire_sent(
        &mut self,
        now: Instant,
        key: LaneKey,
        parcel: &mut Parcel,
        before: Instant,
        limit: std::time::Duration,
    ) {
        if parcel.accepted > before || parcel.is_struck() {
            return;
        }
        let (struck, cost) = self.strike(parcel, before);
        self.lanes[key].used -= cost;
        if struck.is_empty() {
            return;
        }
        let shard = self.lanes[key].shard.clone();
        let error = Error::Expired { limit, may_have_happened: true };
        self.stop(now, key, &error);
        self.fail(shard, error, parcel.attempts.clone(), struck, cost);
    }
}
