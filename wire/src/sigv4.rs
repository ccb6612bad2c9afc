//! Signature version 4: requests signed, and signatures verified, at a time that the caller gives.
//! Both directions run the same code of `aws-sigv4`: a verifier signs what it was sent and compares. The body's hash is
//! a value of its own, so that it is taken once however often a request is repeated.

use crate::Request;
use crate::http::header;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SessionTokenMode, SignableBody, SignableRequest, SigningParams,
    SigningSettings, UriPathNormalizationMode, sign as sign_request,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use sha2::{Digest, Sha256};
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tailwater_record::{Region, Timestamp};

/// The name of the service in a signature's scope.
pub const SERVICE: &str = "kinesis";

/// How far the clocks of signer and verifier may be apart.
pub const SKEW_MAX: Duration = Duration::from_secs(5 * 60);

/// An access key and its secret. `Debug` shows the key's id alone.
#[derive(Clone)]
pub struct SigningKey {
    access_key_id: Box<str>,
    identity: Identity,
    has_token: bool,
}

impl SigningKey {
    /// A key; `session_token` belongs to temporary ones.
    #[must_use]
    pub fn new(access_key_id: &str, secret_access_key: &str, session_token: Option<&str>) -> Self {
        let token = session_token.map(str::to_owned);
        let has_token = token.is_some();
        let credentials = Credentials::new(access_key_id, secret_access_key, token, None, "tailwater");
        Self { access_key_id: access_key_id.into(), identity: credentials.into(), has_token }
    }

    /// The key's id, which is no secret.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SigningKey").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// The SHA-256 of a body, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyHash(String);

impl BodyHash {
    /// Hashes a body.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let digits = Sha256::digest(body).into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
        Self(digits.map(|digit| char::from(HEX[usize::from(digit)])).collect())
    }
}

/// Why a request could not be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request cannot be signed: {reason}")]
pub struct SigningFault {
    reason: String,
}

/// Signs a request for `host`, and sets the headers that carry the signature. Signing again replaces them.
///
/// ```
/// use tailwater_record::Timestamp;
/// use tailwater_wire::sigv4::{BodyHash, SigningKey, sign, verify};
/// use tailwater_wire::{Codec, Operation, Request};
///
/// let key = SigningKey::new("AKIDEXAMPLE", "secret", None);
/// let now = Timestamp::from_millis(1_700_000_000_000);
/// let mut request = Request::new(Operation::ListStreams, Codec::Json, "{}".into());
/// let hash = BodyHash::of(&request.body);
/// sign(&mut request, "localhost:4567", &hash, &key, &"us-east-1".parse()?, now)?;
///
/// let signer = verify(&request, now, |id| (id == "AKIDEXAMPLE").then(|| key.clone()))?;
/// assert_eq!(signer.region.as_str(), "us-east-1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn sign(
    request: &mut Request,
    host: &str,
    body: &BodyHash,
    key: &SigningKey,
    region: &Region,
    now: Timestamp,
) -> Result<(), SigningFault> {
    for left_over in [header::AUTHORIZATION, header::AMZ_DATE, header::AMZ_SECURITY_TOKEN] {
        request.headers.remove(left_over);
    }
    request.headers.set(header::HOST, host);
    // Only what tells the request's meaning; a proxy may touch the rest.
    let signed = [header::HOST, header::CONTENT_TYPE, header::AMZ_TARGET];
    let headers = signed.iter().filter_map(|name| Some((*name, request.headers.get(name)?)));
    let signature = Signature::over(request, headers, body, key, region.as_str(), SERVICE, now)?;
    for (name, value) in signature.headers {
        request.headers.set(&name, value);
    }
    Ok(())
}

/// What `aws-sigv4` makes of a request.
struct Signature {
    headers: Vec<(String, String)>,
    hex: String,
}

impl Signature {
    fn over<'r>(
        request: &'r Request,
        headers: impl Iterator<Item = (&'r str, &'r str)>,
        body: &BodyHash,
        key: &SigningKey,
        region: &str,
        service: &str,
        now: Timestamp,
    ) -> Result<Self, SigningFault> {
        let fault = |reason: String| SigningFault { reason };
        // What does not begin a path could move into the host, or vanish.
        if !request.target.starts_with('/') || request.target.contains('#') || request.target.ends_with('?') {
            return Err(fault("the target is not a path".to_owned()));
        }
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.session_token_mode = SessionTokenMode::Include;
        settings.excluded_headers = None;
        let params = v4::SigningParams::builder()
            .identity(&key.identity)
            .region(region)
            .name(service)
            .time(system_time(now))
            .settings(settings)
            .build()
            .map_err(|error| fault(error.to_string()))?;
        let params = SigningParams::from(params);
        // The host's name comes from the header; the URI only has to have one.
        let uri = format!("http://host{}", request.target);
        let body = SignableBody::Precomputed(body.0.clone());
        let signable = SignableRequest::new(&request.method, uri, headers, body);
        let signable = signable.map_err(|error| fault(error.to_string()))?;
        let output = sign_request(signable, &params).map_err(|error| fault(error.to_string()))?;
        let (instructions, hex) = output.into_parts();
        let (headers, _) = instructions.into_parts();
        let headers = headers.iter().map(|header| (header.name().to_owned(), header.value().to_owned())).collect();
        Ok(Self { headers, hex })
    }
}

