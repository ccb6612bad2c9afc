use super::*;
use crate::log::Faulty;
use proptest::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};

/// A place of this test's own, gone at its end.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let place = std::env::temp_dir().join(format!("tailwater-files-{}-{count}", std::process::id()));
        fs::create_dir(&place).unwrap();
        Self(place)
    }

    fn folder(&self) -> PathBuf {
        self.0.join("some").join("log")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn a_folder_is_made_with_those_above_it_and_found_again() {
    let place = Place::new();
    let files = Files::open(&place.folder()).unwrap();
    files.create("a", 3).unwrap().write_at(1, b"xy").unwrap();
    drop(files);
    let files = Files::open(&place.folder()).unwrap();
    let mut bytes = [9; 3];
    files.open("a").unwrap().read_at(0, &mut bytes).unwrap();
    assert_eq!(bytes, *b"\0xy");
}

#[test]
fn a_folder_that_is_held_is_refused() {
    let place = Place::new();
    let first = Files::open(&place.folder()).unwrap();
    let fault = Files::open(&place.folder()).unwrap_err();
    assert!(matches!(fault, FolderFault::Held { .. }), "{fault:?}");
    assert_eq!(fault.to_string(), format!("{} is in use by another broker", place.folder().display()));
    drop(first);
    Files::open(&place.folder()).unwrap();
}

#[test]
fn what_is_no_folder_is_refused() {
    let place = Place::new();
    let file = place.0.join("file");
    fs::write(&file, "here before").unwrap();
    for path in [file.clone(), file.join("below")] {
        let fault = Files::open(&path).unwrap_err();
        assert!(matches!(fault, FolderFault::NotAFolder { .. }), "{fault:?}");
        assert_eq!(fault.to_string(), format!("{} is not a folder", path.display()));
    }
    assert_eq!(fs::read(&file).unwrap(), b"here before");
}

#[test]
fn what_cannot_be_locked_is_refused_with_the_words_of_the_system() {
    let place = Place::new();
    fs::create_dir_all(place.folder().join(LOCK)).unwrap();
    let fault = Files::open(&place.folder()).unwrap_err();
    assert!(matches!(fault, FolderFault::Io { .. } | FolderFault::Denied { .. }), "{fault:?}");
}

#[test]
fn a_missing_permission_is_told_in_plain_words() {
    let fault = FolderFault::of(Path::new("/data"), io::ErrorKind::PermissionDenied.into());
    assert!(matches!(fault, FolderFault::Denied { .. }), "{fault:?}");
    assert_eq!(fault.to_string(), "permission to read and write /data is missing");
}

#[cfg(unix)]
#[test]
fn a_folder_without_permission_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    fs::create_dir_all(place.folder()).unwrap();
    fs::set_permissions(place.folder(), fs::Permissions::from_mode(0o500)).unwrap();
    // Permissions do not bind root, who is then let in.
    let bound = fs::write(place.folder().join("probe"), "").is_err();
    let opened = Files::open(&place.folder());
    assert_eq!(bound, matches!(opened, Err(FolderFault::Denied { .. })), "{opened:?}");
    assert_eq!(!bound, opened.is_ok(), "{opened:?}");
    fs::set_permissions(place.folder(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_what_is_made() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let files = Files::open(&place.folder()).unwrap();
    files.create("a", 1).unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(place.0.join("some")), 0o700);
    assert_eq!(mode(place.folder()), 0o700);
    assert_eq!(mode(place.folder().join("a")), 0o600);
    assert_eq!(mode(place.folder().join(LOCK)), 0o600);
}

#[test]
fn only_plain_names_are_taken() {
    let place = Place::new();
    let disks: [Box<dyn Disk>; 2] = [Box::new(Files::open(&place.folder()).unwrap()), Box::new(Faulty::new(0))];
    for disk in disks {
        disk.create("plain", 0).unwrap();
        for name in ["", ".", "..", "lock", "LOCK", "a/b", "/a", "a\\b", "c:a", "a\0", "../a"] {
            let faults = [
                disk.create(name, 0).unwrap_err(),
                disk.open(name).unwrap_err(),
                disk.rename("plain", name).unwrap_err(),
                disk.rename(name, "plain").unwrap_err(),
                disk.remove(name).unwrap_err(),
            ];
            assert!(faults.iter().all(|fault| fault.kind() == io::ErrorKind::InvalidInput), "{name:?}: {faults:?}");
        }
        assert_eq!(disk.list().unwrap(), ["plain"]);
    }
}

#[test]
fn only_files_of_ours_are_listed() {
    let place = Place::new();
    let files = Files::open(&place.folder()).unwrap();
    fs::create_dir(place.folder().join("lost+found")).unwrap();
    files.create("a", 0).unwrap();
    assert_eq!(files.list().unwrap(), ["a"]);
}

#[test]
fn room_of_any_size_is_filled_and_safe_before_it_is_given() {
    let place = Place::new();
    let files = Files::open(&place.folder()).unwrap();
    for (name, room) in [("a", 0), ("b", 1), ("c", CHUNK as u64), ("d", 2 * CHUNK as u64 + 5)] {
        let file = files.create(name, room).unwrap();
        assert_eq!(file.len().unwrap(), room);
        let mut bytes = vec![1; usize::try_from(room).unwrap()];
        file.read_at(0, &mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 0));
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let blocks = fs::metadata(place.folder().join(name)).unwrap().blocks();
            assert!(blocks * 512 >= room, "{name} has {blocks} blocks");
        }
    }
}

