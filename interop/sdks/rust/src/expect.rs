//! What answers are held against. Called by the scenes.

use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::RequestId;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::Shard;
use std::error::Error;
use std::fmt::Debug;
use std::time::SystemTime;

pub(crate) type Done<T = ()> = Result<T, Box<dyn Error>>;

pub(crate) const WRONG: &str = "InvalidArgumentException";
pub(crate) const INVALID: &str = "ValidationException";
pub(crate) const EITHER: &str = "InvalidArgumentException|ValidationException";
pub(crate) const UNKNOWN: &str = "ResourceNotFoundException";
pub(crate) const BUSY: &str = "ResourceInUseException";

pub(crate) fn expect<T: PartialEq<U> + Debug, U: Debug>(what: &str, got: T, wanted: U) -> Done {
    if got == wanted { Ok(()) } else { Err(format!("{what}: expected {wanted:?}, got {got:?}").into()) }
}

/// The time is of this minute, give or take a few; so its unit was understood.
pub(crate) fn expect_now(what: &str, got: Option<&DateTime>) -> Done {
    let got = got.ok_or_else(|| format!("{what} is missing"))?;
    let now = DateTime::from(SystemTime::now());
    let near = (got.secs() - now.secs()).abs() < 300;
    if near { Ok(()) } else { Err(format!("{what}: expected about {now}, got {got}").into()) }
}

/// It is the beginning and digits, so many of them.
pub(crate) fn expect_digits(what: &str, got: &str, beginning: &str, digits: usize) -> Done {
    let rest = got.strip_prefix(beginning).unwrap_or_default();
    let meant = rest.len() == digits && rest.bytes().all(|digit| digit.is_ascii_digit());
    if meant { Ok(()) } else { Err(format!("{what}: expected {beginning} and {digits} digits, got {got}").into()) }
}

/// The call failed with one of the codes, separated by `|`, and a message that holds all of the texts.
pub(crate) fn refused<T: Debug, E: ProvideErrorMetadata + Debug>(
    codes: &str,
    texts: &[&str],
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Done {
    let fault = match answer {
        Ok(done) => return Err(format!("expected {codes}, but it was done: {done:?}").into()),
        Err(fault) => fault,
    };
    let (Some(code), Some(response)) = (fault.code(), fault.raw_response()) else {
        return Err(format!("expected {codes}, got {fault:?}").into());
    };
    let message = fault.message().unwrap_or_default();
    if !codes.split('|').any(|wanted| wanted == code) || !texts.iter().all(|text| message.contains(text)) {
        return Err(format!("expected {codes}: {texts:?}, got {code}: {message:?}").into());
    }
    expect(&format!("the status of {code}"), response.status().as_u16(), 400_u16)?;
    expect("the request id's length", fault.request_id().map(str::len), Some(36))
}

pub(crate) fn shard_id(number: usize) -> String {
    format!("shardId-{number:012}")
}

pub(crate) fn shard_ids(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(shard_id).collect()
}

pub(crate) fn ids(shards: &[Shard]) -> Vec<&str> {
    shards.iter().map(Shard::shard_id).collect()
}

/// A shard's first and last hash key.
pub(crate) fn range(shard: &Shard) -> Done<(u128, u128)> {
    let range = shard.hash_key_range().ok_or("a shard without a range")?;
    Ok((range.starting_hash_key().parse()?, range.ending_hash_key().parse()?))
}

/// The shards cover the hash keys, once each.
pub(crate) fn tiles(shards: &[Shard]) -> Done {
    let mut ranges = shards.iter().map(range).collect::<Done<Vec<_>>>()?;
    ranges.sort_unstable();
    let mut following = Some(0);
    for (start, end) in ranges {
        expect("the start of a shard", Some(start), following)?;
        following = end.checked_add(1);
    }
    expect("what follows the last shard", following, None)
}

/// The part of a number of equal parts that all hash keys make; the first key of it.
pub(crate) fn part(number: usize, of: usize) -> u128 {
    // 2^128 is one more than the greatest; the rest of a division by a power of two tells that.
    let width = u128::MAX / of as u128 + u128::from(u128::MAX % of as u128 == of as u128 - 1);
    width * number as u128
}
