//! Rows in a SQLite file. To come.
