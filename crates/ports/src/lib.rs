//! What the core needs from the outside, as traits: capabilities, not tools.

pub mod clock;
pub mod codec;
pub mod entropy;
