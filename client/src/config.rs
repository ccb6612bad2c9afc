//! What a client is made of, and what can be wrong with that.

use crate::credentials::{Credentials, EnvironmentCredentials};
use crate::endpoint::{EndpointFault, EndpointRules, EndpointUrl};
use crate::error::Error;
use crate::retry::RetryPolicy;
use crate::transport::HttpSettings;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tailwater_record::{AccountId, Region};
use tailwater_wire::Codec;
use tailwater_wire::time::{SystemClock, WallClock};

/// Which HTTP a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.1: a connection for each call under way.
    Http1,
    /// What TLS negotiates.
    Negotiated,
    /// HTTP/2 without asking, also in clear text.
    Http2,
}

/// What a client is made of. Setters never fail; [`Client::new`](crate::Client::new) tells all faults at once.
///
/// ```
/// use tailwater_client::{Client, Config, StaticCredentials};
///
/// let config = Config::new("eu-central-1".parse()?)
///     .with_endpoint_url("http://127.0.0.1:4567".parse()?)
///     .with_credentials(StaticCredentials::new("AKIDEXAMPLE", "secret", None));
/// let client = Client::new(config)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Config {
    pub(crate) endpoints: EndpointRules,
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) retry: RetryPolicy,
    pub(crate) codec: Codec,
    pub(crate) attempt_timeout: Duration,
    pub(crate) call_timeout: Duration,
    pub(crate) answer_limit: usize,
    pub(crate) silence_limit: Duration,
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) seed: Option<u64>,
    pub(crate) http: HttpSettings,
}

impl Config {
    /// A client for this region, with credentials from the environment and the service's own endpoints.
    #[must_use]
    pub fn new(region: Region) -> Self {
        Self {
            endpoints: EndpointRules { region, url: None, fips: false, dual_stack: false, account: None },
            credentials: Arc::new(EnvironmentCredentials::new()),
            retry: RetryPolicy::default(),
            codec: Codec::Json,
            attempt_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(60),
            answer_limit: 64 * 1024 * 1024,
            silence_limit: Duration::from_secs(30),
            clock: Arc::new(SystemClock),
            seed: None,
            http: HttpSettings {
                connect_timeout: Duration::from_secs(3),
                version: HttpVersion::Http1,
                subscription_version: HttpVersion::Http2,
                subscriptions_per_connection: 8,
                subscription_patience: Duration::from_secs(2),
                proxy: None,
                roots_pem: Vec::new(),
                user_agent: concat!("tailwater/", env!("CARGO_PKG_VERSION")).to_owned(),
            },
        }
    }

    /// What the environment says: `AWS_REGION` or `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL_KINESIS` or
    /// `AWS_ENDPOINT_URL` unless `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` is true, `AWS_USE_FIPS_ENDPOINT`,
    /// `AWS_USE_DUALSTACK_ENDPOINT`, `AWS_MAX_ATTEMPTS`, `AWS_ACCOUNT_ID`, and keys. Profiles are not read.
    pub fn from_environment() -> Result<Self, Error> {
        Self::from_variables(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    pub(crate) fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut faults = Vec::new();
        let mut bad = |name: &'static str, reason: String| faults.push(ConfigFault::Variable { name, reason });
        let flag = |name: &str| variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));

