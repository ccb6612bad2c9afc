//! What was tried for a Kinesis record before it was settled: counts of everything, and the few attempts worth telling.
//! Why bounded: a record that is throttled for an hour must not grow for an hour.
//! Pure. Kept by each parcel, handed out with failures.

use std::fmt;
use std::time::Duration;
use tailwater_wire::FaultCode;

/// What became of an attempt that did not store the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trouble {
    /// The shard, or the account, was asked for too much.
    Throttled,
    /// The service had trouble of its own, or was not reached. Nothing was stored.
    Transient,
    /// It cannot be known whether the record was stored.
    Ambiguous,
    /// It was stored where a consumer of that shard passes it over.
    Misplaced,
    /// The request was refused for some record in it.
    Refused,
}

/// One attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// Which attempt it was, from 1.
    pub number: u32,
    /// When it ended, counted from the acceptance of the oldest record that travelled together.
    pub after: Duration,
    /// What became of it.
    pub trouble: Trouble,
    /// The service's name for it, if it gave one.
    pub code: Option<FaultCode>,
}

/// How often a record was tried and what became of it: the first failed attempt and the last few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    count: u32,
    failed: Vec<Attempt>,
}

/// The first attempt and the last four.
const KEPT: usize = 5;

impl Attempts {
    /// How many attempts were made.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The first that failed and the last few, in order.
    #[must_use]
    pub fn failed(&self) -> &[Attempt] {
        &self.failed
    }

    /// Whether one of them may have stored the record.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        self.failed.iter().any(|attempt| matches!(attempt.trouble, Trouble::Ambiguous | Trouble::Misplaced))
    }

    pub(crate) fn begin(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    pub(crate) fn failed_by(&mut self, trouble: Trouble, code: Option<FaultCode>, after: Duration) {
        let attempt = Attempt { number: self.count, after, trouble, code };
        if self.failed.len() == KEPT {
            // What may have stored the record is never forgotten: it takes the first place.
            let forgotten = self.failed.remove(1);
            if matches!(forgotten.trouble, Trouble::Ambiguous | Trouble::Misplaced) {
                self.failed[0] = forgotten;
            }
        }
        self.failed.push(attempt);
    }
}

impl fmt::Display for Attempts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} attempts", self.count)?;
        for attempt in &self.failed {
            write!(out, "; {} after {:?}: {:?}", attempt.number, attempt.after, attempt.trouble)?;
            if let Some(code) = &attempt.code {
                write!(out, " ({code})")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_attempts_keep_the_last_few_and_never_forget_an_ambiguous_one() {
        let mut attempts = Attempts::default();
        for number in 1..=1000 {
            attempts.begin();
            let trouble = if number == 7 { Trouble::Ambiguous } else { Trouble::Throttled };
            attempts.failed_by(trouble, None, Duration::from_secs(number));
        }
        assert_eq!(attempts.count(), 1000);
        let kept: Vec<u32> = attempts.failed().iter().map(|attempt| attempt.number).collect();
        assert_eq!(kept, [7, 997, 998, 999, 1000]);
        assert!(attempts.may_have_happened());
    }
}
