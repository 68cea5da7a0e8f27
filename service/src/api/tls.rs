//! TLS of the API: a certificate and its key, both PEM files, which are read again when they change.

use super::expiry::end;
use quorate_client::tls::{certificates, fault, read};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

pub use quorate_client::tls::TlsError;

/// Between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Time of a file's last change, with its number; none where it cannot be looked at.
type Stamp = Option<(i64, i64, u64)>;

/// Certificate of the API, or a chain of them, and its key.
///
/// A renewed pair is shown to new connections; the others go on with theirs.
#[derive(Debug)]
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    shown: RwLock<Arc<CertifiedKey>>,
    seen: Mutex<Seen>,
    ends: Arc<AtomicU64>,
}

/// Stamps of both files.
#[derive(Debug)]
struct Seen {
    /// Of those that were read last.
    read: [Stamp; 2],
    /// Of the last look.
    last: [Stamp; 2],
    /// Of those that were told to be of no use.
    told: [Stamp; 2],
}

impl Certificate {
    /// The pair in these files.
    pub fn open(chain: &Path, key: &Path) -> Result<Self, TlsError> {
        let stamps = [stamp(chain), stamp(key)]; // first: a change while they are read is seen at the next look
        let pair = pair(chain, key)?;
        let ends = Arc::new(AtomicU64::new(end(&pair.cert).unwrap_or_default()));
        let (chain, key) = (chain.to_owned(), key.to_owned());
        let seen = Mutex::new(Seen { read: stamps, last: stamps, told: stamps });
        Ok(Self { chain, key, shown: RwLock::new(Arc::new(pair)), seen, ends })
    }

    /// Seconds since 1970 at which it ends, the renewed one as well; 0 where it does not say.
    pub fn ends(&self) -> Arc<AtomicU64> {
        self.ends.clone()
    }

    /// Whether it is an authority's (CA:TRUE): no client takes that for a node's, whoever has signed it.
    pub fn is_authority(&self) -> bool {
        let pair = self.shown.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some((shown, others)) = pair.cert.split_first() else { return false };
        let algorithms = ring::default_provider().signature_verification_algorithms.all;
        // Nobody is trusted: what the certificate is for is looked at before who has signed it.
        let checked = ParsedCertificate::try_from(shown).and_then(|shown| {
            verify_server_cert_signed_by_trust_anchor(
                &shown,
                &RootCertStore::empty(),
                others,
                UnixTime::now(),
                algorithms,
            )
        });
        checked.is_err_and(|why| why.to_string().contains("CaUsedAsEndEntity"))
    }

    /// Speaks TLS with the pair that is there when a connection begins.
    pub fn acceptor(self: &Arc<Self>) -> TlsAcceptor {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("ring serves the default versions");
        let mut config = builder.with_no_client_auth().with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// Looks at the files again and again.
    pub async fn keep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let certificate = self.clone();
            if tokio::task::spawn_blocking(move || certificate.look()).await.is_err() {
                return; // a panic has said so
            }
        }
    }

    /// Reads the files if they have changed, and have stood still since the last look: one is renewed before the other. A pair
    /// that cannot serve leaves the one before, and is read again at each look: the fault may not have been of the files.
    fn look(&self) {
        let now = [stamp(&self.chain), stamp(&self.key)];
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stand_still = std::mem::replace(&mut seen.last, now) == now;
        if !stand_still || seen.read == now {
            return;
        }
        match pair(&self.chain, &self.key) {
            Ok(pair) => {
                seen.read = now;
                self.show(pair);
            }
            Err(_) if seen.told == now => (),
            Err(error) => {
                seen.told = now;
                tracing::warn!(event = "certificate-unread", %error, "the certificate has changed and cannot serve: the one before goes on");
            }
        }
    }

    fn show(&self, pair: CertifiedKey) {
        self.ends.store(end(&pair.cert).unwrap_or_default(), Ordering::Relaxed);
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
        tracing::info!(event = "certificate-renewed", file = %self.chain.display(), "new connections are shown the renewed certificate");
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn stamp(file: &Path) -> Stamp {
    fs::metadata(file).ok().map(|told| (told.ctime(), told.ctime_nsec(), told.ino()))
}

/// A certificate, or chain of them, and the key that goes with it.
fn pair(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(certificate)?;
    let secret = PrivateKeyDer::from_pem_slice(&read(key)?);
    let secret = secret.map_err(|why| fault(key, format!("no private key in PEM is in it: {why}")))?;
    let unfit = |why| fault(key, format!("it does not go with the certificate in {}: {why}", certificate.display()));
    CertifiedKey::from_der(chain, secret, &ring::default_provider()).map_err(unfit)
}
