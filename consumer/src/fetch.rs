//! How records of a shard are read. `cursor` is the pure part: where to read, and when; `poll_task` makes the calls.
//! Fan-out, where the service pushes, will stand beside it.

pub(crate) mod cursor;
mod pace;
mod poll_task;

pub(crate) use poll_task::{Fetched, Fetching};
