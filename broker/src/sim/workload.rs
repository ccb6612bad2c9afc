//! What happens in a history: what is asked of the broker, how far the log gets meanwhile, what the disk does, and when the
//! process or the machine ends.
//! Called by `run`.

use super::Summary;
use super::caller::{Asked, Refused, ask};
use super::oracle::{Oracle, StreamLife, payload};
use crate::log::{Data, Faulty, Hands, Sync};
use crate::{Broker, Config, Limits};
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tailwater_record::{HashKey, SequenceNumber, ShardId, StreamName, Timestamp};
use tailwater_wire::shapes::*;
use tailwater_wire::time::WallClock;

/// A clock that goes as it is told.
#[derive(Clone, Debug)]
struct Clock(Arc<AtomicI64>);

impl WallClock for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A history.
#[derive(Debug)]
pub(super) struct Workload {
    seed: u64,
    chance: Rng,
    clock: Clock,
    disk: Faulty,
    plan: Plan,
    running: Option<Running>,
    phase: Phase,
    oracle: Oracle,
    /// The life that a name has.
    lives: BTreeMap<StreamName, Life>,
    next_life: StreamLife,
    /// Lives that were asked for, and that nobody knows to have begun.
    unheard: BTreeMap<StreamName, StreamLife>,
    pending: Vec<Pending>,
    readers: Vec<Reader>,
    /// What was stored before this may be forgotten.
    forgotten: Timestamp,
    summary: Summary,
    steps: u64,
    digest: DefaultHasher,
    is_traced: bool,
    lines: Vec<String>,
}

/// What stays the same through a history.
#[derive(Debug)]
struct Plan {
    segment: u64,
    memory: usize,
    transition: Duration,
    /// Of a hundred steps, so many go wrong on the disk while it is not calm.
    faults: u32,
    /// Whether only the process ends, and never the machine: then it does not matter when the log is synced.
    is_late: bool,
}

#[derive(Debug)]
struct Running {
    broker: Broker,
    hands: Hands,
}

/// How far the committer is in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Taken,
    Written,
    Certain,
}

/// What is known of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Life {
    id: StreamLife,
    /// Whether its making was acknowledged, and no end of it was asked for.
    is_certain: bool,
    has_begun: bool,
    is_ending: bool,
    /// Shards that were acknowledged to be there, by a split or a merge.
    shards: u32,
    /// Whether its end was acknowledged.
    is_gone: bool,
}

#[derive(Debug)]
struct Pending {
    asked: Asked,
    what: What,
}

#[derive(Debug)]
enum What {
    Put { name: StreamName, id: StreamLife, items: Vec<usize> },
    Create { name: StreamName, id: StreamLife, shards: u32 },
    Delete { name: StreamName, id: StreamLife },
    Reshard { name: StreamName, id: StreamLife, shards: u32 },
    Other,
}

/// Somebody who reads a shard on and on.
#[derive(Debug)]
struct Reader {
    stream: StreamLife,
    shard: ShardId,
    next: Option<ShardIterator>,
    /// From the first number to the last.
    went: Option<(SequenceNumber, SequenceNumber)>,
}

const NAMES: [&str; 3] = ["one", "two", "three"];

impl Workload {
    pub(super) fn new(seed: u64, is_traced: bool) -> Self {
        let mut chance = Rng::with_seed(seed);
        let clock = Clock(Arc::new(AtomicI64::new(1_750_000_000_000 + i64::from(chance.u32(..10_000)))));
        let plan = Plan {
            segment: *chance.choice(&[4096, 4096, 8192, 16_384, 65_536]).unwrap_or(&4096),
            memory: *chance.choice(&[0, 500, 3000, 20_000]).unwrap_or(&0),
            transition: Duration::from_millis(*chance.choice(&[0, 0, 50]).unwrap_or(&0)),
            faults: *chance.choice(&[0, 3, 10]).unwrap_or(&0),
            is_late: chance.u32(..6) == 0,
        };
        Self {
            seed,
            disk: Faulty::new(chance.u64(..)),
            forgotten: Timestamp::from_millis(0),
            chance,
            clock,
            plan,
            running: None,
            phase: Phase::Idle,
            oracle: Oracle::default(),
            lives: BTreeMap::new(),
            next_life: 0,
            unheard: BTreeMap::new(),
            pending: Vec::new(),
            readers: Vec::new(),
            summary: Summary::default(),
            steps: 0,
            digest: DefaultHasher::new(),
            is_traced,
            lines: Vec::new(),
        }
    }

