//! A body that cannot be read, refused in the service's words.
//! Three layers: what is no document, what has a value of a wrong kind (told alone), and what breaks limits (told
//! together, up to ten). The words quote the refused value, which errors of `wire` never hold; so the body is read once
//! more, as a tree. That happens on this path only.
//! Pure. Called by `broker`.

use bytes::Bytes;
use tailwater_wire::shape::{Constraint, DecodeError, Found, Kind, Path, Problem, Schema, Step, Value};
use tailwater_wire::{Codec, Fault, FaultCode};

/// What the service answers to a body that `schema`'s operation cannot take.
pub(crate) fn refuse(error: &DecodeError, schema: &'static Schema, codec: Codec, body: &Bytes) -> Fault {
    let document = || codec.read_value(body).unwrap_or(Value::Null);
    match error {
        // The service says no more than this of what is no structure.
        DecodeError::Kind { place, .. } if place.steps().is_empty() => Fault::bare(FaultCode::Serialization),
        DecodeError::Kind { place, expected, found } => {
            serialization(wrong_kind(*expected, *found, || document().at(place).map(shown_text).unwrap_or_default()))
        }
        DecodeError::Base64 { place, .. } => {
            serialization(wrong_base64(&document().at(place).map(shown_text).unwrap_or_default()))
        }
        DecodeError::Invalid { problems } => {
            let document = document();
            let mut entries: Vec<String> = Vec::new();
            for problem in problems {
                let entry = Entry::of(problem, schema, &document).to_string();
                // A list of texts is told once, whichever of them are wrong.
                if !entries.contains(&entry) {
                    entries.push(entry);
                }
            }
            let plural = if entries.len() == 1 { "" } else { "s" };
            let message = format!("{} validation error{plural} detected: {}", entries.len(), entries.join("; "));
            Fault::new(FaultCode::Validation, message)
        }
        DecodeError::Refused { problems } => {
            let document = document();
            let problem = problems.first();
            Fault::new(
                FaultCode::InvalidArgument,
                problem.map_or_else(String::new, |problem| cannot_be(problem, &document)),
            )
        }
        // Nor of what is no document.
        _ => Fault::bare(FaultCode::Serialization),
    }
}

fn serialization(message: String) -> Fault {
    Fault::new(FaultCode::Serialization, message)
}

const NUMBER: &str = "com.amazon.coral.value.json.numbers.TruncatingBigNumber";

fn wrong_kind(expected: Kind, found: Found, text: impl FnOnce() -> String) -> String {
    let class = match found {
        Found::Boolean => "java.lang.Boolean",
        Found::Number => NUMBER,
        _ => "java.lang.String",
    };
    let list = "Start of list found where not expected";
    let map = "Start of structure or map found where not expected.";
    match (expected, found) {
        (Kind::List(_), Found::Map) => map.to_owned(),
        (Kind::List(_), _) => "Expected list or null".to_owned(),
        (Kind::Map(..) | Kind::Structure(_), Found::List) => list.to_owned(),
        (Kind::Map(..), _) => "Expected map or null".to_owned(),
        (Kind::Structure(_), _) => "Expected null".to_owned(),
        (_, Found::List) => list.to_owned(),
        (_, Found::Map) => map.to_owned(),
        (Kind::Text(_), _) => format!("class {class} can not be converted to an String"),
        (Kind::Integer, _) => format!("class {class} can not be converted to an Integer"),
        (Kind::Boolean, Found::Text) => format!("'{}' can not be converted to an Boolean", text().to_uppercase()),
        (Kind::Boolean, _) => format!("class {class} can not be converted to an Boolean"),
        (Kind::Blob(_), _) => format!("class {class} can not be converted to a Blob"),
        (Kind::Timestamp, _) => format!("class {class} can not be converted to milliseconds since epoch"),
    }
}

