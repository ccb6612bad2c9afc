//! Records and rows as nobody likes them, and the other ways to be handed records.

use crate::acting::{noting, start_acting, start_on};
use crate::support::{GROUP, World, until};
use futures_util::StreamExt;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tailwater::consumer::{
    Batch, Begin, Checkpointing, Config, Consumer, Event, Fault, Handler, OnStray, Phase, Start,
};
use tailwater::record::kpl::Packer;
use tailwater::record::{HashKey, PartitionKey, StreamName, UserRecord};
use tailwater::store::{LeaseStore, Progress, SqliteStore};
use tailwater::wire::shapes::{
    CreateStreamInput, PutRecordInput, RecordDistributionStrategy, StreamMode, StreamModeDetails,
};
use tokio::time::sleep;

/// An aggregate of these payloads, each under its own as key.
fn aggregate(payloads: &[String]) -> Vec<u8> {
    let mut packer = Packer::new();
    for payload in payloads {
        let record = UserRecord::new(payload.clone()).with_partition_key(payload.parse().unwrap());
        packer.push(&record).unwrap();
    }
    packer.take().unwrap().seal().into_data().to_vec()
}

async fn put_raw(world: &World, data: Vec<u8>, hash_key: HashKey) {
    let mut input = PutRecordInput::new(data);
    input.stream_name = Some(world.orders.name().clone());
    input.partition_key = Some("a".parse().unwrap());
    input.explicit_hash_key = Some(hash_key);
    world.orders.client().put_record(&input).await.unwrap();
}

/// Payloads of the lower and of the upper half of the hash space.
fn halves() -> (Vec<String>, Vec<String>) {
    let keys = (0..20).map(|number| format!("p{number:02}"));
    keys.partition(|key| HashKey::of(&key.parse::<PartitionKey>().unwrap()).number() >> 127 == 0)
}

#[tokio::test(start_paused = true)]
async fn records_of_an_aggregate_that_belong_elsewhere_are_treated_as_the_policy_says() {
    let (lower, upper) = halves();
    let mixed: Vec<String> = lower.iter().chain(&upper).cloned().collect();
    for (on_stray, expected) in
        [(OnStray::SetAside, &lower), (OnStray::KclRule, &Vec::new()), (OnStray::Deliver, &mixed)]
    {
        let world = World::new(2).await;
        put_raw(&world, aggregate(&mixed), HashKey::MIN).await;
        put_raw(&world, aggregate(&lower), HashKey::MIN).await;
        put_raw(&world, aggregate(&lower[..1]), HashKey::MIN).await;
        let config = world.config("one").with_on_stray(on_stray);
        let (running, _) = start_acting(&world, config, noting(&world.seen, "one")).await;
        let all = expected.len() + lower.len() + 1;
        until("all are handled", async || world.seen.count() == all).await;
        world.orders.until_handled(GROUP).await;
        assert_eq!(world.seen.count(), all, "{on_stray:?}");
        let told: usize = world.seen.look(|notes| {
            let aside = |(_, event): &(String, Event)| match event {
                Event::SetAside { records, .. } => *records,
                _ => 0,
            };
            notes.events.iter().map(aside).sum()
        });
        assert_eq!(told, mixed.len() - expected.len(), "each is counted and told");
        drop(running);
    }
}

