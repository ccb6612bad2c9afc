//! What happens in a history: who starts, dies, leaves and is cut off, what is put, what is split and merged.

use crate::Summary;
use crate::handler::Hand;
use crate::oracle;
use crate::plan::{Class, Plan, millis};
use crate::store::Store;
use crate::way::Way;
use crate::world::{World, settings};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tailwater::client::Client;
use tailwater::consumer::{Begin, Config, Consumer, Ended, Error, Renewing, Running, Start, Strategy};
use tailwater::local::LocalTransport;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// A start of a worker.
struct Process {
    number: usize,
    name: String,
    running: Running,
}

/// Everybody.
struct Crowd {
    world: Arc<World>,
    chance: fastrand::Rng,
    processes: Vec<Process>,
    /// Those that are on their way out.
    leaving: Vec<(usize, String, JoinHandle<Ended>)>,
    /// Names under which somebody was started while another still was.
    twins: Vec<String>,
    summary: Summary,
    put: usize,
    resharded: usize,
}

/// Something that may happen next.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Put,
    Reshard,
    Start,
    Drain,
    Stop,
    Crash,
    Restart,
    Twin,
    Cut,
    Hold,
    StoreAway,
    UseKept,
}

/// Lives a history; gives also its lines, if it is traced.
pub(crate) async fn live(seed: u64, is_traced: bool) -> (Result<Summary, String>, Vec<String>) {
    let mut chance = fastrand::Rng::with_seed(seed);
    let plan = Plan::new(&mut chance);
    let world = match World::new(plan, chance.u64(..), is_traced).await {
        Ok(world) => Arc::new(world),
        Err(fault) => return (Err(format!("no world: {fault}")), Vec::new()),
    };
    let plan = format!("{:?}", world.plan);
    world.lock().note(format_args!("{plan}"));
    let mut crowd = Crowd {
        world: Arc::clone(&world),
        chance,
        processes: Vec::new(),
        leaving: Vec::new(),
        twins: Vec::new(),
        summary: Summary::default(),
        put: 0,
        resharded: 0,
    };
    let lived = crowd.live().await;
    let lived = lived.map_err(|violation| format!("at {:.3} s: {violation}", world.clock.elapsed().as_secs_f64()));
    let summary = crowd.summary;
    drop(crowd);
    while world.take_kept().is_some() {}
    let mut state = world.lock();
    let summary = Summary {
        records: state.watch.items.len() as u64,
        delivered: state.watch.delivered,
        again: state.watch.again,
        writes: state.watch.writes,
        failures: state.weather.failures,
        millis: world.clock.elapsed().as_millis() as u64,
        digest: state.journal.digest(),
        ..summary
    };
    (lived.map(|()| summary), state.journal.take_lines())
}

impl Crowd {
    async fn live(&mut self) -> Result<(), String> {
        if self.world.plan.begins_latest {
            // What is put before anybody has come is nobody's.
            self.begin().await?;
        }
        let until = Instant::now() + self.world.plan.length;
        while Instant::now() < until {
            self.pass(50, 1_500).await?;
            let deed = self.choose();
            self.happen(deed).await?;
        }
        self.come_to_rest().await?;
        self.leave().await
    }

    /// Waits a little, and looks whether anything is wrong.
    async fn pass(&mut self, least: u64, most: u64) -> Result<(), String> {
        sleep(millis(&mut self.chance, least, most)).await;
        self.check().await
    }

    async fn check(&mut self) -> Result<(), String> {
        {
            let mut state = self.world.lock();
            if let Some(violation) = state.watch.violation() {
                return Err(violation.clone());
            }
            if let Some(overdue) = state.vacancies.overdue(Instant::now()) {
                return Err(overdue);
            }
            if state.weather.is_crowded() {
                return Err("calls are made again and again, and no time passes".to_owned());
            }
        }
        let mut stays = Vec::new();
        for process in std::mem::take(&mut self.processes) {
            match timeout(Duration::ZERO, process.running.ended()).await {
                Err(_) => stays.push(process),
                Ok(ended) => self.judge_end(process.number, &process.name, &ended)?,
            }
        }
        self.processes = stays;
        Ok(())
    }

