//! What the service says when it does not do what was asked: a name, a message, and what they mean for a repetition.
//! One table, read by the client (may I try again? may it have happened?) and by the broker (which status?).

use crate::Codec;
use crate::shape::{Bounds, DecodeError, Halt, Kind, Member, Place, Sink, Source, TextRule, shape, token};
use bytes::Bytes;
use std::fmt;

/// What may be done about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetryClass {
    /// Wait, longer each time, and say the same again: too much was asked for.
    Throttled,
    /// Wait a little and say the same again: the service had trouble of its own.
    Transient,
    /// Sign again, with the service's clock or with fresh credentials, and say the same again.
    Resign,
    /// Ask for a new iterator or start the listing anew; the old one has expired.
    Renew,
    /// Say something else: the same words will be refused again.
    Never,
}

macro_rules! fault_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $class:ident;)*) => {
        /// The name of a fault.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum FaultCode {
            $($(#[$doc])* $variant,)*
            /// A name that this version does not know.
            Other {
                /// The name.
                name: Box<str>,
                /// The HTTP status that it came with.
                status: u16,
            },
        }

        impl FaultCode {
            /// Every name that is known.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other { name, .. } => name,
                }
            }

            /// The HTTP status it comes with.
            #[must_use]
            pub const fn status(&self) -> u16 {
                match self {
                    $(Self::$variant => $status,)*
                    Self::Other { status, .. } => *status,
                }
            }

            /// What may be done about it; where the name tells nothing, its status does.
            #[must_use]
            pub const fn retry_class(&self) -> RetryClass {
                match self {
                    $(Self::$variant => RetryClass::$class,)*
                    Self::Other { status: 429, .. } => RetryClass::Throttled,
                    Self::Other { status: 500.., .. } => RetryClass::Transient,
                    Self::Other { .. } => RetryClass::Never,
                }
            }
        }

        impl FaultCode {
            /// Takes the name as it comes, with a namespace before a `#` or an address behind a `:`, and the HTTP
            /// status it came with.
            #[must_use]
            pub fn named(name: &str, status: u16) -> Self {
                let name = name.rsplit_once('#').map_or(name, |(_, name)| name);
                let name = name.split(':').next().unwrap_or_default();
                match name {
                    $($name => Self::$variant,)*
                    // The model says `…Exception`, the service sends the name without.
                    "InternalFailureException" => Self::InternalFailure,
                    "ServiceUnavailableException" => Self::ServiceUnavailable,
                    "Throttling" => Self::Throttling,
                    _ => Self::Other { name: name.into(), status },
                }
            }
        }
    };
}

