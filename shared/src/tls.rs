//! TLS as every way out speaks it: one implementation of the ciphers, and Mozilla's root certificates as they were
//! when the program was built. `DESIGN.md` says why not the system's.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore};

/// For connections to servers whose certificates everybody may check.
pub(crate) fn config() -> ClientConfig {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the ciphers are those of the versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
