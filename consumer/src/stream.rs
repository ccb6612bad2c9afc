//! What a stream is and which shards it has: asked of the service, when a stream is added and whenever the leader audits.
//! An edge: calls, nothing decided.

use crate::config::Start;
use crate::discover::{self, ListedShard, Listing};
use crate::error::Error;
use crate::state::{Inner, StreamInfo};
use crate::worker::action::Wanted;
use std::sync::Arc;
use std::time::Duration;
use tailwater_client::Client;
use tailwater_record::{AccountId, StreamArn, StreamName, StreamRef, Timestamp};
use tailwater_store::{Origin, StreamIdentity};
use tailwater_wire::limits;
use tailwater_wire::shapes::{DescribeStreamSummaryInput, ListShardsInput, RecordDistributionStrategy};

/// What `LATEST` reaches back: the service's clock is told in whole seconds, and records arrive a little before they can be
/// read.
const LATEST_REACH: Duration = Duration::from_secs(2);

/// How an input names the stream.
pub(crate) fn names(stream: &StreamRef) -> (Option<StreamName>, Option<StreamArn>) {
    match stream {
        StreamRef::Name(name) => (Some(name.clone()), None),
        StreamRef::Arn(arn) => (None, Some(arn.clone())),
    }
}

/// A stream as it stands now, and the service's time.
pub(crate) struct Described {
    pub(crate) identity: StreamIdentity,
    pub(crate) info: StreamInfo,
    pub(crate) date: Option<Timestamp>,
}

/// Asks what a stream is.
pub(crate) async fn describe(client: &Client, stream: &StreamRef) -> Result<Described, Error> {
    let (stream_name, stream_arn) = names(stream);
    let input = DescribeStreamSummaryInput { stream_name, stream_arn };
    let told = client.dated(&input).await;
    let (output, date) =
        told.map_err(|source| Error::Stream { stream: stream.to_string(), source: Arc::new(source) })?;
    let summary = output.stream_description_summary;
    let created = summary.stream_creation_timestamp.millis() / 1000;
    let identity = StreamIdentity::new(
        account(&summary.stream_arn),
        summary.stream_name.clone(),
        u64::try_from(created).map_err(|_| Error::Nonsense { reason: "a stream made before 1970" })?,
    );
    let record_limit =
        summary.max_record_size_in_ki_b.map_or(limits::RECORD_BYTES_DEFAULT.value, |size| u64::from(size) * 1024);
    let spreads = summary.record_distribution_strategy == Some(RecordDistributionStrategy::Auto);
    Ok(Described { identity, info: StreamInfo { named: stream.clone(), spreads, record_limit }, date })
}

fn account(arn: &StreamArn) -> AccountId {
    arn.account()
}

/// Where a stream without leases is begun. The service's own clock says when now is.
pub(crate) fn origin(start: Start, described: &Described, ours: Timestamp) -> Origin {
    match start {
        Start::TrimHorizon => Origin::TrimHorizon,
        Start::Latest => Origin::At(described.date.unwrap_or(ours).minus(LATEST_REACH)),
        Start::At(moment) => Origin::At(moment),
    }
}

/// What a listing has brought.
pub(crate) enum Listed {
    /// The shards that were wanted.
    Shards(Vec<ListedShard>),
    /// There is another stream under the name.
    Anew(Box<Described>),
    /// Nothing, for this reason.
    Failed(String),
}

/// Lists a stream's shards, as the worker wants them, and finds out whether it is still the same stream.
pub(crate) async fn list(inner: &Inner, stream: &StreamIdentity, wanted: Wanted, origin: Option<Origin>) -> Listed {
    try_list(inner, stream, wanted, origin).await.unwrap_or_else(Listed::Failed)
}

async fn try_list(
    inner: &Inner,
    stream: &StreamIdentity,
    wanted: Wanted,
    origin: Option<Origin>,
) -> Result<Listed, String> {
    let info = inner.lock().streams.get(stream).map(Arc::clone).ok_or("it is read no more")?;
    let start = match origin {
        Some(Origin::At(moment)) => discover::Start::At(moment),
        Some(Origin::TrimHorizon | Origin::Latest) | None => discover::Start::TrimHorizon,
    };
    let described = describe(&inner.client, &info.named).await.map_err(|error| error.to_string())?;
    if described.identity != *stream {
        return Ok(Listed::Anew(Box::new(described)));
    }
    let filter = match wanted {
        Wanted::First | Wanted::All => Listing::of(wanted == Wanted::All, start).filter(),
        Wanted::Nothing => return Ok(Listed::Shards(Vec::new())),
    };
    let (stream_name, stream_arn) = names(&info.named);
    let input = ListShardsInput { stream_name, stream_arn, shard_filter: filter, ..Default::default() };
    let mut pages = inner.client.pages(input);
    let mut shards = Vec::new();
    while let Some(page) = pages.next().await.map_err(|error| error.to_string())? {
        for shard in page.shards.unwrap_or_default() {
            shards.push(ListedShard::try_from(&shard).map_err(|error| format!("{}: {error}", shard.shard_id))?);
        }
    }
    Ok(Listed::Shards(shards))
}
