//! Answers come in: what is stored is told, what failed goes back to the front of its lane or is given up.
//! Called by the shell, through `answered`, once for every request.

use super::{Action, Failed, LaneKey, Pipeline, PutOutcome, RequestId, Stored, Undecided, UnderWay};
use crate::attempts::{Attempts, Trouble};
use crate::config::{OnAmbiguity, OnFailure, Ordering};
use crate::error::Error;
use crate::event::Event;
use crate::intake::cost;
use crate::ledger::Keys;
use crate::parcel::{KEYLESS, Parcel};
use crate::route::birth;
use crate::settle::{Entry, Landing, Whole, judge_entry, judge_landing, judge_request};
use std::sync::Arc;
use std::time::Duration;
use tailwater_record::{SequenceNumber, ShardId, UserRecord};
use tailwater_wire::FaultCode;
use tokio::time::Instant;

impl Pipeline {
    /// Takes the answer to a request.
    pub(crate) fn answered(&mut self, now: Instant, id: RequestId, outcome: PutOutcome) {
        let Some(UnderWay { parcels, bytes, sent }) = self.under_way.remove(&id) else { return };
        self.bytes_under_way -= bytes;
        self.counts.answered += 1;
        self.counts.request_time += now.saturating_duration_since(sent);
        match outcome {
            Ok(entries) if entries.len() == parcels.len() => {
                // Backwards, so that what goes to the front of its lane stands there in order.
                for ((key, parcel), entry) in parcels.into_iter().zip(entries).rev() {
                    self.settle_entry(now, key, parcel, judge_entry(entry));
                }
            }
            Ok(_) => {
                let error = Error::Nonsense { reason: "there are not as many answers as records" };
                self.give_up_all(now, parcels, &error);
            }
            Err(error) => {
                let code = error.code().cloned();
                match judge_request(&error) {
                    Whole::Throttled => self.all_again(now, parcels, Trouble::Throttled, code.as_ref()),
                    Whole::Transient => self.all_again(now, parcels, Trouble::Transient, code.as_ref()),
                    Whole::Ambiguous => self.all_again(now, parcels, Trouble::Ambiguous, code.as_ref()),
                    Whole::Poisoned => self.bisect(now, parcels, &error),
                    Whole::Permanent(error) => {
                        self.want_description(now);
                        if code == Some(FaultCode::ResourceNotFound) {
                            self.doubt(now);
                        }
                        self.give_up_all(now, parcels, &error);
                    }
                }
            }
        }
        self.admit();
        self.report_flushes();
    }

    /// The answer to a request will never come: whoever was to bring it is gone.
    pub(crate) fn lost(&mut self, now: Instant, id: RequestId) {
        if let Some(UnderWay { parcels, bytes, .. }) = self.under_way.remove(&id) {
            self.bytes_under_way -= bytes;
            self.all_again(now, parcels, Trouble::Ambiguous, None);
            self.admit();
        }
    }

    fn settle_entry(&mut self, now: Instant, key: LaneKey, parcel: Parcel, entry: Entry) {
        match entry {
            Entry::Stored(shard, sequence) => self.landed(now, key, parcel, shard, sequence),
            Entry::Throttled(code) => {
                if code == FaultCode::ProvisionedThroughputExceeded {
                    self.lanes[key].pace.throttled(now);
                }
                self.again(now, key, parcel, Trouble::Throttled, Some(code));
            }
            Entry::Ambiguous(code) => self.again(now, key, parcel, Trouble::Ambiguous, Some(code)),
            Entry::Refused(error) => self.give_up(now, key, parcel, error),
        }
    }