fn system_time(moment: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(moment.millis().max(0).unsigned_abs())
}

/// Who signed a request, and for where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The id of the access key.
    pub access_key_id: String,
    /// The region in the signature's scope.
    pub region: Region,
}

/// Why a signature is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Send a signature.
    #[error("no authorization header")]
    Missing,
    /// Send a whole signature.
    #[error("the authorization header lacks or garbles its {0}")]
    Incomplete(&'static str),
    /// Sign for this service, in a region.
    #[error("the signature is for another scope")]
    Scope,
    /// Use a key that is known here.
    #[error("the access key is not known")]
    UnknownKey,
    /// Sign this header too.
    #[error("the header {0} is not signed")]
    Unsigned(&'static str),
    /// Correct the clock.
    #[error("the signature's time is {skew:?} away; the limit is {SKEW_MAX:?}")]
    Skewed {
        /// How far the clocks are apart.
        skew: Duration,
    },
    /// Sign what is sent, with the right secret.
    #[error("the signature does not match")]
    Mismatch,
}

/// Checks the signature in a request's header fields. `key` finds the secret of an access key.
pub fn verify(
    request: &Request,
    now: Timestamp,
    key: impl FnOnce(&str) -> Option<SigningKey>,
) -> Result<Signer, Refusal> {
    let claim = Claim::read(request.headers.get(header::AUTHORIZATION).ok_or(Refusal::Missing)?)?;
    let time = request.headers.get(header::AMZ_DATE).and_then(basic_time).ok_or(Refusal::Incomplete("date"))?;
    let skew = now.since(time).max(time.since(now));
    if skew > SKEW_MAX {
        return Err(Refusal::Skewed { skew });
    }
    let region: Region = claim.region.parse().map_err(|_| Refusal::Scope)?;
    let day = request.headers.get(header::AMZ_DATE).and_then(|date| date.get(..8));
    if claim.service != SERVICE || Some(claim.day) != day {
        return Err(Refusal::Scope);
    }
    let key = key(claim.access_key_id).ok_or(Refusal::UnknownKey)?;
    let token = request.headers.get(header::AMZ_SECURITY_TOKEN);
    let mut must_be_signed = vec![header::HOST, header::AMZ_DATE, header::AMZ_TARGET];
    must_be_signed.extend(token.map(|_| header::AMZ_SECURITY_TOKEN));
    if let Some(name) = must_be_signed.into_iter().find(|name| !claim.signs(name)) {
        return Err(Refusal::Unsigned(name));
    }
    // The key's own token takes its place in the signature; another one in the header would go unchecked.
    if token.is_some() != key.has_token {
        return Err(Refusal::UnknownKey);
    }
    let given = request
        .headers
        .iter()
        .filter(|(name, _)| claim.signs(name) && !matches!(*name, header::AMZ_DATE | header::AMZ_SECURITY_TOKEN));
    let body = BodyHash::of(&request.body);
    let signature = Signature::over(request, given, &body, &key, claim.region, claim.service, time);
    let signature = signature.map_err(|_| Refusal::Mismatch)?;
    if same(signature.hex.as_bytes(), claim.signature.as_bytes()) {
        Ok(Signer { access_key_id: claim.access_key_id.to_owned(), region })
    } else {
        Err(Refusal::Mismatch)
    }
}

/// What an authorization header claims.
struct Claim<'h> {
    access_key_id: &'h str,
    day: &'h str,
    region: &'h str,
    service: &'h str,
    signed_headers: &'h str,
    signature: &'h str,
}

impl<'h> Claim<'h> {
    fn read(value: &'h str) -> Result<Self, Refusal> {
        let rest = value.strip_prefix("AWS4-HMAC-SHA256 ").ok_or(Refusal::Incomplete("algorithm"))?;
        let part = |name: &'static str| {
            let mut parts = rest.split([',', ' ']).filter_map(|part| part.split_once('='));
            parts.find_map(|(key, value)| (key == name).then_some(value)).ok_or(Refusal::Incomplete(name))
        };
        let scope: Vec<&str> = part("Credential")?.split('/').collect();
        let [access_key_id, day, region, service, "aws4_request"] = scope[..] else {
            return Err(Refusal::Incomplete("Credential"));
        };
        let (signed_headers, signature) = (part("SignedHeaders")?, part("Signature")?);
        Ok(Self { access_key_id, day, region, service, signed_headers, signature })
    }

    fn signs(&self, name: &str) -> bool {
        self.signed_headers.split(';').any(|signed| signed == name)
    }
}

