//! Listings, page after page, and waiting for a stream to be there or gone.

use crate::error::Error;
use crate::kinesis::Client;
use std::time::Duration;
use tailwater_record::StreamName;
use tailwater_wire::FaultCode;
use tailwater_wire::shapes::{
    Call, DescribeStreamInput, DescribeStreamOutput, DescribeStreamSummaryInput, ListShardsInput, ListShardsOutput,
    ListStreamConsumersInput, ListStreamConsumersOutput, ListStreamsInput, ListStreamsOutput, ListTagsForStreamInput,
    ListTagsForStreamOutput, NextToken, StreamDescriptionSummary, StreamStatus,
};
use tokio::time::{Instant, sleep_until};

/// An input that is answered in pages.
pub trait Paged: Call + Clone + sealed::Sealed {
    /// Where the listing goes on after this page; nothing after the last.
    fn following(&self, page: &Self::Output) -> Option<Self>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ListShardsInput {}
    impl Sealed for super::ListStreamsInput {}
    impl Sealed for super::ListStreamConsumersInput {}
    impl Sealed for super::DescribeStreamInput {}
    impl Sealed for super::ListTagsForStreamInput {}
}

/// The service refuses a token that comes with anything but a page size.
impl Paged for ListShardsInput {
    fn following(&self, page: &ListShardsOutput) -> Option<Self> {
        let next_token = Some(page.next_token.clone()?);
        Some(Self { next_token, max_results: self.max_results, ..Self::default() })
    }
}

impl Paged for ListStreamsInput {
    fn following(&self, page: &ListStreamsOutput) -> Option<Self> {
        // Older servers tell only that there is more; then the last name is where to go on.
        let next: (Option<NextToken>, Option<StreamName>) = match &page.next_token {
            Some(token) => (Some(token.clone()), None),
            None => (None, Some(page.stream_names.last()?.clone())),
        };
        let (next_token, exclusive_start_stream_name) = next;
        page.has_more_streams.then_some(Self { limit: self.limit, exclusive_start_stream_name, next_token })
    }
}

/// Needs the stream on every page, unlike the others.
impl Paged for ListStreamConsumersInput {
    fn following(&self, page: &ListStreamConsumersOutput) -> Option<Self> {
        let next_token = Some(page.next_token.clone()?);
        Some(Self { next_token, ..self.clone() })
    }
}

impl Paged for DescribeStreamInput {
    fn following(&self, page: &DescribeStreamOutput) -> Option<Self> {
        let stream = &page.stream_description;
        let last = stream.shards.last().filter(|_| stream.has_more_shards)?;
        Some(Self { exclusive_start_shard_id: Some(last.shard_id.clone()), ..self.clone() })
    }
}

impl Paged for ListTagsForStreamInput {
    fn following(&self, page: &ListTagsForStreamOutput) -> Option<Self> {
        let last = page.tags.last().filter(|_| page.has_more_tags)?;
        Some(Self { exclusive_start_tag_key: Some(last.key.clone()), ..self.clone() })
    }
}

/// The pages of a listing, one call each.
///
/// ```no_run
/// # async fn example(client: tailwater_client::Client) -> Result<(), tailwater_client::Error> {
/// use tailwater_wire::shapes::ListStreamsInput;
///
/// let mut pages = client.pages(ListStreamsInput::default());
/// while let Some(page) = pages.next().await? {
///     page.stream_names.iter().for_each(|name| println!("{name}"));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "pages are fetched by `next`"]
pub struct Pages<C> {
    client: Client,
    next: Option<C>,
}

impl<C: Paged> Pages<C> {
    /// The next page; nothing after the last. After an error the same page is asked for again.
    ///
    /// # Cancellation
    /// Nothing is lost: the page is asked for again.
    pub async fn next(&mut self) -> Result<Option<C::Output>, Error> {
        let Some(input) = &self.next else { return Ok(None) };
        let page = self.client.call(input).await?;
        self.next = input.following(&page);
        Ok(Some(page))
    }
}

/// How often a waiter looks at first, and at the most.
const LOOK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

impl Client {
    /// The pages of a listing.
    pub fn pages<C: Paged>(&self, input: C) -> Pages<C> {
        Pages { client: self.clone(), next: Some(input) }
    }

    /// Waits until a stream takes records and may be changed. After `patience` it gives what it saw last.
    ///
    /// # Cancellation
    /// Nothing happens.
    pub async fn wait_until_active(
        &self,
        stream: &DescribeStreamSummaryInput,
        patience: Duration,
    ) -> Result<StreamDescriptionSummary, Error> {
        let mut looks = Looks::until(patience);
        loop {
            let seen = self.describe_stream_summary(stream).await.map(|output| output.stream_description_summary);
            let ready = match &seen {
                Ok(summary) => summary.stream_status == StreamStatus::Active,
                // A stream that was made a moment ago is not known everywhere yet.
                Err(error) => error.code() != Some(&FaultCode::ResourceNotFound) && !error.is_retryable(),
            };
            if ready || !looks.again().await {
                return seen;
            }
        }
    }

    /// Waits until a stream is gone. After `patience` it gives false.
    ///
    /// # Cancellation
    /// Nothing happens.
    pub async fn wait_until_gone(
        &self,
        stream: &DescribeStreamSummaryInput,
        patience: Duration,
    ) -> Result<bool, Error> {
        let mut looks = Looks::until(patience);
        loop {
            match self.describe_stream_summary(stream).await {
                Err(error) if error.code() == Some(&FaultCode::ResourceNotFound) => return Ok(true),
                Err(error) if !error.is_retryable() => return Err(error),
                Ok(_) | Err(_) => {}
            }
            if !looks.again().await {
                return Ok(false);
            }
        }
    }
}

