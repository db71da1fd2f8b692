//! The words of the credential's form that belong to the platform, the same in the terminal and on the page.

/// Title of the field that names a credential.
pub const CREDENTIAL_NAME: &str = "Credential Name";

/// Help under it.
pub const CREDENTIAL_NAME_HELP: &str =
    "A name by which you will find this credential again; no two have the same.";

/// Title of the field that says what a credential is for.
pub const CREDENTIAL_DESCRIPTION: &str = "Credential Description";

/// Help under it.
pub const CREDENTIAL_DESCRIPTION_HELP: &str = "Resource descriptions are recommended but are not required. They should be used to provide information about the \
     resource purpose, data freshness, etc. that can help the owner and other users efficiently understand and utilize \
     the resource.";

/// Title of the fields that are folded away.
pub const ADVANCED: &str = "Advanced settings";

/// Fewer characters than this make a secret that cannot be kept out of the data.
pub const SHORT_SECRET: usize = connector_egress::scrub::SHORTEST_IN_ANSWERS;

/// What to say of a secret that is too short to be kept out of the data.
pub fn short_secret(title: &str) -> String {
    format!(
        "{title} has fewer than {SHORT_SECRET} characters: should the service send it back inside a record, it cannot \
         be told from the data and is not taken out. Make sure that it is whole."
    )
}