/// What is wrong with a text that is no base64, by the text as Java sees it.
fn wrong_base64(text: &str) -> String {
    let units = text.encode_utf16().count();
    let content = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let stranger = content.chars().find(|found| !found.is_ascii_alphanumeric() && !"+/".contains(*found));
    let why = match stranger {
        _ if !units.is_multiple_of(4) => {
            format!("Base64 encoded length is expected a multiple of 4 bytes but found: {units}")
        }
        Some(stranger) => format!("Invalid Base64 character: '{stranger}'"),
        // The misspelling is the service's.
        None => "Invalid last non-pad Base64 character dectected".to_owned(),
    };
    format!("'{text}' can not be converted to a Blob: {why}")
}

/// One broken limit, as the service tells it.
struct Entry {
    value: String,
    place: String,
    constraint: String,
}

impl std::fmt::Display for Entry {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { value, place, constraint } = self;
        write!(out, "Value {value} at '{place}' failed to satisfy constraint: {constraint}")
    }
}

impl Entry {
    fn of(problem: &Problem, schema: &'static Schema, document: &Value) -> Self {
        let steps = problem.place.steps();
        let alone = problem.constraint == Constraint::Required;
        let whole = told_of_the_whole(schema, steps).filter(|_| !alone);
        let shown = whole.map_or(steps, |whole| &steps[..whole]);
        let kind = kind_at(schema, shown);
        let value = document.at(&Path::from(shown));
        let value = match value {
            None | Some(Value::Null) => "null".to_owned(),
            Some(value) => format!("'{}'", Shown { value, kind }),
        };
        let constraint = match whole {
            None => constraint(&problem.constraint, kind),
            Some(whole) => of_the_whole(schema, steps, whole),
        };
        Self { value, place: place(shown, document), constraint }
    }
}

/// How many steps lead to the list or map of which the service tells, where it does not tell of a single element.
fn told_of_the_whole(schema: &'static Schema, steps: &[Step]) -> Option<usize> {
    let last = steps.len().checked_sub(1)?;
    let of_texts =
        matches!(kind_at(schema, &steps[..last]), Some(Kind::List(Kind::Text(rule))) if rule.values.is_empty());
    match steps[last] {
        Step::Item(_) if of_texts => Some(last),
        Step::EntryKey(_) | Step::Entry(_) => Some(last),
        _ => None,
    }
}

/// The limit of each element, told of the whole.
fn of_the_whole(schema: &'static Schema, steps: &[Step], whole: usize) -> String {
    let lengths = |min: usize, max: usize| {
        format!(
            "[Member must have length less than or equal to {max}, Member must have length greater than or equal to {min}]"
        )
    };
    match (kind_at(schema, &steps[..whole]), &steps[whole]) {
        (Some(Kind::Map(rule, _)), Step::EntryKey(_)) => {
            format!("Map keys must satisfy constraint: {}", lengths(rule.min, rule.max))
        }
        (Some(Kind::Map(_, rule)), _) => format!("Map value must satisfy constraint: {}", lengths(rule.min, rule.max)),
        (Some(Kind::List(Kind::Text(rule))), _) => {
            format!("Member must satisfy constraint: {}", lengths(rule.min, rule.max))
        }
        _ => String::new(),
    }
}

fn constraint(constraint: &Constraint, kind: Option<Kind>) -> String {
    let length = |word: &str, limit: usize| format!("Member must have length {word} than or equal to {limit}");
    match constraint {
        Constraint::Required => "Member must not be null".to_owned(),
        Constraint::MinValue(min) => format!("Member must have value greater than or equal to {min}"),
        Constraint::MaxValue(max) => format!("Member must have value less than or equal to {max}"),
        Constraint::MinLength { min, .. } => length("greater", *min),
        Constraint::MaxLength { max, .. } => length("less", *max),
        Constraint::Pattern(pattern) => format!("Member must satisfy regular expression pattern: {pattern}"),
        Constraint::OneOf(values) => {
            format!("Member must satisfy enum value set: [{}]", ordered(values, kind).join(", "))
        }
        Constraint::Refused(error) => error.to_string(),
    }
}