#[tokio::test(start_paused = true)]
async fn an_aggregate_with_a_wrong_checksum_is_delivered_as_it_is() {
    let world = World::new(1).await;
    let mut data = aggregate(&["one".to_owned(), "two".to_owned()]);
    *data.last_mut().unwrap() ^= 1;
    put_raw(&world, data.clone(), HashKey::MIN).await;
    let seen: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let notes = Arc::clone(&seen);
    let (running, _) = start_acting(
        &world,
        world.config("one"),
        Arc::new(move |batch| {
            notes.lock().unwrap().extend(batch.records().map(|record| record.data().to_vec()));
            Box::pin(async { Ok(()) })
        }),
    )
    .await;
    until("it is handled", async || !seen.lock().unwrap().is_empty()).await;
    assert_eq!(*seen.lock().unwrap(), [data]);
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn records_without_a_key_are_delivered_and_a_stream_that_spreads_has_no_strays() {
    let world = World::new(1).await;
    let spread: StreamName = "spread".parse().unwrap();
    let mut input = CreateStreamInput::provisioned(spread.clone(), 1);
    input.shard_count = None;
    input.stream_mode_details = Some(StreamModeDetails { stream_mode: StreamMode::OnDemand });
    input.record_distribution_strategy = Some(RecordDistributionStrategy::Auto);
    world.orders.client().create_stream(&input).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    let (lower, upper) = halves();
    let mixed: Vec<String> = lower.into_iter().chain(upper).collect();
    for data in [b"plain".to_vec(), aggregate(&mixed)] {
        let mut input = PutRecordInput::new(data);
        input.stream_name = Some(spread.clone());
        world.orders.client().put_record(&input).await.unwrap();
    }
    let config = Config::new(GROUP.parse().unwrap()).with_stream(spread, Start::TrimHorizon);
    let keys: Arc<Mutex<Vec<(String, bool)>>> = Arc::default();
    let notes = Arc::clone(&keys);
    let config = config.with_renewing(tailwater::consumer::Renewing::SameRuntime).with_clock(world.orders.clock());
    let (running, _) = start_acting(
        &world,
        config,
        Arc::new(move |batch| {
            let each = batch
                .records()
                .map(|record| (String::from_utf8(record.data().to_vec()).unwrap(), record.partition_key().is_some()));
            notes.lock().unwrap().extend(each);
            Box::pin(async { Ok(()) })
        }),
    )
    .await;
    until("all are handled", async || keys.lock().unwrap().len() == 21).await;
    let keys = keys.lock().unwrap().clone();
    assert_eq!(keys.iter().filter(|(_, has_key)| !has_key).count(), 1);
    assert!(keys.contains(&("plain".to_owned(), false)));
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn a_closure_is_called_for_each_record_and_none_comes_again_for_another_that_fails() {
    let world = World::new(1).await;
    world.put(0, 50).await;
    let fails = Arc::new(Mutex::new(3));
    let seen = world.seen.clone();
    let running = Consumer::new(world.orders.client(), world.orders.store(), world.config("one")).unwrap().for_each(
        move |delivered| {
            let (seen, fails) = (seen.clone(), Arc::clone(&fails));
            async move {
                if delivered.record.data().as_ref() == b"000020" && *fails.lock().unwrap() > 0 {
                    *fails.lock().unwrap() -= 1;
                    return Err(Fault::from("not this one"));
                }
                seen.deliver("one", &delivered.shard, delivered.record.data());
                Ok(())
            }
        },
    );
    let running = running.await.unwrap();
    world.orders.until_handled(GROUP).await;
    assert_eq!(world.seen.count(), 50);
    assert!(running.drain(Duration::from_secs(30)).await.in_time);
}

#[tokio::test(start_paused = true)]
async fn shards_come_as_streams_of_batches_and_what_is_not_done_comes_again() {
    let world = World::new(2).await;
    world.put(0, 200).await;
    let consumer = Consumer::new(world.orders.client(), world.orders.store(), world.config("one")).unwrap();
    let mut shards = consumer.shards().await.unwrap();
    let (mut readers, mut dropped) = (Vec::new(), false);
    for _ in 0..2 {
        let mut shard = shards.next().await.unwrap();
        let drops = !std::mem::replace(&mut dropped, true);
        let seen = world.seen.clone();
        readers.push(tokio::spawn(async move {
            if drops {
                drop(shard.next().await.unwrap());
            }
            while let Some(delivery) = StreamExt::next(&mut shard).await {
                let batch = delivery.batch();
                batch.records().for_each(|record| seen.deliver("one", batch.shard(), record.data()));
                delivery.done();
            }
        }));
    }
    world.orders.until_handled(GROUP).await;
    assert_eq!(world.seen.count(), 200);
    assert!(shards.into_running().drain(Duration::from_secs(30)).await.in_time);
    for reader in readers {
        reader.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn streams_come_and_go_while_the_worker_runs() {
    let world = World::new(1).await;
    let more: StreamName = "returns".parse().unwrap();
    world.orders.client().create_stream(&CreateStreamInput::provisioned(more.clone(), 2)).await.unwrap();
    sleep(Duration::from_secs(5)).await;
    let (running, calls) = start_acting(&world, world.config("one"), noting(&world.seen, "one")).await;
    let shards = || running.snapshot().shards.iter().filter(|shard| shard.phase == Phase::Running).count();
    until("one is handled", async || shards() == 1).await;
    running.add_stream(more.clone(), Start::TrimHorizon).await.unwrap();
    until("three are handled", async || shards() == 3).await;
    assert!(running.remove_stream(more.clone()));
    until("one is handled again", async || running.snapshot().shards.len() == 1).await;
    assert_eq!((calls.count("start"), calls.count("stopping"), calls.count("lost")), (3, 2, 0));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(running.snapshot().shards.len(), 1);
    running.add_stream(more, Start::TrimHorizon).await.unwrap();
    until("three are handled", async || shards() == 3).await;
    assert!(running.drain(Duration::from_secs(30)).await.in_time);
}

#[tokio::test(start_paused = true)]
async fn what_is_seen_can_be_scraped_and_shown() {
    let world = World::new(2).await;
    world.put(0, 100).await;
    let registry = prometheus::Registry::new();
    let config = world.config("one").with_metrics(registry.clone());
    let (running, _) = start_acting(&world, config.clone(), noting(&world.seen, "one")).await;
    world.orders.until_handled(GROUP).await;
    let families = registry.gather();
    let value = |name: &str| {
        let family = families.iter().find(|family| family.name() == format!("tailwater_consumer_{name}"));
        let metric = &family.unwrap_or_else(|| panic!("{name} is not there")).get_metric()[0];
        metric.get_counter().get_value() + metric.get_gauge().get_value()
    };
    assert_eq!((value("records_total"), value("leases"), value("leader")), (100.0, 2.0, 1.0));
    assert_eq!(value("leases_taken_total"), 2.0);
    assert!(value("checkpoints_total") >= 2.0 && value("lease_writes_total") >= value("checkpoints_total"));
    value("lag_seconds");
    value("moves_total");
    let again = Consumer::new(world.orders.client(), world.orders.store(), config);
    assert!(again.is_err(), "one registry shows one worker of a group");
    let shown = serde_json::to_value(running.snapshot()).unwrap();
    assert_eq!(shown["shards"].as_array().unwrap().len(), 2);
    assert_eq!(shown["shards"][0]["phase"], "running");
    drop(running);
}

#[tokio::test]
async fn rows_that_cannot_be_read_are_told_and_the_others_are_handled() {
    let world = World::new(3).await;
    let folder = std::env::temp_dir().join(format!("tailwater-rows-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("leases.db");
    let store = SqliteStore::open(&file).unwrap();
    let fast =
        |name: &str| world.config(name).with_failover(Duration::from_secs(1)).with_idle(Duration::from_millis(200));
    let (running, _) = start_on(&world, store.clone(), fast("one"), noting(&world.seen, "one")).await;
    until("all have rows", async || running.snapshot().shards.len() == 3).await;
    assert!(running.drain(Duration::from_secs(30)).await.in_time);

    let by_hand = rusqlite::Connection::open(&file).unwrap();
    let shards = world.orders.shards().await;
    let change = |set: &str, shard: usize| {
        let sql = format!("UPDATE tailwater_leases SET {set} WHERE shard_id = ?1");
        assert_eq!(by_hand.execute(&sql, [shards[shard].to_string()]).unwrap(), 1);
    };
    change("layout = 99", 0);
    change("checkpoint = 'nonsense'", 1);
    world.put(0, 300).await;
    let (running, _) = start_on(&world, store, fast("two"), noting(&world.seen, "two")).await;
    until("the third is handled", async || world.seen.count() > 0).await;
    until("both are told", async || {
        let told = world.seen.look(|notes| {
            let unreadable = notes.events.iter().filter_map(|(_, event)| match event {
                Event::UnreadableRow { row, .. } => Some(row.clone()),
                _ => None,
            });
            unreadable.collect::<BTreeSet<_>>()
        });
        told.len() == 2
    })
    .await;
    assert_eq!(world.seen.shards_by_worker()["two"], BTreeSet::from([shards[2].clone()]));
    change("layout = 1", 0);
    change("checkpoint = 'TRIM_HORIZON'", 1);
    until("repaired, they are handled", async || world.seen.distinct().len() == 300).await;
    assert!(running.drain(Duration::from_secs(30)).await.in_time);
    std::fs::remove_dir_all(folder).unwrap();
}

/// Writes each record and the checkpoint in one transaction, and fails now and then after it was committed.
struct Ledger {
    file: std::path::PathBuf,
    fails: u32,
}

impl Handler for Ledger {
    type Error = Fault;

    async fn records(&mut self, batch: &Batch) -> Result<(), Fault> {
        let mut connection = rusqlite::Connection::open(&self.file)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for record in batch.records() {
            transaction.execute("INSERT INTO effects VALUES (?1)", [record.data()])?;
        }
        let ticket = batch.checkpoint().ticket(&batch.end())?;
        ticket.commit_in(&transaction)??;
        transaction.commit()?;
        self.fails += 1;
        if self.fails % 2 == 1 {
            // As if the answer to the commit had been lost.
            return Err("it is not known whether that was committed".into());
        }
        Ok(ticket.committed()?)
    }
}

#[tokio::test]
async fn effect_and_checkpoint_in_one_transaction_take_effect_once() {
    let world = World::new(2).await;
    let folder = std::env::temp_dir().join(format!("tailwater-effects-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("ours.db");
    rusqlite::Connection::open(&file).unwrap().execute("CREATE TABLE effects (payload BLOB)", []).unwrap();
    world.put(0, 300).await;
    let run = async |name: &str| {
        let config = world
            .config(name)
            .with_checkpointing(Checkpointing::Manual)
            .with_failover(Duration::from_secs(1))
            .with_waits(Duration::from_millis(10), Duration::from_millis(50))
            .with_batch_bytes(60);
        let (store, file) = (SqliteStore::open(&file).unwrap(), file.clone());
        let consumer = Consumer::new(world.orders.client(), store, config).unwrap();
        consumer.run(move |_: &Begin| Ledger { file: file.clone(), fails: 0 }).await.unwrap()
    };
    let looking = rusqlite::Connection::open(&file).unwrap();
    let count = |what: &str| {
        looking
            .query_row(&format!("SELECT count({what} payload) FROM effects"), [], |row| row.get::<_, u32>(0))
            .unwrap()
    };
    let running = run("one").await;
    until("some are written", async || count("") > 50).await;
    // Killed in the midst of it, as far as its leases can tell.
    drop(running);
    let running = run("two").await;
    until("all are written", async || count("DISTINCT") == 300).await;
    assert!(running.drain(Duration::from_secs(30)).await.in_time);
    assert_eq!((count(""), count("DISTINCT")), (300, 300));
    let rows = SqliteStore::open(&file).unwrap().leases(&GROUP.parse().unwrap()).await.unwrap().leases;
    assert!(rows.iter().all(|row| matches!(row.progress, Progress::Through { .. }) && row.owner.is_none()));
    drop(looking);
    std::fs::remove_dir_all(folder).unwrap();
}
