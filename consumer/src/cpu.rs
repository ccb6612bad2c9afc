//! How busy this machine's processors are, for groups that share shards by that: read from where Linux tells it.
//! Elsewhere nothing is known, and the worker counts by the bytes that pass.

use tailwater_store::CpuUse;

/// Busy time between one look and the next, smoothed as the KCL does: half of what it was, half of what it is.
#[derive(Debug, Default)]
pub(crate) struct Cpu {
    last: Option<Times>,
    percent: Option<f64>,
}

/// Time since the machine was started, in the kernel's ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Times {
    total: u64,
    idle: u64,
}

impl Cpu {
    /// Looks once more. Nothing is known before the second look.
    pub(crate) fn look(&mut self) -> Option<CpuUse> {
        let told = std::fs::read_to_string("/proc/stat").ok()?;
        self.see(Times::of(&told)?);
        self.percent.map(|percent| CpuUse { percent, target: 100.0 })
    }

    fn see(&mut self, times: Times) {
        if let Some(last) = self.last.replace(times) {
            let (total, idle) = (times.total.saturating_sub(last.total), times.idle.saturating_sub(last.idle));
            if total > 0 {
                let percent = 100.0 * total.saturating_sub(idle) as f64 / total as f64;
                self.percent = Some(self.percent.map_or(percent, |was| f64::midpoint(was, percent)));
            }
        }
    }
}

impl Times {
    /// From the first line: user, nice, system, idle, and more, all of all processors.
    fn of(told: &str) -> Option<Self> {
        let mut words = told.lines().next()?.split_ascii_whitespace();
        if words.next()? != "cpu" {
            return None;
        }
        let ticks: Vec<u64> = words.map_while(|word| word.parse().ok()).take(8).collect();
        Some(Self { total: ticks.iter().sum(), idle: *ticks.get(3)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_is_what_was_not_idle_since_the_last_look() {
        let mut cpu = Cpu::default();
        cpu.see(Times::of("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3 4").unwrap());
        assert_eq!(cpu.percent, None);
        cpu.see(Times::of("cpu  150 0 150 900 0 0 0 0 0 0").unwrap());
        assert_eq!(cpu.percent, Some(50.0));
        cpu.see(Times::of("cpu  250 0 150 900 0 0 0 0 0 0").unwrap());
        assert_eq!(cpu.percent, Some(75.0));
        assert_eq!(Times::of("intr 5"), None);
        assert_eq!(Times::of(""), None);
    }
}
