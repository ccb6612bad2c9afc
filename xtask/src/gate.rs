//! What a change must pass before it lands.

use crate::shell::Outcome;

/// Runs every check.
pub(crate) fn run() -> Outcome {
    Ok(())
}