/// The service lists the types of iterators in an order of its own.
fn ordered(values: &[&'static str], _: Option<Kind>) -> Vec<&'static str> {
    const ITERATORS: [&str; 5] =
        ["AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"];
    let same = values.len() == ITERATORS.len() && values.iter().all(|value| ITERATORS.contains(value));
    if same { ITERATORS.to_vec() } else { values.to_vec() }
}

/// What a place holds, by the schema.
fn kind_at(schema: &'static Schema, steps: &[Step]) -> Option<Kind> {
    steps.iter().try_fold(Kind::Structure(schema), |kind, step| match (kind, step) {
        (Kind::Structure(schema), Step::Member(name)) => {
            schema.members.iter().find(|member| member.name == *name).map(|member| member.kind)
        }
        (Kind::List(item), Step::Item(_)) => Some(*item),
        (Kind::Map(key, _), Step::EntryKey(_)) => Some(Kind::Text(key)),
        (Kind::Map(_, value), Step::Entry(_)) => Some(Kind::Text(value)),
        _ => None,
    })
}

/// A place as the service writes it: `records.1.member.partitionKey`.
fn place(steps: &[Step], document: &Value) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (depth, step) in steps.iter().enumerate() {
        match step {
            Step::Member(name) => parts.push(lower_first(name)),
            Step::Item(index) => parts.extend([(index + 1).to_string(), "member".to_owned()]),
            Step::Entry(index) | Step::EntryKey(index) => {
                let map = document.at(&Path::from(&steps[..depth]));
                let key = map.and_then(|map| map.key(*index)).unwrap_or_default();
                parts.extend([key.to_owned(), "member".to_owned()]);
            }
        }
    }
    parts.join(".")
}

fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

/// A value as Java prints it.
struct Shown<'v> {
    value: &'v Value,
    kind: Option<Kind>,
}

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let buffer = |out: &mut std::fmt::Formatter<'_>, bytes: usize| {
            write!(out, "java.nio.HeapByteBuffer[pos=0 lim={bytes} cap={bytes}]")
        };
        match (self.value, self.kind) {
            (Value::Null, _) => out.write_str("null"),
            (Value::Boolean(value), _) => write!(out, "{value}"),
            // Beyond the type, the last number inside it is meant.
            (Value::Number(number), _) => write!(out, "{}", number.clamp(&i32::MIN.into(), &i32::MAX.into())),
            (Value::Text(text), Some(Kind::Blob(_))) => {
                let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
                buffer(out, (text.len() / 4 * 3).saturating_sub(padding))
            }
            (Value::Text(text), _) => out.write_str(text),
            (Value::Blob(bytes), _) => buffer(out, *bytes),
            (Value::List(items), kind) => {
                let kind = match kind {
                    Some(Kind::List(kind)) => Some(*kind),
                    _ => None,
                };
                out.write_str("[")?;
                for (index, value) in items.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(out, "{comma}{}", Shown { value, kind })?;
                }
                out.write_str("]")
            }
            // Java prints an object by its class and a hash of its place in memory.
            (Value::Map(_), Some(Kind::Structure(schema))) => {
                write!(out, "com.amazonaws.kinesis.v20131202.{}@c965e310", schema.name)
            }
            (Value::Map(entries), _) => {
                out.write_str("{")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(out, "{comma}{key}={}", Shown { value, kind: None })?;
                }
                out.write_str("}")
            }
        }
    }
}

fn shown_text(value: &Value) -> String {
    Shown { value, kind: None }.to_string()
}

/// What keeps every limit and still cannot be: a hash key beyond the space, an ARN of something else.
fn cannot_be(problem: &Problem, document: &Value) -> String {
    let value = document.at(&problem.place).map(shown_text).unwrap_or_default();
    match problem.place.steps().last() {
        Some(Step::Member("ExplicitHashKey")) => format!(
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {value}"
        ),
        _ => format!("{} {}", problem.place, problem.constraint),
    }
}

#[cfg(test)]
mod tests;
