//! The points at which the tests kill the process. Outside tests there are none.

/// One of the moments before and after each write.
#[cfg(not(test))]
pub(crate) fn point(_what: &str) {}

#[cfg(test)]
pub(crate) use crate::tests::crash::point;
