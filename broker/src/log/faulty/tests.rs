use super::content::SECTOR;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn read(file: &dyn DiskFile) -> Vec<u8> {
    let mut bytes = vec![0; size(file.len().unwrap())];
    file.read_at(0, &mut bytes).unwrap();
    bytes
}

fn found(disk: &Faulty, name: &str) -> Vec<u8> {
    read(&*disk.open(name).unwrap())
}

/// A disk with one file `a` whose name is certain.
fn one_file(seed: u64, room: u64) -> (Faulty, Arc<dyn DiskFile>) {
    let disk = Faulty::new(seed);
    let file = disk.create("a", room).unwrap();
    disk.sync_names().unwrap();
    (disk, file)
}

#[test]
fn a_write_survives_a_crash_in_every_way_that_it_can() {
    let mut fates = BTreeSet::new();
    for seed in 0..300 {
        let (disk, file) = one_file(seed, 8 * SECTOR as u64);
        // It begins and ends inside a sector.
        file.write_at(90, &[1; 7 * SECTOR + 100]).unwrap();
        disk.crash();
        let found = found(&disk, "a");
        let there: Vec<bool> = (0..8).map(|sector| found[sector * SECTOR + 100] == 1).collect();
        let (first, count) = (there.iter().take_while(|there| **there).count(), there.iter().filter(|it| **it).count());
        fates.insert(match count {
            0 => "lost",
            8 => "whole",
            _ if first == count => "a first part",
            _ => "some sectors",
        });
    }
    assert_eq!(fates, BTreeSet::from(["a first part", "lost", "some sectors", "whole"]));
}

#[test]
fn a_later_write_may_survive_alone() {
    let mut fates = BTreeSet::new();
    for seed in 0..100 {
        let (disk, file) = one_file(seed, 2 * SECTOR as u64);
        file.write_at(0, b"first").unwrap();
        file.write_at(SECTOR as u64, b"second").unwrap();
        disk.crash();
        let found = found(&disk, "a");
        fates.insert((found[0] != 0, found[SECTOR] != 0));
    }
    assert_eq!(fates.len(), 4);
}

#[test]
fn growth_and_cuts_are_uncertain_until_they_are_synced() {
    let (mut grown, mut cut, mut empty) = (BTreeSet::new(), BTreeSet::new(), false);
    for seed in 0..100 {
        let (disk, file) = one_file(seed, 10);
        file.write_at(5, &[1; 20]).unwrap();
        assert_eq!(disk.certain("a").unwrap(), [0; 5]);
        disk.crash();
        let after = found(&disk, "a");
        empty |= after.len() == 25 && after[24] == 0;
        grown.insert(after.len());

        let (disk, file) = one_file(seed, 10);
        file.truncate(4).unwrap();
        assert_eq!(disk.certain("a").unwrap(), [0; 4]);
        disk.crash();
        cut.insert(found(&disk, "a").len());

        let (disk, file) = one_file(seed, 10);
        file.truncate(4).unwrap();
        file.write_at(4, &[1; 16]).unwrap();
        file.sync().unwrap();
        disk.crash();
        assert_eq!(found(&disk, "a").len(), 20);
    }
    assert_eq!((grown, cut), (BTreeSet::from([10, 25]), BTreeSet::from([4, 10])));
    assert!(empty, "a length never arrives without its bytes");
}

#[test]
fn a_name_that_was_not_synced_may_be_gone_though_its_bytes_are_safe() {
    let mut fates = BTreeSet::new();
    for seed in 0..50 {
        let disk = Faulty::new(seed);
        let file = disk.create("a", 3).unwrap();
        file.write_at(0, b"abc").unwrap();
        file.sync().unwrap();
        assert!(!disk.survives("a") && disk.certain("a").is_none() && !disk.holds("a", 0, b"abc"));
        disk.crash();
        let there = disk.survives("a");
        if there {
            assert_eq!(found(&disk, "a"), b"abc");
        }
        fates.insert(there);

        let (disk, file) = one_file(seed, 3);
        file.write_at(0, b"abc").unwrap();
        file.sync().unwrap();
        assert!(disk.survives("a") && disk.holds("a", 0, b"abc"));
        disk.crash();
        assert_eq!(found(&disk, "a"), b"abc");
    }
    assert_eq!(fates.len(), 2);
}

