//! CBOR as the service and the Java SDK speak it: blobs as bytes, moments as tag 1 over whole milliseconds.
//! Definite lengths go out; definite and indefinite ones come in. The items themselves are `minicbor`'s work.

mod read;
mod write;

pub(crate) use read::CborSource;
pub(crate) use write::CborSink;

#[cfg(test)]
mod tests;
