//! Counts what was compared, and sorts what differs into what is known and what is not.
//! Called by `session`; read by `differences`.

use super::call::Call;
use super::known::{all, matches};
use super::side::Peer;
use super::told::Difference;
use std::collections::BTreeMap;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) seeds: usize,
    pub(super) calls: usize,
    /// Calls with several members of a wrong kind, of which each side has told another.
    pub(super) of_several_kinds: usize,
    /// How often each known difference showed, by its place in the list and the place of the sign in it.
    shown: BTreeMap<(usize, usize), usize>,
    /// What is not known, by what it looks like, with how often it showed.
    failed: BTreeMap<String, usize>,
}

/// So many examples of one kind of difference are printed.
const EXAMPLES: usize = 1;

impl Tally {
    pub(super) fn judge(&mut self, peer: Peer, call: &Call, when: &str, found: &[Difference]) {
        self.calls += 1;
        for difference in found {
            let request = call.shown();
            let known = all().enumerate().filter(|(_, known)| known.peer == peer).find_map(|(at, known)| {
                let sign = known.signs.iter().position(|sign| sign.is_of(&call.operation, &request, difference))?;
                Some((at, sign))
            });
            if let Some(place) = known {
                *self.shown.entry(place).or_default() += 1;
                continue;
            }
            let Difference { place, theirs, ours } = difference;
            let looks = format!("{} {} {place} {} {}", peer.name(), call.operation, gist(theirs), gist(ours));
            let times = self.failed.entry(looks).or_default();
            *times += 1;
            if *times <= EXAMPLES {
                println!("FAILED: {}: {when}: {} {}", peer.name(), call.operation, cut(&request));
                println!("    at {place}");
                println!("    {:<13} {}\n    ours          {}", peer.name(), cut(theirs), cut(ours));
            }
        }
    }

    /// Prints the sums.
    pub(super) fn tell(&self) {
        let Self { seeds, calls, of_several_kinds, .. } = self;
        let known: usize = self.shown.values().sum();
        println!("{calls} calls compared, in {seeds} runs");
        println!(
            "{known} differences are known, by {} signs; {of_several_kinds} times each side told another member",
            self.shown.len()
        );
        println!(
            "{} kinds of differences are not known; they showed {} times",
            self.failed(),
            self.failed.values().sum::<usize>()
        );
    }

    /// How many kinds of differences are not known.
    pub(super) fn failed(&self) -> usize {
        self.failed.len()
    }

    /// What is said to be known, and has not shown by any of its signs. What shows seldom is not missed.
    pub(super) fn absent(&self) -> Vec<String> {
        let has_shown = |at: usize| self.shown.keys().any(|(known, _)| *known == at);
        let absent = all().enumerate().filter(|(at, known)| !known.seldom && !has_shown(*at));
        absent.map(|(_, known)| format!("{}: {}", known.peer.name(), known.what)).collect()
    }
}

/// A text without its values, so that differences of one kind look alike.
fn gist(text: &str) -> String {
    let plain: String = text.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    let mut gist = String::new();
    for word in plain.split_whitespace() {
        let quoted = matches(word, "'*'*") || word.contains("stream") || word.len() > 30;
        gist.push_str(if quoted { "…" } else { word });
        gist.push(' ');
    }
    gist.truncate(gist.char_indices().nth(160).map_or(gist.len(), |(end, _)| end));
    gist
}

fn cut(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some((end, _)) = text.char_indices().nth(700) {
        text.truncate(end);
        text.push('…');
    }
    text
}
