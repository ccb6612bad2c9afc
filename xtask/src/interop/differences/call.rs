//! One call, as it is said to both sides. What a side has handed out itself, an iterator or a number, stands in it by
//! name, and is filled in for each side from what that side said.
//! Pure. Made by `life`, changed by `spoil` and `misdress`, sent by `session`.

use super::http::Sent;
use super::memory::{Memory, Who};
use serde_json::Value;

/// What is said to both sides.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The operation that is meant, whatever the header says.
    pub(super) operation: String,
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

/// What the body is.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Document(Value),
    Bytes(Vec<u8>),
}

pub(super) const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/us-east-1/kinesis/aws4_request, \
                                    SignedHeaders=host;x-amz-date;x-amz-target, Signature=0123456789abcdef";

impl Call {
    /// An ordinary call.
    pub(super) fn new(operation: &str, body: Value) -> Self {
        Self {
            operation: operation.to_owned(),
            method: "POST",
            path: "/".to_owned(),
            headers: vec![
                ("content-type", "application/x-amz-json-1.1".to_owned()),
                ("x-amz-target", format!("Kinesis_20131202.{operation}")),
                ("x-amz-date", "20261121T000000Z".to_owned()),
                ("authorization", SIGNATURE.to_owned()),
            ],
            body: Body::Document(body),
        }
    }

    pub(super) fn document(&self) -> Option<&Value> {
        match &self.body {
            Body::Document(document) => Some(document),
            Body::Bytes(_) => None,
        }
    }

    pub(super) fn set_header(&mut self, name: &'static str, value: impl Into<String>) {
        self.remove_header(name);
        self.headers.push((name, value.into()));
    }

    pub(super) fn remove_header(&mut self, name: &str) {
        self.headers.retain(|(other, _)| *other != name);
    }

    /// The call in one side's words.
    pub(super) fn fill(&self, who: Who, memory: &Memory) -> Sent {
        let body = match &self.body {
            Body::Bytes(bytes) => bytes.clone(),
            Body::Document(document) => {
                let mut document = document.clone();
                fill(&mut document, who, memory);
                document.to_string().into_bytes()
            }
        };
        Sent { method: self.method, path: self.path.clone(), headers: self.headers.clone(), body }
    }

    /// The call as a report shows it, and as what is known is matched with it.
    pub(super) fn shown(&self) -> String {
        let body = match &self.body {
            Body::Document(document) => document.to_string(),
            Body::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        };
        let plain = Self::new(&self.operation, Value::Null);
        let mut shown = String::new();
        if self.method != "POST" || self.path != "/" {
            shown.push_str(&format!("{} {} ", self.method, self.path));
        }
        for header in self.headers.iter().filter(|header| !plain.headers.contains(header)) {
            shown.push_str(&format!("[{}: {}] ", header.0, header.1));
        }
        for (name, _) in &plain.headers {
            if !self.headers.iter().any(|(other, _)| other == name) {
                shown.push_str(&format!("[no {name}] "));
            }
        }
        shown + &body
    }
}

fn fill(value: &mut Value, who: Who, memory: &Memory) {
    match value {
        Value::String(text) => {
            if let Some(filled) = memory.filled(who, text) {
                *text = filled;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, who, memory)),
        Value::Object(members) => members.values_mut().for_each(|member| fill(member, who, memory)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
