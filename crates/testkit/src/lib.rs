//! Contracts, fakes, simulated time and faults, the oracle: for tests only.
