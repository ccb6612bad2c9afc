//! What a side has said, without what differs by its nature, and how two such answers differ.
//! A refusal is compared as a whole, but for the entries of a ValidationException, which are compared one by one and in
//! no order; a document is compared member by member. So what is known can be told narrowly.
//! Pure. Called by `session`.

use super::http::Answer;
use super::memory::{Memory, Who};
use super::side::Became;
use bytes::Bytes;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use tailwater_wire::{Codec, Fault};

/// One thing that the sides do otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Where: `answer`, `entry`, `WRONG_KIND`, `header NAME`, or the path of a member.
    pub(super) place: String,
    pub(super) theirs: String,
    pub(super) ours: String,
}

/// Whose answer it is, and about which stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'m> {
    pub(super) who: Who,
    pub(super) stream: &'m str,
    pub(super) memory: &'m Memory,
}

impl About<'_> {
    fn shown(&self, text: &str) -> String {
        self.memory.shown(self.who, self.stream, text)
    }
}

/// What a side has said.
#[derive(Clone, Debug)]
pub(super) struct Told {
    status: u16,
    headers: Vec<(&'static str, String)>,
    said: Said,
}

#[derive(Clone, Debug)]
enum Said {
    Document(Value),
    /// A ValidationException: how many entries it announces, and the entries.
    Entries(BTreeSet<String>),
    Text(String),
}

/// The headers that clients look at.
const HEADERS: [&str; 5] = [
    "content-type",
    "access-control-allow-origin",
    "access-control-allow-headers",
    "access-control-max-age",
    "access-control-expose-headers",
];
/// Those of which only the presence counts.
const PRESENT: [&str; 3] = ["x-amzn-requestid", "x-amz-id-2", "content-length"];
const NONE: &str = "none";
/// The place of a difference between what two sides say of a member of a wrong kind.
pub(super) const WRONG_KIND: &str = "member of a wrong kind";

impl Told {
    pub(super) fn new(became: &Became, about: &About<'_>, with_texts: bool) -> Self {
        let answer = match became {
            Became::Answered(answer) => answer,
            Became::Silent => return Self::only("no answer"),
            Became::Ended => return Self::only("no answer, the process has ended"),
        };
        let value = |name: &'static str| (name, answer.header(name).unwrap_or(NONE).to_owned());
        let present =
            |name: &'static str| (name, if answer.header(name).is_some() { "present" } else { NONE }.to_owned());
        let headers = HEADERS.into_iter().map(value).chain(PRESENT.into_iter().map(present)).collect();
        Self { status: answer.status, headers, said: said(answer, about, with_texts) }
    }

    fn only(text: &str) -> Self {
        Self { status: 0, headers: Vec::new(), said: Said::Text(text.to_owned()) }
    }

    fn line(&self) -> String {
        let text = match &self.said {
            Said::Document(document) => cut(document.to_string()),
            Said::Entries(entries) => {
                let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
                format!("ValidationException: {}", entries.join("; "))
            }
            Said::Text(text) => text.clone(),
        };
        if self.status == 0 { text } else { format!("{} {text}", self.status) }
    }

