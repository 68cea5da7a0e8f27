//! TLS: certificates in PEM files, and the authorities that a client trusts to have signed a node's.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files in which systems keep the certificates of authorities; the first that is there counts.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A file that cannot serve for TLS.
#[derive(Debug, thiserror::Error)]
#[error("TLS: {}: {why}", .file.display())]
pub struct TlsError {
    /// Path of the file.
    pub file: PathBuf,
    /// Fault of the file.
    pub why: String,
}

/// Trust in the authorities of a PEM file; without one, in those of the system. Nobody is trusted where no TLS is spoken.
pub(crate) fn trusting(is_tls: bool, ca: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    match ca {
        _ if !is_tls => (),
        Some(file) => {
            certificates(file)?.into_iter().try_for_each(|one| roots.add(one)).map_err(|why| fault(file, why))?
        }
        None => {
            let bundle = BUNDLES.map(Path::new).into_iter().find(|bundle| bundle.exists());
            // A system may hold certificates that this library does not take; the others count.
            roots.add_parsable_certificates(bundle.map(certificates).transpose()?.unwrap_or_default());
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(builder.expect("ring serves the default versions").with_root_certificates(roots).with_no_client_auth())
}

/// Certificates of a PEM file, at least one.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|why| fault(file, why))?;
    if found.is_empty() { Err(fault(file, "no certificate in PEM is in it")) } else { Ok(found) }
}

/// Bytes of a file.
pub fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(file).map_err(|why| fault(file, why))
}

/// Fault of a file.
pub fn fault(file: &Path, why: impl ToString) -> TlsError {
    TlsError { file: file.into(), why: why.to_string() }
}
