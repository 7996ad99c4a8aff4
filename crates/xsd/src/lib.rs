//! XSD files as trees: what is written, where it stands, and whether XSD knows it and we support it.
//!
//! Each file is looked at alone; what names mean is for whoever compiles the trees (the crate `schema`). Problems are
//! collected, so that all of them are told at once.

pub mod grammar;
mod problems;
mod syntax;

pub use problems::{PROBLEMS_MAX, Place, Problem, Problems};
pub use syntax::{Node, SPACES, Source, XSD, read};