    /// It is stored somewhere: where it was meant to be?
    fn landed(&mut self, now: Instant, key: LaneKey, mut parcel: Parcel, shard: ShardId, sequence: SequenceNumber) {
        let lane = &self.lanes[key];
        let whole_stream = lane.shard.is_none();
        let aggregated = parcel.is_aggregated();
        let expected = match &lane.shard {
            Some(own) => *own == shard && (self.births_mean_nothing || lane.birth == birth(&sequence)),
            // Any shard is right where the service spreads records; but an aggregate is passed over in all but its own.
            None => !aggregated,
        };
        if expected {
            return self.stored(now, key, parcel, shard, sequence);
        }
        // Where the service spreads records, an aggregate often lands elsewhere; time after time, perhaps it no longer does.
        if parcel.listing == self.listing && (!whole_stream || parcel.attempts.count().is_multiple_of(16)) {
            self.want_description(now);
        }
        self.tell(Event::Misplaced { meant: self.lanes[key].shard.clone(), landed: shard.clone() });
        let span = parcel.span;
        let told = self.known.find(&shard, &sequence);
        match judge_landing(aggregated, |range| span.is_within(range), told) {
            Landing::Right => self.stored(now, key, parcel, shard, sequence),
            Landing::Wrong => self.again(now, key, parcel, Trouble::Misplaced, None),
            Landing::Unknown => {
                // A listing that is under way may have been made before the shard was.
                let needs = self.listing + 1 + u64::from(self.inquiry.under_way);
                self.want_description(now);
                self.undecided.push(Undecided { lane: key, parcel, shard, sequence, needs });
            }
        }
    }

    /// Decides, with a new listing, about what could not be decided before.
    pub(super) fn decide(&mut self, now: Instant) {
        let (ripe, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.undecided).into_iter().partition(|undecided| undecided.needs <= self.listing);
        self.undecided = rest;
        if self.undecided.iter().any(|undecided| undecided.needs > self.listing) {
            self.want_description(now);
        }
        let (mut strange, mut plausible) = (false, false);
        for Undecided { lane, parcel, shard, sequence, .. } in ripe.into_iter().rev() {
            let span = parcel.span;
            let by_number = judge_landing(true, |range| span.is_within(range), self.known.find(&shard, &sequence));
            let landing = match by_number {
                Landing::Unknown => {
                    let told = self.known.find_by_id(&shard, self.listing);
                    let landing = judge_landing(true, |range| span.is_within(range), told);
                    strange |= landing != Landing::Unknown;
                    landing
                }
                landing => {
                    plausible = true;
                    landing
                }
            };
            match landing {
                Landing::Right => self.stored(now, lane, parcel, shard, sequence),
                // A shard that came and went between two listings: readers of it are not known, so nothing is promised.
                Landing::Wrong | Landing::Unknown => self.again(now, lane, parcel, Trouble::Misplaced, None),
            }
        }
        self.strange_births = if plausible { 0 } else { self.strange_births + u32::from(strange) };
        // Once it may be a stream that was made anew, with many answers out; three times, numbers are not what we think.
        self.births_mean_nothing |= self.strange_births >= 3;
    }

    fn stored(&mut self, now: Instant, key: LaneKey, parcel: Parcel, shard: ShardId, sequence: SequenceNumber) {
        let lane = &mut self.lanes[key];
        lane.recover();
        lane.used -= parcel.cost;
        lane.under_way -= 1;
        self.release(parcel.cost);
        self.trend.stored();
        self.counts.stored_parcels += 1;
        self.counts.stored_bytes += parcel.size as u64;
        let records: Vec<(u64, u32)> = parcel.unsettled().map(|(place, number)| (number, place as u32)).collect();
        for (number, _) in &records {
            self.settle_number(*number);
        }
        self.counts.stored += records.len() as u64;
        if !records.is_empty() {
            let (attempts, waited) = (parcel.attempts.count(), now.saturating_duration_since(parcel.accepted));
            self.actions.push_back(Action::Stored(Stored { shard, sequence, attempts, waited, records }));
        }
        self.weigh(key);
        self.leave_lane(now, key);
    }

