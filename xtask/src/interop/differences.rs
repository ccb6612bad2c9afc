//! Says the same calls, valid and not, to our broker and to those of others, and compares what is answered, word for word.
//! Why: kinesalite's answers were compared with the service's until 2020, so where ours differ, one of the two is wrong, or
//! the service has changed since; either is worth knowing. What differs stands in `known`, with the reason, and in
//! `docs/differences.md`, which is made of it. What differs and is not known fails the run.
//! A seed makes a run: `life` makes calls, `spoil` and `misdress` break some, `session` says them to both `side`s, `told`
//! compares; `scripts` adds what chance would seldom find. Called by `main`.

mod http;
mod side;
mod call;
mod memory;
mod told;
mod world;
mod life;
mod newer;
mod spoil;
mod misdress;
mod session;
mod scripts;
mod known;
mod tally;
mod page;

use self::session::Session;
use self::side::Peer;
use self::tally::Tally;
use crate::shell::Outcome;
use std::ops::Range;

/// How much is said.
#[derive(Clone, Copy, Debug)]
struct Extent {
    seeds: u64,
    calls: usize,
}

const SHORT: Extent = Extent { seeds: 2, calls: 800 };
const FULL: Extent = Extent { seeds: 12, calls: 2000 };

/// Compares. `words` are `--short`, for a minute's run, and `--seed N`, for one seed alone; or `--write`, which writes the
/// page of what is known.
pub(crate) fn run(words: &[&str]) -> Outcome {
    let (short, seed) = match words {
        [] => (false, None),
        ["--short"] => (true, None),
        ["--seed", seed] => (false, Some(seed.parse::<u64>()?)),
        ["--short", "--seed", seed] => (true, Some(seed.parse::<u64>()?)),
        ["--write"] => return page::write(),
        _ => return Err("usage: interop differences [--short] [--seed N] | --write".into()),
    };
    side::install()?;
    let extent = if short { SHORT } else { FULL };
    let seeds = seed.map_or(0..extent.seeds, |seed| seed..seed + 1);
    let mut tally = Tally::default();
    compare(Peer::Kinesalite, seeds.clone(), extent.calls, &mut tally)?;
    compare(Peer::KinesisMock, seeds, extent.calls / 2, &mut tally)?;
    // What shows seldom is not missed in a short run.
    let absent = if short || seed.is_some() { Vec::new() } else { tally.absent() };
    for known in &absent {
        println!("FAILED: no longer so, though known: {known}");
    }
    if !page::is_current() {
        return Err(format!("{} is old: cargo xtask interop differences --write", page::path().display()).into());
    }
    tally.tell();
    match tally.failed() + absent.len() {
        0 => Ok(()),
        failed => Err(format!("interop differences: {failed} failed").into()),
    }
}

fn compare(peer: Peer, seeds: Range<u64>, calls: usize, tally: &mut Tally) -> Outcome {
    let mut session = Session::start(peer, false)?;
    for seed in seeds {
        session.run(seed, calls, tally)?;
        println!("{}: seed {seed} is through", peer.name());
    }
    if peer == Peer::Kinesalite {
        session.at_limits(tally)?;
        session.all_operations(tally)?;
        drop(session);
        Session::start(peer, true)?.in_all_states(tally)?;
    }
    Ok(())
}
