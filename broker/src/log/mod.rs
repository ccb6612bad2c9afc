//! What a broker writes down, so that it outlives its process: an append-only log in one folder.

mod disk;

pub use disk::{Disk, DiskFile};
