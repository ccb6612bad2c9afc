//! A disk in memory that does on order, and by a seed, what disks do to programs: it loses what was not synced, tears it,
//! fails, fills up, and goes off in the middle.
//! Why not real files and a real kill: only power that fails loses a page cache, and no test can pull a plug ten thousand
//! times in a minute, nor twice at the same moment.
//!
//! A [`Faulty`] is a process's view of the disk. [`Faulty::crash`] and [`Faulty::kill`] end all other processes: what they
//! opened, and the clones they hold, answer no more. So what a dropped log does on its way out reaches no disk.
//! `plan` says which operation fails, `names` and `content` what a failure leaves behind.
//! Called by tests and fuzz targets.

mod plan;
mod names;
mod content;
mod room;

use self::content::Content;
use self::names::{Names, Node, lock};
use self::plan::{Fate, Kind, Plan, off};
use super::files::check_name;
use super::{Disk, DiskFile};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A disk in memory that fails on order. Clones are views of one disk.
#[derive(Debug)]
pub struct Faulty {
    machine: Arc<Mutex<Machine>>,
    /// The life of the machine to which this view belongs.
    life: AtomicU64,
}

#[derive(Debug)]
struct Machine {
    chance: fastrand::Rng,
    /// How often it was ended.
    life: u64,
    off: bool,
    operations: u64,
    plan: Plan,
    names: Names,
}

#[derive(Debug)]
struct OpenFile {
    machine: Arc<Mutex<Machine>>,
    life: u64,
    node: Node,
}

impl Clone for Faulty {
    fn clone(&self) -> Self {
        Self { machine: Arc::clone(&self.machine), life: AtomicU64::new(self.life()) }
    }
}

impl Faulty {
    /// An empty disk without faults. One seed and one order of operations give one disk.
    pub fn new(seed: u64) -> Self {
        let machine = Machine {
            chance: fastrand::Rng::with_seed(seed),
            life: 0,
            off: false,
            operations: 0,
            plan: Plan::calm(),
            names: Names::default(),
        };
        Self { machine: Arc::new(Mutex::new(machine)), life: AtomicU64::new(0) }
    }

    /// Loses power, and comes back with what is found then. Of the changes to names, those up to some moment are there; of
    /// each write that was not synced, all, a first part, some sectors, or nothing. Planned faults stay; a machine that is
    /// off goes on.
    pub fn crash(&self) {
        let mut machine = self.machine();
        let Machine { names, chance, .. } = &mut *machine;
        names.crash(chance);
        self.live_on(&mut machine);
    }

    /// Ends the process, not the machine: whoever comes next sees all that was written, none of it safer than before.
    /// Planned faults stay; a machine that is off goes on.
    pub fn kill(&self) {
        self.live_on(&mut self.machine());
    }

    /// Of all views and open files, this one is still good.
    fn live_on(&self, machine: &mut Machine) {
        machine.off = false;
        machine.life += 1;
        self.life.store(machine.life, Ordering::Relaxed);
    }

    /// From now on this share of syncs fails, those of names as well. Bytes that were in a failed sync are in doubt for
    /// ever, unless they are overwritten and synced; names are not, and the next sync makes them certain.
    pub fn fail_syncs(&self, share: f64) {
        self.machine().plan.syncs = share;
    }

    /// From now on this share of writes fails, and as many of all other changes. Of a write, a first part may be done; a
    /// file may be made with less room; a file may be cut. Names are then neither changed nor removed.
    pub fn fail_writes(&self, share: f64) {
        self.machine().plan.writes = share;
    }

    /// From now on this share of reads fails, and of openings and listings.
    pub fn fail_reads(&self, share: f64) {
        self.machine().plan.reads = share;
    }

    /// From now on all files together have no more bytes than this, reserved or written.
    pub fn capacity(&self, bytes: u64) {
        self.machine().plan.capacity = bytes;
    }

    /// After so many more operations, the machine goes off in the middle of one, which may be done in part. It goes on by
    /// `crash`, or by `kill`, if what is wanted is a process that dies at that point.
    pub fn fail_after(&self, operations: u64) {
        self.machine().plan.left = Some(operations);
    }

    /// Takes back all faults that are planned, a capacity too. A machine that is off stays off.
    pub fn calm(&self) {
        self.machine().plan = Plan::calm();
    }

    /// Whether the machine has gone off, and was not ended since.
    pub fn is_off(&self) -> bool {
        self.machine().off
    }

    /// How many operations were begun so far, of all kinds.
    pub fn operations(&self) -> u64 {
        self.machine().operations
    }

    /// Flips a bit of a byte that is on the platter. Whether there is one.
    pub fn flip(&self, name: &str, at: u64) -> bool {
        let mut machine = self.machine();
        let bit = machine.chance.u8(0..8);
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        machine.names.get(name).is_some_and(|node| lock(node).flip(at, bit))
    }

    /// Whether this name is there after any crash, for the file that has it now.
    pub fn survives(&self, name: &str) -> bool {
        self.machine().names.certain(name).is_some()
    }

    /// What is there of a file after any crash: its bytes before the first uncertain one. `None` unless its name is
    /// certain.
    pub fn certain(&self, name: &str) -> Option<Vec<u8>> {
        self.machine().names.certain(name).map(|node| lock(node).certain())
    }

    /// Whether just these bytes are there after any crash. Unlike [`Faulty::certain`], it looks no further, and copies
    /// nothing.
    pub fn holds(&self, name: &str, at: u64, bytes: &[u8]) -> bool {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        self.machine().names.certain(name).is_some_and(|node| lock(node).holds(at, bytes))
    }

