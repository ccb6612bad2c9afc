//! The planted bugs: each is one that somebody made, or could make tomorrow.

pub(super) mod consumer;
pub(super) mod producer;

macro_rules! mutants {
    ($($name:literal in $file:ident: $text:literal => $instead:literal;)*) => {
        pub(in crate::mutants) const MUTANTS: &[crate::mutants::Mutant] =
            &[$(crate::mutants::Mutant { name: $name, file: $file, text: $text, instead: $instead }),*];
    };
}

use mutants;