#[test]
fn names_survive_in_the_order_in_which_they_were_made() {
    let mut fates = BTreeSet::new();
    for seed in 0..100 {
        let disk = Faulty::new(seed);
        disk.create("a", 1).unwrap();
        disk.create("b", 2).unwrap();
        disk.rename("b", "a").unwrap();
        disk.create("c", 3).unwrap();
        disk.remove("c").unwrap();
        disk.crash();
        fates.insert(disk.list().unwrap().iter().map(|name| (name.clone(), found(&disk, name).len())).collect());
    }
    let states: [&[(&str, usize)]; 5] = [&[], &[("a", 1)], &[("a", 1), ("b", 2)], &[("a", 2)], &[("a", 2), ("c", 3)]];
    let states =
        states.iter().map(|state| state.iter().map(|(name, len)| (name.to_string(), *len)).collect::<Vec<_>>());
    assert_eq!(fates, states.collect());
}

#[test]
fn a_failed_sync_is_not_healed_by_a_later_one() {
    let mut fates = BTreeSet::new();
    for seed in 0..200 {
        let (disk, file) = one_file(seed, 2 * SECTOR as u64);
        file.write_at(10, b"new").unwrap();
        disk.fail_syncs(1.0);
        file.sync().unwrap_err();
        disk.calm();
        let seen = found(&disk, "a")[10] == b'n';
        file.write_at(SECTOR as u64, b"more").unwrap();
        file.sync().unwrap();
        assert_eq!(found(&disk, "a")[10] == b'n', seen, "a sync changes what is seen");
        assert!(disk.holds("a", SECTOR as u64, b"more"));
        assert!(!disk.holds("a", 10, b"new") && !disk.holds("a", 10, &[0; 3]));
        assert_eq!(disk.certain("a").unwrap().len(), 10);
        disk.crash();
        assert!(disk.holds("a", SECTOR as u64, b"more"));
        fates.insert((seen, found(&disk, "a")[10] == b'n'));
    }
    // Whoever saw the old bytes saw them on the platter.
    assert_eq!(fates, BTreeSet::from([(false, false), (true, false), (true, true)]));
}

#[test]
fn bytes_in_doubt_are_certain_once_others_are_synced_in_their_place() {
    for seed in 0..50 {
        let (disk, file) = one_file(seed, 30);
        file.write_at(10, &[1; 10]).unwrap();
        disk.fail_syncs(1.0);
        file.sync().unwrap_err();
        disk.calm();
        file.write_at(10, &[2; 5]).unwrap();
        file.sync().unwrap();
        assert_eq!(disk.certain("a").unwrap().len(), 15);
        file.write_at(14, &[2; 6]).unwrap();
        assert_eq!(disk.certain("a").unwrap().len(), 15);
        file.sync().unwrap();
        assert_eq!(disk.certain("a").unwrap().len(), 30);
        disk.crash();
        assert_eq!(found(&disk, "a")[10..20], [2; 10]);
    }
}

#[test]
fn a_failed_sync_of_names_is_healed_by_a_later_one() {
    let disk = Faulty::new(0);
    disk.create("a", 1).unwrap();
    disk.fail_syncs(1.0);
    disk.sync_names().unwrap_err();
    assert!(!disk.survives("a"));
    disk.calm();
    disk.sync_names().unwrap();
    assert!(disk.survives("a"));
}

#[test]
fn bytes_that_are_written_again_as_they_were_are_not_at_risk() {
    let (disk, file) = one_file(0, 1000);
    file.write_at(0, &[1; 500]).unwrap();
    file.sync().unwrap();
    let mut block = [0; 1000];
    block[..501].fill(1);
    file.write_at(0, &block).unwrap();
    assert_eq!(disk.certain("a").unwrap(), [1; 500]);
    disk.fail_syncs(1.0);
    file.sync().unwrap_err();
    assert_eq!(disk.certain("a").unwrap(), [1; 500]);
}

#[test]
fn a_killed_process_leaves_all_that_it_wrote_and_nothing_safer() {
    let mut fates = BTreeSet::new();
    for seed in 0..100 {
        let (disk, file) = one_file(seed, 10);
        file.write_at(0, b"abc").unwrap();
        disk.create("b", 1).unwrap();
        disk.kill();
        assert_eq!(found(&disk, "a")[..3], *b"abc");
        assert_eq!(disk.list().unwrap(), ["a", "b"]);
        assert!(!disk.survives("b") && !disk.holds("a", 0, b"abc"));
        disk.crash();
        fates.insert((found(&disk, "a")[0] != 0, disk.survives("b")));
    }
    assert_eq!(fates.len(), 4);
}

