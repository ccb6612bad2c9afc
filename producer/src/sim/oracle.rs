//! What must be true, whatever happens: a shadow of every record, and the checks of each step against it.
//! It reads every stored Kinesis record as the KCL does: an aggregate with any record of another shard is passed over whole.
//! Called by the simulation's loop with all that the pipeline says and all that the service stores.

mod reader;
mod said;
mod settled;

pub(super) use said::said;

use crate::attempts::Trouble;
use crate::config::{OnAmbiguity, OnFailure, Ordering, Settings};
use crate::pipeline::FlushId;
use crate::sim::world::{Told, World};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tailwater_record::{HashKey, HashRange, SequenceNumber, UserRecord};
use tailwater_wire::shapes::PutRecordsRequestEntry;

pub(super) type Verdict = Result<(), String>;

/// One Kinesis record on its way, and what is inside.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) entry: PutRecordsRequestEntry,
    pub(super) ids: Vec<usize>,
    hash_keys: Vec<HashKey>,
    aggregated: bool,
    pub(super) poison: bool,
    /// The shard it is meant for, by the last listing.
    meant: Option<HashRange>,
}

impl Packet {
    /// What the service counts.
    pub(super) fn size(&self) -> usize {
        self.entry.data.len() + self.entry.partition_key.as_ref().map_or(0, |key| key.as_str().len())
    }
}

/// What an answer said of a Kinesis record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Something after which it is put again within the retry budget.
    Again(Trouble),
    /// It, or something with it, is refused.
    Invalid,
    /// It may not be put, or there is nowhere to put it.
    Denied,
    /// Nonsense.
    Nonsense,
    Stored,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Made,
    Open,
    Stored,
    Failed,
}

/// What is known of one record.
#[derive(Debug)]
struct Shadow {
    record: UserRecord,
    hash_key: Option<HashKey>,
    poison: bool,
    cost: u64,
    accepted: u64,
    state: State,
    /// How many copies are stored, and how many of them readers see.
    copies: u32,
    visible: u32,
    first_seen: usize,
    ambiguous: bool,
    invalid: bool,
    denied: bool,
    nonsense: bool,
    /// It was said that it cannot be stored.
    never: bool,
    failed_before_resume: u64,
    /// Its key's failure stops those behind it.
    stops: bool,
    troubled: Option<usize>,
    /// Its place among the records of its key.
    place: usize,
}

/// A failed attempt that is repeated within the retry budget.
#[derive(Debug)]
struct Trial {
    at: u64,
    listing: u64,
    resumes: u64,
    repeated: bool,
}

#[derive(Debug, Default)]
struct Key {
    ids: Vec<usize>,
    /// So many of them are seen, or will never be.
    done: usize,
}

/// The shadow of it all.
#[derive(Debug)]
pub(super) struct Oracle {
    settings: Settings,
    shadows: Vec<Shadow>,
    by_number: Vec<usize>,
    open: BTreeSet<u64>,
    open_cost: u64,
    /// Room that was promised.
    pub(super) promised: u64,
    pub(super) promises: usize,
    keys: BTreeMap<HashKey, Key>,
    places: HashMap<SequenceNumber, (usize, Vec<usize>, bool)>,
    pub(super) told: Told,
    ranges: Vec<HashRange>,
    told_limit: usize,
    least_limit: usize,
    /// The least that the service took at any time, told or not.
    pub(super) world_least_limit: usize,
    listing: u64,
    resumes: u64,
    trials: Vec<Trial>,
    repeated: u64,
    firsts: u64,
    ever_spread: bool,
    /// Whether the stream was ever looked at in vain.
    pub(super) ever_gone: bool,
    pub(super) abandoned: bool,
    pub(super) stored: u64,
    pub(super) failed: u64,
    pub(super) flushes: BTreeMap<FlushId, u64>,
}

