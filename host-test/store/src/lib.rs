//! The credential store: SQLite, every secret sealed.
