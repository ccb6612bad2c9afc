//! Where and when an operation runs: whose account, at which moment, under which limits; and how it finds its stream.
//! Called by the actions.

use crate::account::{Account, Commitment, locked};
use crate::broker::Inner;
use crate::config::{Config, Limits};
use crate::log::ReadFault;
use crate::log::queue::Item;
use crate::stream::Stream;
use crate::stream::journal::Verdict;
use crate::texts::{Named, argument, unreadable};
use crate::token::{ListingToken, TokenKey};
use std::cell::{Cell, RefCell};
use std::sync::{Arc, Mutex};
use tailwater_record::{StreamArn, StreamName, Timestamp};
use tailwater_wire::limits;
use tailwater_wire::shapes::{NextToken, StreamStatus};
use tailwater_wire::{Fault, FaultCode};

/// Where and when an operation runs.
#[derive(Debug)]
pub(crate) struct Here<'b> {
    broker: &'b Inner,
    pub(crate) account: Arc<Account>,
    pub(crate) now: Timestamp,
    /// Whether this thread may wait for the disk.
    may_wait: bool,
    /// Whether it would have had to.
    must_wait: Cell<bool>,
    /// What has to be written before anybody hears of the answer.
    verdicts: RefCell<Vec<Verdict>>,
}

impl<'b> Here<'b> {
    pub(crate) fn new(broker: &'b Inner, account: Arc<Account>, now: Timestamp, may_wait: bool) -> Self {
        let (must_wait, verdicts) = (Cell::new(false), RefCell::default());
        Self { broker, account, now, may_wait, must_wait, verdicts }
    }

    /// What has to be written before anybody hears of the answer; `None` if there is no answer, because this thread would
    /// have had to wait for the disk.
    pub(crate) fn into_verdicts(self) -> Option<Vec<Verdict>> {
        (!self.must_wait.get()).then(|| self.verdicts.into_inner())
    }

    /// Whether there is a log.
    pub(crate) fn is_logged(&self) -> bool {
        self.broker.log.is_some()
    }

    /// Notes what has changed about a stream, or was seen before it was written down.
    pub(crate) fn note(&self, account: &Arc<Account>, stream: &Arc<Mutex<Stream>>, held: &mut Stream) {
        let Some(log) = &self.broker.log else { return };
        let (verdict, is_to_be_queued) = held.note();
        self.verdicts.borrow_mut().extend(verdict);
        if is_to_be_queued {
            log.push(Item::Stream(Arc::clone(account), Arc::clone(stream)));
        }
    }

    /// Reads what may be on disk.
    pub(crate) fn read<T>(&self, is_at_hand: bool, read: impl FnOnce() -> Result<T, ReadFault>) -> Result<T, Fault> {
        if !is_at_hand && !self.may_wait {
            self.must_wait.set(true);
            return Err(unreadable());
        }
        read().map_err(|fault| {
            tracing::error!(%fault, "records cannot be read");
            unreadable()
        })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.broker.config
    }

    pub(crate) fn key(&self) -> &TokenKey {
        &self.broker.token_key
    }

    /// Whether the quotas of an account and of a stream count.
    pub(crate) fn keeps_quotas(&self) -> bool {
        self.config().limits != Limits::Off
    }

    /// When a change that begins now takes effect.
    pub(crate) fn due(&self) -> Timestamp {
        self.now.plus(self.config().transition)
    }

    pub(crate) fn next_serial(&self) -> u64 {
        self.broker.next_serial()
    }

    pub(crate) fn commitment(&self) -> Commitment {
        let (commitment, verdict) = self.account.commitment();
        self.verdicts.borrow_mut().extend(verdict);
        commitment
    }

