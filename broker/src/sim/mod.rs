//! A seeded simulation of the broker's log on a disk that fails on order: no thread, no runtime, and no file.
//! One seed decides what is asked, when the log goes on, what the disk does, and when the power goes (`workload`); what was
//! acknowledged or read is remembered, and held against what is found later (`oracle`). The same seed is the same history.
//! Called by our tests, by `cargo xtask sim` and by `cargo xtask mutants`.

mod caller;

#[cfg(test)]
mod smoke {
    use super::caller::ask;
    use crate::log::{Data, Faulty};
    use crate::{Broker, Config};
    use std::sync::Arc;
    use tailwater_wire::shapes::*;

    #[test]
    fn smoke() {
        let disk = Faulty::new(1);
        let config =
            || Config::default().with_data(Data::on(Arc::new(disk.clone())).with_segment(8192).with_memory(3000));
        let (broker, hands) = Broker::open_by_hand(config()).unwrap();
        let mut hands = hands.unwrap();
        let name: tailwater_record::StreamName = "s".parse().unwrap();
        let mut made = ask(&broker, &CreateStreamInput::provisioned(name.clone(), 2));
        assert!(made.poll::<Empty>().is_none());
        assert!(hands.committer.step());
        made.poll::<Empty>().unwrap().unwrap();
        let mut numbers = Vec::new();
        for place in 0..200_u32 {
            let put = PutRecordInput {
                stream_name: Some(name.clone()),
                data: vec![place as u8; 100].into(),
                partition_key: Some(format!("k{place}").parse().unwrap()),
                explicit_hash_key: None,
                sequence_number_for_ordering: None,
                stream_arn: None,
                dry_run: None,
            };
            let mut put = ask(&broker, &put);
            assert!(put.poll::<PutRecordOutput>().is_none());
            assert!(hands.committer.step());
            let put = put.poll::<PutRecordOutput>().unwrap().unwrap();
            numbers.push((put.shard_id, put.sequence_number));
            let cached = hands.committer.cache().oldest_segment();
            while hands.keeper.step(cached).unwrap() {}
        }
        let drain = |broker: &Broker| {
            let mut found = Vec::new();
            for shard in ["shardId-000000000000", "shardId-000000000001"] {
                let shard: tailwater_record::ShardId = shard.parse().unwrap();
                let start = GetShardIteratorInput {
                    stream_name: Some(name.clone()),
                    shard_id: shard.clone(),
                    shard_iterator_type: ShardIteratorType::TrimHorizon,
                    starting_sequence_number: None,
                    timestamp: None,
                    stream_arn: None,
                    dry_run: None,
                };
                let mut next = ask(broker, &start).poll::<GetShardIteratorOutput>().unwrap().unwrap().shard_iterator;
                loop {
                    let read = GetRecordsInput {
                        shard_iterator: next.clone().unwrap(),
                        limit: None,
                        stream_arn: None,
                        dry_run: None,
                    };
                    let read = ask(broker, &read).poll::<GetRecordsOutput>().unwrap().unwrap();
                    let is_end = read.records.is_empty() && read.millis_behind_latest == Some(0);
                    found.extend(read.records.into_iter().map(|record| (shard.clone(), record.sequence_number)));
                    next = read.next_shard_iterator;
                    if is_end {
                        break;
                    }
                }
            }
            found.sort();
            found
        };
        numbers.sort();
        assert_eq!(drain(&broker), numbers);
        drop((broker, hands));
        disk.crash();
        let (broker, _hands) = Broker::open_by_hand(config()).unwrap();
        assert_eq!(drain(&broker), numbers);
    }
}
