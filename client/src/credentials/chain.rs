//! The whole standard chain, by `aws-config`: environment, profiles, SSO, roles, containers, instances.
//! Its HTTP goes over the same TLS as ours, so that a binary holds one.

use super::{Credentials, CredentialsFault, Keys, ProvidedKeys};
use crate::config::{Config, ConfigFault};
use crate::error::Error;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use std::time::UNIX_EPOCH;
use tailwater_record::Timestamp;

/// Keys from whatever an `SdkConfig` provides.
#[derive(Clone, Debug)]
pub struct ChainCredentials(SharedCredentialsProvider);

impl ChainCredentials {
    /// The provider of this configuration; nothing if it has none.
    #[must_use]
    pub fn of(config: &SdkConfig) -> Option<Self> {
        config.credentials_provider().map(Self)
    }
}

impl Credentials for ChainCredentials {
    fn provide(&self) -> ProvidedKeys<'_> {
        Box::pin(async move {
            let keys = self.0.provide_credentials().await.map_err(|error| match error {
                CredentialsError::CredentialsNotLoaded(_) => {
                    CredentialsFault::Missing("no provider of the chain has any".to_owned())
                }
                other => CredentialsFault::Failed(other.to_string()),
            })?;
            let expire = keys.expiry().and_then(|expiry| expiry.duration_since(UNIX_EPOCH).ok());
            let expire = expire.and_then(|since| i64::try_from(since.as_millis()).ok()).map(Timestamp::from_millis);
            Ok(Keys::new(keys.access_key_id(), keys.secret_access_key(), keys.session_token(), expire))
        })
    }
}

/// Loads region, endpoint and credentials as every AWS tool does, profiles included.
pub async fn load_config() -> Result<Config, Error> {
    let tls = Provider::Rustls(CryptoMode::Ring);
    let http = aws_smithy_http_client::Builder::new().tls_provider(tls).build_https();
    Config::from_sdk(&aws_config::from_env().http_client(http).load().await)
}

impl Config {
    /// What an `SdkConfig` of yours says: region, endpoint, FIPS, dual stack, credentials.
    pub fn from_sdk(sdk: &SdkConfig) -> Result<Self, Error> {
        let fault = |name, reason| Error::Config { faults: vec![ConfigFault::Variable { name, reason }] };
        let region = sdk.region().ok_or_else(|| fault("region", "not set".to_owned()))?;
        let region = region.as_ref().parse().map_err(|error| fault("region", format!("{error}")))?;
        let mut config = Self::new(region);
        if let Some(credentials) = ChainCredentials::of(sdk) {
            config = config.with_credentials(credentials);
        }
        // An address for this service goes before one for all; whether to heed either is the loader's business.
        let key =
            ServiceConfigKey::builder().service_id("kinesis").env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
        let own = key.ok().and_then(|key| sdk.service_config()?.load_config(key));
        if let Some(url) = own.as_deref().or(sdk.endpoint_url()) {
            let url = url.parse().map_err(|error| fault("endpoint_url", format!("{error}")))?;
            config = config.with_endpoint_url(url);
        }
        Ok(config.with_fips(sdk.use_fips().unwrap_or(false)).with_dual_stack(sdk.use_dual_stack().unwrap_or(false)))
    }
}
