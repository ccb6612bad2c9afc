//! What a stream is called: its name, and the ARN that says whose it is and where.
//! Carried by every request that names a stream, by lease rows and by metrics.

use crate::arn::{AccountId, Owner, Region};
use crate::newtype::{name, through_text};
use crate::{ConsumerArn, ConsumerName, Error};
use std::fmt;
use std::str::FromStr;

name! {
    /// The name of a stream: 1 to 128 of the characters `a-z A-Z 0-9 _ . -`.
    ///
    /// ```
    /// use tailwater_record::StreamName;
    ///
    /// let name: StreamName = "orders".parse()?;
    /// assert_eq!(name.as_str(), "orders");
    /// assert!("".parse::<StreamName>().is_err());
    /// # Ok::<(), tailwater_record::Error>(())
    /// ```
    StreamName, "stream name"
}

/// A stream's ARN: `arn:aws:kinesis:REGION:ACCOUNT:stream/NAME`.
///
/// ```
/// use tailwater_record::StreamArn;
///
/// let arn: StreamArn = "arn:aws:kinesis:eu-central-1:123456789012:stream/orders".parse()?;
/// assert_eq!(arn.name().as_str(), "orders");
/// assert_eq!(arn.region().as_str(), "eu-central-1");
/// # Ok::<(), tailwater_record::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct StreamArn {
    owner: Owner,
    name: StreamName,
}

impl StreamArn {
    /// The ARN of a stream in the partition `aws`.
    #[must_use]
    pub fn new(region: Region, account: AccountId, name: StreamName) -> Self {
        Self { owner: Owner { partition: "aws".into(), region, account }, name }
    }

    /// The partition, such as `aws` or `aws-cn`.
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.owner.partition
    }

    /// The region the stream lives in.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.owner.region
    }

    /// The account that owns the stream.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.owner.account
    }

    /// The stream's name.
    #[must_use]
    pub fn name(&self) -> &StreamName {
        &self.name
    }

    /// The ARN of a consumer registered on this stream at `created`, in epoch seconds.
    #[must_use]
    pub fn consumer(&self, name: ConsumerName, created: u64) -> ConsumerArn {
        ConsumerArn::new(self.clone(), name, created)
    }

    pub(crate) fn from_parts(owner: Owner, name: StreamName) -> Self {
        Self { owner, name }
    }
}

impl FromStr for StreamArn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let noun = "stream ARN";
        let (owner, resource) = Owner::split(noun, text)?;
        let name = resource.strip_prefix("stream/").and_then(|name| name.parse().ok());
        let name = name.ok_or(Error::Arn { noun, expected: "'stream/' and a stream name at the end" })?;
        Ok(Self { owner, name })
    }
}

impl fmt::Display for StreamArn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}stream/{}", self.owner, self.name)
    }
}

through_text!(StreamArn, "stream ARN");

/// A stream as somebody names it: by its name, in the account of the caller, or by its ARN, in any.
///
/// ```
/// use tailwater_record::{StreamName, StreamRef};
///
/// let by_name: StreamRef = "orders".parse()?;
/// let by_arn: StreamRef = "arn:aws:kinesis:eu-central-1:123456789012:stream/orders".parse()?;
/// assert_eq!(by_name.name(), by_arn.name());
/// assert!(by_name.arn().is_none() && by_name != by_arn);
/// # Ok::<(), tailwater_record::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum StreamRef {
    /// By name.
    Name(StreamName),
    /// By ARN.
    Arn(StreamArn),
}

impl StreamRef {
    /// The stream's name, however it is named.
    #[must_use]
    pub fn name(&self) -> &StreamName {
        match self {
            Self::Name(name) => name,
            Self::Arn(arn) => arn.name(),
        }
    }

    /// The ARN, if it is named so.
    #[must_use]
    pub fn arn(&self) -> Option<&StreamArn> {
        match self {
            Self::Name(_) => None,
            Self::Arn(arn) => Some(arn),
        }
    }
}

impl From<StreamName> for StreamRef {
    fn from(name: StreamName) -> Self {
        Self::Name(name)
    }
}

impl From<StreamArn> for StreamRef {
    fn from(arn: StreamArn) -> Self {
        Self::Arn(arn)
    }
}

impl FromStr for StreamRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // No name has a colon.
        if text.contains(':') { text.parse().map(Self::Arn) } else { text.parse().map(Self::Name) }
    }
}

impl fmt::Display for StreamRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(out),
            Self::Arn(arn) => arn.fmt(out),
        }
    }
}

through_text!(StreamRef, "stream");
