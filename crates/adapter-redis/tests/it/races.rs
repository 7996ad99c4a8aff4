//! Two nodes race for the six slots of one participant (issue 6, "How it is judged"): never a seventh stream, never a
//! message that two live streams hold, whatever they try at once.
//!
//! Each node decides in the domain on the snapshot it has and swaps, as `app` does; what the swaps that won led to is
//! replayed in the order of versions and checked. `PIX_TEST_DRILLS=1` races a hundred thousand times.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pix_stream_adapter_redis::RedisCoordinator;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::limits::{Rules, STREAMS_MAX};
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::{Command, Context, Form, Generation, Outcome, Place, StreamState, Supply};
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::{Incarnation, Version};
use pix_stream_ports::coordinator::{Coordinator as _, Expected, Held, Swap};
use pix_stream_stores::test;
use pix_stream_testkit::fake::SplitMix64;

use crate::started::{prefix, single};