    /// Everything that happened, line by line, if that was to be kept.
    pub(super) fn into_lines(self) -> Vec<String> {
        self.lines
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lives it through.
    pub(super) fn live(&mut self) -> Result<Summary, String> {
        self.open()?;
        for _ in 0..self.chance.u64(20..160) {
            self.steps += 1;
            self.step()?;
        }
        // Then all is well again, and everything is looked at once more, before and after one last end.
        self.disk.calm();
        self.end(false)?;
        self.settle()?;
        self.judge()?;
        self.end(true)?;
        self.settle()?;
        self.judge()?;
        self.tidy()?;
        self.judge()?;
        let (acknowledged, read) = (self.oracle.acknowledged, self.oracle.read);
        (acknowledged, read, self.disk.operations()).hash(&mut self.digest);
        let digest = self.digest.finish();
        Ok(Summary { acknowledged, read, operations: self.disk.operations(), digest, ..self.summary })
    }

    fn config(&self) -> Config {
        let data = Data::on(Arc::new(self.disk.clone())).with_segment(self.plan.segment).with_memory(self.plan.memory);
        let sync = if self.plan.is_late { Sync::Every(Duration::from_secs(1)) } else { Sync::Each };
        Config::default()
            .with_clock(self.clock.clone())
            .with_limits(Limits::Off)
            .with_transition(self.plan.transition)
            .with_data(data.with_sync(sync))
    }

    /// Opens the log, through as many ends as it takes.
    fn open(&mut self) -> Result<(), String> {
        for attempt in 0_u32.. {
            if attempt > 5 {
                self.disk.calm();
            }
            let chance = self.chance.u64(..);
            match Broker::open_by_hand(self.config(), chance) {
                Ok((broker, Some(hands))) => {
                    self.running = Some(Running { broker, hands });
                    self.phase = Phase::Idle;
                    return Ok(());
                }
                Ok((_, None)) => return Err("a broker with data has no log".to_owned()),
                Err(fault) if attempt > 6 => return Err(format!("the log cannot be opened: {fault}")),
                Err(fault) => {
                    self.note(&format!("cannot be opened: {fault}"));
                    self.power(self.seed.is_multiple_of(3));
                }
            }
        }
        Ok(())
    }

    /// The process ends, and maybe the machine.
    fn power(&mut self, stays: bool) {
        self.summary.ends += 1;
        if stays || self.plan.is_late { self.disk.kill() } else { self.disk.crash() }
    }

    /// The process ends, and begins anew.
    fn end(&mut self, stays: bool) -> Result<(), String> {
        self.note(&format!("ends, {stays}"));
        self.pending.clear();
        self.running = None;
        self.power(stays);
        // Readers go on: an iterator is good for another process, too.
        self.open()
    }

    fn note(&mut self, what: &str) {
        (self.steps, what).hash(&mut self.digest);
        if self.is_traced {
            self.lines.push(format!("{:>6} {what}", self.steps));
        }
    }

    fn step(&mut self) -> Result<(), String> {
        match self.chance.u32(..100) {
            0..30 => self.put(),
            30..40 => self.control(),
            40..58 => self.read()?,
            58..82 => self.commit(),
            82..88 => self.keep(),
            88..93 => self.pass(),
            93..96 => self.upset(),
            _ => {
                let stays = self.chance.bool();
                self.end(stays)?;
            }
        }
        self.poll()
    }

    fn name(&mut self) -> StreamName {
        let name = self.chance.choice(NAMES).unwrap_or("one");
        name.parse().expect("a name of ours is one")
    }

    fn ask<C: Call>(&mut self, input: &C, what: What) {
        self.note(&format!("asks {} for {what:?}", C::OPERATION));
        if let Some(running) = &self.running {
            let asked = ask(&running.broker, input);
            self.pending.push(Pending { asked, what });
        }
    }

    fn put(&mut self) {
        let name = self.name();
        let Some(life) = self.lives.get(&name).copied() else { return self.create(name) };
        let count = self.chance.usize(1..6);
        let (mut items, mut entries) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let item = self.oracle.send(life.id, self.now());
            let size = if self.chance.u32(..30) == 0 { self.chance.usize(..9000) } else { self.chance.usize(8..400) };
            let key = format!("k{}", self.chance.u32(..20)).parse().expect("a key of ours is one");
            entries.push(PutRecordsRequestEntry {
                explicit_hash_key: self.chance.bool().then(|| HashKey::new(self.chance.u128(..))),
                ..PutRecordsRequestEntry::new(payload(item, size), key)
            });
            items.push(item);
        }
        let put = PutRecordsInput { stream_name: Some(name.clone()), ..PutRecordsInput::new(entries) };
        self.ask(&put, What::Put { name, id: life.id, items });
    }

