//! The stages as one pure machine: records and answers in, requests and settlements out.
//! Why one machine: order, budget and resharding are promises about all stages together, and a machine that is given time
//! and chance can be run through tens of thousands of histories in a test.
//!
//! A record's way: `put` checks it and finds room (`door`, `intake`); it waits with others until a few dozen can be hashed at once
//! (`routing`); its lane packs it (`aggregate`); when its parcel is due and its shard takes it (`pace`), `sending` collects
//! parcels of many lanes to a request; `settling` judges the answer entry by entry; `resharding` moves what waits when the
//! shards change; `ending` is about time running out: flush, close, expiry.
//! Pure. Owned by `pipeline_task`, and by the simulation.

mod action;
mod door;
mod ending;
mod resharding;
mod routing;
mod sending;
mod settling;

pub(crate) use action::{Action, Description, Failed, FlushId, PutOutcome, RequestId, Sent, Stored};

use crate::config::{Ordering, Settings, kpl_key};
use crate::error::Error;
use crate::event::Event;
use crate::failure::Refused;
use crate::health::Trend;
use crate::intake::{Room, WaitId, cost};
use crate::lane::Lane;
use crate::ledger::{Keys, Ledger};
use crate::parcel::{KEYLESS, Parcel};
use crate::route::{Known, Map};
use crate::stats::Counts;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tailwater_client::RetryBudget;
use tailwater_record::kpl::Packer;
use tailwater_record::{HashKey, PartitionKey, SequenceNumber, ShardId, UserRecord};
use tailwater_wire::limits;
use tailwater_wire::shapes::StreamMode;
use tokio::time::Instant;

/// Names a lane for as long as it stands.
pub(crate) type LaneKey = usize;

/// What is known about the stream.
#[derive(Debug)]
enum Knowledge {
    /// Nothing yet, since then.
    None,
    /// The shards, and what stands for each.
    Shards(Map<LaneKey>),
    /// The service spreads records by itself.
    Spread(LaneKey),
}

/// A record that was accepted and has no lane yet.
#[derive(Debug)]
struct Unrouted {
    number: u64,
    accepted: Instant,
    cost: u64,
    record: UserRecord,
}

/// A request that is not answered yet.
#[derive(Debug)]
struct UnderWay {
    parcels: Vec<(LaneKey, Parcel)>,
    bytes: usize,
    sent: Instant,
}

/// A parcel that is stored in a shard of which it is not known whether it belongs there.
#[derive(Debug)]
struct Undecided {
    lane: LaneKey,
    parcel: Parcel,
    shard: ShardId,
    sequence: SequenceNumber,
    /// The listing that may tell.
    needs: u64,
}

/// When the stream is described anew.
#[derive(Debug)]
struct Inquiry {
    under_way: bool,
    /// When to ask next.
    at: Instant,
    /// The last time somebody asked.
    asked: Option<Instant>,
    failures: u32,
    last_error: Option<Error>,
}

/// One stream's producer, without clock, chance or network.
#[derive(Debug)]
pub(crate) struct Pipeline {
    settings: Settings,
    chance: fastrand::Rng,
    ledger: Ledger,
    room: Room<LaneKey>,
    /// How many lanes use more than their share.
    over: usize,
    unrouted: VecDeque<Unrouted>,
    unrouted_bytes: u64,
    lanes: slab::Slab<Lane>,
    /// Lanes of shards that take no more records, while something of theirs is under way.
    closing: Vec<LaneKey>,
    knowledge: Knowledge,
    known: Known,
    /// How many listings were taken over.
    listing: u64,
    /// Whether numbers have proved to tell nothing about the shard they are from.
    births_mean_nothing: bool,
    /// For how many listings in a row answers seemed to come from shards of another birth, and yet of the same id.
    strange_births: u32,
    record_limit: usize,
    mode: Option<StreamMode>,
    inquiry: Inquiry,
    /// Lanes by the moment at which their next parcel may go.
    agenda: BTreeSet<(Instant, LaneKey)>,
    /// What lanes could send but for their linger.
    heads: usize,
    head_bytes: usize,
    under_way: BTreeMap<RequestId, UnderWay>,
    bytes_under_way: usize,
    next_request: u64,
    /// Parts of requests that were refused whole, to be sent by themselves.
    suspects: VecDeque<Vec<(LaneKey, Parcel)>>,
    undecided: Vec<Undecided>,
    retries: RetryBudget,
    flushes: Vec<(FlushId, u64)>,
    next_flush: u64,
    closed: bool,
    /// Where records without a key go until that lane's parcel is full.
    sticky: Option<LaneKey>,
    keyless: PartitionKey,
    kpl_key: PartitionKey,
    measure: Packer,
    actions: VecDeque<Action>,
    pub(crate) counts: Counts,
    pub(crate) trend: Trend,
}