    /// Nobody ends by himself but for another of his name.
    fn judge_end(&self, number: usize, name: &String, ended: &Ended) -> Result<(), String> {
        match &ended.fault {
            None => Ok(()),
            Some(Error::Superseded { .. }) if self.twins.contains(name) => Ok(()),
            Some(fault) => Err(format!("p{number} ends: {fault}")),
        }
    }

    async fn begin(&mut self) -> Result<(), String> {
        let limit = Instant::now() + oracle::PATIENCE;
        loop {
            if self.processes.is_empty() {
                self.start(None).await;
            }
            self.pass(200, 200).await?;
            let are_all = {
                let watch = &self.world.lock().watch;
                watch.shards.keys().all(|shard| watch.rows.contains_key(shard))
            };
            if are_all {
                return Ok(());
            }
            if Instant::now() > limit {
                return Err("no rows are made".to_owned());
            }
        }
    }

    fn choose(&mut self) -> Deed {
        let always = [(20, Deed::Put), (2, Deed::Reshard), (4, Deed::Start), (2, Deed::Drain), (8, Deed::UseKept)];
        let deaths = [(2, Deed::Crash), (1, Deed::Restart), (1, Deed::Stop), (2, Deed::Cut)];
        let wild = [(1, Deed::Twin), (2, Deed::Hold), (1, Deed::StoreAway)];
        let mut deeds = always.to_vec();
        match self.world.plan.class {
            Class::Calm => {}
            Class::Deaths => deeds.extend(deaths),
            Class::Wild => deeds.extend(deaths.into_iter().chain(wild)),
        }
        let total: u32 = deeds.iter().map(|(weight, _)| weight).sum();
        let mut at = self.chance.u32(..total);
        for (weight, deed) in deeds {
            if at < weight {
                return deed;
            }
            at -= weight;
        }
        Deed::Put
    }

    async fn happen(&mut self, deed: Deed) -> Result<(), String> {
        let plan = &self.world.plan;
        match deed {
            Deed::Put if self.put < plan.records => {
                let before = self.world.lock().watch.next_item();
                self.world.put(&mut self.chance).await?;
                self.put += self.world.lock().watch.next_item() - before;
            }
            Deed::Reshard if self.resharded < plan.reshards => {
                self.resharded += 1;
                self.summary.reshards += 1;
                self.world.reshard(&mut self.chance).await?;
            }
            Deed::Start if self.processes.len() < plan.workers => self.start(None).await,
            Deed::Drain => {
                if let Some(process) = self.pick() {
                    let within = millis(&mut self.chance, 20_000, 60_000);
                    self.note(&process, "drains");
                    self.world.lock().leaves(process.number);
                    let leaving = tokio::spawn(process.running.drain(within));
                    self.leaving.push((process.number, process.name, leaving));
                }
            }
            Deed::Stop => {
                if let Some(process) = self.pick() {
                    self.note(&process, "stops");
                    self.world.lock().leaves(process.number);
                    let leaving = tokio::spawn(process.running.stop());
                    self.leaving.push((process.number, process.name, leaving));
                }
            }
            Deed::Crash => {
                if let Some(process) = self.pick() {
                    self.summary.disturbances += 1;
                    self.note(&process, "dies");
                    self.world.lock().disturbed(process.number, None);
                }
            }
            Deed::Restart => {
                if let Some(process) = self.pick() {
                    self.summary.disturbances += 1;
                    self.note(&process, "dies and is started again");
                    self.world.lock().disturbed(process.number, None);
                    let name = process.name.clone();
                    drop(process);
                    sleep(millis(&mut self.chance, 0, 5_000)).await;
                    self.start(Some(name)).await;
                }
            }
            Deed::Twin => {
                if let Some(at) = self.pick_place() {
                    let name = self.processes[at].name.clone();
                    self.twins.push(name.clone());
                    self.start(Some(name)).await;
                }
            }
            Deed::Cut => {
                if let Some(at) = self.pick_place() {
                    let until = Instant::now() + millis(&mut self.chance, 500, 30_000);
                    self.summary.disturbances += 1;
                    let process = &self.processes[at];
                    self.note(process, "is cut off");
                    let mut state = self.world.lock();
                    state.weather.cut_off(process.number, until);
                    state.disturbed(process.number, Some(until));
                }
            }
            Deed::Hold => {
                if let Some(at) = self.pick_place() {
                    let until = Instant::now() + millis(&mut self.chance, 500, 40_000);
                    self.summary.disturbances += 1;
                    let process = &self.processes[at];
                    self.note(process, "is held");
                    self.world.lock().weather.hold(process.number, until);
                }
            }
            Deed::StoreAway => {
                let until = Instant::now() + millis(&mut self.chance, 500, 60_000);
                let mut state = self.world.lock();
                state.note(format_args!("the store is away"));
                state.weather.take_store_away(until);
            }
            Deed::UseKept => self.use_kept(),
            Deed::Put | Deed::Reshard | Deed::Start => {}
        }
        Ok(())
    }

