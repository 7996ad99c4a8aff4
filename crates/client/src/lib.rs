//! The reference consumer of pix-stream: stores before it confirms, loses nothing.
