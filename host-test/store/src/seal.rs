//! One secret, sealed to its record and field.
//!
//! A sealed secret is a byte for the scheme, a random nonce of 24 bytes, and the ciphertext of
//! XChaCha20-Poly1305 with its tag. Scheme, record id and field name are the associated data: a
//! sealed secret that is put into another row or under another field does not open. What this
//! does not notice is an older sealed secret of the same row and field put back; that needs write
//! access to the owner's files.

use chacha20poly1305::aead::{Aead, Generate, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use connector_egress::secret::Secret;
use zeroize::Zeroize;

use crate::error::StoreError;
use crate::id::CredentialId;
use crate::key::MasterKey;

/// Why a sealed secret did not open; nothing more can be known.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct NotGenuine;

/// Seals a secret for one field of one record.
pub(crate) fn seal(
    key: &MasterKey,
    id: &CredentialId,
    field: &str,
    secret: &Secret,
) -> Result<Vec<u8>, StoreError> {
    let nonce = XNonce::try_generate().map_err(|_| StoreError::Entropy)?;
    let aad = associated_data(id, field);
    let payload = Payload { msg: secret.expose().as_bytes(), aad: &aad };
    let ciphertext = XChaCha20Poly1305::new(key.bytes().into())
        .encrypt(&nonce, payload)
        .expect("a secret is far shorter than the cipher's limit of 256 GiB");
    let mut sealed = Vec::with_capacity(1 + nonce.len() + ciphertext.len());
    sealed.push(SCHEME);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

/// Opens what [`seal`] made for the same field of the same record under the same key.
pub(crate) fn open(
    key: &MasterKey,
    id: &CredentialId,
    field: &str,
    sealed: &[u8],
) -> Result<Secret, NotGenuine> {
    let rest = sealed.strip_prefix(&[SCHEME]).ok_or(NotGenuine)?;
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>().ok_or(NotGenuine)?;
    let aad = associated_data(id, field);
    let plain = XChaCha20Poly1305::new(key.bytes().into())
        .decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: &aad })
        .map_err(|_| NotGenuine)?;
    String::from_utf8(plain).map(Secret::new).map_err(|error| {
        error.into_bytes().zeroize();
        NotGenuine
    })
}

/// Scheme, id and field, each with its length before it, so that no two triples give the same
/// bytes.
fn associated_data(id: &CredentialId, field: &str) -> Vec<u8> {
    let mut data = vec![SCHEME];
    for part in [id.as_str(), field] {
        data.extend_from_slice(&(part.len() as u64).to_le_bytes());
        data.extend_from_slice(part.as_bytes());
    }
    data
}

/// The version of the layout, the cipher and the associated data.
const SCHEME: u8 = 1;
const NONCE: usize = 24;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> CredentialId {
        CredentialId::stored(text.to_owned())
    }

    proptest! {
        #[test]
        fn a_sealed_secret_opens_and_only_for_its_record_and_field_and_key(
            text in any::<String>(),
            field in "[a-z_]{1,12}",
            other in "[a-z_]{1,12}",
        ) {
            let key = MasterKey::random().unwrap();
            let sealed = seal(&key, &id("a"), &field, &Secret::new(text.clone())).unwrap();
            let opened = open(&key, &id("a"), &field, &sealed).unwrap();
            prop_assert_eq!(opened.expose(), &text);
            prop_assert!(open(&key, &id("b"), &field, &sealed).is_err());
            prop_assert_eq!(open(&key, &id("a"), &other, &sealed).is_ok(), other == field);
            prop_assert!(open(&MasterKey::random().unwrap(), &id("a"), &field, &sealed).is_err());
        }

        #[test]
        fn a_changed_byte_anywhere_closes_it(
            text in ".{1,40}",
            at in any::<prop::sample::Index>(),
            change in 1u8..,
        ) {
            let key = MasterKey::random().unwrap();
            let mut sealed = seal(&key, &id("a"), "api_key", &Secret::new(text)).unwrap();
            let at = at.index(sealed.len());
            sealed[at] ^= change;
            prop_assert!(open(&key, &id("a"), "api_key", &sealed).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>()) {
            let key = MasterKey::random().unwrap();
            prop_assert!(open(&key, &id("a"), "api_key", &bytes).is_err());
        }
    }

    #[test]
    fn id_and_field_cannot_lend_each_other_letters() {
        assert_ne!(associated_data(&id("ab"), "c"), associated_data(&id("a"), "bc"));
    }

    #[test]
    fn the_same_secret_is_sealed_differently_each_time() {
        let key = MasterKey::random().unwrap();
        let sealed = || seal(&key, &id("a"), "k", &Secret::new("same".to_owned())).unwrap();
        assert_ne!(sealed(), sealed());
    }
}
