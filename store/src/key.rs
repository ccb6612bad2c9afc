//! What a lease is of: a shard of a stream, for a group.
//! Why the time of creation: a stream that is deleted and made again under its name has other shards under the same ids.

use crate::name::{GroupName, NameFault, through_text};
use std::fmt;
use std::str::FromStr;
use tailwater_record::{AccountId, ShardId, StreamName};

/// A stream and no other of the same name, as the KCL writes it: account, name, and the second of its creation.
///
/// ```
/// use tailwater_store::StreamIdentity;
///
/// let orders: StreamIdentity = "111122223333:orders:1700000000".parse()?;
/// assert_eq!(orders.name().as_str(), "orders");
/// assert_eq!(orders.created_seconds(), 1_700_000_000);
/// # Ok::<(), tailwater_store::NameFault>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamIdentity {
    account: AccountId,
    name: StreamName,
    created_seconds: u64,
}

impl StreamIdentity {
    /// The stream of this account and name that was created in this second since 1970.
    #[must_use]
    pub fn new(account: AccountId, name: StreamName, created_seconds: u64) -> Self {
        Self { account, name, created_seconds }
    }

    /// Whose it is.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &StreamName {
        &self.name
    }

    /// The second since 1970 in which it was created.
    #[must_use]
    pub fn created_seconds(&self) -> u64 {
        self.created_seconds
    }
}

impl FromStr for StreamIdentity {
    type Err = NameFault;

    fn from_str(text: &str) -> Result<Self, NameFault> {
        let fault = || NameFault::Form { noun: "stream identity", form: "account:name:second of creation" };
        let mut parts = text.split(':');
        let (Some(account), Some(name), Some(created), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(fault());
        };
        let created_seconds: u64 = created.parse().map_err(|_| fault())?;
        let identity = Self {
            account: account.parse().map_err(|_| fault())?,
            name: name.parse().map_err(|_| fault())?,
            created_seconds,
        };
        // The text is part of a key, so one identity has one text.
        if identity.created_seconds.to_string() == created { Ok(identity) } else { Err(fault()) }
    }
}

impl fmt::Display for StreamIdentity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.account, self.name, self.created_seconds)
    }
}

impl fmt::Debug for StreamIdentity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

through_text!(StreamIdentity);

/// Names a lease: for which group, of which stream, of which shard.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct LeaseKey {
    /// For which group.
    pub group: GroupName,
    /// Of which stream.
    pub stream: StreamIdentity,
    /// Of which shard.
    pub shard: ShardId,
}

impl LeaseKey {
    /// The key of a shard's lease.
    #[must_use]
    pub fn new(group: GroupName, stream: StreamIdentity, shard: ShardId) -> Self {
        Self { group, stream, shard }
    }

    /// The key of another shard's lease, of the same group and stream.
    #[must_use]
    pub fn sibling(&self, shard: ShardId) -> Self {
        Self { group: self.group.clone(), stream: self.stream.clone(), shard }
    }
}

impl fmt::Display for LeaseKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}:{}", self.group, self.stream, self.shard)
    }
}

impl fmt::Debug for LeaseKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}