    fn use_kept(&mut self) {
        for _ in 0..self.chance.usize(..6) {
            let Some((checkpoint, to)) = self.world.take_kept() else { return };
            if self.chance.bool() {
                let reached = checkpoint.reached();
                if checkpoint.advance(&to).is_ok() && to < reached {
                    let mut state = self.world.lock();
                    state.watch.violate(format_args!("a checkpoint goes back from {reached:?} to {to:?}"));
                }
            } else {
                // Who asks may be gone before there is an answer.
                let patience = millis(&mut self.chance, 0, 5_000);
                tokio::spawn(async move { drop(timeout(patience, checkpoint.commit(&to)).await) });
            }
        }
    }

    fn note(&self, process: &Process, what: &str) {
        self.world.lock().note(format_args!("p{} {what}", process.number));
    }

    fn pick_place(&mut self) -> Option<usize> {
        (!self.processes.is_empty()).then(|| self.chance.usize(..self.processes.len()))
    }

    fn pick(&mut self) -> Option<Process> {
        self.pick_place().map(|at| self.processes.remove(at))
    }

    /// Starts a worker, under a name that nobody bears if none is given.
    async fn start(&mut self, name: Option<String>) {
        let free = (0..).map(|number| format!("w{number}"));
        let name = name.or_else(|| {
            let leaves =
                |name: &String| self.leaving.iter().any(|(_, other, left)| other == name && !left.is_finished());
            let mut free =
                free.filter(|name| self.processes.iter().all(|process| process.name != *name) && !leaves(name));
            free.nth(self.chance.usize(..2))
        });
        let name = name.unwrap_or_default();
        let number = self.summary.starts as usize;
        self.summary.starts += 1;
        // Whoever leaves under that name is made to stop by this.
        self.twins.push(name.clone());
        {
            let mut state = self.world.lock();
            state.note(format_args!("p{number} starts as {name}"));
            state.watch.started(number, &name);
        }
        let seed = self.chance.u64(..);
        let off_by = self.chance.i64(-3600..=3600);
        match timeout(Duration::from_secs(20), run(&self.world, number, &name, seed, off_by)).await {
            Ok(Ok(running)) => {
                self.world.lock().vacancies.started(Instant::now(), number, &name);
                self.processes.push(Process { number, name, running });
            }
            Ok(Err(fault)) => self.world.lock().note(format_args!("p{number} does not start: {fault}")),
            Err(_) => self.world.lock().note(format_args!("p{number} does not start in time")),
        }
    }

    /// Nothing goes wrong any more, and everything is handled.
    async fn come_to_rest(&mut self) -> Result<(), String> {
        {
            let mut state = self.world.lock();
            state.note(format_args!("nothing goes wrong any more"));
            state.weather.clear();
            state.vacancies.clear(Instant::now());
        }
        let limit = Instant::now() + oracle::PATIENCE;
        loop {
            self.check().await?;
            if self.processes.is_empty() {
                self.start(None).await;
            }
            self.use_kept();
            let here: Vec<usize> = self.processes.iter().map(|process| process.number).collect();
            let leaves = (self.leaving.iter().find(|(_, _, left)| !left.is_finished()))
                .map(|(number, _, _)| format!("p{number} still leaves"));
            let Some(undone) = leaves.or_else(|| oracle::undone(&self.world, &here)) else { break };
            if Instant::now() > limit {
                return Err(format!("{undone}, although nothing has gone wrong for {:?}", oracle::PATIENCE));
            }
            self.pass(1_000, 1_000).await?;
        }
        // Nobody takes a worker for live any more that is not: a late sign of life may have been on its way.
        let arrives = self.world.lock().weather.arrives();
        sleep_until(arrives.unwrap_or_else(Instant::now)).await;
        sleep(self.world.plan.failover * 2).await;
        self.check().await?;
        oracle::judge(&self.world)
    }

