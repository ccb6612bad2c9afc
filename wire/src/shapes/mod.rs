//! Every request and response of the stream operations, one file per noun.
//!
//! Names are the service's, so that its documentation applies. Members are public: a shape is data, checked when it is
//! read or sent, not when it is made. `StreamId` stands nowhere, on purpose: the service reserves it, and SDKs that are
//! sent one leave a custom endpoint for AWS.

mod resource;
mod stream;
mod shard;
mod put;
mod get;
mod subscription;
mod consumer;
mod tag;
mod encryption;
mod capacity;
mod policy;
mod monitoring;
mod account;

pub use account::*;
pub use capacity::*;
pub use consumer::*;
pub use encryption::*;
pub use get::*;
pub use monitoring::*;
pub use policy::*;
pub use put::*;
pub use resource::ResourceArn;
pub use shard::*;
pub use stream::*;
pub use subscription::*;
pub use tag::*;

use crate::Operation;
use crate::shape::{Shape, shape, token};

/// The input of an operation, which knows its name and what it is answered with.
pub trait Call: Shape + Send + Sync {
    /// The operation that takes this input.
    const OPERATION: Operation;
    /// What the service answers.
    type Output: Shape + Send;

    /// About how many bytes its body has, so that it is written into a buffer of the right size.
    fn size_hint(&self) -> usize {
        256
    }
}

/// Ties inputs to operations and outputs.
macro_rules! calls {
    ($($input:ident = $operation:ident -> $output:ident $(, $size_hint:expr)?;)*) => {
        $(impl $crate::shapes::Call for $input {
            const OPERATION: $crate::Operation = $crate::Operation::$operation;
            type Output = $output;
            $(fn size_hint(&self) -> usize {
                let size_hint: fn(&Self) -> usize = $size_hint;
                size_hint(self)
            })?
        })*
    };
}

pub(crate) use calls;

shape! {
    /// The answer of operations that answer nothing: an empty body.
    #[derive(Default)]
    pub struct Empty {}
}

token! {
    /// Where a listing goes on. Valid for 300 seconds, and to be sent alone.
    pub NextToken, "next token", 1..=1_048_576
}
