//! To come.

#[allow(dead_code)]
mod watch;
#[allow(dead_code)]
mod lead;
#[allow(dead_code)]
mod tenure;
