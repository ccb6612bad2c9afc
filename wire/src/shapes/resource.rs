//! The ARN of anything that has tags or a policy.

use crate::shape::is_resource_arn;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use tailwater_record::{ConsumerArn, Error, StreamArn};

/// The ARN of a stream, consumer, queue or channel, where an operation takes any of them.
///
/// ```
/// use tailwater_wire::shapes::ResourceArn;
///
/// let queue = "arn:aws:kinesis:us-east-1:123456789012:queue/a1b2c3";
/// assert_eq!(queue.parse::<ResourceArn>()?.as_str(), queue);
/// assert!("arn:aws:s3:::bucket".parse::<ResourceArn>().is_err());
/// # Ok::<(), tailwater_record::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceArn(Arc<str>);

const LENGTH_MAX: usize = 2048;

impl ResourceArn {
    /// The ARN as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ResourceArn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let noun = "resource ARN";
        if text.len() > LENGTH_MAX {
            return Err(Error::Length { noun, length: text.chars().count(), min: 1, max: LENGTH_MAX });
        }
        if !is_resource_arn(text) {
            return Err(Error::Arn { noun, expected: "a stream, consumer, channel or queue of kinesis" });
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for ResourceArn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl From<&StreamArn> for ResourceArn {
    fn from(arn: &StreamArn) -> Self {
        Self(arn.to_string().into())
    }
}

impl From<&ConsumerArn> for ResourceArn {
    fn from(arn: &ConsumerArn) -> Self {
        Self(arn.to_string().into())
    }
}
