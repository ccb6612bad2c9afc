//! Reads the cells of a row with suspicion: people may change them, and SQLite takes any value in any column.
//! Why not rusqlite's own conversions: they cannot tell which column makes no sense, and why. Used by every table.

use super::fault::Fault;
use crate::contract::UnreadableCause;
use bytes::Bytes;
use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::str::FromStr;

/// The cells of a row.
#[derive(Clone, Copy)]
pub(super) struct Cells<'r>(pub(super) &'r Row<'r>);

impl<'r> Cells<'r> {
    /// Text.
    pub(super) fn text(self, column: &'static str) -> Result<Option<&'r str>, UnreadableCause> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(text) => std::str::from_utf8(text).map(Some).map_err(|_| corrupt(column, "is not UTF-8")),
            ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => Err(corrupt(column, "is not text")),
        }
    }

    /// What stands there as text.
    pub(super) fn parsed<T: FromStr<Err: Display>>(self, column: &'static str) -> Result<Option<T>, UnreadableCause> {
        let parse = |text: &str| text.parse().map_err(|error| corrupt(column, &format!("makes no sense: {error}")));
        self.text(column)?.map(parse).transpose()
    }

    /// What stands there as JSON.
    pub(super) fn json<T: DeserializeOwned>(self, column: &'static str) -> Result<Option<T>, UnreadableCause> {
        let parse =
            |text| serde_json::from_str(text).map_err(|error| corrupt(column, &format!("makes no sense: {error}")));
        self.text(column)?.map(parse).transpose()
    }

    /// A whole number.
    pub(super) fn whole(self, column: &'static str) -> Result<Option<u64>, UnreadableCause> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => u64::try_from(number).map(Some).map_err(|_| corrupt(column, "is less than 0")),
            ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => Err(corrupt(column, "is not a whole number")),
        }
    }

    /// Yes or no.
    pub(super) fn flag(self, column: &'static str) -> Result<bool, UnreadableCause> {
        match needed(column, self.whole(column)?)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(corrupt(column, "is neither 0 nor 1")),
        }
    }

    /// A number.
    pub(super) fn real(self, column: &'static str) -> Result<Option<f64>, UnreadableCause> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Real(number) => Ok(Some(number)),
            ValueRef::Integer(_) | ValueRef::Text(_) | ValueRef::Blob(_) => Err(corrupt(column, "is not a number")),
        }
    }

    /// Bytes.
    pub(super) fn bytes(self, column: &'static str) -> Result<Option<Bytes>, UnreadableCause> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Blob(bytes) => Ok(Some(Bytes::copy_from_slice(bytes))),
            ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Text(_) => Err(corrupt(column, "is not a blob")),
        }
    }

    /// What stands there, for people.
    pub(super) fn shown(self, column: &'static str) -> String {
        match self.value(column) {
            Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
            Ok(ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_)) | Err(_) => {
                "?".to_owned()
            }
        }
    }

    fn value(self, column: &'static str) -> Result<ValueRef<'r>, UnreadableCause> {
        self.0.get_ref(column).map_err(|_| corrupt(column, "is not there"))
    }
}

/// What must stand in a row.
pub(super) fn needed<T>(column: &'static str, value: Option<T>) -> Result<T, UnreadableCause> {
    value.ok_or_else(|| corrupt(column, "is empty"))
}

/// Nonsense.
pub(super) fn corrupt(column: &'static str, reason: &str) -> UnreadableCause {
    UnreadableCause::Corrupt { column, reason: reason.to_owned() }
}

/// A whole number as SQLite holds it; one that it cannot hold is not written.
pub(super) fn stored(row: &impl Display, column: &'static str, number: u64) -> Result<i64, Fault> {
    i64::try_from(number).map_err(|_| {
        let reason = format!("would be {number}, and {} is the most that it holds", i64::MAX);
        Fault::unreadable(row.to_string(), corrupt(column, &reason))
    })
}

/// What is stored as JSON.
pub(super) fn as_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("names, numbers and lists of them are JSON")
}
