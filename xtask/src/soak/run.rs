//! The soak itself: starts everything, kills, waits until all that was put is handled, ends everything in order, and has
//! the evidence judged. Everything is in one folder, which is gone if all is well and named if not.
//! Called by `main`.

use super::judge::{Evidence, Kill, judge};
use super::load::{self, Put};
use super::notes::{self, Group, Note};
use super::plan::{Plan, Plant};
use super::processes::{Place, Process};
use super::sink::Sink;
use super::worker::{BUSY, FAILOVER};
use crate::interop::ours::OurBroker;
use crate::resharding::{Fault, Resharding};
use crate::shell::Outcome;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;
use tailwater_client::{Client, Config, StaticCredentials};
use tailwater_record::StreamName;
use tailwater_store::{Lease, LeaseStore, Listing, SqliteStore, Unreadable};
use tailwater_wire::shapes::CreateStreamInput;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

const WORKERS: usize = 3;
const SHARDS: u32 = 4;
const STREAM: &str = "soak";
/// How long the last records may take, and a worker to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a kill takes two.
const TWO_IN: u32 = 4;

/// Runs a soak as these words say.
pub(crate) fn run(words: &[&str]) -> Outcome {
    let plan = Plan::of(words, notes::now().unsigned_abs())?;
    println!("seed {}, {} kills", plan.seed, plan.kills);
    let folder = std::env::temp_dir().join(format!("tailwater-soak-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let broker = OurBroker::start_quickly_built(&["--limits", "off", "--transition", "100"])?;
    let place = Place { folder, url: broker.url().to_owned(), stream: STREAM.to_owned(), plant: plan.plant };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(soak(&plan, &place));
    match done {
        Ok(()) => Ok(fs::remove_dir_all(&place.folder)?),
        Err(fault) => Err(format!("soak consumer, seed {}: {fault}; see {}", plan.seed, place.folder.display()).into()),
    }
}

async fn soak(plan: &Plan, place: &Place) -> Result<(), Fault> {
    let began = Instant::now();
    let config = Config::new("us-east-1".parse()?)
        .with_endpoint_url(place.url.parse()?)
        .with_credentials(StaticCredentials::new("AKIDEXAMPLE", "secret", None));
    let (client, stream): (Client, StreamName) = (Client::new(config)?, STREAM.parse()?);
    client.create_stream(&CreateStreamInput::provisioned(stream.clone(), SHARDS)).await?;
    Resharding::new(&client, &stream).wait_until_active().await?;
    let store = SqliteStore::open_with_busy_timeout(place.file(), BUSY)?;
    store.prepare().await?;
    let sink = Sink::open(&place.file())?;
    sink.make_tables()?;

    let (stop, stops) = watch::channel(false);
    let load = tokio::spawn(load::run(client, stream, plan.seed, stops));
    let mut soak =
        Soak { place, store, sink, processes: Vec::new(), due: Vec::new(), runs: Vec::new(), kills: Vec::new() };
    let mut chance = StdRng::seed_from_u64(plan.seed);
    for worker in 0..WORKERS {
        soak.start(&format!("worker-{worker}"), &mut chance)?;
    }
    while soak.kills.len() < plan.kills {
        soak.pause(Duration::from_millis(chance.random_range(plan.pause.clone())), &mut chance).await?;
        let left = plan.kills - soak.kills.len();
        let several = if chance.random_ratio(1, TWO_IN) { 2 } else { 1 };
        soak.kill(several.min(left), &mut chance).await?;
        if load.is_finished() {
            break;
        }
    }
    while !soak.due.is_empty() {
        soak.pause(Duration::from_millis(100), &mut chance).await?;
    }
    // Who has just started cannot know yet who of the others is dead, and would hand its shards over to them.
    soak.pause(FAILOVER * 2, &mut chance).await?;
    stop.send_replace(true);
    let put = load.await??;
    println!("{} records put, {} of them in several attempts; {} reshards", put.keys.len(), put.repeated, put.reshards);
    let told = soak.until_handled(&put, &mut chance).await?;
    let faults = soak.end().await;
    let verdict = {
        let mut verdict = judge(&soak.evidence(put).await?);
        verdict.faults.splice(0..0, faults.into_iter().chain(told));
        verdict
    };
    println!("{} kills in {:.0?}; {verdict}", soak.kills.len(), began.elapsed());
    if verdict.faults.is_empty() { Ok(()) } else { Err(format!("{} faults", verdict.faults.len()).into()) }
}

struct Soak<'p> {
    place: &'p Place,
    store: SqliteStore,
    sink: Sink,
    processes: Vec<Process>,
    /// Who is to be started again, and when.
    due: Vec<(Instant, String)>,
    /// All that there ever were.
    runs: Vec<String>,
    kills: Vec<Kill>,
}

impl Soak<'_> {
    fn start(&mut self, name: &str, chance: &mut StdRng) -> Result<(), Fault> {
        let process = Process::start(self.place, name, self.runs.len(), chance.random())?;
        self.runs.push(process.run.clone());
        self.processes.push(process);
        Ok(())
    }

    /// Lets time pass, starts who is due, and sees to it that all live.
    async fn pause(&mut self, time: Duration, chance: &mut StdRng) -> Result<(), Fault> {
        let until = Instant::now() + time;
        loop {
            let now = Instant::now();
            while let Some(at) = self.due.iter().position(|(due, _)| *due <= now) {
                let (_, name) = self.due.swap_remove(at);
                self.start(&name, chance)?;
            }
            for process in &mut self.processes {
                if let Some(status) = process.ended()? {
                    return Err(format!("{} ended by itself with {status}", process.run).into());
                }
            }
            if now >= until {
                return Ok(());
            }
            sleep(Duration::from_millis(20).min(until - now)).await;
        }
    }

    /// Kills so many at once, reads what they left, and says when others take their place.
    async fn kill(&mut self, several: usize, chance: &mut StdRng) -> Result<(), Fault> {
        self.processes.shuffle(chance);
        let mut dead = self.processes.split_off(self.processes.len().saturating_sub(several));
        let at = notes::now();
        for process in &mut dead {
            process.kill()?;
        }
        for process in &mut dead {
            process.wait()?;
        }
        let rows = self.rows().await?.leases;
        for process in &dead {
            let is_its = |row: &&Lease| row.actual_owner().is_some_and(|owner| owner.as_str() == process.name);
            let rows: Vec<Lease> = rows.iter().filter(is_its).cloned().collect();
            if self.place.plant == Plant::Back {
                for row in rows.iter().filter(|row| row.progress.has_begun() && !row.is_ended()) {
                    self.sink.set_back(row)?;
                }
            }
            self.kills.push(Kill { run: process.run.clone(), at, rows });
        }
        let now = Instant::now();
        for process in dead {
            let later = now + Duration::from_millis(chance.random_range(500..6000));
            let (due, name) = match chance.random_range(0..6) {
                0..3 => (now, process.name.clone()),
                3..5 => (later, process.name.clone()),
                _ => (later, format!("worker-{}-anew", self.runs.len() + self.due.len())),
            };
            self.due.push((due, name));
        }
        Ok(())
    }

    /// The rows of both groups.
    async fn rows(&self) -> Result<Listing, Fault> {
        let mut rows = Listing::default();
        for group in Group::ALL {
            let group = group.name().parse()?;
            let listing = loop {
                match self.store.leases(&group).await {
                    Err(fault) if fault.is_retryable() => sleep(Duration::from_millis(10)).await,
                    listing => break listing?,
                }
            };
            rows.leases.extend(listing.leases);
            rows.unreadable.extend(listing.unreadable);
        }
        Ok(rows)
    }

    /// Waits until all that was put is handled; tells what is missing if that takes too long.
    async fn until_handled(&mut self, put: &Put, chance: &mut StdRng) -> Result<Option<String>, Fault> {
        let began = Instant::now();
        loop {
            self.pause(Duration::from_millis(500), chance).await?;
            let booked = self.sink.count()?;
            let noted = if booked < put.keys.len() { 0 } else { self.noted()? };
            if booked.min(noted) >= put.keys.len() {
                println!("all handled {:.1?} after the last was put", began.elapsed());
                return Ok(None);
            }
            if began.elapsed() > PATIENCE {
                return Ok(Some(format!("{PATIENCE:?} after the last was put, {booked} are booked and {noted} noted")));
            }
        }
    }

    /// How many numbers are noted.
    fn noted(&self) -> Result<usize, Fault> {
        let mut numbers = BTreeSet::new();
        for run in &self.runs {
            for line in self.read(run)? {
                if let (Group::Noting, Note::Handled(records)) = (line.tenure.group, line.note) {
                    numbers.extend(records.into_iter().map(|(number, _)| number));
                }
            }
        }
        Ok(numbers.len())
    }

    fn read(&self, run: &str) -> Result<Vec<notes::Line>, Fault> {
        // One that was killed at once has no file.
        let text = match fs::read_to_string(self.place.notes(run)) {
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        Ok(notes::read(&text).map_err(|fault| format!("{run}: {fault}"))?)
    }

    /// Ends one worker after the other, in order; tells what went wrong.
    async fn end(&mut self) -> Vec<String> {
        let mut faults = Vec::new();
        for process in std::mem::take(&mut self.processes) {
            faults.extend(process.end(PATIENCE).await.err());
        }
        faults
    }

    async fn evidence(&self, put: Put) -> Result<Evidence, Fault> {
        if self.place.plant == Plant::Unreadable {
            self.sink.spoil()?;
        }
        let runs = self.runs.iter().map(|run| Ok((run.clone(), self.read(run)?)));
        let runs = runs.collect::<Result<_, Fault>>()?;
        let Listing { leases: rows, unreadable } = self.rows().await?;
        let unreadable = unreadable.into_iter().map(|Unreadable { row, cause }| format!("{row}: {cause}")).collect();
        Ok(Evidence {
            keys: put.keys,
            runs,
            kills: self.kills.clone(),
            effects: self.sink.effects()?,
            rows,
            unreadable,
        })
    }
}