    /// Bytes of all files that have a name.
    pub fn used(&self) -> u64 {
        self.machine().names.used()
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn life(&self) -> u64 {
        self.life.load(Ordering::Relaxed)
    }

    /// Begins an operation.
    fn begin(&self, kind: Kind) -> io::Result<(MutexGuard<'_, Machine>, Fate)> {
        begin(&self.machine, self.life(), kind)
    }

    fn opened(&self, node: Node) -> Arc<dyn DiskFile> {
        Arc::new(OpenFile { machine: Arc::clone(&self.machine), life: self.life(), node })
    }
}

fn begin(machine: &Mutex<Machine>, life: u64, kind: Kind) -> io::Result<(MutexGuard<'_, Machine>, Fate)> {
    let mut guard = machine.lock().unwrap_or_else(PoisonError::into_inner);
    let machine = &mut *guard;
    if machine.off || machine.life != life {
        return Err(off());
    }
    machine.operations += 1;
    let fate = machine.plan.fate(&mut machine.chance, kind);
    machine.off = fate == Fate::Off;
    Ok((guard, fate))
}

impl Machine {
    /// The room that is left.
    fn room(&self) -> u64 {
        self.plan.capacity.saturating_sub(self.names.used())
    }

    /// Makes a file that got some of its room, and no sync.
    fn half_make(&mut self, name: &str, room: u64) {
        let mut content = Content::default();
        let zeros = self.chance.usize(0..=size(room));
        content.write(0, &vec![0; zeros]);
        self.names.make(name, &Arc::new(Mutex::new(content)));
    }
}

impl Disk for Faulty {
    fn list(&self) -> io::Result<Vec<String>> {
        let (machine, fate) = self.begin(Kind::Read)?;
        fate.result()?;
        Ok(machine.names.list().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        check_name(name)?;
        let (machine, fate) = self.begin(Kind::Read)?;
        fate.result()?;
        let node = machine.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.opened(Arc::clone(node)))
    }

    fn create(&self, name: &str, room: u64) -> io::Result<Arc<dyn DiskFile>> {
        check_name(name)?;
        let (mut machine, fate) = self.begin(Kind::Make)?;
        if machine.names.get(name).is_some() {
            fate.result()?;
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let left = machine.room();
        if fate == Fate::Well && room <= left {
            let node = Arc::new(Mutex::new(Content::with_room(size(room))));
            machine.names.make(name, &node);
            return Ok(self.opened(node));
        }
        // Who fails to fill a file removes it; a crash may yet find it.
        machine.half_make(name, room.min(left));
        let stays = fate != Fate::Well && machine.chance.bool();
        if !stays {
            machine.names.remove(name);
        }
        fate.result()?;
        Err(io::ErrorKind::StorageFull.into())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check_name(from)?;
        check_name(to)?;
        let (mut machine, fate) = self.begin(Kind::Write)?;
        let there = machine.names.get(from).is_some();
        // Whether a change was made before the machine went off, nobody has been told.
        let done = fate == Fate::Well || (fate == Fate::Off && machine.chance.bool());
        if there && done && from != to {
            machine.names.rename(from, to);
        }
        fate.result()?;
        if there { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        check_name(name)?;
        let (mut machine, fate) = self.begin(Kind::Write)?;
        let there = machine.names.get(name).is_some();
        let done = fate == Fate::Well || (fate == Fate::Off && machine.chance.bool());
        if there && done {
            machine.names.remove(name);
        }
        fate.result()?;
        if there { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn sync_names(&self) -> io::Result<()> {
        let (mut machine, fate) = self.begin(Kind::Sync)?;
        fate.result()?;
        machine.names.sync();
        Ok(())
    }
}

impl OpenFile {
    fn begin(&self, kind: Kind) -> io::Result<(MutexGuard<'_, Machine>, Fate)> {
        begin(&self.machine, self.life, kind)
    }
}

impl DiskFile for OpenFile {
    fn len(&self) -> io::Result<u64> {
        let (_machine, fate) = self.begin(Kind::Ask)?;
        fate.result()?;
        Ok(lock(&self.node).len() as u64)
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let (_machine, fate) = self.begin(Kind::Read)?;
        fate.result()?;
        lock(&self.node).read(size(at), into)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let (mut machine, fate) = self.begin(Kind::Write)?;
        let at = size(at);
        let length = lock(&self.node).len();
        let grows = (at + bytes.len()).saturating_sub(length);
        let full = !bytes.is_empty() && grows as u64 > machine.room();
        let part = if fate == Fate::Well && !full {
            bytes.len()
        } else {
            // What fits, or what was written before the fault.
            let most = if full { length.saturating_sub(at).min(bytes.len()) } else { bytes.len() };
            machine.chance.usize(0..=most)
        };
        lock(&self.node).write(at, &bytes[..part]);
        fate.result()?;
        if full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let (mut machine, fate) = self.begin(Kind::Write)?;
        if fate == Fate::Well || machine.chance.bool() {
            lock(&self.node).truncate(size(length));
        }
        fate.result()
    }

    fn sync(&self) -> io::Result<()> {
        let (mut machine, fate) = self.begin(Kind::Sync)?;
        match fate {
            Fate::Well => lock(&self.node).sync(),
            Fate::Fails => lock(&self.node).fail_sync(&mut machine.chance),
            // The pages stay as they were, for a crash to lose or the next process to see.
            Fate::Off => {}
        }
        fate.result()
    }
}

/// A number of bytes that are held in memory, or will be.
fn size(bytes: u64) -> usize {
    usize::try_from(bytes).expect("a disk in memory is no larger than memory")
}

#[cfg(test)]
mod tests;
