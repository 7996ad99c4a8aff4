//! The verifier from outside: gathered messages, messages signed here in many spellings, and forged ones
//! (requirement: optional signature check at publish).

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod key;
#[cfg(test)]
mod signed;
#[cfg(test)]
mod spellings;
#[cfg(test)]
mod tree;