/// So many records are hashed at once, in lanes of the processor.
const ROUTED_TOGETHER: usize = 64;
/// And so many bytes wait for that at the most.
const UNROUTED_BYTES: u64 = 64 * 1024;

impl Pipeline {
    /// A pipeline that knows nothing of its stream yet.
    pub(crate) fn new(now: Instant, settings: Settings, seed: u64) -> Self {
        Self {
            chance: fastrand::Rng::with_seed(seed),
            ledger: Ledger::default(),
            room: Room::new(settings.budget),
            over: 0,
            unrouted: VecDeque::new(),
            unrouted_bytes: 0,
            lanes: slab::Slab::new(),
            closing: Vec::new(),
            knowledge: Knowledge::None,
            known: Known::default(),
            listing: 0,
            births_mean_nothing: false,
            strange_births: 0,
            record_limit: limits::RECORD_BYTES_MAX.value as usize,
            mode: None,
            inquiry: Inquiry { under_way: false, at: now, asked: None, failures: 0, last_error: None },
            agenda: BTreeSet::new(),
            heads: 0,
            head_bytes: 0,
            under_way: BTreeMap::new(),
            bytes_under_way: 0,
            next_request: 0,
            suspects: VecDeque::new(),
            undecided: Vec::new(),
            retries: RetryBudget::new(settings.retry_budget),
            flushes: Vec::new(),
            next_flush: 0,
            closed: false,
            sticky: None,
            keyless: KEYLESS.parse().expect("a plain key"),
            kpl_key: kpl_key(),
            measure: Packer::new(),
            actions: VecDeque::new(),
            counts: Counts::default(),
            trend: Trend::default(),
            settings,
        }
    }

    /// Accepts a record and gives its number. Where it must wait, `wait` gets in line; who was admitted says so.
    pub(crate) fn put(&mut self, now: Instant, record: UserRecord, admitted: Option<WaitId>) -> Result<u64, Refused> {
        let cost = cost(&record);
        let promised = admitted.is_some_and(|id| self.room.redeem(id));
        let refusal = self.refusal(&record).or_else(|| if promised { None } else { self.no_room(&record, cost) });
        if let Some(error) = refusal {
            if promised {
                self.release(cost);
                self.admit();
            }
            self.counts.refused += 1;
            return Err(Refused::new(record, error));
        }
        if !promised {
            self.room.take(cost);
        }
        let keys = match (record.partition_key(), record.explicit_hash_key()) {
            (Some(_), _) => Keys::Given,
            (None, Some(_)) => Keys::HashOnly,
            (None, None) => Keys::None,
        };
        let number = self.ledger.enter(now, keys);
        self.counts.accepted += 1;
        self.counts.accepted_bytes += record.data().len() as u64;
        self.unrouted_bytes += cost;
        self.unrouted.push_back(Unrouted { number, accepted: now, cost, record });
        if self.unrouted.len() >= ROUTED_TOGETHER || self.unrouted_bytes >= UNROUTED_BYTES {
            self.route(now);
        }
        Ok(number)
    }

    /// Gets in line for room for this record.
    pub(crate) fn wait(&mut self, record: &UserRecord) -> WaitId {
        let lane = if self.over > 0 { self.full_lane(record) } else { None };
        self.counts.waits += 1;
        let id = self.room.wait(cost(record), lane);
        // There may be room by now.
        self.admit();
        id
    }

    /// Steps out of line, or gives back the room that was promised.
    pub(crate) fn leave(&mut self, id: WaitId) {
        self.room.leave(id);
        self.admit();
    }

    /// What must now be done; to be called until there is nothing.
    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Lets time pass. Idempotent.
    pub(crate) fn tick(&mut self, now: Instant) {
        let knows = !matches!(self.knowledge, Knowledge::None);
        if knows && self.unrouted.front().is_some_and(|oldest| oldest.accepted + self.settings.linger <= now) {
            self.route(now);
        }
        self.expire(now);
        self.inquire(now);
        self.collect(now);
        self.report_flushes();
    }

