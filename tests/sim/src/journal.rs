//! Everything that happens, as one number, and as lines if somebody wants to read them.

use std::fmt::{self, Write};
use std::time::Duration;

/// What has happened so far.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    digest: u64,
    lines: Option<Vec<String>>,
}

impl Journal {
    pub(crate) fn new(is_traced: bool) -> Self {
        Self { digest: 0xcbf2_9ce4_8422_2325, lines: is_traced.then(Vec::new) }
    }

    pub(crate) fn note(&mut self, at: Duration, what: fmt::Arguments<'_>) {
        let _ = writeln!(self, "{} {what}", at.as_millis());
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>9.3} {what}", at.as_secs_f64()));
        }
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    pub(crate) fn take_lines(&mut self) -> Vec<String> {
        self.lines.take().unwrap_or_default()
    }
}

/// Letters go into the digest and nowhere else.
impl Write for Journal {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}
