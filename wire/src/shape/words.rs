//! Members that are text: names and numbers of `record`, opaque tokens, and words from a fixed list.

use super::member::{Bounds, Member};
use super::place::{Constraint, Halt, Place};
use super::schema::{Kind, TextRule};
use super::source::Source;
use std::str::FromStr;

/// A text that has a rule in the service's model and a type of its own with us.
pub(crate) trait Checked: Sized + FromStr<Err = tailwater_record::Error> {
    const RULE: &'static TextRule;

    /// Takes a text that breaks a limit, as a client does with what only its issuer understands.
    fn unchecked(_text: &str) -> Option<Self> {
        None
    }

    /// Judges a text; what it breaks is noted.
    #[inline]
    fn of<S: Source>(source: &mut S, place: &Place<'_>, text: &str) -> Option<Self> {
        match Self::judge(text, source.reading().is_strict()) {
            Ok(value) => Some(value),
            Err(refused) => {
                Self::note(source, place, refused);
                None
            }
        }
    }

    #[inline]
    fn judge(text: &str, strict: bool) -> Result<Self, Refused> {
        text.parse().or_else(|error| match Self::unchecked(text) {
            Some(value) if !strict => Ok(value),
            _ => Err(Self::refuse(text, error)),
        })
    }

    /// Whether the pattern of the rule matches; asked only once the type has refused the text.
    fn matches(_text: &str) -> bool {
        true
    }

    /// Notes which limits a refused text breaks, in the model's terms where these tell it.
    #[cold]
    fn note<S: Source>(source: &mut S, place: &Place<'_>, refused: Refused) {
        let rule = Self::RULE;
        let known = refused.broken.iter().any(|broken| *broken);
        let reading = source.reading();
        let [pattern, min, max] = refused.broken;
        if let Some(text) = rule.pattern.filter(|_| pattern) {
            reading.problem(place, Constraint::Pattern(text));
        }
        if min {
            reading.problem(place, Constraint::MinLength { found: refused.length, min: rule.min });
        }
        if max {
            reading.problem(place, Constraint::MaxLength { found: refused.length, max: rule.max });
        }
        if !known {
            reading.problem(place, Constraint::Refused(refused.error));
        }
    }

    /// What to remember of a refused text when the text itself is given back.
    #[cold]
    fn refuse(text: &str, error: tailwater_record::Error) -> Refused {
        let length = text.chars().count();
        // A pattern is not tried on what is too long anyway.
        let pattern = Self::RULE.pattern.is_some() && (length > PATTERN_MAX || !Self::matches(text));
        Refused { length, broken: [pattern, length < Self::RULE.min, length > Self::RULE.max], error }
    }
}

/// The longest text on which a pattern is tried.
const PATTERN_MAX: usize = 2048;

/// A text that its type would not take.
pub(crate) struct Refused {
    length: usize,
    /// Pattern, fewest characters, most characters.
    broken: [bool; 3],
    error: tailwater_record::Error,
}

/// Makes a type of `record` a member: read by `FromStr`, written by `Display`.
macro_rules! text_member {
    ($type:ty, $rule:expr $(, $matches:expr)? $(; $unchecked:expr)? $(=> $plain:expr)?) => {
        impl $crate::shape::Checked for $type {
            const RULE: &'static $crate::shape::TextRule = &$rule;
            $(fn unchecked(text: &str) -> Option<Self> {
                let unchecked: fn(&str) -> Self = $unchecked;
                Some(unchecked(text))
            })?
            $(fn matches(text: &str) -> bool {
                let matches: fn(&str) -> bool = $matches;
                matches(text)
            })?
        }

        impl $crate::shape::Member for $type {
            const KIND: $crate::shape::Kind = $crate::shape::Kind::Text(<Self as $crate::shape::Checked>::RULE);

            fn write<S: $crate::shape::Sink>(&self, sink: &mut S) {
                // Of the texts that a page has by the thousand, the usual form is written as it stands.
                $(if let Some(text) = $plain(self) {
                    return sink.plain(text.as_ref());
                })?
                sink.display(self);
            }

            fn read<S: $crate::shape::Source>(
                source: &mut S,
                place: &$crate::shape::Place<'_>,
                _: $crate::shape::Bounds,
            ) -> Result<Option<Self>, $crate::shape::Halt> {
                use $crate::shape::Checked;
                let strict = source.reading().is_strict();
                let read = source.text(|text| Self::judge(text, strict));
                match read.map_err(|halt| halt.at(place, Self::KIND))? {
                    Ok(value) => Ok(Some(value)),
                    Err(refused) => {
                        Self::note(source, place, refused);
                        Ok(None)
                    }
                }
            }
        }
    };
}