impl Oracle {
    pub(super) fn new(settings: Settings) -> Self {
        let limit = crate::sim::RECORD_LIMIT;
        Self {
            settings,
            shadows: Vec::new(),
            by_number: Vec::new(),
            open: BTreeSet::new(),
            open_cost: 0,
            promised: 0,
            promises: 0,
            keys: BTreeMap::new(),
            places: HashMap::new(),
            told: Told::new(),
            ranges: Vec::new(),
            told_limit: limit,
            least_limit: limit,
            world_least_limit: limit,
            listing: 0,
            resumes: 0,
            trials: Vec::new(),
            repeated: 0,
            firsts: 0,
            ever_spread: false,
            ever_gone: false,
            abandoned: false,
            stored: 0,
            failed: 0,
            flushes: BTreeMap::new(),
        }
    }

    /// The id of the next record.
    pub(super) fn next_id(&self) -> usize {
        self.shadows.len()
    }

    /// A record was made, under the next id.
    pub(super) fn made(&mut self, record: &UserRecord, poison: bool) {
        self.shadows.push(Shadow {
            hash_key: record.hash_key(),
            cost: cost(record),
            record: record.clone(),
            poison,
            accepted: 0,
            state: State::Made,
            copies: 0,
            visible: 0,
            first_seen: 0,
            ambiguous: false,
            invalid: false,
            denied: false,
            nonsense: false,
            never: false,
            failed_before_resume: u64::MAX,
            stops: false,
            troubled: None,
            place: 0,
        });
    }

    pub(super) fn record(&self, id: usize) -> &UserRecord {
        &self.shadows[id].record
    }

    pub(super) fn cost(&self, id: usize) -> u64 {
        self.shadows[id].cost
    }

    pub(super) fn accepted(&mut self, now: u64, id: usize, number: u64) -> Verdict {
        ensure!(number == self.by_number.len() as u64, "record {id} was given number {number}, not the next");
        self.by_number.push(id);
        let shadow = &mut self.shadows[id];
        (shadow.accepted, shadow.state) = (now, State::Open);
        let size = shadow.record.data().len() + shadow.record.partition_key().map_or(0, |key| key.as_str().len());
        ensure!(size <= self.told_limit, "record {id} of {size} bytes was accepted over the limit {}", self.told_limit);
        self.open.insert(number);
        self.open_cost += shadow.cost;
        if let Some(key) = shadow.hash_key {
            let ids = &mut self.keys.entry(key).or_default().ids;
            shadow.place = ids.len();
            ids.push(id);
        }
        let budget = self.settings.budget;
        let used = self.open_cost + self.promised;
        let alone = self.open.len() + self.promises == 1;
        ensure!(used <= budget || alone, "{used} bytes of {budget} are outstanding");
        Ok(())
    }

    /// A description was taken over.
    pub(super) fn described(&mut self, limit: usize, spreads: bool, shards: &[usize], world: &World) {
        (self.told_limit, self.least_limit) = (limit, self.least_limit.min(limit));
        self.told.extend(shards);
        self.ever_spread |= spreads;
        self.listing += 1;
        self.ranges.clear();
        if !spreads {
            self.ranges.extend(shards.iter().map(|at| world.shards[*at].range));
        }
    }

    pub(super) fn resumed(&mut self) {
        self.resumes += 1;
    }

    /// A request goes out.
    pub(super) fn sent(
        &mut self,
        now: u64,
        entries: Vec<PutRecordsRequestEntry>,
        records: usize,
        under_way: &[&Packet],
    ) -> Result<Vec<Packet>, String> {
        let mut packets: Vec<Packet> = Vec::with_capacity(entries.len());
        let (most, most_bytes) = (self.settings.request_records, self.settings.request_bytes);
        ensure!(!entries.is_empty() && entries.len() <= most, "a request of {} records", entries.len());
        for entry in entries {
            let packet = self.read(entry)?;
            let size = packet.size();
            ensure!(size <= self.told_limit, "{size} bytes were sent over the limit {}", self.told_limit);
            let settled = packet.ids.iter().all(|id| self.shadows[*id].state != State::Open);
            ensure!(!settled, "{:?} were sent when they were settled already", packet.ids);
            self.may_repeat(now, &packet)?;
            if self.settings.ordering == Ordering::PerShard {
                let overlaps = |other: &Packet| match (other.meant, packet.meant) {
                    (Some(one), Some(other)) => one.start() <= other.end() && other.start() <= one.end(),
                    _ => false,
                };
                let beside = under_way.iter().copied().chain(&packets).find(|other| overlaps(other));
                ensure!(beside.is_none(), "{:?} were sent beside {:?}", packet.ids, beside.map(|other| &other.ids));
            }
            packets.push(packet);
        }
        let (bytes, inside): (usize, usize) =
            packets.iter().fold((0, 0), |(bytes, inside), packet| (bytes + packet.size(), inside + packet.ids.len()));
        ensure!(packets.len() == 1 || bytes <= most_bytes, "a request of {bytes} bytes");
        ensure!(inside == records, "a request of {inside} records is said to have {records}");
        Ok(packets)
    }

