//! Every checked text of `record`: what is taken prints back as it came, in whatever door it entered by, and orders as
//! documented.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::{Debug, Display};
use std::str::FromStr;
use tailwater_fuzz::choices::Choices;
use tailwater_record::{
    AccountId, ConsumerArn, ConsumerName, Error, HashKey, PartitionKey, Region, SequenceNumber, ShardId, StreamArn,
    StreamName,
};

const STREAM_ARN: &[u8] = b"arn:aws-cn:kinesis:eu-central-1:012345678901:stream/orders";
const CONSUMER_ARN: &[u8] = b"arn:aws:kinesis:us-east-1:012345678901:stream/orders/consumer/audit:1700000000";

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    let text = match choices.byte() % 5 {
        0 => choices.spliced(STREAM_ARN),
        1 => choices.spliced(CONSUMER_ARN),
        2 => [b"shardId-", choices.rest()].concat(),
        _ => choices.rest().to_vec(),
    };
    let Ok(text) = str::from_utf8(&text) else { return };
    check::<StreamName>(text);
    check::<StreamArn>(text);
    check::<ConsumerName>(text);
    check::<ConsumerArn>(text);
    check::<ShardId>(text);
    check::<PartitionKey>(text);
    check::<HashKey>(text);
    check::<SequenceNumber>(text);
    check::<AccountId>(text);
    check::<Region>(text);

    let Some((one, two)) = text.split_once('\n') else { return };
    if let (Ok(first), Ok(second)) = (one.parse::<ShardId>(), two.parse::<ShardId>()) {
        assert_eq!(first.cmp(&second), one.cmp(two), "shard ids are ordered as their texts");
        assert_eq!(first == second, one == two);
    }
    if let (Ok(first), Ok(second)) = (one.parse::<SequenceNumber>(), two.parse::<SequenceNumber>()) {
        let by_digits = one.len().cmp(&two.len()).then_with(|| one.cmp(two));
        assert_eq!(first.cmp(&second), by_digits, "sequence numbers are ordered as numbers");
    }
});

fn check<T>(text: &str)
where
    T: FromStr<Err = Error> + for<'t> TryFrom<&'t str, Error = Error> + TryFrom<String, Error = Error>,
    T: Display + Debug + PartialEq + Serialize + DeserializeOwned,
{
    let read: Result<T, Error> = text.parse();
    assert_eq!(T::try_from(text), read);
    assert_eq!(T::try_from(text.to_owned()), read);
    let quoted = serde_json::to_string(text).expect("any text can be quoted");
    match read {
        Ok(value) => {
            assert_eq!(value.to_string(), text);
            assert_eq!(serde_json::to_string(&value).ok().as_ref(), Some(&quoted));
            assert_eq!(serde_json::from_str::<T>(&quoted).ok(), Some(value));
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(serde_json::from_str::<T>(&quoted).is_err());
        }
    }
}
