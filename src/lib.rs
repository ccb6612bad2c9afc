#![doc = include_str!("../README.md")]

#[doc(inline)]
pub use tailwater_record as record;
#[doc(inline)]
pub use tailwater_wire as wire;

#[cfg(feature = "client")]
#[doc(inline)]
pub use tailwater_client as client;
