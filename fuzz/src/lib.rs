//! What the fuzz targets share: `choices` turns the input into decisions, `bodies` holds what must be true of a body in
//! either encoding.

pub mod bodies;
pub mod choices;
