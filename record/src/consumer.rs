//! What a registered fan-out consumer is called: its name, and the ARN that changes with each registration.

use crate::arn::Owner;
use crate::newtype::{name, through_text};
use crate::{Error, StreamArn};
use std::fmt;
use std::str::FromStr;

name! {
    /// The name of a registered consumer: 1 to 128 of the characters `a-z A-Z 0-9 _ . -`.
    ///
    /// ```
    /// use tailwater_record::ConsumerName;
    ///
    /// assert_eq!("billing".parse::<ConsumerName>()?.as_str(), "billing");
    /// # Ok::<(), tailwater_record::Error>(())
    /// ```
    ConsumerName, "consumer name"
}

/// A consumer's ARN: the stream's, then `/consumer/NAME:CREATED` with the second of its registration.
///
/// ```
/// use tailwater_record::ConsumerArn;
///
/// let text = "arn:aws:kinesis:us-east-1:123456789012:stream/orders/consumer/billing:1700000000";
/// let arn: ConsumerArn = text.parse()?;
/// assert_eq!(arn.name().as_str(), "billing");
/// assert_eq!(arn.stream().name().as_str(), "orders");
/// assert_eq!(arn.to_string(), text);
/// # Ok::<(), tailwater_record::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ConsumerArn {
    stream: StreamArn,
    name: ConsumerName,
    created: u64,
}

impl ConsumerArn {
    pub(crate) fn new(stream: StreamArn, name: ConsumerName, created: u64) -> Self {
        Self { stream, name, created }
    }

    /// The stream it is registered on.
    #[must_use]
    pub fn stream(&self) -> &StreamArn {
        &self.stream
    }

    /// The consumer's name.
    #[must_use]
    pub fn name(&self) -> &ConsumerName {
        &self.name
    }

    /// When it was registered, in epoch seconds; a name registered again has another.
    #[must_use]
    pub fn created(&self) -> u64 {
        self.created
    }
}

impl FromStr for ConsumerArn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let noun = "consumer ARN";
        let (owner, resource) = Owner::split(noun, text)?;
        let parts = resource.strip_prefix("stream/").and_then(|rest| {
            let (stream, rest) = rest.split_once("/consumer/")?;
            let (name, created) = rest.split_once(':')?;
            // `u64::from_str` would take a sign and leading zeros.
            let plain = created == "0" || created.starts_with(|digit: char| ('1'..='9').contains(&digit));
            let created = created.parse().ok().filter(|_| plain)?;
            Some((stream.parse().ok()?, name.parse().ok()?, created))
        });
        let expected = "'stream/NAME/consumer/NAME:EPOCHSECONDS' at the end";
        let (stream, name, created) = parts.ok_or(Error::Arn { noun, expected })?;
        Ok(Self { stream: StreamArn::from_parts(owner, stream), name, created })
    }
}

impl fmt::Display for ConsumerArn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/consumer/{}:{}", self.stream, self.name, self.created)
    }
}

through_text!(ConsumerArn, "consumer ARN");
