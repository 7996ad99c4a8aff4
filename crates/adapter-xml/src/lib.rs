//! XML in, rendered parts and deflate segments out: the Codec port.
