//! The KPL's aggregate: many user records in the data of one Kinesis record.
//!
//! [`Packer`] writes it, [`unpack`] reads it; the bytes are described in `docs/formats/aggregate.md`. Java, Python and
//! Node readers of the format read what is packed here, and the other way round.
//!
//! One record alone travels raw, as the KPL sends it, unless it needs the aggregate: because it has headers, or because
//! its own bytes begin like an aggregate and a reader would take it apart.

mod layout;
mod key_table;
mod pack;
mod seal;
mod unpack;
mod aggregate;

pub use aggregate::{Aggregate, Entry, Unreadable, UnreadableCause};
pub use layout::{AGGREGATE_OVERHEAD, MAGIC};
pub use pack::{PackError, Packer};
pub use seal::{Packed, Unsealed, seal_all};
pub use unpack::{Unpacked, unpack, unpack_all};

#[cfg(any(test, feature = "unstable-internals"))]
pub use {seal::seal_all_in, unpack::unpack_all_in};

#[cfg(test)]
mod tests;
