//! Why a log cannot be opened, or something in it not be read.

use std::io;

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Look after the disk, and try again.
    #[error("{what}: the disk refuses: {reason}")]
    Disk {
        /// The file, or what was tried.
        what: String,
        /// What the disk says.
        reason: io::Error,
    },
    /// Choose a folder that is empty, or that holds a log.
    #[error("the folder holds no log, but other things, such as {name}")]
    NoLog {
        /// One of them.
        name: String,
    },
    /// Open it with the newer version that wrote it.
    #[error("{name} has format {format}, which is newer than this version's {ours}", ours = super::frame::FORMAT)]
    Newer {
        /// The file.
        name: String,
        /// Its format.
        format: u32,
    },
    /// Export what can be read, and import it into an empty folder: something that was certain has changed on disk.
    #[error("{what}; `tailwater broker check` tells more, and `export` saves what can be read")]
    Damaged {
        /// Where, and what is wrong.
        what: String,
    },
}

impl Fault {
    pub(super) fn disk(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |reason| Self::Disk { what, reason }
    }

    pub(super) fn damaged(file: &str, at: u64) -> Self {
        Self::Damaged { what: format!("{file} is damaged at byte {at}") }
    }
}

/// Why something in the log cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadFault {
    #[error("the disk does not give it: {0}")]
    Disk(#[source] io::Error),
    #[error("segment {segment} is damaged at byte {at}")]
    Damaged { segment: u64, at: u64 },
}

impl From<ReadFault> for Fault {
    fn from(fault: ReadFault) -> Self {
        match fault {
            ReadFault::Disk(reason) => Self::Disk { what: "the log".to_owned(), reason },
            ReadFault::Damaged { .. } => Self::Damaged { what: fault.to_string() },
        }
    }
}
