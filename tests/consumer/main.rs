//! The consumer as its users meet it, on a broker and a store in the same process, and on time that stands still until
//! everybody waits.
#![allow(clippy::unwrap_used, reason = "a test")]

mod acting;
mod edges;
mod failing;
mod reading;
mod support;
mod testing;
