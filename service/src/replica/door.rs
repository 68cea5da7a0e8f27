//! Door of the API: its listeners, and who is an operator there.

use super::LaunchError;
use crate::api::{Admin, Certificate};
use crate::config::{ADMIN_TOKEN_FILE, Config};
use crate::tokens::Tokens;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};
use tokio::net::TcpSocket;

/// Connections that the kernel keeps until the API takes them, if the system allows so many: more than there is room for at
/// the door, so that nobody who comes at the same time is told to try again a second later.
const QUEUED: u32 = 4_096;

/// Door of the API.
pub(crate) struct Door {
    pub(super) listener: TcpListener,
    pub(super) api: SocketAddr,
    /// Address of its own for operators, where the configuration names one.
    pub(super) operations: Option<(TcpListener, SocketAddr)>,
    pub(super) certificate: Option<Arc<Certificate>>,
}

impl Door {
    /// Listens, before anything is opened that would have to be closed.
    pub(crate) async fn open(config: &Config) -> Result<Self, LaunchError> {
        let files = config.tls_certificate.as_deref().zip(config.tls_key.as_deref());
        let certificate = files.map(|(chain, key)| Certificate::open(chain, key)).transpose()?.map(Arc::new);
        let (listener, api) = listening(config.api).await?;
        let operations = match config.operations {
            Some(address) => Some(listening(address).await?),
            None => None,
        };
        Ok(Self { listener, api, operations, certificate })
    }
}

async fn listening(address: SocketAddr) -> Result<(TcpListener, SocketAddr), LaunchError> {
    let fault = |source| LaunchError::Api { address, source };
    let listener = listener(address).map_err(fault)?;
    let bound = listener.local_addr().map_err(fault)?;
    Ok((listener, bound))
}

/// Binds as [`tokio::net::TcpListener::bind`] does, with a longer queue, for the runtime of the API.
fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(QUEUED)?.into_std()
}

/// Access at the API's address and at that of operators: where there is one, the other is closed but for the token.
pub(super) fn admins(
    dir: &Path,
    api: SocketAddr,
    operations: Option<SocketAddr>,
    tokens: &Tokens,
) -> Result<Vec<Admin>, LaunchError> {
    let address = operations.unwrap_or(api);
    let there = admin(dir, address)?;
    match (&there, operations) {
        (Admin::Local, None) => {
            tracing::warn!(event = "operators-open", %address, "no admin.token: programs of this machine read what is for operators, and so does everybody whom a proxy on it serves")
        }
        (Admin::Token, _) if !tokens.are_there() => {
            tracing::warn!(event = "operators-refused", %address, "no admin.token: nobody reads what is for operators")
        }
        (Admin::Local | Admin::Token, _) => (),
    }
    let here = if operations.is_some() { Admin::Token } else { there };
    Ok([Some(here), operations.map(|_| there)].into_iter().flatten().collect())
}

/// The secret beside the configuration opens what is for operators; where there was none at the start, and until there is one,
/// loopback does.
fn admin(dir: &Path, api: SocketAddr) -> Result<Admin, LaunchError> {
    let path = dir.join(ADMIN_TOKEN_FILE);
    match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && api.ip().is_loopback() => Ok(Admin::Local),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Admin::Token),
        Ok(_) => Ok(Admin::Token),
        Err(source) => Err(LaunchError::Unreadable { path, source }),
    }
}
