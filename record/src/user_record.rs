//! One payload of the user: what they gave us, or get back.

use crate::{HashKey, Headers, PartitionKey};
use bytes::Bytes;
use std::fmt;

/// A payload and what decides its shard. Cheap to clone: data and key are shared, not copied.
///
/// The partition key is optional, because streams whose records the service distributes return none. `Debug` shows the
/// size of the data, never the data.
///
/// ```
/// use tailwater_record::{HashKey, UserRecord};
///
/// let record = UserRecord::new("21.5").with_partition_key("sensor-7".parse()?);
/// assert_eq!(record.data().len(), 4);
/// assert_eq!(record.hash_key(), Some(HashKey::of(record.partition_key().unwrap())));
/// # Ok::<(), tailwater_record::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserRecord {
    partition_key: Option<PartitionKey>,
    explicit_hash_key: Option<HashKey>,
    data: Bytes,
    headers: Headers,
}

impl UserRecord {
    /// A record with this payload, no key and no headers.
    #[must_use]
    pub fn new(data: impl Into<Bytes>) -> Self {
        Self { partition_key: None, explicit_hash_key: None, data: data.into(), headers: Headers::new() }
    }

    /// Sets the partition key. Records of one key keep their order in a shard.
    #[must_use]
    pub fn with_partition_key(mut self, key: PartitionKey) -> Self {
        self.partition_key = Some(key);
        self
    }

    /// Sets the place in the hash space, which then decides the shard instead of the partition key.
    #[must_use]
    pub fn with_explicit_hash_key(mut self, key: HashKey) -> Self {
        self.explicit_hash_key = Some(key);
        self
    }

    /// Sets the headers. A record with headers always travels in an aggregate, if need be in one of its own.
    #[must_use]
    pub fn with_headers(mut self, headers: Headers) -> Self {
        self.headers = headers;
        self
    }

    /// The partition key.
    #[must_use]
    pub fn partition_key(&self) -> Option<&PartitionKey> {
        self.partition_key.as_ref()
    }

    /// The hash key that was given, if any.
    #[must_use]
    pub fn explicit_hash_key(&self) -> Option<HashKey> {
        self.explicit_hash_key
    }

    /// Where the record falls: the explicit hash key, or else that of the partition key.
    #[must_use]
    pub fn hash_key(&self) -> Option<HashKey> {
        self.explicit_hash_key.or_else(|| self.partition_key.as_ref().map(HashKey::of))
    }

    /// The payload.
    #[must_use]
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.headers
    }
}

impl fmt::Debug for UserRecord {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("UserRecord")
            .field("partition_key", &self.partition_key)
            .field("explicit_hash_key", &self.explicit_hash_key)
            .field("data", &format_args!("{} bytes", self.data.len()))
            .field("headers", &self.headers)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_payload_and_no_header_value() {
        let record = UserRecord::new("secret payload").with_headers(Headers::new().with("token", "hidden"));
        let shown = format!("{record:?}");
        assert!(shown.contains("14 bytes") && shown.contains("token"), "{shown}");
        assert!(!shown.contains("secret") && !shown.contains("hidden"), "{shown}");
    }
}