    /// Commits the account to something else.
    pub(crate) fn commit_to(&self, commitment: Commitment) {
        self.account.commit_to(commitment, self.is_logged());
        let (_, verdict) = self.account.commitment();
        if let (Some(log), Some(verdict)) = (&self.broker.log, verdict) {
            self.verdicts.borrow_mut().push(verdict);
            log.push(Item::Account(Arc::clone(&self.account)));
        }
    }

    /// Runs `act` on the stream that a request names, once time has passed for it.
    pub(crate) fn with_stream<T>(
        &self,
        name: Option<&StreamName>,
        arn: Option<&StreamArn>,
        act: impl FnOnce(&mut Stream, Named<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.with_stream_or(name, arn, |named| named.not_found(), act)
    }

    /// As `with_stream`, for whoever has words of its own for a stream that is not there.
    pub(crate) fn with_stream_or<T>(
        &self,
        name: Option<&StreamName>,
        arn: Option<&StreamArn>,
        absent: impl Fn(Named<'_>) -> Fault,
        act: impl FnOnce(&mut Stream, Named<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let named = self.named(name, arn)?;
        // An ARN says whose stream it is, and in which region.
        let account = match arn {
            Some(arn) => self.broker.accounts.owner_of(arn).ok_or_else(|| absent(named))?,
            None => Arc::clone(&self.account),
        };
        let stream = account.stream(named.stream, self.now).ok_or_else(|| absent(named))?;
        let mut held = locked(&stream);
        held.pass(self.now);
        // It may have gone between being found and being held.
        if held.facts.life.is_over(self.now) {
            self.note(&account, &stream, &mut held);
            return Err(absent(named));
        }
        let done = act(&mut held, named);
        self.note(&account, &stream, &mut held);
        done
    }

    /// Which stream a request names, whether it is there or not.
    pub(crate) fn named<'n>(
        &self,
        name: Option<&'n StreamName>,
        arn: Option<&'n StreamArn>,
    ) -> Result<Named<'n>, Fault> {
        match (name, arn) {
            (None, None) => Err(argument("Either StreamName or StreamARN should be provided.")),
            (Some(name), Some(arn)) if name != arn.name() => {
                Err(argument("StreamName and StreamARN do not name the same stream."))
            }
            (_, Some(arn)) => Ok(Named { stream: arn.name(), account: arn.account() }),
            (Some(stream), None) => Ok(Named { stream, account: self.account.id }),
        }
    }

    /// A token with which a listing goes on.
    pub(crate) fn next_token(&self, kind: u8, content: Vec<u8>) -> Option<NextToken> {
        let token = ListingToken { kind, issued: self.now, content };
        token.seal(self.key()).parse().ok()
    }

    /// What a listing that goes on needs.
    pub(crate) fn read_token(&self, kind: u8, token: &NextToken) -> Result<Vec<u8>, Fault> {
        let invalid = || argument("Invalid NextToken.");
        let token = ListingToken::open(self.key(), kind, token.as_str(), self.now).ok_or_else(invalid)?;
        let age = self.now.since(token.issued);
        if age.as_millis() > u128::from(limits::NEXT_TOKEN_LIFE.value) {
            return Err(Fault::new(FaultCode::ExpiredNextToken, "NextToken has expired."));
        }
        Ok(token.content)
    }
}

/// Refuses what only an active stream can do.
pub(crate) fn active(stream: &Stream, named: Named<'_>) -> Result<(), Fault> {
    if stream.facts.life.is_active() { Ok(()) } else { Err(named.not_active(&stream.status())) }
}

/// Refuses what a stream can do that takes records, also while it is changing.
pub(crate) fn serving(stream: &mut Stream, named: Named<'_>) -> Result<(), Fault> {
    if stream.facts.life.serves() { Ok(()) } else { Err(named.not_found()) }
}

/// Refuses a stream that is going.
pub(crate) fn staying(stream: &Stream, named: Named<'_>) -> Result<(), Fault> {
    let status = stream.status();
    if status == StreamStatus::Deleting { Err(named.not_active(&status)) } else { Ok(()) }
}