/// Looks, at first soon after each other, then less often.
struct Looks {
    over: Instant,
    pause: Duration,
}

impl Looks {
    fn until(patience: Duration) -> Self {
        Self { over: Instant::now() + patience, pause: LOOK.0 }
    }

    /// Waits for the next look; false when there is no time for one.
    async fn again(&mut self) -> bool {
        let next = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(LOOK.1);
        if next >= self.over {
            return false;
        }
        sleep_until(next).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Config, Cut, Endpoint, Sent, StaticCredentials, Transport};
    use std::sync::{Arc, Mutex};
    use tailwater_wire::{Codec, Fault, Request, Response};

    /// Gives prepared answers, and remembers what was asked.
    #[derive(Clone, Debug, Default)]
    struct Prepared {
        answers: Arc<Mutex<Vec<Response>>>,
        asked: Arc<Mutex<Vec<String>>>,
    }

    impl Transport for Prepared {
        fn send<'t>(&'t self, _: &'t Endpoint, request: Request, _: Instant) -> Answer<'t> {
            self.asked.lock().unwrap().push(String::from_utf8(request.body.to_vec()).unwrap());
            let next = self.answers.lock().unwrap().pop();
            Box::pin(async move { next.ok_or(Cut { sent: Sent::Nothing, reason: "no more answers".to_owned() }) })
        }
    }

    fn prepared(mut answers: Vec<Response>) -> (Prepared, Client) {
        answers.reverse();
        let transport = Prepared { answers: Arc::new(Mutex::new(answers)), asked: Arc::default() };
        let keys = StaticCredentials::new("AKIDEXAMPLE", "secret", None);
        let config = Config::new("us-east-1".parse().unwrap()).with_credentials(keys);
        (transport.clone(), Client::with_transport(config, transport).unwrap())
    }

    fn json(body: &str) -> Response {
        let mut response = Response::of(&tailwater_wire::shapes::Empty {}, Codec::Json);
        response.body = tailwater_wire::Body::Whole(body.to_owned().into());
        response
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_travels_with_nothing_but_the_page_size() {
        let (transport, client) = prepared(vec![json(r#"{"Shards":[],"NextToken":"more"}"#), json(r#"{"Shards":[]}"#)]);
        let first = ListShardsInput {
            stream_name: Some("orders".parse().unwrap()),
            max_results: Some(1),
            ..Default::default()
        };
        let mut pages = client.pages(first);
        assert!(pages.next().await.unwrap().is_some());
        assert!(pages.next().await.unwrap().is_some());
        assert!(pages.next().await.unwrap().is_none());
        assert_eq!(
            *transport.asked.lock().unwrap(),
            [r#"{"StreamName":"orders","MaxResults":1}"#, r#"{"NextToken":"more","MaxResults":1}"#]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn names_go_on_behind_the_last_where_there_is_no_token() {
        let (transport, client) = prepared(vec![
            json(r#"{"StreamNames":["a","b"],"HasMoreStreams":true}"#),
            json(r#"{"StreamNames":["c"],"HasMoreStreams":false}"#),
        ]);
        let mut pages = client.pages(ListStreamsInput::default());
        while pages.next().await.unwrap().is_some() {}
        assert_eq!(*transport.asked.lock().unwrap(), ["{}", r#"{"ExclusiveStartStreamName":"b"}"#]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_failed_is_asked_for_again() {
        let refused = Response::fault(&Fault::bare(FaultCode::AccessDenied), Codec::Json);
        let (_, client) = prepared(vec![refused, json(r#"{"StreamNames":["a"],"HasMoreStreams":false}"#)]);
        let mut pages = client.pages(ListStreamsInput::default());
        assert_eq!(pages.next().await.unwrap_err().code(), Some(&FaultCode::AccessDenied));
        assert_eq!(pages.next().await.unwrap().unwrap().stream_names[0].as_str(), "a");
    }

    fn summary(status: &str) -> Response {
        let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/orders";
        json(&format!(
            r#"{{"StreamDescriptionSummary":{{"StreamName":"orders","StreamARN":"{arn}","StreamStatus":"{status}",
            "RetentionPeriodHours":24,"StreamCreationTimestamp":1,"EnhancedMonitoring":[],"OpenShardCount":1}}}}"#
        ))
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_looks_until_it_is_so_or_patience_ends() {
        let stream = DescribeStreamSummaryInput { stream_name: Some("orders".parse().unwrap()), ..Default::default() };
        let missing = || Response::fault(&Fault::bare(FaultCode::ResourceNotFound), Codec::Json);
        let minute = Duration::from_secs(60);
        let (_, client) = prepared(vec![missing(), summary("CREATING"), summary("ACTIVE")]);
        let active = client.wait_until_active(&stream, minute).await.unwrap();
        assert_eq!(active.stream_status, StreamStatus::Active);

        let (_, client) = prepared((0..99).map(|_| summary("UPDATING")).collect());
        let start = Instant::now();
        let seen = client.wait_until_active(&stream, minute).await.unwrap();
        assert_eq!(seen.stream_status, StreamStatus::Updating);
        assert!(start.elapsed() <= minute);

        let (_, client) = prepared(vec![summary("DELETING"), missing()]);
        assert!(client.wait_until_gone(&stream, minute).await.unwrap());
    }
}
