//! Keys that the user gives.

use super::{Credentials, CredentialsFault, Keys, ProvidedKeys};

/// Keys that never change.
///
/// ```
/// use tailwater_client::StaticCredentials;
///
/// let keys = StaticCredentials::new("AKIDEXAMPLE", "secret", None);
/// assert!(!format!("{keys:?}").contains("secret"));
/// ```
#[derive(Clone, Debug)]
pub struct StaticCredentials(Keys);

impl StaticCredentials {
    /// These keys; the token belongs to temporary ones.
    #[must_use]
    pub fn new(access_key_id: &str, secret_access_key: &str, token: Option<&str>) -> Self {
        Self(Keys::new(access_key_id, secret_access_key, token, None))
    }
}

impl Credentials for StaticCredentials {
    fn provide(&self) -> ProvidedKeys<'_> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }

    fn check(&self) -> Result<(), CredentialsFault> {
        if self.0.access_key_id().is_empty() {
            return Err(CredentialsFault::Missing("the access key id is empty".to_owned()));
        }
        Ok(())
    }
}
