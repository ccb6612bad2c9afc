//! What an operator sees: numbers that add up, metrics, health.

use crate::support::{Fate, World, numbered};
use std::time::Duration;
use tailwater::producer::{Config, Health};
use tailwater::wire::FaultCode;

#[tokio::test(start_paused = true)]
async fn numbers_add_up_at_every_moment() {
    let world = World::new(2, Config::default().with_linger(Duration::from_millis(3))).await;
    let mut times = 0_u32;
    world.way.judge(move |operation, _| {
        times += 1;
        match (operation, times % 3) {
            ("PutRecords", 0) => Fate::Refused(FaultCode::InternalFailure),
            _ => Fate::Pass,
        }
    });
    for number in 0..500 {
        world.stream.send(numbered(number, &number.to_string())).await.unwrap();
        if number % 7 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let stats = world.stream.stats();
        assert_eq!(stats.accepted, number + 1);
        assert_eq!(stats.accepted, stats.stored + stats.failed + stats.outstanding);
        assert_eq!(stats.oldest.is_some(), stats.outstanding > 0);
    }
    world.stream.flush().await.unwrap();
    let stats = world.stream.stats();
    assert!(stats.ambiguous > 0 && stats.retries == stats.ambiguous, "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn metrics_are_gathered_from_the_registry() {
    let registry = prometheus::Registry::new();
    let config = Config::default().with_metrics(registry.clone()).with_shard_labels(true);
    let world = World::new(2, config).await;
    let settled = world.stream.put_all((0..100).map(|number| numbered(number, &number.to_string()))).await.unwrap();
    assert!(settled.all().await.failures.is_empty());
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    for line in [
        r#"tailwater_producer_accepted_total{stream="s"} 100"#,
        r#"tailwater_producer_stored_total{stream="s"} 100"#,
        r#"tailwater_producer_outstanding_records{stream="s"} 0"#,
        r#"tailwater_producer_shard_share{shard="shardId-000000000001",stream="s"} 1"#,
        r#"tailwater_producer_aggregate_records_count{stream="s"} 2"#,
        r#"tailwater_producer_closed_by_linger_total{stream="s"} 2"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let again = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    assert!(again.contains(r#"accepted_total{stream="s"} 100"#), "counted once");
    let _ = world.producer.close(Duration::from_secs(1)).await;
    assert!(registry.gather().is_empty(), "another producer may be registered");
}

#[tokio::test(start_paused = true)]
async fn health_follows_what_happens() {
    let world = World::new(1, Config::default()).await;
    let mut health = world.stream.health();
    assert_eq!(*health.borrow(), Health::Healthy);
    world.way.puts([Fate::Refused(FaultCode::InternalFailure)]);
    world.stream.send(numbered(0, "k")).await.unwrap();
    let seen = health.wait_for(|health| matches!(health, Health::Degraded { .. })).await.unwrap().clone();
    assert_eq!(seen, Health::Degraded { reason: "InternalFailure".to_owned() });
    // It passes by itself.
    health.wait_for(|health| *health == Health::Healthy).await.unwrap();
}
