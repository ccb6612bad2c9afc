//! What our broker is known to do otherwise than its peers, and why it does so.
//! Each is told by its signs: the operation, where the answers differ, and what each side says there. A sign is narrow, so
//! that another difference in the same place is not taken for it. The table in `docs/differences.md` is made of this list.
//! Read by `tally` and `page`.

mod requests;
mod limits;
mod answers;
mod kinesis_local;

use super::side::Peer;
use super::told::Difference;

/// A known difference.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) peer: Peer,
    /// What differs.
    pub(super) what: &'static str,
    /// What the peer does.
    pub(super) theirs: &'static str,
    /// What we do.
    pub(super) ours: &'static str,
    /// Why ours is right, or at least not wrong.
    pub(super) why: &'static str,
    pub(super) signs: &'static [Sign],
    /// Whether chance, or the pace of the peer, may keep it from showing in a whole run.
    pub(super) seldom: bool,
}

impl Known {
    const fn of_kinesalite(
        what: &'static str,
        theirs: &'static str,
        ours: &'static str,
        why: &'static str,
        signs: &'static [Sign],
    ) -> Self {
        Self { peer: Peer::Kinesalite, what, theirs, ours, why, signs, seldom: false }
    }

    const fn seldom(self) -> Self {
        Self { seldom: true, ..self }
    }

    const fn of_kinesis_local(
        what: &'static str,
        theirs: &'static str,
        ours: &'static str,
        why: &'static str,
        signs: &'static [Sign],
    ) -> Self {
        Self { peer: Peer::KinesisMock, ..Self::of_kinesalite(what, theirs, ours, why, signs) }
    }
}

/// How a difference is known again. A star stands for any text.
#[derive(Debug)]
pub(super) struct Sign {
    /// Any, if none is given.
    pub(super) operations: &'static [&'static str],
    pub(super) request: &'static str,
    pub(super) place: &'static str,
    pub(super) theirs: &'static str,
    pub(super) ours: &'static str,
}

impl Sign {
    const fn new(place: &'static str, theirs: &'static str, ours: &'static str) -> Self {
        Self { operations: &[], request: "*", place, theirs, ours }
    }

    const fn of(self, operations: &'static [&'static str]) -> Self {
        Self { operations, ..self }
    }

    const fn asked(self, request: &'static str) -> Self {
        Self { request, ..self }
    }

    pub(super) fn is_of(&self, operation: &str, request: &str, difference: &Difference) -> bool {
        (self.operations.is_empty() || self.operations.contains(&operation))
            && matches(&difference.place, self.place)
            && matches(&difference.theirs, self.theirs)
            && matches(&difference.ours, self.ours)
            && matches(request, self.request)
    }
}

/// Whether a text is as a pattern says, in which a star stands for any text.
pub(super) fn matches(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// All that is known, in the order of the table.
pub(super) fn all() -> impl Iterator<Item = &'static Known> {
    [requests::KNOWN, limits::KNOWN, answers::KNOWN, kinesis_local::KNOWN].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_text() {
        for (text, pattern, expected) in [
            ("abc", "abc", true),
            ("abc", "ab", false),
            ("abc", "*", true),
            ("abc", "a*c", true),
            ("abc", "a*b", false),
            ("aXbYc", "a*b*c", true),
            ("ab", "ab*b", false),
            ("", "*", true),
        ] {
            assert_eq!(matches(text, pattern), expected, "{text} {pattern}");
        }
    }
}