    /// Back to the front of its lane, after a while.
    fn again(&mut self, now: Instant, key: LaneKey, mut parcel: Parcel, trouble: Trouble, code: Option<FaultCode>) {
        let after = now.saturating_duration_since(parcel.accepted);
        self.trend.trouble(now, trouble, code.as_ref());
        self.counts.troubled(trouble);
        parcel.attempts.failed_by(trouble, code, after);
        if trouble == Trouble::Ambiguous && self.settings.on_ambiguity == OnAmbiguity::Fail {
            return self.give_up(now, key, parcel, Error::Ambiguous);
        }
        let lane = &mut self.lanes[key];
        lane.under_way -= 1;
        lane.used -= parcel.cost;
        if parcel.is_struck() {
            return self.leave_lane(now, key);
        }
        self.counts.retries += 1;
        let stays = !parcel.has_struck() && self.fits_stream(&mut parcel);
        let lane = &mut self.lanes[key];
        if trouble == Trouble::Misplaced && lane.shard.is_some() {
            // Its shard is not what we think; by the same listing it would go wrong again.
            if !lane.closing && parcel.listing == self.listing {
                lane.awaits_listing = Some(self.listing + 1);
            }
        } else {
            let least = if self.retries.spend() {
                Duration::ZERO
            } else {
                self.settings.longest_wait.mul_f64(0.5 + self.chance.f64() / 2.0)
            };
            lane.rest(now, trouble == Trouble::Throttled, least, &mut self.chance);
        }
        if stays && !lane.closing {
            lane.put_first(parcel);
        } else {
            let not_before = lane.not_before;
            for key in self.put_back(now, vec![parcel]) {
                let lane = &mut self.lanes[key];
                lane.not_before = lane.not_before.max(not_before);
                self.schedule(now, key);
            }
        }
        self.leave_lane(now, key);
    }

    fn all_again(&mut self, now: Instant, parcels: Vec<(LaneKey, Parcel)>, trouble: Trouble, code: Option<&FaultCode>) {
        for (key, parcel) in parcels.into_iter().rev() {
            self.again(now, key, parcel, trouble, code.cloned());
        }
    }

    /// Something in the request is refused: its halves are tried apart, until what is refused is alone.
    fn bisect(&mut self, now: Instant, mut parcels: Vec<(LaneKey, Parcel)>, error: &Arc<tailwater_client::Error>) {
        self.counts.bisected += 1;
        self.tell(Event::Suspected { entries: parcels.len() });
        // Perhaps the stream takes smaller records than it did.
        self.want_description(now);
        if parcels.len() > 1 {
            let other = parcels.split_off(parcels.len() / 2);
            self.suspects.push_back(parcels);
            self.suspects.push_back(other);
            return;
        }
        let Some((key, mut parcel)) = parcels.pop() else { return };
        let bare = self.goes_bare(key, &mut parcel);
        let after = now.saturating_duration_since(parcel.accepted);
        parcel.attempts.failed_by(Trouble::Refused, error.code().cloned(), after);
        if parcel.numbers.len() == 1 && !bare {
            return self.give_up(now, key, parcel, Error::Call { source: Arc::clone(error) });
        }
        let lane = &mut self.lanes[key];
        lane.under_way -= 1;
        lane.used -= parcel.cost;
        let halves = if bare { vec![parcel] } else { self.halve(now, parcel) };
        for key in self.put_back(now, halves) {
            self.schedule(now, key);
        }
        self.leave_lane(now, key);
    }

    /// Suspects have waited: what the stream no longer takes, or what expired in part, goes back to be packed anew.
    pub(super) fn still_sendable(&mut self, now: Instant, parcels: Vec<(LaneKey, Parcel)>) -> Vec<(LaneKey, Parcel)> {
        let mut sendable = Vec::with_capacity(parcels.len());
        for (key, mut parcel) in parcels {
            if !parcel.has_struck() && self.fits_stream(&mut parcel) {
                sendable.push((key, parcel));
                continue;
            }
            let lane = &mut self.lanes[key];
            lane.under_way -= 1;
            lane.used -= parcel.cost;
            if !parcel.is_struck() {
                for key in self.put_back(now, vec![parcel]) {
                    self.schedule(now, key);
                }
            }
            self.leave_lane(now, key);
        }
        sendable
    }

    fn give_up_all(&mut self, now: Instant, parcels: Vec<(LaneKey, Parcel)>, error: &Error) {
        for (key, parcel) in parcels {
            self.give_up(now, key, parcel, error.clone());
        }
    }

