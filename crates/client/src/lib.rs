//! The reference consumer of pix-stream as a library: it stores before it confirms, and loses nothing.
#![doc = include_str!("../README.md")]

mod answer;
mod api;
mod batch;
mod channel;
pub mod config;
mod consumer;
mod ending;
mod endpoint;
mod error;
mod event;
mod file_sink;
mod message;
mod multipart;
mod publisher;
mod refusal;
mod retry;
mod sink;
mod verdict;

pub use answer::Error as BodyError;
pub use api::{Api, Reply};
pub use batch::{Error as BatchError, PullNext};
pub use channel::{Error as ConnectionError, Put};
pub use consumer::{Consumer, Options, Stop};
pub use endpoint::{Credentials, Dial, Dialing, Endpoint, Error as EndpointError, Pipe};
pub use error::{Error, Failure};
pub use event::{Event, Observer, Summary, Unobserved};
pub use file_sink::{FileSink, REMEMBERED};
pub use message::{Message, find_message_id};
pub use multipart::Error as MultipartError;
pub use publisher::{Publisher, Taken};
pub use refusal::Refusal;
pub use sink::{MemorySink, Outcome, Sink, SinkError, Totals};
