//! The promises of a store as tests. To come.