    fn create(&mut self, name: StreamName) {
        let shards = self.chance.u32(1..4);
        // One that was asked for and never heard of may still come to be: then it is this one.
        let id = self.unheard.remove(&name).unwrap_or_else(|| {
            self.next_life += 1;
            self.next_life
        });
        self.lives.insert(
            name.clone(),
            Life { id, is_certain: false, is_ending: false, has_begun: false, shards: 0, is_gone: false },
        );
        self.ask(&CreateStreamInput::provisioned(name.clone(), shards), What::Create { name, id, shards });
    }

    fn control(&mut self) {
        let name = self.name();
        let Some(life) = self.lives.get(&name).copied() else { return self.create(name) };
        let id = life.id;
        let stream_name = Some(name.clone());
        let shard = |number: u32| ShardId::numbered(number);
        let reshard = |shards| What::Reshard { name: name.clone(), id, shards };
        match self.chance.u32(..10) {
            0..3 => {
                let (number, key) = (self.chance.u32(..6), HashKey::new(self.chance.u128(..)));
                let split = SplitShardInput {
                    stream_name,
                    shard_to_split: shard(number),
                    new_starting_hash_key: key,
                    stream_arn: None,
                };
                self.ask(&split, reshard(2));
            }
            3..5 => {
                let (one, two) = (self.chance.u32(..6), self.chance.u32(..6));
                let merge = MergeShardsInput {
                    stream_name,
                    shard_to_merge: shard(one),
                    adjacent_shard_to_merge: shard(two),
                    stream_arn: None,
                };
                self.ask(&merge, reshard(1));
            }
            5 => {
                self.lives.insert(name.clone(), Life { is_certain: false, is_ending: true, ..life });
                let delete = DeleteStreamInput { stream_name, ..DeleteStreamInput::default() };
                self.ask(&delete, What::Delete { name, id });
            }
            6 => {
                let hours = self.chance.i32(24..200);
                let more =
                    IncreaseStreamRetentionPeriodInput { stream_name, retention_period_hours: hours, stream_arn: None };
                self.ask(&more, What::Other);
            }
            7 => {
                let tags = [("a".parse().expect("a tag"), "b".parse().expect("a value"))];
                let tag = AddTagsToStreamInput { stream_name, tags: TagMap(tags.into()), stream_arn: None };
                self.ask(&tag, What::Other);
            }
            8 => self.ask(&ListStreamsInput::default(), What::Other),
            _ => {
                let target = self.chance.u32(1..5);
                let scale = UpdateShardCountInput {
                    stream_name,
                    target_shard_count: target,
                    scaling_type: ScalingType::UniformScaling,
                    stream_arn: None,
                };
                self.ask(&scale, What::Other);
            }
        }
    }

    /// What the broker answers at once, as all reading is; `None` if it holds it back, or refuses.
    fn now_or<C: Call>(&mut self, input: &C) -> Option<Result<C::Output, Refused>> {
        let running = self.running.as_ref()?;
        ask(&running.broker, input).poll()
    }

