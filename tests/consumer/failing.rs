//! Handlers, stores, rows and operators that do what they should not: nothing is skipped, and the worker lives on.

use crate::acting::{Act, Switched, noting, start_acting, start_on};
use crate::support::{World, until};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tailwater::consumer::{
    Checkpoint, CheckpointError, Checkpointing, Config, Consumer, Error, Event, Health, OnFailure, Phase, Renewing,
    Start,
};
use tailwater::store::{LeaseStore, MemoryStore, Progress};
use tokio::time::{Instant, sleep};

/// Checkpoints that are kept, with the places of the records that they came with.
type Kept = Arc<Mutex<Vec<(Checkpoint, Vec<Progress>)>>>;

/// Fails this often before it is content; notes what it has accepted.
fn failing(world: &World, times: u32) -> (Act, Arc<AtomicU32>) {
    let (seen, left) = (world.seen.clone(), Arc::new(AtomicU32::new(times)));
    let told = Arc::clone(&left);
    let act: Act = Arc::new(move |batch| {
        let fails = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if !fails {
            batch.records().for_each(|record| seen.deliver("one", batch.shard(), record.data()));
        }
        Box::pin(async move { if fails { Err("not now".into()) } else { Ok(()) } })
    });
    (act, told)
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_gets_the_same_records_until_it_does_not() {
    let world = World::new(1).await;
    world.put(0, 100).await;
    let (act, left) = failing(&world, 7);
    let (running, _) = start_acting(&world, world.config("one"), act).await;
    until("it has failed a few times", async || left.load(Ordering::SeqCst) < 4).await;
    let Health::Degraded { reason } = running.health() else { panic!("{:?}", running.health()) };
    assert!(reason.contains("not now"), "{reason}");
    assert!(running.snapshot().shards[0].attempt > 1);
    until("all are handled", async || world.seen.count() == 100).await;
    until("it is well again", async || running.health() == Health::Healthy).await;
    let attempts = world.seen.look(|notes| {
        let attempt = |(_, event): &(String, Event)| match event {
            Event::HandlerFailed { attempt, .. } => Some(*attempt),
            _ => None,
        };
        notes.events.iter().filter_map(attempt).collect::<Vec<_>>()
    });
    assert_eq!(attempts, [1, 2, 3, 4, 5, 6, 7]);
    assert!(running.drain(Duration::from_secs(30)).await.in_time);
}

#[tokio::test(start_paused = true)]
async fn a_failing_shard_stops_alone_if_so_chosen_and_goes_on_when_the_worker_is_started_again() {
    let world = World::new(2).await;
    world.put(0, 200).await;
    let poisoned = world.orders.shards().await[0].clone();
    let (seen, bad) = (world.seen.clone(), poisoned.clone());
    let act: Act = Arc::new(move |batch| {
        let fails = *batch.shard() == bad;
        if !fails {
            batch.records().for_each(|record| seen.deliver("one", batch.shard(), record.data()));
        }
        Box::pin(async move { if fails { Err("poison".into()) } else { Ok(()) } })
    });
    let config = world.config("one").with_on_failure(OnFailure::StopShard);
    let (running, _) = start_acting(&world, config, act).await;
    until("the shard is stopped", async || {
        running.snapshot().shards.iter().any(|shard| shard.shard == poisoned && shard.phase == Phase::Stopped)
    })
    .await;
    assert!(matches!(running.health(), Health::Failing { .. }));
    let others = world.seen.count();
    assert!(0 < others && others < 200);
    sleep(Duration::from_secs(120)).await;
    assert_eq!(running.snapshot().shards.len(), 2, "the lease is kept, so that nobody else stumbles over it");
    assert!(running.drain(Duration::from_secs(30)).await.in_time);

    let (running, _) = start_acting(&world, world.config("one"), noting(&world.seen, "one")).await;
    until("the rest is handled", async || world.seen.distinct().len() == 200).await;
    assert_eq!(world.seen.count(), 200);
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn a_failing_handler_stops_the_worker_if_so_chosen() {
    let world = World::new(2).await;
    world.put(0, 50).await;
    let config = world.config("one").with_on_failure(OnFailure::StopWorker);
    let (running, _) = start_acting(&world, config, Arc::new(|_| Box::pin(async { Err("poison".into()) }))).await;
    let ended = running.ended().await;
    assert!(matches!(&ended.fault, Some(Error::Handler { reason, .. }) if reason == "poison"), "{ended:?}");
    let rows = world.orders.store().leases(&"group".parse().unwrap()).await.unwrap().leases;
    assert!(rows.iter().all(|row| row.owner.is_none() && !row.progress.has_begun()), "{rows:?}");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_is_made_anew_and_nothing_is_skipped() {
    let world = World::new(1).await;
    world.put(0, 100).await;
    let (seen, times) = (world.seen.clone(), Arc::new(AtomicUsize::new(0)));
    let act: Act = Arc::new(move |batch| {
        assert!(times.fetch_add(1, Ordering::SeqCst) >= 2, "planted");
        batch.records().for_each(|record| seen.deliver("one", batch.shard(), record.data()));
        Box::pin(async { Ok(()) })
    });
    let (running, calls) = start_acting(&world, world.config("one"), act).await;
    until("all are handled", async || world.seen.count() == 100).await;
    assert_eq!(calls.count("start"), 3, "each panic costs a handler");
    assert!(running.drain(Duration::from_secs(30)).await.in_time);
    assert_eq!(world.seen.count(), 100);
}

#[tokio::test(start_paused = true)]
async fn checkpoints_go_forward_only_and_never_beyond_what_was_delivered() {
    let world = World::new(1).await;
    world.put(0, 10).await;
    let kept: Kept = Arc::default();
    let keep = Arc::clone(&kept);
    let act: Act = Arc::new(move |batch| {
        let each = batch.records().map(|record| record.progress()).collect();
        keep.lock().unwrap().push((batch.checkpoint().clone(), each));
        Box::pin(async { Ok(()) })
    });
    let config = world.config("one").with_checkpointing(Checkpointing::Manual);
    let (running, calls) = start_acting(&world, config.clone(), act).await;
    until("all are delivered", async || !kept.lock().unwrap().is_empty()).await;
    let (checkpoint, each) = kept.lock().unwrap()[0].clone();
    assert_eq!(each.len(), 10);
    let number = |text: &str| Progress::Through { sequence: text.parse().unwrap(), sub_sequence: 0 };
    let beyond = number(&"9".repeat(56));
    assert!(matches!(checkpoint.commit(&beyond).await, Err(CheckpointError::Beyond { .. })));
    assert!(matches!(checkpoint.commit(&Progress::ShardEnd).await, Err(CheckpointError::Beyond { .. })));
    checkpoint.commit_with(&each[4], "five are done").await.unwrap();
    assert!(matches!(checkpoint.commit(&each[3]).await, Err(CheckpointError::Backwards { .. })));
    checkpoint.commit(&each[4]).await.unwrap();
    let prepared = checkpoint.prepare(&each[6], Some("half of it".into())).await.unwrap();
    drop((prepared, running));
    sleep(Duration::from_secs(60)).await;
    assert!(matches!(checkpoint.commit(&each[9]).await, Err(CheckpointError::LeaseLost)), "its tenure is over");
    assert!(checkpoint.is_lost());
    assert_eq!(calls.count("lost"), 0, "a worker that is dropped tells nobody");

    kept.lock().unwrap().clear();
    let keep = Arc::clone(&kept);
    let again: Act = Arc::new(move |batch| {
        let each = batch.records().map(|record| record.progress()).collect();
        keep.lock().unwrap().push((batch.checkpoint().clone(), each));
        Box::pin(async { Ok(()) })
    });
    let (running, calls) = start_acting(&world, config, again).await;
    until("the rest is delivered", async || !kept.lock().unwrap().is_empty()).await;
    let begin = calls.begins().remove(0);
    assert_eq!(begin.from, each[4]);
    assert_eq!(begin.state.as_deref(), Some(&b"five are done"[..]));
    let pending = begin.pending.unwrap();
    assert_eq!((&pending.progress, pending.state.as_deref()), (&each[6], Some(&b"half of it"[..])));
    let (later, rest) = kept.lock().unwrap()[0].clone();
    assert_eq!(rest, each[5..]);
    assert!(later.token() > checkpoint.token(), "by which a sink tells the later owner");
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_a_minute_costs_the_leases_and_no_records() {
    let world = World::new(2).await;
    let store = Switched::new(world.orders.store());
    let act = noting(&world.seen, "one");
    let (running, calls) = start_on(&world, store.clone(), world.config("one"), act).await;
    world.put(0, 100).await;
    until("all are handled", async || world.seen.distinct().len() == 100).await;
    store.take_away(true);
    world.put(100, 100).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(calls.count("lost"), 2, "who cannot renew stops by itself");
    store.take_away(false);
    world.put(200, 100).await;
    until("all are handled", async || world.seen.distinct().len() == 300).await;
    assert!(running.drain(Duration::from_secs(30)).await.in_time);
}

#[tokio::test(start_paused = true)]
async fn of_two_workers_with_one_name_the_later_goes_on() {
    let world = World::new(2).await;
    let (first, _) = start_acting(&world, world.config("one"), noting(&world.seen, "first")).await;
    until("it has all", async || {
        first.snapshot().shards.iter().filter(|shard| shard.phase == Phase::Running).count() == 2
    })
    .await;
    let (second, _) = start_acting(&world, world.config("one"), noting(&world.seen, "second")).await;
    let ended = first.ended().await;
    assert!(matches!(ended.fault, Some(Error::Superseded { .. })), "{ended:?}");
    world.put(0, 100).await;
    until("all are handled", async || world.seen.distinct().len() == 100).await;
    assert_eq!(second.snapshot().incarnation.number(), 2);
    assert!(second.drain(Duration::from_secs(30)).await.in_time);
}

#[tokio::test(start_paused = true)]
async fn clocks_that_are_an_hour_off_move_no_beginning() {
    let hour = Duration::from_secs(3600);
    for is_ahead in [false, true] {
        let world = World::new(2).await;
        let right = world.orders.clock();
        let clock = if is_ahead { right.ahead(hour) } else { right.behind(hour) };
        world.put(0, 50).await;
        sleep(Duration::from_secs(60)).await;
        let config = Config::new("group".parse().unwrap())
            .with_worker("one".parse().unwrap())
            .with_stream(world.orders.name().clone(), Start::Latest)
            .with_renewing(Renewing::SameRuntime)
            .with_clock(clock)
            .with_seed(1);
        let (running, _) = start_acting(&world, config, noting(&world.seen, "one")).await;
        world.put(50, 50).await;
        until("all new ones are handled", async || world.seen.count() >= 50).await;
        let new: BTreeSet<String> = (50..100).map(|number| format!("{number:06}")).collect();
        assert_eq!(world.seen.distinct(), new);
        drop(running);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_put_between_the_making_of_a_row_and_its_first_reading_is_not_skipped() {
    let world = World::new(1).await;
    let config = |name: &str| {
        Config::new("group".parse().unwrap())
            .with_worker(name.parse().unwrap())
            .with_stream(world.orders.name().clone(), Start::Latest)
            .with_renewing(Renewing::SameRuntime)
            .with_clock(world.orders.clock())
            .with_seed(1)
    };
    let (running, calls) = start_acting(&world, config("one"), noting(&world.seen, "one")).await;
    until("the row stands", async || calls.count("start") == 1).await;
    drop(running);
    sleep(Duration::from_secs(300)).await;
    world.put(0, 20).await;
    sleep(Duration::from_secs(300)).await;
    let (running, _) = start_acting(&world, config("two"), noting(&world.seen, "two")).await;
    until("they are handled", async || world.seen.count() == 20).await;
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_configuration_is_told_whole_before_anything_starts() {
    let world = World::new(1).await;
    let config = world
        .config("one")
        .with_failover(Duration::from_millis(5))
        .with_budget(1)
        .with_batch_bytes(0)
        .with_leases_max(0)
        .with_stream(world.orders.name().clone(), Start::Latest);
    let Err(Error::Config { faults }) = Consumer::new(world.orders.client(), MemoryStore::new(), config) else {
        panic!("it was taken")
    };
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    for setting in ["failover", "budget", "batch_bytes", "leases_max", "twice"] {
        assert!(told.iter().any(|fault| fault.contains(setting)), "{setting} in {told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_not_there_is_told_before_anything_starts() {
    let world = World::new(1).await;
    let config = Config::new("group".parse().unwrap())
        .with_stream("nowhere".parse::<tailwater::record::StreamName>().unwrap(), Start::Latest);
    let started =
        Consumer::new(world.orders.client(), world.orders.store(), config).unwrap().run(|_: &_| Nothing).await;
    assert!(matches!(started, Err(Error::Stream { .. })), "{started:?}");
    assert!(world.orders.store().workers(&"group".parse().unwrap()).await.unwrap().is_empty());
}

struct Nothing;

impl tailwater::consumer::Handler for Nothing {
    type Error = std::convert::Infallible;

    async fn records(&mut self, _: &tailwater::consumer::Batch) -> Result<(), Self::Error> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_stands_still_for_an_hour_costs_neither_its_lease_nor_more_memory_than_the_budget() {
    const BUDGET: u64 = 24 * 1024 * 1024;
    let world = World::new(3).await;
    let config = world.config("one").with_budget(BUDGET).with_paced(false);
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let (seen, open) = (world.seen.clone(), Arc::clone(&gate));
    let act: Act = Arc::new(move |batch| {
        let (seen, open) = (seen.clone(), Arc::clone(&open));
        Box::pin(async move {
            drop(open.acquire().await?);
            batch.records().for_each(|record| seen.deliver("one", batch.shard(), &record.data()[..6]));
            Ok(())
        })
    });
    let (mut put, mut most) = (0, 0);
    while put < 2_000 {
        world.put_padded(put, 100, 20_000).await;
        put += 100;
    }
    let (running, calls) = start_acting(&world, config, act).await;
    let end = Instant::now() + Duration::from_secs(3600);
    while Instant::now() < end {
        if put < 3_000 {
            world.put_padded(put, 100, 20_000).await;
            put += 100;
        }
        most = most.max(running.snapshot().bytes_held);
        sleep(Duration::from_secs(20)).await;
    }
    assert!(most > BUDGET / 2, "it was tried: {most}");
    assert!(most <= BUDGET + BUDGET / 10, "{most}");
    assert_eq!((calls.count("start"), calls.count("lost")), (3, 0), "no lease was lost");
    let stalls = world
        .seen
        .look(|notes| notes.events.iter().filter(|(_, event)| matches!(event, Event::Stalled { .. })).count());
    assert!(stalls > 0, "it is told");
    gate.add_permits(1_000);
    until("all are handled", async || world.seen.distinct().len() == put).await;
    assert!(running.drain(Duration::from_secs(30)).await.in_time);
    assert_eq!(world.seen.count(), put);
}

#[test]
fn a_handler_that_blocks_its_thread_costs_no_lease() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let world = World::new(1).await;
        world.put(0, 10).await;
        let (tell, renewed) = std::sync::mpsc::channel();
        let store = Switched { renewed: Some(tell), ..Switched::new(world.orders.store()) };
        let config = world.config("one").with_renewing(Renewing::OwnThread).with_failover(Duration::from_secs(1));
        let (seen, renewed) = (world.seen.clone(), Mutex::new(renewed));
        let act: Act = Arc::new(move |batch| {
            // This blocks the only thread of the runtime until its lease has been renewed a few times.
            let renewed = renewed.lock().unwrap();
            for _ in 0..6 {
                renewed.recv_timeout(Duration::from_secs(30)).expect("renewals go on");
            }
            batch.records().for_each(|record| seen.deliver("one", batch.shard(), record.data()));
            Box::pin(async { Ok(()) })
        });
        let (running, calls) = start_on(&world, store, config, act).await;
        until("all are handled", async || world.seen.count() == 10).await;
        assert_eq!(calls.count("lost"), 0);
        assert!(running.drain(Duration::from_secs(30)).await.in_time);
    });
}
