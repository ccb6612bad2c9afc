//! Who asks, and for which region: what a request's signature claims.
//! Only its presence is judged here, by the service's rules and with its words; so any key opens a local broker.
//! Pure. Called by `admit`.

use tailwater_wire::http::header;
use tailwater_wire::{Fault, FaultCode, Request};

/// What a signature claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claim<'r> {
    pub(crate) access_key_id: &'r str,
    pub(crate) region: &'r str,
}

/// What a query must hold when the signature stands there.
const IN_QUERY: [&str; 5] =
    ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"];

/// Looks for a signature.
pub(crate) fn claim(request: &Request) -> Result<Claim<'_>, Fault> {
    let header = request.headers.get(header::AUTHORIZATION);
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    let parameter = |name: &str| {
        query.split('&').find_map(|pair| pair.split_once('=').or(Some((pair, ""))).filter(|(key, _)| *key == name))
    };
    match (header, parameter("X-Amz-Algorithm")) {
        (Some(_), Some(_)) => Err(Fault::new(
            FaultCode::InvalidSignature,
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
        )),
        (None, None) => Err(Fault::new(FaultCode::MissingAuthenticationToken, "Missing Authentication Token")),
        (Some(value), None) => in_header(value, request),
        (None, Some(_)) => {
            let value = |name: &str| parameter(name).map(|(_, value)| value).filter(|value| !value.is_empty());
            let mut missing: String = IN_QUERY
                .iter()
                .filter(|name| value(name).is_none())
                .map(|name| format!("AWS query-string parameters must include '{name}'. "))
                .collect();
            if !missing.is_empty() {
                missing.push_str("Re-examine the query-string parameters.");
                return Err(Fault::new(FaultCode::IncompleteSignature, missing));
            }
            Ok(scope(value("X-Amz-Credential").unwrap_or_default()))
        }
    }
}

fn in_header<'r>(value: &'r str, request: &Request) -> Result<Claim<'r>, Fault> {
    let parts = value.split([',', ' ']).skip(1).filter_map(|part| part.split_once('='));
    let part = |name: &str| parts.clone().find_map(|(key, value)| (key == name).then_some(value));
    let mut missing: String = ["Credential", "Signature", "SignedHeaders"]
        .iter()
        .filter(|name| part(name).is_none_or(str::is_empty))
        .map(|name| format!("Authorization header requires '{name}' parameter. "))
        .collect();
    if request.headers.get(header::AMZ_DATE).is_none() && request.headers.get(header::DATE).is_none() {
        missing.push_str("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ");
    }
    if !missing.is_empty() {
        missing.push_str(&format!("Authorization={value}"));
        return Err(Fault::new(FaultCode::IncompleteSignature, missing));
    }
    Ok(scope(part("Credential").unwrap_or_default()))
}

/// Takes `KEY/DAY/REGION/SERVICE/aws4_request` apart; in a query the slashes are escaped.
fn scope(credential: &str) -> Claim<'_> {
    let escaped = credential.contains("%2F") || credential.contains("%2f");
    let mut parts: Box<dyn Iterator<Item = &str>> = if escaped {
        Box::new(credential.split("%2F").flat_map(|part| part.split("%2f")))
    } else {
        Box::new(credential.split('/'))
    };
    let access_key_id = parts.next().unwrap_or_default();
    let region = parts.nth(1).unwrap_or_default();
    Claim { access_key_id, region }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tailwater_wire::{Codec, Operation};

    fn request(target: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::new(Operation::ListStreams, Codec::Json, "{}".into());
        request.target = target.into();
        for (name, value) in headers {
            request.headers.add(name, *value);
        }
        request
    }

    fn refused(target: &str, headers: &[(&str, &str)]) -> String {
        claim(&request(target, headers)).unwrap_err().to_string()
    }

    const WHOLE: &str = "AWS4-HMAC-SHA256 Credential=AKID/20261121/eu-west-1/kinesis/aws4_request, \
                         SignedHeaders=host;x-amz-date, Signature=abc";

    #[test]
    fn a_signature_tells_key_and_region() {
        let expected = Claim { access_key_id: "AKID", region: "eu-west-1" };
        let whole = request("/", &[("Authorization", WHOLE), ("X-Amz-Date", "x")]);
        assert_eq!(claim(&whole), Ok(expected));
        let query = "/?X-Amz-Algorithm=a&X-Amz-Credential=AKID%2F20261121%2Feu-west-1%2Fkinesis%2Faws4_request\
                     &X-Amz-Signature=b&X-Amz-SignedHeaders=c&X-Amz-Date=d";
        assert_eq!(claim(&request(query, &[])), Ok(expected));
    }

    #[test]
    fn what_is_missing_is_told_in_the_services_words() {
        assert_eq!(refused("/", &[]), "MissingAuthenticationTokenException: Missing Authentication Token");
        assert_eq!(
            refused("/?X-Amz-Algorithm=x", &[("Authorization", "x")]),
            "InvalidSignatureException: Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP \
             header."
        );
        assert_eq!(
            refused("/", &[("Authorization", "X Signature=b")]),
            "IncompleteSignatureException: Authorization header requires 'Credential' parameter. Authorization header \
             requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a \
             'Date' header. Authorization=X Signature=b"
        );
        assert_eq!(
            refused("/?X-Amz-Algorithm=a&X-Amz-Credential=b&X-Amz-Date=", &[]),
            "IncompleteSignatureException: AWS query-string parameters must include 'X-Amz-Signature'. AWS query-string \
             parameters must include 'X-Amz-SignedHeaders'. AWS query-string parameters must include 'X-Amz-Date'. \
             Re-examine the query-string parameters."
        );
    }
}