    fn read(&mut self) -> Result<(), String> {
        if self.readers.len() < 6 && self.chance.bool() {
            let name = self.name();
            let Some(life) = self.lives.get(&name).copied() else { return Ok(()) };
            let shard = ShardId::numbered(self.chance.u32(..6));
            let kind = match self.chance.u32(..3) {
                0 => ShardIteratorType::Latest,
                1 => ShardIteratorType::AtTimestamp,
                _ => ShardIteratorType::TrimHorizon,
            };
            let moment = Timestamp::from_millis(self.now().millis() - i64::from(self.chance.u32(..100_000)));
            let start = GetShardIteratorInput {
                stream_name: Some(name),
                shard_id: shard.clone(),
                timestamp: (kind == ShardIteratorType::AtTimestamp).then_some(moment),
                shard_iterator_type: kind,
                starting_sequence_number: None,
                stream_arn: None,
                dry_run: None,
            };
            if let Some(Ok(GetShardIteratorOutput { shard_iterator: Some(next) })) = self.now_or(&start) {
                if let Some(life) = self.lives.values_mut().find(|other| other.id == life.id) {
                    life.has_begun = true;
                }
                self.readers.push(Reader { stream: life.id, shard, next: Some(next), went: None });
            }
        }
        if self.readers.is_empty() {
            return Ok(());
        }
        let place = self.chance.usize(..self.readers.len());
        let limit = self.chance.bool().then(|| self.chance.u32(1..9));
        let Some(next) = self.readers[place].next.clone() else {
            self.leave(place);
            return Ok(());
        };
        let get = GetRecordsInput { shard_iterator: next, limit, stream_arn: None, dry_run: None };
        match self.now_or(&get) {
            None => {}
            Some(Ok(read)) => {
                let reader = &mut self.readers[place];
                let span = self.oracle.read(reader.stream, &reader.shard, &read.records)?;
                if let Some((first, last)) = span {
                    if reader.went.as_ref().is_some_and(|(_, before)| *before >= first) {
                        return Err(format!("a reader of {} is handed {first} again", reader.shard));
                    }
                    let from = reader.went.take().map_or(first, |(from, _)| from);
                    reader.went = Some((from, last));
                }
                reader.next = read.next_shard_iterator;
            }
            // Expired, or of a stream that is gone, or the disk does not give it.
            Some(Err((status, _))) => {
                self.summary.failures += u64::from(status == 500);
                if status != 500 {
                    self.leave(place);
                }
            }
        }
        Ok(())
    }

    fn leave(&mut self, place: usize) {
        let Reader { stream, shard, went, .. } = self.readers.swap_remove(place);
        if let Some((from, to)) = went {
            self.oracle.went(stream, &shard, from, to);
        }
    }

    /// The committer goes a little way.
    fn commit(&mut self) {
        let whole = self.chance.bool();
        if let Some(Running { hands, .. }) = self.running.as_mut().filter(|_| self.plan.is_late) {
            hands.committer.step();
            if whole {
                hands.committer.sync_late();
            }
            return;
        }
        loop {
            let Some(Running { hands, .. }) = &mut self.running else { return };
            self.phase = match self.phase {
                Phase::Idle if hands.committer.take() => Phase::Taken,
                Phase::Idle => return,
                Phase::Taken => match hands.committer.write() {
                    Ok(()) => Phase::Written,
                    Err(fault) => {
                        hands.committer.fail(&fault);
                        Phase::Idle
                    }
                },
                Phase::Written => match hands.committer.make_certain() {
                    Ok(()) => Phase::Certain,
                    Err(fault) => {
                        hands.committer.fail(&fault);
                        Phase::Idle
                    }
                },
                Phase::Certain => {
                    hands.committer.settle();
                    Phase::Idle
                }
            };
            let phase = self.phase;
            self.note(&format!("{phase:?}"));
            if !whole || self.phase == Phase::Idle {
                return;
            }
        }
    }

    fn keep(&mut self) {
        for _ in 0..self.chance.u32(1..6) {
            let Some(Running { hands, .. }) = &mut self.running else { return };
            let cached = hands.committer.cache().oldest_segment();
            match hands.keeper.step(cached) {
                Ok(true) => self.summary.chores += 1,
                Ok(false) | Err(_) => return,
            }
        }
    }

    fn pass(&mut self) {
        let millis = match self.chance.u32(..10) {
            0 => 3_600_000 * self.chance.i64(1..30),
            1 => -self.chance.i64(0..50),
            _ => self.chance.i64(0..2000),
        };
        self.clock.0.fetch_add(millis, Ordering::Relaxed);
        self.note(&format!("passes {millis}"));
        self.forget();
    }

