//! Members that are text: names and numbers of `record`, opaque tokens, and words from a fixed list.

use super::member::{Bounds, Member};
use super::place::{Constraint, Halt, Place};
use super::schema::{Kind, TextRule};
use super::source::Source;

/// A text that has a rule in the service's model and a type of its own with us.
pub(crate) trait Checked: Sized {
    const RULE: &'static TextRule;

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
        let pattern = Self::RULE.pattern.is_some() && !Self::matches(text);
        Refused { length, broken: [pattern, length < Self::RULE.min, length > Self::RULE.max], error }
    }
}

/// A text that its type would not take.
pub(crate) struct Refused {
    length: usize,
    /// Pattern, fewest characters, most characters.
    broken: [bool; 3],
    error: tailwater_record::Error,
}

/// Makes a type of `record` a member: read by `FromStr`, written by `Display`.
macro_rules! text_member {
    ($type:ty, $rule:expr $(, $matches:expr)?) => {
        impl $crate::shape::Checked for $type {
            const RULE: &'static $crate::shape::TextRule = &$rule;
            $(fn matches(text: &str) -> bool {
                let matches: fn(&str) -> bool = $matches;
                matches(text)
            })?
        }

        impl $crate::shape::Member for $type {
            const KIND: $crate::shape::Kind = $crate::shape::Kind::Text(<Self as $crate::shape::Checked>::RULE);

            fn write<S: $crate::shape::Sink>(&self, sink: &mut S) {
                sink.display(self);
            }

            fn read<S: $crate::shape::Source>(
                source: &mut S,
                place: &$crate::shape::Place<'_>,
                _: $crate::shape::Bounds,
            ) -> Result<Option<Self>, $crate::shape::Halt> {
                use $crate::shape::Checked;
                let read = source.text(|text| text.parse::<Self>().map_err(|error| Self::refuse(text, error)));
                match read.map_err(|halt| halt.at(place, Self::KIND.noun()))? {
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

        $crate::shape::text_member!($type, $crate::shape::TextRule::length($min, $max));
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
                let word = source.text(|text| Self::from(text)).map_err(|halt| halt.at(place, Self::KIND.noun()))?;
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

mod of_record {
    use super::{Bounds, Checked, Halt, Kind, Member, Place, Source, TextRule};
    use crate::shape::Sink;
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

    /// Whether `arn:aws.*:kinesis:.*:\d{12}:` with this resource matches; `.` is any character but a line's end.
    fn is_arn(text: &str, resource: fn(&str) -> bool) -> bool {
        let one_line = !text.contains('\n');
        let Some(rest) = text.strip_prefix("arn:aws").filter(|_| one_line) else { return false };
        rest.match_indices(":kinesis:").any(|(at, service)| {
            let rest = &rest[at + service.len()..];
            rest.match_indices(':').any(|(at, _)| {
                let rest = rest.as_bytes().get(at + 1..).unwrap_or_default();
                let account = rest.get(..12).is_some_and(|account| account.iter().all(u8::is_ascii_digit));
                account && rest.get(12) == Some(&b':') && std::str::from_utf8(&rest[13..]).is_ok_and(resource)
            })
        })
    }

    text_member!(StreamName, NAME, is_name);
    text_member!(ConsumerName, NAME, is_name);
    text_member!(ShardId, NAME, is_name);
    text_member!(HashKey, TextRule::pattern(0, usize::MAX, r"^(0|([1-9]\d{0,38}))$"), |text| is_decimal(text, 39));
    text_member!(SequenceNumber, TextRule::pattern(0, usize::MAX, r"^(0|([1-9]\d{0,128}))$"), |text| {
        is_decimal(text, 129)
    });
    text_member!(StreamArn, TextRule::pattern(1, 2048, r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+"), |text| {
        is_arn(text, |rest| {
            rest.strip_prefix("stream/").is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace))
        })
    });
    text_member!(
        ConsumerArn,
        TextRule::pattern(
            1,
            2048,
            r"^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+"
        ),
        |text| {
            is_arn(text, |rest| {
                rest.match_indices("stream/").any(|(at, prefix)| {
                    let parts = rest[at + prefix.len()..].split_once("/consumer/");
                    parts.and_then(|(stream, rest)| Some((stream, rest.split_once(':')?))).is_some_and(
                        |(stream, (name, created))| {
                            is_name(stream) && is_name(name) && created.bytes().all(|byte| byte.is_ascii_digit())
                        },
                    )
                })
            })
        }
    );

    impl Checked for PartitionKey {
        const RULE: &'static TextRule = &TextRule::length(1, 256);
    }

    /// Kept without another allocation: an answer may hold ten thousand of them.
    impl Member for PartitionKey {
        const KIND: Kind = Kind::Text(Self::RULE);

        fn write<S: Sink>(&self, sink: &mut S) {
            sink.text(self.as_str());
        }

        fn read<S: Source>(source: &mut S, place: &Place<'_>, _: Bounds) -> Result<Option<Self>, Halt> {
            let bytes = source.kept_text().map_err(|halt| halt.at(place, Self::KIND.noun()))?;
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
