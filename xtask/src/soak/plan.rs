//! What a soak is told: how many kills, how fast, by which seed, and which fault to plant.
//! Called by `run`, and by `worker` for the fault.

use std::error::Error;
use std::ops::Range;
use std::str::FromStr;

const USAGE: &str = "usage: cargo xtask soak consumer [--kills N] [--seed S] [--short]";

/// A soak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) kills: usize,
    pub(super) seed: u64,
    /// Milliseconds from one kill to the next.
    pub(super) pause: Range<u64>,
    pub(super) plant: Plant,
}

/// A fault that is planted to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plant {
    None,
    /// A checkpoint is written before its records are handled.
    Early,
    /// A checkpoint goes back when its worker is killed.
    Back,
    /// Effects and checkpoint are written in two transactions.
    Apart,
    /// A row says nonsense in the end.
    Unreadable,
}

impl Plan {
    pub(super) fn of(words: &[&str], random: u64) -> Result<Self, Box<dyn Error>> {
        let is_short = words.contains(&"--short");
        let (kills, pause) = if is_short { (12, 1500..4500) } else { (100, 2000..9000) };
        let mut plan = Self { kills, seed: random, pause, plant: Plant::None };
        let mut words = words.iter().filter(|word| **word != "--short");
        while let Some(word) = words.next() {
            let value = *words.next().ok_or(USAGE)?;
            match *word {
                "--kills" => plan.kills = value.parse()?,
                "--seed" => plan.seed = value.parse()?,
                "--plant" => plan.plant = value.parse()?,
                _ => return Err(USAGE.into()),
            }
        }
        Ok(plan)
    }
}

impl Plant {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Early => "early",
            Self::Back => "back",
            Self::Apart => "apart",
            Self::Unreadable => "unreadable",
        }
    }
}

impl FromStr for Plant {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let all = [Self::None, Self::Early, Self::Back, Self::Apart, Self::Unreadable];
        all.into_iter().find(|plant| plant.name() == word).ok_or_else(|| format!("no fault is called {word}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_counts_more_than_what_is_short() {
        let plan = Plan::of(&["--kills", "3", "--short", "--seed", "9", "--plant", "early"], 1).unwrap();
        assert_eq!((plan.kills, plan.seed, plan.plant), (3, 9, Plant::Early));
        assert_eq!(Plan::of(&[], 1).unwrap().kills, 100);
        assert!(Plan::of(&["--kills"], 1).is_err() && Plan::of(&["--kilts", "3"], 1).is_err());
    }
}