#[test]
fn what_an_ended_process_holds_answers_no_more() {
    let ends: [fn(&Faulty); 2] = [Faulty::crash, Faulty::kill];
    for end in ends {
        let (disk, file) = one_file(0, 10);
        let other = disk.clone();
        other.list().unwrap();
        end(&disk);
        assert!(file.len().is_err() && file.read_at(0, &mut [0]).is_err() && file.write_at(0, b"x").is_err());
        assert!(file.truncate(0).is_err() && file.sync().is_err());
        assert!(other.list().is_err() && other.open("a").is_err() && other.create("b", 0).is_err());
        assert!(other.rename("a", "b").is_err() && other.remove("a").is_err() && other.sync_names().is_err());
        assert_eq!(other.clone().list().unwrap_err().to_string(), "the machine is off");
        let next = disk.clone();
        assert_eq!((disk.list().unwrap(), next.list().unwrap()), (vec!["a".to_owned()], vec!["a".to_owned()]));
        assert_eq!(found(&next, "a"), [0; 10]);
    }
}

#[test]
fn room_counts_from_the_moment_that_it_is_reserved() {
    let disk = Faulty::new(0);
    disk.capacity(100);
    let first = disk.create("a", 60).unwrap();
    assert_eq!(disk.used(), 60);
    assert_eq!(disk.create("b", 41).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.list().unwrap(), ["a"]);
    let second = disk.create("b", 40).unwrap();
    assert_eq!(disk.used(), 100);
    // Room that was reserved is there.
    first.write_at(0, &[1; 60]).unwrap();
    second.write_at(0, &[1; 40]).unwrap();
    assert_eq!(second.write_at(20, &[2; 21]).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.used(), 100);
    disk.remove("a").unwrap();
    assert_eq!(disk.used(), 40);
    first.read_at(0, &mut [0; 60]).unwrap();
    second.write_at(40, &[2; 60]).unwrap();
    second.truncate(10).unwrap();
    assert_eq!(disk.used(), 10);
    second.write_at(20, b"x").unwrap();
    assert_eq!(disk.used(), 21);
    disk.calm();
    disk.create("c", 1000).unwrap();
}

#[test]
fn a_machine_goes_off_after_so_many_operations_and_in_the_middle_of_one() {
    type Operation = fn(&Faulty, &dyn DiskFile) -> io::Result<()>;
    let operations: [Operation; 12] = [
        |_, file| file.len().map(drop),
        |_, file| file.write_at(0, &[1; 100]),
        |_, file| file.sync(),
        |_, file| file.write_at(0, &[2; 100]),
        |_, file| file.read_at(0, &mut [0]),
        |_, file| file.truncate(50),
        |disk, _| disk.list().map(drop),
        |disk, _| disk.create("b", 100).map(drop),
        |disk, _| disk.open("b").map(drop),
        |disk, _| disk.rename("b", "c"),
        |disk, _| disk.remove("c"),
        |disk, _| disk.sync_names(),
    ];
    let mut torn = false;
    let mut changed = BTreeSet::new();
    for seed in 0..400 {
        let last = size(seed) % operations.len();
        let (disk, file) = one_file(seed, 100);
        let begun = disk.operations();
        disk.fail_after(last as u64);
        for (place, operation) in operations.iter().enumerate() {
            let result = operation(&disk, &*file);
            assert_eq!(result.is_ok(), place < last, "{place} of {last}: {result:?}");
            assert_eq!(disk.is_off(), place >= last);
        }
        assert_eq!(disk.operations() - begun, last as u64 + 1);
        disk.calm();
        disk.list().unwrap_err();
        let certain = disk.certain("a").unwrap();
        disk.kill();
        let seen = found(&disk, "a");
        let other = disk.list().unwrap().pop().filter(|name| name != "a");
        match last {
            3 => torn |= seen.contains(&1) && seen.contains(&2),
            5 | 7 | 9 | 10 => drop(changed.insert((last, seen.len(), other))),
            _ => {}
        }
        disk.crash();
        assert!(found(&disk, "a").starts_with(&certain));
    }
    assert!(torn, "no write was done in part");
    // Each of the four was done by some, and not done by others; nobody was told.
    assert_eq!(changed.len(), 8, "{changed:?}");
}

