//! The loop: simulated time, the events to come, and the pipeline between users and service.
//! It does what the shell does, and no more: it feeds the pipeline, performs its actions, and ticks when it is told to.

mod users;

use crate::intake::WaitId;
use crate::lane::Lane;
use crate::pipeline::{Action, Description, Pipeline, PutOutcome, RequestId};
use crate::sim::Summary;
use crate::sim::oracle::{Oracle, Packet, Verdict, said};
use crate::sim::workload::{Change, End, Plan, plan};
use crate::sim::world::{World, cut, refused, tear};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tailwater_client::{self as client, Sent};
use tailwater_wire::{FaultCode, Operation};
use tokio::time::Instant;

/// Something to come.
#[derive(Debug)]
enum Event {
    /// A request reaches the service; perhaps nobody waits for its answer any more.
    Arrive(Vec<Packet>, Option<RequestId>),
    Answer(RequestId, PutOutcome),
    /// The service is asked what the stream is.
    Look,
    Describe(Result<(Description, Vec<usize>), client::Error>, bool),
    /// The users do something.
    Work,
    /// One who was let in puts, or goes away.
    Enter(WaitId),
    Change(Change),
}

/// One history.
pub(super) struct Driver {
    chance: fastrand::Rng,
    plan: Plan,
    world: World,
    oracle: Oracle,
    pipeline: Pipeline,
    base: Instant,
    now: u64,
    events: BTreeMap<(u64, u64), Event>,
    next_event: u64,
    under_way: BTreeMap<RequestId, Vec<Packet>>,
    waiting: BTreeMap<WaitId, usize>,
    admitted: BTreeMap<WaitId, usize>,
    left: u32,
    healed: bool,
    summary: Summary,
}

/// More steps than any history needs.
const STEPS_MAX: u64 = 100_000;
/// Nobody does anything so often at one moment.
const TICKS_MAX: u32 = 200;
const SECOND: u64 = 1_000_000;
/// All must be settled so soon after all is well.
const PATIENCE: u64 = 3 * 3600 * SECOND;

impl Driver {
    pub(super) fn new(seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let (plan, world) = plan(&mut chance);
        let base = Instant::now();
        let mut oracle = Oracle::new(plan.settings.clone());
        oracle.world_least_limit = world.record_limit;
        Self {
            pipeline: Pipeline::new(base, plan.settings.clone(), chance.u64(..)),
            oracle,
            left: plan.puts,
            chance,
            plan,
            world,
            base,
            now: 0,
            events: BTreeMap::new(),
            next_event: 0,
            under_way: BTreeMap::new(),
            waiting: BTreeMap::new(),
            admitted: BTreeMap::new(),
            healed: false,
            summary: Summary::default(),
        }
    }

    pub(super) fn steps(&self) -> u64 {
        self.summary.steps
    }

    /// From the first record to the last settlement.
    pub(super) fn live(&mut self) -> Result<Summary, String> {
        self.at(0, Event::Work);
        for (at, change) in std::mem::take(&mut self.plan.changes) {
            self.at(at, Event::Change(change));
        }
        self.act()?;
        while self.left > 0 || !self.admitted.is_empty() {
            self.step()?;
        }
        match self.plan.ends {
            End::Abandoned => return self.abandon(),
            End::ClosedEarly => self.close()?,
            End::Closed => {}
        }
        self.heal()?;
        let until = self.now + PATIENCE;
        let idle = |lane: &Lane| lane.used == 0 && lane.under_way == 0 && !lane.closing && lane.waiting() == 0;
        let is_done = |driver: &Self| {
            driver.pipeline.lanes().all(idle)
                && driver.oracle.outstanding() == 0
                && driver.waiting.is_empty()
                && driver.admitted.is_empty()
                && driver.under_way.is_empty()
        };
        let mut resume = self.now;
        while !is_done(self) {
            ensure!(self.now < until, "{} records are never settled", self.oracle.outstanding());
            if self.now >= resume {
                self.resume()?;
                resume = self.now + 5 * SECOND;
            }
            self.step()?;
        }
        self.close()?;
        self.at(self.now + SECOND, Event::Work);
        while self.events.iter().any(|(_, event)| matches!(event, Event::Work)) {
            self.step()?;
        }
        self.rest()
    }

    /// What must be true when all is over.
    fn rest(&mut self) -> Result<Summary, String> {
        ensure!(self.oracle.flushes.is_empty(), "a flush never ends");
        ensure!(self.pipeline.bytes_outstanding() == 0, "room is never given back");
        (self.summary.stored, self.summary.failed) = (self.oracle.stored, self.oracle.failed);
        self.summary.accepted = self.pipeline.next_number();
        Ok(self.summary)
    }

