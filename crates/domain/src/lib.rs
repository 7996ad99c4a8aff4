//! The rules of pix-stream as pure values and synchronous state machines. What follows is the crate's README.
#![doc = include_str!("../README.md")]

pub mod audit;
pub mod checksum;
pub mod digest;
pub mod holds;
pub mod ispb;
pub mod limits;
pub mod participant;
pub mod rate;
pub mod replay;
pub mod resource_id;
pub mod sequence;
pub mod stream;
pub mod switches;
pub mod time;
pub mod token;
pub mod version;
mod wire;
