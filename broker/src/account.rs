//! The streams of one account in one region, and what belongs to the account as a whole.
//! Why locks here and nowhere below: a stream's state is pure and has one writer at a time, who is whoever holds its lock.
//! Streams do not wait for one another; no lock is held across an await.
//! Called by `here`, on behalf of the actions.

use crate::log::image::AccountImage;
use crate::stream::Stream;
use crate::stream::journal::{Speaker, Verdict};
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tailwater_record::{AccountId, Region, StreamArn, StreamName, Timestamp};
use tailwater_wire::shapes::StreamMode;

/// One account in one region.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) region: Region,
    streams: RwLock<BTreeMap<StreamName, Arc<Mutex<Stream>>>>,
    agreement: Mutex<Agreement>,
}

/// All accounts of a broker, by number and region.
#[derive(Debug, Default)]
pub(crate) struct Accounts(Mutex<BTreeMap<(AccountId, Region), Arc<Account>>>);

impl Accounts {
    fn map(&self) -> MutexGuard<'_, BTreeMap<(AccountId, Region), Arc<Account>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account, which is made if it is new.
    pub(crate) fn of(&self, id: AccountId, region: Region) -> Arc<Account> {
        let mut accounts = self.map();
        let account = accounts.entry((id, region.clone())).or_insert_with(|| Arc::new(Account::new(id, region)));
        Arc::clone(account)
    }

    /// The account whose stream this is, if it has any.
    pub(crate) fn owner_of(&self, arn: &StreamArn) -> Option<Arc<Account>> {
        self.map().get(&(arn.account(), arn.region().clone())).map(Arc::clone)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Account>> {
        self.map().values().map(Arc::clone).collect()
    }

    /// All streams, by their serial numbers.
    pub(crate) fn by_serial(&self) -> BTreeMap<u64, Arc<Mutex<Stream>>> {
        let all = self.all();
        let streams = all.iter().flat_map(|account| account.after(None));
        let by_serial = |(_, stream): (_, Arc<Mutex<Stream>>)| {
            let serial = locked(&stream).serial;
            (serial, stream)
        };
        streams.map(by_serial).collect()
    }
}

/// What an account has agreed to, and what of it has not been written down yet.
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    now: Commitment,
    /// As the log has it.
    certain: Commitment,
    staged: Option<Speaker>,
    /// What is being written.
    taken: Option<(Commitment, Option<Speaker>)>,
}

/// Whether the account has committed itself to a throughput.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Commitment {
    pub(crate) started: Option<Timestamp>,
    /// When it ends, or ended, if that was asked for.
    pub(crate) ends: Option<Timestamp>,
}

impl Commitment {
    pub(crate) fn holds(self, now: Timestamp) -> bool {
        self.started.is_some() && self.ends.is_none_or(|ends| now < ends)
    }
}

/// What all streams together use of the account's quotas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) open_shards: usize,
    pub(crate) on_demand: usize,
    pub(crate) creating: usize,
}

impl Account {
    pub(crate) fn new(id: AccountId, region: Region) -> Self {
        Self { id, region, streams: RwLock::default(), agreement: Mutex::default() }
    }

    pub(crate) fn arn(&self, name: &StreamName) -> StreamArn {
        StreamArn::new(self.region.clone(), self.id, name.clone())
    }

    /// The stream of this name, unless it is gone for good.
    pub(crate) fn stream(&self, name: &StreamName, now: Timestamp) -> Option<Arc<Mutex<Stream>>> {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        let stream = Arc::clone(streams.get(name)?);
        drop(streams);
        let is_forgotten = locked(&stream).is_forgotten(now);
        if is_forgotten {
            self.forget(name, now);
            return None;
        }
        Some(stream)
    }

    /// Takes away a stream that is gone, unless another one has its name by now.
    fn forget(&self, name: &StreamName, now: Timestamp) {
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        if streams.get(name).is_some_and(|stream| locked(stream).is_forgotten(now)) {
            streams.remove(name);
        }
    }

    /// Adds a stream, if `make` agrees to it, given what the others use. No other stream comes or goes meanwhile.
    pub(crate) fn add<F>(
        &self,
        name: &StreamName,
        now: Timestamp,
        make: impl FnOnce(bool, Usage) -> Result<Stream, F>,
    ) -> Result<Arc<Mutex<Stream>>, F> {
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        // One that is not gone for good still has the name.
        let exists = streams.get(name).is_some_and(|stream| !locked(stream).is_forgotten(now));
        let usage = usage(streams.values(), now);
        let stream = make(exists, usage)?;
        let stream = Arc::new(Mutex::new(stream));
        streams.insert(name.clone(), Arc::clone(&stream));
        Ok(stream)
    }