    /// The next thing that happens.
    fn step(&mut self) -> Verdict {
        self.summary.steps += 1;
        ensure!(self.summary.steps < STEPS_MAX, "it goes on and on");
        let wake = self.pipeline.wake_at().map(|at| self.micros(at));
        let event = self.events.first_key_value().map(|((at, _), _)| *at);
        match (wake, event) {
            (None, None) => {
                return Err(format!("nothing is to come, and {} are outstanding", self.oracle.outstanding()));
            }
            (Some(wake), None) => self.wake(wake)?,
            (Some(wake), Some(event)) if wake < event || wake == event && self.chance.bool() => self.wake(wake)?,
            (_, Some(_)) => {
                let Some(((at, _), event)) = self.events.pop_first() else { return Ok(()) };
                self.now = self.now.max(at);
                self.note(&[1, self.now]);
                self.happen(event)?;
                if self.chance.u8(..8) == 0 {
                    self.tick()?;
                }
            }
        }
        self.act()
    }

    /// Ticks as the pipeline asked; again and again at one moment would be a loop without end.
    fn wake(&mut self, at: u64) -> Verdict {
        self.now = self.now.max(at);
        for _ in 0..TICKS_MAX {
            self.note(&[2, self.now]);
            self.tick()?;
            if self.pipeline.has_actions() || self.pipeline.wake_at().is_none_or(|at| self.micros(at) > self.now) {
                return Ok(());
            }
        }
        Err("it wants to be woken at once, for ever".to_owned())
    }

    fn tick(&mut self) -> Verdict {
        self.pipeline.tick(self.instant());
        self.act_once()?;
        self.oracle.check_time(self.now)
    }

    /// Performs what is to be done now, all of it.
    fn act(&mut self) -> Verdict {
        self.act_once()?;
        for _ in 0..TICKS_MAX {
            if !self.pipeline.has_actions() {
                self.oracle.check_flushes()?;
                let held_up = self.pipeline.bytes_outstanding() == 0 && !self.waiting.is_empty();
                ensure!(!held_up, "all room is free, and somebody waits for it");
                return self.oracle.check(self.base, &self.pipeline);
            }
            self.tick()?;
        }
        Err("it has something to do at once, for ever".to_owned())
    }

    fn act_once(&mut self) -> Verdict {
        while let Some(action) = self.pipeline.next_action() {
            match action {
                Action::Send { id, entries, parcels } => {
                    let records: usize = parcels.iter().map(|parcel| parcel.records).sum();
                    self.note(&[3, entries.len() as u64, records as u64]);
                    let under_way: Vec<&Packet> = self.under_way.values().flatten().collect();
                    let packets = self.oracle.sent(self.now, entries, records, &under_way)?;
                    self.summary.requests += 1;
                    self.dispatch(id, &packets);
                    self.under_way.insert(id, packets);
                }
                Action::Describe => {
                    let at = self.now + self.delay();
                    self.at(at, Event::Look);
                }
                Action::Stored(stored) => {
                    self.note(&[4, stored.records[0].0, stored.records.len() as u64, stored.attempts.into()]);
                    self.oracle.told_stored(self.now, &stored, &self.world)?;
                }
                Action::Failed(failed) => {
                    self.note(&[5, failed.records.len() as u64, failed.attempts.count().into()]);
                    self.oracle.told_failed(self.now, &failed)?;
                }
                Action::Admit(id) => {
                    let record = self.waiting.remove(&id).ok_or("somebody is let in who does not wait")?;
                    self.oracle.promised += self.oracle.cost(record);
                    self.oracle.promises += 1;
                    self.admitted.insert(id, record);
                    let at = self.now + self.delay();
                    self.at(at, Event::Enter(id));
                }
                Action::Dismiss(id, _) => {
                    self.waiting.remove(&id).ok_or("somebody is sent away who does not wait")?;
                }
                // Told to the log; what it is about is judged by what follows.
                Action::Tell(_) => {}
                Action::Flushed(id, outcome) => self.oracle.told_flushed(id, &outcome)?,
            }
        }
        Ok(())
    }

    /// Decides the way of a request.
    fn dispatch(&mut self, id: RequestId, packets: &[Packet]) {
        let arrives = self.now + self.delay();
        let (faults, chance) = (self.world.faults.clone(), &mut self.chance);
        let mut hits = |thousandths| chance.u32(..1000) < thousandths;
        let lost = |sent| Err(Arc::new(cut(Operation::PutRecords, sent)));
        if hits(faults.unsent) {
            return self.at(arrives, Event::Answer(id, lost(Sent::Nothing)));
        }
        if hits(faults.late) {
            self.at(self.now + 10 * SECOND, Event::Answer(id, lost(Sent::Unknown)));
            return self.at(arrives + 11 * SECOND, Event::Arrive(packets.to_vec(), None));
        }
        if hits(faults.lost_reply) {
            let after = if hits(500) { arrives } else { arrives + 10 * SECOND };
            self.at(arrives, Event::Arrive(packets.to_vec(), None));
            return self.at(after, Event::Answer(id, lost(Sent::Unknown)));
        }
        let slow = if hits(faults.slow) { 9 * SECOND } else { 0 };
        self.at(arrives + slow, Event::Arrive(packets.to_vec(), Some(id)));
    }

