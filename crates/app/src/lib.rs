//! Use cases of pix-stream: publish, pull, close, sweep, checkpoint, expire.
