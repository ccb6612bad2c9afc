//! A conversation with one running `exchange` program: a line of JSON each way, typed on our side.
//! Question and answer alternate, and each program reads a whole line before it writes one, so the pipes cannot fill up
//! on both sides.
//! An `Err` is the end of the conversation; what the other package refuses is an answer like any other.

use super::programs::Language;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use tailwater_record::UserRecord;

/// A running program.
pub(crate) struct Exchange {
    command: String,
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What the other end found in the data of a Kinesis record.
pub(crate) enum Reading {
    /// One payload, passed through.
    Plain(Vec<u8>),
    /// User records, and what it had to say of those that it could not read.
    Aggregate { records: Vec<Given>, complaint: Option<String> },
    /// Nothing but a complaint.
    Refused(String),
}

/// A user record as the other end gives it.
pub(crate) struct Given {
    pub(crate) key: Option<String>,
    pub(crate) hash_key: Option<String>,
    pub(crate) data: Vec<u8>,
}

impl Exchange {
    /// Starts the program. What it prints to its standard error comes out of ours.
    pub(crate) fn start(language: Language) -> Result<Self, Box<dyn Error>> {
        let mut command = language.program("exchange")?;
        let shown = format!("{command:?}");
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|fault| format!("cannot start `{shown}`: {fault}"))?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("`{shown}` has no pipes").into());
        };
        Ok(Self { command: shown, child, questions, answers: BufReader::new(answers) })
    }

    /// Has the data of a Kinesis record taken apart.
    pub(crate) fn unpack(&mut self, data: &[u8]) -> Result<Reading, String> {
        let answer = self.ask(&json!({"unpack": BASE64_STANDARD.encode(data)}))?;
        let complaint = answer["error"].as_str().map(str::to_owned);
        let reading = match (&answer["plain"], &answer["records"], complaint) {
            (Value::String(data), _, _) => decoded(data).map(Reading::Plain),
            (_, Value::Array(records), complaint) => {
                let records = records.iter().map(Given::read).collect::<Option<_>>();
                records.map(|records| Reading::Aggregate { records, complaint })
            }
            (_, _, Some(complaint)) => Some(Reading::Refused(complaint)),
            _ => None,
        };
        reading.ok_or_else(|| self.unknown("unpack"))
    }

    /// Has records packed; the inner `Err` is the other package's complaint.
    pub(crate) fn pack(&mut self, records: &[UserRecord]) -> Result<Result<Vec<u8>, String>, String> {
        let records = records.iter().map(|record| {
            let key = record.partition_key().map(|key| key.as_str());
            let hash_key = record.explicit_hash_key().map(|key| key.to_string());
            json!({"key": key, "hash_key": hash_key, "data": BASE64_STANDARD.encode(record.data())})
        });
        let answer = self.ask(&json!({"pack": records.collect::<Vec<_>>()}))?;
        match (&answer["aggregate"], &answer["error"]) {
            (Value::String(data), _) => decoded(data).map(Ok).ok_or_else(|| self.unknown("pack")),
            (_, Value::String(complaint)) => Ok(Err(complaint.clone())),
            _ => Err(self.unknown("pack")),
        }
    }

    /// Lets the program end, which it does when there are no more questions.
    pub(crate) fn finish(self) -> Result<(), String> {
        let Self { command, mut child, questions, answers } = self;
        drop((questions, answers));
        match child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("`{command}` failed: {status}")),
            Err(fault) => Err(format!("cannot wait for `{command}`: {fault}")),
        }
    }

    fn ask(&mut self, question: &Value) -> Result<Value, String> {
        let mut line = question.to_string();
        line.push('\n');
        let mut answer = String::new();
        let asked = self.questions.write_all(line.as_bytes()).and_then(|()| self.answers.read_line(&mut answer));
        match asked {
            Ok(0) => Err(format!("`{}` ended before it answered", self.command)),
            Ok(_) => {
                serde_json::from_str(&answer).map_err(|fault| format!("`{}` answered no JSON: {fault}", self.command))
            }
            Err(fault) => Err(format!("cannot talk to `{}`: {fault}", self.command)),
        }
    }

    fn unknown(&self, question: &str) -> String {
        format!("`{}` answered `{question}` with something else", self.command)
    }
}

impl Given {
    fn read(record: &Value) -> Option<Self> {
        let text = |name: &str| record[name].as_str().map(str::to_owned);
        Some(Self { key: text("key"), hash_key: text("hash_key"), data: decoded(record["data"].as_str()?)? })
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text).ok()
}