    /// No stream keeps less than a day.
    fn forget(&mut self) {
        let day = Timestamp::from_millis(self.now().millis() - 24 * 3_600_000);
        self.forgotten = self.forgotten.max(day);
    }

    fn upset(&mut self) {
        let faults = self.plan.faults;
        match self.chance.u32(..7) {
            // What was acknowledged is only in the system's memory then, and a disk that fails may take it.
            _ if self.plan.is_late => {}
            0 => self.disk.fail_syncs(f64::from(faults) / 20.0),
            1 => self.disk.fail_writes(f64::from(faults) / 40.0),
            2 => self.disk.fail_reads(f64::from(faults) / 40.0),
            3 if faults > 0 => self.disk.capacity(self.chance.u64(8000..200_000)),
            4 if faults > 0 => self.disk.fail_after(self.chance.u64(..40)),
            _ => self.disk.calm(),
        }
    }

    fn poll(&mut self) -> Result<(), String> {
        let mut pending = std::mem::take(&mut self.pending);
        let mut violation = None;
        pending.retain_mut(|pending| match self.answered(pending) {
            Ok(is_held_back) => is_held_back,
            Err(what) => {
                violation.get_or_insert(what);
                false
            }
        });
        self.pending.append(&mut pending);
        violation.map_or(Ok(()), Err)
    }

    /// Looks for an answer, and notes it. Whether it is still held back.
    fn answered(&mut self, Pending { asked, what }: &mut Pending) -> Result<bool, String> {
        let answer = match what {
            What::Put { name, id, items } => {
                let Some(answer) = asked.poll::<PutRecordsOutput>() else { return Ok(true) };
                if let (Ok(_), Some(life)) = (&answer, self.lives.get_mut(name).filter(|life| life.id == *id)) {
                    life.has_begun = true;
                }
                if let Ok(answer) = &answer {
                    for (item, put) in items.iter().zip(&answer.records) {
                        if let (Some(shard), Some(number)) = (&put.shard_id, &put.sequence_number) {
                            self.oracle.acknowledge(*item, shard, number)?;
                        }
                    }
                }
                // It was never made, or has been deleted: the name may be used again.
                let life = self.lives.get(name).filter(|life| life.id == *id && (!life.is_certain || life.is_gone));
                let has_begun = life.is_some_and(|life| life.has_begun);
                if life.is_some() && answer.as_ref().is_err_and(|(_, words)| words.contains("ResourceNotFound")) {
                    self.lives.remove(name);
                    if !has_begun {
                        self.unheard.insert(name.clone(), *id);
                    }
                }
                answer.map(drop)
            }
            What::Other => {
                // Whatever it says: that it can be said is enough.
                let Some(answer) = asked.poll::<Empty>() else { return Ok(true) };
                answer.map(drop)
            }
            What::Create { .. } | What::Delete { .. } | What::Reshard { .. } => {
                let Some(answer) = asked.poll::<Empty>() else { return Ok(true) };
                if answer.is_ok() {
                    self.done(what);
                }
                answer.map(drop)
            }
        };
        self.note(&format!("{what:?} is answered by {answer:?}"));
        if let Err((status, _)) = answer {
            self.summary.failures += u64::from(status == 500);
        }
        Ok(false)
    }

    fn done(&mut self, what: &What) {
        match what {
            What::Create { name, id, shards } => {
                if let Some(life) = self.lives.get_mut(name).filter(|life| life.id == *id) {
                    life.shards = *shards;
                    life.has_begun = true;
                    life.is_certain = !life.is_ending;
                }
            }
            What::Delete { name, id } => {
                if let Some(life) = self.lives.get_mut(name).filter(|life| life.id == *id) {
                    life.has_begun = true;
                    life.is_gone = true;
                }
            }
            What::Reshard { name, id, shards } => {
                if let Some(life) = self.lives.get_mut(name).filter(|life| life.id == *id) {
                    life.has_begun = true;
                    life.shards += shards;
                }
            }
            What::Put { .. } | What::Other => {}
        }
    }

    /// Everything that was asked is answered.
    fn settle(&mut self) -> Result<(), String> {
        self.clock.0.fetch_add(1000, Ordering::Relaxed);
        for _ in 0..40 {
            self.commit();
            self.poll()?;
        }
        Ok(())
    }

