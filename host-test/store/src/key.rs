//! The master key: 32 random bytes, wiped when dropped.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::Generate;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::StoreError;

/// The key that seals every secret of one store.
pub(crate) struct MasterKey(Zeroizing<[u8; MasterKey::LENGTH]>);

impl MasterKey {
    const LENGTH: usize = 32;

    pub(crate) fn random() -> Result<Self, StoreError> {
        let bytes = <[u8; Self::LENGTH]>::try_generate().map_err(|_| StoreError::Entropy)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// Reads what [`MasterKey::to_text`] wrote; `None` for anything else.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let decoded = Zeroizing::new(STANDARD.decode(text.trim()).ok()?);
        let bytes = <[u8; Self::LENGTH]>::try_from(decoded.as_slice()).ok()?;
        Some(Self(Zeroizing::new(bytes)))
    }

    /// The key as base64, since some keyrings hold text only.
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0.as_slice()))
    }

    pub(crate) fn bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// Tells keys apart and gives nothing of the key away: half of a SHA-256 of 256 random bits.
    pub(crate) fn fingerprint(&self) -> [u8; 16] {
        let digest = Sha256::new()
            .chain_update(b"connector-store key fingerprint 1\0")
            .chain_update(self.0.as_slice())
            .finalize();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        half
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_from_its_text() {
        let key = MasterKey::random().unwrap();
        let read = MasterKey::from_text(&format!("{}\n", key.to_text().as_str())).unwrap();
        assert_eq!(read.bytes(), key.bytes());
        assert_eq!(read.fingerprint(), key.fingerprint());
    }

    #[test]
    fn what_is_no_key_is_not_read_as_one() {
        for text in ["", "not base64!", "c2hvcnQ="] {
            assert!(MasterKey::from_text(text).is_none(), "{text}");
        }
    }

    #[test]
    fn no_two_keys_share_a_fingerprint() {
        let key = || MasterKey::random().unwrap().fingerprint();
        assert_ne!(key(), key());
    }

    #[test]
    fn debug_shows_nothing_of_a_key() {
        assert_eq!(format!("{:?}", MasterKey::random().unwrap()), "MasterKey");
    }
}