    fn happen(&mut self, event: Event) -> Verdict {
        match event {
            Event::Arrive(packets, id) => {
                let (answer, stored) = self.world.put(self.now, &packets, &mut self.chance);
                for (place, at, sequence) in stored {
                    self.note(&[6, at as u64, place as u64]);
                    self.oracle.kept(&packets[place], at, sequence, &self.world)?;
                }
                if let Some(id) = id {
                    let at = self.now + self.delay();
                    self.at(at, Event::Answer(id, answer.map_err(Arc::new)));
                }
            }
            Event::Answer(id, outcome) => {
                let packets = self.under_way.remove(&id).unwrap_or_default();
                for (packet, said) in packets.iter().zip(said(&outcome, packets.len())) {
                    self.oracle.answered(self.now, packet, said);
                }
                self.pipeline.answered(self.instant(), id, outcome);
            }
            Event::Look => self.look(),
            Event::Describe(outcome, torn) => {
                let told = outcome.map(|(description, shards)| {
                    if !torn {
                        self.oracle.described(description.record_limit, description.spreads, &shards, &self.world);
                    }
                    description
                });
                self.pipeline.described(self.instant(), told.map_err(Arc::new));
            }
            Event::Work => self.work()?,
            Event::Enter(id) => self.enter(id)?,
            Event::Change(change) => self.change(change),
        }
        Ok(())
    }

    /// The stream is looked at now; what was seen is told later.
    fn look(&mut self) {
        let faults = self.world.faults.clone();
        let mut hits = |thousandths| self.chance.u32(..1000) < thousandths;
        let (failed, torn, stale) = (hits(faults.undescribed), hits(faults.torn), hits(faults.stale));
        let mut seen = self.world.describe();
        self.oracle.ever_gone |= seen.is_err();
        if self.world.denied {
            seen = Err(refused(Operation::ListShards, FaultCode::AccessDenied));
        } else if failed {
            seen = Err(refused(Operation::ListShards, FaultCode::LimitExceeded));
        }
        if let Ok((description, _)) = &mut seen
            && torn
        {
            tear(description, &mut self.chance);
        }
        let at = self.now + self.delay() + if stale { self.chance.u64(..3 * SECOND) } else { 0 };
        self.at(at, Event::Describe(seen, torn));
    }

    fn change(&mut self, change: Change) {
        self.note(&[9]);
        if self.healed {
            return;
        }
        match change {
            Change::Reshard => self.world.reshard(self.now, &mut self.chance),
            Change::Delete => self.world.delete(),
            Change::Create => self.world.create(self.now, self.chance.u32(1..5)),
            Change::Spread(spreads) => self.world.spreads = spreads,
            Change::Limit(limit) => {
                self.world.record_limit = limit;
                self.oracle.world_least_limit = self.oracle.world_least_limit.min(limit);
            }
            Change::Deny(denied) => self.world.denied = denied,
            Change::Storm(storm) => self.world.storm = storm,
            Change::Suspend(time) => self.now += time,
        }
    }

    /// Nothing goes wrong from now on.
    fn heal(&mut self) -> Verdict {
        self.healed = true;
        self.now += 2 * SECOND;
        self.world.heal(self.now);
        self.resume()
    }

    fn resume(&mut self) -> Verdict {
        self.pipeline.resume(self.instant(), None);
        self.oracle.resumed();
        self.act()
    }

    fn close(&mut self) -> Verdict {
        let mark = self.pipeline.next_number();
        let id = self.pipeline.close(self.instant());
        self.oracle.flushes.insert(id, mark);
        self.act()
    }

    fn abandon(&mut self) -> Result<Summary, String> {
        self.oracle.abandoned = true;
        self.pipeline.abandon(self.instant());
        self.act()?;
        ensure!(self.oracle.outstanding() == 0, "records are left when the producer is abandoned");
        ensure!(self.pipeline.bytes_outstanding() == 0, "room is never given back");
        while !self.under_way.is_empty() {
            self.step()?;
        }
        ensure!(self.oracle.flushes.is_empty(), "a flush never ends");
        Ok(self.summary)
    }

    fn at(&mut self, at: u64, event: Event) {
        self.events.insert((at, self.next_event), event);
        self.next_event += 1;
    }

    fn delay(&mut self) -> u64 {
        self.chance.u64(..=self.plan.latency)
    }

    fn instant(&self) -> Instant {
        self.base + Duration::from_micros(self.now)
    }

    /// A moment, rounded up.
    fn micros(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.base).as_nanos().div_ceil(1000) as u64
    }

    fn note(&mut self, what: &[u64]) {
        for word in what {
            self.summary.digest = (self.summary.digest.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }
}
