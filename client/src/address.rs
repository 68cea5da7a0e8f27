//! Addresses of nodes: `http://host:port` or `https://host:port`, perhaps with a path that a reverse proxy put before the API.

use hyper::Uri;
use hyper::http::uri::Scheme;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Bytes that stand for something else in a path or a query: all but RFC 3986's unreserved ones.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Address of a node, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address(String);

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let uri: Uri = text.parse().map_err(|_| "it is no URL")?;
        match (uri.scheme(), uri.host()) {
            (Some(scheme), Some(host))
                if [Scheme::HTTP, Scheme::HTTPS].contains(scheme) && !host.is_empty() && uri.query().is_none() =>
            {
                let text = text.trim_end_matches('/');
                // The API's own root, as somebody copied it from a document.
                Ok(Self(text.strip_suffix("/v1").unwrap_or(text).to_owned()))
            }
            _ => Err("it must begin with http:// or https://"),
        }
    }

    /// Whether the node speaks TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.0.starts_with("https:")
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Address of a path below `root`, its components encoded one by one, without the empty query parameters; the bytes of one
    /// that is too long.
    pub(crate) fn below(&self, root: &str, path: &[&str], query: &[(&str, &str)]) -> Result<Uri, usize> {
        let mut url = format!("{}/{root}", self.0);
        path.iter().for_each(|part| url.extend(["/"].into_iter().chain(utf8_percent_encode(part, RESERVED))));
        let given = query.iter().copied().filter(|(_, value)| !value.is_empty());
        for (index, (name, value)) in given.enumerate() {
            let mark = if index == 0 { "?" } else { "&" };
            url.extend([mark, name, "="].into_iter().chain(utf8_percent_encode(value, RESERVED)));
        }
        url.parse().map_err(|_| url.len()) // encoded parts have no other fault
    }
}
