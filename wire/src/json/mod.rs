//! JSON 1.1 as the service speaks it: blobs in base64, moments as epoch seconds, absent members left out.
//! Reads and writes shapes directly, without a tree; the hot shapes move hundreds of payloads, and base64 in SIMD is the
//! only work left to do on them.

mod read;
mod text;
mod write;

pub(crate) use read::JsonSource;
pub(crate) use write::JsonSink;

#[cfg(test)]
mod tests;
