//! The certificate that a broker shows.

use crate::Error;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;

/// A certificate and its key. `Debug` shows neither.
#[derive(Clone)]
pub struct Tls {
    server: Arc<rustls::ServerConfig>,
    certificate: String,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Tls")
    }
}

/// The names under which a local broker is called.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

impl Tls {
    /// A certificate chain and a private key, both in PEM.
    ///
    /// # Errors
    ///
    /// If either cannot be read, or they do not belong together.
    pub fn pem(certificates: &[u8], key: &[u8]) -> Result<Self, Error> {
        let fault = |reason: String| Error::Certificate { reason };
        let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(certificates).collect();
        let chain = chain.map_err(|error| fault(format!("the certificate: {error}")))?;
        if chain.is_empty() {
            return Err(fault("there is no certificate in the file".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| fault(format!("the key: {error}")))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|versions| versions.with_no_client_auth().with_single_cert(chain, key));
        let mut server = server.map_err(|error| fault(error.to_string()))?;
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { server: Arc::new(server), certificate: String::from_utf8_lossy(certificates).into_owned() })
    }

    /// A certificate made now, for `localhost` and the loopback addresses. Clients must be told to trust it, or not to
    /// look.
    ///
    /// # Errors
    ///
    /// If the system gives no random bytes.
    pub fn self_signed() -> Result<Self, Error> {
        let names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names);
        let made = made.map_err(|error| Error::Certificate { reason: error.to_string() })?;
        Self::pem(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes())
    }

    /// The certificate in PEM, for clients that are to trust it.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    pub(super) fn server(&self) -> Arc<rustls::ServerConfig> {
        Arc::clone(&self.server)
    }
}
