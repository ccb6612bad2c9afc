//! A stream to read, and what handlers saw of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tailwater::consumer::{Config, Event};
use tailwater::record::ShardId;
use tailwater::testing::TestStream;
pub(crate) use tailwater::testing::until;

/// The group that reads.
pub(crate) const GROUP: &str = "group";

/// A stream, and what handlers saw of it.
pub(crate) struct World {
    pub(crate) orders: TestStream,
    pub(crate) seen: Seen,
}

/// What handlers and listeners saw.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Notes>>);

#[derive(Default)]
pub(crate) struct Notes {
    /// Payloads in the order of their delivery, with who had them.
    pub(crate) delivered: Vec<(String, ShardId, String)>,
    pub(crate) events: Vec<(String, Event)>,
}

impl Seen {
    pub(crate) fn deliver(&self, worker: &str, shard: &ShardId, payload: &[u8]) {
        let payload = String::from_utf8(payload.to_vec()).unwrap();
        self.0.lock().unwrap().delivered.push((worker.to_owned(), shard.clone(), payload));
    }

    pub(crate) fn tell(&self, worker: &str, event: &Event) {
        self.0.lock().unwrap().events.push((worker.to_owned(), event.clone()));
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&Notes) -> T) -> T {
        look(&self.0.lock().unwrap())
    }

    pub(crate) fn distinct(&self) -> BTreeSet<String> {
        self.look(|notes| notes.delivered.iter().map(|(_, _, payload)| payload.clone()).collect())
    }

    pub(crate) fn count(&self) -> usize {
        self.look(|notes| notes.delivered.len())
    }

    /// How many shards each worker delivered from.
    pub(crate) fn shards_by_worker(&self) -> BTreeMap<String, BTreeSet<ShardId>> {
        self.look(|notes| {
            let mut by_worker: BTreeMap<String, BTreeSet<ShardId>> = BTreeMap::new();
            for (worker, shard, _) in &notes.delivered {
                by_worker.entry(worker.clone()).or_default().insert(shard.clone());
            }
            by_worker
        })
    }
}

impl World {
    pub(crate) async fn new(shards: u32) -> Self {
        Self { orders: TestStream::new("orders", shards).await, seen: Seen::default() }
    }

    /// Paced, as on AWS.
    pub(crate) fn config(&self, worker: &str) -> Config {
        let (seen, name) = (self.seen.clone(), worker.to_owned());
        let config = self.orders.config(GROUP, worker).with_paced(true).with_idle(Duration::from_secs(1));
        config.with_listener(move |event| seen.tell(&name, event))
    }

    /// Puts so many records under a hundred keys, numbered from here on.
    pub(crate) async fn put(&self, from: usize, records: usize) {
        let numbers = from..from + records;
        self.orders.put(numbers.map(|number| (format!("key-{}", number % 97), format!("{number:06}")))).await;
    }

    /// As `put`, with payloads that are filled up to so many bytes.
    pub(crate) async fn put_padded(&self, from: usize, records: usize, bytes: usize) {
        let padded = |number| (format!("key-{}", number % 97), format!("{number:06}{}", "x".repeat(bytes - 6)));
        self.orders.put((from..from + records).map(padded)).await;
    }
}
