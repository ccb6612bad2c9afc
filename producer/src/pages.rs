//! Pages by number, opened in order and closed in any: what is kept for accepted records, sixty-four to a page.
//! Why not a queue alone: one record that waits for somebody to act would keep every page behind it for ever. Old pages that
//! stand between many closed ones are moved to a map.
//! Pure. Used by `ledger` for what the pipeline keeps, and by `receipt` for what the shell keeps.

use std::collections::{BTreeMap, VecDeque};

/// The open pages.
#[derive(Debug)]
pub(crate) struct Pages<T> {
    /// The number of the first place in the ring.
    first: u64,
    ring: VecDeque<Option<T>>,
    /// How many places of the ring hold a page.
    open: usize,
    /// Open pages from before the ring.
    old: BTreeMap<u64, T>,
}

/// So many places of closed pages are not worth a thought.
const HOLES: usize = 256;

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { first: 0, ring: VecDeque::new(), open: 0, old: BTreeMap::new() }
    }
}

impl<T> Pages<T> {
    /// Opens the next page.
    pub(crate) fn push(&mut self, page: T) {
        self.ring.push_back(Some(page));
        self.open += 1;
    }

    /// The page that was opened last, if it is open.
    pub(crate) fn last_mut(&mut self) -> Option<&mut T> {
        self.ring.back_mut()?.as_mut()
    }

    pub(crate) fn get(&self, number: u64) -> Option<&T> {
        match number.checked_sub(self.first) {
            Some(place) => self.ring.get(place as usize)?.as_ref(),
            None => self.old.get(&number),
        }
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        match number.checked_sub(self.first) {
            Some(place) => self.ring.get_mut(place as usize)?.as_mut(),
            None => self.old.get_mut(&number),
        }
    }

    /// The oldest open page.
    pub(crate) fn first(&self) -> Option<(u64, &T)> {
        let old = self.old.first_key_value().map(|(number, page)| (*number, page));
        // The ring begins with an open page, or is empty.
        old.or_else(|| Some((self.first, self.ring.front()?.as_ref()?)))
    }

    /// Closes a page.
    pub(crate) fn close(&mut self, number: u64) {
        let Some(place) = number.checked_sub(self.first) else {
            self.old.remove(&number);
            return;
        };
        if self.ring.get_mut(place as usize).and_then(Option::take).is_some() {
            self.open -= 1;
        }
        self.trim();
        while self.ring.len() > 2 * self.open + HOLES {
            if let Some(Some(page)) = self.ring.pop_front() {
                self.old.insert(self.first, page);
                self.open -= 1;
            }
            self.first += 1;
            self.trim();
        }
    }

    fn trim(&mut self) {
        while let Some(None) = self.ring.front() {
            self.ring.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pages_are_what_a_map_would_hold_and_closed_ones_take_no_room(
            steps in prop::collection::vec((0..4_u8, any::<u16>()), 0..2000),
        ) {
            let (mut pages, mut expected, mut next) = (Pages::default(), BTreeMap::new(), 0_u64);
            for (step, choice) in steps {
                if step < 2 || expected.is_empty() {
                    pages.push(next);
                    expected.insert(next, next);
                    next += 1;
                } else {
                    // The first one is closed last of all.
                    let place = usize::from(choice) % expected.len();
                    let place = if expected.len() > 1 { place.max(1) } else { 0 };
                    let number = *expected.keys().nth(place).unwrap();
                    expected.remove(&number);
                    pages.close(number);
                    prop_assert!(pages.get(number).is_none());
                }
                prop_assert_eq!(pages.first().map(|(number, _)| number), expected.keys().next().copied());
                prop_assert!(pages.ring.len() <= 2 * pages.open + HOLES);
                for number in next.saturating_sub(5)..next + 2 {
                    prop_assert_eq!(pages.get(number), expected.get(&number));
                    prop_assert_eq!(pages.get_mut(number).map(|page| *page), expected.get(&number).copied());
                }
            }
        }
    }

    #[test]
    fn one_open_page_does_not_keep_those_behind_it() {
        let mut pages = Pages::default();
        for number in 0..100_000_u64 {
            pages.push(number);
            if number > 0 {
                pages.close(number);
            }
        }
        assert!(pages.ring.len() <= HOLES + 2 && pages.old.len() <= 1);
        assert_eq!(pages.first(), Some((0, &0)));
        pages.close(0);
        assert_eq!(pages.first(), None);
    }
}
