//! What a component says of itself: the sections that registries turn into annotations.
//!
//! They are written after linking. A section that is linked in stays in the inner module, where nobody looks.

use anyhow::{Context as _, Result};
use cargo_metadata::Package;
use wasm_metadata::{AddMetadata, AddMetadataField, Description, Licenses, Source, Version};

use crate::revision::Revision;

/// Adds the package's metadata to a component.
pub(crate) fn add(component: &[u8], package: &Package, revision: &Revision) -> Result<Vec<u8>> {
    let source = match &package.repository {
        Some(repository) => repository.clone(),
        None => revision.identifier(),
    };
    let description = package.description.clone().context("the package has no description")?;
    let license = package.license.as_deref().context("the package has no license")?;
    let mut metadata = AddMetadata::default();
    metadata.name = AddMetadataField::Set(package.name.to_string());
    metadata.version = AddMetadataField::Set(Version::new(package.version.to_string()));
    metadata.description = AddMetadataField::Set(Description::new(description));
    metadata.licenses = AddMetadataField::Set(Licenses::new(license)?);
    metadata.revision = AddMetadataField::Set(wasm_metadata::Revision::new(revision.text()));
    metadata.source = AddMetadataField::Set(Source::new(&source)?);
    metadata.to_wasm(component)
}
