//! The codec from outside: what it accepts and refuses (C.2), what it renders (C.3), what its segments join to (X.5).

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod examine;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod findings;
#[cfg(test)]
mod fuzz_checks;
#[cfg(test)]
mod fuzz_corpus;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod header;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod invalid;
#[cfg(test)]
mod message;
#[cfg(test)]
mod splice;
#[cfg(test)]
mod traps;
