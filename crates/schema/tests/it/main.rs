//! The schema engine from outside, against two other validators (C.2).

#[cfg(test)]
mod clauses;
#[cfg(test)]
mod differential;
