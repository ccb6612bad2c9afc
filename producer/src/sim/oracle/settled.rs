//! What answers explain, what settlements claim, and what must be true between any two steps.

use super::{Oracle, Packet, Said, State, Trial, Verdict};
use crate::attempts::Trouble;
use crate::error::Error;
use crate::pipeline::{Failed, FlushId, Pipeline, Stored};
use crate::sim::world::World;
use std::time::Duration;
use tailwater_client as client;
use tailwater_wire::FaultCode;
use tokio::time::Instant;

impl Oracle {
    /// The pipeline is told this of a Kinesis record.
    pub(in crate::sim) fn answered(&mut self, now: u64, packet: &Packet, said: Said) {
        if let Said::Again(_) = said {
            let (listing, resumes) = (self.listing, self.resumes);
            self.trials.push(Trial { at: now, listing, resumes, repeated: false });
        }
        for id in &packet.ids {
            let shadow = &mut self.shadows[*id];
            shadow.troubled = match said {
                Said::Again(trouble) => {
                    shadow.ambiguous |= trouble == Trouble::Ambiguous;
                    Some(self.trials.len() - 1)
                }
                _ => shadow.troubled,
            };
            shadow.invalid |= said == Said::Invalid;
            shadow.denied |= said == Said::Denied;
            shadow.nonsense |= said == Said::Nonsense;
        }
    }

    fn settle(&mut self, number: u64, state: State) -> Result<usize, String> {
        let id = usize::try_from(number).ok().and_then(|number| self.by_number.get(number)).copied();
        let id = id.ok_or_else(|| format!("number {number} was never given"))?;
        ensure!(self.open.remove(&number), "record {id} was settled twice");
        let shadow = &mut self.shadows[id];
        shadow.state = state;
        self.open_cost -= shadow.cost;
        Ok(id)
    }

    /// The pipeline says that records are stored.
    pub(in crate::sim) fn told_stored(&mut self, now: u64, told: &Stored, world: &World) -> Verdict {
        ensure!(!told.records.is_empty() && told.attempts > 0, "nothing is said to be stored");
        let waited = told.waited + MILLISECOND;
        for (number, place) in &told.records {
            let id = self.settle(*number, State::Stored)?;
            self.stored += 1;
            let age = Duration::from_micros(now - self.shadows[id].accepted);
            ensure!(
                waited >= age,
                "record {id} has waited for {age:?}, and is said to have waited for {:?}",
                told.waited
            );
            let Some((at, ids, visible)) = self.places.get(&told.sequence) else {
                return Err(format!("record {id} is said to be stored under a number that nothing has"));
            };
            let shard = &world.shards[*at];
            ensure!(shard.id == told.shard, "record {id} is said to be in {}, and is in {}", told.shard, shard.id);
            ensure!(
                ids.get(*place as usize) == Some(&id),
                "record {id} is not at place {place} of where it is said to be"
            );
            // What a stream holds that is deleted is lost, whatever is said.
            let deleted = !world.exists || shard.stream != world.stream;
            ensure!(*visible || deleted, "record {id} is said to be stored, and readers pass it over");
        }
        Ok(())
    }

    /// The pipeline says that records are given up.
    pub(in crate::sim) fn told_failed(&mut self, now: u64, told: &Failed) -> Verdict {
        ensure!(!told.records.is_empty(), "nothing is said to have failed");
        let maybe = told.error.may_have_happened() || told.attempts.may_have_happened();
        for (number, record) in &told.records {
            let id = self.settle(*number, State::Failed)?;
            self.failed += 1;
            let why = self.unexplained(now, id, &told.error);
            let (resumes, listing) = (self.resumes, self.listing);
            let shadow = &mut self.shadows[id];
            ensure!(*record == shadow.record, "record {id} came back as {record:?}, and was {:?}", shadow.record);
            ensure!(!why, "record {id} failed without a reason: {}", told.error);
            ensure!(
                maybe || shadow.copies == 0,
                "record {id} is stored, and it is said that it is not: {}",
                told.error
            );
            shadow.never = !maybe;
            shadow.failed_before_resume = resumes;
            // Nothing can be stopped before there are lanes.
            // What is too large is refused, only late, if it was never sent.
            let refused = matches!(told.error, Error::TooLarge { .. }) && told.attempts.count() == 0;
            let none = matches!(told.error, Error::NoShards { .. } | Error::Abandoned { .. });
            shadow.stops = listing > 0 && !none && !refused;
        }
        Ok(())
    }

