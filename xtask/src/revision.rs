//! Which source a release was made from.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// A commit of this repository, and whether the files differ from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Revision {
    commit: String,
    dirty: bool,
}

impl Revision {
    /// Of the files as they are.
    pub(crate) fn of(root: &Path) -> Result<Self> {
        // `--exclude '*'` leaves no tag to describe by, so that it is always the commit.
        let output = Command::new("git")
            .current_dir(root)
            .args(["describe", "--always", "--abbrev=40", "--dirty", "--exclude", "*"])
            .output()
            .context("cannot run git")?;
        if !output.status.success() {
            bail!("git: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(Revision::parse(&String::from_utf8(output.stdout).context("git printed no text")?))
    }

    fn parse(text: &str) -> Self {
        let text = text.trim();
        let (commit, dirty) = match text.strip_suffix("-dirty") {
            Some(commit) => (commit, true),
            None => (text, false),
        };
        Revision { commit: commit.to_owned(), dirty }
    }

    /// Whether the files differ from the commit, so that nobody else can build the same.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// The commit, with `-dirty` behind it where the files differ from it.
    pub(crate) fn text(&self) -> String {
        let Revision { commit, dirty } = self;
        format!("{commit}{}", if *dirty { "-dirty" } else { "" })
    }

    /// The source's address where no server is named for it: the identifier of ISO/IEC 18670, which is the same for
    /// every copy of the commit.
    pub(crate) fn identifier(&self) -> String {
        format!("swh:1:rev:{}", self.commit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(described: &str, text: &str, identifier: &str) {
        let revision = Revision::parse(described);
        assert_eq!((revision.text().as_str(), revision.identifier().as_str()), (text, identifier));
    }

    #[test]
    fn a_revision_says_when_the_files_differ_from_it() {
        check("0f87ddd\n", "0f87ddd", "swh:1:rev:0f87ddd");
        check("0f87ddd-dirty\n", "0f87ddd-dirty", "swh:1:rev:0f87ddd");
        assert!(Revision::parse("0f87ddd-dirty").is_dirty());
    }
}
