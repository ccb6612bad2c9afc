//! Whose log it is: a small file beside the segments, made once. It holds the number that binds segments to their log, and
//! the key under which iterators are sealed, so that those handed out before a restart are known after it.
//! Called by `log`, when a broker is opened, and by `check`.

use super::Fault;
use super::disk::Disk;
use super::frame::FORMAT;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;

const NAME: &str = "identity";
const NEW: &str = "identity.new";

/// Whose log it is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) log: u64,
    pub(crate) key: [u8; 32],
}

impl fmt::Debug for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Identity").field("log", &self.log).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct AnyFormat {
    format: u32,
}

#[derive(Serialize, Deserialize)]
struct Written {
    format: u32,
    log: u64,
    key: [u8; 32],
}

impl Identity {
    /// The identity of the log in this folder; `None` if there is no log, and nothing else either.
    pub(crate) fn read(disk: &dyn Disk) -> Result<Option<Self>, Fault> {
        let file = match disk.open(NAME) {
            Ok(file) => file,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
                let names = disk.list().map_err(Fault::disk("the folder"))?;
                let stranger = names.into_iter().find(|name| name != NEW);
                return stranger.map_or(Ok(None), |name| Err(Fault::NoLog { name }));
            }
            Err(fault) => return Err(Fault::disk(NAME)(fault)),
        };
        let length = file.len().map_err(Fault::disk(NAME))?.min(4096) as usize;
        let mut bytes = vec![0; length];
        file.read_at(0, &mut bytes).map_err(Fault::disk(NAME))?;
        let damaged = || Fault::damaged(NAME, 0);
        let AnyFormat { format } = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        if format != FORMAT {
            return Err(Fault::Newer { name: NAME.to_owned(), format });
        }
        let Written { log, key, .. } = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        Ok(Some(Self { log, key }))
    }

    /// Makes it certain.
    pub(crate) fn write(&self, disk: &dyn Disk) -> Result<(), Fault> {
        let written = Written { format: FORMAT, log: self.log, key: self.key };
        let bytes = serde_json::to_vec(&written).expect("numbers can be written");
        let write = || {
            match disk.remove(NEW) {
                Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
                Ok(()) | Err(_) => {}
            }
            let file = disk.create(NEW, 0)?;
            file.write_at(0, &bytes)?;
            file.sync()?;
            disk.rename(NEW, NAME)?;
            disk.sync_names()
        };
        write().map_err(Fault::disk(NAME))
    }
}
