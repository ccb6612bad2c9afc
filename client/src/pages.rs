//! Listings, page after page, and waiting for a stream to be there or gone.

use crate::error::Error;
use crate::kinesis::Client;
use std::time::Duration;
use tailwater_record::StreamName;
use tailwater_wire::FaultCode;
use tailwater_wire::shapes::{
    Call, DescribeStreamSummaryInput, ListShardsInput, ListShardsOutput, ListStreamConsumersInput,
    ListStreamConsumersOutput, ListStreamsInput, ListStreamsOutput, NextToken, StreamDescriptionSummary, StreamStatus,
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
