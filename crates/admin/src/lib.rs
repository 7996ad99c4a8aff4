//! The admin API: what operators and auditors ask of a running server, JSON over mutual TLS.
//!
//! One table says which routes there are, what each does and who may use it. What a command does to participants is
//! `app`'s; what it does to this process and its files is behind the traits of [`hooks`].

pub mod hooks;

pub use hooks::Hooks;
