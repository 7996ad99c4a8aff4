//! An in-process CQL server for tests: it answers late, wrongly or not at all.