/// Defines a text that only its issuer understands, limited in length.
macro_rules! token {
    ($(#[$doc:meta])* $vis:vis $type:ident, $noun:literal, $min:literal..=$max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        $vis struct $type(std::sync::Arc<str>);

        impl $type {
            /// The text.
            #[must_use]
            $vis fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = tailwater_record::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                // As many bytes as characters at the least, so that most texts need no count.
                let length = if text.len() <= $max { text.len() } else { text.chars().count() };
                if !($min..=$max).contains(&length) {
                    return Err(tailwater_record::Error::Length { noun: $noun, length, min: $min, max: $max });
                }
                Ok(Self(text.into()))
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(out, "{}({} bytes)", stringify!($type), self.0.len())
            }
        }

        $crate::shape::text_member!($type, $crate::shape::TextRule::length($min, $max); |text| Self(text.into()));
    };
}

/// Defines an enum over the words that a member may be. A word from a newer service is kept in `Other`; as a request it
/// is refused.
macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$word_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $type {
            $($(#[$word_doc])* $variant,)+
            /// A word that this version does not know.
            Other(Box<str>),
        }

        impl $type {
            const RULE: &'static $crate::shape::TextRule = &$crate::shape::TextRule {
                min: 0,
                max: usize::MAX,
                pattern: None,
                values: &[$($word),+],
            };

            /// The word on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $type {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    _ => Self::Other(word.into()),
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl $crate::shape::Member for $type {
            const KIND: $crate::shape::Kind = $crate::shape::Kind::Text(Self::RULE);

            fn write<S: $crate::shape::Sink>(&self, sink: &mut S) {
                sink.text(self.as_str());
            }

            fn read<S: $crate::shape::Source>(
                source: &mut S,
                place: &$crate::shape::Place<'_>,
                _: $crate::shape::Bounds,
            ) -> Result<Option<Self>, $crate::shape::Halt> {
                use $crate::shape::Constraint;
                let word = source.text(|text| Self::from(text)).map_err(|halt| halt.at(place, Self::KIND))?;
                if matches!(word, Self::Other(_)) && source.reading().is_strict() {
                    source.reading().problem(place, Constraint::OneOf(Self::RULE.values));
                    return Ok(None);
                }
                Ok(Some(word))
            }
        }
    };
}

pub(crate) use {text_member, token, words};

pub(crate) mod of_record {
    use super::{Bounds, Checked, Halt, Kind, Member, Place, Source, TextRule};
    use crate::shape::Sink;
    use crate::shapes::ResourceArn;
    use tailwater_record::{
        ConsumerArn, ConsumerName, HashKey, PartitionKey, SequenceNumber, ShardId, StreamArn, StreamName,
    };

    const NAME: TextRule = TextRule::pattern(1, 128, "[a-zA-Z0-9_.-]+");

    fn is_name(text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    }

