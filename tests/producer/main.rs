//! The producer as its users meet it, against a broker in the same process, over a way that can be told to fail.
#![allow(clippy::unwrap_used, reason = "a test")]

mod ending;
mod putting;
mod refusing;
mod resharding;
mod support;
mod watching;
