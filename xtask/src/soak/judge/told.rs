//! The verdict in words.

use super::{By, Verdict};
use std::fmt;

/// As many faults as are told.
const FAULTS_TOLD: usize = 20;

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, deliveries, tenures, again_after_kill, again_after_loss, losses, .. } = self;
        writeln!(out, "{records} records, {deliveries} deliveries, {tenures} tenures")?;
        writeln!(
            out,
            "again: {again_after_kill} that were handled after the last checkpoint of a killed worker, \
             {again_after_loss} after {losses} leases were lost by workers that lived"
        )?;
        writeln!(out, "takeovers, from the kill to the next delivery of the shard:")?;
        let names = [
            (By::Same, "by one of the same name"),
            (By::Another, "by another worker"),
            (By::AnotherInTheEnd, "by another, with kills between"),
        ];
        for (by, name) in names {
            let takeovers = self.takeovers.iter().filter(|takeover| takeover.by == by);
            writeln!(out, "  {name}: {}", spread(&takeovers.map(|takeover| takeover.millis).collect::<Vec<_>>()))?;
        }
        write!(out, "  nothing more to deliver: {}", self.not_taken_over)?;
        for fault in self.faults.iter().take(FAULTS_TOLD) {
            write!(out, "\nFAILED {fault}")?;
        }
        match self.faults.len().saturating_sub(FAULTS_TOLD) {
            0 => Ok(()),
            more => write!(out, "\nFAILED and {more} faults more"),
        }
    }
}

/// From the shortest to the longest; they are in order.
fn spread(millis: &[i64]) -> String {
    let at = |percent: usize| millis.get((millis.len().saturating_sub(1)) * percent / 100);
    let told = |percent: usize| at(percent).map_or_else(String::new, |at| format!("{:.2} s", *at as f64 / 1000.0));
    match millis.len() {
        0 => "none".to_owned(),
        count => format!("{count}; least {}, half {}, nine in ten {}, most {}", told(0), told(50), told(90), told(100)),
    }
}
