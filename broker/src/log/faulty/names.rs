//! The names on a faulty disk: those that are certain, and what was done to names since.
//! Names change as on a file system that keeps a journal: after a crash, all changes up to some moment are there, and
//! none behind it. A file's bytes know nothing of that: they may be safe while its name is not.
//! Pure. Called by the disk.

use super::content::Content;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file, whatever its name.
pub(super) type Node = Arc<Mutex<Content>>;

/// The names of files.
#[derive(Debug, Default)]
pub(super) struct Names {
    seen: BTreeMap<String, Node>,
    certain: BTreeMap<String, Node>,
    /// What was done since names were last synced, in order.
    pending: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Made(String, Node),
    Renamed(String, String),
    Removed(String),
}

impl Names {
    pub(super) fn list(&self) -> impl Iterator<Item = &String> {
        self.seen.keys()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.seen.get(name)
    }

    /// Bytes of all files.
    pub(super) fn used(&self) -> u64 {
        self.seen.values().map(|node| lock(node).len() as u64).sum()
    }

    pub(super) fn make(&mut self, name: &str, node: &Node) {
        self.change(Change::Made(name.to_owned(), Arc::clone(node)));
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) {
        self.change(Change::Renamed(from.to_owned(), to.to_owned()));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.change(Change::Removed(name.to_owned()));
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.certain);
        }
    }

    /// Becomes what is found after power was lost, names and bytes.
    pub(super) fn crash(&mut self, chance: &mut fastrand::Rng) {
        let survive = chance.usize(0..=self.pending.len());
        for change in self.pending.drain(..).take(survive) {
            change.apply(&mut self.certain);
        }
        self.seen.clone_from(&self.certain);
        for node in self.seen.values() {
            lock(node).crash(chance);
        }
    }

    /// The file that has this name now and after any crash.
    pub(super) fn certain(&self, name: &str) -> Option<&Node> {
        if self.pending.iter().any(|change| change.touches(name)) {
            return None;
        }
        self.certain.get(name)
    }
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, Node>) {
        match self {
            Self::Made(name, node) => {
                names.insert(name.clone(), Arc::clone(node));
            }
            Self::Renamed(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
            Self::Removed(name) => {
                names.remove(name);
            }
        }
    }

    fn touches(&self, name: &str) -> bool {
        match self {
            Self::Made(other, _) | Self::Removed(other) => name == other,
            Self::Renamed(from, to) => name == from || name == to,
        }
    }
}

pub(super) fn lock(node: &Node) -> MutexGuard<'_, Content> {
    node.lock().unwrap_or_else(PoisonError::into_inner)
}