    fn is_decimal(text: &str, digits: usize) -> bool {
        let plain = text == "0" || !text.starts_with('0');
        plain && (1..=digits).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// Whether `arn:aws.*:kinesis:.*:\d{12}:` stands in front of what begins at `resource` or, if that is nothing,
    /// somewhere. One pass.
    fn is_owned(text: &str, resource: Option<usize>) -> bool {
        const ACCOUNT: usize = 14;
        let (partition, service) = ("arn:aws", ":kinesis:");
        let Some(rest) = text.strip_prefix(partition) else { return false };
        let Some(region) = rest.find(service).map(|at| partition.len() + at + service.len()) else { return false };
        let is_account = |window: &[u8]| {
            let [b':', digits @ .., b':'] = window else { return false };
            digits.iter().all(u8::is_ascii_digit)
        };
        let bytes = text.as_bytes();
        match resource {
            Some(resource) => {
                let start = resource.checked_sub(ACCOUNT).filter(|start| *start >= region);
                start.is_some_and(|start| is_account(&bytes[start..resource]))
            }
            None => bytes[region..].windows(ACCOUNT).any(is_account),
        }
    }

    /// The end of the last white space, which no resource may hold.
    fn end_of_spaces(text: &str) -> usize {
        text.char_indices().rfind(|(_, each)| each.is_whitespace()).map_or(0, |(at, each)| at + each.len_utf8())
    }

    fn is_stream_arn(text: &str) -> bool {
        let (spaces, prefix) = (end_of_spaces(text), "stream/");
        let mut places = text.match_indices(prefix).map(|(at, _)| at);
        !text.contains('\n')
            && places.any(|at| {
                // Where an account number stands in front; asked only there, so that all is one pass.
                at + prefix.len() < text.len()
                    && at + prefix.len() >= spaces
                    && text.as_bytes()[..at].ends_with(b":")
                    && is_owned(text, Some(at))
            })
    }

    fn is_consumer_arn(text: &str) -> bool {
        let parts = || {
            let (rest, created) = text.rsplit_once(':')?;
            let (rest, name) = rest.rsplit_once("/consumer/")?;
            let (owner, stream) = rest.rsplit_once("stream/")?;
            let digits = !created.is_empty() && created.bytes().all(|byte| byte.is_ascii_digit());
            (digits && is_name(name) && is_name(stream)).then_some(owner)
        };
        !text.contains('\n') && parts().is_some_and(|owner| is_owned(owner, None))
    }

    /// A stream, consumer, channel or queue.
    pub(crate) fn is_resource_arn(text: &str) -> bool {
        let spaces = end_of_spaces(text);
        let kinds = ["stream/", "channel/", "queue/"];
        let mut places = kinds.iter().filter_map(|kind| text.rfind(kind).map(|at| (at, at + kind.len())));
        !text.contains('\n')
            && places.any(|(at, name)| name < text.len() && name >= spaces && is_owned(&text[..at], None))
    }

    text_member!(StreamName, NAME, is_name);
    text_member!(ConsumerName, NAME, is_name);
    text_member!(ShardId, NAME, is_name => ShardId::text);
    text_member!(HashKey, TextRule::pattern(0, usize::MAX, r"^(0|([1-9]\d{0,38}))$"), |text| is_decimal(text, 39));
    text_member!(SequenceNumber, TextRule::pattern(0, usize::MAX, r"^(0|([1-9]\d{0,128}))$"), |text| {
        is_decimal(text, 129)
    } => SequenceNumber::digits);
    text_member!(StreamArn, TextRule::pattern(1, 2048, r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+"), is_stream_arn);
    text_member!(
        ConsumerArn,
        TextRule::pattern(
            1,
            2048,
            r"^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+"
        ),
        is_consumer_arn
    );
    text_member!(
        ResourceArn,
        TextRule::pattern(1, 2048, r"arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+"),
        is_resource_arn
    );

    impl Checked for PartitionKey {
        const RULE: &'static TextRule = &TextRule::length(1, 256);
    }

    /// Kept without another allocation: an answer may hold ten thousand of them.
    impl Member for PartitionKey {
        /// One key that nobody could have put must not hold up a page of records.
        const DISPENSABLE: bool = true;
        const KIND: Kind = Kind::Text(Self::RULE);

        fn write<S: Sink>(&self, sink: &mut S) {
            sink.text(self.as_str());
        }

        fn read<S: Source>(source: &mut S, place: &Place<'_>, _: Bounds) -> Result<Option<Self>, Halt> {
            let bytes = source.kept_text().map_err(|halt| halt.at(place, Self::KIND))?;
            match Self::try_from(bytes.clone()) {
                Ok(key) => Ok(Some(key)),
                Err(error) => {
                    Self::note(source, place, Self::refuse(&String::from_utf8_lossy(&bytes), error));
                    Ok(None)
                }
            }
        }
    }
}
