//! The tag names of the project. A name is the identity of a tag; a deleted and recreated one is a
//! new tag that nobody carries.

use std::collections::BTreeMap;

use crate::words::TAGS;

/// A tag that exists or existed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TagId(usize);

/// Every tag of the project. The ids of the generated ones are known in advance.
#[derive(Clone, Debug)]
pub(crate) struct Tags {
    /// `None` once deleted.
    names: Vec<Option<String>>,
    by_name: BTreeMap<String, TagId>,
}

impl Tags {
    /// The tags that generated contacts carry.
    pub(crate) fn generated() -> Self {
        let names = TAGS.map(|name| Some(name.to_owned())).to_vec();
        let by_name = TAGS.iter().enumerate().map(|(at, &name)| (name.to_owned(), TagId(at)));
        Self { by_name: by_name.collect(), names }
    }

    /// The generated tag at a position of [`TAGS`].
    pub(crate) const fn generated_id(position: usize) -> TagId {
        TagId(position)
    }

    /// The tag of a name, made where it is new.
    pub(crate) fn ensure(&mut self, name: &str) -> TagId {
        *self.by_name.entry(name.to_owned()).or_insert_with(|| {
            self.names.push(Some(name.to_owned()));
            TagId(self.names.len() - 1)
        })
    }

    /// The tag of a name, where it exists.
    pub(crate) fn find(&self, name: &str) -> Option<TagId> {
        self.by_name.get(name).copied()
    }

    /// Drops a tag from the project, and so from every contact.
    pub(crate) fn delete(&mut self, name: &str) {
        if let Some(TagId(at)) = self.by_name.remove(name) {
            self.names[at] = None;
        }
    }

    /// The name of a tag; `None` where it was deleted.
    pub(crate) fn name(&self, TagId(at): TagId) -> Option<&str> {
        self.names[at].as_deref()
    }

    /// All names, in alphabetical order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recreated_tag_is_not_the_deleted_one() {
        let mut tags = Tags::generated();
        let old = tags.ensure("beta");
        tags.delete("beta");
        assert_eq!((tags.name(old), tags.find("beta")), (None, None));
        let new = tags.ensure("beta");
        assert_ne!(new, old);
        assert_eq!(tags.name(new), Some("beta"));
    }
}
