//! Both stores that are here keep every promise, through one handle and through several.

mod support;

use std::time::Duration;
use support::Folder;
use tailwater_store::conformance::{Rows, check_all};
use tailwater_store::{MemoryStore, SqliteStore};

#[tokio::test]
async fn memory_keeps_every_promise() {
    check_all(|| async { Rows::new(MemoryStore::new()) }).await.assert_kept();
}

#[tokio::test]
async fn clones_of_memory_keep_every_promise() {
    let make = || async {
        let store = MemoryStore::new();
        Rows::new(store.clone()).with_handle(store)
    };
    check_all(make).await.assert_kept();
}

#[tokio::test]
async fn a_file_keeps_every_promise() {
    let folder = Folder::new();
    check_all(|| async { Rows::new(SqliteStore::open(folder.new_file()).unwrap()) }).await.assert_kept();
}

#[tokio::test]
async fn a_file_opened_three_times_keeps_every_promise() {
    let folder = Folder::new();
    let make = || async {
        let file = folder.new_file();
        // Waiting is not fair, and disks of test machines are slow.
        let open = || SqliteStore::open_with_busy_timeout(&file, Duration::from_secs(60)).unwrap();
        Rows::new(open()).with_handle(open()).with_handle(open())
    };
    check_all(make).await.assert_kept();
}
