//! The machine against rows that a store keeps. To come.