    /// Hands a parcel's records back; what is behind them waits, if order is kept and nobody chose otherwise.
    fn give_up(&mut self, now: Instant, key: LaneKey, mut parcel: Parcel, error: Error) {
        let lane = &mut self.lanes[key];
        lane.under_way -= 1;
        lane.used -= parcel.cost;
        let shard = lane.shard.clone();
        let records: Vec<(u64, UserRecord)> =
            parcel.records().into_iter().map(|(_, number, record)| (number, record)).collect();
        if !records.is_empty() {
            self.trend.failed(&error);
            self.stop(now, key, &error);
            self.fail(shard, error, parcel.attempts, records, parcel.cost);
        }
        self.leave_lane(now, key);
    }

    /// Stops the lane, and if its shard is gone those that took its place.
    pub(super) fn stop(&mut self, now: Instant, key: LaneKey, error: &Error) {
        if self.settings.ordering == Ordering::None || self.settings.on_failure == OnFailure::Skip {
            return;
        }
        let cause = Arc::new(error.clone());
        self.trend.stopped(error);
        self.tell(Event::Stopped { shard: self.lanes[key].shard.clone(), error: error.clone() });
        if !self.lanes[key].closing {
            self.lanes[key].stopped = Some(cause);
            self.schedule(now, key);
        } else {
            for other in self.overlapping(key) {
                self.lanes[other].stopped.get_or_insert_with(|| Arc::clone(&cause));
                self.schedule(now, other);
            }
        }
        self.turn_away();
    }

    /// Settles records as failed. `cost` is what all of them take of the budget.
    pub(super) fn fail(
        &mut self,
        shard: Option<ShardId>,
        error: Error,
        attempts: Attempts,
        records: Vec<(u64, UserRecord)>,
        cost: u64,
    ) {
        let records: Vec<(u64, UserRecord)> =
            records.into_iter().map(|(number, record)| (number, self.as_put(number, record))).collect();
        for (number, _) in &records {
            self.settle_number(*number);
        }
        self.counts.failed += records.len() as u64;
        self.release(cost);
        self.actions.push_back(Action::Failed(Box::new(Failed { shard, error, attempts, records })));
    }

    fn settle_number(&mut self, number: u64) {
        let settled = self.ledger.settle(number);
        assert!(settled, "record {number} is settled once");
    }

    /// The record without what was filled in.
    fn as_put(&self, number: u64, record: UserRecord) -> UserRecord {
        let bare = || UserRecord::new(record.data().clone()).with_headers(record.headers().clone());
        match (self.ledger.keys(number), record.explicit_hash_key()) {
            (Keys::Given, _) => record,
            (Keys::HashOnly, Some(hash_key)) => bare().with_explicit_hash_key(hash_key),
            (Keys::HashOnly | Keys::None, _) => bare(),
        }
    }

    /// What the record takes of the budget: a key that was filled in was never charged.
    pub(super) fn cost_as_put(&self, number: u64, record: &UserRecord) -> u64 {
        let filled_in = if self.ledger.keys(number) == Keys::Given { 0 } else { KEYLESS.len() as u64 };
        cost(record) - filled_in
    }

    /// Strikes out of a parcel that is under way what was accepted before a moment, and gives it.
    pub(super) fn strike(&mut self, parcel: &mut Parcel, before: Instant) -> (Vec<(u64, UserRecord)>, u64) {
        let (mut struck, mut total) = (Vec::new(), 0);
        for (place, number, record) in parcel.records() {
            if self.ledger.accepted_at(number).is_some_and(|accepted| accepted <= before) {
                let cost = self.cost_as_put(number, &record);
                parcel.strike(place);
                parcel.cost -= cost;
                total += cost;
                struck.push((number, record));
            }
        }
        (struck, total)
    }

    /// Something of this lane is no longer under way: a lane whose shard is gone may be gone too.
    pub(super) fn leave_lane(&mut self, now: Instant, key: LaneKey) {
        let lane = &self.lanes[key];
        if !lane.closing || lane.under_way > 0 {
            return self.schedule(now, key);
        }
        let successors = self.overlapping(key);
        self.closing.retain(|closing| *closing != key);
        if self.lanes[key].over {
            self.over -= 1;
        }
        self.lanes.remove(key);
        for successor in successors {
            self.schedule(now, successor);
        }
    }
}
