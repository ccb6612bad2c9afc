//! Amazon resource names, as far as Kinesis has them: `arn:PARTITION:kinesis:REGION:ACCOUNT:RESOURCE`.
//! The common part is read here once; `stream` and `consumer` read their own resource part.

use crate::Error;
use crate::newtype::through_text;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A twelve-digit account number.
///
/// ```
/// use tailwater_record::AccountId;
///
/// assert_eq!("000000000000".parse::<AccountId>()?.to_string(), "000000000000");
/// assert!("1234".parse::<AccountId>().is_err());
/// # Ok::<(), tailwater_record::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AccountId(u64);

const ACCOUNT_DIGITS: usize = 12;

impl FromStr for AccountId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let noun = "account id";
        if let Some(at) = text.bytes().position(|byte| !byte.is_ascii_digit()) {
            return Err(Error::Character { noun, at, allowed: "digits" });
        }
        match text.parse() {
            Ok(number) if text.len() == ACCOUNT_DIGITS => Ok(Self(number)),
            _ => Err(Error::Length { noun, length: text.len(), min: ACCOUNT_DIGITS, max: ACCOUNT_DIGITS }),
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:0width$}", self.0, width = ACCOUNT_DIGITS)
    }
}

through_text!(AccountId, "account id");

/// A region such as `eu-central-1`: a host label, because it becomes part of a host name.
///
/// ```
/// use tailwater_record::Region;
///
/// assert_eq!("eu-central-1".parse::<Region>()?.as_str(), "eu-central-1");
/// assert!("evil.example/".parse::<Region>().is_err());
/// # Ok::<(), tailwater_record::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Region(Arc<str>);

/// The longest label that a host name may hold.
const LABEL_MAX: usize = 63;

impl Region {
    /// The region as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let noun = "region";
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if let Some(at) = text.bytes().position(|byte| !allowed(byte)) {
            return Err(Error::Character { noun, at, allowed: "letters, digits, '-'" });
        }
        if text.is_empty() || text.len() > LABEL_MAX {
            return Err(Error::Length { noun, length: text.len(), min: 1, max: LABEL_MAX });
        }
        if text.starts_with('-') || text.ends_with('-') {
            let at = if text.starts_with('-') { 0 } else { text.len() - 1 };
            return Err(Error::Character { noun, at, allowed: "letters and digits at both ends" });
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

through_text!(Region, "region");

/// The part that all Kinesis ARNs share.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Owner {
    pub(crate) partition: Arc<str>,
    pub(crate) region: Region,
    pub(crate) account: AccountId,
}

/// The longest ARN the service takes.
const ARN_MAX: usize = 2048;

impl Owner {
    /// Splits an ARN into its owner and its resource part.
    pub(crate) fn split<'t>(noun: &'static str, text: &'t str) -> Result<(Self, &'t str), Error> {
        let malformed = |expected| Error::Arn { noun, expected };
        if text.len() > ARN_MAX {
            return Err(Error::Length { noun, length: text.chars().count(), min: 1, max: ARN_MAX });
        }
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().unwrap_or_default();
        if next() != "arn" {
            return Err(malformed("'arn:' at the start"));
        }
        let partition = next();
        let label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !partition.starts_with("aws") || !partition.bytes().all(label) {
            return Err(malformed("a partition such as 'aws' or 'aws-cn'"));
        }
        if next() != "kinesis" {
            return Err(malformed("the service 'kinesis'"));
        }
        let region = next().parse().map_err(|_| malformed("a region such as 'eu-central-1'"))?;
        let account = next().parse().map_err(|_| malformed("an account of twelve digits"))?;
        Ok((Self { partition: partition.into(), region, account }, next()))
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "arn:{}:kinesis:{}:{}:", self.partition, self.region, self.account)
    }
}
