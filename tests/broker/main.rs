//! The broker as its users meet it: through our client, in the same process and over a socket.
//! What a single rule says is tested beside the rule, in `broker/src`; here stands what needs both ends.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;
mod service;
mod tailing;
mod scale;
mod time;
mod edge;
mod listening;

#[path = "../aws/suite.rs"]
mod suite;
