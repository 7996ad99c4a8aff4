//! What lies in files: folders of schemas and certificates are read whole, and messages are judged, many at a time, in
//! the order in which they were named.
//!
//! What an XSD file or a message means is the codec's business; what is shown of a verdict is the command's.

pub mod folder;
pub mod verdicts;
