//! An in-process Customerly that behaves as its API is known to, quirks and faults included.