#[test]
fn as_many_fail_as_were_told_to_and_no_others() {
    let (disk, file) = one_file(0, 100);
    let count = |operation: &dyn Fn() -> bool| (0..1000).filter(|_| operation()).count();
    let write = || file.write_at(0, b"x").is_err();
    let read = || file.read_at(0, &mut [0]).is_err();
    let sync = || file.sync().is_err();
    let all = || [count(&write), count(&read), count(&sync)];
    assert_eq!(all(), [0, 0, 0]);
    disk.fail_writes(0.3);
    assert!(matches!(all(), [200..400, 0, 0]));
    disk.calm();
    disk.fail_reads(0.3);
    assert!(matches!(all(), [0, 200..400, 0]));
    disk.calm();
    disk.fail_syncs(0.3);
    assert!(matches!(all(), [0, 0, 200..400]));
    disk.calm();
    assert_eq!(all(), [0, 0, 0]);
}

#[test]
fn a_failed_write_may_be_done_in_part_and_a_failed_making_leave_a_file() {
    let (mut parts, mut made) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..100 {
        let (disk, file) = one_file(seed, 10);
        disk.fail_writes(1.0);
        file.write_at(0, &[1; 10]).unwrap_err();
        disk.create("b", 10).map(drop).unwrap_err();
        disk.rename("a", "c").unwrap_err();
        disk.remove("a").unwrap_err();
        parts.insert(found(&disk, "a").iter().filter(|byte| **byte == 1).count());
        made.insert(disk.open("b").ok().map(|file| file.len().unwrap()));
    }
    assert_eq!(parts.len(), 11);
    assert!(made.contains(&None) && made.len() > 5, "{made:?}");
}

#[test]
fn a_flipped_bit_is_seen_and_stays() {
    let (disk, _) = one_file(0, 100);
    assert!(disk.flip("a", 50));
    let seen = found(&disk, "a");
    assert_eq!(seen.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
    assert_ne!(seen[50], 0);
    disk.crash();
    assert_eq!(found(&disk, "a"), seen);
    assert!(!disk.flip("a", 100) && !disk.flip("b", 0));
}

#[test]
fn debug_shows_no_bytes() {
    let (disk, file) = one_file(0, 0);
    file.write_at(0, &[201; 9]).unwrap();
    assert!(!format!("{disk:?} {file:?}").contains("201, 201"));
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize, usize),
    Sync,
    FailSync,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4000_usize, 1..2500_usize).prop_map(|(at, count)| Step::Write(at, count)),
        1 => Just(Step::Sync),
        1 => Just(Step::FailSync),
    ];
    prop::collection::vec(step, 1..16)
}

fn fail_sync(disk: &Faulty, file: &dyn DiskFile) {
    disk.fail_syncs(1.0);
    file.sync().unwrap_err();
    disk.calm();
}