    /// All that can be done for the log is done; then it takes little more than what is wanted.
    fn tidy(&mut self) -> Result<(), String> {
        for _ in 0..4000 {
            self.commit();
            let Some(Running { hands, .. }) = &mut self.running else { break };
            let cached = hands.committer.cache().oldest_segment();
            match hands.keeper.step(cached) {
                Ok(true) => {}
                Ok(false) if self.phase == Phase::Idle && !hands.committer.has_work() => break,
                Ok(false) => {}
                Err(fault) => return Err(format!("the log cannot be tidied up: {fault}")),
            }
        }
        let Some(Running { hands, .. }) = &self.running else { return Ok(()) };
        let (wanted, used) = (hands.keeper.wanted(), self.disk.used());
        // The segment that is written, its successor, what is small and not worth the while, and the indices.
        let most = wanted * 3 / 2 + self.plan.segment * 4 + 40_000;
        if used > most { Err(format!("{used} bytes are used for {wanted}")) } else { Ok(()) }
    }

    /// Reads everything there is, and holds it against what must be there.
    fn judge(&mut self) -> Result<(), String> {
        self.forget();
        for place in (0..self.readers.len()).rev() {
            self.leave(place);
        }
        let listed = self.certain(&ListStreamsInput::default())?;
        let lives = self.lives.clone();
        for (name, life) in lives {
            let is_listed = listed.stream_names.contains(&name);
            if life.is_certain && !is_listed {
                return Err(format!("stream {name} was made, and is gone"));
            }
            if life.is_gone && is_listed {
                return Err(format!("stream {name} was deleted, and is there again"));
            }
            if is_listed {
                self.judge_stream(&name, life)?;
            }
        }
        Ok(())
    }

    fn judge_stream(&mut self, name: &StreamName, life: Life) -> Result<(), String> {
        let list = ListShardsInput { stream_name: Some(name.clone()), ..ListShardsInput::default() };
        let shards = self.certain(&list)?.shards.unwrap_or_default();
        let now = self.now().millis();
        let is_young = self.forgotten.millis() < now - 25 * 3_600_000 || self.forgotten.millis() < 1_750_000_000_000;
        let highest = shards.iter().filter_map(|shard| shard.shard_id.number()).max().map_or(0, |number| number + 1);
        if is_young && highest < u64::from(life.shards) {
            return Err(format!("stream {name} has had {highest} shards, and had {}", life.shards));
        }
        let mut found = BTreeMap::<ShardId, BTreeSet<SequenceNumber>>::new();
        for shard in shards {
            let id = shard.shard_id;
            let numbers = found.entry(id.clone()).or_default();
            let start = GetShardIteratorInput {
                stream_name: Some(name.clone()),
                shard_id: id.clone(),
                shard_iterator_type: ShardIteratorType::TrimHorizon,
                timestamp: None,
                starting_sequence_number: None,
                stream_arn: None,
                dry_run: None,
            };
            let mut next = self.certain(&start)?.shard_iterator;
            while let Some(iterator) = next {
                let read = self.certain(&GetRecordsInput {
                    shard_iterator: iterator,
                    limit: None,
                    stream_arn: None,
                    dry_run: None,
                })?;
                self.oracle.read(life.id, &id, &read.records)?;
                let is_tip = read.records.is_empty() && read.millis_behind_latest == Some(0);
                for record in read.records {
                    if !numbers.insert(record.sequence_number.clone()) {
                        return Err(format!("{} of {id} is read twice", record.sequence_number));
                    }
                }
                next = read.next_shard_iterator.filter(|_| !is_tip);
            }
        }
        self.oracle.judge(life.id, &found, self.forgotten)
    }

    /// The answer to what has to be answered, and rightly.
    fn certain<C: Call>(&mut self, input: &C) -> Result<C::Output, String> {
        let running = self.running.as_ref().ok_or("no broker runs")?;
        let mut asked = ask(&running.broker, input);
        for _ in 0..20 {
            if let Some(answer) = asked.poll::<C::Output>() {
                return answer.map_err(|(status, words)| format!("{} is refused: {status} {words}", C::OPERATION));
            }
            self.commit();
        }
        Err(format!("{} is never answered", C::OPERATION))
    }
}