/// A full disk of the system's own, where there is one.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_filled_says_so() {
    let full = OpenFile(writable().open("/dev/full").unwrap());
    assert_eq!(full.fill(10).unwrap_err().kind(), io::ErrorKind::StorageFull);
}

/// No system gives a file of so many bytes.
#[cfg(unix)]
#[test]
fn a_write_that_cannot_be_is_refused() {
    let place = Place::new();
    let file = Files::open(&place.folder()).unwrap().create("a", 2).unwrap();
    assert!(file.write_at(u64::MAX - 1, b"xy").is_err());
    assert_eq!(file.len().unwrap(), 2);
}

#[derive(Clone, Debug)]
enum Step {
    Create(u8, u64),
    Open(u8),
    Rename(u8, u8),
    Remove(u8),
    SyncNames,
    Write(usize, u64, Vec<u8>),
    Truncate(usize, u64),
    Sync(usize),
    Read(usize, u64, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (name, file, at) = (0..3_u8, 0..8_usize, 0..3000_u64);
    prop_oneof![
        4 => (name.clone(), 0..2000_u64).prop_map(|(name, room)| Step::Create(name, room)),
        2 => name.clone().prop_map(Step::Open),
        2 => (name.clone(), name.clone()).prop_map(|(from, to)| Step::Rename(from, to)),
        2 => name.prop_map(Step::Remove),
        1 => Just(Step::SyncNames),
        6 => (file.clone(), at.clone(), prop::collection::vec(any::<u8>(), 0..1500))
            .prop_map(|(file, at, bytes)| Step::Write(file, at, bytes)),
        2 => (file.clone(), at.clone()).prop_map(|(file, length)| Step::Truncate(file, length)),
        1 => file.clone().prop_map(Step::Sync),
        4 => (file, at, 0..1500_usize).prop_map(|(file, at, count)| Step::Read(file, at, count)),
    ]
}

/// What a step says, and everything that can be seen after it. Files that were opened stay open.
fn take(disk: &dyn Disk, opened: &mut Vec<Arc<dyn DiskFile>>, step: &Step) -> String {
    let name = |name: &u8| format!("n{name}");
    let said = match step {
        Step::Create(to, room) => disk.create(&name(to), *room).map(|file| opened.push(file)),
        Step::Open(which) => disk.open(&name(which)).map(|file| opened.push(file)),
        Step::Rename(from, to) => disk.rename(&name(from), &name(to)),
        Step::Remove(which) => disk.remove(&name(which)),
        Step::SyncNames => disk.sync_names(),
        Step::Write(file, at, bytes) => opened.get(*file).map_or(Ok(()), |file| file.write_at(*at, bytes)),
        Step::Truncate(file, length) => opened.get(*file).map_or(Ok(()), |file| file.truncate(*length)),
        Step::Sync(file) => opened.get(*file).map_or(Ok(()), |file| file.sync()),
        Step::Read(file, at, count) => opened.get(*file).map_or(Ok(()), |file| file.read_at(*at, &mut vec![0; *count])),
    };
    let mut names = disk.list().unwrap();
    names.sort();
    let by_name: Vec<_> = names.iter().map(|name| read(&*disk.open(name).unwrap())).collect();
    let by_file: Vec<_> = opened.iter().map(|file| read(&**file)).collect();
    format!("{:?} {names:?} {by_name:?} {by_file:?}", said.map_err(|error| error.kind()))
}

fn read(file: &dyn DiskFile) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_at(0, &mut bytes).unwrap();
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_folder_and_a_calm_faulty_disk_do_the_same(steps in prop::collection::vec(step(), 1..40)) {
        let place = Place::new();
        let (real, faulty) = (Files::open(&place.folder()).unwrap(), Faulty::new(0));
        let (mut of_real, mut of_faulty) = (Vec::new(), Vec::new());
        for step in &steps {
            let (real, faulty) = (take(&real, &mut of_real, step), take(&faulty, &mut of_faulty, step));
            prop_assert!(real == faulty, "{step:?}");
        }
    }
}