fault_codes! {
    /// The caller may not do this.
    AccessDenied = "AccessDeniedException", 400, Never;
    /// All checks were passed; nothing was done, as was asked.
    DryRunOperation = "DryRunOperationException", 400, Never;
    /// An iterator is older than five minutes.
    ExpiredIterator = "ExpiredIteratorException", 400, Renew;
    /// The token of a listing is older than five minutes.
    ExpiredNextToken = "ExpiredNextTokenException", 400, Renew;
    /// Temporary credentials have expired.
    ExpiredToken = "ExpiredTokenException", 400, Resign;
    /// The signature's parts are incomplete.
    IncompleteSignature = "IncompleteSignatureException", 400, Never;
    /// The service failed. What was asked may have been done.
    InternalFailure = "InternalFailure", 500, Transient;
    /// A member's value makes no sense here.
    InvalidArgument = "InvalidArgumentException", 400, Never;
    /// The signature does not match, or the clocks are too far apart.
    InvalidSignature = "InvalidSignatureException", 400, Never;
    /// The key service refuses the caller.
    KmsAccessDenied = "KMSAccessDeniedException", 400, Never;
    /// The key is disabled.
    KmsDisabled = "KMSDisabledException", 400, Never;
    /// The key is in a state that does not serve.
    KmsInvalidState = "KMSInvalidStateException", 400, Never;
    /// There is no such key.
    KmsNotFound = "KMSNotFoundException", 400, Never;
    /// The account has not subscribed to the key service.
    KmsOptInRequired = "KMSOptInRequired", 400, Never;
    /// The key service is asked too often.
    KmsThrottling = "KMSThrottlingException", 400, Throttled;
    /// A quota is used up, or a control operation is called too often.
    LimitExceeded = "LimitExceededException", 400, Throttled;
    /// No credentials were sent.
    MissingAuthenticationToken = "MissingAuthenticationTokenException", 400, Never;
    /// A parameter is missing.
    MissingParameter = "MissingParameter", 400, Never;
    /// The caller may not do this.
    NotAuthorized = "NotAuthorized", 400, Never;
    /// The account has not subscribed to the service.
    OptInRequired = "OptInRequired", 400, Never;
    /// A shard is written or read too fast.
    ProvisionedThroughputExceeded = "ProvisionedThroughputExceededException", 400, Throttled;
    /// The request reached the service too long after it was signed.
    RequestExpired = "RequestExpired", 400, Resign;
    /// The resource is not in a state that allows this.
    ResourceInUse = "ResourceInUseException", 400, Never;
    /// There is no such stream, shard or consumer.
    ResourceNotFound = "ResourceNotFoundException", 400, Never;
    /// The body is not what its encoding says, or a member is of the wrong kind.
    Serialization = "SerializationException", 400, Never;
    /// The service cannot answer now. What was asked may have been done.
    ServiceUnavailable = "ServiceUnavailable", 503, Transient;
    /// The caller asks too often.
    Throttling = "ThrottlingException", 400, Throttled;
    /// There is no such operation.
    UnknownOperation = "UnknownOperationException", 400, Never;
    /// The access key is unknown.
    UnrecognizedClient = "UnrecognizedClientException", 400, Never;
    /// Members break limits of the service's model.
    Validation = "ValidationException", 400, Never;
}

impl FaultCode {
    /// Whether the operation may have taken effect although it was answered with this fault.
    #[must_use]
    pub const fn may_have_happened(&self) -> bool {
        self.status() >= 500
    }
}

impl fmt::Display for FaultCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A refusal or failure, as the service tells it.
///
/// ```
/// use tailwater_wire::{Codec, Fault, FaultCode};
///
/// let body = r#"{"__type":"ResourceNotFoundException","message":"Stream orders not found."}"#;
/// let fault = Fault::decode(Codec::Json, 400, &body.into(), None).expect("a fault");
/// assert_eq!(fault.code, FaultCode::ResourceNotFound);
/// assert_eq!(fault.message.as_deref(), Some("Stream orders not found."));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// Its name.
    pub code: FaultCode,
    /// Its message, if it brings one. Written by the service for the caller to see; it may quote names.
    pub message: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(out, "{}: {message}", self.code),
            None => write!(out, "{}", self.code),
        }
    }
}

token! {
    /// A fault's text, as long as it may be.
    pub(crate) FaultText, "fault text", 0..=1_048_576
}

/// A text that may turn out to be something else, which does not make the rest unreadable.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Loose(Option<String>);

impl Loose {
    pub(crate) fn new(text: &str) -> Self {
        Self(Some(text.to_owned()))
    }
}

impl Member for Loose {
    const KIND: Kind = Kind::Text(&TextRule::length(0, usize::MAX));

    fn write<S: Sink>(&self, sink: &mut S) {
        sink.text(self.0.as_deref().unwrap_or_default());
    }

    fn read<S: Source>(source: &mut S, _: &Place<'_>, _: Bounds) -> Result<Option<Self>, Halt> {
        match source.text(str::to_owned) {
            Err(Halt::Kind(_)) => source.skip().map(|()| Some(Self(None))),
            read => read.map(|text| Some(Self(Some(text)))),
        }
    }
}

shape! {
    /// The body of an answer that tells a fault. Two spellings of the message are about.
    #[derive(Default)]
    pub(crate) struct FaultBody {
        /// The name.
        "__type" code: Option<FaultText>,
        /// The message.
        "message" message: Option<Loose>,
        /// The message, from the service's parser.
        "Message" parser_message: Option<Loose>,
        /// The older form, in which the fault stands one level deeper.
        "Output" output: Option<OldFaultBody>,
    }

    /// The fault in the older form.
    #[derive(Default)]
    pub(crate) struct OldFaultBody {
        /// The name.
        "__type" code: Option<FaultText>,
    }
}