const ROOM: usize = 8 * 1024;
const SLOT: usize = 200;
const SLOTS: usize = 20;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn after_a_crash_every_sector_is_what_some_of_its_writes_made_it(seed: u64, steps in steps()) {
        let (disk, file) = one_file(seed, ROOM as u64);
        // All that each sector may be, if power is lost now.
        let mut may: Vec<BTreeSet<Vec<u8>>> = vec![BTreeSet::from([vec![0; SECTOR]]); ROOM / SECTOR];
        let mut newest = vec![0; ROOM];
        for (step, mark) in steps.iter().zip(1..) {
            match step {
                Step::Write(at, count) => {
                    file.write_at(*at as u64, &vec![mark; *count]).unwrap();
                    newest[*at..at + count].fill(mark);
                    for (sector, may) in may.iter_mut().enumerate() {
                        let range = (sector * SECTOR).max(*at)..((sector + 1) * SECTOR).min(at + count);
                        if !range.is_empty() {
                            let (from, to) = (range.start - sector * SECTOR, range.end - sector * SECTOR);
                            let done = may.iter().cloned().map(|mut it| { it[from..to].fill(mark); it });
                            *may = done.chain(may.iter().cloned()).collect();
                        }
                    }
                }
                Step::Sync | Step::FailSync => {
                    prop_assert_eq!(&found(&disk, "a"), &newest);
                    file.sync().unwrap();
                    may = newest.chunks(SECTOR).map(|sector| BTreeSet::from([sector.to_vec()])).collect();
                    prop_assert_eq!(&disk.certain("a").unwrap(), &newest);
                }
            }
        }
        let certain = disk.certain("a").unwrap();
        disk.crash();
        let found = found(&disk, "a");
        prop_assert!(found.starts_with(&certain));
        prop_assert_eq!(found.len(), ROOM);
        for (sector, may) in found.chunks(SECTOR).zip(&may) {
            prop_assert!(may.contains(sector));
        }
        prop_assert!(disk.holds("a", 0, &found));
    }

    #[test]
    fn bytes_are_certain_if_the_first_sync_behind_them_succeeded(seed: u64, steps in steps()) {
        #[derive(Clone, Copy, PartialEq)]
        enum Slot { Certain(u8), Pending(u8), Doubtful(u8) }
        let (disk, file) = one_file(seed, 0);
        let mut slots = [Slot::Doubtful(0); SLOTS];
        for (step, mark) in steps.iter().zip(1..) {
            match step {
                Step::Write(at, count) => {
                    let slot = at % SLOTS;
                    let many = 1 + count % 3;
                    let end = (slot + many).min(SLOTS);
                    file.write_at((slot * SLOT) as u64, &vec![mark; (end - slot) * SLOT]).unwrap();
                    slots[slot..end].fill(Slot::Pending(mark));
                }
                Step::Sync => {
                    file.sync().unwrap();
                    for slot in &mut slots {
                        if let Slot::Pending(mark) = *slot { *slot = Slot::Certain(mark); }
                    }
                }
                Step::FailSync => {
                    fail_sync(&disk, &*file);
                    for slot in &mut slots {
                        if let Slot::Pending(mark) = *slot { *slot = Slot::Doubtful(mark); }
                    }
                }
            }
            for (place, slot) in slots.iter().enumerate() {
                let (Slot::Certain(mark) | Slot::Pending(mark) | Slot::Doubtful(mark)) = *slot;
                if mark > 0 {
                    let holds = disk.holds("a", (place * SLOT) as u64, &[mark; SLOT]);
                    prop_assert_eq!(holds, matches!(slot, Slot::Certain(_)), "slot {}", place);
                }
            }
        }
        let certain = disk.certain("a").unwrap();
        disk.crash();
        let found = found(&disk, "a");
        prop_assert!(found.starts_with(&certain));
        for (place, slot) in slots.iter().enumerate() {
            if let Slot::Certain(mark) = *slot {
                prop_assert_eq!(&found[place * SLOT..(place + 1) * SLOT], &[mark; SLOT]);
            }
        }
    }

    #[test]
    fn what_is_called_certain_is_there_after_any_crash(
        seed: u64,
        steps in prop::collection::vec((0..6_u8, 0..3000_u64, 0..1200_usize), 1..24),
    ) {
        let (disk, file) = one_file(seed, 500);
        for ((kind, at, count), mark) in steps.into_iter().zip(1..) {
            match kind {
                0 | 1 => file.write_at(at, &vec![mark; count]).unwrap(),
                2 => file.truncate(at).unwrap(),
                3 => file.sync().unwrap(),
                4 => fail_sync(&disk, &*file),
                _ => {
                    disk.fail_writes(1.0);
                    file.write_at(at, &vec![mark; count]).unwrap_err();
                    disk.calm();
                }
            }
        }
        let certain = disk.certain("a").unwrap();
        prop_assert!(disk.holds("a", 0, &certain));
        disk.crash();
        let after = found(&disk, "a");
        prop_assert!(after.starts_with(&certain));
        disk.crash();
        prop_assert!(found(&disk, "a") == after, "a crash changes what a crash left");
    }

    #[test]
    fn one_seed_gives_one_disk(seed: u64, steps in prop::collection::vec((0..8_u8, 0..3_u8, 0..3000_u64), 1..40)) {
        let history = || {
            let disk = Faulty::new(seed);
            let mut said = String::new();
            for (kind, name, at) in &steps {
                disk.fail_writes(0.1);
                disk.fail_reads(0.1);
                disk.fail_syncs(0.3);
                disk.capacity(9000);
                let name = name.to_string();
                let file = || disk.open(&name);
                let result = match kind {
                    0 => disk.create(&name, *at).map(drop),
                    1 | 2 => file().and_then(|file| file.write_at(*at, &[1; 1000])),
                    3 => file().and_then(|file| file.sync()),
                    4 => file().and_then(|file| file.truncate(*at)),
                    5 => disk.remove(&name),
                    6 => disk.sync_names(),
                    _ => { disk.crash(); Ok(()) }
                };
                disk.calm();
                let names = disk.list().unwrap();
                let bytes: Vec<_> = names.iter().map(|name| found(&disk, name)).collect();
                said += &format!("{result:?} {names:?} {bytes:?} ");
            }
            said
        };
        prop_assert!(history() == history());
    }
}
