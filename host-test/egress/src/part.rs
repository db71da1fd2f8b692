//! Values as the plugin writes them: parts, of which some name a secret.
//!
//! The plugin never holds a secret: it writes *where* one goes. The parts of a value are joined
//! without a separator; `Base64` is the standard base64, padded, of its pieces joined, which makes
//! `Basic user:password` possible.

/// A piece of [`Part::Base64`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The secret of the slot with this name.
    Secret(String),
    /// Text as it is.
    Text(String),
}

/// A part of the value of a header or of a query parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The base64 of the pieces joined.
    Base64(Vec<Piece>),
    /// The secret of the slot with this name.
    Secret(String),
    /// Text as it is.
    Text(String),
}

/// A header as the plugin plans it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderPlan {
    /// The name, a token in any case.
    pub name: String,
    /// The parts of the value.
    pub value: Vec<Part>,
}

/// A query parameter as the plugin plans it: percent-encoded and appended by the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryPlan {
    /// The name, not encoded.
    pub name: String,
    /// The parts of the value, not encoded.
    pub value: Vec<Part>,
}

impl HeaderPlan {
    /// A header whose value is text alone.
    pub fn text(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: vec![Part::Text(value.into())] }
    }
}

impl QueryPlan {
    /// A parameter whose value is text alone.
    pub fn text(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: vec![Part::Text(value.into())] }
    }
}

/// The names of the slots that the parts name, in order, repeated where they are.
pub fn slots_of(parts: &[Part]) -> impl Iterator<Item = &str> {
    parts.iter().flat_map(|part| {
        let (own, pieces) = match part {
            Part::Base64(pieces) => (None, pieces.as_slice()),
            Part::Secret(slot) => (Some(slot.as_str()), [].as_slice()),
            Part::Text(_) => (None, [].as_slice()),
        };
        own.into_iter().chain(pieces.iter().filter_map(|piece| match piece {
            Piece::Secret(slot) => Some(slot.as_str()),
            Piece::Text(_) => None,
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_found_in_parts_and_in_their_pieces() {
        let parts = [
            Part::Text("Basic ".into()),
            Part::Base64(vec![Piece::Text("user:".into()), Piece::Secret("password".into())]),
            Part::Secret("key".into()),
        ];
        assert_eq!(slots_of(&parts).collect::<Vec<_>>(), ["password", "key"]);
        assert_eq!(slots_of(&[Part::Text("secret".into())]).count(), 0);
    }
}