impl Fault {
    /// A fault with a message.
    #[must_use]
    pub fn new(code: FaultCode, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()) }
    }

    /// A fault without a message.
    #[must_use]
    pub const fn bare(code: FaultCode) -> Self {
        Self { code, message: None }
    }

    /// The body of the answer that tells this fault.
    #[must_use]
    pub fn encode(&self, codec: Codec) -> Bytes {
        let text = |text: &str| text.parse().ok();
        let message = self.message.as_deref().map(Loose::new);
        // What the service's parser refuses is told with a capital letter.
        let by_parser = self.code == FaultCode::Serialization;
        let (message, parser_message) = if by_parser { (None, message) } else { (message, None) };
        codec.encode(&FaultBody { code: text(self.code.as_str()), message, parser_message, output: None })
    }

    /// Reads a fault out of an answer's body, or out of its `x-amzn-errortype` header when the body names none.
    /// `None` if neither does: then something between us and the service has answered.
    #[must_use]
    pub fn decode(codec: Codec, status: u16, body: &Bytes, error_type: Option<&str>) -> Option<Self> {
        let read: Result<FaultBody, DecodeError> = codec.decode_response(body);
        let body = read.unwrap_or_default();
        let named = body.code.or(body.output.and_then(|output| output.code));
        let code = named.as_ref().map(FaultText::as_str).or(error_type)?;
        let code = Some(FaultCode::named(code, status)).filter(|code| !code.as_str().is_empty())?;
        let message = body.message.or(body.parser_message).and_then(|message| message.0);
        Some(Self { code, message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_reads_back_in_both_encodings() {
        for code in FaultCode::ALL {
            for codec in [Codec::Json, Codec::Cbor] {
                for fault in [Fault::new(code.clone(), "why"), Fault::bare(code.clone())] {
                    assert_eq!(Fault::decode(codec, code.status(), &fault.encode(codec), None), Some(fault));
                }
            }
        }
    }

    #[test]
    fn names_are_read_however_they_are_dressed() {
        for name in ["com.amazon.coral.service#SerializationException", "SerializationException:http://example/"] {
            assert_eq!(FaultCode::named(name, 400), FaultCode::Serialization);
        }
        assert_eq!(FaultCode::named("InternalFailureException", 500), FaultCode::InternalFailure);
        let old = r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#;
        assert_eq!(Fault::decode(Codec::Json, 400, &old.into(), None), Some(Fault::bare(FaultCode::UnknownOperation)));
        let capital = r#"{"__type":"SerializationException","Message":"bad"}"#;
        assert_eq!(
            Fault::decode(Codec::Json, 400, &capital.into(), None),
            Some(Fault::new(FaultCode::Serialization, "bad"))
        );
    }

    #[test]
    fn a_page_of_html_is_no_fault_unless_a_header_names_one() {
        let page = Bytes::from_static(b"<html>Bad Gateway</html>");
        assert_eq!(Fault::decode(Codec::Json, 400, &page, None), None);
        let named = Fault::decode(Codec::Json, 400, &page, Some("ThrottlingException:"));
        assert_eq!(named, Some(Fault::bare(FaultCode::Throttling)));
    }

    #[test]
    fn a_name_that_is_not_known_is_judged_by_its_status() {
        for (status, class, doubtful) in
            [(400, RetryClass::Never, false), (429, RetryClass::Throttled, false), (500, RetryClass::Transient, true)]
        {
            let body = Bytes::from_static(br#"{"__type":"Shiny","message":{"not":"text"}}"#);
            let fault = Fault::decode(Codec::Json, status, &body, None).unwrap();
            assert_eq!((fault.code.as_str(), fault.code.status(), fault.message), ("Shiny", status, None));
            assert_eq!((fault.code.retry_class(), fault.code.may_have_happened()), (class, doubtful));
        }
    }

    #[test]
    fn only_the_services_own_failures_may_have_taken_effect() {
        let doubtful: Vec<&FaultCode> = FaultCode::ALL.iter().filter(|code| code.may_have_happened()).collect();
        assert_eq!(doubtful, [&FaultCode::InternalFailure, &FaultCode::ServiceUnavailable]);
    }
}
