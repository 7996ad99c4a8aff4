//! Laws of the domain over many inputs: the stream state against a plain model (B.4, 2.4), bytes that come from
//! outside (B.3), and known answers.

mod bytes;
mod commands;
mod laws;
mod model;
mod vectors;
mod world;