    /// The streams behind a name, in order.
    pub(crate) fn after(&self, name: Option<&StreamName>) -> Vec<(StreamName, Arc<Mutex<Stream>>)> {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        let behind = streams.range::<StreamName, _>((name.map_or(Unbounded, Excluded), Unbounded));
        behind.map(|(name, stream)| (name.clone(), Arc::clone(stream))).collect()
    }

    pub(crate) fn usage(&self, now: Timestamp) -> Usage {
        let streams: Vec<_> = self.after(None).into_iter().map(|(_, stream)| stream).collect();
        usage(streams.iter(), now)
    }

    /// Forgets what is too old, and streams that are gone.
    pub(crate) fn sweep(&self, now: Timestamp) {
        for (name, stream) in self.after(None) {
            let over = {
                let mut stream = locked(&stream);
                stream.pass(now);
                stream.trim(now);
                stream.is_forgotten(now)
            };
            if over {
                self.forget(&name, now);
            }
        }
    }

    fn agreement(&self) -> MutexGuard<'_, Agreement> {
        self.agreement.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the account has committed itself to, and what whoever hears of it has to wait for.
    pub(crate) fn commitment(&self) -> (Commitment, Option<Verdict>) {
        let agreement = self.agreement();
        let taken = || agreement.taken.as_ref().and_then(|(_, speaker)| speaker.as_ref());
        (agreement.now, agreement.staged.as_ref().or_else(taken).map(Speaker::verdict))
    }

    /// Commits the account to something else. Where there is a log, it has to hear of it.
    pub(crate) fn commit_to(&self, commitment: Commitment, is_logged: bool) {
        let mut agreement = self.agreement();
        if agreement.now != commitment {
            agreement.now = commitment;
            if is_logged {
                agreement.staged.get_or_insert_default();
            }
        }
    }

    /// As it was written down.
    pub(crate) fn restore_commitment(&self, commitment: Commitment) {
        let mut agreement = self.agreement();
        (agreement.now, agreement.certain) = (commitment, commitment);
    }

    /// What is to be written down now.
    pub(crate) fn take_agreement(&self) -> AccountImage {
        let mut agreement = self.agreement();
        let (now, staged) = (agreement.now, agreement.staged.take());
        agreement.taken = Some((now, staged));
        AccountImage::of(self.id, self.region.clone(), now)
    }

    /// What was taken has been written down.
    pub(crate) fn settle_agreement(&self) {
        let mut agreement = self.agreement();
        if let Some((written, speaker)) = agreement.taken.take() {
            agreement.certain = written;
            if let Some(speaker) = speaker {
                speaker.speak(true);
            }
        }
    }

    /// What was taken, and whatever came since, has not been written down, and did not happen.
    pub(crate) fn discard_agreement(&self) {
        let mut agreement = self.agreement();
        agreement.now = agreement.certain;
        let taken = agreement.taken.take().and_then(|(_, speaker)| speaker);
        for speaker in taken.into_iter().chain(agreement.staged.take()) {
            speaker.speak(false);
        }
    }

    /// Takes away a stream that was never there.
    pub(crate) fn remove(&self, stream: &Arc<Mutex<Stream>>, serial: u64) {
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        let name = locked(stream).arn.name().clone();
        if streams.get(&name).is_some_and(|there| locked(there).serial == serial) {
            streams.remove(&name);
        }
    }

    /// Takes up a stream as it was written down.
    pub(crate) fn restore(&self, stream: Stream) {
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        streams.insert(stream.arn.name().clone(), Arc::new(Mutex::new(stream)));
    }

    /// Bytes reserved for records.
    pub(crate) fn held(&self) -> usize {
        self.after(None).iter().map(|(_, stream)| locked(stream).shards.held()).sum()
    }
}

fn usage<'s>(streams: impl Iterator<Item = &'s Arc<Mutex<Stream>>>, now: Timestamp) -> Usage {
    let mut usage = Usage::default();
    for stream in streams {
        let mut stream = locked(stream);
        stream.pass(now);
        if !stream.facts.life.is_over(now) {
            usage.open_shards += stream.shards.open_count();
            usage.on_demand += usize::from(stream.facts.mode == StreamMode::OnDemand);
            usage.creating += usize::from(stream.status() == tailwater_wire::shapes::StreamStatus::Creating);
        }
    }
    usage
}

/// A stream in the hands of its one writer. A writer that panicked left it as it was after the last whole step.
pub(crate) fn locked(stream: &Mutex<Stream>) -> MutexGuard<'_, Stream> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}
