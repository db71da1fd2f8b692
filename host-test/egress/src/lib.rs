//! What a plugin may send, where to, and with which secrets: pure policy, apart from I/O.