        let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
        let region = region.map(|region| region.parse::<Region>());
        let region = match region {
            Some(Ok(region)) => Some(region),
            Some(Err(error)) => {
                bad("AWS_REGION", error.to_string());
                None
            }
            None => {
                bad("AWS_REGION", "not set".to_owned());
                None
            }
        };
        let mut url = None;
        if !flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
            for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KINESIS"] {
                match variable(name).map(|text| text.parse::<EndpointUrl>()) {
                    None => {}
                    Some(Ok(read)) => url = Some(read),
                    Some(Err(error)) => bad(name, error.to_string()),
                }
            }
        }
        let attempts = variable("AWS_MAX_ATTEMPTS").map(|text| text.parse::<u32>());
        if let Some(Err(error)) = &attempts {
            bad("AWS_MAX_ATTEMPTS", error.to_string());
        }
        let account = variable("AWS_ACCOUNT_ID").map(|text| text.parse::<AccountId>());
        if let Some(Err(error)) = &account {
            bad("AWS_ACCOUNT_ID", error.to_string());
        }
        let (Some(region), true) = (region, faults.is_empty()) else { return Err(Error::Config { faults }) };
        let mut config = Self::new(region);
        config.endpoints.url = url;
        config.endpoints.fips = flag("AWS_USE_FIPS_ENDPOINT");
        config.endpoints.dual_stack = flag("AWS_USE_DUALSTACK_ENDPOINT");
        config.endpoints.account = account.and_then(Result::ok);
        if let Some(Ok(attempts)) = attempts {
            config.retry = config.retry.with_attempts(attempts);
        }
        Ok(config)
    }

    /// Calls this address instead of the service's own.
    #[must_use]
    pub fn with_endpoint_url(mut self, url: EndpointUrl) -> Self {
        self.endpoints.url = Some(url);
        self
    }

    /// Calls endpoints with validated cryptography. Default false.
    #[must_use]
    pub fn with_fips(mut self, fips: bool) -> Self {
        self.endpoints.fips = fips;
        self
    }

    /// Calls endpoints that speak IPv6 too. Default false.
    #[must_use]
    pub fn with_dual_stack(mut self, dual_stack: bool) -> Self {
        self.endpoints.dual_stack = dual_stack;
        self
    }

    /// Calls the account's own host names, also where an input names no ARN.
    #[must_use]
    pub fn with_account(mut self, account: AccountId) -> Self {
        self.endpoints.account = Some(account);
        self
    }

    /// Where keys come from. Default: the environment.
    #[must_use]
    pub fn with_credentials(mut self, credentials: impl Credentials + 'static) -> Self {
        self.credentials = Arc::new(credentials);
        self
    }

    /// How often and how patiently calls are repeated.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// How bodies are encoded. Default JSON, which every endpoint takes.
    #[must_use]
    pub fn with_codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// How long a connection may take to stand. Default 3 s.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.http.connect_timeout = timeout;
        self
    }

    /// How long one attempt may take, from sending to the last byte of the answer. Default 10 s.
    #[must_use]
    pub fn with_attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = timeout;
        self
    }

    /// How long a call may take, repetitions and waits included. Default 60 s.
    #[must_use]
    pub fn with_call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// The longest answer that is read. Default 64 MiB; the service's longest is about 25.
    #[must_use]
    pub fn with_answer_limit(mut self, bytes: usize) -> Self {
        self.answer_limit = bytes;
        self
    }

    /// A proxy for all calls. Default: what the environment says (`HTTPS_PROXY`, `NO_PROXY`, …).
    #[must_use]
    pub fn with_proxy(mut self, url: impl Into<String>) -> Self {
        self.http.proxy = Some(url.into());
        self
    }

    /// Trusts the certificates in this PEM text, and only those given so. Default: what the system trusts.
    #[must_use]
    pub fn with_root_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.http.roots_pem.push(pem.into());
        self
    }

    /// Which HTTP is spoken. Default HTTP/1.1.
    #[must_use]
    pub fn with_http_version(mut self, version: HttpVersion) -> Self {
        self.http.version = version;
        self
    }

    /// Which HTTP subscriptions are made over. Default HTTP/2, which the service demands; some local brokers offer them
    /// over HTTP/1.1 too.
    #[must_use]
    pub fn with_subscription_http_version(mut self, version: HttpVersion) -> Self {
        self.http.subscription_version = version;
        self
    }

    /// How many subscriptions share a connection, at the most. Default 8. A server that allows fewer is found out and
    /// heeded.
    #[must_use]
    pub fn with_subscriptions_per_connection(mut self, subscriptions: usize) -> Self {
        self.http.subscriptions_per_connection = subscriptions;
        self
    }

    /// How long a subscription waits for its answer on a connection that it shares, before it is given one of its own.
    /// Default 2 s.
    #[must_use]
    pub fn with_subscription_patience(mut self, patience: Duration) -> Self {
        self.http.subscription_patience = patience;
        self
    }

    /// How long a subscription may be silent before it is given up. Default 30 s; the service sends something every 5.
    #[must_use]
    pub fn with_silence_limit(mut self, limit: Duration) -> Self {
        self.silence_limit = limit;
        self
    }

    /// What the client calls itself.
    #[must_use]
    pub fn with_user_agent(mut self, name: impl Into<String>) -> Self {
        self.http.user_agent = name.into();
        self
    }

    /// The clock that dates signatures. Default: the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: impl WallClock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The seed of the jitter, for tests that must repeat. Default: another one each time.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Everything that is wrong, apart from what only the transport can tell.
    pub(crate) fn faults(&self) -> Vec<ConfigFault> {
        let mut faults: Vec<ConfigFault> =
            self.endpoints.check().err().map(ConfigFault::Endpoint).into_iter().collect();
        let too_short = |name, timeout: Duration| timeout.is_zero().then_some(ConfigFault::Zero { name });
        faults.extend(too_short("connect timeout", self.http.connect_timeout));
        faults.extend(too_short("attempt timeout", self.attempt_timeout));
        faults.extend(too_short("call timeout", self.call_timeout));
        faults.extend(too_short("silence limit", self.silence_limit));
        let none = self.http.subscriptions_per_connection == 0;
        faults.extend(none.then_some(ConfigFault::Zero { name: "number of subscriptions per connection" }));
        faults.extend((self.retry.attempts == 0).then_some(ConfigFault::Zero { name: "number of attempts" }));
        faults.extend((self.answer_limit == 0).then_some(ConfigFault::Zero { name: "answer limit" }));
        faults.extend(self.credentials.check().err().map(ConfigFault::Credentials));
        faults
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Config")
            .field("endpoints", &self.endpoints)
            .field("credentials", &self.credentials)
            .field("retry", &self.retry)
            .field("codec", &self.codec)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("call_timeout", &self.call_timeout)
            .finish_non_exhaustive()
    }
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigFault {
    /// Correct the environment variable.
    #[error("{name}: {reason}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// Correct the endpoint.
    #[error("{0}")]
    Endpoint(EndpointFault),
    /// Give keys; it is certain already that there are none.
    #[error("{0}")]
    Credentials(crate::credentials::CredentialsFault),
    /// Give more than nothing.
    #[error("the {name} is zero")]
    Zero {
        /// What is zero.
        name: &'static str,
    },
    /// Correct the proxy's address.
    #[error("the proxy is not the address of one")]
    Proxy,
    /// Give certificates in PEM.
    #[error("the roots are not certificates in PEM")]
    Roots,
    /// See what the HTTP client says.
    #[error("no HTTP client can be made: {reason}")]
    Http {
        /// What it says.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn read(variables: &[(&str, &str)]) -> Result<Config, Error> {
        let variables: HashMap<&str, &str> = variables.iter().copied().collect();
        Config::from_variables(|name| variables.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn the_services_own_variable_wins_over_the_general_one() {
        let general = ("AWS_ENDPOINT_URL", "http://general:1");
        let own = ("AWS_ENDPOINT_URL_KINESIS", "http://own:2");
        let region = ("AWS_REGION", "eu-central-1");
        let url = |variables: &[(&str, &str)]| read(variables).unwrap().endpoints.url.map(|url| url.to_string());
        assert_eq!(url(&[region]), None);
        assert_eq!(url(&[region, general]).as_deref(), Some("http://general:1"));
        assert_eq!(url(&[region, general, own]).as_deref(), Some("http://own:2"));
        assert_eq!(url(&[region, general, own, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]), None);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let Err(Error::Config { faults }) = read(&[
            ("AWS_REGION", "eu central"),
            ("AWS_ENDPOINT_URL", "localhost:4567"),
            ("AWS_MAX_ATTEMPTS", "many"),
            ("AWS_ACCOUNT_ID", "12"),
        ]) else {
            panic!("not refused")
        };
        assert_eq!(faults.len(), 4, "{faults:?}");
        let config = Config::new("us-east-1".parse().unwrap())
            .with_fips(true)
            .with_endpoint_url("http://localhost:1".parse().unwrap())
            .with_call_timeout(Duration::ZERO)
            .with_retry(RetryPolicy::default().with_attempts(0));
        assert!(config.faults().len() >= 3, "{:?}", config.faults());
    }
}
