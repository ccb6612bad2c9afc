//! How a request or response is described once and then spoken in both encodings.
//!
//! `shape!` (in `define.rs`) makes a struct and, from the same lines, its schema and its way in and out. A member is
//! read and written through two small traits, [`Source`] and [`Sink`], which `json` and `cbor` implement; so no tree
//! stands between bytes and struct, in either encoding, for any operation.
//!
//! The schema is data: a test holds it against the service's own model, and errors name what it says.

mod define;
mod member;
mod place;
mod schema;
mod sink;
mod source;
mod value;
mod words;

pub(crate) use define::shape;
#[cfg(test)]
pub(crate) use member::BLOB_MAX;
pub use member::{Bounds, Member};
pub(crate) use member::{Shown, keeps_length};
pub use place::{Constraint, DecodeError, Path, Problem, Step};
pub(crate) use place::{Halt, Place};
pub use schema::{Kind, MemberSchema, Schema, TextRule};
pub use sink::{Key, Sink};
pub(crate) use source::Reading;
pub use source::{Base64Fault, Found, Source};
pub use value::Value;
pub(crate) use words::of_record::is_resource_arn;
pub(crate) use words::{Checked, text_member, token, words};

/// A struct that `shape!` made: a request, a response, or a part of one.
pub trait Shape: Member {
    /// Its name and members, as the service's model has them.
    const SCHEMA: &'static Schema;
}