    /// Whether nothing that happened explains this.
    fn unexplained(&self, now: u64, id: usize, error: &Error) -> bool {
        let (shadow, settings) = (&self.shadows[id], &self.settings);
        let waited = Duration::from_micros(now - shadow.accepted);
        match error {
            Error::TooLarge { size, limit } => {
                // The frame of an aggregate, and an outer key that is not its own.
                let headers: usize =
                    shadow.record.headers().iter().map(|(name, value)| name.len() + value.len() + 8).sum();
                let key = shadow.record.partition_key().map_or(1, |key| key.as_str().len());
                let most = shadow.record.data().len() + headers + 2 * key + 120;
                size <= limit || *size > most || *limit < self.least_limit
            }
            Error::Expired { limit, .. } => settings.time_to_live != Some(*limit) || waited + MILLISECOND < *limit,
            Error::NoShards { .. } => self.listing > 0 || waited < settings.patience,
            Error::Ambiguous => !shadow.ambiguous,
            Error::Unordered => !self.ever_spread,
            Error::Nonsense { .. } => !shadow.nonsense,
            Error::Abandoned { .. } => !self.abandoned,
            Error::Refused { .. } => !shadow.denied,
            Error::Call { source } => match &**source {
                client::Error::Refused { fault, .. } if fault.code == FaultCode::Validation => {
                    let size = shadow.record.data().len() + 200;
                    !shadow.invalid || !shadow.poison && size <= self.world_least_limit
                }
                // The stream was gone when it was looked at.
                client::Error::Refused { fault, .. } if fault.code == FaultCode::ResourceNotFound => {
                    !shadow.denied && !self.ever_gone && self.listing > 0
                }
                // The stream could not be described, or not be written to.
                _ => !shadow.denied && self.listing > 0,
            },
            Error::Config { .. } | Error::NoRuntime | Error::Full { .. } | Error::Closed | Error::Stopped { .. } => {
                true
            }
        }
    }

    /// What must be true between any two steps.
    pub(in crate::sim) fn check(&self, base: Instant, pipeline: &Pipeline) -> Verdict {
        let open = self.open.len() as u64;
        ensure!(pipeline.outstanding() == open, "{} records are outstanding, not {open}", pipeline.outstanding());
        let used = self.open_cost + self.promised;
        ensure!(pipeline.bytes_outstanding() == used, "{} bytes are taken, not {used}", pipeline.bytes_outstanding());
        let next = self.by_number.len() as u64;
        ensure!(pipeline.next_number() == next, "the next number is {}, not {next}", pipeline.next_number());
        let first = self.open.first().copied();
        let told = pipeline.first_open();
        ensure!(told == first.unwrap_or(next), "the oldest record is {told}, not {first:?}");
        let oldest =
            first.map(|number| base + Duration::from_micros(self.shadows[self.by_number[number as usize]].accepted));
        let near = match (oldest, pipeline.oldest()) {
            (Some(one), Some(other)) => one >= other && one - other < MILLISECOND,
            (one, other) => one == other,
        };
        ensure!(near, "the oldest record is of {:?}, not {oldest:?}", pipeline.oldest());
        let (stored, failed) = (pipeline.counts.stored, pipeline.counts.failed);
        ensure!((stored, failed) == (self.stored, self.failed), "{stored} stored and {failed} failed are counted");
        ensure!(stored + failed + open == next, "{next} were accepted; {stored}, {failed} and {open} are not as many");
        let under_way = pipeline.requests_under_way();
        ensure!(under_way <= self.settings.requests, "{under_way} requests are under way");
        Ok(())
    }

    /// What must be true when time has passed.
    pub(in crate::sim) fn check_time(&self, now: u64) -> Verdict {
        let Some(limit) = self.settings.time_to_live else { return Ok(()) };
        let Some(number) = self.open.first() else { return Ok(()) };
        let id = self.by_number[*number as usize];
        let waited = Duration::from_micros(now - self.shadows[id].accepted);
        ensure!(waited <= limit + MILLISECOND, "record {id} has waited for {waited:?}");
        Ok(())
    }

    /// A flush is said to be over.
    pub(in crate::sim) fn told_flushed(&mut self, id: FlushId, outcome: &Result<(), Error>) -> Verdict {
        let mark = self.flushes.remove(&id);
        let Some(mark) = mark else {
            // One who abandons waits for nothing.
            ensure!(self.abandoned, "a flush is over that nobody waits for");
            return Ok(());
        };
        let done = self.open.first().is_none_or(|first| *first >= mark);
        match outcome {
            Ok(()) => ensure!(done, "a flush is said to be over, and is not"),
            Err(Error::Stopped { .. }) => ensure!(!done, "a flush is said to be stopped, and is over"),
            Err(error) => return Err(format!("a flush failed: {error}")),
        }
        Ok(())
    }

    /// Flushes that are over were said to be.
    pub(in crate::sim) fn check_flushes(&self) -> Verdict {
        let first = self.open.first().copied().unwrap_or(u64::MAX);
        let late = self.flushes.iter().find(|(_, mark)| **mark <= first);
        ensure!(late.is_none(), "a flush is over, and nobody is told");
        Ok(())
    }

    pub(in crate::sim) fn outstanding(&self) -> usize {
        self.open.len()
    }
}

/// Ages are kept to the millisecond.
const MILLISECOND: Duration = Duration::from_millis(1);
