//! The rules of pix-stream as pure values and synchronous state machines. (Expanded below as modules land.)

pub mod checksum;
pub mod ispb;
pub mod resource_id;
pub mod sequence;
pub mod time;
