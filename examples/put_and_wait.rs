//! Puts a record and waits for its receipt.
use std::time::Duration;
use tailwater::broker::{Broker, Config};
use tailwater::local;
use tailwater::producer::{self, Producer};
use tailwater::record::{StreamName, UserRecord};
use tailwater::wire::shapes::CreateStreamInput;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = Broker::open(Config::default())?;
    let client = local::client(&broker)?;
    let name: StreamName = "orders".parse()?;
    client.create_stream(&CreateStreamInput::provisioned(name.clone(), 4)).await?;
    let producer = Producer::new(client, producer::Config::default())?;
    let orders = producer.stream(name);
    let began = tokio::time::Instant::now();
    let receipt = orders.put(UserRecord::new("hello").with_partition_key("k".parse()?)).await?;
    println!("{:?} {:?}", receipt.await?, began.elapsed());
    let many = (0..100_000)
        .map(|n| UserRecord::new(format!("record {n}")).with_partition_key(format!("k{n}").parse().unwrap()));
    let receipts = orders.put_all(many).await?;
    let settled = receipts.all().await;
    println!("{} {} {:?}", settled.stored, settled.failures.len(), began.elapsed());
    println!("{:?}", producer.close(Duration::from_secs(10)).await);
    println!("{:?}", producer.stats());
    Ok(())
}
