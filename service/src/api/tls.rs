//! TLS of the API: a certificate and its key, both PEM files.

use quorate_client::tls::{certificates, fault, read};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

pub use quorate_client::tls::TlsError;

/// Speaks TLS with this certificate, or chain of them, and its key.
pub fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let chain = certificates(certificate)?;
    let secret = PrivateKeyDer::from_pem_slice(&read(key)?);
    let secret = secret.map_err(|why| fault(key, format!("no private key in PEM is in it: {why}")))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("ring serves the default versions");
    let config = builder.with_no_client_auth().with_single_cert(chain, secret);
    let unfit = |why| fault(key, format!("it does not go with the certificate in {}: {why}", certificate.display()));
    let mut config = config.map_err(unfit)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
