//! What is known of a record once it is parsed: all that a request, its answer and a reading back need.

use super::record::Fields;

/// A record that may be sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Item {
    /// Records with the same key replace one another within a batch; none replaces nothing.
    pub(super) key: Option<String>,
    /// Only records of one group share a request.
    pub(super) group: String,
    /// Path of its own request, percent-encoded.
    pub(super) path: String,
    /// Query of its own request.
    pub(super) query: Vec<(String, String)>,
    /// Its JSON: an element of a shared request, or the body of its own.
    pub(super) body: Option<String>,
    /// The contact's e-mail, by which an answer may name it.
    pub(super) email: Option<String>,
    /// The contact's `user_id`, by which an answer may name it.
    pub(super) user_id: Option<String>,
    /// How to read it back.
    pub(super) lookup: Option<Lookup>,
}

impl Item {
    /// The query of its own request.
    pub(super) fn query(&self) -> Vec<(&str, &str)> {
        self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// The fields of its JSON; none where there are none to read.
    pub(super) fn fields(&self) -> Fields<'_> {
        self.body.as_deref().and_then(|body| Fields::split(body).ok()).unwrap_or_default()
    }

    /// The body of its own request.
    pub(super) fn text(&self) -> Option<String> {
        self.body.clone()
    }
}

/// Names one contact (or, without an identifier, a list) to read back by GET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lookup {
    /// `/users`, `/leads` or `/tags`.
    pub(super) path: &'static str,
    /// `email` or `user_id`, and its value.
    pub(super) by: Option<(&'static str, String)>,
}

impl Lookup {
    /// The user or lead with this identifier.
    pub(super) fn contact(path: &'static str, by: &'static str, value: &str) -> Self {
        Lookup { path, by: Some((by, value.to_owned())) }
    }
}
