//! Three workers in processes of their own share a file of leases, and are killed again and again while records are put and
//! shards are split and merged. Nothing may be lost, and nothing come again without a reason.
//! Why beside the simulation: there time, store and death are modelled; here they are the machine's.
//!
//! - `plan`: what the soak is told. `run`: the soak. `load`: what goes on all the while.
//! - `processes`: a worker's process; `worker`: the program that runs in it; `sink`: the table of its effects.
//! - `notes`: what a worker leaves behind; `judge`: what follows from that.
//!
//! Called by `main`.

mod plan;
mod load;
mod notes;
mod sink;
pub(crate) mod worker;
mod processes;
mod judge;
mod run;

pub(crate) use self::run::run;
