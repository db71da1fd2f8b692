//! The ids of rows: 16 hexadecimal digits from the system's entropy, one type per kind of row.

use std::fmt;

use chacha20poly1305::aead::Generate;
use serde::Serialize;

use crate::error::StoreError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub(crate) fn random() -> Result<Self, StoreError> {
                Ok(Self(random()?))
            }

            /// The id of a row that was read.
            pub(crate) fn stored(text: String) -> Self {
                Self(text)
            }

            /// The 16 digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// The id of a saved credential. It outlives a rename.
    CredentialId
}

id! {
    /// The id of a saved source or destination. It outlives a rename.
    FlowId
}

/// 16 hexadecimal digits, never twice.
pub(crate) fn random() -> Result<String, StoreError> {
    let bits = u64::try_generate().map_err(|_| StoreError::Entropy)?;
    Ok(format!("{bits:016x}"))
}
