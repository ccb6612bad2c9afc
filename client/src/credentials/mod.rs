//! As whom to call. Keys come from a provider, are kept until shortly before they expire, and are then fetched once for
//! all callers.

mod cache;
#[cfg(feature = "aws-config")]
mod chain;
mod environment;
mod fixed;

pub(crate) use cache::CachedCredentials;
#[cfg(feature = "aws-config")]
pub use chain::{ChainCredentials, load_config};
pub use environment::EnvironmentCredentials;
pub use fixed::StaticCredentials;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use tailwater_record::Timestamp;
use tailwater_wire::sigv4::SigningKey;

/// Keys, and until when they serve. `Debug` shows the key's id alone.
#[derive(Clone, Debug)]
pub struct Keys {
    pub(crate) signing: SigningKey,
    pub(crate) expire: Option<Timestamp>,
}

impl Keys {
    /// Keys that serve until `expire`, or for ever.
    #[must_use]
    pub fn new(access_key_id: &str, secret_access_key: &str, token: Option<&str>, expire: Option<Timestamp>) -> Self {
        Self { signing: SigningKey::new(access_key_id, secret_access_key, token), expire }
    }

    /// The key's id, which is no secret.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        self.signing.access_key_id()
    }

    /// Until when they serve.
    #[must_use]
    pub fn expire(&self) -> Option<Timestamp> {
        self.expire
    }
}

/// Keys on their way.
pub type ProvidedKeys<'c> = Pin<Box<dyn Future<Output = Result<Keys, CredentialsFault>> + Send + 'c>>;

/// Where keys come from.
///
/// `provide` is asked at first and again shortly before what it gave expires, by one caller for all; it need not cache.
pub trait Credentials: Send + Sync + fmt::Debug {
    /// Fetches keys.
    fn provide(&self) -> ProvidedKeys<'_>;

    /// Fails if it is certain already, without asking anyone, that there are none.
    fn check(&self) -> Result<(), CredentialsFault> {
        Ok(())
    }
}

/// Why there are no keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsFault {
    /// Set them: the provider has none.
    #[error("none were found: {0}")]
    Missing(String),
    /// Try again later, or look after the provider: it failed.
    #[error("the provider failed: {0}")]
    Failed(String),
}

impl CredentialsFault {
    /// Whether asking again may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}
