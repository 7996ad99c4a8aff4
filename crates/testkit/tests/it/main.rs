//! The fakes from outside: they promise what the adapters promise.

mod contract;
