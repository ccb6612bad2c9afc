//! Talks to what others wrote, so that "compatible" is something that was seen to be true.
//! `aggregates` runs it: `batches` makes random records and `vectors` holds fixed cases, `programs` are the other
//! packages, which `install` fetches; `exchange` talks to them, `compare` judges. `rivals` measures the same programs.

pub(crate) mod aggregates;
mod batches;
mod vectors;
pub(crate) mod install;
pub(crate) mod programs;
mod exchange;
mod compare;
pub(crate) mod model;
pub(crate) mod brokers;
pub(crate) mod ours;
pub(crate) mod sdks;
pub(crate) mod kcl;
pub(crate) mod differences;
pub(crate) mod producer;