    /// When to tick again; nothing if only a call can change anything.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let unrouted = match self.knowledge {
            Knowledge::None => None,
            Knowledge::Shards(_) | Knowledge::Spread(_) => {
                self.unrouted.front().map(|oldest| oldest.accepted + self.settings.linger)
            }
        };
        let agenda = self.agenda.first().map(|(at, _)| *at).filter(|_| self.may_send());
        let inquiry = (!self.inquiry.under_way && self.wants_description()).then_some(self.inquiry.at);
        [unrouted, agenda, inquiry, self.expires_at()].into_iter().flatten().min()
    }

    /// Whether there is something to do at once.
    pub(crate) fn has_actions(&self) -> bool {
        !self.actions.is_empty() || self.may_send() && self.is_worth_a_request()
    }

    /// How many accepted records are not settled.
    pub(crate) fn outstanding(&self) -> u64 {
        self.ledger.outstanding()
    }

    /// How many bytes of the budget accepted records, and promises, take.
    pub(crate) fn bytes_outstanding(&self) -> u64 {
        self.room.used()
    }

    /// The budget in bytes.
    pub(crate) fn budget(&self) -> u64 {
        self.room.budget()
    }

    /// The number that the next record will have.
    #[cfg(any(test, feature = "unstable-internals"))]
    pub(crate) fn next_number(&self) -> u64 {
        self.ledger.next()
    }

    /// The number of the oldest unsettled record, or of the next.
    #[cfg(any(test, feature = "unstable-internals"))]
    pub(crate) fn first_open(&self) -> u64 {
        self.ledger.first_open()
    }

    /// The pages of the ledger that were settled whole since this was asked last.
    pub(crate) fn take_closed_pages(&mut self) -> Vec<u64> {
        self.ledger.take_closed()
    }

    /// When the oldest unsettled record was accepted.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.ledger.oldest()
    }

    /// The lanes that stand.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter().map(|(_, lane)| lane)
    }

    /// What the stream is, as far as it is described: its mode, the largest record it takes, whether it spreads them by itself.
    pub(crate) fn described_as(&self) -> Option<(Option<StreamMode>, usize, bool)> {
        match self.knowledge {
            Knowledge::None => None,
            Knowledge::Shards(_) => Some((self.mode.clone(), self.record_limit, false)),
            Knowledge::Spread(_) => Some((self.mode.clone(), self.record_limit, true)),
        }
    }

    pub(crate) fn requests_under_way(&self) -> usize {
        self.under_way.len()
    }

    pub(crate) fn is_stopped(&self) -> Option<Error> {
        self.lanes().find_map(Lane::standstill)
    }

    fn tell(&mut self, event: Event) {
        self.actions.push_back(Action::Tell(event));
    }

    /// Enters in the agenda when the lane's next parcel may go.
    fn schedule(&mut self, now: Instant, key: LaneKey) {
        let gated = self.is_gated(key);
        let Some(lane) = self.lanes.get_mut(key) else { return };
        let next = if gated { None } else { lane.next(now, &self.settings) };
        if let Some(at) = lane.agenda.take() {
            self.agenda.remove(&(at, key));
        }
        if let Some(bytes) = lane.head.take() {
            self.heads -= 1;
            self.head_bytes -= bytes;
        }
        if let Some(next) = next {
            lane.agenda = Some(next.at());
            self.agenda.insert((next.at(), key));
            lane.head = next.closed.filter(|_| next.free <= now);
            if let Some(bytes) = lane.head {
                self.heads += 1;
                self.head_bytes += bytes;
            }
        }
    }

    /// Whether the lane must wait for what an earlier shard has under way, because that may come back to be put first.
    fn is_gated(&self, key: LaneKey) -> bool {
        if self.closing.is_empty() || self.settings.ordering == Ordering::None {
            return false;
        }
        let range = self.lanes[key].range;
        let overlaps = |other: LaneKey| {
            let other = self.lanes[other].range;
            other.start() <= range.end() && range.start() <= other.end()
        };
        self.closing.iter().any(|other| *other != key && overlaps(*other))
    }
}

/// As long as the longest partition key: 256 characters of four bytes.
const KEY_MAX: usize = 1024;
/// How soon the stream may be described again.
const BETWEEN_INQUIRIES: Duration = Duration::from_millis(500);

/// Where a hash key falls that nobody chose.
fn any_key_of(lane: &Lane) -> HashKey {
    lane.range.start()
}
