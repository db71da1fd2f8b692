//! Certificates, made anew for each run and trusted by the tests alone.

use std::sync::{Arc, OnceLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// The authority that the tests trust, in DER.
pub fn trusted_root() -> Vec<u8> {
    trusted().der().to_vec()
}

/// A server that proves to be `localhost`.
pub fn localhost() -> Arc<ServerConfig> {
    static CONFIG: OnceLock<Arc<ServerConfig>> = OnceLock::new();
    CONFIG.get_or_init(|| server(trusted(), "localhost", 2099)).clone()
}

/// A server that proves to be somebody else.
pub fn named(name: &str) -> Arc<ServerConfig> {
    server(trusted(), name, 2099)
}

/// A server whose proof is no longer valid.
pub fn expired() -> Arc<ServerConfig> {
    server(trusted(), "localhost", 2001)
}

/// A server whose proof comes from an authority that nobody trusts.
pub fn untrusted() -> Arc<ServerConfig> {
    server(&authority("nobody"), "localhost", 2099)
}

fn trusted() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| authority("the tests"))
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a root")
}

fn server(authority: &Authority, name: &str, last_year: i32) -> Arc<ServerConfig> {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(last_year, 1, 1);
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate and its key");
    Arc::new(config)
}
