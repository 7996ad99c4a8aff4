//! The codec from outside: what it accepts and refuses (C.2), what it renders (C.3), what its segments join to (X.5).

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod examine;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod message;
#[cfg(test)]
mod splice;
