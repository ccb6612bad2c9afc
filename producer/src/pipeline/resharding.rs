//! The stream's shards change: the map is listed anew, and what waits moves to the lanes where it now belongs.
//! Why nothing waits for a listing but what proved wrong: until it comes, the old map is the best there is.
//! Why a lane outlives its shard while it has something under way: what comes back is older than all else of those keys,
//! so the lanes that follow send nothing before.
//! Called by the shell with a description, through `described`, and by `pipeline` as time passes.

use super::{Action, BETWEEN_INQUIRIES, Description, KEY_MAX, Knowledge, LaneKey, Pipeline};
use crate::aggregate::{Aggregator, Arrival, Sizes};
use crate::attempts::Attempts;
use crate::config::Ordering;
use crate::error::Error;
use crate::event::Event;
use crate::lane::Lane;
use crate::pace::Rate;
use crate::parcel::Parcel;
use crate::route::{Listed, Map};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tailwater_client as client;
use tailwater_record::{HashRange, UserRecord};
use tailwater_wire::FaultCode;
use tokio::time::Instant;

/// Producers that see the same reshard do not ask at the same moment.
const JITTER: Duration = Duration::from_millis(50);
/// The wait after a description that failed, which grows by half with each, up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl Pipeline {
    /// Asks for a description, if it is time.
    pub(super) fn inquire(&mut self, now: Instant) {
        if !self.inquiry.under_way && self.wants_description() && self.inquiry.at <= now {
            self.inquiry.under_way = true;
            self.inquiry.asked = Some(now);
            self.counts.descriptions += 1;
            self.actions.push_back(Action::Describe);
        }
    }

    pub(super) fn wants_description(&self) -> bool {
        match self.knowledge {
            // What does not exist is asked for again only when somebody needs it.
            Knowledge::None => !self.unrouted.is_empty() || self.inquiry.failures == 0,
            Knowledge::Shards(_) | Knowledge::Spread(_) => true,
        }
    }

    /// Something hints that the stream is not what we think: it is described soon, once for all hints.
    pub(super) fn want_description(&mut self, now: Instant) {
        let jitter = JITTER.mul_f64(self.chance.f64());
        let earliest = self.inquiry.asked.map_or(now, |asked| asked + BETWEEN_INQUIRIES);
        let at = (now + jitter).max(earliest);
        // Failed ones keep their own, longer wait.
        if self.inquiry.failures == 0 {
            self.inquiry.at = self.inquiry.at.min(at);
        }
    }

    /// Takes a description over, or that there is none.
    pub(crate) fn described(&mut self, now: Instant, outcome: Result<Description, Arc<client::Error>>) {
        self.inquiry.under_way = false;
        match outcome {
            Ok(description) => {
                self.inquiry.failures = 0;
                self.inquiry.last_error = None;
                self.inquiry.at = now + self.settings.recheck.mul_f64(0.9 + 0.2 * self.chance.f64());
                if !self.adopt(now, description) {
                    // The listing was torn by a reshard; the next one will not be.
                    self.inquiry.at = now + BETWEEN_INQUIRIES;
                    self.tell(Event::Torn);
                }
            }
            Err(source) => {
                self.inquire_later(now);
                let missing = source.code() == Some(&FaultCode::ResourceNotFound);
                let (lasting, error) = (!source.is_retryable(), Error::Call { source });
                self.trend.failed(&error);
                self.tell(Event::Undescribed { error: error.clone() });
                if lasting && matches!(self.knowledge, Knowledge::None) {
                    let records = self.unrouted.drain(..).collect();
                    self.unrouted_bytes = 0;
                    self.fail_unrouted(records, error.clone());
                }
                if missing {
                    self.fail_doubtful(now, &error);
                }
                self.inquiry.last_error = Some(error);
            }
        }
        self.admit();
        self.report_flushes();
    }

    /// The stream is gone. If it is made anew, its shards may have the same names and other hash keys, so nothing is sent by
    /// the old listing.
    pub(super) fn doubt(&mut self, now: Instant) {
        let keys: Vec<LaneKey> = self.lanes.iter().filter(|(_, lane)| !lane.closing).map(|(key, _)| key).collect();
        for key in keys {
            self.lanes[key].awaits_listing = Some(self.listing + 1);
            self.schedule(now, key);
        }
    }

    /// The stream is still gone: what waits for a listing comes back, unless it waits for somebody to act.
    fn fail_doubtful(&mut self, now: Instant, error: &Error) {
        self.route(now);
        let waits = |lane: &Lane| lane.awaits_listing.is_some() && lane.stopped.is_none();
        let keys: Vec<LaneKey> = self.lanes.iter().filter(|(_, lane)| waits(lane)).map(|(key, _)| key).collect();
        for key in keys {
            let parcels = self.lanes[key].drain();
            if !parcels.is_empty() {
                self.stop(now, key, error);
            }
            for mut parcel in parcels {
                let shard = self.lanes[key].shard.clone();
                let records = parcel.records().into_iter().map(|(_, number, record)| (number, record)).collect();
                self.fail(shard, error.clone(), parcel.attempts, records, parcel.cost);
            }
            self.schedule(now, key);
        }
    }

    /// The description will never come: whoever was to bring it is gone.
    pub(crate) fn undescribed(&mut self, now: Instant) {
        self.inquiry.under_way = false;
        self.inquire_later(now);
    }

    fn inquire_later(&mut self, now: Instant) {
        self.inquiry.failures += 1;
        let longer = 1.5_f64.powi(self.inquiry.failures.min(20) as i32 - 1);
        let wait = FIRST_WAIT.mul_f64(longer).min(LONGEST_WAIT);
        self.inquiry.at = now + wait.mul_f64(0.5 + self.chance.f64() / 2.0);
    }

    /// Goes by this description from now on; false if it cannot be.
    fn adopt(&mut self, now: Instant, description: Description) -> bool {
        let Description { record_limit, spreads, mode, shards } = description;
        let smaller = record_limit < self.record_limit;
        let stood = self.lanes().filter(|lane| !lane.closing).count();
        // Also where nothing is routed by them: answers are judged by what is listed.
        let places = shards.iter().map(|listed| (listed.range, ())).collect();
        if Map::new(places).is_none() {
            return false;
        }
        let knowledge = if spreads {
            Knowledge::Spread(self.spread_lane(now, shards.len()))
        } else {
            let lanes = shards.iter().map(|listed| (listed.range, self.lane_for(now, listed))).collect();
            Knowledge::Shards(Map::new(lanes).expect("the same ranges as above"))
        };
        self.mode = mode;
        self.listing += 1;
        self.known.learn(self.listing, &shards);
        self.record_limit = record_limit;
        let staying: Vec<LaneKey> = match &knowledge {
            Knowledge::Shards(map) => map.iter().collect(),
            Knowledge::Spread(key) => vec![*key],
            Knowledge::None => Vec::new(),
        };
        self.knowledge = knowledge;
        self.sticky = None;
        let stays: BTreeSet<LaneKey> = staying.iter().copied().collect();
        let leaving: Vec<LaneKey> =
            self.lanes.iter().filter(|(key, lane)| !lane.closing && !stays.contains(key)).map(|(key, _)| key).collect();
        self.tell(Event::Described {
            shards: staying.len(),
            gone: leaving.len(),
            come: (staying.len() + leaving.len()).saturating_sub(stood),
            record_limit,
            spreads,
        });
        for key in &leaving {
            self.leave_shard(now, *key);
        }
        for key in &staying {
            let lane = &mut self.lanes[*key];
            lane.awaits_listing = None;
            if smaller {
                let waiting = lane.drain();
                self.inherit(now, waiting);
            }
        }
        self.over = 0;
        self.lanes.iter_mut().for_each(|(_, lane)| lane.over = false);
        for key in &staying {
            self.weigh(*key);
        }
        self.trend.described();
        self.decide(now);
        if smaller {
            self.refuse_unrouted();
        }
        self.route(now);
        if !self.flushes.is_empty() {
            for key in &staying {
                self.counts.closed_by_flush += u64::from(self.lanes[*key].hurry(now));
            }
        }
        let lanes: Vec<LaneKey> = self.lanes.iter().map(|(key, _)| key).collect();
        for key in lanes {
            self.schedule(now, key);
        }
        true
    }

    /// The lane of a listed shard: the one that stands for it, or a new one.
    fn lane_for(&mut self, now: Instant, listed: &Listed) -> LaneKey {
        let same = |lane: &Lane| {
            !lane.closing
                && lane.shard.as_ref() == Some(&listed.shard)
                && lane.range == listed.range
                && lane.birth == listed.birth()
        };
        let found = match &self.knowledge {
            // The usual case, found without going through all.
            Knowledge::Shards(map) => Some(map.find(listed.range.start())).filter(|key| same(&self.lanes[*key])),
            Knowledge::Spread(_) | Knowledge::None => None,
        };
        found.unwrap_or_else(|| {
            let mut lane = Lane::new(now, &self.settings, Some(listed.shard.clone()), listed.range);
            lane.birth = listed.birth();
            self.lanes.insert(lane)
        })
    }

    /// The lane of a stream that spreads its records by itself: as fast as all its shards.
    fn spread_lane(&mut self, now: Instant, shards: usize) -> LaneKey {
        let key = match self.knowledge {
            Knowledge::Spread(key) => key,
            Knowledge::Shards(_) | Knowledge::None => {
                self.lanes.insert(Lane::new(now, &self.settings, None, HashRange::FULL))
            }
        };
        let rate = self.settings.shard_rate.rate().map(|rate| Rate {
            records_per_second: rate.records_per_second * shards.max(1) as f64,
            bytes_per_second: rate.bytes_per_second * shards.max(1) as f64,
        });
        self.lanes[key].pace.set_rate(now, rate);
        key
    }

    /// The shard of this lane takes no more: what waits goes to those that follow it.
    fn leave_shard(&mut self, now: Instant, key: LaneKey) {
        let lane = &mut self.lanes[key];
        lane.closing = true;
        let waiting = lane.drain();
        let stopped = lane.stopped.take();
        self.closing.push(key);
        if let Some(cause) = stopped {
            self.stop(now, key, &cause);
        }
        self.schedule(now, key);
        self.inherit(now, waiting);
        self.leave_lane(now, key);
    }

    /// Lanes that stand now and share hash keys with this one.
    pub(super) fn overlapping(&self, key: LaneKey) -> Vec<LaneKey> {
        let range = self.lanes[key].range;
        let overlaps = |lane: &Lane| lane.range.start() <= range.end() && range.start() <= lane.range.end();
        let others = self.lanes.iter().filter(|(other, lane)| *other != key && !lane.closing && overlaps(lane));
        others.map(|(other, _)| other).collect()
    }

    /// Parcels that waited elsewhere, in order: behind what else was left over, before what is new.
    pub(super) fn inherit(&mut self, now: Instant, parcels: Vec<Parcel>) {
        for (key, parcel) in self.place(now, parcels) {
            self.lanes[key].inherit(parcel);
        }
    }

    /// Parcels that were tried, in order: before all else. Gives the lanes they went to.
    pub(super) fn put_back(&mut self, now: Instant, parcels: Vec<Parcel>) -> Vec<LaneKey> {
        let placed = self.place(now, parcels);
        let mut keys: Vec<LaneKey> = placed.iter().map(|(key, _)| *key).collect();
        for (key, parcel) in placed.into_iter().rev() {
            self.lanes[key].put_first(parcel);
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Where these parcels belong now; those that no longer belong to one shard, or are too large now, are packed anew.
    fn place(&mut self, now: Instant, parcels: Vec<Parcel>) -> Vec<(LaneKey, Parcel)> {
        let mut placed = Vec::with_capacity(parcels.len());
        for mut parcel in parcels {
            if matches!(self.knowledge, Knowledge::Spread(_)) && self.settings.ordering == Ordering::PerShard {
                let records = parcel.records().into_iter().map(|(_, number, record)| (number, record)).collect();
                self.fail(None, Error::Unordered, parcel.attempts, records, parcel.cost);
                continue;
            }
            let key = self.lane_of(parcel.span.low);
            let sizes = self.sizes(&self.lanes[key], now);
            let alone = parcel.numbers.len() == 1;
            let fits = (alone || parcel.numbers.len() <= sizes.records) && self.fits_stream(&mut parcel);
            if parcel.span.is_within(self.lanes[key].range) && !parcel.has_struck() && fits {
                placed.push((key, parcel));
            } else {
                let whole = parcel.numbers.len();
                self.pack_anew(now, parcel, whole, &mut placed);
            }
        }
        placed
    }

    /// Whether the stream takes a parcel of this size.
    pub(super) fn fits_stream(&self, parcel: &mut Parcel) -> bool {
        if parcel.numbers.len() > 1 {
            return parcel.size + self.outer_key_max() <= self.record_limit;
        }
        // One record alone may travel under its own key, and be as large with that as the limit.
        parcel.size + KEY_MAX <= self.record_limit
            || parcel.records().iter().all(|(_, _, record)| self.too_large(record).is_none())
    }

    /// A parcel in two, in order.
    pub(super) fn halve(&mut self, now: Instant, parcel: Parcel) -> Vec<Parcel> {
        let (half, mut placed) = (parcel.numbers.len().div_ceil(2), Vec::new());
        self.pack_anew(now, parcel, half, &mut placed);
        placed.into_iter().map(|(_, parcel)| parcel).collect()
    }

    /// Unpacks a parcel and packs its records anew, so many at the most together, for the lanes where they belong.
    fn pack_anew(&mut self, now: Instant, mut parcel: Parcel, most: usize, placed: &mut Vec<(LaneKey, Parcel)>) {
        self.counts.packed_anew += 1;
        let attempts = parcel.attempts.clone();
        let mut packers: BTreeMap<LaneKey, (Aggregator, Sizes)> = BTreeMap::new();
        let mut closed = Vec::new();
        for (_, number, record) in parcel.records() {
            let hash_key = record.hash_key().expect("a packed record has a key");
            let key = self.lane_of(hash_key);
            let (aggregator, sizes) = packers.entry(key).or_insert_with(|| {
                let sizes = self.sizes(&self.lanes[key], now);
                (Aggregator::new(sizes.limit), Sizes { records: sizes.records.min(most), ..sizes })
            });
            if let Some(error) = self.too_large(&record) {
                self.fail_one(now, key, (number, record), error, attempts.clone());
                continue;
            }
            let accepted = self.ledger.accepted_at(number).unwrap_or(now);
            let cost = self.cost_as_put(number, &record);
            let arrival = Arrival { number, accepted, cost, hash_key, record };
            let full = match aggregator.push(&arrival, *sizes) {
                Ok(full) => full,
                Err(nowhere) => {
                    let Arrival { number, record, .. } = arrival;
                    let error = Error::TooLarge { size: record.data().len(), limit: self.record_limit };
                    self.fail_one(now, key, (number, record), error, attempts.clone());
                    nowhere.closed.map(|closed| *closed)
                }
            };
            closed.extend(full.map(|full| (key, full)));
        }
        closed.extend(packers.into_iter().filter_map(|(key, (mut aggregator, _))| Some((key, aggregator.close()?))));
        placed.extend(closed.into_iter().map(|(key, mut parcel)| {
            parcel.attempts = attempts.clone();
            parcel.due = now;
            (key, parcel)
        }));
    }

    /// A record that the stream no longer takes.
    fn fail_one(
        &mut self,
        now: Instant,
        key: LaneKey,
        (number, record): (u64, UserRecord),
        error: Error,
        attempts: Attempts,
    ) {
        let (shard, cost) = (self.lanes[key].shard.clone(), self.cost_as_put(number, &record));
        self.stop(now, key, &error);
        self.fail(shard, error, attempts, vec![(number, record)], cost);
    }
}