    /// Whether the retry budget and the back-off let this go now. Where order is not kept, others of the shard may have
    /// been stored meanwhile, which ends the back-off.
    fn may_repeat(&mut self, now: u64, packet: &Packet) -> Verdict {
        let Some(trial) = packet.ids.iter().filter_map(|id| self.shadows[*id].troubled).max() else {
            self.firsts += 1;
            return Ok(());
        };
        let trial = &mut self.trials[trial];
        let same = trial.listing == self.listing && trial.resumes == self.resumes;
        if !same || std::mem::replace(&mut trial.repeated, true) || self.settings.ordering == Ordering::None {
            return Ok(());
        }
        let (waited, settings) = (now - trial.at, &self.settings);
        let least = settings.first_wait.as_micros() as u64 / 2;
        ensure!(waited >= least, "{:?} were put again after {waited} us; the wait is {least}", packet.ids);
        if waited < settings.longest_wait.as_micros() as u64 / 2 {
            self.repeated += 1;
        }
        let budget = u64::from(settings.retry_budget) + self.firsts / 10;
        ensure!(self.repeated <= budget, "{} repetitions; the budget has {budget}", self.repeated);
        Ok(())
    }

    /// The service stored this.
    pub(super) fn kept(&mut self, packet: &Packet, at: usize, sequence: SequenceNumber, world: &World) -> Verdict {
        let range = world.shards[at].range;
        let visible = !packet.aggregated || packet.hash_keys.iter().all(|key| range.contains(*key));
        for id in &packet.ids {
            let shadow = &mut self.shadows[*id];
            ensure!(!shadow.never, "record {id} is stored, and it was said that it is not");
            shadow.copies += 1;
            if !visible {
                continue;
            }
            shadow.visible += 1;
            if shadow.visible == 1 {
                shadow.first_seen = at;
                self.first_seen(*id)?;
            } else {
                let retried = shadow.ambiguous && self.settings.on_ambiguity == OnAmbiguity::Retry;
                let first = shadow.first_seen;
                let unknown = !self.told.contains(&first) || world.shards[first].stream != world.stream;
                ensure!(retried || unknown, "record {id} is stored twice without a reason");
            }
        }
        self.places.insert(sequence, (at, packet.ids.clone(), visible));
        Ok(())
    }

    /// Whatever is older under its key is seen already, or failed and does not stop this one.
    fn first_seen(&mut self, id: usize) -> Verdict {
        let Some(hash_key) = self.shadows[id].hash_key else { return Ok(()) };
        if self.settings.ordering == Ordering::None || self.ever_spread {
            return Ok(());
        }
        let Some(key) = self.keys.get_mut(&hash_key) else { return Ok(()) };
        let stop = self.settings.on_failure == OnFailure::Stop;
        while key.done < self.shadows[id].place {
            let older = key.ids[key.done];
            let shadow = &self.shadows[older];
            // What is stored and not seen is lost with a stream that was deleted.
            let settled = matches!(shadow.state, State::Failed | State::Stored);
            ensure!(shadow.visible > 0 || settled, "record {id} overtook record {older}");
            let stopped = stop && shadow.stops && shadow.visible == 0 && shadow.failed_before_resume == self.resumes;
            ensure!(!stopped, "record {id} went on behind record {older}, which failed");
            key.done += 1;
        }
        Ok(())
    }
}

/// What a record takes of the budget, by the promise that is made of it.
fn cost(record: &UserRecord) -> u64 {
    let key = record.partition_key().map_or(0, |key| key.as_str().len());
    let headers: usize = record.headers().iter().map(|(name, value)| name.len() + value.len() + 16).sum();
    (record.data().len() + key + headers) as u64 + 96
}