    /// Everybody leaves, one after the other, and nothing is left.
    async fn leave(&mut self) -> Result<(), String> {
        while let Some(process) = self.processes.pop() {
            if self.processes.is_empty() {
                // What was given, at the last moment, to one that left finds its way to the last.
                sleep(self.world.plan.failover * 3).await;
                self.check().await?;
            }
            self.note(&process, "drains, as all do");
            self.world.lock().leaves(process.number);
            let ended = process.running.drain(Duration::from_secs(120)).await;
            self.judge_end(process.number, &process.name, &ended)?;
            if !ended.in_time {
                return Err(format!("p{} does not leave in time", process.number));
            }
        }
        for (number, _, leaving) in std::mem::take(&mut self.leaving) {
            match timeout(Duration::from_secs(120), leaving).await {
                Ok(Ok(_)) => {}
                Ok(Err(fault)) => return Err(format!("p{number} cannot leave: {fault}")),
                Err(_) => return Err(format!("p{number} never leaves")),
            }
        }
        if let Some((shard, owner)) = oracle::owner_left(&self.world) {
            return Err(format!("{shard} is left to {owner}"));
        }
        // What was on its way arrives.
        sleep(Duration::from_secs(120)).await;
        self.check().await?;
        oracle::judge(&self.world)?;
        if let Some(left) = self.world.lock().watch.left_over() {
            return Err(left);
        }
        while self.world.take_kept().is_some() {}
        match Handle::current().metrics().num_alive_tasks() {
            0 => Ok(()),
            tasks => Err(format!("{tasks} tasks are left over")),
        }
    }
}

async fn run(world: &Arc<World>, number: usize, name: &str, seed: u64, off_by: i64) -> Result<Running, Error> {
    let plan = &world.plan;
    let clock = world.clock.off_by(off_by);
    let broker = LocalTransport::new(world.broker.clone());
    let way = Way { world: Arc::clone(world), process: number, broker };
    let client = Client::with_transport(settings(clock.clone(), seed), way).expect("settings that are sound");
    let store = Store { world: Arc::clone(world), process: number };
    let listener = Arc::clone(world);
    let start = if plan.begins_latest { Start::Latest } else { Start::TrimHorizon };
    let strategy = if plan.by_throughput { Strategy::Throughput } else { Strategy::Count };
    let config = Config::new("group".parse().expect("letters"))
        .with_worker(name.parse().expect("letters and digits"))
        .with_stream(world.stream.clone(), start)
        .with_failover(plan.failover)
        .with_lock_lease(plan.lock_lease)
        .with_handoff(plan.handoff)
        .with_checkpoint_linger(plan.linger)
        .with_checkpointing(plan.checkpointing)
        .with_idle(plan.idle)
        .with_audit(plan.audit)
        .with_hold_at_least(plan.hold)
        .with_strategy(strategy)
        .with_batch_bytes(plan.batch_bytes)
        .with_waits(Duration::from_millis(100), Duration::from_secs(5))
        .with_renewing(Renewing::SameRuntime)
        .with_clock(clock)
        .with_seed(seed)
        .with_listener(move |event| listener.lock().note(format_args!("p{number}: {event}")));
    let consumer = Consumer::new(client, store.clone(), config)?;
    let (chance, name) = (Mutex::new(fastrand::Rng::with_seed(seed)), name.to_owned());
    let make = move |begin: &Begin| {
        let seed = chance.lock().unwrap_or_else(PoisonError::into_inner).u64(..);
        Hand::new(store.clone(), name.clone(), seed, begin)
    };
    consumer.run(make).await
}