/// Reads `YYYYMMDDTHHMMSSZ`.
fn basic_time(text: &str) -> Option<Timestamp> {
    let digits = |range: std::ops::Range<usize>| -> Option<i64> {
        let part = text.get(range)?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?
    };
    if text.len() != 16 || text.as_bytes()[8] != b'T' || text.as_bytes()[15] != b'Z' {
        return None;
    }
    let (year, month, day) = (digits(0..4)?, digits(4..6)?, digits(6..8)?);
    let (hour, minute, second) = (digits(9..11)?, digits(11..13)?, digits(13..15)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since 1970, with years that begin in March, so that the leap day comes last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 719_469;
    Some(Timestamp::from_millis(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000))
}

/// Compares without telling, by the time it takes, where two signatures differ.
fn same(one: &[u8], two: &[u8]) -> bool {
    one.len() == two.len() && one.iter().zip(two).fold(0, |difference, (one, two)| difference | (one ^ two)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Codec;
    use crate::shapes::PutRecordInput;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_123);

    fn key() -> SigningKey {
        SigningKey::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None)
    }

    fn signed(key: &SigningKey) -> Request {
        let mut request = Request::of(&PutRecordInput::new("payload"), Codec::Json);
        let hash = BodyHash::of(&request.body);
        sign(&mut request, "kinesis.us-east-1.amazonaws.com", &hash, key, &"us-east-1".parse().unwrap(), NOW).unwrap();
        request
    }

    fn check(request: &Request, now: Timestamp) -> Result<Signer, Refusal> {
        verify(request, now, |id| (id == "AKIDEXAMPLE").then(key))
    }

    /// The signature as its specification describes it, step by step, from the primitives alone.
    #[test]
    fn a_signature_is_what_the_specification_says() {
        fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
            let mut block = [0; 64];
            block[..key.len()].copy_from_slice(key);
            let inner = block.map(|byte| byte ^ 0x36);
            let outer = block.map(|byte| byte ^ 0x5c);
            let hash = Sha256::digest([&inner[..], message].concat());
            Sha256::digest([&outer[..], &hash].concat()).to_vec()
        }
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let request = signed(&key());
        let canonical = format!(
            "POST\n/\n\ncontent-type:application/x-amz-json-1.1\nhost:kinesis.us-east-1.amazonaws.com\n\
             x-amz-date:20231114T221320Z\nx-amz-target:Kinesis_20131202.PutRecord\n\n\
             content-type;host;x-amz-date;x-amz-target\n{}",
            hex(&Sha256::digest(&request.body))
        );
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n20231114T221320Z\n20231114/us-east-1/kinesis/aws4_request\n{}",
            hex(&Sha256::digest(canonical))
        );
        let mut secret = b"AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_vec();
        for part in ["20231114", "us-east-1", "kinesis", "aws4_request"] {
            secret = hmac(&secret, part.as_bytes());
        }
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20231114/us-east-1/kinesis/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={}",
            hex(&hmac(&secret, to_sign.as_bytes()))
        );
        assert_eq!(request.headers.get("authorization"), Some(&*expected));
    }

    #[test]
    fn what_was_signed_is_verified() {
        let request = signed(&key());
        let signer = Signer { access_key_id: "AKIDEXAMPLE".to_owned(), region: "us-east-1".parse().unwrap() };
        assert_eq!(check(&request, NOW), Ok(signer.clone()));
        assert_eq!(check(&request, NOW.plus(SKEW_MAX - Duration::from_secs(1))), Ok(signer));
    }

    #[test]
    fn anything_changed_is_refused() {
        let mut body = signed(&key());
        body.body = "other".into();
        assert_eq!(check(&body, NOW), Err(Refusal::Mismatch));
        let mut target = signed(&key());
        target.headers.set(header::AMZ_TARGET, "Kinesis_20131202.DeleteStream");
        assert_eq!(check(&target, NOW), Err(Refusal::Mismatch));
        for target in ["/elsewhere", "", ":80/", "x/", "@x/", "?", "/?", "/#fragment", "//"] {
            let mut path = signed(&key());
            path.target = target.into();
            assert_eq!(check(&path, NOW), Err(Refusal::Mismatch), "{target:?}");
        }
        let mut doubled = signed(&key());
        doubled.headers.add(header::AMZ_TARGET, "Kinesis_20131202.DeleteStream");
        assert_eq!(check(&doubled, NOW), Err(Refusal::Mismatch));
        assert_eq!(check(&signed(&SigningKey::new("AKIDEXAMPLE", "other", None)), NOW), Err(Refusal::Mismatch));
        assert_eq!(check(&signed(&SigningKey::new("AKIDOTHER", "other", None)), NOW), Err(Refusal::UnknownKey));
    }

    #[test]
    fn a_clock_too_far_off_is_refused_with_the_distance() {
        let skew = SKEW_MAX + Duration::from_secs(10);
        // The header tells whole seconds.
        assert_eq!(
            check(&signed(&key()), NOW.plus(skew)),
            Err(Refusal::Skewed { skew: skew + Duration::from_millis(123) })
        );
        assert!(matches!(check(&signed(&key()), NOW.minus(skew)), Err(Refusal::Skewed { .. })));
    }

    #[test]
    fn a_session_token_is_part_of_the_signature() {
        let temporary = SigningKey::new("AKIDEXAMPLE", "secret", Some("token"));
        let request = signed(&temporary);
        assert_eq!(request.headers.get(header::AMZ_SECURITY_TOKEN), Some("token"));
        assert!(verify(&request, NOW, |_| Some(temporary.clone())).is_ok());
        let mut again = request.clone();
        let hash = BodyHash::of(&again.body);
        sign(&mut again, "kinesis.us-east-1.amazonaws.com", &hash, &key(), &"us-east-1".parse().unwrap(), NOW).unwrap();
        let sent = |request: &Request| {
            let mut headers: Vec<(String, String)> =
                request.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            headers.sort();
            headers
        };
        assert_eq!(sent(&again), sent(&signed(&key())), "signed again, nothing of the first signature is left");
        let other = SigningKey::new("AKIDEXAMPLE", "secret", Some("stolen"));
        assert_eq!(verify(&request, NOW, |_| Some(other)), Err(Refusal::Mismatch));
        let mut stripped = request;
        stripped.headers = stripped.headers.iter().filter(|(name, _)| *name != header::AMZ_SECURITY_TOKEN).fold(
            crate::http::HeaderFields::new(),
            |mut headers, (name, value)| {
                headers.add(name, value);
                headers
            },
        );
        assert_eq!(verify(&stripped, NOW, |_| Some(temporary)), Err(Refusal::UnknownKey));
    }

    #[test]
    fn a_garbled_header_is_refused_and_told_what_is_missing() {
        let valid = signed(&key());
        let authorization = valid.headers.get(header::AUTHORIZATION).unwrap().to_owned();
        let mut request = valid.clone();
        for (garbled, refusal) in [
            ("Basic dXNlcg==".to_owned(), Refusal::Incomplete("algorithm")),
            (authorization.replace("Credential=", "Cred="), Refusal::Incomplete("Credential")),
            (authorization.replace("SignedHeaders=", "Headers="), Refusal::Incomplete("SignedHeaders")),
            (authorization.replace("Signature=", ""), Refusal::Incomplete("Signature")),
            (authorization.replace("/aws4_request", ""), Refusal::Incomplete("Credential")),
            (authorization.replace("/kinesis/", "/sqs/"), Refusal::Scope),
            (authorization.replace("/20231114/", "/20231113/"), Refusal::Scope),
            (authorization.replace("host;", ""), Refusal::Unsigned(header::HOST)),
        ] {
            request.headers.set(header::AUTHORIZATION, garbled);
            assert_eq!(check(&request, NOW), Err(refusal));
        }
        request.headers.set(header::AMZ_DATE, "20231314T221320Z");
        request.headers.set(header::AUTHORIZATION, authorization);
        assert_eq!(check(&request, NOW), Err(Refusal::Incomplete("date")));
    }

    #[test]
    fn times_are_read_across_leap_years() {
        for (text, seconds) in [
            ("19700101T000000Z", 0),
            ("20000229T235959Z", 951_868_799),
            ("20231114T221320Z", 1_700_000_000),
            ("20240301T000000Z", 1_709_251_200),
            ("21000301T000000Z", 4_107_542_400),
        ] {
            assert_eq!(basic_time(text), Some(Timestamp::from_millis(seconds * 1000)), "{text}");
        }
        for text in [
            "20240231T000000Z",
            "20230229T000000Z",
            "20240301T235960Z",
            "",
            "20231114T221320",
            "20231114 221320Z",
            "2023-114T221320Z",
            "20231114T241320Z",
        ] {
            assert_eq!(basic_time(text), None, "{text}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", SigningKey::new("AKIDEXAMPLE", "hidden-secret", Some("hidden-token")));
        assert!(shown.contains("AKIDEXAMPLE") && !shown.contains("hidden"), "{shown}");
    }
}
