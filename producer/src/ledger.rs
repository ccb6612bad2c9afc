//! Every accepted record, from its acceptance to its settlement: each is entered once and settled once.
//! Why apart: numbers given in the order of acceptance make the oldest unsettled record, and the end of a flush, a look at
//! the front of a queue; and they are all that the other stages need to carry about a record.
//! Pure. Called by `pipeline`.

use crate::pages::Pages;
use std::time::Duration;
use tokio::time::Instant;

/// Records on a page.
pub(crate) const PAGE: usize = 64;

/// Ages are kept to this, and never too young.
pub(crate) const GRAIN: Duration = Duration::from_millis(1);

/// The accepted records that are not settled, by number.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pages: Pages<Page>,
    next: u64,
    settled: u64,
    /// Pages that were settled whole, for whoever keeps something by page.
    closed: Vec<u64>,
}

#[derive(Debug)]
struct Page {
    /// When the page's first record was accepted.
    begun: Instant,
    /// How long after that each was, in milliseconds.
    after: [u32; PAGE],
    /// A bit for each record.
    settled: u64,
    keyless: u64,
    spread: u64,
}

/// Which keys a record came with; what it lacked was filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// A partition key.
    Given,
    /// A hash key only.
    HashOnly,
    /// Neither: it may go to any shard.
    None,
}

impl Ledger {
    /// Enters a record; its number is one more than the last.
    pub(crate) fn enter(&mut self, now: Instant, keys: Keys) -> u64 {
        let number = self.next;
        self.next += 1;
        let place = (number % PAGE as u64) as usize;
        if place == 0 {
            self.pages.push(Page { begun: now, after: [0; PAGE], settled: 0, keyless: 0, spread: 0 });
        }
        let page = self.pages.last_mut().expect("pushed above, or open while it is not full");
        let after = now.saturating_duration_since(page.begun).as_millis();
        page.after[place] = u32::try_from(after).unwrap_or(u32::MAX);
        page.keyless |= u64::from(keys != Keys::Given) << place;
        page.spread |= u64::from(keys == Keys::None) << place;
        number
    }

    /// Settles a record; false if there is none of this number to settle.
    pub(crate) fn settle(&mut self, number: u64) -> bool {
        let (index, place) = (number / PAGE as u64, number % PAGE as u64);
        let Some(page) = self.pages.get_mut(index).filter(|_| number < self.next) else { return false };
        if page.settled & 1 << place != 0 {
            return false;
        }
        page.settled |= 1 << place;
        self.settled += 1;
        if page.settled == u64::MAX {
            self.pages.close(index);
            self.closed.push(index);
        }
        true
    }

    /// The pages that were settled whole since this was asked last.
    pub(crate) fn take_closed(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.closed)
    }

    /// When a record was accepted, to the millisecond; nothing if its page is settled whole.
    pub(crate) fn accepted_at(&self, number: u64) -> Option<Instant> {
        let page = self.page(number)?;
        Some(page.begun + Duration::from_millis(page.after[(number % PAGE as u64) as usize].into()))
    }

    /// Which keys the record came with.
    pub(crate) fn keys(&self, number: u64) -> Keys {
        let marked = |marks: u64| marks & 1 << (number % PAGE as u64) != 0;
        match self.page(number) {
            Some(page) if marked(page.spread) => Keys::None,
            Some(page) if marked(page.keyless) => Keys::HashOnly,
            _ => Keys::Given,
        }
    }

    /// The number of the oldest unsettled record; that of the next record if all are settled.
    pub(crate) fn first_open(&self) -> u64 {
        match self.pages.first() {
            None => self.next,
            Some((index, page)) => (index * PAGE as u64 + u64::from(page.settled.trailing_ones())).min(self.next),
        }
    }

    /// When the oldest unsettled record was accepted.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        (self.outstanding() > 0).then(|| self.accepted_at(self.first_open())).flatten()
    }

    /// The number that the next record will have; so many were accepted.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// How many records are not settled.
    pub(crate) fn outstanding(&self) -> u64 {
        self.next - self.settled
    }

    fn page(&self, number: u64) -> Option<&Page> {
        self.pages.get(number / PAGE as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn the_ledger_says_what_a_map_would(steps in prop::collection::vec((any::<bool>(), any::<u16>()), 0..600)) {
            let (start, mut now) = (Instant::now(), Instant::now());
            let (mut ledger, mut open) = (Ledger::default(), BTreeMap::new());
            for (enter, choice) in steps {
                now += Duration::from_millis(u64::from(choice) % 5);
                if enter || open.is_empty() {
                    let keys = [Keys::Given, Keys::HashOnly, Keys::None][usize::from(choice % 3)];
                    let number = ledger.enter(now, keys);
                    open.insert(number, (now, keys));
                } else {
                    let number = *open.keys().nth(usize::from(choice) % open.len()).unwrap();
                    open.remove(&number);
                    prop_assert!(ledger.settle(number));
                    prop_assert!(!ledger.settle(number), "settled twice");
                }
                prop_assert_eq!(ledger.outstanding(), open.len() as u64);
                prop_assert_eq!(ledger.first_open(), open.keys().next().copied().unwrap_or(ledger.next()));
                let oldest = open.values().next().map(|(at, _)| (*at - start).as_millis());
                prop_assert_eq!(ledger.oldest().map(|at| (at - start).as_millis()), oldest);
                for (number, (_, keys)) in &open {
                    prop_assert_eq!(ledger.keys(*number), *keys);
                }
            }
            prop_assert!(!ledger.settle(ledger.next()), "never entered");
        }
    }
}
