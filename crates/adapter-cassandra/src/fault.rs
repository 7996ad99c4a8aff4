//! What a failed statement means to the callers of the ports: the same in all of this crate and for the streams.

pub(crate) use pix_stream_cassandra_streams::fault::store_error;
