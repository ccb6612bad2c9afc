//! Small texts that travel beside a user record's data, such as a trace context.
//! In an aggregate they stand in the `tags` field, which the KPL's format has and no other writer fills; readers that do
//! not know them pass them over.

use bytestring::ByteString;
use std::fmt;

/// Names and values in the order they were added; a name may come twice.
///
/// ```
/// use tailwater_record::Headers;
///
/// let headers = Headers::new().with("traceparent", "00-4bf9-00f0-01");
/// assert_eq!(headers.get("traceparent"), Some("00-4bf9-00f0-01"));
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Headers(Vec<(ByteString, ByteString)>);

impl Headers {
    /// No headers.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// These headers and one more.
    #[must_use]
    pub fn with(mut self, name: impl Into<ByteString>, value: impl Into<ByteString>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// The first value under this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(other, value)| (other == name).then_some(value))
    }

    /// All names and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<N: Into<ByteString>, V: Into<ByteString>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        Self(headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Names only: values belong to the user.
impl fmt::Debug for Headers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.iter().map(|(name, _)| name)).finish()
    }
}
