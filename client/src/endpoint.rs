//! Where to call. Pure rules, as the service's model has them: partition by region, FIPS, dual stack, the account's own
//! host names for control and data, or the address that the user gives.

use std::fmt;
use std::str::FromStr;
use tailwater_record::{AccountId, ConsumerArn, Region, StreamArn};
use tailwater_wire::Plane;

/// An address to call: `http` or `https`, a host, and a port if it is not the usual one.
///
/// ```
/// use tailwater_client::EndpointUrl;
///
/// let local: EndpointUrl = "http://127.0.0.1:4567/".parse()?;
/// assert_eq!(local.to_string(), "http://127.0.0.1:4567");
/// assert!("kinesis.local:4567".parse::<EndpointUrl>().is_err());
/// # Ok::<(), tailwater_client::EndpointFault>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointUrl {
    secure: bool,
    authority: Box<str>,
}

/// Where one call goes.
pub type Endpoint = EndpointUrl;

impl EndpointUrl {
    pub(crate) fn https(authority: String) -> Self {
        Self { secure: true, authority: authority.into() }
    }

    /// Whether it is called over TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Host and port, as the `host` header names them.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

impl FromStr for EndpointUrl {
    type Err = EndpointFault;

    fn from_str(text: &str) -> Result<Self, EndpointFault> {
        let (scheme, rest) = text.split_once("://").ok_or(EndpointFault::Scheme)?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(EndpointFault::Scheme),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if authority.is_empty() || !authority.bytes().all(allowed) {
            return Err(EndpointFault::Authority);
        }
        let port = authority.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err(EndpointFault::Authority);
        }
        // The usual port is not named in the `host` header, which is signed.
        let usual = if secure { ":443" } else { ":80" };
        let authority = authority.strip_suffix(usual).unwrap_or(authority);
        Ok(Self { secure, authority: authority.into() })
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}", if self.secure { "https" } else { "http" }, self.authority)
    }
}

/// Why an address cannot be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointFault {
    /// Begin with `http://` or `https://`.
    #[error("an endpoint begins with http:// or https://")]
    Scheme,
    /// Give a host and at most a port, without user, path or query.
    #[error("an endpoint is a host and perhaps a port, without user, path or query")]
    Authority,
    /// Leave out FIPS and dual stack, or the address: an address is called as it is given.
    #[error("FIPS and dual stack do not go with an endpoint of your own")]
    Combination,
}

/// What decides where calls go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointRules {
    /// The region of the streams.
    pub region: Region,
    /// An address that is called instead of the service's own.
    pub url: Option<EndpointUrl>,
    /// Whether to call endpoints with validated cryptography.
    pub fips: bool,
    /// Whether to call endpoints that speak IPv6 too.
    pub dual_stack: bool,
    /// The account, for its own host names where an input names no ARN.
    pub account: Option<AccountId>,
}

/// A group of regions with a domain of its own.
struct Partition {
    prefix: &'static str,
    domain: &'static str,
    dual_stack: &'static str,
    /// Isolated partitions have no host names by account.
    isolated: bool,
}

/// By the beginning of a region's name; the last holds all others.
const PARTITIONS: &[Partition] = &[
    Partition {
        prefix: "cn-",
        domain: "amazonaws.com.cn",
        dual_stack: "api.amazonwebservices.com.cn",
        isolated: false,
    },
    Partition { prefix: "eusc-", domain: "amazonaws.eu", dual_stack: "api.amazonwebservices.eu", isolated: false },
    Partition { prefix: "us-isob-", domain: "sc2s.sgov.gov", dual_stack: "api.aws.scloud", isolated: true },
    Partition { prefix: "us-isof-", domain: "csp.hci.ic.gov", dual_stack: "api.aws.hci.ic.gov", isolated: false },
    Partition { prefix: "us-iso-", domain: "c2s.ic.gov", dual_stack: "api.aws.ic.gov", isolated: true },
    Partition { prefix: "eu-isoe-", domain: "cloud.adc-e.uk", dual_stack: "api.cloud-aws.adc-e.uk", isolated: false },
    Partition { prefix: "us-gov-", domain: "amazonaws.com", dual_stack: "api.aws", isolated: false },
    Partition { prefix: "", domain: "amazonaws.com", dual_stack: "api.aws", isolated: false },
];

impl EndpointRules {
    /// Fails if the rules contradict each other.
    pub fn check(&self) -> Result<(), EndpointFault> {
        let contradiction = self.url.is_some() && (self.fips || self.dual_stack);
        if contradiction { Err(EndpointFault::Combination) } else { Ok(()) }
    }

