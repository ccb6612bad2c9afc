//! The streams that are written and read: made, waited for, and where their shards begin.
//! Called by `measure` and `drain`.

use crate::http::Connection;
use std::error::Error;
use std::time::{Duration, Instant};

/// As many shards a stream has.
pub(crate) const SHARDS: usize = 4;
/// How long a stream may be in the making; others are wont to take half a second.
const MAKING: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// Makes a stream and waits until it can be used.
pub(crate) fn make(socket: &mut Connection, name: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let body = format!(r#"{{"StreamName":"{name}","ShardCount":{SHARDS}}}"#);
    socket.call("CreateStream", body.as_bytes())?.ok("CreateStream")?;
    let body = format!(r#"{{"StreamName":"{name}"}}"#);
    let began = Instant::now();
    while began.elapsed() < MAKING {
        let answer = socket.call("DescribeStream", body.as_bytes())?.ok("DescribeStream")?;
        if String::from_utf8_lossy(&answer).contains(r#""ACTIVE""#) {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Err(format!("stream {name} is not there after {MAKING:?}").into())
}

/// The name of a shard of a new stream.
pub(crate) fn shard_id(shard: usize) -> String {
    format!("shardId-{shard:012}")
}

/// Which shard of a new stream has this name.
pub(crate) fn shard_of(id: &str) -> Option<usize> {
    id.strip_prefix("shardId-")?.parse().ok()
}

/// An iterator at the beginning of a shard.
pub(crate) fn beginning(
    socket: &mut Connection,
    name: &str,
    shard: usize,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let shard = shard_id(shard);
    let body = format!(r#"{{"StreamName":"{name}","ShardId":"{shard}","ShardIteratorType":"TRIM_HORIZON"}}"#);
    let answer = socket.call("GetShardIterator", body.as_bytes())?.ok("GetShardIterator")?;
    Ok(iterator(&answer, "ShardIterator").ok_or("no iterator of a shard")?)
}

/// The iterator under this name, which stands before or behind all that is long.
pub(crate) fn iterator(answer: &[u8], name: &str) -> Option<String> {
    const NEAR: usize = 2048;
    let (begin, end) = (&answer[..answer.len().min(NEAR)], &answer[answer.len().saturating_sub(NEAR)..]);
    [end, begin].into_iter().find_map(|part| {
        let part = String::from_utf8_lossy(part);
        let value = part.rsplit_once(&format!(r#""{name}":""#))?.1;
        Some(value.split_once('"')?.0.to_owned())
    })
}
