//! placeholder
/// x
#[derive(Debug)]
pub struct Oracle;
/// x
#[derive(Debug)]
pub struct Report;
/// x
#[derive(Debug)]
pub struct Violation;