    /// Where a call of this plane goes, given the account that an ARN of its input names.
    #[must_use]
    pub fn resolve(&self, plane: Plane, arn_account: Option<AccountId>) -> Endpoint {
        if let Some(url) = &self.url {
            return url.clone();
        }
        let region = self.region.as_str();
        let partition = PARTITIONS.iter().find(|partition| region.starts_with(partition.prefix));
        let partition = partition.unwrap_or(&PARTITIONS[PARTITIONS.len() - 1]);
        let domain = if self.dual_stack { partition.dual_stack } else { partition.domain };
        let fips = if self.fips { "-fips" } else { "" };
        let account = arn_account.filter(|_| !partition.isolated).or(self.account);
        Endpoint::https(match account {
            Some(account) => {
                let plane = match plane {
                    Plane::Control => "control",
                    Plane::Data => "data",
                };
                format!("{account}.{plane}-kinesis{fips}.{region}.{domain}")
            }
            // There the ordinary host is the validated one.
            None if partition.prefix == "us-gov-" && !self.dual_stack => format!("kinesis.{region}.{domain}"),
            None => format!("kinesis{fips}.{region}.{domain}"),
        })
    }
}

/// The account in the ARN of a stream, or of a consumer on one.
pub(crate) fn account_of(arn: &str) -> Option<AccountId> {
    let stream = arn.parse::<StreamArn>().map(|stream| stream.account());
    stream.or_else(|_| arn.parse::<ConsumerArn>().map(|consumer| consumer.stream().account())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules(region: &str) -> EndpointRules {
        EndpointRules { region: region.parse().unwrap(), url: None, fips: false, dual_stack: false, account: None }
    }

    fn host(rules: &EndpointRules, plane: Plane, arn: Option<&str>) -> String {
        rules.resolve(plane, arn.and_then(account_of)).authority().to_owned()
    }

    #[test]
    fn hosts_are_those_of_the_service() {
        let arn = Some("arn:aws:kinesis:us-east-1:123456789012:stream/s");
        let consumer = Some("arn:aws:kinesis:us-east-1:123456789012:stream/s/consumer/c:1");
        for (region, fips, dual_stack, plane, arn, expected) in [
            ("us-east-1", false, false, Plane::Data, None, "kinesis.us-east-1.amazonaws.com"),
            ("us-east-1", true, false, Plane::Data, None, "kinesis-fips.us-east-1.amazonaws.com"),
            ("us-east-1", false, true, Plane::Data, None, "kinesis.us-east-1.api.aws"),
            ("us-east-1", false, false, Plane::Data, arn, "123456789012.data-kinesis.us-east-1.amazonaws.com"),
            ("eu-west-1", true, true, Plane::Control, arn, "123456789012.control-kinesis-fips.eu-west-1.api.aws"),
            ("us-east-1", false, false, Plane::Data, consumer, "123456789012.data-kinesis.us-east-1.amazonaws.com"),
            ("cn-north-1", false, false, Plane::Control, None, "kinesis.cn-north-1.amazonaws.com.cn"),
            ("us-gov-west-1", true, false, Plane::Control, None, "kinesis.us-gov-west-1.amazonaws.com"),
            ("us-iso-east-1", false, false, Plane::Data, arn, "kinesis.us-iso-east-1.c2s.ic.gov"),
            ("us-isob-east-1", false, false, Plane::Data, None, "kinesis.us-isob-east-1.sc2s.sgov.gov"),
            ("eusc-de-east-1", false, false, Plane::Data, None, "kinesis.eusc-de-east-1.amazonaws.eu"),
        ] {
            let rules = EndpointRules { fips, dual_stack, ..rules(region) };
            assert_eq!(host(&rules, plane, arn), expected);
        }
        let account = EndpointRules { account: "000000000007".parse().ok(), ..rules("us-east-1") };
        assert_eq!(host(&account, Plane::Data, None), "000000000007.data-kinesis.us-east-1.amazonaws.com");
    }

    #[test]
    fn an_address_of_the_users_own_is_called_as_it_is() {
        let url = "http://localhost:4567".parse().unwrap();
        let mut rules = EndpointRules { url: Some(url), ..rules("us-east-1") };
        assert_eq!(
            host(&rules, Plane::Data, Some("arn:aws:kinesis:us-east-1:123456789012:stream/s")),
            "localhost:4567"
        );
        assert_eq!(rules.check(), Ok(()));
        rules.fips = true;
        assert_eq!(rules.check(), Err(EndpointFault::Combination));
    }

    #[test]
    fn the_usual_port_is_not_named() {
        for (text, authority) in [
            ("https://kinesis.example:443/", "kinesis.example"),
            ("http://kinesis.example:80", "kinesis.example"),
            ("http://kinesis.example:443", "kinesis.example:443"),
            ("http://[::1]:4567", "[::1]:4567"),
            ("http://[::1]", "[::1]"),
        ] {
            assert_eq!(text.parse::<EndpointUrl>().unwrap().authority(), authority);
        }
    }

    proptest! {
        #[test]
        fn no_text_becomes_an_address_with_a_user_path_or_query(text in "\\PC{0,40}|https?://[a-z@/?#: .]{0,20}") {
            if let Ok(url) = text.parse::<EndpointUrl>() {
                prop_assert!(!url.authority().contains(['@', '/', '?', '#', ' ']));
                prop_assert_eq!(url.to_string().parse::<EndpointUrl>(), Ok(url));
            }
        }
    }
}