    /// What `ours` does otherwise.
    pub(super) fn compare(&self, ours: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        match (&self.said, &ours.said) {
            (Said::Document(one), Said::Document(other)) if self.status == ours.status => {
                walk("", Some(one), Some(other), &mut found);
            }
            (Said::Entries(one), Said::Entries(other)) => entries(one, other, &mut found),
            (Said::Entries(one), _) => found.extend(one.iter().map(|entry| {
                let ours = format!("{NONE}, but {}", ours.line());
                Difference { place: "entry".to_owned(), theirs: cut(entry.clone()), ours }
            })),
            (_, Said::Entries(other)) => found.extend(other.iter().map(|entry| {
                let theirs = format!("{NONE}, but {}", self.line());
                Difference { place: "entry".to_owned(), theirs, ours: cut(entry.clone()) }
            })),
            (Said::Text(one), Said::Text(other)) if self.status == ours.status && one == other => {}
            (Said::Text(one), Said::Text(other)) if is_of_type(one) && is_of_type(other) => {
                found.push(Difference { place: WRONG_KIND.to_owned(), theirs: one.clone(), ours: other.clone() });
            }
            _ => found.push(Difference { place: "answer".to_owned(), theirs: self.line(), ours: ours.line() }),
        }
        for ((name, one), (_, other)) in self.headers.iter().zip(&ours.headers) {
            // Of another status, other headers follow.
            if one != other && self.status == ours.status {
                found.push(Difference { place: format!("header {name}"), theirs: one.clone(), ours: other.clone() });
            }
        }
        found
    }
}

fn is_of_type(text: &str) -> bool {
    text.starts_with("SerializationException (Message): ")
}

fn said(answer: &Answer, about: &About<'_>, with_texts: bool) -> Said {
    let cbor = answer.header("content-type").is_some_and(|kind| kind.contains("cbor"));
    if cbor {
        let fault = Fault::decode(Codec::Cbor, answer.status, &Bytes::copy_from_slice(&answer.body), None);
        return Said::Text(fault.map_or_else(|| format!("{:?}", answer.body), |fault| fault.to_string()));
    }
    let Ok(mut document) = serde_json::from_slice::<Value>(&answer.body) else {
        return Said::Text(String::from_utf8_lossy(&answer.body).into_owned());
    };
    let Some(kind) = document.get("__type").and_then(Value::as_str).map(str::to_owned) else {
        settle(&mut document, "", about);
        return Said::Document(document);
    };
    if !with_texts {
        return Said::Text(kind);
    }
    match (document.get("message").and_then(Value::as_str), document.get("Message").and_then(Value::as_str)) {
        (Some(message), None) => match message.split_once(" detected: ") {
            Some((_, entries)) if kind == "ValidationException" => {
                Said::Entries(entries.split("; ").map(|entry| about.shown(entry)).collect())
            }
            _ => Said::Text(format!("{kind}: {}", about.shown(message))),
        },
        (None, Some(message)) => Said::Text(format!("{kind} (Message): {}", about.shown(message))),
        (None, None) => Said::Text(kind),
        (Some(_), Some(_)) => Said::Text(document.to_string()),
    }
}

/// Puts names in place of what differs by its nature.
fn settle(value: &mut Value, name: &str, about: &About<'_>) {
    match value {
        Value::Object(members) => members.iter_mut().for_each(|(name, member)| settle(member, name, about)),
        Value::Array(items) => items.iter_mut().for_each(|item| settle(item, name, about)),
        Value::String(text) => {
            *text = match name {
                "ShardIterator" | "NextShardIterator" | "NextToken" => format!("<{name}>"),
                _ => about.shown(text),
            }
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            if name.ends_with("Timestamp") && (1.7e9..2.1e9).contains(&number) {
                *value = "<time>".into();
            } else if name == "MillisBehindLatest" && number > 0.0 {
                *value = "<more than 0>".into();
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn walk(path: &str, theirs: Option<&Value>, ours: Option<&Value>, found: &mut Vec<Difference>) {
    match (theirs, ours) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                walk(&path, one.get(name), other.get(name), found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            if one.len() != other.len() {
                let (theirs, ours) = (format!("{} items", one.len()), format!("{} items", other.len()));
                found.push(Difference { place: format!("{path}[]"), theirs, ours });
            }
            // Of lists of which one is a part of the other, what is in both is compared.
            let same = |item: &Value, at: usize| match item.get("ShardId") {
                Some(id) if one.len() != other.len() => other.iter().position(|other| other.get("ShardId") == Some(id)),
                _ => Some(at),
            };
            for (at, item) in one.iter().enumerate() {
                if let Some(other) = same(item, at).and_then(|at| other.get(at)) {
                    walk(&format!("{path}[]"), Some(item), Some(other), found);
                }
            }
        }
        (one, other) if one != other => {
            let show =
                |value: Option<&Value>| value.map_or_else(|| "absent".to_owned(), |value| cut(value.to_string()));
            found.push(Difference { place: path.to_owned(), theirs: show(one), ours: show(other) });
        }
        _ => {}
    }
}

/// How many entries are told at most.
const ENTRIES_MAX: usize = 10;

fn entries(theirs: &BTreeSet<String>, ours: &BTreeSet<String>, found: &mut Vec<Difference>) {
    // Which ten of more are told depends on the order, which means nothing.
    if theirs.len() == ENTRIES_MAX && ours.len() == ENTRIES_MAX {
        return;
    }
    let mut rest: Vec<&String> = ours.difference(theirs).collect();
    for entry in theirs.difference(ours) {
        let same = rest.iter().position(|other| subject(other) == subject(entry));
        let ours = same.map_or_else(|| NONE.to_owned(), |same| rest.remove(same).clone());
        found.push(Difference { place: "entry".to_owned(), theirs: cut(entry.clone()), ours: cut(ours) });
    }
    for entry in rest {
        found.push(Difference { place: "entry".to_owned(), theirs: NONE.to_owned(), ours: cut(entry.clone()) });
    }
}

/// The place that an entry tells of, and the first words of the constraint.
fn subject(entry: &str) -> (&str, String) {
    let place = entry.rsplit_once(" at '").map_or(entry, |(_, rest)| rest);
    let (place, constraint) = place.split_once("' failed to satisfy constraint: ").unwrap_or((place, ""));
    (place, constraint.split(' ').take(5).collect::<Vec<_>>().join(" "))
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(20_000) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The members of an answer that succeeded; none if it did not.
pub(super) fn members(became: &Became) -> Option<Map<String, Value>> {
    match became {
        Became::Answered(answer) if answer.status == 200 => match serde_json::from_slice(&answer.body) {
            Ok(Value::Object(members)) => Some(members),
            _ => Some(Map::new()),
        },
        _ => None,
    }
}
